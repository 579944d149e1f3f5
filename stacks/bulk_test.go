package stacks

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
)

// With bulk there is a state machine with a role that can do no more than it needs, and a
// second function of the same bundle and role.
func TestStacksForBulk(t *testing.T) {
	env := newEnvironment(t, map[string]string{
		"bulk": "true", "jobsBucket": "my-jobs", "bulkReservedConcurrency": "50", "alarms": "true", "dashboard": "true",
		"reconcile": "cron(0 3 * * ? *)", "scheduleTimezone": "Asia/Tokyo",
		"permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary", "destinationPrefix": "copies/",
	})
	leaveCredentials(t, env, nil)
	s := synth(t, env)
	golden(t, env, assertions.Template_FromStack(s.role, nil), "role-bulk.json")
	function := assertions.Template_FromStack(s.function, nil)
	golden(t, env, function, "function-bulk.json")
	for kind, n := range map[string]float64{"AWS::StepFunctions::StateMachine": 1, "AWS::Lambda::Function": 2, "AWS::Logs::LogGroup": 2, "AWS::IAM::Role": 2} {
		function.ResourceCountIs(jsii.String(kind), jsii.Number(n))
	}
	function.AllResourcesProperties(jsii.String("AWS::Lambda::Function"), map[string]any{"Role": env.RoleARN(), "Code": assertions.Match_AnyValue()})
	function.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
		"FunctionName": "gcs-to-s3-bulk", "Timeout": 900, "MemorySize": 1024, "ReservedConcurrentExecutions": 50,
		"Environment": map[string]any{"Variables": assertions.Match_ObjectLike(&map[string]any{"JOBS_BUCKET": "my-jobs"})},
	})
	function.HasResourceProperties(jsii.String("AWS::Scheduler::Schedule"), map[string]any{
		"Name": "gcs-to-s3-reconcile", "ScheduleExpression": "cron(0 3 * * ? *)", "ScheduleExpressionTimezone": "Asia/Tokyo",
		"Target": assertions.Match_ObjectLike(&map[string]any{"Input": `{"phase":"reconcile"}`}),
	})
	function.HasResourceProperties(jsii.String("AWS::CloudWatch::Dashboard"), map[string]any{"DashboardName": "gcs-to-s3"})
	function.HasResourceProperties(jsii.String("AWS::CloudWatch::Alarm"), map[string]any{
		"AlarmName": "gcs-to-s3-failed-jobs", "Namespace": "AWS/States", "MetricName": "ExecutionsFailed",
	})
}
