package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	Revert Mode = "--revert-drift" // go by what the resources are, and not by what the stack remembers
)

// Deploy deploys stacks in order of their dependencies: cdk deploy STACK…. It keeps
// the cloud assembly for Destroy.
func (c CDK) Deploy(ctx context.Context, mode Mode, stacks ...string) error {
	args := []string{"deploy", "--require-approval", "never", "--progress", "events", "--exclusively"}
	if mode != Plain {
		args = append(args, string(mode))
	}
	return c.within(func(assembly string) error {
		if _, err := c.runIn(ctx, c.Root, assembly, c.app(), stacks, args...); err != nil {
			return err
		}
		if err := os.RemoveAll(c.deployed()); err != nil {
			return err
		}
		return os.Rename(assembly, c.deployed())
	})
}

// Destroy deletes stacks in the reverse order; they need not exist:
// cdk destroy STACK…. If they are in the cloud assembly of the last deployment, the
// app does not run: cdk destroy --app ASSEMBLY STACK….
func (c CDK) Destroy(ctx context.Context, stacks ...string) error {
	app := c.app()
	if c.assembled(stacks) {
		app = []string{"--app", c.deployed()}
	}
	return c.within(func(assembly string) error {
		_, err := c.runIn(ctx, c.Root, assembly, app, stacks, "destroy", "--force", "--exclusively")
		return err
	})
}

// deployed returns the folder with the cloud assembly of the last deployment.
func (c CDK) deployed() string { return filepath.Join(c.Env.OutputDir(c.Root), "deployed") }

// assembled reports whether the last deployment's cloud assembly has the stacks, in the
// environment's account and region: AWS CDK, "Cloud Assembly Schema".
func (c CDK) assembled(stacks []string) bool {
	data, err := os.ReadFile(filepath.Join(c.deployed(), "manifest.json"))
	var manifest struct {
		Artifacts map[string]struct{ Type, Environment string }
	}
	if err != nil || json.Unmarshal(data, &manifest) != nil {
		return false
	}
	return !slices.ContainsFunc(stacks, func(stack string) bool {
		a := manifest.Artifacts[stack]
		return a.Type != "aws:cloudformation:stack" || a.Environment != c.target()
	})
}

// target returns the account and region as the CDK spells them.
func (c CDK) target() string { return "aws://" + c.Env.AWSAccount + "/" + c.Env.AWSRegion }

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
	_, err := c.run(ctx, dir, []string{c.target()}, "bootstrap")
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

// app returns the arguments for the app of cdk.json, for this environment.
func (c CDK) app() []string { return []string{"-c", "environment=" + c.Env.Name} }

// run runs the command args on the stacks or account in about.
func (c CDK) run(ctx context.Context, dir string, about []string, args ...string) (out string, err error) {
	err = c.within(func(assembly string) error {
		out, err = c.runIn(ctx, dir, assembly, c.app(), about, args...)
		return err
	})
	return out, err
}

// within calls do with a new folder for a cloud assembly, and removes it.
func (c CDK) within(do func(assembly string) error) error {
	assembly, err := c.folder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(assembly)
	return do(assembly)
}

// folder makes a folder for a cloud assembly. Each run has its own: the CDK locks it, and
// respects the lock even of a process that has ended but has not been reaped by its parent.
func (c CDK) folder() (string, error) {
	if err := os.MkdirAll(c.Env.OutputDir(c.Root), 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(c.Env.OutputDir(c.Root), "cdk.out-")
}

func (c CDK) runIn(ctx context.Context, dir, assembly string, app, about []string, args ...string) (string, error) {
	shown := slices.Concat([]string{"npx cdk", args[0]}, app, about)
	args = slices.Concat(args, about, app, []string{"--output", assembly, "--no-color", "--ci", "--no-notices"})
	return command{strings.Join(shown, " "), c.Path, args, dir, c.Environ, c.Each, cdkMessage}.run(ctx)
}
