package stacks

import (
	"cmp"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// deadLetterDays is the longest message retention of a queue: Amazon SQS
// Developer Guide, "Amazon SQS message quotas".
const deadLetterDays = 14

// deadLetters adds the queue for events whose invocations failed permanently. The
// role is allowed to send to it by name, since the role is created first.
func deadLetters(stack awscdk.Stack, env environment.Environment) awssqs.Queue {
	return awssqs.NewQueue(stack, jsii.String("DeadLetters"), &awssqs.QueueProps{
		QueueName:       jsii.String(env.DeadLetters()),
		Encryption:      awssqs.QueueEncryption_SQS_MANAGED,
		RetentionPeriod: awscdk.Duration_Days(jsii.Number(deadLetterDays)),
	})
}

// alarmSeconds is the period of an alarm's metric.
const alarmSeconds = 5 * 60

// alarms adds the environment's alarms. A function that is not invoked raises none.
func alarms(stack awscdk.Stack, env environment.Environment) {
	function, copies := dimension{"FunctionName", env.Function}, dimension{"Function", env.Function}
	for _, a := range []alarm{
		{"errors", "The function failed", "AWS/Lambda", "Errors", function, "Sum", "GreaterThanThreshold", 0, "", 0},
		{"throttles", "Invocations were throttled", "AWS/Lambda", "Throttles", function, "Sum", "GreaterThanThreshold", 0, "", 0},
		{"duration", "An invocation took 80% of the function's timeout or more", "AWS/Lambda", "Duration", function, "Maximum", "GreaterThanOrEqualToThreshold",
			800 * float64(env.TimeoutSeconds), "", 0}, // 80%, in milliseconds
		{"failed-objects", "Objects could not be copied", metrics, "Failures", copies, "Sum", "GreaterThanThreshold", 0, "", 0},
		{"unfinished", "An invocation ended before its work was done; a caller must continue from its cursor", metrics, "Unfinished", copies, "Sum", "GreaterThanThreshold", 0, "", 0},
		{"uploads-left", "Uploads to S3 could not be aborted; their parts are billed until they are", metrics, "UploadsLeft", copies, "Sum", "GreaterThanThreshold", 0, "", 0},
		{"dead-letters", "Events of failed invocations are in the dead-letter queue", queueMetrics, "ApproximateNumberOfMessagesVisible",
			dimension{"QueueName", env.DeadLetters()}, "Maximum", "GreaterThanThreshold", 0, "", 0},
		{"failed-jobs", "A bulk job failed, or did not copy everything that was planned", statesMetrics, "ExecutionsFailed",
			dimension{"StateMachineArn", env.JobsARN()}, "Sum", "GreaterThanThreshold", 0, "", 0},
	} {
		if (a.namespace != queueMetrics || env.DeadLetterQueue) && (a.namespace != statesMetrics || env.Bulk) {
			a.add(stack, env)
		}
	}
	if env.Events == environment.PullEvents {
		drain := dimension{"Function", env.Drain()}
		every := 60 * env.EventsMinutes()
		// An invocation tells of the age when it ends.
		silence := drainTimeout + lateEvents + every
		alarm{name: "late-events", description: "Objects have waited too long for their copy, or nothing works their events off",
			namespace: metrics, metric: "OldestEventAge", dimension: drain, statistic: "Maximum", comparison: "GreaterThanThreshold",
			threshold: float64(lateEvents + every), missing: "breaching", periods: silence / alarmSeconds,
		}.add(stack, env)
		alarm{name: "event-dead-letters", description: "Objects of events could not be copied; their events are in the dead-letter subscription",
			namespace: metrics, metric: "DeadLetters", dimension: drain, statistic: "Maximum", comparison: "GreaterThanThreshold",
		}.add(stack, env)
	}
}

// lateEvents is how old an event may become before the next invocation, in seconds.
const lateEvents = 15 * 60

// Namespaces of metrics; metrics is that of the function's own, which its log has.
const (
	metrics       = "gcs-to-s3"
	queueMetrics  = "AWS/SQS"
	statesMetrics = "AWS/States"
)

// alarm is an alarm on a metric: Lambda Developer Guide, "Types of metrics for
// Lambda functions"; Amazon SQS Developer Guide, "Available CloudWatch metrics"; AWS Step
// Functions Developer Guide, "Monitoring Step Functions metrics using Amazon CloudWatch".
type alarm struct {
	name, description string
	namespace, metric string
	dimension         dimension
	statistic         string
	comparison        string
	threshold         float64
	missing           string // what a period without data counts as; by default as one without a fault
	periods           int    // in which the threshold is crossed; by default 1
}

type dimension struct{ name, value string }

func (a alarm) add(stack awscdk.Stack, env environment.Environment) {
	props := &awscloudwatch.CfnAlarmProps{
		AlarmName:          jsii.String(env.Function + "-" + a.name),
		AlarmDescription:   jsii.String(a.description),
		Namespace:          jsii.String(a.namespace),
		MetricName:         jsii.String(a.metric),
		Dimensions:         []any{&awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(a.dimension.name), Value: jsii.String(a.dimension.value)}},
		Statistic:          jsii.String(a.statistic),
		Period:             jsii.Number(alarmSeconds),
		EvaluationPeriods:  jsii.Number(max(1, a.periods)),
		ComparisonOperator: jsii.String(a.comparison),
		Threshold:          jsii.Number(a.threshold),
		TreatMissingData:   jsii.String(cmp.Or(a.missing, "notBreaching")),
	}
	if env.AlarmTopic != "" {
		props.AlarmActions = jsii.Strings(env.AlarmTopic)
	}
	awscloudwatch.NewCfnAlarm(stack, jsii.String("Alarm-"+a.name), props)
}
