package lifecycle

import (
	"context"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// takeOverLogs imports the log groups of the functions that exist outside of their stack,
// which cannot be created again, and reports whether there are any. One that the settings
// kept is taken over with its logs.
func (l Lifecycle) takeOverLogs(ctx context.Context) (bool, error) {
	var taken []engine.Existing
	for _, function := range l.Env.Functions() {
		name := environment.LogGroupOf(function)
		existing, err := inventory.ExistingLogs(ctx, l.Clouds.AWS, l.Env, function)
		if err != nil {
			return false, err
		}
		if existing == nil {
			continue
		}
		if existing.Foreign != "" {
			return false, fmt.Errorf("the log group %s exists, and %s; hint: `gcs-to-s3 doctor %s` says what to do", name, existing.Foreign, l.Env.Name)
		}
		group := clouds.LogGroup(ctx, l.Clouds.AWS, name)
		if group.Err() != nil {
			return false, group.Err()
		}
		if group.There() {
			l.Progress.Say("taking over the log group " + name)
			taken = append(taken, adoption.LogGroup(group.Thing))
		}
	}
	if len(taken) == 0 {
		return false, nil
	}
	assembly, err := l.CDK.Synth(ctx, l.Env.FunctionStack())
	if err != nil {
		return false, err
	}
	defer assembly.Close()
	return true, assembly.Import(ctx, l.Env.FunctionStack(), taken...)
}
