package cloudformation_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
)

const role = `"Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "app", "Description": "one", "AssumeRolePolicyDocument": TRUST}}`

const rolePolicy = `"Policy": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "p", "Roles": [{"Ref": "Role"}],
	"PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}}}`

func TestCreateUpdateDelete(t *testing.T) {
	c := newCloud(t)
	st := c.create("app", roleTemplate(role+","+rolePolicy))
	id := *st.StackId
	if got, want := string(st.StackStatus), "CREATE_COMPLETE"; got != want {
		t.Fatalf("got status %s, want %s: %v", got, want, c.events(id, ""))
	}
	want := []string{"app CREATE_IN_PROGRESS",
		"Role CREATE_IN_PROGRESS", "Role CREATE_IN_PROGRESS", "Role CREATE_COMPLETE",
		"Policy CREATE_IN_PROGRESS", "Policy CREATE_IN_PROGRESS", "Policy CREATE_COMPLETE", "app CREATE_COMPLETE"}
	if diff := cmp.Diff(want, c.events(id, "")); diff != "" {
		t.Errorf("events of the create (-want +got):\n%s", diff)
	}

	st = c.update("app", roleTemplate(strings.Replace(role, "one", "two", 1)+","+rolePolicy))
	want = []string{"Role UPDATE_IN_PROGRESS", "Role UPDATE_COMPLETE", "app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "app UPDATE_COMPLETE"}
	if diff := cmp.Diff(want, c.events(id, "UPDATE_IN_PROGRESS")); diff != "" {
		t.Errorf("events of the update (-want +got):\n%s", diff)
	}
	got, err := c.iam.GetRole(c.ctx, &iam.GetRoleInput{RoleName: text("app")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Role.Description != "two" {
		t.Errorf("got description %q, want two", *got.Role.Description)
	}

	_, err = c.cfn.UpdateStack(c.ctx, &sdk.UpdateStackInput{StackName: text("app"), TemplateBody: text(roleTemplate(strings.Replace(role, "one", "two", 1) + "," + rolePolicy)), Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
	if diff := cmp.Diff("ValidationError: No updates are to be performed.", code(err)); diff != "" {
		t.Errorf("the same again (-want +got):\n%s", diff)
	}

	if st = c.delete("app"); string(st.StackStatus) != "DELETE_COMPLETE" {
		t.Errorf("got status %s, want DELETE_COMPLETE", st.StackStatus)
	}
	want = []string{"Policy DELETE_IN_PROGRESS", "Policy DELETE_COMPLETE", "Role DELETE_IN_PROGRESS", "Role DELETE_COMPLETE", "app DELETE_COMPLETE"}
	if diff := cmp.Diff(want, c.events(id, "DELETE_IN_PROGRESS")); diff != "" {
		t.Errorf("events of the delete (-want +got):\n%s", diff)
	}
	_, err = c.cfn.DescribeStacks(c.ctx, &sdk.DescribeStacksInput{StackName: text("app")})
	if diff := cmp.Diff("ValidationError: Stack with id app does not exist", code(err)); diff != "" {
		t.Errorf("describing a deleted stack (-want +got):\n%s", diff)
	}
	if _, err = c.cfn.DeleteStack(c.ctx, &sdk.DeleteStackInput{StackName: text("app")}); err != nil {
		t.Errorf("deleting it again: %v", err)
	}
}

func TestReplacement(t *testing.T) {
	c := newCloud(t)
	c.create("app", roleTemplate(role+","+rolePolicy))
	st := c.update("app", roleTemplate(strings.Replace(role, `"app"`, `"app2"`, 1)+","+rolePolicy))
	want := []string{
		"Role UPDATE_IN_PROGRESS", "Role UPDATE_IN_PROGRESS", "Role UPDATE_COMPLETE",
		"Policy UPDATE_IN_PROGRESS", "Policy UPDATE_COMPLETE",
		"app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Role DELETE_IN_PROGRESS", "Role DELETE_COMPLETE", "app UPDATE_COMPLETE"}
	if diff := cmp.Diff(want, c.events(*st.StackId, "UPDATE_IN_PROGRESS")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := *c.resource("app", "Role").PhysicalResourceId; got != "app2" {
		t.Errorf("got role %s, want app2", got)
	}
	if _, err := c.iam.GetRole(c.ctx, &iam.GetRoleInput{RoleName: text("app")}); !strings.HasPrefix(code(err), "NoSuchEntity: ") {
		t.Errorf("the old role: got %v, want NoSuchEntity", err)
	}

	// A replacement that keeps the custom name cannot be made before the old one goes.
	st = c.update("app", roleTemplate(strings.Replace(role, `"RoleName": "app"`, `"RoleName": "app2", "Path": "/x/"`, 1)+","+rolePolicy))
	if got := string(st.StackStatus); got != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("got status %s, want UPDATE_ROLLBACK_COMPLETE", got)
	}
	const reason = "CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename app2 and update the stack again."
	if diff := cmp.Diff(reason, c.reason(*st.StackId, "Role", "UPDATE_FAILED")); diff != "" {
		t.Errorf("reason (-want +got):\n%s", diff)
	}
}

func TestFailedCreate(t *testing.T) {
	bad := `"Bad": {"Type": "AWS::IAM::Role", "DependsOn": "Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": "nonsense"}}}`
	tests := []struct {
		name, onFailure, status string
		events                  []string
	}{
		{"rollback", "ROLLBACK", "ROLLBACK_COMPLETE", []string{"app ROLLBACK_IN_PROGRESS", "Role DELETE_IN_PROGRESS", "Role DELETE_COMPLETE", "app ROLLBACK_COMPLETE"}},
		{"do nothing", "DO_NOTHING", "CREATE_FAILED", []string{"app CREATE_FAILED"}},
		{"delete", "DELETE", "DELETE_COMPLETE", []string{"app DELETE_IN_PROGRESS", "Role DELETE_IN_PROGRESS", "Role DELETE_COMPLETE", "app DELETE_COMPLETE"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			st := c.create("app", roleTemplate(role+","+bad), func(in *sdk.CreateStackInput) { in.OnFailure = onFailure(tt.onFailure) })
			if got := string(st.StackStatus); got != tt.status {
				t.Errorf("got status %s, want %s", got, tt.status)
			}
			want := append([]string{"app CREATE_IN_PROGRESS", "Role CREATE_IN_PROGRESS", "Role CREATE_IN_PROGRESS", "Role CREATE_COMPLETE",
				"Bad CREATE_IN_PROGRESS", "Bad CREATE_FAILED"}, tt.events...)
			if diff := cmp.Diff(want, c.events(*st.StackId, "")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if tt.status == "ROLLBACK_COMPLETE" {
				const reason = "The following resource(s) failed to create: [Bad]. Rollback requested by user."
				if diff := cmp.Diff(reason, c.reason(*st.StackId, "app", "ROLLBACK_IN_PROGRESS")); diff != "" {
					t.Errorf("reason (-want +got):\n%s", diff)
				}
				_, err := c.cfn.UpdateStack(c.ctx, &sdk.UpdateStackInput{StackName: text("app"), TemplateBody: text(roleTemplate(role)), Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
				if want := "ValidationError: Stack:" + *st.StackId + " is in ROLLBACK_COMPLETE state and can not be updated."; code(err) != want {
					t.Errorf("updating it: got %q, want %q", code(err), want)
				}
			}
		})
	}
}

func TestFailedUpdate(t *testing.T) {
	c := newCloud(t)
	c.create("app", roleTemplate(role+`, "Gone": {"Type": "AWS::CDK::Metadata"}`))
	worse := strings.Replace(role, "one", "two", 1) +
		`, "New": {"Type": "AWS::CDK::Metadata", "DependsOn": "Role"}` +
		`, "Twin": {"Type": "AWS::IAM::Role", "DependsOn": "New", "Properties": {"RoleName": "app", "AssumeRolePolicyDocument": TRUST}}`
	st := c.update("app", roleTemplate(worse))
	want := []string{
		"Role UPDATE_IN_PROGRESS", "Role UPDATE_COMPLETE",
		"New CREATE_IN_PROGRESS", "New CREATE_IN_PROGRESS", "New CREATE_COMPLETE",
		"Twin CREATE_IN_PROGRESS", "Twin CREATE_FAILED",
		"app UPDATE_ROLLBACK_IN_PROGRESS", "Role UPDATE_IN_PROGRESS", "Role UPDATE_COMPLETE",
		"app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "New DELETE_IN_PROGRESS", "New DELETE_COMPLETE", "app UPDATE_ROLLBACK_COMPLETE"}
	if diff := cmp.Diff(want, c.events(*st.StackId, "UPDATE_IN_PROGRESS")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	got, err := c.iam.GetRole(c.ctx, &iam.GetRoleInput{RoleName: text("app")})
	if err != nil {
		t.Fatal(err)
	}
	if *got.Role.Description != "one" {
		t.Errorf("got description %q after the rollback, want one", *got.Role.Description)
	}
	if reason := c.reason(*st.StackId, "Twin", "CREATE_FAILED"); !strings.Contains(reason, "HandlerErrorCode: AlreadyExists") {
		t.Errorf("got reason %q, want AlreadyExists", reason)
	}
	// The stack is what it was, so its first template changes nothing.
	_, err = c.cfn.UpdateStack(c.ctx, &sdk.UpdateStackInput{StackName: text("app"), TemplateBody: text(roleTemplate(role + `, "Gone": {"Type": "AWS::CDK::Metadata"}`)), Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
	if diff := cmp.Diff("ValidationError: No updates are to be performed.", code(err)); diff != "" {
		t.Errorf("update to what it was (-want +got):\n%s", diff)
	}
}

func TestRollbackByHand(t *testing.T) {
	c := newCloud(t)
	c.create("app", roleTemplate(role))
	worse := strings.Replace(role, "one", "two", 1) + `, "Twin": {"Type": "AWS::IAM::Role", "DependsOn": "Role", "Properties": {"RoleName": "app", "AssumeRolePolicyDocument": TRUST}}`
	st := c.update("app", roleTemplate(worse), func(in *sdk.UpdateStackInput) { in.DisableRollback = new(true) })
	if got := string(st.StackStatus); got != "UPDATE_FAILED" {
		t.Fatalf("got status %s, want UPDATE_FAILED", got)
	}
	if _, err := c.cfn.RollbackStack(c.ctx, &sdk.RollbackStackInput{StackName: text("app")}); err != nil {
		t.Fatal(err)
	}
	if got := string(c.settled("app").StackStatus); got != "UPDATE_ROLLBACK_COMPLETE" {
		t.Errorf("got status %s, want UPDATE_ROLLBACK_COMPLETE", got)
	}
}

func TestDeletionPolicies(t *testing.T) {
	kept := `"Kept": {"Type": "AWS::IAM::Role", "DeletionPolicy": "Retain", "Properties": {"RoleName": "kept", "AssumeRolePolicyDocument": TRUST}}`
	once := `"Once": {"Type": "AWS::IAM::Role", "DeletionPolicy": "RetainExceptOnCreate", "Properties": {"RoleName": "once", "AssumeRolePolicyDocument": TRUST}}`
	t.Run("delete", func(t *testing.T) {
		c := newCloud(t)
		st := c.create("app", roleTemplate(kept+","+once+","+role))
		c.delete("app")
		want := []string{"Role DELETE_IN_PROGRESS", "Role DELETE_COMPLETE", "Once DELETE_SKIPPED", "Kept DELETE_SKIPPED", "app DELETE_COMPLETE"}
		if diff := cmp.Diff(want, c.events(*st.StackId, "DELETE_IN_PROGRESS")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
	t.Run("failed create", func(t *testing.T) {
		c := newCloud(t)
		twin := `"Twin": {"Type": "AWS::IAM::Role", "DependsOn": ["Kept", "Once"], "Properties": {"RoleName": "kept", "AssumeRolePolicyDocument": TRUST}}`
		st := c.create("app", roleTemplate(kept+","+once+","+twin))
		want := []string{"Once DELETE_IN_PROGRESS", "Once DELETE_COMPLETE", "Kept DELETE_SKIPPED", "app ROLLBACK_COMPLETE"}
		if diff := cmp.Diff(want, c.events(*st.StackId, "ROLLBACK_IN_PROGRESS")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
	t.Run("replacement", func(t *testing.T) {
		c := newCloud(t)
		named := `"Role": {"Type": "AWS::IAM::Role", "UpdateReplacePolicy": "Retain", "Properties": {"RoleName": "NAME", "AssumeRolePolicyDocument": TRUST}}`
		c.create("app", roleTemplate(strings.Replace(named, "NAME", "a", 1)))
		st := c.update("app", roleTemplate(strings.Replace(named, "NAME", "b", 1)))
		want := []string{"Role DELETE_SKIPPED", "app UPDATE_COMPLETE"}
		if diff := cmp.Diff(want, c.events(*st.StackId, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestDeleteFailed(t *testing.T) {
	c := newCloud(t)
	st := c.create("app", roleTemplate(role))
	// Someone else's inline policy keeps the role.
	doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("app"), PolicyName: text("theirs"), PolicyDocument: &doc}); err != nil {
		t.Fatal(err)
	}
	if got := string(c.delete("app").StackStatus); got != "DELETE_FAILED" {
		t.Fatalf("got status %s, want DELETE_FAILED", got)
	}
	if got, want := c.reason(*st.StackId, "app", "DELETE_FAILED"), "The following resource(s) failed to delete: [Role]. "; got != want {
		t.Errorf("got reason %q, want %q", got, want)
	}
	if _, err := c.cfn.DeleteStack(c.ctx, &sdk.DeleteStackInput{StackName: text("app"), RetainResources: []string{"Role"}}); err != nil {
		t.Fatal(err)
	}
	if got := string(c.settled(*st.StackId).StackStatus); got != "DELETE_COMPLETE" {
		t.Errorf("got status %s, want DELETE_COMPLETE", got)
	}
}
