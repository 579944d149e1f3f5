package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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

// Mode is how stacks are deployed: an option of cdk deploy.
type Mode string

const (
	Plain  Mode = ""
	Import Mode = "--import-existing-resources" // import what exists already of the resources that a stack would create
	Revert Mode = "--revert-drift"              // go by what the resources are, and not by what the stack remembers
)

// Deploy deploys stacks in order of their dependencies: cdk deploy STACK….
func (c CDK) Deploy(ctx context.Context, mode Mode, stacks ...string) error {
	args := []string{"deploy", "--require-approval", "never", "--progress", "events", "--exclusively"}
	if mode != Plain {
		args = append(args, string(mode))
	}
	_, err := c.run(ctx, c.Root, stacks, args...)
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

// qualifierKey is where the CDK keeps the qualifier of the bootstrap that it uses: AWS CDK
// Developer Guide, "Customize AWS CDK bootstrapping".
const qualifierKey = "@aws-cdk/core:bootstrapQualifier"

// Qualifier is the qualifier of the bootstrap that the CDK uses for a project, and the
// file that says so; both are empty where nothing does. The files are asked in the CDK's
// order: AWS CDK Developer Guide, "Context values and the AWS CDK".
func Qualifier(root string) (qualifier, file string) {
	files := []string{filepath.Join(root, "cdk.json"), filepath.Join(root, "cdk.context.json")}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".cdk.json"))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var content struct{ Context map[string]any }
		if filepath.Base(file) == "cdk.context.json" {
			err = json.Unmarshal(data, &content.Context)
		} else {
			err = json.Unmarshal(data, &content)
		}
		if text, ok := content.Context[qualifierKey].(string); err == nil && ok && text != "" {
			return text, file
		}
	}
	return "", ""
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
