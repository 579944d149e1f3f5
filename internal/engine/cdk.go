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
	Root    string // the project's
	Env     environment.Environment
	Environ []string
	Each    func(line string) // is called with every line that it prints; may be nil
}

// Deploy deploys one stack: cdk deploy STACK.
func (c CDK) Deploy(ctx context.Context, stack string) error {
	_, err := c.run(ctx, c.Root, "deploy", "--require-approval", "never", "--progress", "events", "--exclusively", stack)
	return err
}

// Destroy deletes one stack, which need not exist: cdk destroy STACK.
func (c CDK) Destroy(ctx context.Context, stack string) error {
	_, err := c.run(ctx, c.Root, "destroy", "--force", "--exclusively", stack)
	return err
}

// Diff returns what deploying a stack would change, for people: cdk diff STACK.
func (c CDK) Diff(ctx context.Context, stack string) (string, error) {
	out, err := c.run(ctx, c.Root, "diff", "--exclusively", stack)
	// What comes before is about the asking.
	if i := strings.Index("\n"+out, "\nStack "+stack); i >= 0 {
		out = out[i:]
	}
	return escapes.ReplaceAllString(out, ""), err
}

// Changes tells whether deploying a stack would change anything: cdk diff --fail.
func (c CDK) Changes(ctx context.Context, stack string) (bool, error) {
	_, err := c.run(ctx, c.Root, "diff", "--fail", "--exclusively", stack)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && strings.Contains(Printed(err), "Number of stacks with differences") {
		return true, nil
	}
	return false, err
}

// Bootstrap prepares an account's region for the CDK: cdk bootstrap. It runs in a
// folder without cdk.json, where no app is run: it needs none.
func (c CDK) Bootstrap(ctx context.Context, dir string) error {
	_, err := c.run(ctx, dir, "bootstrap", "aws://"+c.Env.AWSAccount+"/"+c.Env.AWSRegion)
	return err
}

func (c CDK) run(ctx context.Context, dir string, args ...string) (string, error) {
	shown := []string{"npx cdk", args[0]}
	shown = append(shown, "-c environment="+c.Env.Name)
	shown = append(shown, args[len(args)-1])
	// Each run has a folder of its own: the CDK locks it, and keeps to the lock of a
	// process that is no more but whose parent did not notice.
	if err := os.MkdirAll(c.Env.OutputDir(c.Root), 0o755); err != nil {
		return "", err
	}
	assembly, err := os.MkdirTemp(c.Env.OutputDir(c.Root), "cdk.out-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(assembly)
	args = append(args, "--context", "environment="+c.Env.Name, "--output", assembly, "--no-color", "--ci", "--no-notices")
	return command{strings.Join(shown, " "), c.Path, args, dir, c.Environ, c.Each, cdkMessage}.run(ctx)
}
