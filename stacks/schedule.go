package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// How long the scheduler tries to deliver an event to Lambda. After that, Lambda
// decides, according to asyncRetries and deadLetterQueue.
const (
	scheduleRetries = 3
	scheduleMaxAge  = 60 * 60 // seconds; an older event is dropped
)

// schedule adds the schedule that invokes the function, and its role: only Scheduler
// in this account can assume it, and it is only allowed to invoke the function.
func schedule(stack awscdk.Stack, env environment.Environment, function awslambda.Function) {
	role := awsiam.NewRole(stack, jsii.String("ScheduleRole"), &awsiam.RoleProps{
		Description: jsii.Sprintf("Lets the schedule %s invoke the function", env.Function),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			// Without it, a schedule of another account could use the role: EventBridge
			// Scheduler User Guide, "Confused deputy prevention".
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": env.AWSAccount}},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"invoke": document("Invoke", []string{"lambda:InvokeFunction"}, *function.FunctionArn()),
		},
		PermissionsBoundary: boundary(stack, env),
	})
	awsscheduler.NewCfnSchedule(stack, jsii.String("Schedule"), &awsscheduler.CfnScheduleProps{
		Name:                       jsii.String(env.Function),
		Description:                jsii.Sprintf("Copies from gs://%s to s3://%s", env.SourceBucket, env.DestinationBucket),
		ScheduleExpression:         jsii.String(env.Schedule),
		ScheduleExpressionTimezone: jsii.String(env.ScheduleTimezone),
		FlexibleTimeWindow:         &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     function.FunctionArn(),
			RoleArn: role.RoleArn(),
			Input:   jsii.String(env.ScheduleEvent),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts:     jsii.Number(scheduleRetries),
				MaximumEventAgeInSeconds: jsii.Number(scheduleMaxAge),
			},
		},
	})
}
