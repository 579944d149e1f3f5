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
// them. The README's table is checked against it.
func Settings() []Setting {
	return []Setting{
		{Key: "awsAccount", required: true, Meaning: "AWS account id, in quotes",
			field: func(e *Environment) any { return &e.AWSAccount }, check: checkAccount},
		{Key: "awsRegion", Default: "ap-northeast-1", Meaning: "AWS region of the role's stack, the function and the S3 bucket",
			field: func(e *Environment) any { return &e.AWSRegion }, check: checkRegion},
		{Key: "googleProject", required: true, Meaning: "Google Cloud project id (not its number)",
			field: func(e *Environment) any { return &e.GoogleProject }, check: checkProject},
		{Key: "suffix", Meaning: "added to the defaults of role, function, service account, pool and provider, for a second environment in one account",
			field: func(e *Environment) any { return &e.Suffix }, check: checkSuffix},
		{Key: "owner", Meaning: "whose environment it is; tags and descriptions of its resources say so",
			field: func(e *Environment) any { return &e.Owner }, check: checkOwner},
		{Key: "expires", Meaning: "when a temporary environment may be taken down by `gcs-to-s3 prune`: a day such as 2026-12-31, or a moment such as 2026-12-31T18:00:00Z",
			field: func(e *Environment) any { return &e.Expires }, check: checkExpires},

		{Key: "role", Default: "gcs-to-s3-role", suffixed: true, Meaning: "IAM role of the function",
			field: func(e *Environment) any { return &e.Role }, check: checkRole},
		{Key: "function", Default: "gcs-to-s3", suffixed: true, Meaning: "Lambda function",
			field: func(e *Environment) any { return &e.Function }, check: checkFunction},
		{Key: "serviceAccount", Default: defaultServiceAccount, suffixed: true, stem: shortServiceAccount, Meaning: "Google service account id; with a suffix `gcs-to-s3-sa`, so that there is room for it",
			field: func(e *Environment) any { return &e.ServiceAccount }, check: checkServiceAccount},
		{Key: "pool", Default: "aws-connect", suffixed: true, Meaning: "workload identity pool id",
			field: func(e *Environment) any { return &e.Pool }, check: checkPool},
		{Key: "provider", Default: "aws-connect", suffixed: true, Meaning: "id of the pool's AWS provider",
			field: func(e *Environment) any { return &e.Provider }, check: checkProvider},

		{Key: "sourceBucket", Default: "s3-gcs-connect", Meaning: "Cloud Storage bucket that is read; it must exist",
			field: func(e *Environment) any { return &e.SourceBucket }, check: checkSourceBucket},
		{Key: "destinationBucket", Default: "s3-gcs-connect", Meaning: "S3 bucket that is written; it must exist",
			field: func(e *Environment) any { return &e.DestinationBucket }, check: checkDestinationBucket},
		{Key: "object", Default: "sample.txt", Meaning: "object that is copied when the event names none",
			field: func(e *Environment) any { return &e.Object }, check: checkObject},
		{Key: "destinationPrefix", Meaning: "put before what `keyTemplate` makes, for the S3 key; the role may write nowhere else",
			field: func(e *Environment) any { return &e.DestinationPrefix }, check: checkPrefix},

		{Key: "keyTemplate", Default: objectkey.Default, Meaning: "how the S3 key behind the prefix is made of the object: `{object}` its name, `{directory}` what is before and with the last slash, `{name}` what is behind it, which is `{stem}` and `{extension}`; `{generation}`; `{date}` the day of the invocation in UTC, such as 2026-12-31",
			field: func(e *Environment) any { return &e.KeyTemplate }, check: checkTemplate},
		{Key: "kmsKey", Meaning: "ARN of a KMS key in the region that encrypts what is written; without one the bucket's own setting decides",
			field: func(e *Environment) any { return &e.KMSKey }, check: checkKMSKey},

		{Key: "overwrite", Default: invocation.OverwriteAlways, Meaning: "an object that is at the destination already: `always` replace it; `if-absent` keep it, and fail unless it is the same; `if-different` keep it if size and CRC32C are the same",
			field: func(e *Environment) any { return &e.Overwrite }, check: oneOf(func(e *Environment) string { return e.Overwrite }, invocation.Overwrites()...)},
		{Key: "sourceChange", Default: invocation.ChangeFails, Meaning: "an object that changes while it is read: `fail`, or `restart` on the new generation",
			field: func(e *Environment) any { return &e.SourceChange }, check: oneOf(func(e *Environment) string { return e.SourceChange }, invocation.SourceChanges()...)},
		{Key: "concurrency", Default: strconv.Itoa(invocation.DefaultConcurrency), Meaning: "how many of many objects are copied at a time",
			field: func(e *Environment) any { return &e.Concurrency }, check: between(func(e *Environment) int { return e.Concurrency }, 1, invocation.MaxConcurrency, "each one needs two connections")},
		{Key: "streams", Default: strconv.Itoa(invocation.DefaultStreams), Meaning: "how many ranges of one large object are copied at a time",
			field: func(e *Environment) any { return &e.Streams }, check: between(func(e *Environment) int { return e.Streams }, 1, invocation.MaxStreams, "each one needs two connections; the function's share of the network is used up by few")},

		{Key: "rolePolicies", Default: string(LeastPrivilege), Meaning: "`least-privilege`, or `article` for AmazonS3FullAccess and AWSLambdaBasicExecutionRole",
			field: func(e *Environment) any { return (*string)(&e.RolePolicies) }, check: oneOf(func(e *Environment) string { return string(e.RolePolicies) }, string(LeastPrivilege), string(ArticlePolicies))},
		{Key: "viewerScope", Default: string(ViewBucket), Meaning: "where the service account is Storage Object Viewer: on the source `bucket`, or on the whole `project` as in the article",
			field: func(e *Environment) any { return (*string)(&e.ViewerScope) }, check: oneOf(func(e *Environment) string { return string(e.ViewerScope) }, string(ViewBucket), string(ViewProject))},
		{Key: "directAccess", Default: "false", Meaning: "`true` makes no service account: the role itself is Storage Object Viewer; the source bucket must have uniform bucket-level access",
			field: func(e *Environment) any { return &e.DirectAccess }, check: checkDirect},
		{Key: "trustedRoles", Meaning: "more IAM roles that Google's side admits as it admits the function's, joined by commas: `ROLE` of the same account, or `ACCOUNT:ROLE`",
			field: func(e *Environment) any { return &e.TrustedRoles }, check: checkTrusted},
		{Key: "permissionsBoundary", Meaning: "ARN of an IAM policy that bounds the rights of every role that is made",
			field: func(e *Environment) any { return &e.PermissionsBoundary }, check: checkBoundary},
		{Key: "tags", Meaning: "tags of all resources on AWS, such as `team=data,cost-center=42`",
			field: func(e *Environment) any { return &e.Tags }, check: checkTags},

		{Key: "schedule", Meaning: "when the function is invoked by itself, as EventBridge Scheduler writes it: `rate(1 hour)`, `cron(0 3 * * ? *)` or `at(2026-12-31T18:00:00)`",
			field: func(e *Environment) any { return &e.Schedule }, check: checkSchedule},
		{Key: "scheduleTimezone", Default: defaultTimezone, Meaning: "the schedule's time zone, such as Asia/Tokyo",
			field: func(e *Environment) any { return &e.ScheduleTimezone }, check: checkTimezone},
		{Key: "scheduleEvent", Default: defaultEvent, Meaning: "the event of scheduled invocations, a JSON object",
			field: func(e *Environment) any { return &e.ScheduleEvent }, check: checkEvent},

		{Key: "asyncRetries", Default: strconv.Itoa(DefaultAsyncRetries), Meaning: "how often Lambda tries an asynchronous invocation again that failed; scheduled ones are asynchronous",
			field: func(e *Environment) any { return &e.AsyncRetries }, check: between(func(e *Environment) int { return e.AsyncRetries }, 0, DefaultAsyncRetries, "Lambda tries again after one minute and after two")},
		{Key: "deadLetterQueue", Default: "false", Meaning: "`true` makes an SQS queue, `FUNCTION-dead-letters`, that keeps the events of asynchronous invocations that failed for good",
			field: func(e *Environment) any { return &e.DeadLetterQueue }},
		{Key: "alarms", Default: "false", Meaning: "`true` makes CloudWatch alarms on errors, throttles, a duration of 80% of the timeout or more, and on events in the dead-letter queue",
			field: func(e *Environment) any { return &e.Alarms }},
		{Key: "alarmTopic", Meaning: "ARN of an SNS topic in the region that is told of alarms",
			field: func(e *Environment) any { return &e.AlarmTopic }, check: checkTopic},

		{Key: "architecture", Default: string(ARM64), Meaning: "the function's instruction set: `arm64` or `x86_64`",
			field: func(e *Environment) any { return (*string)(&e.Architecture) }, check: oneOf(func(e *Environment) string { return string(e.Architecture) }, string(ARM64), string(X8664))},
		{Key: "timeoutSeconds", Default: "300", Meaning: "the function's timeout, in seconds",
			field: func(e *Environment) any { return &e.TimeoutSeconds }, check: between(func(e *Environment) int { return e.TimeoutSeconds }, minTimeout, maxTimeout, "Lambda's own default of 3 seconds is too short for the first connection to Google")},
		{Key: "memoryMB", Default: "512", Meaning: "the function's memory, in MB; CPU and network grow with it",
			field: func(e *Environment) any { return &e.MemoryMB }, check: between(func(e *Environment) int { return e.MemoryMB }, minMemory, maxMemory, "the copy itself stays below 64 MB; more memory buys CPU and bandwidth")},
		{Key: "logRetentionDays", Default: "30", Meaning: "how long the function's logs are kept, in days",
			field: func(e *Environment) any { return &e.LogRetentionDays }, check: checkRetention},
		{Key: "logRemoval", Default: string(DestroyLogs), Meaning: "what `cdk destroy` does with the log group: `destroy` or `retain`",
			field: func(e *Environment) any { return (*string)(&e.LogRemoval) }, check: oneOf(func(e *Environment) string { return string(e.LogRemoval) }, string(DestroyLogs), string(RetainLogs))},

		{Key: "tokenLifetimeSeconds", Meaning: "lifetime of the service account's access token; empty for Google's hour; above 3600 an organization policy must allow it",
			field: func(e *Environment) any { return &e.TokenLifetimeSeconds }, check: checkLifetime},
		{Key: "googleTokenURL", Default: "https://sts.googleapis.com/v1/token", Meaning: "Google's token exchange",
			field: func(e *Environment) any { return &e.GoogleTokenURL }, check: endpointRule(func(e *Environment) string { return e.GoogleTokenURL })},
		{Key: "iamCredentialsEndpoint", Default: "https://iamcredentials.googleapis.com", Meaning: "Google's IAM Service Account Credentials API",
			field: func(e *Environment) any { return &e.IAMCredentialsEndpoint }, check: endpointRule(func(e *Environment) string { return e.IAMCredentialsEndpoint })},
		{Key: "storageEndpoint", Default: "https://storage.googleapis.com", Meaning: "the custom API endpoint of the storage client",
			field: func(e *Environment) any { return &e.StorageEndpoint }, check: endpointRule(func(e *Environment) string { return e.StorageEndpoint })},
		{Key: "allowLoopbackEndpoints", Default: "false", Meaning: "`true` lets the three endpoints be on this machine; for tests",
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
