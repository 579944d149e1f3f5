package remedies

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// scene is local clouds in which things are broken and mended.
type scene struct {
	*rehearsal.Stand
	root  string
	path  string        // of the shell's commands
	ahead *atomic.Int64 // how much the clouds' clock is ahead of the machine's

	mu   *sync.Mutex
	done map[string]bool // the keys of the remedies that were run
}

// open starts the clouds.
func open(t *testing.T) scene {
	t.Helper()
	s := scene{mu: &sync.Mutex{}, done: map[string]bool{}}.beside(t)
	s.path = filepath.Dir(rehearsaltest.CommandLine(t, s.root))
	return s
}

// beside starts further clouds.
func (s scene) beside(t *testing.T) scene {
	t.Helper()
	s.ahead = &atomic.Int64{}
	s.Stand, s.root = rehearsaltest.Open(t, sandbox.Options{Now: func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }})
	return s
}

// environment adds an environment, whose names end with its own.
func (s scene) environment(t *testing.T, name string, settings map[string]string) environment.Environment {
	t.Helper()
	if settings == nil {
		settings = map[string]string{}
	}
	settings["suffix"] = "-" + name
	env, err := s.Add("sandbox-"+name, settings)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func (s scene) admin() aws.Config { return s.Sandbox.AWSConfig(s.Sandbox.AWS.Admin()) }

// call asks the local Google Cloud as the project's owner.
func (s scene) call(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	rehearsaltest.Google(t, s.Stand, method, path, body, answer)
}

// verify verifies an environment. A change that has not taken effect would be a fault here.
func (s scene) verify(t *testing.T, env environment.Environment) verify.Report {
	t.Helper()
	both, err := s.Clouds(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.Run(t.Context(), verify.Options{Environment: env, AWS: both.AWS, Google: both.Google, Patience: -1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fails checks that a verification fails by a cause, and returns what is advised.
func (s scene) fails(t *testing.T, env environment.Environment, cause string) (advised string) {
	t.Helper()
	r := s.verify(t, env)
	if r.OK || r.Failure == nil || r.Failure.Causes[0].ID != cause {
		t.Fatalf("verify reports %+v, want the cause %s first", r.Failure, cause)
	}
	return r.Failure.Causes[0].Remedy
}

func (s scene) works(t *testing.T, env environment.Environment) {
	t.Helper()
	if r := s.verify(t, env); !r.OK {
		t.Fatalf("verify reports %+v", r.Failure)
	}
}

// examine runs doctor's checks, without those of tools.
func (s scene) examine(t *testing.T, env environment.Environment) doctor.Report {
	t.Helper()
	both, err := s.Clouds(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	both.AWS.Region = env.AWSRegion
	r, err := doctor.Run(t.Context(), doctor.Options{
		Environment: env, Root: s.root, AWS: both.AWS, Google: both.Google,
		Command: func(context.Context, string, ...string) (string, error) { return "", exec.ErrNotFound },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// finds checks that a check of doctor finds something, and returns what is advised.
func (s scene) finds(t *testing.T, env environment.Environment, check string, want doctor.Status) (advised string) {
	t.Helper()
	c := s.examine(t, env).Get(check)
	if c.Status != want {
		t.Fatalf("doctor says of %s: %s: %s; hint: %s; want %s", check, c.Status, c.Seen, c.Hint, want)
	}
	return c.Hint
}

// command is the n-th command, from 0, of advice that a key of the table stands for; it
// counts as run.
func (s scene) command(t *testing.T, key, advised string, n int) string {
	t.Helper()
	switch id, cause := strings.CutPrefix(key, causes); {
	case cause && !slices.Contains(diagnosis.IDs(), id):
		t.Fatalf("there is no cause %s", id)
	case !cause && !pattern(key).MatchString(advised):
		t.Fatalf("it advises %q, which is not %q", advised, key)
	}
	all := quoted.FindAllStringSubmatch(advised, -1)
	if n >= len(all) {
		t.Fatalf("the advice %q has no command %d", advised, n)
	}
	s.ran(t, key)
	return all[n][1]
}

// ran notes that a remedy is run.
func (s scene) ran(t *testing.T, key string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done[key] = true; table[key] != executed {
		t.Errorf("the table says of %q, which is run: %q", key, table[key])
	}
}

var value = regexp.MustCompile(`\\{\\}|%(?:\\\[[0-9]+\\\])?[swqdv]|\b(?:ACCOUNT|REGION|PROJECT|NAME|ROLE)\b`)

// pattern matches what a text of the sources becomes.
func pattern(text string) *regexp.Regexp {
	return regexp.MustCompile("(?s)" + value.ReplaceAllString(regexp.QuoteMeta(text), ".*"))
}

// asking are the commands that ask for confirmation, which a person gives.
var asking = regexp.MustCompile(`^(gcs-to-s3 (up|down|adopt|prune|uploads)|pulumi (up|cancel|stack rm)) .+$`)

// run runs a command in a shell as it was printed; what asks is told yes.
func (s scene) run(t *testing.T, command string) (printed string, err error) {
	t.Helper()
	switch {
	case asking.MatchString(command):
		command += " --yes"
	case strings.HasPrefix(command, "npx cdk deploy"):
		command += " --require-approval never --output " + t.TempDir() // others deploy from this folder, too
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Dir, cmd.Env = s.root, s.ChildEnviron()
	for i, pair := range cmd.Env {
		if path, ok := strings.CutPrefix(pair, "PATH="); ok {
			cmd.Env[i] = "PATH=" + s.path + string(os.PathListSeparator) + path
		}
	}
	start := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("%.1f s: %s", time.Since(start).Seconds(), command)
	return string(out), err
}

// must is run for a command that succeeds.
func (s scene) must(t *testing.T, command string) string {
	t.Helper()
	out, err := s.run(t, command)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

// refused runs a command that fails, and returns the advice at the end of what it prints.
func (s scene) refused(t *testing.T, command string) (advised string) {
	t.Helper()
	out, err := s.run(t, command)
	if err == nil {
		t.Fatalf("%s does not fail:\n%s", command, out)
	}
	if i := strings.LastIndex(out, "hint:"); i >= 0 {
		if line := strings.LastIndex(out[:i], "\n"); line >= 0 {
			return out[line:]
		}
	}
	return out
}

// same checks that pieces of advice have one command, and returns it.
func same(t *testing.T, commands ...string) string {
	t.Helper()
	for _, c := range commands {
		if c != commands[0] {
			t.Fatalf("%q and %q are advised", commands[0], c)
		}
	}
	return commands[0]
}

// set changes a setting in an environment's file.
func (s scene) set(t *testing.T, env environment.Environment, key, value string) environment.Environment {
	t.Helper()
	file := filepath.Join(s.root, environment.FileName(env.Name))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^  gcs-to-s3:`+key+`: .*\n`).ReplaceAllString(string(data), "")
	text = strings.Replace(text, "config:\n", "config:\n  gcs-to-s3:"+key+": \""+value+"\"\n", 1)
	err = os.WriteFile(file, []byte(text), 0o644)
	changed, wrong := environment.Load(s.root, env.Name)
	if err := errors.Join(err, wrong); err != nil {
		t.Fatal(err)
	}
	return changed
}
