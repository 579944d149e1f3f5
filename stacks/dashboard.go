package stacks

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// The grid of a dashboard is 24 units wide: Amazon CloudWatch API Reference, "Dashboard body
// structure and syntax".
const (
	widgetWidth, widgetHeight = 12, 6
	widgetsInRow              = 2
)

// dashboard adds a dashboard of the environment's functions, copies and bulk jobs.
func dashboard(stack awscdk.Stack, env environment.Environment) {
	type object = map[string]any
	var widgets []object
	graph := func(title, statistic string, metrics ...[]any) {
		n := len(widgets)
		widgets = append(widgets, object{
			"type": "metric", "width": widgetWidth, "height": widgetHeight,
			"x": n % widgetsInRow * widgetWidth, "y": n / widgetsInRow * widgetHeight,
			"properties": object{"title": title, "stat": statistic, "period": alarmSeconds, "region": env.AWSRegion, "view": "timeSeries", "metrics": metrics},
		})
	}
	for _, name := range env.Functions() {
		of := func(metric string) []any { return []any{"AWS/Lambda", metric, "FunctionName", name} }
		graph(name+": invocations", "Sum", of("Invocations"), of("Errors"), of("Throttles"))
		graph(name+": duration in ms, concurrency", "Maximum", of("Duration"), of("ConcurrentExecutions"))
		copies := func(metric string) []any { return []any{metrics, metric, "Function", name} }
		graph(name+": objects", "Sum", copies("Objects"), copies("Failures"), copies("Interrupted"), copies("Unfinished"))
		graph(name+": bytes", "Sum", copies("Bytes"), copies("BytesReread"))
	}
	if env.Bulk {
		of := func(metric string) []any { return []any{statesMetrics, metric, "StateMachineArn", env.JobsARN()} }
		graph(env.Jobs()+": executions", "Sum", of("ExecutionsStarted"), of("ExecutionsSucceeded"), of("ExecutionsFailed"), of("ExecutionsAborted"))
	}
	if env.Events == environment.PullEvents {
		of := func(metric string) []any { return []any{metrics, metric, "Function", env.Drain()} }
		graph(env.Drain()+": events", "Sum", of("Events"), of("EventsFailed"))
		graph(env.Drain()+": age of the oldest event in s, dead letters", "Maximum", of("OldestEventAge"), of("DeadLetters"))
	}
	if env.DeadLetterQueue {
		graph(env.DeadLetters(), "Maximum", []any{queueMetrics, "ApproximateNumberOfMessagesVisible", "QueueName", env.DeadLetters()})
	}
	body, err := json.Marshal(object{"widgets": widgets})
	if err != nil {
		panic(err) // it has only strings and numbers
	}
	awscloudwatch.NewCfnDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(env.Function),
		DashboardBody: jsii.String(string(body)),
	})
}
