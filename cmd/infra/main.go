// Command infra is the Pulumi program that `pulumi up` runs: it loads the
// environment that bears the stack's name and builds it.
package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		env, err := environment.Load(ctx.RootDirectory(), ctx.Stack())
		if err != nil {
			return err
		}
		return infra.Build(ctx, env, ctx.RootDirectory())
	})
}
