package cloudformation_test

import (
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
)

// imported creates a change set of type IMPORT.
func (c *cloud) imported(stack, set, body string, resources ...types.ResourceToImport) (*sdk.CreateChangeSetOutput, error) {
	return c.cfn.CreateChangeSet(c.ctx, &sdk.CreateChangeSetInput{
		StackName: &stack, ChangeSetName: &set, ChangeSetType: types.ChangeSetTypeImport, TemplateBody: &body,
		ResourcesToImport: resources, Capabilities: []capability{"CAPABILITY_NAMED_IAM"},
	})
}

// existing is a resource to import.
func existing(kind, id, property, name string) types.ResourceToImport {
	return types.ResourceToImport{ResourceType: &kind, LogicalResourceId: &id, ResourceIdentifier: map[string]string{property: name}}
}

func group(id, name string) types.ResourceToImport {
	return existing("AWS::Logs::LogGroup", id, "LogGroupName", name)
}

// logsTemplate is a template with log groups as they are given, and more sections.
func logsTemplate(more string, groups ...string) string {
	return `{"Resources":{` + strings.Join(groups, ",") + `}` + more + `}`
}

const (
	groupA   = `"A":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Delete","Properties":{"LogGroupName":"a"}}`
	groupB   = `"B":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Retain","Properties":{"LogGroupName":"b"}}`
	newRole  = `"Role":{"Type":"AWS::IAM::Role","DeletionPolicy":"Retain","Properties":{"RoleName":"existing","AssumeRolePolicyDocument":` + trustLambda + `}}`
	metadata = `"M":{"Type":"AWS::CDK::Metadata","DeletionPolicy":"Retain"}`
)

// makeGroups makes log groups.
func (c *cloud) makeGroups(names ...string) *cloudwatchlogs.Client {
	c.Helper()
	logs := cloudwatchlogs.NewFromConfig(c.config)
	for _, name := range names {
		if _, err := logs.CreateLogGroup(c.ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name}); err != nil {
			c.Fatal(err)
		}
	}
	return logs
}

// TestImport: existing resources become those of a new stack and, one more, of a stack that
// exists; nothing of them changes until an update does.
func TestImport(t *testing.T) {
	c := newCloud(t)
	logs := c.makeGroups("a", "b")
	made, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("existing"), AssumeRolePolicyDocument: text(trust), Description: text("by hand")})
	if err != nil {
		t.Fatal(err)
	}
	role := existing("AWS::IAM::Role", "Role", "RoleName", "existing")
	run := func(set, body string, resources ...types.ResourceToImport) []string {
		t.Helper()
		out, err := c.imported("app", set, body, resources...)
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.cfn.DescribeChangeSet(c.ctx, &sdk.DescribeChangeSetInput{ChangeSetName: out.Id})
		if err != nil || d.Status != types.ChangeSetStatusCreateComplete {
			t.Fatalf("the change set is %s, %v", d.Status, err)
		}
		if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
			t.Fatal(err)
		}
		if st := c.settled("app"); st.StackStatus != types.StackStatusImportComplete {
			t.Fatalf("the stack is in %s: %s", st.StackStatus, *st.StackStatusReason)
		}
		return lines(d)
	}
	summary, err := c.cfn.GetTemplateSummary(c.ctx, &sdk.GetTemplateSummaryInput{TemplateBody: text(logsTemplate("", groupA, newRole, groupB, metadata))})
	if err != nil {
		t.Fatal(err)
	}
	identified := map[string][]string{}
	for _, r := range summary.ResourceIdentifierSummaries {
		identified[*r.ResourceType] = slices.Concat(r.LogicalResourceIds, r.ResourceIdentifiers)
	}
	want := map[string][]string{"AWS::IAM::Role": {"Role", "RoleName"}, "AWS::Logs::LogGroup": {"A", "B", "LogGroupName"}}
	if diff := cmp.Diff(want, identified); diff != "" {
		t.Errorf("what identifies the resources (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Import A ", "Import Role "}, run("one", logsTemplate("", groupA, newRole), group("A", "a"), role)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Import B "}, run("two", logsTemplate("", groupA, newRole, groupB), group("B", "b"))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	steps := []string{"app IMPORT_IN_PROGRESS", "B IMPORT_IN_PROGRESS", "B IMPORT_COMPLETE", "app IMPORT_COMPLETE"}
	if all := c.events(*c.settled("app").StackId, "REVIEW_IN_PROGRESS"); cmp.Diff(steps, all[len(all)-len(steps):]) != "" {
		t.Errorf("events: %v", all)
	}
	got, err := c.iam.GetRole(c.ctx, &iam.GetRoleInput{RoleName: text("existing")})
	if err != nil || *got.Role.RoleId != *made.Role.RoleId || *got.Role.Description != "by hand" || len(got.Role.Tags) > 0 {
		t.Errorf("the role is %+v, %v", got.Role, err)
	}
	changed := strings.Replace(logsTemplate("", groupA, newRole, groupB), `"RoleName"`, `"Description":"by the stack","RoleName"`, 1)
	if st := c.update("app", changed); st.StackStatus != types.StackStatusUpdateComplete {
		t.Fatalf("the stack is in %s", st.StackStatus)
	}
	if got, err := c.iam.GetRole(c.ctx, &iam.GetRoleInput{RoleName: text("existing")}); err != nil || *got.Role.Description != "by the stack" {
		t.Errorf("after an update the role is %+v, %v", got, err)
	}
	c.delete("app")
	out, err := logs.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil || len(out.LogGroups) != 1 || *out.LogGroups[0].LogGroupName != "b" {
		t.Errorf("after the stack's deletion the log groups are %+v, %v", out.LogGroups, err)
	}
}

// TestRefusedImports: an import takes over, and does nothing else.
func TestRefusedImports(t *testing.T) {
	const grown = `,"Outputs":{"O":{"Value":"x"}}`
	role := existing("AWS::IAM::Role", "Role", "RoleName", "existing")
	for _, tt := range []struct {
		name, stack, body string
		resources         []types.ResourceToImport
		want              string
	}{
		{"no deletion policy", "new", logsTemplate("", strings.Replace(groupA, `"DeletionPolicy":"Delete",`, "", 1)), []types.ResourceToImport{group("A", "a")},
			"The following resources to import [A] must have DeletionPolicy attribute specified in the template."},
		{"outputs", "new", logsTemplate(grown, groupA), []types.ResourceToImport{group("A", "a")},
			"As part of the import operation, you cannot modify or add [Outputs]"},
		{"another resource", "new", logsTemplate("", groupA, groupB), []types.ResourceToImport{group("A", "a")},
			"You have modified resources [B] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations."},
		{"a changed resource", "app", logsTemplate("", strings.Replace(groupB, `"LogGroupName"`, `"RetentionInDays":7,"LogGroupName"`, 1), groupA), []types.ResourceToImport{group("A", "a")},
			"You have modified resources [B] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations."},
		{"a removed resource", "app", logsTemplate("", groupA), []types.ResourceToImport{group("A", "a")},
			"You have modified resources [B] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations."},
		{"again", "app", logsTemplate("", groupB), []types.ResourceToImport{group("B", "b")},
			"Resources [B] passed in ResourceToImport are already in a stack and cannot be imported."},
		{"of another stack", "new", logsTemplate("", groupB), []types.ResourceToImport{group("B", "b")},
			"Resources [B] passed in ResourceToImport are already in a stack and cannot be imported."},
		{"a type that cannot be imported", "new", logsTemplate("", metadata), []types.ResourceToImport{existing("AWS::CDK::Metadata", "M", "Id", "x")},
			"The following resource types are not supported for resource import: AWS::CDK::Metadata"},
		{"not in the template", "new", logsTemplate("", groupA), []types.ResourceToImport{group("X", "a")},
			"ResourcesToImport [X] do not exist in the template"},
		{"another type", "new", logsTemplate("", groupA), []types.ResourceToImport{existing("AWS::IAM::Role", "A", "RoleName", "a")},
			"The type AWS::IAM::Role of the resource to import A differs from that in the template, AWS::Logs::LogGroup"},
		{"another identifier", "new", logsTemplate("", groupA), []types.ResourceToImport{existing("AWS::Logs::LogGroup", "A", "Arn", "a")},
			"The resource to import A must be identified by [LogGroupName]"},
		{"another name", "new", logsTemplate("", groupA), []types.ResourceToImport{group("A", "c")},
			"The identifier c of the resource to import A differs from that in the template, a"},
		{"nothing to import", "new", logsTemplate("", groupA), nil,
			"ResourcesToImport must be specified for change sets of type IMPORT, and only for them"},
		{"no capability", "new", roleTemplate(newRole), []types.ResourceToImport{role}, "Requires capabilities : [CAPABILITY_NAMED_IAM]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			c.makeGroups("a", "b")
			if out, err := c.imported("app", "first", logsTemplate("", groupB), group("B", "b")); err != nil {
				t.Fatal(err)
			} else if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
				t.Fatal(err)
			}
			c.settled("app")
			in := &sdk.CreateChangeSetInput{StackName: &tt.stack, ChangeSetName: text("set"), ChangeSetType: types.ChangeSetTypeImport, TemplateBody: &tt.body, ResourcesToImport: tt.resources}
			if !strings.HasPrefix(tt.want, "Requires") {
				in.Capabilities = []capability{"CAPABILITY_NAMED_IAM"}
			}
			_, err := c.cfn.CreateChangeSet(c.ctx, in)
			if _, message, _ := strings.Cut(code(err), ": "); message != tt.want {
				t.Errorf("CreateChangeSet() = %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestFailedImport: what does not exist, or does not have the schema's form, is found when
// the change set is executed; the stack then has none of the resources, and they stay.
func TestFailedImport(t *testing.T) {
	for name, tt := range map[string]struct {
		resource, id, want string
	}{
		"missing": {`"Z":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Delete","Properties":{"LogGroupName":"z"}}`, "Z",
			"Resource of type 'AWS::Logs::LogGroup' with identifier 'z' was not found."},
		"malformed": {`"Z":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Delete","Properties":{"LogGroupName":"z","RetentionInDays":"long"}}`, "Z",
			"Properties validation failed for resource Z with message:\n[#/RetentionInDays: expected type: Integer, found: String]"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t)
			logs := c.makeGroups("a")
			out, err := c.imported("app", "set", logsTemplate("", groupA, tt.resource), group("A", "a"), group("Z", "z"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
				t.Fatal(err)
			}
			if st := c.settled("app"); st.StackStatus != types.StackStatusImportRollbackComplete {
				t.Errorf("the stack is in %s", st.StackStatus)
			}
			if got := c.reason("app", tt.id, "IMPORT_FAILED"); got != tt.want {
				t.Errorf("the reason is %q, want %q", got, tt.want)
			}
			held, err := c.cfn.ListStackResources(c.ctx, &sdk.ListStackResourcesInput{StackName: text("app")})
			if err != nil || len(held.StackResourceSummaries) > 0 {
				t.Errorf("the stack holds %+v, %v", held.StackResourceSummaries, err)
			}
			if all, err := logs.DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{}); err != nil || len(all.LogGroups) != 1 {
				t.Errorf("the log groups are %+v, %v", all.LogGroups, err)
			}
			// Without the fault the same stack imports.
			if out, err = c.imported("app", "again", logsTemplate("", groupA), group("A", "a")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.cfn.ExecuteChangeSet(c.ctx, &sdk.ExecuteChangeSetInput{ChangeSetName: out.Id}); err != nil {
				t.Fatal(err)
			}
			if st := c.settled("app"); st.StackStatus != types.StackStatusImportComplete {
				t.Errorf("the second time the stack is in %s", st.StackStatus)
			}
			if all := c.events(*c.settled("app").StackId, "IMPORT_IN_PROGRESS"); !slices.Contains(all, "A IMPORT_COMPLETE") {
				t.Errorf("events: %v", all)
			}
		})
	}
}
