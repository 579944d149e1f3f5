package rehearsal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// federation is the environment's Pulumi stack. The Automation API runs the same
// program as `pulumi up` does, in this process, so that no language host has to
// be installed; engine, state and plugin are the real command line's.
type federation struct{ stack auto.Stack }

func newFederation(ctx context.Context, s *Stand, t tools) (*federation, error) {
	// A local backend needs its folder, and the plugin is found by its place.
	plugin := filepath.Join(s.Dir, "pulumi", "plugins", "resource-gcp-"+toolchain.GCPVersion)
	for _, dir := range []string{filepath.Join(s.Dir, "state"), plugin} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("preparing pulumi: %w", err)
		}
	}
	if err := os.Symlink(t.gcp, filepath.Join(plugin, "pulumi-resource-gcp")); err != nil {
		return nil, fmt.Errorf("preparing pulumi: %w", err)
	}
	command, err := auto.NewPulumiCommand(&auto.PulumiCommandOptions{Root: t.pulumi})
	if err != nil {
		return nil, fmt.Errorf("preparing pulumi: %w", err)
	}
	environ := map[string]string{}
	for _, pair := range childEnviron(s.Environ) {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	stack, err := auto.UpsertStackInlineSource(ctx, s.Env.Name, "gcs-to-s3",
		func(ctx *pulumi.Context) error { return infra.Build(ctx, s.Env, s.root) },
		auto.WorkDir(s.root), auto.Pulumi(command), auto.EnvVars(environ), auto.PulumiHome(filepath.Join(s.Dir, "pulumi")))
	if err != nil {
		return nil, fmt.Errorf("preparing pulumi: %w", err)
	}
	return &federation{stack}, nil
}

func upFederation(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	var out bytes.Buffer
	result, err := s.stack.stack.Up(ctx, optup.ProgressStreams(&out), optup.ErrorProgressStreams(&out), optup.SuppressProgress())
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out.String())
	}
	changes := 0
	if result.Summary.ResourceChanges != nil {
		changes = (*result.Summary.ResourceChanges)["create"]
	}
	if email, _ := result.Outputs["serviceAccountEmail"].Value.(string); email != s.Env.ServiceAccountEmail() {
		return "", fmt.Errorf("the stack's output serviceAccountEmail is %q, want %q", email, s.Env.ServiceAccountEmail())
	}
	return fmt.Sprintf("%d resources", changes), nil
}

func destroyFederation(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	var out bytes.Buffer
	result, err := s.stack.stack.Destroy(ctx, optdestroy.ProgressStreams(&out), optdestroy.ErrorProgressStreams(&out), optdestroy.SuppressProgress())
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out.String())
	}
	deleted := 0
	if result.Summary.ResourceChanges != nil {
		deleted = (*result.Summary.ResourceChanges)["delete"]
	}
	return fmt.Sprintf("%d resources", deleted), nil
}
