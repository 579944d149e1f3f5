package sts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

func role(t *testing.T, s *awstest.Server, name, trust string) string {
	t.Helper()
	out, err := iam.NewFromConfig(s.Config(s.Admin())).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust, MaxSessionDuration: ptr(int32(7200))})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Role.Arn
}

func trust(principal, more string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + more + `}]}`
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	const account = `{"AWS":"111122223333"}`
	open := role(t, s, "open", trust(account, ""))
	role(t, s, "lambda", trust(`{"Service":"lambda.amazonaws.com"}`, ""))
	role(t, s, "external", trust(account, `,"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}`))
	worker := awstest.Session(t, s, "worker", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"},{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/denied"}]}`, time.Hour)
	idle := awstest.Session(t, s, "idle", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, time.Hour)
	role(t, s, "named", trust(`{"AWS":"arn:aws:iam::111122223333:role/idle"}`, ""))
	role(t, s, "denied", trust(account, ""))
	arn := func(name string) *string { return ptr("arn:aws:iam::111122223333:role/" + name) }
	denied := func(who, name string) awstest.Refusal {
		return awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/"+who+"/session is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/"+name)
	}
	deniedExplicitly := denied("worker", "denied")
	deniedExplicitly.Message += " with an explicit deny in an identity-based policy"
	undecided := denied("idle", "open")
	undecided.Message += " because no identity-based policy allows the sts:AssumeRole action"
	invalid := func(value, member, constraint string) awstest.Refusal {
		return awstest.Refused(400, "ValidationError", "1 validation error detected: Value '"+value+"' at '"+member+"' failed to satisfy constraint: "+constraint)
	}
	for name, c := range map[string]struct {
		caller api.Credentials
		in     sts.AssumeRoleInput
		want   awstest.Refusal
	}{
		"by account and own policy":   {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1")}, awstest.Refusal{}},
		"by name without a policy":    {idle, sts.AssumeRoleInput{RoleArn: arn("named"), RoleSessionName: ptr("s1")}, awstest.Refusal{}},
		"by account without a policy": {idle, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1")}, undecided},
		"trust without the caller":    {worker, sts.AssumeRoleInput{RoleArn: arn("lambda"), RoleSessionName: ptr("s1")}, denied("worker", "lambda")},
		"no such role":                {worker, sts.AssumeRoleInput{RoleArn: arn("none"), RoleSessionName: ptr("s1")}, denied("worker", "none")},
		"explicit deny":               {worker, sts.AssumeRoleInput{RoleArn: arn("denied"), RoleSessionName: ptr("s1")}, deniedExplicitly},
		"external id":                 {worker, sts.AssumeRoleInput{RoleArn: arn("external"), RoleSessionName: ptr("s1"), ExternalId: ptr("secret")}, awstest.Refusal{}},
		"wrong external id":           {worker, sts.AssumeRoleInput{RoleArn: arn("external"), RoleSessionName: ptr("s1"), ExternalId: ptr("guess")}, denied("worker", "external")},
		"no external id":              {worker, sts.AssumeRoleInput{RoleArn: arn("external"), RoleSessionName: ptr("s1")}, denied("worker", "external")},
		"long session name":           {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr(strings.Repeat("s", 65))}, invalid(strings.Repeat("s", 65), "roleSessionName", "Member must have length less than or equal to 64")},
		"short session name":          {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s")}, invalid("s", "roleSessionName", "Member must have length greater than or equal to 2")},
		"bad session name":            {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("a b")}, invalid("a b", "roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]*`)},
		"short duration":              {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1"), DurationSeconds: ptr(int32(899))}, invalid("899", "durationSeconds", "Member must have value greater than or equal to 900")},
		"chained over an hour":        {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1"), DurationSeconds: ptr(int32(3601))}, awstest.Refused(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")},
		"over the role's maximum":     {s.Admin(), sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1"), DurationSeconds: ptr(int32(7201))}, awstest.Refused(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")},
		"session tags":                {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1"), Tags: []types.Tag{{Key: ptr("a"), Value: ptr("b")}}}, awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter Tags.member.1.Key.")},
		"malformed session policy":    {worker, sts.AssumeRoleInput{RoleArn: &open, RoleSessionName: ptr("s1"), Policy: ptr("{}")}, awstest.Refused(400, "MalformedPolicyDocument", "Policy document must be version 2012-10-17 or greater.")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sts.NewFromConfig(s.Config(c.caller)).AssumeRole(t.Context(), &c.in)
			if diff := cmp.Diff(c.want, awstest.RefusalOf(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSessionPolicyLimits(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	name := "wide"
	arn := role(t, s, name, trust(`{"AWS":"111122223333"}`, ""))
	if _, err := iam.NewFromConfig(s.Config(s.Admin())).AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: ptr("arn:aws:iam::aws:policy/AdministratorAccess")}); err != nil {
		t.Fatal(err)
	}
	out, err := sts.NewFromConfig(s.Config(s.Admin())).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: ptr("s1"),
		Policy: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:GetRole","Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	limited := api.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
	client := iam.NewFromConfig(s.Config(limited))
	if _, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name}); err != nil {
		t.Error(err)
	}
	_, err = client.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &name})
	want := awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/wide/s1 is not authorized to perform: iam:DeleteRole on resource: role wide because no session policy allows the iam:DeleteRole action")
	if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGetCallerIdentityNeedsNoPermission(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := awstest.Session(t, s, "nobody", `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`, time.Hour)
	out, err := sts.NewFromConfig(s.Config(c)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.Arn, "arn:aws:sts::111122223333:assumed-role/nobody/session"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !strings.HasSuffix(*out.UserId, ":session") || *out.Account != awstest.Account {
		t.Errorf("got %s in %s", *out.UserId, *out.Account)
	}
}
