package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// newRehearsal returns a run in this repository whose progress goes to the test's log.
func newRehearsal(t *testing.T) (Rehearsal, *bytes.Buffer) {
	t.Helper()
	// Whatever a run leaves in the temporary folder shows up there.
	t.Setenv("TMPDIR", t.TempDir())
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := toolchain.FindRoot(working)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	t.Cleanup(func() { t.Logf("progress:\n%s", log.String()) })
	return Rehearsal{Root: root, Progress: progress.Plain(&log)}, &log
}

// command runs a tool against a running sandbox, as a person would in a shell.
func (s *Stand) command(ctx context.Context, name string, args ...string) (string, error) {
	path, err := exec.Command("sh", "-c", s.Shell()+"command -v "+name).Output()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, strings.TrimSpace(string(path)), args...)
	cmd.Dir, cmd.Env = s.root, childEnviron(s.Environ)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestRehearsal runs the article from end to end. While everything is up, a bulk job copies,
// objects change while events come in disorder, functions die and both clouds fail, and an
// event is lost, which a scheduled job finds; the command line is used on all of it, and in a
// long run the command lines of both engines.
func TestRehearsal(t *testing.T) {
	r, _ := newRehearsal(t)
	r.Bulk, r.Events = 200, 120
	var stand *Stand
	r.Hold = func(ctx context.Context, s *Stand) error {
		stand = s
		useDeployed(ctx, t, s)
		if longtest.Asked(t) {
			return useEngines(ctx, t, s)
		}
		return nil
	}
	summary, err := r.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if b := summary.Bulk; b == nil || b.Listed != 201 || b.Copied != 201 || b.Failed != 0 || !b.DigestsEqual {
		t.Errorf("the bulk job: %+v", b)
	}
	if e := summary.Events; e == nil || !e.Agree || e.Changes != 121 || e.Objects == 0 || e.Backwards != 0 || e.Left != 0 || e.Missed != 1 || e.Versions < e.Objects {
		t.Errorf("events: %+v", e)
	}
	if len(summary.Proofs) != 31 || len(summary.Enforced) != len(checks) {
		t.Errorf("%d proofs and %d checks, want 31 and %d", len(summary.Proofs), len(summary.Enforced), len(checks))
	}
	for _, p := range summary.Proofs {
		if !p.Holds {
			t.Errorf("%s: %s", p.Claim, p.Seen)
		}
	}
	left(t, r, stand.Env)
}

// useEngines runs the command lines of both engines on the deployment: they find nothing to
// change, share their work with gcloud, and changing one name in the environment reaches both
// clouds.
func useEngines(ctx context.Context, t *testing.T, s *Stand) error {
	t.Helper()
	if _, err := bootstrap(ctx, s, nil); err != nil {
		t.Errorf("bootstrapping a second time: %v", err)
	}
	for _, unchanged := range [][]string{
		{"pulumi", "preview", "--expect-no-changes", "--non-interactive"},
		{"cdk", "diff", "--all", "--fail", "--output", filepath.Join(s.Env.OutputDir(s.root), "cdk.out"), "--context", "environment=" + s.Env.Name},
	} {
		if out, err := s.command(ctx, unchanged[0], unchanged[1:]...); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(unchanged, " "), err, out)
		}
	}
	taken := shareWithGcloud(ctx, t, s)
	if err := rename(ctx, t, s); err != nil {
		return err
	}
	taken()
	return nil
}

// useDeployed runs the command line's own commands on the deployment.
func useDeployed(ctx context.Context, t *testing.T, s *Stand) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gcs-to-s3")
	if out, err := s.command(ctx, "go", "run", "-exec", "cp", "./cmd/gcs-to-s3", binary); err != nil {
		t.Fatalf("building the command line: %v\n%s", err, out)
	}
	run := func(args ...string) (string, error) { return s.command(ctx, binary, args...) }
	out, err := run("invoke", s.Env.Name, "--json")
	var invoked struct {
		Payload invocation.Result
		Failed  bool
		Log     string
	}
	if err != nil || json.Unmarshal([]byte(out), &invoked) != nil || invoked.Payload.StatusCode != 200 || invoked.Payload.Body != invocation.Transferred || !strings.Contains(invoked.Log, "REPORT RequestId") {
		t.Errorf("invoke --json: %v\n%s", err, out)
	}
	if out, err := run("invoke", s.Env.Name, "--object", "missing.txt"); err == nil || !strings.Contains(out, "error: the function "+s.Env.Function+" failed: ") {
		t.Errorf("invoke of a missing object: %v\n%s", err, out)
	}
	useJob(t, s, run)
	out, err = run("logs", s.Env.Name, "--since", "10m")
	if err != nil || strings.Count(out, "REPORT RequestId") != 3 {
		t.Errorf("logs: %v\n%s", err, out)
	}
	out, err = run("logs", s.Env.Name, "--function", "bulk")
	if err != nil || !strings.Contains(out, "REPORT RequestId") {
		t.Errorf("logs --function bulk: %v\n%s", err, out)
	}
	out, err = run("logs", s.Env.Name, "--json")
	var line struct{ Time, Stream, Message string }
	first, _, _ := strings.Cut(out, "\n")
	if err != nil || json.Unmarshal([]byte(first), &line) != nil || line.Stream == "" || line.Message == "" {
		t.Errorf("logs --json: %v\n%s", err, out)
	}
}

// useJob runs the command line's own commands on the bulk job.
func useJob(t *testing.T, s *Stand, run func(args ...string) (string, error)) {
	t.Helper()
	page := filepath.Join(t.TempDir(), "report.html")
	list := filepath.Join(t.TempDir(), "names.txt")
	first, _ := bulkObject(0)
	if err := os.WriteFile(list, []byte(first+"\n"+hugeObject+"\n"+first+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"list"}, bulkJob},
		{[]string{"status", bulkJob}, "done: 201 of 201 objects"},
		{[]string{"status", bulkJob}, "Spent about USD 0.0"},
		{[]string{"status", bulkJob, "--json"}, `"counted": true`},
		{[]string{"plan", "--job", "listed", "--list", list}, "2  "}, // objects
		{[]string{"run", "listed", "--yes", "--max-rate", "400MiB/s", "--max-cost", "1"}, "held to 419 MB/s"},
		{[]string{"report", "listed", "--json"}, `"maxRate": 419430400`},
		{[]string{"report", bulkJob}, "Proven: S3 has every object that did not fail"},
		{[]string{"report", bulkJob, "--json"}, `"proven": true`},
		{[]string{"report", bulkJob, "--html", page}, ""},
		{[]string{"verify", bulkJob}, "201 objects are as they were planned, 0 are missing, 0 are different"},
		{[]string{"run", bulkJob, "--yes"}, "Proven"}, // there is nothing left to do
	} {
		out, err := run(append([]string{"bulk", "--environment", s.Env.Name}, test.args...)...)
		if err != nil || !strings.Contains(out, test.want) {
			t.Errorf("bulk %s: %v\n%s", strings.Join(test.args, " "), err, out)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "<html") {
		t.Errorf("the page: %v", err)
	}
	for want, args := range map[string][]string{
		`max-rate: "50Mb/s": must be a number of bytes a second`:       {"run", bulkJob, "--yes", "--max-rate", "50Mb/s"},
		"must be at least 1MiB/s for each of the 100 shards at a time": {"run", bulkJob, "--yes", "--max-rate", "50MB/s", "--concurrency", "100"},
		"copies nothing at the moment":                                 {"set", bulkJob, "--max-rate", "50MB/s"},
		"there is nothing to change":                                   {"set", bulkJob},
		"exists already; hint: choose another name":                    {"plan", "--job", "listed", "--list", list},
	} {
		if out, err := run(append([]string{"bulk", "--environment", s.Env.Name}, args...)...); err == nil || !strings.Contains(out, want) {
			t.Errorf("bulk %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if out, err := run("bulk", "--environment", s.Env.Name, "run", bulkJob, "--yes", "--max-cost", "0.0000001"); err == nil || !strings.Contains(out, "max-cost") {
		t.Errorf("a job that costs too much: %v\n%s", err, out)
	}
}

// shareWithGcloud reads with gcloud what Pulumi created, and imports into Pulumi
// what gcloud created. The program does not declare that, so the next update
// deletes it; the returned function checks this.
func shareWithGcloud(ctx context.Context, t *testing.T, s *Stand) (deleted func()) {
	t.Helper()
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Logf("what Pulumi and gcloud make of each other's work is not tested: %v", err)
		return func() {}
	}
	run := func(command string) string {
		words := strings.Fields(command)
		out, err := s.command(ctx, words[0], words[1:]...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(out)
	}
	const pools = "gcloud iam workload-identity-pools "
	of := " --location=global --workload-identity-pool="
	for command, want := range map[string]string{
		pools + "describe " + s.Env.Pool + " --location=global":                               "state: ACTIVE",
		pools + "providers describe " + s.Env.Provider + of + s.Env.Pool:                      "attributeCondition: attribute.aws_role == '" + s.Env.AssumedRole() + "'",
		"gcloud iam service-accounts describe " + s.Env.ServiceAccountEmail():                 "projectId: " + s.Env.GoogleProject,
		"gcloud iam service-accounts get-iam-policy " + s.Env.ServiceAccountEmail():           "/workloadIdentityPools/" + s.Env.Pool + "/attribute.aws_role/" + s.Env.AssumedRole() + "\n  role: roles/iam.workloadIdentityUser",
		"gcloud storage buckets get-iam-policy gs://" + s.Env.SourceBucket + " --format=yaml": "  - serviceAccount:" + s.Env.ServiceAccountEmail() + "\n  role: roles/storage.objectViewer",
	} {
		if got := run(command); !strings.Contains(got, want) {
			t.Errorf("%s prints\n%s\nwithout %q", command, got, want)
		}
	}

	run("gcloud iam service-accounts create from-gcloud --quiet")
	run(pools + "create from-gcloud --location=global --quiet")
	run(pools + "providers create-aws from-gcloud --account-id=" + s.Env.AWSAccount + of + "from-gcloud --quiet")
	parent := "projects/" + s.Env.GoogleProject
	pool := parent + "/locations/global/workloadIdentityPools/from-gcloud"
	for _, resource := range []string{
		"gcp:serviceaccount/account:Account account " + parent + "/serviceAccounts/from-gcloud@" + s.Env.GoogleProject + ".iam.gserviceaccount.com",
		"gcp:iam/workloadIdentityPool:WorkloadIdentityPool pool " + pool,
		"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider provider " + pool + "/providers/from-gcloud",
	} {
		run("pulumi import --yes --non-interactive --generate-code=false --protect=false " + resource)
	}
	out := run("pulumi preview --diff --non-interactive")
	for _, name := range []string{"account", "pool", "provider"} {
		if !strings.Contains(out, "::"+name+"]") {
			t.Errorf("pulumi preview does not tell of the %s that gcloud made:\n%s", name, out)
		}
	}
	return func() {
		if got := run(pools + "describe from-gcloud --location=global"); !strings.Contains(got, "state: DELETED") {
			t.Errorf("the pool that Pulumi took over and deleted is\n%s", got)
		}
	}
}

// rename changes the role's name in the environment file and deploys again
// with the command lines; the function must work as the new role, and the
// old role must be gone.
func rename(ctx context.Context, t *testing.T, s *Stand) error {
	file := filepath.Join(s.root, environment.FileName(s.Env.Name))
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(before), "config:\n", "config:\n  gcs-to-s3:role: renamed-role\n", 1)
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		return err
	}
	if s.Env, err = environment.Load(s.root, s.Env.Name); err != nil {
		return err
	}
	deploy := []string{"cdk", "deploy", "--require-approval", "never", "--output", filepath.Join(s.Env.OutputDir(s.root), "cdk.out"), "--context", "environment=" + s.Env.Name}
	for _, step := range [][]string{
		append(deploy, s.Env.RoleStack()),
		{"pulumi", "up", "--yes", "--non-interactive"},
		append(deploy, s.Env.FunctionStack()),
	} {
		if out, err := s.command(ctx, step[0], step[1:]...); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(step, " "), err, out)
		}
	}
	if _, err := invoke(ctx, s, &Summary{}); err != nil {
		t.Errorf("invoking as %s: %v", s.Env.Role, err)
	}
	var again Summary
	if _, err := proveCopy(ctx, s, &again); err != nil {
		t.Errorf("proving the copy as %s: %v", s.Env.Role, err)
	}
	return nil
}

// left checks that a run left no file behind.
func left(t *testing.T, r Rehearsal, env environment.Environment) {
	t.Helper()
	for _, path := range []string{filepath.Join(r.Root, environment.FileName(env.Name)), env.OutputDir(r.Root)} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the run left %s", path)
		}
	}
	entries, err := filepath.Glob(filepath.Join(os.TempDir(), "gcs-to-s3-sandbox-*"))
	if err != nil || len(entries) > 0 {
		t.Errorf("the run left %v, %v", entries, err)
	}
	for pid, command := range children(t) {
		t.Errorf("the run left the process %s: %q", pid, command)
	}
}

// children returns the processes of a run, by id: their environment contains
// the run's folder.
func children(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Error(err)
	}
	found := map[string]string{}
	for _, file := range files {
		environ, err := os.ReadFile(file) // a process that has ended by now does not count
		if err == nil && bytes.Contains(environ, []byte(filepath.Join(os.TempDir(), "gcs-to-s3-sandbox-"))) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found[filepath.Base(filepath.Dir(file))] = string(command)
		}
	}
	return found
}

// TestInterrupted interrupts a run at different steps, as Ctrl-C does, once the
// step's command is running.
func TestInterrupted(t *testing.T) {
	longtest.Skip(t)
	for _, at := range []string{"cdk bootstrap", "pulumi up", "cdk deploy: the role and the function"} {
		t.Run(at, func(t *testing.T) {
			r, _ := newRehearsal(t)
			ctx, cancel := context.WithCancel(context.Background())
			var watcher sync.WaitGroup
			defer watcher.Wait()
			defer cancel()
			r.Progress = progress.Plain(writer(func(line []byte) {
				if !bytes.HasPrefix(line, []byte("… "+at)) {
					return
				}
				watcher.Go(func() {
					for len(children(t)) == 0 && ctx.Err() == nil {
						runtime.Gosched()
					}
					cancel()
				})
			}))
			summary, err := r.Run(ctx)
			if err == nil || ctx.Err() == nil {
				t.Fatalf("Run() = %v, want it interrupted", err)
			}
			if !slices.ContainsFunc(summary.Steps[len(summary.Steps)-2:], func(s progress.Step) bool { return strings.HasPrefix(s.Name, at) && s.Error != "" }) {
				t.Errorf("the run ended with the steps %+v, want %q", summary.Steps, at)
			}
			left(t, r, environment.Environment{Name: summary.Environment})
		})
	}
}

// writer passes on what is written to it.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
