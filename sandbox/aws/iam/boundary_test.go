package iam_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestBoundariesHold sets, shows and takes away the boundary of a role, and lets
// a caller make only roles with that boundary.
func TestBoundariesHold(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	ctx := t.Context()
	admin := iam.NewFromConfig(s.Config(s.Admin()))
	worker := iam.NewFromConfig(s.Config(awstest.Session(t, s, "worker", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:Get*","Resource":"*"},
		{"Effect":"Allow","Action":"iam:CreateRole","Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"arn:aws:iam::111122223333:policy/boundary"}}}]}`, time.Hour)))
	boundary, err := admin.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: ptr("boundary"), PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:CreateRole","s3:*"],"Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	get := func() error {
		_, err := worker.GetRole(ctx, &iam.GetRoleInput{RoleName: ptr("worker")})
		return err
	}
	if err := get(); err != nil {
		t.Fatalf("without a boundary: %v", err)
	}
	if _, err := admin.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: ptr("worker"), PermissionsBoundary: boundary.Policy.Arn}); err != nil {
		t.Fatal(err)
	}
	denied := func(action, on, clause string) awstest.Refusal {
		return awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/worker/session is not authorized to perform: "+action+" on resource: "+on+" "+clause)
	}
	if diff := cmp.Diff(denied("iam:GetRole", "role worker", "because no permissions boundary allows the iam:GetRole action"), awstest.RefusalOf(t, get())); diff != "" {
		t.Errorf("with a boundary (-want +got):\n%s", diff)
	}

	create := func(boundary *string) error {
		_, err := worker.CreateRole(ctx, &iam.CreateRoleInput{RoleName: ptr("made"), AssumeRolePolicyDocument: ptr(lambdaTrust), PermissionsBoundary: boundary})
		return err
	}
	if diff := cmp.Diff(denied("iam:CreateRole", "arn:aws:iam::111122223333:role/made", "because no identity-based policy allows the iam:CreateRole action"), awstest.RefusalOf(t, create(nil))); diff != "" {
		t.Errorf("a role without the boundary (-want +got):\n%s", diff)
	}
	if err := create(boundary.Policy.Arn); err != nil {
		t.Errorf("a role with the boundary: %v", err)
	}
	made, err := admin.GetRole(ctx, &iam.GetRoleInput{RoleName: ptr("made")})
	if err != nil || made.Role.PermissionsBoundary == nil || *made.Role.PermissionsBoundary.PermissionsBoundaryArn != *boundary.Policy.Arn || made.Role.PermissionsBoundary.PermissionsBoundaryType != "Policy" {
		t.Errorf("the made role is %+v, %v", made, err)
	}
	shown, err := admin.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: boundary.Policy.Arn})
	if err != nil || *shown.Policy.PermissionsBoundaryUsageCount != 2 || *shown.Policy.AttachmentCount != 0 {
		t.Errorf("the policy is %+v, %v; want it to bound two roles", shown, err)
	}

	if _, err := admin.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: ptr("worker")}); err != nil {
		t.Fatal(err)
	}
	if err := get(); err != nil {
		t.Errorf("after the boundary: %v", err)
	}
}
