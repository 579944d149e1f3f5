package conformance

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/denials"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

var (
	rows  = flag.String("rows", "", "ask only rows whose section/name matches; default: all of them in the real clouds, some in the local ones")
	patch = flag.String("patch", "", "also write the patch of docs/denials.md to this file")
)

// someRows are asked in the local clouds unless -rows says otherwise: the tests of
// sandbox/denials ask all.
const someRows = `^(Signatures: STS/a tampered|IAM and STS/reading a|Token exchange: the pool/|generateAccessToken: the binding/none|Cloud Storage/no grant|IAM/a pool )`

// stage is where the suite runs. Everything else is the same for local and real clouds.
type stage struct {
	place   Place
	access  sandboxtest.Access
	environ []string // of commands
	root    string
	// write writes the file of an environment, which ends with the test.
	write               func(t *testing.T, name string, settings map[string]string)
	rows                string
	aws, google         time.Duration // until a change of a policy has effect, at most
	between             time.Duration
	differencesAreWrong bool
}

// TestConformance is the suite: docs/real-clouds.md.
func TestConformance(t *testing.T) {
	place, real, err := Named(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if real {
		if _, limited := t.Deadline(); limited {
			t.Fatal("-timeout: must be 0: a test that runs into its timeout takes nothing down")
		}
		conform(ctx, t, onReal(ctx, t, place))
		return
	}
	longtest.Skip(t)
	conform(ctx, t, onLocal(t))
}

// conform is the suite in one place.
func conform(ctx context.Context, t *testing.T, s stage) {
	t.Helper()
	access, err := CheckEmpty(ctx, s.place, s.access)
	if err != nil {
		t.Fatalf("nothing was touched:\n%v", err)
	}
	mark := strings.ToLower(rand.Text()[:8])
	t.Logf("AWS account %s, project %s; everything that is made has %q in its name", s.place.Account, s.place.Project, mark)

	name := "conformance-" + mark
	s.write(t, name, Settings(s.place, mark, time.Now()))
	binary := filepath.Join(t.TempDir(), "gcs-to-s3")
	if err := Build(ctx, s.root, binary); err != nil {
		t.Fatal(err)
	}
	life := Life{Access: access, Name: name, Root: s.root, Binary: binary, Environ: s.environ, Say: t.Logf}
	if err := life.Run(ctx); err != nil {
		t.Errorf("the life of an environment: %v", err)
	}

	access.Names = denials.Names(access.Names, mark)
	run := denials.Run{Access: access, Mark: mark, AWSPatience: s.aws, GooglePatience: s.google, Between: s.between, Only: regexp.MustCompile(s.rows)}
	report := run.Ask(ctx, t)
	var out bytes.Buffer
	if err := report.Write(&out); err != nil {
		t.Fatal(err)
	}
	text := report.Patch(time.Now())
	fmt.Println(out.String() + "\n" + text) // a test's log would indent the patch
	if *patch != "" {
		if err := os.WriteFile(*patch, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
	if text != "" && s.differencesAreWrong {
		t.Error("the local clouds differ from the table")
	}
	if len(report.Answers) == 0 {
		t.Error("no row was asked")
	}
	if len(report.Left) > 0 {
		t.Errorf("left over, to be removed by hand: %v", report.Left)
	}
	if _, err := CheckEmpty(context.WithoutCancel(ctx), s.place, s.access); err != nil {
		t.Errorf("afterwards:\n%v", err)
	}
}

func root(t *testing.T) string {
	t.Helper()
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := toolchain.FindRoot(working)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// onReal is the stage of the real clouds, with the shell's credentials.
func onReal(ctx context.Context, t *testing.T, place Place) stage {
	t.Helper()
	access, err := OpenReal(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	project := root(t)
	return stage{
		place: place, access: access, environ: os.Environ(), root: project, rows: *rows,
		aws: time.Minute, google: 8 * time.Minute, between: 10 * time.Second,
		write: func(t *testing.T, name string, settings map[string]string) {
			t.Helper()
			path := filepath.Join(project, environment.FileName(name))
			if err := os.WriteFile(path, []byte(environment.Document(name, settings)), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s is kept, for gcs-to-s3 down %s", environment.FileName(name), name)
					return
				}
				if err := os.Remove(path); err != nil {
					t.Error(err)
				}
			})
		},
	}
}

// apis are those that docs/real-clouds.md says to enable before.
var apis = []string{"cloudresourcemanager", "iam", "iamcredentials", "sts", "storage"}

// onLocal is the stage of the local clouds, prepared as docs/real-clouds.md says.
func onLocal(t *testing.T) stage {
	t.Helper()
	var log bytes.Buffer
	s, err := rehearsal.Rehearsal{Root: root(t), Progress: progress.Plain(&log), Clouds: sandbox.Options{}}.Open(t.Context(), &rehearsal.Summary{})
	if s != nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	access := sandboxtest.AccessTo(s.Sandbox)
	for _, api := range apis {
		access.Call(t, http.MethodPost, "/v1/projects/"+s.Env.GoogleProject+"/services/"+api+".googleapis.com:enable", map[string]any{}, nil)
	}
	remove(t, access, s.Env.SourceBucket, s.Env.Object)
	st := stage{
		place:  Place{s.Env.AWSAccount, s.Env.AWSRegion, s.Env.GoogleProject, s.Env.SourceBucket, s.Env.DestinationBucket},
		access: access, environ: s.ChildEnviron(), root: root(t), rows: someRows, between: 10 * time.Millisecond, differencesAreWrong: true,
		write: func(t *testing.T, name string, settings map[string]string) {
			t.Helper()
			if _, err := s.Add(name, settings); err != nil {
				t.Fatal(err)
			}
		},
	}
	if *rows != "" {
		st.rows = *rows
	}
	return st
}

// remove removes an object of Cloud Storage.
func remove(t *testing.T, access sandboxtest.Access, bucket, object string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, access.Endpoint("storage")+"/storage/v1/b/"+bucket+"/o/"+object, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := access.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("removing %s: %s", object, response.Status)
	}
}
