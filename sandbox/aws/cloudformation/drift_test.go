package cloudformation_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
)

// TestRevertDrift: a drift-aware change set brings back what was changed or deleted
// outside of the stack, which a plain one does not see.
func TestRevertDrift(t *testing.T) {
	c := newCloud(t)
	const body = `{"Resources":{
		"Role":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"drifting","AssumeRolePolicyDocument":` + trustLambda + `,"Policies":[
			{"PolicyName":"b","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}},
			{"PolicyName":"a","PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}}]}},
		"Logs":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":"drifting","RetentionInDays":7}}}}`
	c.create("app", body)
	logs := cloudwatchlogs.NewFromConfig(c.config)
	revert := func(name string) *sdk.DescribeChangeSetOutput {
		t.Helper()
		out, err := c.cfn.CreateChangeSet(
			c.ctx,
			&sdk.CreateChangeSetInput{
				StackName:      text("app"),
				ChangeSetName:  &name,
				TemplateBody:   text(body),
				DeploymentMode: types.DeploymentModeRevertDrift,
				Capabilities:   []capability{"CAPABILITY_NAMED_IAM"},
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.cfn.DescribeChangeSet(c.ctx, &sdk.DescribeChangeSetInput{ChangeSetName: out.Id})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := revert("nothing"); d.Status != types.ChangeSetStatusFailed {
		t.Errorf("without drift the change set is %s: %v", d.Status, lines(d))
	}
	if _, err := c.iam.DeleteRolePolicy(c.ctx, &iam.DeleteRolePolicyInput{RoleName: text("drifting"), PolicyName: text("a")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("drifting"), PolicyName: text("c"), PolicyDocument: text(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := logs.DeleteLogGroup(c.ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: text("drifting")}); err != nil {
		t.Fatal(err)
	}
	if d := c.changeSet("app", "plain", "UPDATE", body); d.Status != types.ChangeSetStatusFailed {
		t.Errorf("a plain change set is %s: %v", d.Status, lines(d))
	}
	d := revert("drift")
	var actions []string
	for _, change := range d.Changes {
		actions = append(actions, string(change.ResourceChange.Action)+" "+*change.ResourceChange.LogicalResourceId)
	}
	if diff := cmp.Diff([]string{"Add Logs", "Modify Role"}, actions); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{StackName: text("app"), ChangeSetName: text("drift")}); err != nil {
		t.Fatal(err)
	}
	if st := c.settled("app"); st.StackStatus != types.StackStatusUpdateComplete {
		t.Fatalf("the stack is in %s", st.StackStatus)
	}
	policies, err := c.iam.ListRolePolicies(c.ctx, &iam.ListRolePoliciesInput{RoleName: text("drifting")})
	if diff := cmp.Diff([]string{"a", "b"}, policies.PolicyNames); err != nil || diff != "" {
		t.Errorf("policies (-want +got):\n%s\n%v", diff, err)
	}
	if groups, err := logs.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(groups.LogGroups) != 1 ||
		*groups.LogGroups[0].RetentionInDays != 7 {
		t.Errorf("log groups: %+v, %v", groups.LogGroups, err)
	}
	_, err = c.cfn.CreateChangeSet(
		c.ctx,
		&sdk.CreateChangeSetInput{
			StackName:      text("new"),
			ChangeSetName:  text("x"),
			ChangeSetType:  "CREATE",
			TemplateBody:   text(body),
			DeploymentMode: types.DeploymentModeRevertDrift,
			Capabilities:   []capability{"CAPABILITY_NAMED_IAM"},
		},
	)
	if code(err) == "" {
		t.Error("a stack that does not exist has drifted")
	}
}
