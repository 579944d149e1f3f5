package iam_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

const (
	lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowAll    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
)

func ptr[T any](v T) *T { return &v }

func createRole(t *testing.T, c *iam.Client, name string) *types.Role {
	t.Helper()
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: ptr(lambdaTrust)})
	if err != nil {
		t.Fatal(err)
	}
	return out.Role
}

func TestRoleLifeCycle(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := iam.NewFromConfig(s.Config(s.Admin())), t.Context()
	created, err := c.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: ptr("copy"), Path: ptr("/team/"), AssumeRolePolicyDocument: ptr(lambdaTrust), Description: ptr("copies"),
		MaxSessionDuration: ptr(int32(7200)), Tags: []types.Tag{{Key: ptr("a"), Value: ptr("b")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *created.Role.Arn, "arn:aws:iam::111122223333:role/team/copy"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if id := *created.Role.RoleId; !strings.HasPrefix(id, "AROA") || len(id) != 21 {
		t.Errorf("got id %s", id)
	}
	got, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: ptr("copy")})
	if err != nil {
		t.Fatal(err)
	}
	if document, err := url.QueryUnescape(*got.Role.AssumeRolePolicyDocument); err != nil || document != lambdaTrust {
		t.Errorf("got trust policy %s (%v)", document, err)
	}
	if time.Since(*got.Role.CreateDate) > time.Minute || *got.Role.MaxSessionDuration != 7200 || *got.Role.Description != "copies" || len(got.Role.Tags) != 1 {
		t.Errorf("got %+v", got.Role)
	}
	if _, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: ptr("copy"), MaxSessionDuration: ptr(int32(3600))}); err != nil {
		t.Error(err)
	}
	if got, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: ptr("copy")}); err != nil || *got.Role.Description != "copies" || *got.Role.MaxSessionDuration != 3600 {
		t.Errorf("after update: got %+v (%v)", got, err)
	}
	if _, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: ptr("copy"), Tags: []types.Tag{{Key: ptr("A"), Value: ptr("c")}, {Key: ptr("d"), Value: ptr("")}}}); err != nil {
		t.Error(err)
	}
	if _, err := c.UntagRole(ctx, &iam.UntagRoleInput{RoleName: ptr("copy"), TagKeys: []string{"d"}}); err != nil {
		t.Error(err)
	}
	tags, err := c.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: ptr("copy")})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Value != "c" {
		t.Errorf("got tags %v (%v)", tags, err)
	}
	for range 2 { // putting a policy again replaces it
		if _, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("copy"), PolicyName: ptr("p"), PolicyDocument: ptr(allowAll)}); err != nil {
			t.Error(err)
		}
	}
	arn := "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: ptr("copy"), PolicyArn: &arn}); err != nil {
		t.Error(err)
	}
	remove := func() awstest.Refusal {
		_, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: ptr("copy")})
		return awstest.RefusalOf(t, err)
	}
	if diff := cmp.Diff(awstest.Refused(409, "DeleteConflict", "Cannot delete entity, must detach all policies first."), remove()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: ptr("copy"), PolicyArn: &arn}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(awstest.Refused(409, "DeleteConflict", "Cannot delete entity, must delete policies first."), remove()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: ptr("copy"), PolicyName: ptr("p")}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(awstest.Refusal{}, remove()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(awstest.Refused(404, "NoSuchEntity", "The role with name copy cannot be found."), remove()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := iam.NewFromConfig(s.Config(s.Admin())), t.Context()
	createRole(t, c, "taken")
	role := func(name, trust string) func() error {
		return func() error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
			return err
		}
	}
	below := func(prefix string) string {
		return strings.Replace(allowAll, `"Resource":"*"`, `"Resource":"arn:aws:s3:::bucket/`+prefix+`*"`, 1)
	}
	// IAM API Reference, "PutRolePolicy", has the pattern; the words are believed.
	characters := func(parameter string) awstest.Refusal {
		return awstest.Refused(400, "ValidationError", "The specified value for "+parameter+" is invalid. It must contain only printable ASCII characters.")
	}
	for name, test := range map[string]struct {
		call func() error
		want awstest.Refusal
	}{
		"role exists":     {role("taken", lambdaTrust), awstest.Refused(409, "EntityAlreadyExists", "Role with name taken already exists.")},
		"exists in case":  {role("Taken", lambdaTrust), awstest.Refused(409, "EntityAlreadyExists", "Role with name Taken already exists.")},
		"long name":       {role(strings.Repeat("r", 65), lambdaTrust), awstest.Refused(400, "ValidationError", "1 validation error detected: Value '"+strings.Repeat("r", 65)+"' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64")},
		"bad name":        {role("a/b", lambdaTrust), awstest.Refused(400, "ValidationError", "The specified value for roleName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")},
		"malformed trust": {role("r", `{"Version":`), awstest.Refused(400, "MalformedPolicyDocument", "This policy contains invalid Json")},
		"trust with unknown role": {role("r", strings.Replace(lambdaTrust, `"Service":"lambda.amazonaws.com"`, `"AWS":"arn:aws:iam::111122223333:role/nobody"`, 1)),
			awstest.Refused(400, "MalformedPolicyDocument", `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/nobody"`)},
		"boundary that is not there": {func() error {
			_, err := c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: ptr("taken"), PermissionsBoundary: ptr("arn:aws:iam::111122223333:policy/none")})
			return err
		}, awstest.Refused(404, "NoSuchEntity", "Scope ARN: arn:aws:iam::111122223333:policy/none does not exist or is not attachable.")},
		"no boundary to delete": {func() error {
			_, err := c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: ptr("taken")})
			return err
		}, awstest.Refused(404, "NoSuchEntity", "The role with name taken does not have a permissions boundary.")},
		"unknown condition": {func() error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("taken"), PolicyName: ptr("p"),
				PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Like":{"aws:username":"x"}}}]}`)})
			return err
		}, awstest.Refused(400, "MalformedPolicyDocument", "Invalid Condition type : Like")},
		"unknown managed policy": {func() error {
			_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: ptr("taken"), PolicyArn: ptr("arn:aws:iam::aws:policy/NoSuchPolicy")})
			return err
		}, awstest.Refused(404, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable.")},
		"unknown inline policy": {func() error {
			_, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: ptr("taken"), PolicyName: ptr("p")})
			return err
		}, awstest.Refused(404, "NoSuchEntity", "The role policy with name p cannot be found.")},
		"role with a boundary that is not there": {func() error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: ptr("bounded"), AssumeRolePolicyDocument: ptr(lambdaTrust), PermissionsBoundary: ptr("arn:aws:iam::aws:policy/None")})
			return err
		}, awstest.Refused(404, "NoSuchEntity", "Scope ARN: arn:aws:iam::aws:policy/None does not exist or is not attachable.")},
		"short session": {func() error {
			_, err := c.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: ptr("taken"), MaxSessionDuration: ptr(int32(60))})
			return err
		}, awstest.Refused(400, "ValidationError", "1 validation error detected: Value '60' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600")},
		"large policy": {func() error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("taken"), PolicyName: ptr("p"),
				PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::` + strings.Repeat("x", 10_300) + `"}]}`)})
			return err
		}, awstest.Refused(409, "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role taken")},
		"trust with other characters": {role("r", strings.Replace(lambdaTrust, `"Effect"`, `"Sid":"信頼","Effect"`, 1)), characters("assumeRolePolicyDocument")},
		"inline policy with other characters": {func() error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("taken"), PolicyName: ptr("p"), PolicyDocument: ptr(below("受信/"))})
			return err
		}, characters("policyDocument")},
		"managed policy with other characters": {func() error {
			_, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: ptr("p"), PolicyDocument: ptr(below("受信/"))})
			return err
		}, characters("policyDocument")},
		"policy with a control character": {func() error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("taken"), PolicyName: ptr("p"), PolicyDocument: ptr(below("\x7f") + "\x01")})
			return err
		}, characters("policyDocument")},
		"policy with Latin-1 characters, tabs and line breaks": {func() error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("taken"), PolicyName: ptr("latin"), PolicyDocument: ptr("\t\r\n" + below("Größe/ÿ"))})
			return err
		}, awstest.Refusal{}},
		"aws managed policy": {func() error {
			_, err := c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: ptr("arn:aws:iam::aws:policy/AdministratorAccess")})
			return err
		}, awstest.Refused(403, "AccessDenied", "AWS managed policies cannot be changed: arn:aws:iam::aws:policy/AdministratorAccess")},
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, test.call())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestManagedPolicyVersions(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := iam.NewFromConfig(s.Config(s.Admin())), t.Context()
	created, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: ptr("p"), PolicyDocument: ptr(allowAll)})
	if err != nil {
		t.Fatal(err)
	}
	arn := created.Policy.Arn
	for range 4 {
		if _, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: ptr(allowAll), SetAsDefault: true}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: ptr(allowAll)})
	if diff := cmp.Diff(awstest.Refused(409, "LimitExceeded", "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: ptr("v5")})
	if diff := cmp.Diff(awstest.Refused(409, "DeleteConflict", "Cannot delete the default version of a policy."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	createRole(t, c, "r")
	if _, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: ptr("r"), PolicyArn: arn}); err != nil {
		t.Error(err)
	}
	got, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	if err != nil || *got.Policy.AttachmentCount != 1 || *got.Policy.DefaultVersionId != "v5" {
		t.Errorf("got %v (%v)", got, err)
	}
	_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	if diff := cmp.Diff(awstest.Refused(409, "DeleteConflict", "Cannot delete a policy attached to entities."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestListRolesPages(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := iam.NewFromConfig(s.Config(s.Admin()))
	want := []string{"a", "b", "c", "d", "e"}
	for _, name := range want {
		createRole(t, c, name)
	}
	var got []string
	pages := iam.NewListRolesPaginator(c, &iam.ListRolesInput{MaxItems: ptr(int32(2))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Roles {
			got = append(got, *r.RoleName)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCallsAreAuthorized(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	limited := iam.NewFromConfig(s.Config(awstest.Session(t, s, "limited", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::111122223333:role/ok-*"},
		{"Sid":"Never","Effect":"Deny","Action":"iam:DeleteRole","Resource":"*"}]}`, time.Hour)))
	createRole(t, limited, "ok-1")
	_, err := limited.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: ptr("other"), AssumeRolePolicyDocument: ptr(lambdaTrust)})
	want := awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/limited/session is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::111122223333:role/other because no identity-based policy allows the iam:CreateRole action")
	if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = limited.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: ptr("ok-1")})
	want.Message = "User: arn:aws:sts::111122223333:assumed-role/limited/session is not authorized to perform: iam:DeleteRole on resource: role ok-1 with an explicit deny in an identity-based policy"
	if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUserWithKeys(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := iam.NewFromConfig(s.Config(s.Admin())), t.Context()
	if _, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: ptr("alice")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: ptr("alice"), PolicyName: ptr("self"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::*:user/${aws:username}"}]}`)}); err != nil {
		t.Fatal(err)
	}
	key, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: ptr("alice")})
	if err != nil {
		t.Fatal(err)
	}
	creds := s.Admin()
	creds.AccessKeyID, creds.SecretAccessKey = *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
	alice := iam.NewFromConfig(s.Config(creds))
	me, err := alice.GetUser(ctx, &iam.GetUserInput{})
	if err != nil || *me.User.Arn != "arn:aws:iam::111122223333:user/alice" {
		t.Errorf("got %v (%v)", me, err)
	}
	_, err = alice.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("sandbox-admin")})
	if got := awstest.RefusalOf(t, err); got.Code != "AccessDenied" {
		t.Errorf("got %v, want AccessDenied", got)
	}
	if _, err := c.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: ptr("alice"), AccessKeyId: key.AccessKey.AccessKeyId}); err != nil {
		t.Error(err)
	}
	_, err = alice.GetUser(ctx, &iam.GetUserInput{})
	if diff := cmp.Diff(awstest.Refused(403, "InvalidClientTokenId", "The security token included in the request is invalid."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestServiceRoleAndForward(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := iam.NewFromConfig(s.Config(s.Admin()))
	role := createRole(t, c, "fn")
	session, err := s.IAM().ServiceRole(*role.Arn, "lambda.amazonaws.com", "function", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := s.IAM().Principal(session.AccessKeyID)
	if !ok || p.ARN != "arn:aws:sts::111122223333:assumed-role/fn/function" || p.RoleARN != *role.Arn {
		t.Errorf("got %+v", p)
	}
	forwarded, err := s.IAM().Forward(p, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if q, ok := s.IAM().Principal(forwarded.AccessKeyID); !ok || q.ARN != p.ARN || q.AccessKeyID == p.AccessKeyID {
		t.Errorf("got %+v", q)
	}
	_, err = s.IAM().ServiceRole(*role.Arn, "ec2.amazonaws.com", "i", time.Hour)
	if got, want := err.Error(), "AccessDenied: ec2.amazonaws.com is not authorized to perform: sts:AssumeRole on resource: "+*role.Arn; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := c.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: ptr("fn")}); err != nil {
		t.Error(err)
	}
	if _, ok := s.IAM().Key(session.AccessKeyID); ok {
		t.Error("the session outlived its role")
	}
}
