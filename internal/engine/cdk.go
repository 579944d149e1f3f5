package engine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// CDK is the CDK command line.
type CDK struct {
	Path    string // of the executable
	Root    string // of the project
	Env     environment.Environment
	Environ []string
	Each    func(line string) // called with every line of output; may be nil
}

// Deploy deploys stacks in order of their dependencies: cdk deploy STACK….
func (c CDK) Deploy(ctx context.Context, stacks ...string) error {
	_, err := c.run(ctx, c.Root, stacks, "deploy", "--require-approval", "never", "--progress", "events", "--exclusively")
	return err
}

// Destroy deletes stacks in the reverse order; they need not exist:
// cdk destroy STACK….
func (c CDK) Destroy(ctx context.Context, stacks ...string) error {
	_, err := c.run(ctx, c.Root, stacks, "destroy", "--force", "--exclusively")
	return err
}

// Diff returns what deploying stacks would change, as text for
// people: cdk diff STACK….
func (c CDK) Diff(ctx context.Context, stacks ...string) (string, error) {
	out, err := c.run(ctx, c.Root, stacks, "diff", "--exclusively")
	// Everything before the first stack is about the command itself.
	if i := strings.Index("\n"+out, "\nStack "); i >= 0 {
		out = out[i:]
	}
	return escapes.ReplaceAllString(out, ""), err
}

// Changes reports whether deploying a stack would change anything: cdk diff --fail.
func (c CDK) Changes(ctx context.Context, stack string) (bool, error) {
	_, err := c.run(ctx, c.Root, []string{stack}, "diff", "--fail", "--exclusively")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && strings.Contains(Printed(err), "Number of stacks with differences") {
		return true, nil
	}
	return false, err
}

// Bootstrap prepares an account's region for the CDK: cdk bootstrap. It runs in a
// folder without cdk.json, so no app is run; none is needed.
func (c CDK) Bootstrap(ctx context.Context, dir string) error {
	_, err := c.run(ctx, dir, []string{"aws://" + c.Env.AWSAccount + "/" + c.Env.AWSRegion}, "bootstrap")
	return err
}

// run runs the command args on the stacks or account in about.
func (c CDK) run(ctx context.Context, dir string, about []string, args ...string) (string, error) {
	shown := append([]string{"npx cdk", args[0], "-c environment=" + c.Env.Name}, about...)
	// Each run has its own folder: the CDK locks it, and respects the lock even
	// of a process that has ended but has not been reaped by its parent.
	if err := os.MkdirAll(c.Env.OutputDir(c.Root), 0o755); err != nil {
		return "", err
	}
	assembly, err := os.MkdirTemp(c.Env.OutputDir(c.Root), "cdk.out-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(assembly)
	args = append(append(args, about...), "--context", "environment="+c.Env.Name, "--output", assembly, "--no-color", "--ci", "--no-notices")
	return command{strings.Join(shown, " "), c.Path, args, dir, c.Environ, c.Each, cdkMessage}.run(ctx)
}
