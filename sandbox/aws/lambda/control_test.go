package lambda_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

func TestRefusedFunctions(t *testing.T) {
	c := newCloud(t)
	small := archive(t, map[string][]byte{"bootstrap": []byte("#!/bin/sh")}, 0o755)
	tests := []struct {
		name   string
		change func(*sdk.CreateFunctionInput)
		want   string // the error's beginning
	}{
		{"role of no one", func(in *sdk.CreateFunctionInput) { in.Role = text("arn:aws:iam::123456789012:role/nobody") },
			"InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda."},
		{"runtime", func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimePython312 },
			"InvalidParameterValueException: The local AWS does not model the runtime python3.12. It runs provided.al2023 and provided.al2."},
		{"memory", func(in *sdk.CreateFunctionInput) { in.MemorySize = new(int32(127)) },
			"ValidationException: 1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{"timeout", func(in *sdk.CreateFunctionInput) { in.Timeout = new(int32(901)) },
			"ValidationException: 1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		{"reserved variables", func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x", "AWS_LAMBDA_RUNTIME_API": "y"}}
		}, "InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_LAMBDA_RUNTIME_API, AWS_REGION"},
		{"too many variables", func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"BIG": strings.Repeat("x", 4096)}}
		}, "InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: 4105 bytes"},
		{"not a zip", func(in *sdk.CreateFunctionInput) { in.Code.ZipFile = []byte("text") },
			"InvalidParameterValueException: Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"a zip that leads out", func(in *sdk.CreateFunctionInput) {
			in.Code.ZipFile = archive(t, map[string][]byte{"../bootstrap": []byte("x")}, 0o755)
		}, "InvalidParameterValueException: Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"layers", func(in *sdk.CreateFunctionInput) { in.Layers = []string{"arn:aws:lambda:eu-central-1:1:layer:x:1"} }, "NotImplemented: The local AWS does not model the parameter Layers."},
		{"no such object", func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: text("nowhere"), S3Key: text("k")}
		}, "InvalidParameterValueException: Error occurred while GetObject. S3 Error Code: NoSuchBucket."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := c.input("f")
			in.Code.ZipFile = small
			tt.change(in)
			_, err := c.lambda.CreateFunction(c.ctx, in)
			if !strings.HasPrefix(code(err), tt.want) {
				t.Errorf("error (-want +got):\n%s", cmp.Diff(tt.want, code(err)))
			}
		})
	}
	in := c.input("f")
	in.Code.ZipFile = small
	if _, err := c.lambda.CreateFunction(c.ctx, in); err != nil {
		t.Fatal(err)
	}
	_, err := c.lambda.CreateFunction(c.ctx, in)
	if diff := cmp.Diff("ResourceConflictException: Function already exist: f", code(err)); diff != "" {
		t.Errorf("the same name (-want +got):\n%s", diff)
	}
}

// as makes a session with one inline policy.
func (c *cloud) as(policy string) *sdk.Client {
	c.Helper()
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`
	role, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("someone"), AssumeRolePolicyDocument: &trust})
	if err != nil {
		c.Fatal(err)
	}
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("someone"), PolicyName: text("p"), PolicyDocument: &policy}); err != nil {
		c.Fatal(err)
	}
	out, err := sts.NewFromConfig(c.config).AssumeRole(c.ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: text("me")})
	if err != nil {
		c.Fatal(err)
	}
	cfg := c.config
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return sdk.NewFromConfig(cfg)
}

func TestCodeFromS3(t *testing.T) {
	c := newCloud(t)
	objects := s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: text("code-bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(c.ctx, &s3.PutObjectInput{Bucket: text("code-bucket"), Key: text("f.zip"), Body: bytes.NewReader(bundle)}); err != nil {
		t.Fatal(err)
	}
	from := func(in *sdk.CreateFunctionInput) {
		in.Code = &types.FunctionCode{S3Bucket: text("code-bucket"), S3Key: text("f.zip")}
	}
	c.create("f", from)
	if failed, log := c.invoke("f", `{}`, nil); failed != "" {
		t.Errorf("got %s:\n%s", failed, log)
	}

	someone := c.as(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:*","iam:PassRole"],"Resource":"*"}]}`)
	in := c.input("g")
	from(in)
	_, err := someone.CreateFunction(c.ctx, in)
	if want := "AccessDeniedException: Your access has been denied by S3"; !strings.HasPrefix(code(err), want) {
		t.Errorf("without s3:GetObject: got %q, want %q", code(err), want)
	}
}

func TestRights(t *testing.T) {
	c := newCloud(t)
	c.create("f")
	someone := c.as(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:CreateFunction","Resource":"*"}]}`)
	_, err := someone.CreateFunction(c.ctx, c.input("g"))
	want := "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/someone/me is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/function"
	if !strings.HasPrefix(code(err), want) {
		t.Errorf("without iam:PassRole: got %q, want %q", code(err), want)
	}
	_, err = someone.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f")})
	want = "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/someone/me is not authorized to perform: lambda:InvokeFunction on resource: arn:aws:lambda:eu-central-1:123456789012:function:f"
	if !strings.HasPrefix(code(err), want) {
		t.Errorf("without lambda:InvokeFunction: got %q, want %q", code(err), want)
	}
	if _, err := c.lambda.AddPermission(c.ctx, &sdk.AddPermissionInput{FunctionName: text("f"), StatementId: text("s"), Action: text("lambda:InvokeFunction"), Principal: text("arn:aws:iam::123456789012:role/someone")}); err != nil {
		t.Fatal(err)
	}
	if _, err := someone.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f")}); err != nil {
		t.Errorf("with the function's policy: %v", err)
	}
	if _, err := c.lambda.RemovePermission(c.ctx, &sdk.RemovePermissionInput{FunctionName: text("f"), StatementId: text("s")}); err != nil {
		t.Fatal(err)
	}
	if _, err := someone.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f")}); !strings.HasPrefix(code(err), want) {
		t.Errorf("without it again: got %q, want %q", code(err), want)
	}
}

func TestTags(t *testing.T) {
	c := newCloud(t)
	f := c.create("f", func(in *sdk.CreateFunctionInput) { in.Tags = map[string]string{"a": "1", "b": "2"} })
	if _, err := c.lambda.TagResource(c.ctx, &sdk.TagResourceInput{Resource: f.FunctionArn, Tags: map[string]string{"c": "3"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.lambda.UntagResource(c.ctx, &sdk.UntagResourceInput{Resource: f.FunctionArn, TagKeys: []string{"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.lambda.ListTags(c.ctx, &sdk.ListTagsInput{Resource: f.FunctionArn})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"c": "3"}, got.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestDownload fetches a deployed package as GetFunction offers it: without a
// signature, and for ten minutes.
func TestDownload(t *testing.T) {
	c := newCloud(t)
	c.create("f")
	out, err := c.lambda.GetFunction(c.ctx, &sdk.GetFunctionInput{FunctionName: text("f")})
	if err != nil {
		t.Fatal(err)
	}
	get := func(url string) (int, []byte) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, data
	}
	if status, data := get(*out.Code.Location); status != http.StatusOK || !bytes.Equal(data, bundle) {
		t.Errorf("the offered address answers %d with %d bytes, want the %d deployed", status, len(data), len(bundle))
	}
	if status, data := get(*out.Code.Location + "x"); status != http.StatusForbidden {
		t.Errorf("another address answers %d: %s", status, data)
	}
}
