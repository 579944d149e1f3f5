package lifecycle

import (
	"context"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
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
			"the log group %s exists, and %s; hint: gcs-to-s3 doctor %s says what to do",
			name,
			existing.Foreign,
			l.Env.Name,
		)
	}
	l.Progress.Say("taking over the log group " + name)
	return true, l.CDK.Synth(ctx, func(a engine.Assembly) error {
		return a.Import(ctx, l.Env.FunctionStack(), logs(name, nil))
	}, l.Env.FunctionStack())
}

// logs is a log group to import.
func logs(name string, retention *int32) engine.Existing {
	properties := map[string]any{"LogGroupName": name}
	if retention != nil {
		properties["RetentionInDays"] = *retention
	}
	return engine.Existing{Type: ownership.TypeLogGroup, Property: "LogGroupName", Name: name, Properties: properties}
}
