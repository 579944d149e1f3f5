package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// How long the scheduler tries to deliver an event to its target. After that, Lambda
// decides, according to asyncRetries and deadLetterQueue.
const (
	scheduleRetries = 3
	scheduleMaxAge  = 60 * 60 // seconds; an older event is dropped
)

// scheduled is what a schedule starts, and when.
type scheduled struct {
	id                   string // begins the ids of the schedule's parts
	name, description    string
	expression, timezone string
	input                string // JSON
	maxAge               int    // seconds
	arn, action          string // the target, and what the schedule may do with it
}

// schedule adds a schedule and its role: only Scheduler in this account can assume it, and
// it is only allowed to start the target.
func schedule(stack awscdk.Stack, env environment.Environment, s scheduled) {
	sid, policy, starts := "Invoke", "invoke", "invoke the function"
	if s.action != "lambda:InvokeFunction" {
		sid, policy, starts = "Start", "start", "start bulk jobs"
	}
	role := awsiam.NewRole(stack, jsii.String(s.id+"ScheduleRole"), &awsiam.RoleProps{
		Description: jsii.Sprintf("Lets the schedule %s %s", s.name, starts),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			// Without it, a schedule of another account could use the role: EventBridge
			// Scheduler User Guide, "Confused deputy prevention".
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": env.AWSAccount}},
		}),
		InlinePolicies:      &map[string]awsiam.PolicyDocument{policy: document(sid, []string{s.action}, s.arn)},
		PermissionsBoundary: boundary(stack, env, s.id+"ScheduleRole"),
	})
	awsscheduler.NewCfnSchedule(stack, jsii.String(s.id+"Schedule"), &awsscheduler.CfnScheduleProps{
		Name:                       jsii.String(s.name),
		Description:                jsii.String(s.description),
		ScheduleExpression:         jsii.String(s.expression),
		ScheduleExpressionTimezone: jsii.String(s.timezone),
		FlexibleTimeWindow:         &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
		Target: &awsscheduler.CfnSchedule_TargetProperty{
			Arn:     jsii.String(s.arn),
			RoleArn: role.RoleArn(),
			Input:   jsii.String(s.input),
			RetryPolicy: &awsscheduler.CfnSchedule_RetryPolicyProperty{
				MaximumRetryAttempts:     jsii.Number(scheduleRetries),
				MaximumEventAgeInSeconds: jsii.Number(s.maxAge),
			},
		},
	})
}
