package lifecycle

import (
	"context"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// takeOverLogs imports a log group that exists outside of the function's stack, which
// cannot be created again, and reports whether it has. One that the settings kept is
// taken over with its logs.
func (l Lifecycle) takeOverLogs(ctx context.Context) (bool, error) {
	name := l.Env.LogGroup()
	existing, err := inventory.ExistingLogs(ctx, l.Clouds.AWS, l.Env)
	if existing == nil || err != nil {
		return false, err
	}
	if existing.Foreign != "" {
		return false, fmt.Errorf(
			"the log group %s exists, and %s; hint: `gcs-to-s3 doctor %s` says what to do",
			name,
			existing.Foreign,
			l.Env.Name,
		)
	}
	group := clouds.LogGroup(ctx, l.Clouds.AWS, name)
	if !group.There() {
		return false, group.Err()
	}
	l.Progress.Say("taking over the log group " + name)
	assembly, err := l.CDK.Synth(ctx, l.Env.FunctionStack())
	if err != nil {
		return false, err
	}
	defer assembly.Close()
	return true, assembly.Import(ctx, l.Env.FunctionStack(), adoption.LogGroup(group.Thing))
}
