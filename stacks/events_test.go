package stacks

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
)

// With events there is a function that works them off, with a schedule that can do no more
// than invoke it, and alarms that tell when it does not.
func TestStacksForEvents(t *testing.T) {
	env := newEnvironment(t, map[string]string{
		"events": "pull", "eventDeletes": "true", "eventsEvery": "rate(5 minutes)", "alarms": "true", "dashboard": "true",
		"permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary", "destinationPrefix": "copies/", "kmsKey": "arn:aws:kms:ap-northeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
	})
	leaveCredentials(t, env, nil)
	s := synth(t, env)
	golden(t, env, assertions.Template_FromStack(s.role, nil), "role-events.json")
	function := assertions.Template_FromStack(s.function, nil)
	golden(t, env, function, "function-events.json")
	for kind, n := range map[string]float64{"AWS::Scheduler::Schedule": 1, "AWS::Lambda::Function": 2, "AWS::Logs::LogGroup": 2, "AWS::IAM::Role": 1} {
		function.ResourceCountIs(jsii.String(kind), jsii.Number(n))
	}
	function.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
		"FunctionName": "gcs-to-s3-events", "Timeout": 900, "MemorySize": 512, "ReservedConcurrentExecutions": 1, "Role": env.RoleARN(),
		"Environment": map[string]any{"Variables": assertions.Match_ObjectLike(&map[string]any{
			"EVENTS_SUBSCRIPTION": "projects/demo-project/subscriptions/gcs-to-s3-events", "EVENTS_TOPIC": "projects/demo-project/topics/gcs-to-s3-events",
			"EVENTS_DEAD_LETTERS": "projects/demo-project/subscriptions/gcs-to-s3-events-dead-letters", "OVERWRITE": "if-newer", "EVENT_DELETES": "true",
			"EVENT_METADATA": "false", "EVENTS_CONTINUOUS": "false",
		})},
	})
	function.HasResourceProperties(jsii.String("AWS::Lambda::EventInvokeConfig"), map[string]any{"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60})
	function.HasResourceProperties(jsii.String("AWS::Scheduler::Schedule"), map[string]any{"Name": "gcs-to-s3-events", "ScheduleExpression": "rate(5 minutes)"})
	// Where nothing works the events off there are no data at all.
	function.HasResourceProperties(jsii.String("AWS::CloudWatch::Alarm"), map[string]any{
		"AlarmName": "gcs-to-s3-late-events", "MetricName": "OldestEventAge", "TreatMissingData": "breaching", "Threshold": 1200, "EvaluationPeriods": 7,
		"Dimensions": []any{map[string]any{"Name": "Function", "Value": "gcs-to-s3-events"}},
	})
	function.HasResourceProperties(jsii.String("AWS::CloudWatch::Alarm"), map[string]any{"AlarmName": "gcs-to-s3-event-dead-letters", "MetricName": "DeadLetters"})
}

// TestContinuousEvents: a function that waits for events is started every minute, and what
// cannot run beside it is dropped.
func TestContinuousEvents(t *testing.T) {
	env := newEnvironment(t, map[string]string{"events": "pull", "eventsEvery": "continuous", "eventsReservedConcurrency": "0"})
	leaveCredentials(t, env, nil)
	function := assertions.Template_FromStack(synth(t, env).function, nil)
	function.HasResourceProperties(jsii.String("AWS::Scheduler::Schedule"), map[string]any{"Name": "gcs-to-s3-events", "ScheduleExpression": "rate(1 minute)"})
	function.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
		"FunctionName": "gcs-to-s3-events", "ReservedConcurrentExecutions": assertions.Match_Absent(),
		"Environment": map[string]any{"Variables": assertions.Match_ObjectLike(&map[string]any{"EVENTS_CONTINUOUS": "true"})},
	})
}
