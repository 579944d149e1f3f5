package rehearsal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox"
)

// cdk runs the CDK command line.
type cdk struct {
	path    string
	root    string
	output  string // folder of the cloud assembly
	env     environment.Environment
	environ []string
}

// grace is how long a child may take to end after it was asked to.
const grace = 10 * time.Second

// run runs one command. What it printed is part of the error. The command and
// its children are a process group, which ends with ctx.
func (c cdk) run(ctx context.Context, args ...string) error { return c.runIn(ctx, c.root, args...) }

func (c cdk) runIn(ctx context.Context, dir string, args ...string) error {
	args = append(args, "--context", "environment="+c.env.Name, "--output", c.output, "--no-color", "--ci", "--progress", "events")
	cmd := exec.CommandContext(ctx, c.path, args...)
	cmd.Dir, cmd.Env = dir, c.environ
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not end when asked
		}
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("cdk %s: %w\n%s", strings.Join(args, " "), err, out.String())
	}
	return nil
}

func bootstrap(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	target := "aws://" + sandbox.Account + "/" + sandbox.Region
	// Away from cdk.json, no app is run: a bootstrap needs none.
	if err := s.cdk.runIn(ctx, s.Dir, "bootstrap", target); err != nil {
		return target, err
	}
	// The first deployment assumes the roles that were made just now.
	return target, wait(ctx, s.delay)
}

func deployRole(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	return s.Env.RoleARN(), s.cdk.run(ctx, "deploy", "--require-approval", "never", s.Env.RoleStack())
}

func deployFunction(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	return s.Env.Function, s.cdk.run(ctx, "deploy", "--require-approval", "never", s.Env.FunctionStack())
}

func destroyFunction(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	return "", s.cdk.run(ctx, "destroy", "--force", "--exclusively", s.Env.FunctionStack())
}

func destroyRole(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	return "", s.cdk.run(ctx, "destroy", "--force", "--exclusively", s.Env.RoleStack())
}

// alive tells whether a process exists.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
