package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// stand is an environment in local clouds with what an examination of it takes:
// a project's folder, and tools that say their versions.
type stand struct {
	*integration.Clouds
	options Options
	tools   map[string]string
}

// newStand begins with nothing deployed but the buckets and the CDK's bootstrap.
func newStand(t *testing.T) *stand {
	t.Helper()
	t.Parallel()
	s := &stand{Clouds: integration.New(t, sandbox.Options{}), tools: map[string]string{
		"go": "go version go1.26.8 linux/amd64", "node": "v20.20.2", "npm": "10.8.2", "pulumi": "v3.217.0",
	}}
	s.Env.Architecture = integration.Architecture()
	s.options = Options{
		Environment: s.Env, Root: projectFolder(t), AWS: s.AWSConfig(s.AWS.Admin()),
		Command: func(_ context.Context, name string, _ ...string) (string, error) {
			out, ok := s.tools[name]
			if !ok {
				return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
			}
			return out, nil
		},
	}
	s.as(t, s.Google.AdminToken())
	_, err := ssm.NewFromConfig(s.options.AWS).PutParameter(context.Background(), &ssm.PutParameterInput{
		Name: aws.String(clouds.BootstrapVersion(clouds.DefaultQualifier)), Value: aws.String("33"), Type: ssmtypes.ParameterTypeString})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// as gives the examination the Google clients of whom a token belongs to.
func (s *stand) as(t *testing.T, token string) {
	t.Helper()
	env := &s.options.Environment
	env.Google.IAM, env.Google.ResourceManager, env.Google.ServiceUsage = s.GoogleURL+"/v1/", s.GoogleURL+"/v1/", s.GoogleURL+"/v1/"
	env.Google.OrgPolicy, env.Google.Storage, env.Google.AccessToken = s.GoogleURL+"/v2/", s.GoogleURL+"/storage/v1/", token
	g, err := clouds.OpenGoogle(context.Background(), *env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s.options.Google = g
}

// projectFolder is a folder with what the checks read of the project.
func projectFolder(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, pattern := range []string{"go.mod", "package-lock.json", "tools/go.mod", "tools/go.sum", "tools/*-stand-in/*.go"} {
		files, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel("../..", file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(root, name), string(data))
		}
	}
	write(t, filepath.Join(root, "node_modules/aws-cdk/package.json"), `{"version": "2.1148.1"}`)
	write(t, filepath.Join(root, "node_modules/aws-cdk/lib/api/bootstrap/bootstrap-template.yaml"), "Resources:\n  CdkBootstrapVersion:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Value: '33'\n")
	return root
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// deploy makes of the resources there are an environment that is deployed: marked,
// with stacks, the function and the credential configuration.
func (s *stand) deploy(t *testing.T, changes ...func(*lambda.CreateFunctionInput)) {
	t.Helper()
	s.Mark(t, s.Env.Mark())
	// No check invokes the function, so that it may be any.
	s.DeployBundle(t, s.bundle(t, string(s.Configuration(t).JSON())), changes...)
	write(t, s.Env.CredentialFile(s.options.Root), string(s.Configuration(t).JSON()))
	s.makeStack(t, s.Env.RoleStack(), "CREATE_COMPLETE")
	s.makeStack(t, s.Env.FunctionStack(), "CREATE_COMPLETE")
	s.abortUploads(t, "")
}

// abortUploads lets a rule of the destination bucket abort the incomplete uploads of keys
// with a prefix after a week.
func (s *stand) abortUploads(t *testing.T, prefix string) {
	t.Helper()
	if _, err := s3.NewFromConfig(s.options.AWS).PutBucketLifecycleConfiguration(context.Background(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &s.Env.DestinationBucket,
		LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: []s3types.LifecycleRule{{ID: aws.String("uploads"), Status: s3types.ExpirationStatusEnabled,
			Filter: &s3types.LifecycleRuleFilter{Prefix: &prefix}, AbortIncompleteMultipartUpload: &s3types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)}}}}}); err != nil {
		t.Fatal(err)
	}
}

// makeStack makes a stack with the form of the environment's: of a role, which exists
// already where the stack is to fail, or of a function.
func (s *stand) makeStack(t *testing.T, name, want string) {
	t.Helper()
	role := name
	if want != "CREATE_COMPLETE" {
		role = s.Env.Role // which exists
	}
	template := fmt.Sprintf(
		`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":%q,"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}}}}`,
		role,
	)
	if name == s.Env.FunctionStack() {
		key := "bundle.zip"
		if _, err := s3.NewFromConfig(s.options.AWS).PutObject(context.Background(), &s3.PutObjectInput{Bucket: &s.Env.DestinationBucket, Key: &key, Body: bytes.NewReader(integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}))}); err != nil {
			t.Fatal(err)
		}
		template = fmt.Sprintf(
			`{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":%q,"Role":%q,"Runtime":"provided.al2023","Handler":"bootstrap","Code":{"S3Bucket":%q,"S3Key":%q}}}}}`,
			name,
			s.Env.RoleARN(),
			s.Env.DestinationBucket,
			key,
		)
	}
	client := cloudformation.NewFromConfig(s.options.AWS)
	var tags []cfntypes.Tag
	for key, value := range s.Env.Mark().Tags() {
		tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
	}
	if _, err := client.CreateStack(context.Background(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template, Tags: tags, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}}); err != nil {
		t.Fatal(err)
	}
	wait := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	if err := wait.Wait(context.Background(), &cloudformation.DescribeStacksInput{StackName: &name}, 10*time.Second); err != nil && want == "CREATE_COMPLETE" {
		t.Fatal(err)
	}
	if out, err := client.DescribeStacks(context.Background(), &cloudformation.DescribeStacksInput{StackName: &name}); err != nil {
		t.Fatal(err)
	} else if got := string(out.Stacks[0].StackStatus); got != want {
		t.Fatalf("the stack is in %s, want %s", got, want)
	}
}

// makeLogs makes the function's log group, with a log stream if it is to have logs.
func (s *stand) makeLogs(t *testing.T, tags map[string]string, full bool) {
	t.Helper()
	client := cloudwatchlogs.NewFromConfig(s.options.AWS)
	name := s.Env.LogGroup()
	if _, err := client.CreateLogGroup(context.Background(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name, Tags: tags}); err != nil {
		t.Fatal(err)
	}
	if !full {
		return
	}
	if _, err := client.CreateLogStream(context.Background(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &name, LogStreamName: aws.String("2026")}); err != nil {
		t.Fatal(err)
	}
}

// review leaves the role's stack with a change set that is never executed.
func (s *stand) review(t *testing.T) {
	t.Helper()
	var tags []cfntypes.Tag
	for key, value := range s.Env.Mark().Tags() {
		tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
	}
	_, err := cloudformation.NewFromConfig(s.options.AWS).
		CreateChangeSet(context.Background(), &cloudformation.CreateChangeSetInput{StackName: aws.String(s.Env.RoleStack()), ChangeSetName: aws.String("cdk-deploy-change-set"), ChangeSetType: "CREATE",
			TemplateBody: aws.String(s.Template(t, "role")),
			Tags:         tags, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stand) providerPath() string { return s.PoolPath() + "/providers/" + s.Env.Provider }
func (s *stand) accountPath() string {
	return "/v1/projects/" + s.Env.GoogleProject + "/serviceAccounts/" + s.Env.ServiceAccountEmail()
}

func (s *stand) run(t *testing.T) Report {
	t.Helper()
	r, err := Run(context.Background(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestHealthy finds nothing wrong with a working environment.
func TestHealthy(t *testing.T) {
	s := newStand(t)
	s.deploy(t)
	r := s.run(t)
	for _, c := range r.Checks {
		tool := slices.Contains([]string{"pulumi-language-go", "pulumi-gcp"}, c.ID) // as this machine has them
		if c.Status != OK && !(tool && c.Status == Warning) || c.Seen == "" || c.Title == "" {
			t.Errorf("%s: %s: %s; hint: %s", c.ID, c.Status, c.Seen, c.Hint)
		}
	}
	if !r.OK || r.Err() != nil {
		t.Errorf("the report is %v", r.Err())
	}
	var text strings.Builder
	if err := r.Write(&text); err != nil || !strings.Contains(text.String(), s.Env.Subject()) && !strings.Contains(text.String(), "of 127 bytes") {
		t.Errorf("the table is %v\n%s", err, text.String())
	}
	data, err := json.Marshal(r)
	var back struct {
		OK     bool
		Checks []Result
	}
	if err := errors.Join(err, json.Unmarshal(data, &back)); err != nil || !back.OK || len(back.Checks) != len(checks()) {
		t.Errorf("as JSON: %v: %s", err, data)
	}
}

// TestNothingDeployed: before the first deployment everything that it needs is in
// order, and what it makes is skipped.
func TestNothingDeployed(t *testing.T) {
	s := newStand(t)
	names := map[string]string{"awsAccount": sandbox.Account, "googleProject": sandbox.Project, "suffix": "-new", "architecture": string(s.Env.Architecture),
		"googleTokenURL": s.Env.GoogleTokenURL, "iamCredentialsEndpoint": s.GoogleURL, "storageEndpoint": s.GoogleURL, "allowLoopbackEndpoints": "true"}
	env, err := environment.Parse("new", names)
	if err != nil {
		t.Fatal(err)
	}
	s.options.Environment = env
	s.as(t, s.Google.AdminToken())
	r := s.run(t)
	if !r.OK {
		t.Errorf("the report is %v", r.Err())
	}
	for _, id := range []string{"role-stack", "function-stack", "configuration", "bundle", "function-settings", "function-role", "trust", "binding", "viewer", "writer"} {
		if c := r.Get(id); c.Status != Skipped || c.Seen != "not deployed yet" {
			t.Errorf("%s: %s: %s, want it skipped", id, c.Status, c.Seen)
		}
	}
	for _, id := range []string{"role", "function", "service-account", "pool", "provider"} {
		if c := r.Get(id); c.Status != OK || !strings.HasSuffix(c.Seen, "-new is free") && !strings.Contains(c.Seen, "-new@") {
			t.Errorf("%s: %s: %s, want the name to be free", id, c.Status, c.Seen)
		}
	}
}

// TestAfterDown: what is deployed is skipped where gcs-to-s3 down has left nothing but the
// names that Google keeps; a provider that somebody deleted while the rest stands is an
// error.
func TestAfterDown(t *testing.T) {
	s := newStand(t)
	s.deploy(t)
	s.Call(t, "DELETE", s.providerPath(), nil, nil)
	if got := s.run(t).Get("trust"); got.Status != Error || !strings.Contains(got.Seen, "the provider aws-connect is deleted") {
		t.Errorf("with a deleted provider: %+v", got)
	}
	s.Call(t, "DELETE", s.PoolPath(), nil, nil)
	s.Call(t, "DELETE", s.accountPath(), nil, nil)
	for _, name := range []string{s.Env.RoleStack(), s.Env.FunctionStack()} {
		if _, err := cloudformation.NewFromConfig(s.options.AWS).DeleteStack(context.Background(), &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := lambda.NewFromConfig(s.options.AWS).DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: &s.Env.Function}); err != nil {
		t.Fatal(err)
	}
	s.DeleteRole(t)
	if err := os.Remove(s.Env.CredentialFile(s.options.Root)); err != nil {
		t.Fatal(err)
	}
	report := s.run(t)
	for _, c := range report.Checks {
		if c.Status == Error {
			t.Errorf("%s: %s; hint: %s", c.ID, c.Seen, c.Hint)
		}
	}
	for _, id := range []string{"trust", "binding", "viewer", "writer", "bundle", "configuration"} {
		if got := report.Get(id); got.Status != Skipped {
			t.Errorf("%s: %s: %s", id, got.Status, got.Seen)
		}
	}
}

// TestFindings spoils one thing after the other, and looks at the check that must
// find it.
func TestFindings(t *testing.T) {
	policies := func(s *stand) string { return "/v2/projects/" + s.Env.GoogleProject + "/policies/" }
	allowed := func(values ...string) map[string]any {
		return map[string]any{"spec": map[string]any{"rules": []any{map[string]any{"values": map[string]any{"allowedValues": values}}}}}
	}
	enforced := func(parameters map[string]any) map[string]any {
		rule := map[string]any{"enforce": true}
		if parameters != nil {
			rule["parameters"] = parameters
		}
		return map[string]any{"spec": map[string]any{"rules": []any{rule}}}
	}
	foreign := func(t *testing.T, s *stand, path string) {
		s.Call(
			t,
			"PATCH",
			path+"?updateMask=description",
			map[string]any{"description": "Admits AWS account 123456789012 [gcs-to-s3 other id=0123456789ab owner=bob]"},
			nil,
		)
	}
	admin := func(s *stand) *iam.Client { return iam.NewFromConfig(s.options.AWS) }
	for _, tt := range []struct {
		name   string
		bare   bool // nothing is deployed but what sandboxtest makes, without marks
		deploy func(*lambda.CreateFunctionInput)
		spoil  func(t *testing.T, s *stand)
		id     string
		want   Status
		seen   string // a part
		hint   string // a part
	}{
		{name: "no Go", spoil: func(_ *testing.T, s *stand) { delete(s.tools, "go") }, id: "go", want: Error, seen: "not installed", hint: "go.dev"},
		{name: "another patch level of Go", spoil: func(_ *testing.T, s *stand) { s.tools["go"] = "go version go1.26.5 linux/amd64" }, id: "go", want: Warning, seen: "1.26.5; go.mod names 1.26.8"},
		{name: "an old Go", spoil: func(_ *testing.T, s *stand) { s.tools["go"] = "go version go1.25.9 linux/amd64" }, id: "go", want: Error, seen: "1.25.9; 1.26.0 or newer"},
		{name: "an old Node.js", spoil: func(_ *testing.T, s *stand) { s.tools["node"] = "v18.20.4" }, id: "node", want: Warning, seen: "18.20.4"},
		{name: "a very old Node.js", spoil: func(_ *testing.T, s *stand) { s.tools["node"] = "v16.1.0" }, id: "node", want: Error, seen: "16.1.0"},
		{name: "no npm", spoil: func(_ *testing.T, s *stand) { delete(s.tools, "npm") }, id: "npm", want: Error, seen: "not installed"},
		{name: "no CDK", spoil: func(t *testing.T, s *stand) {
			if err := os.RemoveAll(filepath.Join(s.options.Root, "node_modules")); err != nil {
				t.Fatal(err)
			}
		}, id: "cdk", want: Warning, seen: "package-lock.json pins 2.1148.1", hint: "npm ci"},
		{name: "another CDK", spoil: func(t *testing.T, s *stand) {
			write(t, filepath.Join(s.options.Root, "node_modules/aws-cdk/package.json"), `{"version": "2.1.0"}`)
		}, id: "cdk", want: Error, seen: "2.1.0 is installed", hint: "npm ci"},
		{name: "an old Pulumi", spoil: func(_ *testing.T, s *stand) { s.tools["pulumi"] = "v3.100.0" }, id: "pulumi", want: Error, seen: "the program's SDK is 3.217.0"},

		{name: "wrong AWS keys", spoil: func(t *testing.T, s *stand) {
			session := s.Session(t, s.Env.Role)
			session.SessionToken = "another"
			s.options.AWS = s.AWSConfig(session)
		}, id: "aws-credentials", want: Error, seen: "InvalidClientTokenId", hint: "aws sso login"},
		{name: "no AWS credentials", spoil: func(_ *testing.T, s *stand) { s.options.AWSProblem = errors.New("there is no profile x") }, id: "aws-credentials", want: Error, seen: "there is no profile x"},
		{name: "no AWS credentials, for other checks", spoil: func(_ *testing.T, s *stand) { s.options.AWSProblem = errors.New("there is no profile x") }, id: "bootstrap", want: Skipped, seen: "there are no AWS credentials"},
		{name: "another account", spoil: func(_ *testing.T, s *stand) { s.options.Environment.AWSAccount = "999999999999" }, id: "aws-account", want: Error, seen: "123456789012; the environment is in 999999999999", hint: "AWS_PROFILE"},
		{name: "another account, for other checks", spoil: func(_ *testing.T, s *stand) { s.options.Environment.AWSAccount = "999999999999" }, id: "role", want: Skipped, seen: "for another account"},
		{name: "another region", spoil: func(_ *testing.T, s *stand) { s.options.Environment.AWSRegion = "eu-west-1" }, id: "aws-region", want: Error, seen: "eu-west-1"},
		{name: "a region that is not enabled", spoil: elsewhere("eu-south-1"), id: "aws-region", want: Error,
			seen: "AWS accepts the credentials in us-east-1, but not in eu-south-1", hint: "aws account enable-region --region-name eu-south-1 --region us-east-1"},
		{name: "a region that is not enabled, for the credentials", spoil: elsewhere("eu-south-1"), id: "aws-credentials", want: OK, seen: "accepted by AWS, but not in eu-south-1"},
		{name: "a region that is not enabled, for the account", spoil: elsewhere("eu-south-1"), id: "aws-account", want: Skipped, seen: "the account has not enabled eu-south-1"},
		{name: "a region that is not enabled, for other checks", spoil: elsewhere("eu-south-1"), id: "role", want: Skipped, seen: "the account has not enabled eu-south-1"},
		{name: "wrong AWS keys, for the region", spoil: func(t *testing.T, s *stand) {
			session := s.Session(t, s.Env.Role)
			session.SessionToken = "another"
			s.options.AWS = s.AWSConfig(session)
		}, id: "aws-region", want: Skipped, seen: "there are no AWS credentials"},
		{name: "an expired token", spoil: func(t *testing.T, s *stand) { s.as(t, "expired") }, id: "google-credentials", want: Error, seen: "401", hint: "gcloud auth application-default login"},
		{name: "no Google credentials", spoil: func(_ *testing.T, s *stand) {
			s.options.Google, s.options.GoogleProblem = nil, errors.New("there are none")
		}, id: "google-credentials", want: Error, seen: "there are none"},
		{name: "no Google credentials, for other checks", spoil: func(_ *testing.T, s *stand) {
			s.options.Google, s.options.GoogleProblem = nil, errors.New("there are none")
		}, id: "pool", want: Skipped, seen: "there are no Google credentials"},
		{name: "another project", spoil: func(t *testing.T, s *stand) {
			s.options.Environment.GoogleProject = "other-project"
			s.as(t, s.Google.AdminToken())
		}, id: "google-project", want: Error, seen: "403", hint: "set googleProject"},
		{name: "a new project", bare: true, spoil: newProject, id: "google-project", want: Warning, seen: "Cloud Resource Manager API is not enabled yet"},
		{name: "a new project's APIs", bare: true, spoil: newProject, id: "google-apis", want: Warning, seen: "not enabled: iam.googleapis.com, sts.googleapis.com", hint: "`pulumi up` enables them"},
		{name: "a new project's pool", bare: true, spoil: newProject, id: "pool", want: Skipped, seen: "the API iam.googleapis.com is disabled in the project demo-project"},
		{name: "no permission to see the APIs", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "POST", "/v1/projects/"+s.Env.GoogleProject+"/serviceAccounts", map[string]any{"accountId": "a-browser"}, nil)
			s.Bind(t, "/v1/projects/"+s.Env.GoogleProject, "roles/browser", "serviceAccount:a-browser@"+s.Env.GoogleProject+".iam.gserviceaccount.com")
			s.as(t, s.tokenOf(t, "a-browser"))
		}, id: "google-apis", want: Error, seen: "serviceusage.services.get", hint: "roles/serviceusage"},
		{name: "policies that cannot be seen", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "POST", "/v1/projects/"+s.Env.GoogleProject+"/serviceAccounts", map[string]any{"accountId": "a-browser"}, nil)
			s.Bind(t, "/v1/projects/"+s.Env.GoogleProject, "roles/browser", "serviceAccount:a-browser@"+s.Env.GoogleProject+".iam.gserviceaccount.com")
			s.as(t, s.tokenOf(t, "a-browser"))
		}, id: "policy-providers", want: Skipped, seen: "no permission to read it"},
		{name: "an organization that admits other accounts", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.workloadIdentityPoolAwsAccounts", allowed("999999999999"), nil)
		}, id: "policy-aws-accounts", want: Error, seen: "does not allow 123456789012", hint: "gcloud org-policies"},
		{name: "an organization that admits other providers", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.workloadIdentityPoolProviders", allowed("https://token.actions.githubusercontent.com"), nil)
		}, id: "policy-providers", want: Error, seen: "does not allow https://sts.amazonaws.com"},
		{name: "an organization with groups of values", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.workloadIdentityPoolProviders", allowed("in:aws"), nil)
		}, id: "policy-providers", want: Warning, seen: "groups of values"},
		{name: "an organization that stops service accounts", bare: true, spoil: func(t *testing.T, s *stand) {
			s.Call(t, "DELETE", s.accountPath(), nil, nil)
			s.Call(t, "PATCH", policies(s)+"iam.disableServiceAccountCreation", enforced(nil), nil)
		}, id: "policy-accounts", want: Error, seen: "iam.disableServiceAccountCreation is enforced", hint: "directAccess true"},
		{name: "an organization that stops service accounts, managed", bare: true, spoil: func(t *testing.T, s *stand) {
			s.Call(t, "DELETE", s.accountPath(), nil, nil)
			s.Call(t, "PATCH", policies(s)+"iam.managed.disableServiceAccountCreation", enforced(nil), nil)
		}, id: "policy-accounts", want: Error, seen: "iam.managed.disableServiceAccountCreation is enforced"},
		{name: "an organization that stops new service accounts", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.disableServiceAccountCreation", enforced(nil), nil)
		}, id: "policy-accounts", want: OK, seen: "the service account exists"},
		{name: "an organization that stops service accounts, with direct access", bare: true, spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.disableServiceAccountCreation", enforced(nil), nil)
			s.options.Environment.DirectAccess = true
		}, id: "policy-accounts", want: OK, seen: "needs no service account"},
		{name: "an organization with a domain", bare: true, spoil: func(t *testing.T, s *stand) {
			s.Call(t, "DELETE", s.providerPath(), nil, nil)
			s.Call(t, "DELETE", s.accountPath(), nil, nil)
			s.Call(t, "PATCH", policies(s)+"iam.allowedPolicyMemberDomains", allowed("is:C0other"), nil)
		}, id: "policy-members", want: Warning, seen: "only is:C0other can be granted a role", hint: "do not belong to a permitted customer"},
		{name: "an organization with a domain, deployed", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.allowedPolicyMemberDomains", allowed("is:C0other"), nil)
		}, id: "policy-members", want: OK, seen: "the environment's grants are there"},
		{name: "an organization that lets nobody be granted a role", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.allowedPolicyMemberDomains", map[string]any{"spec": map[string]any{"rules": []any{map[string]any{"denyAll": true}}}}, nil)
		}, id: "policy-members", want: Error, seen: "iam.allowedPolicyMemberDomains does not allow anyone to be granted a role"},
		{name: "an organization with managed members", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", policies(s)+"iam.managed.allowedPolicyMembers",
				enforced(map[string]any{"allowedPrincipalSets": []string{"//cloudresourcemanager.googleapis.com/organizations/100000000001"}}), nil)
		}, id: "policy-members", want: OK, seen: "//cloudresourcemanager.googleapis.com/organizations/100000000001 can be granted"},
		{name: "policies are off", spoil: func(t *testing.T, s *stand) { s.switchOff(t, "orgpolicy") }, id: "policy-providers", want: Skipped, seen: "the API orgpolicy.googleapis.com is disabled in the project demo-project"},
		{name: "policies without an endpoint", spoil: func(_ *testing.T, s *stand) { s.options.Environment.Google.OrgPolicy = "" }, id: "policy-providers", want: Skipped, seen: "gcp:orgPolicyCustomEndpoint"},
		{name: "long tokens", spoil: func(_ *testing.T, s *stand) { s.options.Environment.TokenLifetimeSeconds = 7200 }, id: "policy-lifetime", want: Error, seen: "does not allow gcs-to-s3-service-account@"},
		{name: "long tokens that are allowed", spoil: func(t *testing.T, s *stand) {
			s.options.Environment.TokenLifetimeSeconds = 7200
			s.Call(t, "PATCH", policies(s)+"iam.allowServiceAccountCredentialLifetimeExtension", allowed(s.Env.ServiceAccountEmail()), nil)
		}, id: "policy-lifetime", want: OK, seen: "allows"},

		{name: "names too long", spoil: func(_ *testing.T, s *stand) {
			s.options.Environment.Role, s.options.Environment.Function = strings.Repeat("r", 60), strings.Repeat("f", 40)
		}, id: "subject", want: Error, seen: "140 of 127 bytes: 39 for the account, 60 for the role", hint: "shorten"},
		{name: "no source bucket", spoil: func(_ *testing.T, s *stand) { s.options.Environment.SourceBucket = "no-such-bucket" }, id: "source-bucket", want: Error, seen: "does not exist", hint: "gcloud storage buckets create"},
		{name: "a requester-pays bucket", spoil: func(t *testing.T, s *stand) { s.requesterPays(t) }, id: "source-bucket", want: Error, seen: "is a requester-pays bucket", hint: "set billingProject"},
		{name: "a requester-pays bucket, paid for", spoil: func(t *testing.T, s *stand) {
			s.requesterPays(t)
			s.options.Environment.BillingProject = s.Env.GoogleProject
		}, id: "source-bucket", want: OK, seen: "gs://"},
		{name: "no object", spoil: func(_ *testing.T, s *stand) { s.options.Environment.Object = "missing" }, id: "object", want: Warning, seen: "does not exist"},
		{name: "no destination bucket", spoil: func(_ *testing.T, s *stand) { s.options.Environment.DestinationBucket = "no-such-bucket" }, id: "destination-bucket", want: Error, seen: "does not exist", hint: "aws s3 mb"},
		{name: "no bulk jobs", spoil: func(*testing.T, *stand) {}, id: "jobs-bucket", want: OK, seen: "bulk is false"},
		{name: "no jobs bucket", spoil: func(_ *testing.T, s *stand) {
			s.options.Environment.Bulk, s.options.Environment.JobsBucket = true, "no-such-bucket"
		}, id: "jobs-bucket", want: Error, seen: "s3://no-such-bucket does not exist", hint: "set jobsBucket"},
		{name: "a jobs bucket", spoil: func(_ *testing.T, s *stand) {
			s.options.Environment.Bulk, s.options.Environment.JobsBucket = true, s.Env.DestinationBucket
		}, id: "jobs-bucket", want: OK, seen: "in ap-northeast-1"},
		{name: "no rule for incomplete uploads", spoil: func(t *testing.T, s *stand) {
			if _, err := s3.NewFromConfig(s.options.AWS).DeleteBucketLifecycle(context.Background(), &s3.DeleteBucketLifecycleInput{Bucket: &s.Env.DestinationBucket}); err != nil {
				t.Fatal(err)
			}
		}, id: "uploads", want: Warning, seen: "no lifecycle rule of s3://s3-gcs-connect aborts incomplete uploads", hint: "AbortIncompleteMultipartUpload"},
		{name: "a rule for other uploads", spoil: func(t *testing.T, s *stand) { s.abortUploads(t, "other/") }, id: "uploads", want: Warning, seen: "no lifecycle rule"},
		{name: "a rule for the prefix's uploads", spoil: func(t *testing.T, s *stand) {
			s.abortUploads(t, "incoming/")
			s.options.Environment.DestinationPrefix = "incoming/2026/"
		}, id: "uploads", want: OK, seen: "aborts incomplete uploads after 7 days"},
		{name: "a bucket with a key of its own", spoil: func(t *testing.T, s *stand) { s.encrypt(t, s.makeKey(t), "aws:kms") },
			id: "encryption", want: Error, seen: "by default, and kmsKey is not set", hint: "set kmsKey in the environment's file to arn:aws:kms:ap-northeast-1:123456789012:key/"},
		{name: "a bucket with a key by its id", spoil: func(t *testing.T, s *stand) {
			s.encrypt(t, s.makeKey(t)[len("arn:aws:kms:ap-northeast-1:123456789012:key/"):], "aws:kms:dsse")
		}, id: "encryption", want: Error, seen: "arn:aws:kms:ap-northeast-1:123456789012:key/", hint: "set kmsKey in the environment's file to arn:"},
		{name: "a bucket with a key by its alias", spoil: func(t *testing.T, s *stand) { s.encrypt(t, "alias/ours", "aws:kms") },
			id: "encryption", want: Error, seen: "alias/ours", hint: "aws kms describe-key --key-id alias/ours"}, // which the local KMS does not model
		{name: "a bucket with a key that is gone", spoil: func(t *testing.T, s *stand) {
			s.encrypt(t, "arn:aws:kms:ap-northeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", "aws:kms")
		}, id: "encryption", want: Error, seen: "which does not exist", hint: "another default key"},
		{name: "a bucket with another key than kmsKey", spoil: func(t *testing.T, s *stand) {
			s.encrypt(t, s.makeKey(t), "aws:kms")
			s.options.Environment.KMSKey = s.makeKey(t)
		}, id: "encryption", want: Warning, seen: "but copies are encrypted with kmsKey"},
		{name: "a bucket with kmsKey", spoil: func(t *testing.T, s *stand) {
			s.options.Environment.KMSKey = s.makeKey(t)
			s.encrypt(t, s.options.Environment.KMSKey, "aws:kms")
		}, id: "encryption", want: OK, seen: "have the same key"},
		{name: "a bucket with AWS's key", spoil: func(t *testing.T, s *stand) { s.encrypt(t, "", "aws:kms") }, id: "encryption", want: OK, seen: "no KMS key of its own"},
		{name: "encryption that cannot be seen", spoil: func(t *testing.T, s *stand) {
			s.options.AWS = s.AWSConfig(s.Session(t, s.Env.Role))
		}, id: "encryption", want: Skipped, seen: "no permission to read it"},
		{name: "encryption of no bucket", spoil: func(_ *testing.T, s *stand) { s.options.Environment.DestinationBucket = "no-such-bucket" }, id: "encryption", want: Skipped, seen: "does not exist"},
		{name: "a destination bucket elsewhere", spoil: func(_ *testing.T, s *stand) { s.options.Environment.AWSRegion = "eu-west-1" }, id: "destination-bucket", want: Error, seen: "is in ap-northeast-1, the function in eu-west-1"},

		{name: "a role of others", spoil: func(t *testing.T, s *stand) {
			if _, err := admin(s).TagRole(context.Background(), &iam.TagRoleInput{RoleName: &s.Env.Role, Tags: []iamtypes.Tag{{Key: aws.String(environment.TagEnvironment), Value: aws.String("other")}}}); err != nil {
				t.Fatal(err)
			}
		}, id: "role", want: Error, seen: "belongs to the environment other", hint: "suffix"},
		{name: "a role that outlived its stack", spoil: func(t *testing.T, s *stand) {
			name := s.Env.RoleStack()
			if _, err := cloudformation.NewFromConfig(s.options.AWS).DeleteStack(context.Background(), &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
				t.Fatal(err)
			}
		}, id: "role", want: Error, seen: "has outlived its stack", hint: "`gcs-to-s3 down test` removes it"},
		{name: "a role that was there before", bare: true, id: "role", want: Error, seen: "carries no mark of an environment"},
		{name: "a function of others", deploy: func(in *lambda.CreateFunctionInput) {
			in.Tags = map[string]string{environment.TagEnvironment: "other"}
		}, id: "function", want: Error, seen: "belongs to the environment other"},
		{name: "somebody's function with the name of that for events", spoil: func(t *testing.T, s *stand) {
			s.options.Environment.Events = environment.PullEvents
			s.Deploy(t, func(in *lambda.CreateFunctionInput) { in.FunctionName, in.Tags = aws.String(s.Env.Drain()), nil })
		}, id: "function", want: Error, seen: "function:gcs-to-s3-events exists, and carries no mark", hint: "or delete it"},
		{name: "a function without a mark", deploy: func(in *lambda.CreateFunctionInput) { in.Tags = nil }, id: "function", want: Error, seen: "carries no mark", hint: "gcs-to-s3 adopt test"},
		{name: "an empty log group that Lambda made", bare: true, spoil: func(t *testing.T, s *stand) { s.makeLogs(t, nil, false) }, id: "log-group", want: OK, seen: "`gcs-to-s3 up` takes it over"},
		{name: "a log group that was kept", bare: true, spoil: func(t *testing.T, s *stand) { s.makeLogs(t, s.Env.Mark().Tags(), true) }, id: "log-group", want: OK, seen: "`gcs-to-s3 up` takes it over"},
		{name: "a log group with the logs of others", bare: true, spoil: func(t *testing.T, s *stand) { s.makeLogs(t, nil, true) }, id: "log-group", want: Error, seen: "exists with logs, and carries no mark", hint: "gcs-to-s3 adopt test"},
		{name: "a log group of others", bare: true, spoil: func(t *testing.T, s *stand) {
			s.makeLogs(t, map[string]string{environment.TagEnvironment: "other"}, false)
		}, id: "log-group", want: Error, seen: "belongs to the environment other", hint: "choose another name"},
		{name: "a queue of others", bare: true, spoil: func(t *testing.T, s *stand) {
			s.options.Environment.DeadLetterQueue = true
			if _, err := sqs.NewFromConfig(s.options.AWS).CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: aws.String(s.Env.DeadLetters())}); err != nil {
				t.Fatal(err)
			}
		}, id: "queue", want: Error, seen: "gcs-to-s3-dead-letters exists, and is not part of the stack gcs-to-s3-test-function", hint: "choose another name"},
		{name: "a schedule of others", bare: true, spoil: func(t *testing.T, s *stand) {
			s.options.Environment.Schedule = "rate(1 hour)"
			trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
			role, err := admin(s).CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: aws.String("theirs"), AssumeRolePolicyDocument: &trust})
			if err != nil {
				t.Fatal(err)
			}
			_, err = scheduler.NewFromConfig(s.options.AWS).CreateSchedule(context.Background(), &scheduler.CreateScheduleInput{Name: &s.Env.Function, ScheduleExpression: aws.String("rate(1 hour)"),
				Target:             &schedulertypes.Target{Arn: aws.String("arn:aws:lambda:ap-northeast-1:123456789012:function:theirs"), RoleArn: role.Role.Arn},
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff}})
			if err != nil {
				t.Fatal(err)
			}
		}, id: "schedule", want: Error, seen: "it invokes arn:aws:lambda:ap-northeast-1:123456789012:function:theirs", hint: "choose another name"},
		{name: "a stack of others", bare: true, spoil: func(t *testing.T, s *stand) {
			s.MakeStack(t, s.Env.RoleStack(), `{"Resources":{"P":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"x"}}}}`, environment.Mark{})
		}, id: "stacks", want: Error, seen: "the stack gcs-to-s3-test-role does not have the form of the environment's: its template has P of the type AWS::SSM::Parameter", hint: "another name"},
		{name: "a stack of which nothing was deployed", bare: true, spoil: func(t *testing.T, s *stand) { s.review(t) }, id: "role-stack", want: Warning, seen: "was never deployed and holds nothing", hint: "gcs-to-s3 down test"},
		{name: "whose a stack is of which nothing was deployed", bare: true, spoil: func(t *testing.T, s *stand) { s.review(t) }, id: "stacks", want: OK, seen: "gcs-to-s3-test-role"},
		{name: "another bootstrap", bare: true, spoil: func(t *testing.T, s *stand) {
			write(t, filepath.Join(s.options.Root, "cdk.json"), `{"app": "true", "context": {"@aws-cdk/core:bootstrapQualifier": "ourteam"}}`)
		}, id: "bootstrap", want: Error, seen: "there is no parameter /cdk-bootstrap/ourteam/version", hint: "which uses the qualifier ourteam of cdk.json"},
		{name: "another bootstrap that is there", bare: true, spoil: func(t *testing.T, s *stand) {
			write(t, filepath.Join(s.options.Root, "cdk.context.json"), `{"@aws-cdk/core:bootstrapQualifier": "ourteam"}`)
			s.Bootstrap(t, "ourteam")
		}, id: "bootstrap", want: OK, seen: "version 33"},
		{name: "a service account that was there before", bare: true, id: "service-account", want: Error, seen: "carries no mark of an environment"},
		{name: "a disabled service account", spoil: func(t *testing.T, s *stand) { s.Call(t, "POST", s.accountPath()+":disable", nil, nil) }, id: "service-account", want: Error, seen: "is disabled", hint: "enable"},
		{name: "a pool of others", spoil: func(t *testing.T, s *stand) { foreign(t, s, s.PoolPath()) }, id: "pool", want: Error, seen: "belongs to the environment other, of bob"},
		{name: "its own deleted pool", spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", s.PoolPath(), nil, nil) }, id: "pool", want: Warning, seen: "its id is free again at", hint: "`pulumi up` undeletes it"},
		{name: "a deleted pool of others", spoil: func(t *testing.T, s *stand) {
			foreign(t, s, s.PoolPath())
			s.Call(t, "DELETE", s.PoolPath(), nil, nil)
		}, id: "pool", want: Error, seen: "keeps its id until"},
		{name: "a disabled pool", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.PoolPath()+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
		}, id: "pool", want: Error, seen: "is disabled", hint: "--no-disabled"},
		{name: "its own deleted provider", spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", s.providerPath(), nil, nil) }, id: "provider", want: Warning, seen: "its id is free again at"},
		{name: "a deleted provider without a mark", bare: true, spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", s.providerPath(), nil, nil) }, id: "provider", want: Error, seen: "was not this environment's"},

		{name: "no bootstrap", spoil: func(t *testing.T, s *stand) {
			if _, err := ssm.NewFromConfig(s.options.AWS).DeleteParameter(context.Background(), &ssm.DeleteParameterInput{Name: aws.String(clouds.BootstrapVersion(clouds.DefaultQualifier))}); err != nil {
				t.Fatal(err)
			}
		}, id: "bootstrap", want: Error, seen: "not bootstrapped", hint: "npx cdk bootstrap aws://123456789012/ap-northeast-1"},
		{name: "an old bootstrap", spoil: func(t *testing.T, s *stand) { s.setBootstrap(t, "21") }, id: "bootstrap", want: Warning, seen: "version 21, which works; the newest is 33"},
		{name: "a very old bootstrap", spoil: func(t *testing.T, s *stand) { s.setBootstrap(t, "5") }, id: "bootstrap", want: Error, seen: "version 5; the CDK needs 6"},
		{name: "a stack that failed", bare: true, spoil: func(t *testing.T, s *stand) { s.makeStack(t, s.Env.RoleStack(), "ROLLBACK_COMPLETE") }, id: "role-stack", want: Error, seen: "ROLLBACK_COMPLETE", hint: "gcs-to-s3 down test"},

		{name: "no configuration here", spoil: func(t *testing.T, s *stand) {
			if err := os.Remove(s.Env.CredentialFile(s.options.Root)); err != nil {
				t.Fatal(err)
			}
		}, id: "configuration", want: Warning, seen: "although the federation is deployed", hint: "pulumi up --refresh --stack test"},
		{name: "a broken configuration here", spoil: func(t *testing.T, s *stand) { write(t, s.Env.CredentialFile(s.options.Root), "{}") }, id: "configuration", want: Error, seen: "must be"},
		{name: "a configuration of another project", spoil: func(t *testing.T, s *stand) {
			write(t, s.Env.CredentialFile(s.options.Root), strings.ReplaceAll(string(s.Configuration(t).JSON()), sandbox.ProjectNumber, "111"))
		}, id: "configuration", want: Error, seen: "it names the project 111, not " + sandbox.ProjectNumber},
		{name: "a configuration with another lifetime", spoil: func(_ *testing.T, s *stand) { s.options.Environment.TokenLifetimeSeconds = 600 }, id: "configuration", want: Error, seen: "the lifetime 0, not 600"},
		{name: "a bundle of another environment", spoil: func(t *testing.T, s *stand) {
			s.redeploy(t, strings.ReplaceAll(string(s.Configuration(t).JSON()), s.Env.ServiceAccount, "somebody-else"))
		}, id: "bundle", want: Error, seen: "the service account somebody-else@", hint: "gcs-to-s3 up test"},
		{name: "a bundle with another layout", spoil: func(t *testing.T, s *stand) {
			s.redeploy(t, strings.Replace(string(s.Configuration(t).JSON()), "{\n", "{\n\n", 1))
		}, id: "bundle", want: Error, seen: "it differs from the local"},
		{name: "a bundle without a configuration", spoil: func(t *testing.T, s *stand) { s.redeploy(t, "") }, id: "bundle", want: Error, seen: "has no clientLibraryConfig-aws-connect.json"},
		{name: "a bundle that cannot be fetched", spoil: func(t *testing.T, s *stand) {
			s.FailAs(faults.Rules(faults.Rule{Path: "/awslambda-code/*", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 503}}}))
		}, id: "bundle", want: Error, seen: "fetching the bundle: 503"},
		{name: "other variables", deploy: func(in *lambda.CreateFunctionInput) { in.Environment.Variables["SOURCE_BUCKET"] = "elsewhere" },
			id: "function-settings", want: Error, seen: `SOURCE_BUCKET is "elsewhere", not "s3-gcs-connect"`, hint: "gcs-to-s3 up test"},
		{name: "another template of keys", deploy: func(in *lambda.CreateFunctionInput) { in.Environment.Variables["KEY_TEMPLATE"] = "{name}" },
			id: "function-settings", want: Error, seen: `KEY_TEMPLATE is "{name}", not "{object}"`, hint: "gcs-to-s3 up test"},
		{name: "a key that the environment does not name", deploy: func(in *lambda.CreateFunctionInput) { in.Environment.Variables["KMS_KEY"] = "arn:x" },
			id: "function-settings", want: Error, seen: `KMS_KEY is "arn:x", not ""`, hint: "gcs-to-s3 up test"},
		{name: "a configuration with a service account, for direct access", spoil: func(_ *testing.T, s *stand) { s.options.Environment.DirectAccess = true }, id: "configuration", want: Error, seen: "the service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com, not none"},
		{name: "a bundle without a service account", spoil: func(t *testing.T, s *stand) {
			names := s.CredentialNames()
			names.ServiceAccount = ""
			c, err := credential.New(names, credential.Options{TokenURL: s.Env.GoogleTokenURL, AllowLoopback: true})
			if err != nil {
				t.Fatal(err)
			}
			s.redeploy(t, string(c.JSON()))
		}, id: "bundle", want: Error, seen: "the service account none, not gcs-to-s3-service-account@", hint: "gcs-to-s3 up test"},
		{name: "direct access, which takes no service account", spoil: func(_ *testing.T, s *stand) { s.options.Environment.DirectAccess = true }, id: "service-account", want: OK, seen: "the role reads as itself"},
		{name: "direct access, which takes fewer APIs", spoil: func(_ *testing.T, s *stand) { s.options.Environment.DirectAccess = true }, id: "google-apis", want: OK, seen: "4 of 4 enabled"},
		{name: "another timeout", deploy: func(in *lambda.CreateFunctionInput) { in.Timeout = aws.Int32(3) }, id: "function-settings", want: Error, seen: "timeout is 3, not 300"},
		{name: "a function with another role", spoil: func(t *testing.T, s *stand) {
			s.MakeRole(t, "other-role", "")
			if _, err := lambda.NewFromConfig(s.options.AWS).UpdateFunctionConfiguration(context.Background(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &s.Env.Function, Role: aws.String("arn:aws:iam::" + sandbox.Account + ":role/other-role")}); err != nil {
				t.Fatal(err)
			}
		}, id: "function-role", want: Error, seen: "role/other-role, which Google does not trust"},
		{name: "a role that Lambda cannot assume", spoil: func(t *testing.T, s *stand) {
			document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
			if _, err := admin(s).UpdateAssumeRolePolicy(context.Background(), &iam.UpdateAssumeRolePolicyInput{RoleName: &s.Env.Role, PolicyDocument: &document}); err != nil {
				t.Fatal(err)
			}
		}, id: "function-role", want: Error, seen: "does not name lambda.amazonaws.com", hint: s3role},
		{name: "a condition of another role", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PATCH", s.providerPath()+"?updateMask=attributeCondition", map[string]any{"attributeCondition": "attribute.aws_role == 'other'"}, nil)
		}, id: "trust", want: Error, seen: "does not name", hint: "pulumi up"},
		{name: "no binding", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "POST", s.accountPath()+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
		}, id: "binding", want: Error, seen: "no binding lets", hint: "pulumi up"},
		{name: "a deleted service account", spoil: func(t *testing.T, s *stand) { s.Call(t, "DELETE", s.accountPath(), nil, nil) }, id: "binding", want: Error, seen: "there is no service account"},
		{name: "no grant", spoil: func(t *testing.T, s *stand) {
			s.Call(t, "PUT", "/storage/v1/b/"+s.Env.SourceBucket+"/iam", map[string]any{}, nil)
		}, id: "viewer", want: Error, seen: "no binding of the bucket or the project", hint: "pulumi up"},
		{name: "a role without permission to write", spoil: func(t *testing.T, s *stand) {
			if _, err := admin(s).DeleteRolePolicy(context.Background(), &iam.DeleteRolePolicyInput{RoleName: &s.Env.Role, PolicyName: aws.String("rights")}); err != nil {
				t.Fatal(err)
			}
		}, id: "writer", want: Error, seen: "do not allow s3:PutObject", hint: s3role},
		{name: "a cloud that is down", spoil: func(t *testing.T, s *stand) {
			s.FailAs(faults.Rules(faults.Rule{Service: "iam", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 503}}}))
		}, id: "pool", want: Error, seen: "cannot be seen: the service is busy: 503"},
		{name: "a cloud that throttles", spoil: func(t *testing.T, s *stand) {
			s.FailAs(faults.Rules(faults.Rule{Service: "google/storage", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 429}}}))
		}, id: "source-bucket", want: Error, seen: "429"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t)
			switch {
			case tt.deploy != nil:
				s.deploy(t, tt.deploy)
			case !tt.bare:
				s.deploy(t)
			}
			if tt.spoil != nil {
				tt.spoil(t, s)
			}
			r := s.run(t)
			c := r.Get(tt.id)
			if c.Status != tt.want || !strings.Contains(c.Seen, tt.seen) || !strings.Contains(c.Hint, tt.hint) {
				t.Errorf("%s: %s: %s; hint: %s\nwant %s with %q and the hint %q", tt.id, c.Status, c.Seen, c.Hint, tt.want, tt.seen, tt.hint)
			}
			if r.OK && tt.want == Error || tt.want == Error && c.Hint == "" {
				t.Errorf("an error leaves the report OK, or has no hint: %+v", c)
			}
		})
	}
}

// elsewhere puts the environment and AWS's clients into another region.
func elsewhere(region string) func(*testing.T, *stand) {
	return func(_ *testing.T, s *stand) { s.options.Environment.AWSRegion, s.options.AWS.Region = region, region }
}

// s3role mends the role.
const s3role = "gcs-to-s3 up test"

func (s *stand) setBootstrap(t *testing.T, version string) {
	t.Helper()
	if _, err := ssm.NewFromConfig(s.options.AWS).PutParameter(context.Background(), &ssm.PutParameterInput{
		Name: aws.String(clouds.BootstrapVersion(clouds.DefaultQualifier)), Value: &version, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
}

// newProject leaves on what is in a project that was made just now.
func newProject(t *testing.T, s *stand) {
	for _, api := range []string{"iam", "sts", "iamcredentials", "cloudresourcemanager", "orgpolicy"} {
		s.switchOff(t, api)
	}
}

func (s *stand) switchOff(t *testing.T, api string) {
	t.Helper()
	s.Call(t, "POST", "/v1/projects/"+s.Env.GoogleProject+"/services/"+api+".googleapis.com:disable", map[string]any{}, nil)
}

// bundle is a deployment package with a credential configuration, or without one.
func (s *stand) bundle(t *testing.T, configuration string) []byte {
	t.Helper()
	files := map[string][]byte{"bootstrap": []byte("#!/bin/sh\n")}
	if configuration != "" {
		files[s.Env.CredentialFileName()] = []byte(configuration)
	}
	return integration.Bundle(t, files)
}

func (s *stand) redeploy(t *testing.T, configuration string) {
	t.Helper()
	if _, err := lambda.NewFromConfig(s.options.AWS).UpdateFunctionCode(context.Background(), &lambda.UpdateFunctionCodeInput{FunctionName: &s.Env.Function, ZipFile: s.bundle(t, configuration)}); err != nil {
		t.Fatal(err)
	}
}

func (s *stand) tokenOf(t *testing.T, account string) string {
	t.Helper()
	var out struct{ AccessToken string }
	s.Call(t, "POST", "/v1/projects/-/serviceAccounts/"+account+"@"+s.Env.GoogleProject+".iam.gserviceaccount.com:generateAccessToken",
		map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}}, &out)
	return out.AccessToken
}

// TestTheDestinationBucketOfAnother exists, and cannot be read.
func TestTheDestinationBucketOfAnother(t *testing.T) {
	s := newStand(t)
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:ListBucket","s3:GetBucketLocation"],"Resource":"arn:aws:s3:::` + s.Env.DestinationBucket + `"}]}`
	if _, err := s3.NewFromConfig(s.options.AWS).PutBucketPolicy(context.Background(), &s3.PutBucketPolicyInput{Bucket: &s.Env.DestinationBucket, Policy: &document}); err != nil {
		t.Fatal(err)
	}
	if c := s.run(t).Get("destination-bucket"); c.Status != Warning || !strings.Contains(c.Seen, "you have no permission to read it") {
		t.Errorf("%s: %s", c.Status, c.Seen)
	}
}

// TestUniformAccess: the local Cloud Storage has no other buckets.
func TestUniformAccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answer string
		want   bool
	}{
		{`{}`, false},
		{`{"iamConfiguration":{"uniformBucketLevelAccess":{"enabled":false}}}`, false},
		{`{"iamConfiguration":{"uniformBucketLevelAccess":{"enabled":true}}}`, true},
	} {
		var bucket storage.Bucket
		if err := json.Unmarshal([]byte(tt.answer), &bucket); err != nil {
			t.Fatal(err)
		}
		if got := uniform(&bucket); got != tt.want {
			t.Errorf("uniform(%s) = %v, want %v", tt.answer, got, tt.want)
		}
	}
}

func TestTheTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.id] || c.title == "" || c.look == nil {
			t.Errorf("the check %q is there twice, or lacks something", c.id)
		}
		seen[c.id] = true
	}
}

// makeKey makes a KMS key and returns its ARN.
func (s *stand) makeKey(t *testing.T) string {
	t.Helper()
	made, err := kms.NewFromConfig(s.options.AWS).CreateKey(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return *made.KeyMetadata.Arn
}

// encrypt sets the default encryption of the destination bucket.
func (s *stand) encrypt(t *testing.T, key string, algorithm s3types.ServerSideEncryption) {
	t.Helper()
	byDefault := &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: algorithm}
	if key != "" {
		byDefault.KMSMasterKeyID = &key
	}
	if _, err := s3.NewFromConfig(s.options.AWS).PutBucketEncryption(context.Background(), &s3.PutBucketEncryptionInput{Bucket: &s.Env.DestinationBucket,
		ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{
			Rules: []s3types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: byDefault}}}}); err != nil {
		t.Fatal(err)
	}
}

// requesterPays makes the source bucket one whose requesters pay.
func (s *stand) requesterPays(t *testing.T) {
	t.Helper()
	s.Call(t, "PATCH", "/storage/v1/b/"+s.Env.SourceBucket, map[string]any{"billing": map[string]any{"requesterPays": true}}, nil)
}
