package cloudformation_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"
)

const workflow = `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Principal: {Service: SERVICE}, Action: "sts:AssumeRole"}]}
      Policies:
        - PolicyName: logs
          PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Resource: "*", Action: ["logs:*LogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:Describe*"]}]}
  Group:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/vendedlogs/states/bulk}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: bulk
      RoleArn: !GetAtt Role.Arn
      DEFINITION
      LoggingConfiguration: {Level: ERROR, Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Group.Arn}}]}
      TracingConfiguration: {Enabled: true}
      Tags: [{Key: stage, Value: test}]
Outputs:
  Arn: {Value: !Ref Machine}
  Name: {Value: !GetAtt Machine.Name}
  Revision: {Value: !GetAtt Machine.StateMachineRevisionId}
`

var requestID = regexp.MustCompile(`Request ID: [0-9a-f-]+\)`)

func TestStateMachines(t *testing.T) {
	c := newCloud(t)
	states := sfn.NewFromConfig(c.config)
	const arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:bulk"
	body := func(service, definition string) string {
		return strings.NewReplacer("SERVICE", service, "DEFINITION", definition).Replace(workflow)
	}
	const (
		text1  = `DefinitionString: '{"StartAt":"A","States":{"A":{"Type":"Pass","Result":"${word}","End":true}}}'` + "\n      DefinitionSubstitutions: {word: !Ref \"AWS::Region\"}"
		object = `Definition: {StartAt: A, States: {A: {Type: Pass, Result: [1, two, true], End: true}}}`
		bad    = `DefinitionString: '{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}'`
	)
	run := func() string {
		t.Helper()
		begun, err := states.StartExecution(c.ctx, &sfn.StartExecutionInput{StateMachineArn: text(arn)})
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			out, err := states.DescribeExecution(c.ctx, &sfn.DescribeExecutionInput{ExecutionArn: begun.ExecutionArn})
			if err != nil {
				t.Fatal(err)
			}
			if out.Status == "SUCCEEDED" {
				return *out.Output
			}
		}
		t.Fatal("the execution did not end")
		return ""
	}
	outputs := func(st types.Stack) map[string]string {
		m := map[string]string{}
		for _, o := range st.Outputs {
			m[*o.OutputKey] = *o.OutputValue
		}
		return m
	}
	st := c.create("bulk", body("states.amazonaws.com", text1), func(in *sdk.CreateStackInput) {
		in.Tags = []types.Tag{{Key: text("team"),
			Value: text("blue")}}
	})
	if st.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("got status %s, want CREATE_COMPLETE: %s", st.StackStatus, c.reason("bulk", "Machine", "CREATE_FAILED"))
	}
	if diff := cmp.Diff(map[string]string{"Arn": arn, "Name": "bulk", "Revision": "INITIAL"}, outputs(st)); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if got := run(); got != `"eu-central-1"` {
		t.Errorf("got %s, want the substitution", got)
	}
	tags, err := states.ListTagsForResource(c.ctx, &sfn.ListTagsForResourceInput{ResourceArn: text(arn)})
	if err != nil || len(tags.Tags) != 2 {
		t.Errorf("tags are %+v, %v", tags, err)
	}
	described, err := states.DescribeStateMachine(c.ctx, &sfn.DescribeStateMachineInput{StateMachineArn: text(arn)})
	if err != nil || described.LoggingConfiguration.Level != "ERROR" || !described.TracingConfiguration.Enabled {
		t.Errorf("DescribeStateMachine() = %+v, %v", described, err)
	}
	st = c.update("bulk", body("states.amazonaws.com", object))
	if st.StackStatus != types.StackStatusUpdateComplete || outputs(st)["Revision"] == "INITIAL" {
		t.Errorf("got status %s, outputs %v", st.StackStatus, outputs(st))
	}
	if got := run(); got != `[1,"two",true]` {
		t.Errorf("got %s, want the new definition", got)
	}
	if st := c.delete("bulk"); st.StackStatus != types.StackStatusDeleteComplete {
		t.Errorf("got status %s, want DELETE_COMPLETE", st.StackStatus)
	}
	for name, tt := range map[string]struct{ service, definition, want string }{
		"trust":      {"lambda.amazonaws.com", object, handler("Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.", "Sfn", "400", "AccessDenied")},
		"definition": {"states.amazonaws.com", bad, handler("Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /States/A/Next, MISSING_END_STATE: Workflow has no terminal state at null'", "Sfn", "400", "InvalidRequest")},
	} {
		if st := c.create(name, body(tt.service, tt.definition)); st.StackStatus != types.StackStatusRollbackComplete {
			t.Errorf("%s: got status %s, want ROLLBACK_COMPLETE", name, st.StackStatus)
		}
		got := requestID.ReplaceAllString(c.reason(name, "Machine", "CREATE_FAILED"), "Request ID: )")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if st := c.delete(name); st.StackStatus != types.StackStatusDeleteComplete {
			t.Errorf("%s: got status %s, want DELETE_COMPLETE", name, st.StackStatus)
		}
	}
}
