package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Drift reports whether a part of an environment differs from its file.
type Drift struct {
	What    string `json:"what"`
	Command string `json:"command"` // shows the difference
	Differs bool   `json:"differs"`
}

func (d Drift) String() string {
	if d.Differs {
		return fmt.Sprintf("  ✗ %s differs from the environment's file; run %s to see how", d.What, d.Command)
	}
	return fmt.Sprintf("  ✓ %s matches the environment's file", d.What)
}

// Drift asks both engines. Pulumi also checks the cloud; the CDK compares with
// its last deployment.
func (l Lifecycle) Drift(ctx context.Context) ([]Drift, error) {
	var drifts []Drift
	note := func(what, command string, differs func(context.Context) (bool, error)) []progress.Act {
		return []progress.Act{l.act(command, func(ctx context.Context) (string, error) {
			d, err := differs(ctx)
			if err == nil {
				drifts = append(drifts, Drift{what, command, d})
			}
			return "", err
		})}
	}
	_, err := l.Progress.Perform(ctx,
		note("the role", "cdk diff "+l.Env.RoleStack(), func(ctx context.Context) (bool, error) { return l.CDK.Changes(ctx, l.Env.RoleStack()) }),
		note("the federation", "pulumi preview --refresh --stack "+l.Env.Name, func(ctx context.Context) (bool, error) {
			if _, stands, err := l.Pulumi.Resources(ctx); err != nil || !stands {
				return !stands, err
			}
			return l.Pulumi.Changes(ctx)
		}),
		note("the function", "cdk diff "+l.Env.FunctionStack(), func(ctx context.Context) (bool, error) {
			// Without the credential configuration there is no bundle to compare.
			if _, err := os.Stat(l.Env.CredentialFile(l.Root)); errors.Is(err, fs.ErrNotExist) {
				return true, nil
			}
			return l.CDK.Changes(ctx, l.Env.FunctionStack())
		}),
	)
	return drifts, err
}
