// Command stacks is the CDK app that the `cdk` command line runs: it loads an
// environment and builds its stacks. The environment is the one named by the
// context value "environment" (cdk -c environment=NAME), or else by PULUMI_STACK,
// or else the default.
package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/stacks"
)

func main() {
	err := run()
	jsii.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run runs in the folder of cdk.json, where the CDK command line starts apps.
func run() error {
	app := awscdk.NewApp(nil)
	name, ok := app.Node().TryGetContext(jsii.String("environment")).(string)
	if !ok {
		name = cmp.Or(os.Getenv("PULUMI_STACK"), environment.Default)
	}
	env, err := environment.Load(".", name)
	if err != nil {
		return err
	}
	if err := stacks.Build(app, env, "."); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}
