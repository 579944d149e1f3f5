package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
)

// tool writes a script to an executable file and returns its path.
func tool(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	scripttest.Write(t, path, "#!/bin/sh\n"+script)
	return path
}

// sorted sorts lines, since those of the two outputs come in any order.
func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }

func TestCommand(t *testing.T) {
	t.Parallel()
	var lines []string
	c := command{shown: "tool it", message: tail, path: tool(t, "printf 'one\\r\\n\\n\\033[1mtwo\\033[0m\\n'; echo three >&2; exit ${CODE:-0}\n"), each: func(line string) { lines = append(lines, line) }}
	out, err := c.run(t.Context())
	if err != nil || !strings.HasPrefix(out, "one\r\n\n") || strings.Contains(out, "three") {
		t.Errorf("the standard output is %q, %v", out, err)
	}
	if diff := cmp.Diff([]string{"$ tool it", "one", "three", "two"}, sorted(lines)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	c.environ = append(os.Environ(), "CODE=3")
	_, err = c.run(t.Context())
	var failed *Error
	if !errors.As(err, &failed) || failed.Command != "tool it" || !strings.Contains(Printed(err), "two\n") || !strings.Contains(Printed(err), "three\n") {
		t.Errorf("the error is %#v", err)
	}
	if want := "tool it: exit status 3\n"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Error() = %q, want it to begin with %q", err, want)
	}
}

// TestCommandEndsWithItsContext has a child that ignores the interrupt sent to
// its parent: the whole group is killed.
func TestCommandEndsWithItsContext(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "child")
	ctx, cancel := context.WithCancel(t.Context())
	c := command{shown: "tool", message: tail, path: tool(t, "trap 'echo interrupted; exit 1' INT\nsleep 1000 >/dev/null 2>&1 & echo $! > "+file+".new; mv "+file+".new "+file+"; echo begun; wait\n"), each: func(line string) {
		if line == "begun" {
			cancel()
		}
	}}
	out, err := c.run(ctx)
	if !errors.Is(err, context.Canceled) || !strings.Contains(out, "interrupted") {
		t.Errorf("run() = %q, %v", out, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); Alive(pid); {
		if time.Now().After(deadline) {
			t.Fatalf("the child %d is still there", pid)
		}
	}
}

// TestDestroyTakesTheDeployedAssembly: what was deployed is destroyed without running
// the app again, unless the deployment was another environment's or is incomplete.
func TestDestroyTakesTheDeployedAssembly(t *testing.T) {
	t.Parallel()
	const fake = `echo "$@" >>"$0.log"
while [ "$1" != --output ]; do shift; done
cat >"$2/manifest.json" <<end
{"artifacts": {
  "role": {"type": "aws:cloudformation:stack", "environment": "aws://123456789012/eu-west-1"},
  "function": {"type": "aws:cloudformation:stack", "environment": "aws://123456789012/eu-west-1"},
  "function.assets": {"type": "cdk:asset-manifest"}}}
end
`
	const account, region = "123456789012", "eu-west-1"
	for name, tt := range map[string]struct {
		deploy, destroy []string
		now             environment.Environment
		reuses          bool
	}{
		"both":            {[]string{"role", "function"}, []string{"role", "function"}, environment.Environment{AWSAccount: account, AWSRegion: region}, true},
		"one of them":     {[]string{"role", "function"}, []string{"function"}, environment.Environment{AWSAccount: account, AWSRegion: region}, true},
		"never deployed":  {nil, []string{"role"}, environment.Environment{AWSAccount: account, AWSRegion: region}, false},
		"another stack":   {[]string{"role"}, []string{"role", "queue"}, environment.Environment{AWSAccount: account, AWSRegion: region}, false},
		"no stack":        {[]string{"role"}, []string{"function.assets"}, environment.Environment{AWSAccount: account, AWSRegion: region}, false},
		"another account": {[]string{"role"}, []string{"role"}, environment.Environment{AWSAccount: "999999999999", AWSRegion: region}, false},
		"another region":  {[]string{"role"}, []string{"role"}, environment.Environment{AWSAccount: account, AWSRegion: "eu-west-2"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var shown []string
			tt.now.Name = "pr-7"
			c := CDK{Path: tool(t, fake), Root: t.TempDir(), Env: tt.now, Environ: os.Environ(), Each: func(line string) { shown = append(shown, line) }}
			if tt.deploy != nil {
				if err := c.Deploy(t.Context(), Plain, tt.deploy...); err != nil {
					t.Fatal(err)
				}
			}
			if err := c.Destroy(t.Context(), tt.destroy...); err != nil {
				t.Fatal(err)
			}
			log, err := os.ReadFile(c.Path + ".log")
			if err != nil {
				t.Fatal(err)
			}
			calls := strings.Split(strings.TrimSpace(string(log)), "\n")
			app := "-c environment=pr-7"
			if tt.reuses {
				app = "--app " + filepath.Join(c.Root, "out", "pr-7", "deployed")
			}
			stacks := strings.Join(tt.destroy, " ")
			if got, want := calls[len(calls)-1], "destroy --force --exclusively "+stacks+" "+app+" --output "; !strings.HasPrefix(got, want) {
				t.Errorf("cdk got %q, want %q", got, want)
			}
			if got, want := shown[len(shown)-1], "$ npx cdk destroy "+app+" "+stacks; got != want {
				t.Errorf("the command is shown as %q, want %q", got, want)
			}
			// Of each run, only the deployed assembly is left.
			left, err := filepath.Glob(filepath.Join(c.Env.OutputDir(c.Root), "*"))
			if err != nil || len(left) != min(1, len(tt.deploy)) {
				t.Errorf("the runs left %v, %v", left, err)
			}
		})
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	said := func(host string, pid int) error {
		return &Error{"pulumi up", fmt.Sprintf("error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with `pulumi cancel`.\n  file:///state/.pulumi/locks/organization/gcs-to-s3/dev/1.json: created by alice@%s (pid %d) at 2026-11-25T09:00:00Z\n", host, pid), "", errors.New("exit status 255")}
	}
	for name, tt := range map[string]struct {
		err       error
		abandoned bool
	}{
		"a living process":    {said(host, os.Getpid()), false},
		"a dead process":      {said(host, ended.Process.Pid), true},
		"a process elsewhere": {said("other-host", ended.Process.Pid), false},
	} {
		locked, ok := Locked(fmt.Errorf("step: %w", tt.err))
		if !ok || locked.Lock.User != "alice" || locked.Lock.Since.Year() != 2026 || !errors.Is(locked, tt.err) {
			t.Errorf("%s: Locked() = %+v, %v", name, locked, ok)
			continue
		}
		if got := locked.Lock.Abandoned(); got != tt.abandoned {
			t.Errorf("%s: Abandoned() = %v, want %v", name, got, tt.abandoned)
		}
	}
	if l, ok := Locked(&Error{"pulumi up", "error: no stack", "", errors.New("exit status 255")}); ok {
		t.Errorf("another error is taken for the lock %+v", l)
	}
}

// TestPassphrase: a stack without secrets needs no passphrase from its owner, but
// a given one is used.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	path := tool(t, `echo "{\"deployment\":{\"resources\":[{\"urn\":\"${PULUMI_CONFIG_PASSPHRASE-unset}-${PULUMI_CONFIG_PASSPHRASE_FILE-none}\"}]}}"`)
	for _, tt := range []struct{ environ, want string }{
		{"X=1", "-none"}, {"PULUMI_CONFIG_PASSPHRASE=own", "own-none"}, {"PULUMI_CONFIG_PASSPHRASE_FILE=/file", "unset-/file"},
	} {
		p := Pulumi{Path: path, Root: t.TempDir(), Env: environment.Environment{Name: "dev"}, Environ: []string{tt.environ}}
		held, exists, err := p.Resources(t.Context())
		if err != nil || !exists || len(held) != 1 || held[0].URN != tt.want {
			t.Errorf("with %s pulumi sees the passphrase %+v, %v, %v, want %q", tt.environ, held, exists, err, tt.want)
		}
	}
}

// TestNoStack: a stack that does not exist is no error, whatever else it says is.
func TestNoStack(t *testing.T) {
	t.Parallel()
	for printed, wrong := range map[string]bool{
		"error: no stack named 'dev' found": false, "error: reading the backend: NoSuchBucket": true,
	} {
		p := Pulumi{Path: tool(t, "echo \""+printed+"\" >&2; exit 255\n"), Root: t.TempDir(), Env: environment.Environment{Name: "dev"}}
		held, exists, err := p.Resources(t.Context())
		if (err != nil) != wrong || exists || len(held) > 0 {
			t.Errorf("for %q: %v, %v, %v", printed, held, exists, err)
		}
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("line\n", longest+5)
	for _, tt := range []struct {
		of            func(string) string
		printed, want string
	}{
		{cdkMessage, "Synthesis time: 2s\ndeploying...\n\nFailed resources:\nstack | CREATE_FAILED\n❌  stack failed\n", "Failed resources:\nstack | CREATE_FAILED\n❌  stack failed"},
		{cdkMessage, "Synthesis time: 2s\n❌  stack failed: no credentials\n", "❌  stack failed: no credentials"},
		{cdkMessage, "error: environment \"dev\" has 2 problems\n", "error: environment \"dev\" has 2 problems"},
		{pulumiMessage, "Updating (dev):\n + pool\nDiagnostics:\n  pool:\n    error: Error 429\n\n  stack:\n    warning: using pulumi-language-go from $PATH at /x\n    error: update failed\n\nResources:\n    + 8 created\n\nDuration: 3s\n", "pool:\n    error: Error 429\n\n  stack:\n    error: update failed"},
		{pulumiMessage, "error: no stack named 'dev' found\n", "error: no stack named 'dev' found"},
		{pulumiMessage, long, "…\n" + strings.TrimSpace(strings.Repeat("line\n", longest))},
	} {
		if diff := cmp.Diff(tt.want, tt.of(tt.printed)); diff != "" {
			t.Errorf("of %q (-want +got):\n%s", tt.printed, diff)
		}
	}
}
