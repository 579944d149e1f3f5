package lifecycle_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// TestRoleMadeAgain is case S12: a role that was deleted and made again under its name has
// no grant on the key of the function's variables. verify says so, and up mends it.
func TestRoleMadeAgain(t *testing.T) {
	p := openClouds(t, sandbox.Options{})
	env := p.add(t, "remade", nil)
	p.must(t, "up", env.Name, "--yes")
	p.remakeRole(t, env)
	if _, all, err := p.run("verify", env.Name); err == nil || !strings.Contains(all, "Lambda's grant on the key") {
		t.Errorf("verify: %v\n%s", err, all)
	}
	p.must(t, "up", env.Name, "--yes")
	p.copies(t, env)
	p.must(t, "down", env.Name, "--yes")
}

// remakeRole deletes the role and makes it as it was, and has the function start anew.
func (p project) remakeRole(t *testing.T, env environment.Environment) {
	t.Helper()
	admin := p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin())
	client := awsiam.NewFromConfig(admin)
	got, err := client.GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: &env.Role})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := client.ListRolePolicies(t.Context(), &awsiam.ListRolePoliciesInput{RoleName: &env.Role})
	if err != nil {
		t.Fatal(err)
	}
	plain := func(document *string) *string {
		text, err := url.QueryUnescape(aws.ToString(document))
		if err != nil {
			t.Fatal(err)
		}
		return &text
	}
	policies := map[string]*string{}
	for _, name := range listed.PolicyNames {
		policy, err := client.GetRolePolicy(t.Context(), &awsiam.GetRolePolicyInput{RoleName: &env.Role, PolicyName: &name})
		if err != nil {
			t.Fatal(err)
		}
		policies[name] = plain(policy.PolicyDocument)
		if _, err := client.DeleteRolePolicy(t.Context(), &awsiam.DeleteRolePolicyInput{RoleName: &env.Role, PolicyName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: &env.Role}); err != nil {
		t.Fatal(err)
	}
	role := got.Role
	if _, err := client.CreateRole(t.Context(), &awsiam.CreateRoleInput{
		RoleName: &env.Role, AssumeRolePolicyDocument: plain(role.AssumeRolePolicyDocument),
		Description: role.Description, MaxSessionDuration: role.MaxSessionDuration, Tags: role.Tags,
	}); err != nil {
		t.Fatal(err)
	}
	for name, document := range policies {
		put := &awsiam.PutRolePolicyInput{RoleName: &env.Role, PolicyName: &name, PolicyDocument: document}
		if _, err := client.PutRolePolicy(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	functions := lambda.NewFromConfig(admin)
	function, err := functions.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &env.Function})
	if err == nil {
		_, err = functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &env.Function, MemorySize: function.MemorySize,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
