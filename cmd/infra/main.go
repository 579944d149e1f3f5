// Command infra is the Pulumi program that `pulumi up` runs: it loads the
// environment with the stack's name and builds it.
package main

import (
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		env, err := environment.Load(ctx.RootDirectory(), ctx.Stack())
		if err != nil {
			return err
		}
		return infra.Build(ctx, env, ctx.RootDirectory(), existing(ctx, env))
	})
}

// existing looks up the project's existing resources with the credentials of
// Pulumi's plugin.
func existing(ctx *pulumi.Context, env environment.Environment) infra.Existing {
	say := func(text string) { _ = ctx.Log.Warn(text, nil) } // fails only if the engine is gone, which ends the program anyway
	env.Google = env.Google.Decrypted(ctx.GetConfig)
	google, err := clouds.OpenGoogle(ctx.Context(), env, os.Getenv)
	if err != nil {
		say("cannot see what exists already: " + err.Error())
		return infra.Existing{}
	}
	return infra.Find(ctx.Context(), google, env, ctx.DryRun(), os.Getenv(environment.AdoptVariable) != "", say)
}
