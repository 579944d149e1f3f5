package diagnosis

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// TestVerdicts changes what is granted in local clouds, and asks them.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	account := func(c *integration.Clouds) string {
		return "/v1/projects/" + c.Env.GoogleProject + "/serviceAccounts/" + c.Env.ServiceAccountEmail()
	}
	bucket := func(c *integration.Clouds) string { return "/storage/v1/b/" + c.Env.SourceBucket + "/iam" }
	provider := func(c *integration.Clouds) string { return c.PoolPath() + "/providers/" + c.Env.Provider }
	binding := func(role, member string, condition map[string]any) map[string]any {
		b := map[string]any{"role": role, "members": []string{member}}
		if condition != nil {
			b["condition"] = condition
		}
		return map[string]any{"version": 3, "bindings": []any{b}}
	}
	never := map[string]any{"title": "never", "expression": "false"}
	type look func(Rights, context.Context) Verdict
	writer := func(a Rights, ctx context.Context) Verdict { return a.Writer(ctx, "key") }
	sts := func(a Rights, ctx context.Context) Verdict { return a.API(ctx, "sts.googleapis.com", "sts-api") }
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, c *integration.Clouds, a *Rights)
		look   look
		want   State
		cause  string
		reason string // a part
	}{
		{"the provider", nil, Rights.Provider, Granted, "", "are active and admit"},
		{"no provider", func(t *testing.T, c *integration.Clouds, a *Rights) { a.Environment.Provider = "another" }, Rights.Provider, Missing, "provider-missing", "another"},
		{"a provider without the attribute", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "PATCH", provider(c)+"?updateMask=attributeMapping,attributeCondition", map[string]any{"attributeMapping": map[string]any{"google.subject": "assertion.arn"}}, nil)
		}, Rights.Provider, Missing, "provider-mapping", "attribute.aws_role"},
		{"a provider without a condition", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "PATCH", provider(c)+"?updateMask=attributeCondition", map[string]any{}, nil)
		}, Rights.Provider, Granted, "", ""},

		{"the binding", nil, Rights.Binding, Granted, "", "the binding for"},
		{"a binding of this session alone", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			member := strings.Replace(strings.Split(c.PrincipalSet(""), "/attribute.")[0], "principalSet", "principal", 1) + "/subject/" + c.Env.Subject()
			c.Call(t, "POST", account(c)+":setIamPolicy", map[string]any{"policy": binding("roles/iam.workloadIdentityUser", member, nil)}, nil)
		}, Rights.Binding, Granted, "", ""},
		{"a binding with a condition", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "POST", account(c)+":setIamPolicy", map[string]any{"policy": binding("roles/iam.workloadIdentityUser", c.PrincipalSet(c.Env.AssumedRole()), never)}, nil)
		}, Rights.Binding, Granted, "", "a condition that can be false"},
		{"a binding of another role", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "POST", account(c)+":setIamPolicy", map[string]any{"policy": binding("roles/iam.workloadIdentityUser", c.PrincipalSet(c.Env.AssumedRole()+"-evil"), nil)}, nil)
		}, Rights.Binding, Missing, "binding-other", "-evil"},
		{"a binding of another project's number", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Number = "111" }, Rights.Binding, Missing, "binding-other", "projects/111/"},
		{"a binding of another right", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "POST", account(c)+":setIamPolicy", map[string]any{"policy": binding("roles/iam.serviceAccountUser", c.PrincipalSet(c.Env.AssumedRole()), nil)}, nil)
		}, Rights.Binding, Missing, "binding-missing", ""},
		{"a binding on the project", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "POST", account(c)+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
			c.Bind(t, "/v1/projects/"+c.Env.GoogleProject, "roles/iam.workloadIdentityUser", c.PrincipalSet(c.Env.AssumedRole()))
		}, Rights.Binding, Granted, "", "the project's policy grants it"},

		{"the viewer", nil, Rights.Viewer, Granted, "", "can read the bucket's objects"},
		{"a viewer by the project", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "PUT", bucket(c), map[string]any{}, nil)
			c.Bind(t, "/v1/projects/"+c.Env.GoogleProject, "roles/storage.objectViewer", "serviceAccount:"+c.Env.ServiceAccountEmail())
		}, Rights.Viewer, Granted, "", ""},
		{"a viewer without a service account", func(t *testing.T, c *integration.Clouds, a *Rights) {
			a.Environment.DirectAccess = true
			c.Call(t, "PUT", bucket(c), binding("roles/storage.objectViewer", c.PrincipalSet(c.Env.AssumedRole()), nil), nil)
		}, Rights.Viewer, Granted, "", assumed},
		{"no viewer without a service account", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Environment.DirectAccess = true }, Rights.Viewer, Missing, "viewer-missing", assumed},
		{"no source bucket", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Environment.SourceBucket = "no-such-bucket" }, Rights.Viewer, Missing, "source-bucket", ""},

		{"the writer", nil, writer, Granted, "", "allow s3:PutObject"},
		{"a writer of another bucket", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Environment.DestinationBucket = "other" }, writer, Missing, "role-policy", "implicitDeny"},
		{"a writer who is denied", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			document := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:PutObject","Resource":"*"}]}`
			if _, err := iam.NewFromConfig(c.AWSConfig(c.AWS.Admin())).PutRolePolicy(context.Background(), &iam.PutRolePolicyInput{RoleName: &c.Env.Role, PolicyName: aws.String("deny"), PolicyDocument: &document}); err != nil {
				t.Fatal(err)
			}
		}, writer, Missing, "role-policy", "explicitDeny"},
		{"no role", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Environment.Role = "another" }, writer, Missing, "role-missing", ""},
		{"no permission to simulate", func(t *testing.T, c *integration.Clouds, a *Rights) { a.AWS = c.AWSConfig(c.Session(t, c.Env.Role)) }, writer, Unknown, "", "AccessDenied"},
		{"the account", nil, Rights.Account, Granted, "", "123456789012"},
		{"another account", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Environment.AWSAccount = "999999999999" }, Rights.Account, Missing, "aws-account", "the environment's is 999999999999"},
		{"the trust", nil, Rights.Trust, Granted, "", "lambda.amazonaws.com"},
		{"no role to trust", func(_ *testing.T, _ *integration.Clouds, a *Rights) { a.Environment.Role = "another" }, Rights.Trust, Missing, "role-missing", ""},

		{"an API", nil, sts, Granted, "", "sts.googleapis.com is enabled"},
		{"an API that is off", func(t *testing.T, c *integration.Clouds, _ *Rights) {
			c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/services/sts.googleapis.com:disable", map[string]any{}, nil)
		}, sts, Missing, "sts-api", "sts.googleapis.com is not enabled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := integration.New(t, sandbox.Options{})
			a := Rights{Environment: c.Env, AWS: c.AWSConfig(c.AWS.Admin())}
			if tt.change != nil {
				tt.change(t, c, &a)
			}
			env := a.Environment
			env.Google.IAM, env.Google.ResourceManager, env.Google.ServiceUsage = c.GoogleURL+"/v1/", c.GoogleURL+"/v1/", c.GoogleURL+"/v1/"
			env.Google.Storage, env.Google.AccessToken = c.GoogleURL+"/storage/v1/", c.Google.AdminToken()
			var err error
			if a.Google, err = clouds.OpenGoogle(context.Background(), env, func(string) string { return "" }); err != nil {
				t.Fatal(err)
			}
			got := tt.look(a, context.Background())
			if got.State != tt.want || got.Cause != tt.cause || !strings.Contains(got.Reason, tt.reason) || (got.State == Unknown) != (got.Err != nil) {
				t.Errorf("the verdict is %+v, want %d by %q with %q", got, tt.want, tt.cause, tt.reason)
			}
		})
	}
}

const assumed = "assumed-role/gcs-to-s3-role"
