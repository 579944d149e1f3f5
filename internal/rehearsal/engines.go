package rehearsal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/lifecycle"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// preparePulumi creates what a separate Pulumi home needs: the folder of a local
// backend, and the plugin, which is found by its path.
func preparePulumi(dir string, t toolchain.Set) error {
	plugin := filepath.Join(dir, "pulumi", "plugins", "resource-gcp-"+toolchain.GCPVersion)
	for _, folder := range []string{filepath.Join(dir, "state"), plugin} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("preparing pulumi: %w", err)
		}
	}
	if err := os.Symlink(t.GCP, filepath.Join(plugin, "pulumi-resource-gcp")); err != nil {
		return fmt.Errorf("preparing pulumi: %w", err)
	}
	return nil
}

// Clouds returns clients with administrators' credentials.
func (s *Stand) Clouds(ctx context.Context, env environment.Environment) (clouds.Pair, error) {
	google, err := clouds.OpenGoogle(ctx, env, s.getenv)
	return clouds.Pair{AWS: s.admin(), Google: google}, err
}

// Lifecycle returns the lifecycle of an environment whose file describes these clouds.
func (s *Stand) Lifecycle(ctx context.Context, env environment.Environment, p *progress.Reporter) (lifecycle.Lifecycle, error) {
	both, err := s.Clouds(ctx, env)
	return lifecycle.New(s.root, env, s.tools.CDK, s.tools.Pulumi, childEnviron(s.Environ), both, p), err
}

// bootstrap prepares the account's region for the CDK, which is
// needed once per region.
func bootstrap(ctx context.Context, s *Stand, _ *Summary) (string, error) {
	l, err := s.Lifecycle(ctx, s.Env, s.progress)
	if err != nil {
		return "", err
	}
	target := "aws://" + s.Env.AWSAccount + "/" + s.Env.AWSRegion
	// Without cdk.json, no app is run; a bootstrap needs none.
	if err := l.CDK.Bootstrap(ctx, s.Dir); err != nil {
		return target, err
	}
	// The first deployment assumes the roles just created.
	return target, clouds.Pause(ctx, s.delay)
}

// up brings the environment up as `gcs-to-s3 up` does.
func (s *Stand) up(ctx context.Context) ([]progress.Step, error) {
	l, err := s.Lifecycle(ctx, s.Env, s.progress)
	if err != nil {
		return nil, err
	}
	return l.Up(ctx)
}

// down takes the environment down as `gcs-to-s3 down` does.
func (s *Stand) down(ctx context.Context) ([]progress.Step, error) {
	l, err := s.Lifecycle(ctx, s.Env, s.progress)
	if err != nil {
		return nil, err
	}
	found, err := l.Survey(ctx)
	if err != nil {
		return nil, err
	}
	return l.Down(ctx, found)
}

// getenv looks up a variable among those that point at the sandbox.
func (s *Stand) getenv(name string) string {
	for _, pair := range s.Environ {
		if len(pair) > len(name) && pair[len(name)] == '=' && pair[:len(name)] == name {
			return pair[len(name)+1:]
		}
	}
	return ""
}
