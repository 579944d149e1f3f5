package environment

import (
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// Setting is one row of the settings table: a key of the environment file.
type Setting struct {
	Key     string
	Default string // as it would be written; empty for none
	Meaning string // one line, for people

	required bool
	suffixed bool   // the suffix is added to the default
	stem     string // replaces the default where it leaves no room for the suffix
	field    func(*Environment) any
	check    func(*Environment) (rule, hint string, ok bool)
}

// Required reports whether the environment file must include the setting.
func (s Setting) Required() bool { return s.required }

// Settings returns the table of all settings, in the order in which people read
// them. The tables in the documentation are checked against it.
func Settings() []Setting {
	return []Setting{
		{Key: "awsAccount", required: true, Meaning: "AWS account ID, in quotes",
			field: func(e *Environment) any { return &e.AWSAccount }, check: checkAccount},
		{Key: "awsRegion", Default: "ap-northeast-1", Meaning: "AWS region of the role's stack, the function and the S3 bucket",
			field: func(e *Environment) any { return &e.AWSRegion }, check: checkRegion},
		{Key: "googleProject", required: true, Meaning: "Google Cloud project ID (not the project number)",
			field: func(e *Environment) any { return &e.GoogleProject }, check: checkProject},
		{Key: "suffix", Meaning: "appended to the default names of role, function, service account, pool and provider, so that several environments fit into one account",
			field: func(e *Environment) any { return &e.Suffix }, check: checkSuffix},
		{Key: "owner", Meaning: "owner of the environment; recorded in tags and descriptions of its resources",
			field: func(e *Environment) any { return &e.Owner }, check: checkOwner},
		{Key: "expires", Meaning: "when `gcs-to-s3 prune` can remove a temporary environment: a day such as 2026-12-31, or a time such as 2026-12-31T18:00:00Z",
			field: func(e *Environment) any { return &e.Expires }, check: checkExpires},

		{Key: "role", Default: "gcs-to-s3-role", suffixed: true, Meaning: "name of the function's IAM role",
			field: func(e *Environment) any { return &e.Role }, check: checkRole},
		{Key: "function", Default: "gcs-to-s3", suffixed: true, Meaning: "name of the Lambda function",
			field: func(e *Environment) any { return &e.Function }, check: checkFunction},
		{Key: "serviceAccount", Default: defaultServiceAccount, suffixed: true, stem: shortServiceAccount, Meaning: "Google service account ID; with a suffix the default is `gcs-to-s3-sa` plus the suffix, because IDs are limited to 30 characters",
			field: func(e *Environment) any { return &e.ServiceAccount }, check: checkServiceAccount},
		{Key: "pool", Default: "aws-connect", suffixed: true, Meaning: "workload identity pool ID",
			field: func(e *Environment) any { return &e.Pool }, check: checkPool},
		{Key: "provider", Default: "aws-connect", suffixed: true, Meaning: "ID of the pool's AWS provider",
			field: func(e *Environment) any { return &e.Provider }, check: checkProvider},

		{Key: "sourceBucket", Default: "s3-gcs-connect", Meaning: "Cloud Storage bucket to copy from; it must exist",
			field: func(e *Environment) any { return &e.SourceBucket }, check: checkSourceBucket},
		{Key: "destinationBucket", Default: "s3-gcs-connect", Meaning: "S3 bucket to copy to; it must exist",
			field: func(e *Environment) any { return &e.DestinationBucket }, check: checkDestinationBucket},
		{Key: "object", Default: "sample.txt", Meaning: "object to copy when the event names none",
			field: func(e *Environment) any { return &e.Object }, check: checkObject},
		{Key: "destinationPrefix", Meaning: "prefix of all S3 keys; the role can write only there, so it has no characters beyond U+00FF, which IAM policies cannot contain; `keyTemplate` can add them",
			field: func(e *Environment) any { return &e.DestinationPrefix }, check: checkPrefix},

		{Key: "keyTemplate", Default: objectkey.Default, Meaning: "template for the S3 key after the prefix: `{object}` is the object's name, `{directory}` its part up to and including the last slash, `{name}` the rest, which is `{stem}` plus `{extension}`; `{generation}`; `{date}` is the day of the invocation in UTC, such as 2026-12-31",
			field: func(e *Environment) any { return &e.KeyTemplate }, check: checkTemplate},
		{Key: "kmsKey", Meaning: "ARN of a KMS key in the region to encrypt copies with; without it, the bucket's default encryption applies",
			field: func(e *Environment) any { return &e.KMSKey }, check: checkKMSKey},
		{Key: "billingProject", Meaning: "Google Cloud project that pays for the function's requests, if the source bucket is a requester-pays bucket",
			field: func(e *Environment) any { return &e.BillingProject }, check: checkBillingProject},

		{Key: "overwrite", Default: invocation.OverwriteAlways, Meaning: "what to do if the destination exists: `always` replaces it; `if-absent` keeps it, and fails unless it is the same; `if-different` keeps it if size and CRC32C are the same; `if-newer` keeps it if it was copied from this generation or a later one",
			field: func(e *Environment) any { return &e.Overwrite }, check: oneOf(func(e *Environment) string { return e.Overwrite }, invocation.Overwrites()...)},
		{Key: "sourceChange", Default: invocation.ChangeFails, Meaning: "what to do if an object changes while it is read: `fail`, or `restart` with the new generation",
			field: func(e *Environment) any { return &e.SourceChange }, check: oneOf(func(e *Environment) string { return e.SourceChange }, invocation.SourceChanges()...)},
		{Key: "concurrency", Default: strconv.Itoa(invocation.DefaultConcurrency), Meaning: "how many objects are copied in parallel",
			field: func(e *Environment) any { return &e.Concurrency }, check: between(func(e *Environment) int { return e.Concurrency }, 1, invocation.MaxConcurrency, "each one needs two connections")},
		{Key: "streams", Default: strconv.Itoa(invocation.DefaultStreams), Meaning: "how many parts of a large object are copied in parallel",
			field: func(e *Environment) any { return &e.Streams }, check: between(func(e *Environment) int { return e.Streams }, 1, invocation.MaxStreams, "each one needs two connections, and a few already use the function's full bandwidth")},

		{Key: "rolePolicies", Default: string(LeastPrivilege), Meaning: "policies of the role: `least-privilege`, or `article` for AmazonS3FullAccess and AWSLambdaBasicExecutionRole",
			field: func(e *Environment) any { return (*string)(&e.RolePolicies) }, check: oneOf(func(e *Environment) string { return string(e.RolePolicies) }, string(LeastPrivilege), string(ArticlePolicies))},
		{Key: "viewerScope", Default: string(ViewBucket), Meaning: "where Storage Object Viewer is granted: on the source `bucket`, or on the whole `project` as in the article",
			field: func(e *Environment) any { return (*string)(&e.ViewerScope) }, check: oneOf(func(e *Environment) string { return string(e.ViewerScope) }, string(ViewBucket), string(ViewProject))},
		{Key: "directAccess", Default: "false", Meaning: "`true` grants access to the role itself, without a service account; the source bucket must have uniform bucket-level access",
			field: func(e *Environment) any { return &e.DirectAccess }, check: checkDirect},
		{Key: "trustedRoles", Meaning: "more IAM roles that get the same access on Google's side, separated by commas: `ROLE` of the same account, or `ACCOUNT:ROLE`",
			field: func(e *Environment) any { return &e.TrustedRoles }, check: checkTrusted},
		{Key: "permissionsBoundary", Meaning: "ARN of an IAM policy to use as the permissions boundary of every role",
			field: func(e *Environment) any { return &e.PermissionsBoundary }, check: checkBoundary},
		{Key: "tags", Meaning: "tags for all AWS resources, such as `team=data,cost-center=42`",
			field: func(e *Environment) any { return &e.Tags }, check: checkTags},

		{Key: "schedule", Meaning: "when to invoke the function, as an EventBridge Scheduler expression: `rate(1 hour)`, `cron(0 3 * * ? *)` or `at(2026-12-31T18:00:00)`",
			field: func(e *Environment) any { return &e.Schedule }, check: checkSchedule},
		{Key: "scheduleTimezone", Default: defaultTimezone, Meaning: "time zone of the schedule, such as Asia/Tokyo",
			field: func(e *Environment) any { return &e.ScheduleTimezone }, check: checkTimezone},
		{Key: "scheduleEvent", Default: defaultEvent, Meaning: "event of scheduled invocations, a JSON object",
			field: func(e *Environment) any { return &e.ScheduleEvent }, check: checkEvent},

		{Key: "asyncRetries", Default: strconv.Itoa(DefaultAsyncRetries), Meaning: "how often Lambda retries a failed asynchronous invocation; scheduled invocations are asynchronous",
			field: func(e *Environment) any { return &e.AsyncRetries }, check: between(func(e *Environment) int { return e.AsyncRetries }, 0, DefaultAsyncRetries, "Lambda retries after one minute and after two")},
		{Key: "deadLetterQueue", Default: "false", Meaning: "`true` creates an SQS queue, `FUNCTION-dead-letters`, for the events of asynchronous invocations that failed in the end",
			field: func(e *Environment) any { return &e.DeadLetterQueue }},
		{Key: "alarms", Default: "false", Meaning: "`true` creates CloudWatch alarms on errors, throttles, durations of 80% of the timeout or more, and events in the dead-letter queue",
			field: func(e *Environment) any { return &e.Alarms }},
		{Key: "alarmTopic", Meaning: "ARN of an SNS topic in the region to notify of alarms",
			field: func(e *Environment) any { return &e.AlarmTopic }, check: checkTopic},

		{Key: "dashboard", Default: "false", Meaning: "`true` creates a CloudWatch dashboard of the functions, the copies and the bulk jobs, named as the function",
			field: func(e *Environment) any { return &e.Dashboard }},

		{Key: "bulk", Default: "false", Meaning: "`true` creates what `gcs-to-s3 bulk` needs to copy whole buckets: the state machine `FUNCTION-bulk` and its function",
			field: func(e *Environment) any { return &e.Bulk }},
		{Key: "jobsBucket", Meaning: "S3 bucket for the files of bulk jobs, below `jobs/`; it must exist, in the account and region of the environment",
			field: func(e *Environment) any { return &e.JobsBucket }, check: checkJobsBucket},
		{Key: "bulkMemoryMB", Default: "1024", Meaning: "memory of the function for bulk jobs, in MB; CPU and bandwidth grow with it",
			field: func(e *Environment) any { return &e.BulkMemoryMB }, check: between(func(e *Environment) int { return e.BulkMemoryMB }, minBulkMemory, maxMemory, "a shard of 10,000 objects with long names needs this much")},
		{Key: "bulkReservedConcurrency", Default: "0", Meaning: "how many invocations of the function for bulk jobs the account reserves, which is also the most that run at a time; `0` reserves none",
			field: func(e *Environment) any { return &e.BulkReservedConcurrency }, check: checkReserved},

		{Key: "reconcile", Meaning: "when a bulk job compares both buckets and copies what is missing or older at the destination, as an EventBridge Scheduler expression in the time zone `scheduleTimezone`",
			field: func(e *Environment) any { return &e.Reconcile }, check: checkReconcile},

		{Key: "events", Meaning: "`pull` copies every new object by itself: the source bucket notifies a Pub/Sub topic, and the function `FUNCTION-events` pulls its subscription",
			field: func(e *Environment) any { return (*string)(&e.Events) }, check: checkEvents},
		{Key: "eventsEvery", Default: EveryMinute, Meaning: "how often events are worked off: a rate of 1 to 60 minutes such as `rate(5 minutes)`, or `continuous` for a function that waits for them all the time",
			field: func(e *Environment) any { return &e.EventsEvery }, check: withEvents(func(e *Environment) bool { return e.EventsEvery == EveryMinute }, EveryMinute, checkEventsEvery)},
		{Key: "eventsPrefix", Meaning: "prefix of the objects whose events arrive; without it, those of all objects do",
			field: func(e *Environment) any { return &e.EventsPrefix }, check: withEvents(func(e *Environment) bool { return e.EventsPrefix == "" }, "empty", checkEventsPrefix)},
		{Key: "eventDeletes", Default: "false", Meaning: "`true` deletes a copy when its object is deleted; the role may then delete below `destinationPrefix`, and list the destination",
			field: func(e *Environment) any { return &e.EventDeletes }, check: withEvents(func(e *Environment) bool { return !e.EventDeletes }, "false", checkDeletes)},
		{Key: "eventMetadata", Default: "false", Meaning: "`true` copies an object again when its metadata change",
			field: func(e *Environment) any { return &e.EventMetadata }, check: withEvents(func(e *Environment) bool { return !e.EventMetadata }, "false", checkAny)},
		{Key: "eventsReservedConcurrency", Default: "1", Meaning: "how many invocations of the function for events the account reserves, which is also the most that run at a time; `0` reserves none",
			field: func(e *Environment) any { return &e.EventsReservedConcurrency }, check: withEvents(func(e *Environment) bool { return e.EventsReservedConcurrency == 1 }, "1", checkDrains)},

		{Key: "architecture", Default: string(ARM64), Meaning: "instruction set of the function: `arm64` or `x86_64`",
			field: func(e *Environment) any { return (*string)(&e.Architecture) }, check: oneOf(func(e *Environment) string { return string(e.Architecture) }, string(ARM64), string(X8664))},
		{Key: "timeoutSeconds", Default: "300", Meaning: "timeout of the function, in seconds",
			field: func(e *Environment) any { return &e.TimeoutSeconds }, check: between(func(e *Environment) int { return e.TimeoutSeconds }, minTimeout, maxTimeout, "Lambda's own default of 3 seconds is too short for the first connection to Google")},
		{Key: "memoryMB", Default: "512", Meaning: "memory of the function, in MB; CPU and bandwidth grow with it",
			field: func(e *Environment) any { return &e.MemoryMB }, check: between(func(e *Environment) int { return e.MemoryMB }, minMemory, maxMemory, "the copy itself stays below 64 MB; more memory buys CPU and bandwidth")},
		{Key: "logRetentionDays", Default: "30", Meaning: "how long to keep the function's logs, in days",
			field: func(e *Environment) any { return &e.LogRetentionDays }, check: checkRetention},
		{Key: "logRemoval", Default: string(DestroyLogs), Meaning: "what happens to the log group on removal: `destroy` or `retain`",
			field: func(e *Environment) any { return (*string)(&e.LogRemoval) }, check: oneOf(func(e *Environment) string { return string(e.LogRemoval) }, string(DestroyLogs), string(RetainLogs))},

		{Key: "tokenLifetimeSeconds", Meaning: "lifetime of the service account's access token; default: Google's 3600; above that, an organization policy must allow it",
			field: func(e *Environment) any { return &e.TokenLifetimeSeconds }, check: checkLifetime},
		{Key: "googleTokenURL", Default: "https://sts.googleapis.com/v1/token", Meaning: "URL of Google's token exchange",
			field: func(e *Environment) any { return &e.GoogleTokenURL }, check: endpointRule(func(e *Environment) string { return e.GoogleTokenURL })},
		{Key: "iamCredentialsEndpoint", Default: "https://iamcredentials.googleapis.com", Meaning: "URL of the IAM Service Account Credentials API",
			field: func(e *Environment) any { return &e.IAMCredentialsEndpoint }, check: endpointRule(func(e *Environment) string { return e.IAMCredentialsEndpoint })},
		{Key: "storageEndpoint", Default: "https://storage.googleapis.com", Meaning: "custom API endpoint of the storage client",
			field: func(e *Environment) any { return &e.StorageEndpoint }, check: endpointRule(func(e *Environment) string { return e.StorageEndpoint })},
		{Key: "pubsubEndpoint", Default: "https://pubsub.googleapis.com", Meaning: "custom API endpoint of the function's Pub/Sub client",
			field: func(e *Environment) any { return &e.PubSubEndpoint }, check: endpointRule(func(e *Environment) string { return e.PubSubEndpoint })},
		{Key: "allowLoopbackEndpoints", Default: "false", Meaning: "`true` allows the four endpoints to be on this machine; for tests",
			field: func(e *Environment) any { return &e.AllowLoopbackEndpoints }},
	}
}

// set parses text into a field; it returns the rule that text breaks.
func set(field any, text string) (rule string, ok bool) {
	switch f := field.(type) {
	case *string:
		*f = text
	case *int:
		if text == "" {
			return "", true
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return "a whole number", false
		}
		*f = n
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return "true or false", false
		}
		*f = b
	}
	return "", true
}
