package cloudformation_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
)

const trustLambda = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// TestNamesThatAreTaken: creating the change set fails, and a new stack stays in review.
func TestNamesThatAreTaken(t *testing.T) {
	c := newCloud(t)
	if _, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("taken"), AssumeRolePolicyDocument: text(trustLambda)}); err != nil {
		t.Fatal(err)
	}
	named := func(name string) string {
		return `{"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"` + name + `","AssumeRolePolicyDocument":` + trustLambda + `}}}}`
	}
	fails := func(d *sdk.DescribeChangeSetOutput) {
		t.Helper()
		if d.Status != types.ChangeSetStatusFailed || d.ExecutionStatus != types.ExecutionStatusUnavailable ||
			!strings.HasPrefix(
				*d.StatusReason,
				"The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck].",
			) {
			t.Errorf("the change set is %s, %s: %s", d.Status, d.ExecutionStatus, *d.StatusReason)
		}
	}
	fails(c.changeSet("app", "one", "CREATE", named("taken")))
	if st := c.settled("app"); st.StackStatus != types.StackStatusReviewInProgress || len(st.Tags) > 0 {
		t.Errorf("the stack is in %s, with the tags %v", st.StackStatus, st.Tags)
	}
	if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{StackName: text("app"), ChangeSetName: text("one")}); code(
		err,
	) == "" {
		t.Error("a failed change set is executed")
	}
	c.changeSet("app", "two", "CREATE", named("free"))
	if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{StackName: text("app"), ChangeSetName: text("two")}); err != nil {
		t.Fatal(err)
	}
	if st := c.settled("app"); st.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("the stack is in %s", st.StackStatus)
	}
	fails(c.changeSet("app", "three", "UPDATE", named("taken"))) // a replacement
	if st := c.settled("app"); st.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("the stack is in %s", st.StackStatus)
	}
}

// TestImportExistingResources: a log group is taken over as it is, and stays when the
// stack fails; what has no deletion policy that keeps it is not imported.
func TestImportExistingResources(t *testing.T) {
	c := newCloud(t)
	logs := cloudwatchlogs.NewFromConfig(c.config)
	for _, name := range []string{"a", "b"} {
		if _, err := logs.CreateLogGroup(c.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	group := func(name, policy, more string) string {
		return `{"Resources":{"Logs":{"Type":"AWS::Logs::LogGroup",` + policy + `"Properties":{"LogGroupName":"` + name + `","RetentionInDays":7}}` + more + `}}`
	}
	const keeps = `"DeletionPolicy":"RetainExceptOnCreate",`
	run := func(stack, body string) (*sdk.DescribeChangeSetOutput, types.Stack) {
		t.Helper()
		out, err := c.cfn.CreateChangeSet(
			c.ctx,
			&sdk.CreateChangeSetInput{
				StackName:               &stack,
				ChangeSetName:           text("set"),
				ChangeSetType:           "CREATE",
				TemplateBody:            &body,
				ImportExistingResources: new(true),
				Capabilities:            []capability{"CAPABILITY_NAMED_IAM"},
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.cfn.DescribeChangeSet(c.ctx, &sdk.DescribeChangeSetInput{ChangeSetName: out.Id})
		if err != nil {
			t.Fatal(err)
		}
		if d.Status == types.ChangeSetStatusFailed {
			return d, types.Stack{}
		}
		if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
			t.Fatal(err)
		}
		return d, c.settled(stack)
	}
	for stack, policy := range map[string]string{"bare": "", "deleting": `"DeletionPolicy":"Delete",`} {
		const want = "must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template for successful import. The affected resources are Logs ({LogGroupName=a})"
		if d, _ := run(stack, group("a", policy, "")); d.Status != types.ChangeSetStatusFailed || !strings.HasSuffix(*d.StatusReason, want) {
			t.Errorf("with %q the change set is %s: %v", policy, d.Status, d.StatusReason)
		}
	}
	d, st := run("app", group("a", keeps, ""))
	if diff := cmp.Diff([]string{"Import Logs "}, lines(d)); diff != "" || st.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("the stack is in %s; changes (-want +got):\n%s", st.StackStatus, diff)
	}
	out, err := logs.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil || len(out.LogGroups) != 2 || out.LogGroups[0].RetentionInDays != nil {
		t.Errorf("the log groups are %+v, %v", out.LogGroups, err)
	}
	const role = `,"Role":{"Type":"AWS::IAM::Role","Properties":{"ManagedPolicyArns":["arn:aws:iam::aws:policy/NoSuchPolicy"],"AssumeRolePolicyDocument":` + trustLambda + `}}`
	if _, st := run("failing", group("b", keeps, role)); st.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("the stack is in %s", st.StackStatus)
	}
	if out, err := logs.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(out.LogGroups) != 2 {
		t.Errorf("the log groups are %+v, %v", out.LogGroups, err)
	}
	if d, _ := run("another", group("a", keeps, "")); d.Status != types.ChangeSetStatusFailed {
		t.Errorf("what another stack holds: the change set is %s", d.Status)
	}
	c.delete("app")
	if out, err := logs.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(out.LogGroups) != 2 {
		t.Errorf("the log groups are %+v, %v", out.LogGroups, err)
	}
}
