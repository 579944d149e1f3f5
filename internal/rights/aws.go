package rights

// The resources of the rows, with the placeholders of the documented policies. All names
// that an environment has by default begin with gcs-to-s3.
const (
	stacks    = "arn:aws:cloudformation:REGION:ACCOUNT:stack/gcs-to-s3-*/*"
	roles     = "arn:aws:iam::ACCOUNT:role/gcs-to-s3*"
	ownRole   = "arn:aws:iam::ACCOUNT:role/CALLER"
	cdkRoles  = "arn:aws:iam::ACCOUNT:role/cdk-hnb659fds-*-ACCOUNT-REGION"
	functions = "arn:aws:lambda:REGION:ACCOUNT:function:gcs-to-s3*"
	logGroups = "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/gcs-to-s3*"
	schedules = "arn:aws:scheduler:REGION:ACCOUNT:schedule/default/gcs-to-s3*"
	queues    = "arn:aws:sqs:REGION:ACCOUNT:gcs-to-s3*"
	bootstrap = "arn:aws:ssm:REGION:ACCOUNT:parameter/cdk-bootstrap/hnb659fds/version"
	assets    = "arn:aws:s3:::cdk-hnb659fds-assets-ACCOUNT-REGION"
	files     = assets + "/gcs-to-s3/*"
	bucket    = "arn:aws:s3:::DESTINATION_BUCKET"
	objects   = bucket + "/*"
	probes    = bucket + "/*gcs-to-s3-probe-*"
	state     = "arn:aws:s3:::STATE_BUCKET"
	stateFile = state + "/.pulumi/*"
	key       = "arn:aws:kms:REGION:ACCOUNT:key/*"
	anything  = "*"

	jobsBucket = "arn:aws:s3:::JOBS_BUCKET"
	jobsFiles  = jobsBucket + "/jobs/*"
	machines   = "arn:aws:states:REGION:ACCOUNT:stateMachine:gcs-to-s3*"
	executions = "arn:aws:states:REGION:ACCOUNT:execution:gcs-to-s3*"
	mapRuns    = "arn:aws:states:REGION:ACCOUNT:mapRun:gcs-to-s3*"
)

// AWS is the table of the actions of AWS. The CDK's roles deploy the stacks, and
// CloudFormation makes what is in them with another one; so those who run commands need
// no right to create a role or a function.
func AWS() []Right {
	var (
		checks  = []Command{Doctor, Up, Drift}
		surveys = []Command{Status, Drift, Up, Down, Prune}
		looks   = []Command{Doctor, Status, Drift, Up, Down, Prune}
		removes = []Command{Down, Prune}
		engines = []Command{Up, Drift, Down}
	)
	return []Right{
		{Actions: []string{"cloudformation:DescribeStacks"}, On: anything, For: []Command{List, Prune},
			Why: "finds the environments of the region; AWS knows no narrower resource for all stacks"},
		{Actions: []string{"cloudformation:DescribeStacks", "cloudformation:ListStackResources"}, On: stacks, For: looks,
			Why: "the state of both stacks, and what they have"},
		{Actions: []string{"cloudformation:GetTemplate"}, On: stacks, For: []Command{Doctor, Status, Drift, Up, List, Down, Prune},
			Why: "a stack is an environment's if its template has the form of ours"},
		{Actions: []string{"cloudformation:ListChangeSets", "cloudformation:DescribeChangeSet"}, On: stacks,
			For: []Command{Doctor, Status, Up, List, Down}, When: "a stack was never deployed (`REVIEW_IN_PROGRESS`)",
			Why: "it has its tags only there"},
		{Actions: []string{"cloudformation:DeleteStack"}, On: stacks, For: []Command{Prune}, When: lost,
			Why: "without a file there is no CDK app; CloudFormation goes on with the role that deployed the stack"},
		{Actions: []string{"sts:AssumeRole"}, On: cdkRoles, For: engines,
			Why: "the CDK works with the roles of its bootstrap: deploy, file publishing and lookup"},
		{Actions: []string{"ssm:GetParameter"}, On: bootstrap, For: checks, Why: "the version of the bootstrap"},

		{Actions: []string{"iam:GetRole"}, On: roles, For: looks, Why: "whose the function's role and the schedule's are"},
		{Actions: []string{"iam:SimulatePrincipalPolicy"}, On: roles, For: checks, Optional: true, When: "the function is deployed",
			Why: "whether its role can write to the destination"},
		{Actions: []string{"iam:SimulatePrincipalPolicy"}, On: ownRole, For: []Command{Up, Down, Prune}, Optional: true,
			Why: "your own rights, before the first step"},
		{Actions: []string{"lambda:GetFunction"}, On: functions, For: looks, Why: "the function, its settings and its bundle"},
		{Actions: []string{"lambda:UpdateFunctionConfiguration"}, On: functions, For: []Command{Up}, When: "the function's role was deleted and made again",
			Why: "Lambda's grant on the key of the function's variables is for the old role until the role is set"},
		{Actions: []string{"iam:PassRole"}, On: roles, For: []Command{Up}, When: "the function's role was deleted and made again", Why: "the same"},
		{Actions: []string{"lambda:UpdateFunctionCode"}, On: functions, For: []Command{Up}, When: "a function's code was changed outside of its stack",
			Why: "CloudFormation does not see that"},
		{Actions: []string{"lambda:InvokeFunction"}, On: functions, For: []Command{Invoke, Verify, Up}, Why: "up copies a test object, as verify does"},
		{Actions: []string{"logs:DescribeLogGroups"}, On: logGroups, For: looks, Why: "the function's log group"},
		{Actions: []string{"logs:ListTagsForResource"}, On: logGroups, For: looks, Why: "whose it is"},
		{Actions: []string{"logs:DescribeLogStreams"}, On: logGroups, For: []Command{Doctor, Up}, When: "there is a log group outside of the stack",
			Why: "an empty one can be taken over"},
		{Actions: []string{"logs:FilterLogEvents"}, On: logGroups, For: []Command{Logs}, Why: "prints the log"},
		{Actions: []string{"scheduler:GetSchedule"}, On: schedules, For: checks, Why: "whether its name is free"},
		{Actions: []string{"scheduler:GetSchedule"}, On: schedules, For: []Command{Status, Down, Prune}, When: "`schedule`, `events` or `reconcile` is set", Why: "whose it is"},
		{Actions: []string{"sqs:GetQueueUrl"}, On: queues, For: checks, Why: "whether its name is free"},
		{Actions: []string{"sqs:ListQueueTags"}, On: queues, For: looks, When: "`deadLetterQueue` is set",
			Why: "whose it is"},

		{Actions: []string{"s3:ListBucket", "s3:GetEncryptionConfiguration"}, On: bucket, For: checks,
			Why: "the destination exists; how it encrypts what says nothing of it"},
		{Actions: []string{"s3:GetLifecycleConfiguration"}, On: bucket, For: checks, Optional: true, Why: "the rule that aborts incomplete uploads"},
		{Actions: []string{"s3:ListBucketMultipartUploads"}, On: bucket, For: append(checks, Uploads, Abort), Why: "incomplete uploads"},
		{Actions: []string{"s3:AbortMultipartUpload"}, On: objects, For: []Command{Abort}, Why: "removes them"},
		{Actions: []string{"s3:GetObject", "s3:DeleteObject"}, On: probes, For: []Command{Verify, Up},
			Why: "compares the copy of the test object, and removes it"},
		{Actions: []string{"kms:DescribeKey"}, On: key, For: checks, Optional: true,
			When: "the destination's default encryption is with a KMS key", Why: "whether it is the one in `kmsKey`"},
		{Actions: []string{"kms:Decrypt"}, On: key, For: []Command{Verify, Up}, When: "the destination is encrypted with a KMS key",
			Why: "S3 decrypts the copy that is compared"},

		{Actions: []string{"s3:ListBucket"}, On: assets, For: surveys, Why: "the environment's files in the CDK's bucket"},
		{Actions: []string{"s3:GetObject"}, On: files, For: surveys, When: "a stack was updated", Why: "earlier templates name earlier bundles; `up` compares the functions' code with the present one"},
		{Actions: []string{"s3:DeleteObject"}, On: files, For: removes, Why: "they go with the environment"},
		{Actions: []string{"s3:ListBucket"}, On: state, For: append(engines, Prune), When: "Pulumi's state is in S3", Why: "Pulumi's stacks and locks"},
		{Actions: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, On: stateFile, For: []Command{Up, Down, Prune},
			When: "Pulumi's state is in S3", Why: "its state, history and lock"},
		{Actions: []string{"s3:GetObject"}, On: stateFile, For: []Command{Drift}, When: "Pulumi's state is in S3", Why: "its state"},

		{Actions: []string{"s3:ListBucket"}, On: jobsBucket, For: append(checks, Bulk), When: "`bulk` is set", Why: "the bucket of the jobs, and its files"},
		{Actions: []string{"s3:GetObject", "s3:PutObject"}, On: jobsFiles, For: []Command{Bulk}, When: "`bulk` is set", Why: "plans, runs and reports"},
		{Actions: []string{"states:ListTagsForResource"}, On: machines, For: looks, When: "`bulk` is set", Why: "whose the state machine is"},
		{Actions: []string{"states:StartExecution"}, On: machines, For: []Command{Bulk}, When: "`bulk` is set", Why: "`bulk plan`, `run` and `verify` start the state machine"},
		{Actions: []string{"states:DescribeExecution", "states:ListMapRuns", "states:StopExecution"}, On: executions, For: []Command{Bulk}, When: "`bulk` is set",
			Why: "how far a job is; `bulk stop` stops it"},
		{Actions: []string{"states:DescribeMapRun", "states:UpdateMapRun"}, On: mapRuns, For: []Command{Bulk}, When: "`bulk` is set",
			Why: "the same; `bulk set` changes how much runs in parallel"},

		{Actions: []string{"iam:ListRolePolicies", "iam:DeleteRolePolicy", "iam:ListAttachedRolePolicies", "iam:DetachRolePolicy", "iam:DeleteRole"},
			On: roles, For: []Command{Down}, When: "a role outlived its stack", Why: "no engine removes it"},
		{Actions: []string{"lambda:DeleteFunction"}, On: functions, For: []Command{Down}, When: "a function outlived its stack", Why: "the same"},
		{Actions: []string{"logs:DeleteLogGroup"}, On: logGroups, For: removes,
			When: "the function's last lines made its log group again", Why: "the same"},

		{Actions: []string{"cloudformation:DescribeStackResources"}, On: anything, For: []Command{Adopt},
			Why: "which stack has a role, a function or a log group; it need not be one of ours"},
		{Actions: []string{"iam:ListRolePolicies", "iam:ListAttachedRolePolicies"}, On: roles, For: []Command{Adopt}, Why: "what the role is allowed to do"},
		{Actions: []string{"iam:GetRolePolicy"}, On: roles, For: []Command{Adopt}, When: "the role has inline policies, as after an interruption", Why: "the same"},
		{Actions: []string{"iam:DetachRolePolicy"}, On: roles, For: []Command{Adopt}, Why: "the environment's policies replace the article's"},
		{Actions: []string{"lambda:ListFunctions"}, On: anything, For: []Command{Adopt}, Why: "which other functions run as the role"},
		{Actions: []string{"lambda:UpdateFunctionConfiguration", "lambda:UpdateFunctionCode"}, On: functions, For: []Command{Adopt},
			Why: "hands the function over while it runs"},
		{Actions: []string{"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}, On: files, For: []Command{Adopt},
			Why: "keeps the function's present code until all is done; Lambda reads it with these rights"},
	}
}
