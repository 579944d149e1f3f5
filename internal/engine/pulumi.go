package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Pulumi is the Pulumi command line. The state is in the backend that Pulumi
// itself chooses: PULUMI_BACKEND_URL, or else the one in Pulumi.yaml.
type Pulumi struct {
	Path    string // of the executable
	Root    string // of the project
	Env     environment.Environment
	Environ []string
	Each    func(line string) // called with every line of output; may be nil
}

// The variables that set a passphrase: Pulumi documentation, "Environment variables".
const (
	passphrase     = "PULUMI_CONFIG_PASSPHRASE"
	passphraseFile = "PULUMI_CONFIG_PASSPHRASE_FILE"
)

// run runs pulumi for the environment's stack.
func (p Pulumi) run(ctx context.Context, args ...string) (string, error) {
	shown := "pulumi " + strings.Join(slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "--color") }), " ")
	environ := p.Environ
	if !slices.ContainsFunc(environ, func(pair string) bool {
		return strings.HasPrefix(pair, passphrase+"=") || strings.HasPrefix(pair, passphraseFile+"=")
	}) {
		// A self-managed backend requires a passphrase for a stack's secrets;
		// this stack has no secrets.
		environ = append(slices.Clone(environ), passphrase+"=")
	}
	return command{shown, p.Path, args, p.Root, environ, p.Each, pulumiMessage}.run(ctx)
}

// quietly runs pulumi for output that is meant for programs.
func (p Pulumi) quietly(ctx context.Context, args ...string) (string, error) {
	p.Each = nil
	return p.run(ctx, args...)
}

func (p Pulumi) of(verb string, args ...string) []string {
	return append(append(strings.Fields(verb), "--stack", p.Env.Name, "--non-interactive", "--color=never"), args...)
}

// Select makes the environment's stack the current one, and creates it if it does
// not exist: pulumi stack select --create.
func (p Pulumi) Select(ctx context.Context) error {
	_, err := p.run(ctx, p.of("stack select", "--create")...)
	return err
}

// Up applies the program to Google Cloud, by what the cloud has and not by what the state
// remembers: pulumi up --refresh.
func (p Pulumi) Up(ctx context.Context) error {
	_, err := p.run(ctx, p.of("up", "--refresh", "--yes", "--skip-preview", "--suppress-outputs")...)
	return err
}

// Adopt is like Up, and imports what exists and carries no mark. What differs from the
// program is left as it is until the next Up.
func (p Pulumi) Adopt(ctx context.Context) error {
	p.Environ = append(slices.Clone(p.Environ), environment.AdoptVariable+"=true")
	return p.Up(ctx)
}

// Preview returns what Up would change, as text for people: pulumi preview --refresh.
func (p Pulumi) Preview(ctx context.Context) (string, error) {
	return p.run(ctx, p.of("preview", "--refresh", "--suppress-outputs")...)
}

// Changes reports whether Up would change anything, after refreshing from the cloud.
func (p Pulumi) Changes(ctx context.Context) (bool, error) {
	out, err := p.quietly(ctx, p.of("preview", "--json", "--refresh")...)
	if err != nil {
		return false, err
	}
	var preview struct{ ChangeSummary map[string]int }
	if err := json.Unmarshal([]byte(out), &preview); err != nil {
		return false, fmt.Errorf("reading what pulumi preview printed: %w", err)
	}
	for operation, n := range preview.ChangeSummary {
		if operation != "same" && n > 0 {
			return true, nil
		}
	}
	return false, nil
}

// Destroy deletes the stack's resources, or only the given URNs and what depends on them:
// pulumi destroy.
func (p Pulumi) Destroy(ctx context.Context, urns ...string) error {
	args := p.of("destroy", "--yes", "--skip-preview", "--suppress-outputs")
	for _, urn := range urns {
		args = append(args, "--target", urn)
	}
	if len(urns) > 0 {
		args = append(args, "--target-dependents")
	}
	_, err := p.run(ctx, args...)
	return err
}

// Forget removes a resource from the stack's state, and leaves it in the cloud:
// pulumi state delete.
func (p Pulumi) Forget(ctx context.Context, urn string) error {
	_, err := p.run(
		ctx,
		"state",
		"delete",
		urn,
		"--target-dependents",
		"--yes",
		"--stack",
		p.Env.Name,
		"--non-interactive",
		"--color=never",
	)
	return err
}

// Remove deletes the record of the empty stack; the environment's file stays:
// pulumi stack rm.
func (p Pulumi) Remove(ctx context.Context) error {
	_, err := p.run(ctx, "stack", "rm", p.Env.Name, "--yes", "--non-interactive", "--color=never", "--preserve-config")
	return err
}

// RemoveAll deletes the record of the stack with all its resources, which stay in the
// cloud if they are there: pulumi stack rm --force.
func (p Pulumi) RemoveAll(ctx context.Context) error {
	_, err := p.run(ctx, "stack", "rm", p.Env.Name, "--force", "--yes", "--non-interactive", "--color=never", "--preserve-config")
	return err
}

// Cancel removes the locks of the stack: pulumi cancel.
func (p Pulumi) Cancel(ctx context.Context) error {
	_, err := p.run(ctx, "cancel", "--yes", "--stack", p.Env.Name, "--non-interactive", "--color=never")
	return err
}

// Resource is a resource in the stack's state.
type Resource struct {
	URN    string
	Type   string
	ID     string
	Custom bool // a cloud resource, not a component of the program

	Inputs, Outputs map[string]any
}

// Text is an output or, without it, an input of the resource, if it is a string.
func (r Resource) Text(key string) string {
	for _, all := range []map[string]any{r.Outputs, r.Inputs} {
		if text, ok := all[key].(string); ok {
			return text
		}
	}
	return ""
}

// noStack is how Pulumi says that a backend has no such stack. Its own Automation API goes by
// the same words: pulumi/sdk/go/auto/errors.go.
var noStack = regexp.MustCompile(`no stack named.*found`)

// Resources returns the resources in the stack's state, and whether the backend has the
// stack: pulumi stack export.
func (p Pulumi) Resources(ctx context.Context) (held []Resource, exists bool, err error) {
	out, err := p.quietly(ctx, p.of("stack export")...)
	switch {
	case noStack.MatchString(Printed(err)):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	var export struct {
		Deployment struct{ Resources []Resource }
	}
	if err := json.Unmarshal([]byte(out), &export); err != nil {
		return nil, true, fmt.Errorf("reading what pulumi stack export printed: %w", err)
	}
	return export.Deployment.Resources, true, nil
}
