// Package stacks defines AWS's side as CDK stacks: the IAM role that Google's
// side trusts by name, and the Lambda function that runs as that role. They share
// no export, so either can be torn down and rebuilt without the other.
package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Build adds both stacks of env to app. root is the project's root: the function is
// built from it, and `pulumi up` has left its credential configuration below it.
func Build(app awscdk.App, env environment.Environment, root string) error {
	target := &awscdk.Environment{Account: jsii.String(env.AWSAccount), Region: jsii.String(env.AWSRegion)}
	tags := map[string]*string{}
	for key, value := range env.AWSTags() {
		tags[key] = jsii.String(value)
	}
	// The bucket of a bootstrap is shared by all teams of the account: what is below the
	// prefix is the environment's.
	synthesizer := func() awscdk.IStackSynthesizer {
		return awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{BucketPrefix: jsii.String(env.AssetPrefix())})
	}
	role := NewRoleStack(app, env.RoleStack(), &RoleStackProps{
		StackProps: awscdk.StackProps{
			Env:         target,
			Tags:        &tags,
			Synthesizer: synthesizer(),
			Description: jsii.Sprintf("The IAM role %s, which Google Cloud trusts", env.Role),
		},
		Environment: env,
	})
	function, err := NewFunctionStack(app, env.FunctionStack(), &FunctionStackProps{
		StackProps: awscdk.StackProps{
			Env:         target,
			Tags:        &tags,
			Synthesizer: synthesizer(),
			Description: jsii.Sprintf("The Lambda function %s, which copies from Cloud Storage to S3", env.Function),
		},
		Environment: env,
		Root:        root,
	})
	if err != nil {
		return err
	}
	// Only for the order: the function cannot be created without its role.
	function.AddDependency(role, jsii.String("the function runs as the role"))
	return nil
}
