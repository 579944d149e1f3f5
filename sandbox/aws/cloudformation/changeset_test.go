package cloudformation_test

import (
	"fmt"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/google/go-cmp/cmp"
)

// changeSet creates a change set and describes it.
func (c *cloud) changeSet(stack, name string, kind types.ChangeSetType, body string) *sdk.DescribeChangeSetOutput {
	c.Helper()
	out, err := c.cfn.CreateChangeSet(c.ctx, &sdk.CreateChangeSetInput{StackName: &stack, ChangeSetName: &name, ChangeSetType: kind, TemplateBody: &body, Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
	if err != nil {
		c.Fatal(err)
	}
	d, err := c.cfn.DescribeChangeSet(c.ctx, &sdk.DescribeChangeSetInput{ChangeSetName: out.Id, IncludePropertyValues: new(true)})
	if err != nil {
		c.Fatal(err)
	}
	return d
}

// lines are the changes of a change set in short.
func lines(d *sdk.DescribeChangeSetOutput) []string {
	var out []string
	for _, change := range d.Changes {
		r := change.ResourceChange
		line := fmt.Sprintf("%s %s %s", r.Action, *r.LogicalResourceId, r.Replacement)
		for _, detail := range r.Details {
			t := detail.Target
			line += fmt.Sprintf(" [%s %s %s %s %q->%q]", t.Attribute, awssdk.ToString(t.Name), t.RequiresRecreation, detail.Evaluation, awssdk.ToString(t.BeforeValue), awssdk.ToString(t.AfterValue))
		}
		out = append(out, line)
	}
	return out
}

func TestChangeSets(t *testing.T) {
	c := newCloud(t)
	first := roleTemplate(role + "," + rolePolicy + `, "Old": {"Type": "AWS::CDK::Metadata"}`)
	d := c.changeSet("app", "one", "CREATE", first)
	if diff := cmp.Diff([]string{"Add Old ", "Add Role ", "Add Policy "}, lines(d)); diff != "" {
		t.Errorf("changes of the create (-want +got):\n%s", diff)
	}
	if st := c.settled("app"); st.StackStatus != types.StackStatusReviewInProgress {
		t.Errorf("got status %s, want REVIEW_IN_PROGRESS", st.StackStatus)
	}
	if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{StackName: text("app"), ChangeSetName: text("one")}); err != nil {
		t.Fatal(err)
	}
	if st := c.settled("app"); st.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("got status %s, want CREATE_COMPLETE", st.StackStatus)
	}

	d = c.changeSet("app", "same", "UPDATE", first)
	if got := fmt.Sprint(d.Status, " ", awssdk.ToString(d.StatusReason)); got != "FAILED The submitted information didn't contain changes. Submit different information to create a change set." {
		t.Errorf("got %s, want a failure for want of changes", got)
	}
	second := roleTemplate(strings.NewReplacer(`"app"`, `"app2"`, `"one"`, `"two"`).Replace(role) + "," + rolePolicy + `, "New": {"Type": "AWS::CDK::Metadata"}`)
	d = c.changeSet("app", "two", "UPDATE", second)
	want := []string{
		"Add New ",
		`Modify Role True [Properties Description Never Static "one"->"two"] [Properties RoleName Always Static "app"->"app2"]`,
		`Modify Policy False [Properties Roles Never Dynamic "[\"app\"]"->"[\"{{changeSet:KNOWN_AFTER_APPLY}}\"]"]`,
		"Remove Old ",
	}
	if diff := cmp.Diff(want, lines(d)); diff != "" {
		t.Errorf("changes of the update (-want +got):\n%s", diff)
	}

	c.update("app", second)
	_, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{StackName: text("app"), ChangeSetName: text("two")})
	if !strings.HasPrefix(code(err), "InvalidChangeSetStatus: ") {
		t.Errorf("executing an obsolete change set: got %q, want InvalidChangeSetStatus", code(err))
	}
	_, err = c.cfn.CreateChangeSet(c.ctx, &sdk.CreateChangeSetInput{StackName: text("app"), ChangeSetName: text("two"), TemplateBody: &second, Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
	if diff := cmp.Diff("AlreadyExistsException: ChangeSet two already exists", code(err)); diff != "" {
		t.Errorf("the same name (-want +got):\n%s", diff)
	}
	for range 2 { // the second time there is nothing to delete, which is no error
		if _, err := c.cfn.DeleteChangeSet(c.ctx, &sdk.DeleteChangeSetInput{StackName: text("app"), ChangeSetName: text("two")}); err != nil {
			t.Error(err)
		}
	}
	_, err = c.cfn.DescribeChangeSet(c.ctx, &sdk.DescribeChangeSetInput{StackName: text("app"), ChangeSetName: text("two")})
	if diff := cmp.Diff("ChangeSetNotFound: ChangeSet [two] does not exist", code(err)); diff != "" {
		t.Errorf("describing a deleted change set (-want +got):\n%s", diff)
	}
	_, err = c.cfn.CreateChangeSet(c.ctx, &sdk.CreateChangeSetInput{StackName: text("none"), ChangeSetName: text("x"), ChangeSetType: "UPDATE", TemplateBody: &second})
	if diff := cmp.Diff("ValidationError: Stack [none] does not exist", code(err)); diff != "" {
		t.Errorf("updating no stack (-want +got):\n%s", diff)
	}
}

func TestExports(t *testing.T) {
	c := newCloud(t)
	exporter := func(value, name string) string {
		return `{"Resources":{"M":{"Type":"AWS::CDK::Metadata"}},"Outputs":{"O":{"Value":"` + value + `","Export":{"Name":"` + name + `"}}}}`
	}
	importer := `{"Resources":{"M":{"Type":"AWS::CDK::Metadata","Properties":{"Analytics":{"Fn::ImportValue":"shared"}}}}}`

	st := c.create("early", importer)
	if st.StackStatus != types.StackStatusRollbackComplete || !strings.Contains(c.reason(*st.StackId, "early", "ROLLBACK_IN_PROGRESS"), "No export named shared found") {
		t.Errorf("without the export: got status %s", st.StackStatus)
	}
	c.create("producer", exporter("1", "shared"))
	c.create("consumer", importer)
	imports, err := c.cfn.ListImports(c.ctx, &sdk.ListImportsInput{ExportName: text("shared")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"consumer"}, imports.Imports); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
	_, err = c.cfn.DeleteStack(c.ctx, &sdk.DeleteStackInput{StackName: text("producer")})
	if diff := cmp.Diff("ValidationError: Export shared cannot be deleted as it is in use by consumer", code(err)); diff != "" {
		t.Errorf("deleting the exporter (-want +got):\n%s", diff)
	}
	for name, tt := range map[string]struct{ body, reason string }{
		"removal": {exporter("1", "other"), "Export shared cannot be deleted as it is in use by consumer. "},
		"change":  {exporter("2", "shared"), "Export shared cannot be updated as it is in use by consumer. "},
	} {
		st := c.update("producer", tt.body)
		if st.StackStatus != types.StackStatusUpdateRollbackComplete {
			t.Errorf("%s: got status %s, want UPDATE_ROLLBACK_COMPLETE", name, st.StackStatus)
		}
		if diff := cmp.Diff(tt.reason, c.reason(*st.StackId, "producer", "UPDATE_ROLLBACK_IN_PROGRESS")); diff != "" {
			t.Errorf("%s: reason (-want +got):\n%s", name, diff)
		}
	}
	st = c.create("twin", exporter("9", "shared"))
	if got := c.reason(*st.StackId, "twin", "ROLLBACK_IN_PROGRESS"); !strings.Contains(got, "Export with name shared is already exported by stack producer") {
		t.Errorf("got reason %q, want the export to be taken", got)
	}
	c.delete("consumer")
	if got := c.delete("producer").StackStatus; got != types.StackStatusDeleteComplete {
		t.Errorf("got status %s, want DELETE_COMPLETE", got)
	}
}
