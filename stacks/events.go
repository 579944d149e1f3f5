package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

const (
	// drainTimeout is the timeout of the function for events, in seconds: Lambda's longest.
	drainTimeout = 15 * 60

	// drainAge is how long an invocation waits for one before it to end, in seconds: no
	// longer than Lambda's least, since the next minute has one of its own.
	drainAge = 60
)

// drain adds the function that copies what events tell of, and its schedule. Invocations
// that fail are not repeated: the next one takes the same events.
func drain(stack awscdk.Stack, env environment.Environment, settings *awslambda.FunctionProps) {
	settings.Description = jsii.Sprintf("Copies what arrives in gs://%s to s3://%s", env.SourceBucket, env.DestinationBucket)
	settings.Timeout, settings.MemorySize = awscdk.Duration_Seconds(jsii.Number(drainTimeout)), jsii.Number(env.MemoryMB)
	settings.RetryAttempts, settings.MaxEventAge = jsii.Number(0), awscdk.Duration_Seconds(jsii.Number(drainAge))
	if env.EventsReservedConcurrency > 0 {
		settings.ReservedConcurrentExecutions = jsii.Number(env.EventsReservedConcurrency)
	}
	function := awslambda.NewFunction(stack, jsii.String("EventsFunction"), settings)
	every := env.EventsEvery
	if every == environment.Continuous {
		every = environment.EveryMinute // whichever is due after the end of another takes over
	}
	schedule(stack, env, scheduled{
		id:          "Events",
		name:        env.Drain(),
		description: "Works off the events of gs://" + env.SourceBucket,
		expression:  every,
		timezone:    "UTC",
		input:       "{}",
		maxAge:      drainAge,
		arn:         *function.FunctionArn(),
		action:      "lambda:InvokeFunction",
	})
}
