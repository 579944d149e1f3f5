package rights

// CDKRight is what one of the roles of a CDK bootstrap is used for. A bootstrap gives them
// all of it (AWS CDK Developer Guide, "AWS CDK bootstrapping"); whoever bootstraps with
// policies of his own (--cloudformation-execution-policies) has to leave this in.
type CDKRight struct {
	Role    string // the part of its name that says what it is for
	Actions []string
	On      string
	When    string
}

// Execution is the role that CloudFormation makes an environment's resources with.
const Execution = "cfn-exec-role"

// CDK is the table of what the roles of a CDK bootstrap are used for. What the handlers of
// CloudFormation's resource types need is in the types' schemas; those of the sandbox use
// only a part of it, so that nothing here holds the real ones to it (believed).
func CDK() []CDKRight {
	const (
		deploy  = "deploy-role"
		publish = "file-publishing-role"
		lookup  = "lookup-role"
		version = "arn:aws:ssm:REGION:ACCOUNT:parameter/cdk-bootstrap/hnb659fds/version"
		toolkit = "arn:aws:cloudformation:REGION:ACCOUNT:stack/CDKToolkit/*"
		alarms  = "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:gcs-to-s3*"

		dashboards = "arn:aws:cloudwatch::ACCOUNT:dashboard/gcs-to-s3*"
	)
	return []CDKRight{
		{lookup, []string{"cloudformation:DescribeStacks", "cloudformation:GetTemplate"}, stacks, ""},
		{lookup, []string{"ssm:GetParameter"}, version, ""},
		{publish, []string{"s3:GetBucketLocation", "s3:GetEncryptionConfiguration", "s3:ListBucket"}, assets, ""},
		{publish, []string{"s3:PutObject"}, files, ""},
		{deploy, []string{"cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet",
			"cloudformation:DeleteStack", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks", "cloudformation:GetTemplate"}, stacks, ""},
		{deploy, []string{"cloudformation:DescribeStacks"}, toolkit, ""},
		{deploy, []string{"ssm:GetParameter", "ssm:GetParameters"}, version, ""},
		{deploy, []string{"s3:GetObject"}, files, ""},
		{deploy, []string{"iam:PassRole"}, "arn:aws:iam::ACCOUNT:role/cdk-hnb659fds-cfn-exec-role-ACCOUNT-REGION", ""},

		{Execution, []string{"s3:GetObject"}, files, ""},
		{Execution, []string{"iam:CreateRole", "iam:DeleteRole", "iam:GetRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy",
			"iam:TagRole", "iam:UntagRole", "iam:PassRole", "iam:PutRolePolicy", "iam:GetRolePolicy", "iam:DeleteRolePolicy", "iam:ListRolePolicies",
			"iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:ListAttachedRolePolicies", "iam:PutRolePermissionsBoundary",
			"iam:DeleteRolePermissionsBoundary"}, roles, ""},
		{Execution, []string{"lambda:CreateFunction", "lambda:DeleteFunction", "lambda:GetFunction", "lambda:GetFunctionConfiguration",
			"lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", "lambda:TagResource", "lambda:UntagResource",
			"lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig", "lambda:GetFunctionEventInvokeConfig",
			"lambda:DeleteFunctionEventInvokeConfig"}, functions, ""},
		{Execution, []string{"lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"}, functions, "`events` or `bulkReservedConcurrency` is set"},
		{Execution, []string{"logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
			"logs:TagResource", "logs:UntagResource", "logs:ListTagsForResource"}, logGroups, ""},
		{Execution, []string{"scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"}, schedules,
			"`schedule`, `events` or `reconcile` is set"},
		{Execution, []string{"sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:TagQueue",
			"sqs:UntagQueue", "sqs:ListQueueTags"}, queues, "`deadLetterQueue` is set"},
		{Execution, []string{"states:CreateStateMachine", "states:DeleteStateMachine", "states:DescribeStateMachine", "states:UpdateStateMachine",
			"states:TagResource", "states:UntagResource", "states:ListTagsForResource"}, machines, "`bulk` is set"},
		{Execution, []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:TagResource",
			"cloudwatch:UntagResource", "cloudwatch:ListTagsForResource"}, alarms, "`alarms` is set"},
		{Execution, []string{"cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"}, dashboards, "`dashboard` is set"},
	}
}

// ExecutionPolicy is the IAM policy for the role that CloudFormation works with.
func ExecutionPolicy() string {
	var table []Right
	for _, r := range CDK() {
		if r.Role == Execution {
			table = append(table, Right{Actions: r.Actions, On: r.On})
		}
	}
	return document(table)
}
