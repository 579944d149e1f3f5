package aws_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// template is a small application as another author would write it.
const template = `AWSTemplateFormatVersion: "2010-09-09"
Description: An application of the AWS CLI's
Parameters:
  Stage: {Type: String, Default: test, AllowedValues: [test, prod]}
  Days: {Type: Number, Default: 7}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Files:
    Type: AWS::S3::Bucket
    Properties:
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
      BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]}
      LifecycleConfiguration: {Rules: [{Id: old, Status: Enabled, ExpirationInDays: !Ref Days}]}
  FilesPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Files
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Sid: TLS, Effect: Deny, Principal: "*", Action: "s3:*", Resource: [!GetAtt Files.Arn, !Sub "${Files.Arn}/*"], Condition: {Bool: {"aws:SecureTransport": "false"}}}
  Worker:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
      ManagedPolicyArns: [!Sub "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
  Stated:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Name: /app/stage, Value: !If [IsProd, live, !Ref Stage]}
  Log:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Join ["/", ["", app, !Ref Stage]], RetentionInDays: !Ref Days}
Outputs:
  Bucket: {Value: !Ref Files, Export: {Name: !Sub "${AWS::StackName}-bucket"}}
  Role: {Value: !GetAtt Worker.Arn}
`

func TestCLIStacks(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "aws")
	c.write("app.yaml", []byte(template))
	stack := func(args ...string) []string { return append([]string{"cloudformation"}, args...) }
	c.prints("CAPABILITY_IAM", stack("validate-template", "--template-body", "file://app.yaml", "--query", "Capabilities")...)
	deploy := stack("deploy", "--stack-name", "app", "--template-file", "app.yaml", "--capabilities", "CAPABILITY_IAM")
	if got := c.aws(deploy...); !strings.Contains(got, "Successfully created/updated stack - app") {
		t.Errorf("got %s", got)
	}
	c.aws(stack("wait", "stack-create-complete", "--stack-name", "app")...)
	c.prints("CREATE_COMPLETE", stack("describe-stacks", "--stack-name", "app", "--query", "Stacks[0].StackStatus")...)
	bucket := c.aws(stack("describe-stacks", "--stack-name", "app", "--query", "Stacks[0].Outputs[?OutputKey=='Bucket'].OutputValue", "--output", "text")...)
	c.prints("7", "s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket, "--query", "Rules[0].Expiration.Days")
	c.prints("test", "ssm", "get-parameter", "--name", "/app/stage", "--query", "Parameter.Value")

	if got := c.aws(append(deploy, "--no-fail-on-empty-changeset")...); !strings.Contains(got, "No changes to deploy. Stack app is up to date") {
		t.Errorf("got %s", got)
	}
	// Its name is the second, and the next one may have the same.
	empty := c.aws(stack("list-change-sets", "--stack-name", "app", "--query", "Summaries[?Status=='FAILED'].ChangeSetId", "--output", "text")...)
	c.aws(stack("delete-change-set", "--change-set-name", empty)...)
	c.aws(append(deploy, "--parameter-overrides", "Stage=prod", "Days=30", "--tags", "team=a")...)
	c.prints("UPDATE_COMPLETE\tprod", stack("describe-stacks", "--stack-name", "app", "--query", "Stacks[0].[StackStatus,Parameters[?ParameterKey=='Stage']|[0].ParameterValue]")...)
	c.prints("live", "ssm", "get-parameter", "--name", "/app/stage", "--query", "Parameter.Value")
	c.prints("30", "s3api", "get-bucket-lifecycle-configuration", "--bucket", bucket, "--query", "Rules[0].Expiration.Days")
	c.prints("a", stack("describe-stacks", "--stack-name", "app", "--query", "Stacks[0].Tags[].Value")...)
	c.prints("AWS::S3::Bucket", stack("describe-stack-resources", "--stack-name", "app", "--logical-resource-id", "Files", "--query", "StackResources[].ResourceType")...)
	c.prints(bucket, stack("list-exports", "--query", "Exports[?Name=='app-bucket'].Value")...)
	c.prints("app", stack("list-stacks", "--stack-status-filter", "UPDATE_COMPLETE", "--query", "StackSummaries[].StackName")...)
	c.prints("5", stack("list-stack-resources", "--stack-name", "app", "--query", "length(StackResourceSummaries)")...)
	if got := c.aws(stack("get-template", "--stack-name", "app", "--query", "TemplateBody", "--output", "text")...); !strings.Contains(got, "An application of the AWS CLI's") {
		t.Errorf("got template %s", got)
	}
	c.prints("Days\tStage", stack("get-template-summary", "--stack-name", "app", "--query", "sort(Parameters[].ParameterKey)")...)
	if got, want := c.fails(stack("update-stack", "--stack-name", "app", "--use-previous-template", "--capabilities", "CAPABILITY_IAM", "--parameters", "ParameterKey=Stage,UsePreviousValue=true", "ParameterKey=Days,UsePreviousValue=true", "--tags", "Key=team,Value=a")...), "(ValidationError) when calling the UpdateStack operation: No updates are to be performed."; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := c.fails(stack("detect-stack-drift", "--stack-name", "app")...), "The local AWS does not model the detection of drift."; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	c.write("bad.yaml", []byte(strings.Replace(template, "RetentionInDays: !Ref Days", "RetentionInDays: 8", 1)))
	if got := c.fails(stack("deploy", "--stack-name", "app", "--template-file", "bad.yaml", "--capabilities", "CAPABILITY_IAM")...); !strings.Contains(got, "Failed to create/update the stack") {
		t.Errorf("got %s", got)
	}
	c.prints("UPDATE_ROLLBACK_COMPLETE", stack("describe-stacks", "--stack-name", "app", "--query", "Stacks[0].StackStatus")...)
	c.aws(stack("delete-stack", "--stack-name", "app")...)
	c.aws(stack("wait", "stack-delete-complete", "--stack-name", "app")...)
	if got, want := c.fails(stack("describe-stacks", "--stack-name", "app")...), "(ValidationError) when calling the DescribeStacks operation: Stack with id app does not exist"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := c.aws("s3", "ls"); got != "" {
		t.Errorf("left: %s", got)
	}
}

// function builds the test function of the lambda package and packs it as people
// do, into function.zip.
func (c tool) function() {
	c.t.Helper()
	build := exec.CommandContext(c.t.Context(), "go", "build", "-tags", "lambda.norpc", "-ldflags", "-s -w -X main.version=one", "-o", filepath.Join(c.dir, "bootstrap"), "./lambda/testdata/function")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("building the function: %v\n%s", err, text)
	}
	if out, problem, err := c.command("python3", "-m", "zipfile", "-c", "function.zip", "bootstrap"); err != nil {
		c.t.Fatalf("packing the function: %v\n%s%s", err, out, problem)
	}
}

// architecture is this machine's, as Lambda calls it.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

func TestCLIFunctions(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "aws")
	c.function()
	role := c.aws("iam", "create-role", "--role-name", "worker", "--assume-role-policy-document", lambdaTrust, "--query", "Role.Arn", "--output", "text")
	c.aws("iam", "attach-role-policy", "--role-name", "worker", "--policy-arn", "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
	function := func(operation string, args ...string) []string {
		return append([]string{"lambda", operation, "--function-name", "f"}, args...)
	}
	c.prints("f\tprovided.al2023", function("create-function", "--runtime", "provided.al2023", "--handler", "bootstrap", "--architectures", architecture(), "--role", role, "--zip-file", "fileb://function.zip",
		"--environment", "Variables={COLOUR=blue}", "--timeout", "10", "--query", "[FunctionName,Runtime]")...)
	c.aws("lambda", "wait", "function-active-v2", "--function-name", "f")
	c.prints("200\tNone", function("invoke", "--payload", `{"do":"echo"}`, "--query", "[StatusCode,FunctionError]", "out.json")...)
	if got := string(c.read("out.json")); got == "" || got == "null" {
		t.Errorf("the function answered %q", got)
	}
	c.prints("blue", function("get-function-configuration", "--query", "Environment.Variables.COLOUR")...)
	c.prints("10", function("get-function", "--query", "Configuration.Timeout")...)
	c.aws(function("update-function-configuration", "--timeout", "20", "--environment", "Variables={COLOUR=red}")...)
	c.aws("lambda", "wait", "function-updated-v2", "--function-name", "f")
	c.prints("20", function("get-function-configuration", "--query", "Timeout")...)
	c.prints("f", function("update-function-code", "--zip-file", "fileb://function.zip", "--query", "FunctionName")...)
	c.prints("f", "lambda", "list-functions", "--query", "Functions[].FunctionName")
	if got := c.aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/f", "--query", "events[].message", "--output", "text"); !strings.Contains(got, "START RequestId: ") || !strings.Contains(got, "REPORT RequestId: ") {
		t.Errorf("got logs %s", got)
	}
	c.prints("/aws/lambda/f", "logs", "describe-log-groups", "--query", "logGroups[].logGroupName")
	c.aws(function("delete-function")...)
	if got, want := c.fails(function("get-function")...), "(ResourceNotFoundException) when calling the GetFunction operation: Function not found: arn:aws:lambda:us-east-1:111122223333:function:f"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
