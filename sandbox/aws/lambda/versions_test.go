package lambda_test

import (
	"encoding/json"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func TestVersions(t *testing.T) {
	c := newCloud(t)
	c.create("f", func(in *sdk.CreateFunctionInput) { in.Publish = true })
	const arn = "arn:aws:lambda:" + region + ":" + account + ":function:f"
	publish := func() string {
		t.Helper()
		out, err := c.lambda.PublishVersion(c.ctx, &sdk.PublishVersionInput{FunctionName: text("f")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.FunctionArn
	}
	if got, want := publish(), arn+":1"; got != want {
		t.Errorf("published what has not changed: got %s, want %s", got, want)
	}
	second := archive(t, map[string][]byte{"bootstrap": bootstrap2}, 0o755)
	if _, err := c.lambda.UpdateFunctionCode(c.ctx, &sdk.UpdateFunctionCodeInput{FunctionName: text("f"), ZipFile: second}); err != nil {
		t.Fatal(err)
	}
	// calls holds what answers to a qualifier: the code's version, Lambda's and the ARN.
	calls := func(qualifier, code, executed, invoked string) {
		t.Helper()
		out, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), Qualifier: &qualifier})
		if err != nil {
			t.Fatal(err)
		}
		var got reply
		if err := json.Unmarshal(out.Payload, &got); err != nil {
			t.Fatalf("reading %s: %v", out.Payload, err)
		}
		if got.Version != code || awssdk.ToString(out.ExecutedVersion) != executed || got.ARN != invoked {
			t.Errorf("%s: got code %s by version %s as %s", qualifier, got.Version, awssdk.ToString(out.ExecutedVersion), got.ARN)
		}
	}
	calls("1", "one", "1", arn+":1")
	calls("$LATEST", "two", "$LATEST", arn)
	if got, want := publish(), arn+":2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	calls("2", "two", "2", arn+":2")

	versions, err := c.lambda.ListVersionsByFunction(c.ctx, &sdk.ListVersionsByFunctionInput{FunctionName: text("f")})
	if err != nil || len(versions.Versions) != 3 || *versions.Versions[2].Version != "2" {
		t.Errorf("got versions %+v (%v)", versions, err)
	}
	got, err := c.lambda.GetFunctionConfiguration(c.ctx, &sdk.GetFunctionConfigurationInput{FunctionName: text(arn + ":2")})
	if err != nil || *got.FunctionArn != arn+":2" {
		t.Errorf("got %+v (%v)", got, err)
	}
	for want, do := range map[string]func() error{
		"ResourceNotFoundException: Function not found: " + arn + ":3": func() error {
			_, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), Qualifier: text("3")})
			return err
		},
		"ResourceNotFoundException: Function not found: " + arn + ":2": func() error {
			_, err := c.lambda.PutFunctionConcurrency(c.ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: text("f:2"), ReservedConcurrentExecutions: new(int32(1))})
			return err
		},
	} {
		if err := do(); code(err) != want {
			t.Errorf("got %q, want %q", code(err), want)
		}
	}
	if _, err := c.lambda.DeleteFunction(c.ctx, &sdk.DeleteFunctionInput{FunctionName: text("f"), Qualifier: text("1")}); err != nil {
		t.Error(err)
	}
	if _, err := c.lambda.DeleteFunction(c.ctx, &sdk.DeleteFunctionInput{FunctionName: text("f")}); err != nil {
		t.Error(err)
	}
}

// The right to a function is not the right to its versions.
func TestVersionsAreResources(t *testing.T) {
	c := newCloud(t)
	c.create("f", func(in *sdk.CreateFunctionInput) { in.Publish = true })
	const arn = "arn:aws:lambda:" + region + ":" + account + ":function:f"
	if _, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("caller"), AssumeRolePolicyDocument: text(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("caller"), PolicyName: text("p"), PolicyDocument: text(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"` + arn + `"}]}`)}); err != nil {
		t.Fatal(err)
	}
	session, err := sts.NewFromConfig(c.config).AssumeRole(c.ctx, &sts.AssumeRoleInput{RoleArn: text("arn:aws:iam::" + account + ":role/caller"), RoleSessionName: text("me")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.config.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	client := sdk.NewFromConfig(cfg)
	if _, err := client.GetFunction(c.ctx, &sdk.GetFunctionInput{FunctionName: text("f")}); err != nil {
		t.Error(err)
	}
	_, err = client.GetFunction(c.ctx, &sdk.GetFunctionInput{FunctionName: text("f"), Qualifier: text("1")})
	want := "AccessDeniedException: User: arn:aws:sts::" + account + ":assumed-role/caller/me is not authorized to perform: lambda:GetFunction on resource: " + arn + ":1 because no identity-based policy allows the lambda:GetFunction action"
	if code(err) != want {
		t.Errorf("got %q, want %q", code(err), want)
	}
}
