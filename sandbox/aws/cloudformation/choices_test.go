package cloudformation_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"
)

// operated has what watches, starts and catches a function. DAYS, LIMIT and HOURS
// change, and so do the lines BOUNDARY and DEAD.
const operated = `
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: dead, MessageRetentionPeriod: DAYS, SqsManagedSseEnabled: true}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Deny, Principal: "*", Action: "sqs:*", Resource: !GetAtt Queue.Arn, Condition: {Bool: {"aws:SecureTransport": "false"}}}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: operated
      AssumeRolePolicyDocument: TRUST
      BOUNDARY
      Policies:
        - PolicyName: send
          PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Queue.Arn}]}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: operated
      Role: !GetAtt Role.Arn
      Runtime: provided.al2023
      Handler: bootstrap
      Code: {S3Bucket: code-bucket, S3Key: f.zip}
      DEAD
  ScheduleRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: "sts:AssumeRole", Condition: {StringEquals: {"aws:SourceAccount": !Ref "AWS::AccountId"}}}]}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      Name: operated
      ScheduleExpression: rate(HOURS)
      ScheduleExpressionTimezone: Asia/Tokyo
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: !GetAtt Function.Arn, RoleArn: !GetAtt ScheduleRole.Arn, Input: "{}", RetryPolicy: {MaximumRetryAttempts: 3, MaximumEventAgeInSeconds: 3600}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: operated-duration
      Namespace: AWS/Lambda
      MetricName: Duration
      Dimensions: [{Name: FunctionName, Value: !Ref Function}]
      Statistic: Maximum
      Period: 300
      EvaluationPeriods: 1
      Threshold: LIMIT
      ComparisonOperator: GreaterThanOrEqualToThreshold
      AlarmActions: ["arn:aws:sns:eu-central-1:123456789012:alerts"]
Outputs:
  Queue: {Value: !GetAtt Queue.Arn}
  Address: {Value: !Ref Queue}
  Schedule: {Value: !GetAtt Schedule.Arn}
  Alarm: {Value: !GetAtt Alarm.Arn}
`

const boundaryLine = "PermissionsBoundary: arn:aws:iam::aws:policy/AdministratorAccess"

// withCode puts the code of a function that does nothing.
func (c *cloud) withCode() {
	c.Helper()
	objects := s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: text("code-bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		c.Fatal(err)
	}
	var bundle bytes.Buffer
	z := zip.NewWriter(&bundle)
	_, err := z.Create("bootstrap")
	if err == nil {
		err = z.Close()
	}
	if err == nil {
		_, err = objects.PutObject(c.ctx, &s3.PutObjectInput{Bucket: text("code-bucket"), Key: text("f.zip"), Body: bytes.NewReader(bundle.Bytes())})
	}
	if err != nil {
		c.Fatal(err)
	}
}

func TestOperatedFunctions(t *testing.T) {
	c := newCloud(t)
	c.withCode()
	body := func(days, limit, hours, boundary, dead string) string {
		return strings.NewReplacer("TRUST", trust, "DAYS", days, "LIMIT", limit, "HOURS", hours, "BOUNDARY", boundary, "DEAD", dead).Replace(operated)
	}
	tag := types.Tag{Key: text("team"), Value: text("blue")}
	st := c.create("operated", body("1209600", "240000", "1 hour", boundaryLine, "DeadLetterConfig: {TargetArn: !GetAtt Queue.Arn}"), func(in *sdk.CreateStackInput) { in.Tags = []types.Tag{tag} })
	if st.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("got status %s, want CREATE_COMPLETE: %v", st.StackStatus, c.events(*st.StackId, "CREATE_IN_PROGRESS"))
	}
	outputs := map[string]string{}
	for _, o := range st.Outputs {
		outputs[*o.OutputKey] = *o.OutputValue
	}
	address := outputs["Address"]
	delete(outputs, "Address")
	if diff := cmp.Diff(map[string]string{
		"Queue": "arn:aws:sqs:eu-central-1:123456789012:dead", "Schedule": "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/operated",
		"Alarm": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:operated-duration",
	}, outputs); diff != "" || !strings.HasSuffix(address, "/123456789012/dead") {
		t.Errorf("outputs, address %s (-want +got):\n%s", address, diff)
	}

	queues, schedules, functions, roles := sqs.NewFromConfig(c.config), scheduler.NewFromConfig(c.config), lambda.NewFromConfig(c.config), iam.NewFromConfig(c.config)
	// look is what there is of what changes.
	look := func() map[string]string {
		t.Helper()
		got := map[string]string{}
		attributes, err := queues.GetQueueAttributes(c.ctx, &sqs.GetQueueAttributesInput{QueueUrl: &address, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
		if err != nil {
			t.Fatal(err)
		}
		got["retention"] = attributes.Attributes["MessageRetentionPeriod"]
		if strings.Contains(attributes.Attributes["Policy"], "aws:SecureTransport") {
			got["policy"] = "set"
		}
		tags, err := queues.ListQueueTags(c.ctx, &sqs.ListQueueTagsInput{QueueUrl: &address})
		if err != nil {
			t.Fatal(err)
		}
		got["queue's team"] = tags.Tags["team"]
		alarm := c.server.Inert().All()["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:operated-duration"]
		if fmt.Sprint(alarm["Threshold"]) == "240000" {
			got["alarm"] = "near the timeout"
		}
		got["alarm's tags"] = fmt.Sprint(alarm["Tags"])
		schedule, err := schedules.GetSchedule(c.ctx, &scheduler.GetScheduleInput{Name: text("operated")})
		if err != nil {
			t.Fatal(err)
		}
		got["schedule"] = *schedule.ScheduleExpression
		function, err := functions.GetFunctionConfiguration(c.ctx, &lambda.GetFunctionConfigurationInput{FunctionName: text("operated")})
		if err != nil {
			t.Fatal(err)
		}
		if function.DeadLetterConfig != nil {
			got["dead letters"] = *function.DeadLetterConfig.TargetArn
		}
		role, err := roles.GetRole(c.ctx, &iam.GetRoleInput{RoleName: text("operated")})
		if err != nil {
			t.Fatal(err)
		}
		if role.Role.PermissionsBoundary != nil {
			got["boundary"] = *role.Role.PermissionsBoundary.PermissionsBoundaryArn
		}
		return got
	}
	if diff := cmp.Diff(map[string]string{
		"retention": "1209600", "policy": "set", "queue's team": "blue", "alarm": "near the timeout", "alarm's tags": "[map[Key:team Value:blue]]", "schedule": "rate(1 hour)",
		"dead letters": "arn:aws:sqs:eu-central-1:123456789012:dead", "boundary": "arn:aws:iam::aws:policy/AdministratorAccess",
	}, look()); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}

	tag.Value = text("red")
	st = c.update("operated", body("60", "1.5", "2 hours", "", ""), func(in *sdk.UpdateStackInput) { in.Tags = []types.Tag{tag} })
	if st.StackStatus != types.StackStatusUpdateComplete {
		t.Fatalf("got status %s, want UPDATE_COMPLETE: %v", st.StackStatus, c.events(*st.StackId, "UPDATE_IN_PROGRESS"))
	}
	if diff := cmp.Diff(map[string]string{"retention": "60", "policy": "set", "queue's team": "red", "alarm's tags": "[map[Key:team Value:red]]", "schedule": "rate(2 hours)"}, look()); diff != "" {
		t.Errorf("updated (-want +got):\n%s", diff)
	}

	if st = c.delete("operated"); st.StackStatus != types.StackStatusDeleteComplete {
		t.Errorf("got status %s, want DELETE_COMPLETE: %v", st.StackStatus, c.events(*st.StackId, "DELETE_IN_PROGRESS"))
	}
	if alarms := c.server.Inert().All(); len(alarms) > 0 {
		t.Errorf("alarms that are left: %v", alarms)
	}
	left, err := queues.ListQueues(c.ctx, &sqs.ListQueuesInput{})
	if err != nil || len(left.QueueUrls) > 0 {
		t.Errorf("queues that are left: %v, %v", left.QueueUrls, err)
	}
}

// TestOperatedFunctionsAreNotSkipped: what these types have and the sandbox has not
// fails the stack by its name.
func TestOperatedFunctionsAreNotSkipped(t *testing.T) {
	c := newCloud(t)
	for name, tt := range map[string]struct{ resource, want string }{
		"queue":    {"{Type: AWS::SQS::Queue, Properties: {RedrivePolicy: {}}}", "#: the local AWS does not model the property RedrivePolicy of AWS::SQS::Queue"},
		"alarm":    {"{Type: AWS::CloudWatch::Alarm, Properties: {EvaluationPeriods: 1, ComparisonOperator: GreaterThanThreshold, Metrics: []}}", "#: the local AWS does not model the property Metrics of AWS::CloudWatch::Alarm"},
		"limit":    {"{Type: AWS::CloudWatch::Alarm, Properties: {EvaluationPeriods: 1, ComparisonOperator: GreaterThanThreshold, Threshold: high}}", "#/Threshold: expected type: Number, found: String"},
		"schedule": {`{Type: AWS::Scheduler::Schedule, Properties: {ScheduleExpression: rate(1 hour), FlexibleTimeWindow: {Mode: "OFF"}, Target: {Arn: a, RoleArn: b, EcsParameters: {}}}}`, "#/Target: the local AWS does not model the property EcsParameters of AWS::Scheduler::Schedule"},
	} {
		st := c.create(name, "Resources:\n  R: "+tt.resource)
		if st.StackStatus != types.StackStatusRollbackComplete {
			t.Errorf("%s: got status %s, want ROLLBACK_COMPLETE", name, st.StackStatus)
			continue
		}
		want := "Properties validation failed for resource R with message:\n[" + tt.want + "]"
		if diff := cmp.Diff(want, c.reason(name, "R", "CREATE_FAILED")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
