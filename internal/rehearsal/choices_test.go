package rehearsal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// choices is an environment with everything on AWS's side that is off by default,
// deployed by the CDK command line. Google's side already exists.
type choices struct {
	*integration.Clouds
	env     environment.Environment
	root    string
	cdk     string
	key     string // ARN of the KMS key
	bound   string // ARN of the permissions boundary
	admin   aws.Config
	environ []string
}

func ptr[T any](v T) *T { return &v }

func newChoices(t *testing.T) *choices {
	t.Helper()
	c := &choices{Clouds: integration.New(t, sandbox.Options{})}
	c.admin = c.AWSConfig(c.AWS.Admin())
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if c.root, err = toolchain.FindRoot(working); err != nil {
		t.Fatal(err)
	}
	chain, err := toolchain.New(c.root)
	if err != nil {
		t.Fatal(err)
	}
	var tool toolchain.Tool
	if c.cdk, tool = chain.CDK(); !tool.Ready {
		if _, err := tool.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.withoutRole(t)
	c.withOwners(t)
	c.writeEnvironment(t)
	c.writeEnviron(t)
	return c
}

// withoutRole deletes the role that the clouds come with: the stack creates it.
func (c *choices) withoutRole(t *testing.T) {
	t.Helper()
	client := iam.NewFromConfig(c.admin)
	_, err := client.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &c.Env.Role, PolicyName: ptr("rights")})
	if err == nil {
		_, err = client.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &c.Env.Role})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// withOwners creates what an account's owners would provide: a key, and a
// boundary that allows exactly what the roles need.
func (c *choices) withOwners(t *testing.T) {
	t.Helper()
	key, err := kms.NewFromConfig(c.admin).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	c.key = *key.KeyMetadata.Arn
	boundary, err := iam.NewFromConfig(c.admin).CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: ptr("boundary"), PolicyDocument: ptr(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","kms:*","logs:*","sqs:SendMessage","lambda:InvokeFunction"],"Resource":"*"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	c.bound = *boundary.Policy.Arn
}

// writeEnvironment writes the environment's file, and the file that
// `pulumi up` would leave.
func (c *choices) writeEnvironment(t *testing.T) {
	t.Helper()
	architecture := environment.X8664
	if runtime.GOARCH == "arm64" {
		architecture = environment.ARM64
	}
	config := map[string]string{}
	for key, value := range map[string]string{
		"awsAccount": sandbox.Account, "awsRegion": sandbox.Region, "googleProject": sandbox.Project, "architecture": string(architecture), "timeoutSeconds": "60",
		"googleTokenURL": c.Env.GoogleTokenURL, "iamCredentialsEndpoint": c.Env.IAMCredentialsEndpoint, "storageEndpoint": c.Env.StorageEndpoint, "allowLoopbackEndpoints": "true",

		"destinationPrefix": "incoming/", "keyTemplate": "{date}/{stem}-copy{extension}", "kmsKey": c.key, "permissionsBoundary": c.bound, "tags": "team=data,cost-center=42",
		"schedule": "rate(5 minutes)", "scheduleTimezone": "Asia/Tokyo", "scheduleEvent": `{"object":"reports/a.csv"}`,
		"deadLetterQueue": "true", "asyncRetries": "0", "alarms": "true", "alarmTopic": "arn:aws:sns:" + sandbox.Region + ":" + sandbox.Account + ":alerts",
	} {
		config[environment.Namespace+":"+key] = value
	}
	// Concurrent runs of this test have their own environments.
	name := fmt.Sprintf("sandbox-choices-%d", os.Getpid())
	data, err := yaml.Marshal(map[string]any{"config": config})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.root, environment.FileName(name))
	t.Cleanup(func() { _ = os.Remove(file) })
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if c.env, err = environment.Load(c.root, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = os.RemoveAll(c.env.OutputDir(c.root))
		_ = os.Remove(filepath.Join(c.root, "out")) // only if empty
	})
	if err := os.MkdirAll(c.env.OutputDir(c.root), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.env.CredentialFile(c.root), c.Configuration(t).JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// writeEnviron points the command line at the sandbox and away from the internet.
func (c *choices) writeEnviron(t *testing.T) {
	t.Helper()
	admin, none := c.AWS.Admin(), filepath.Join(t.TempDir(), "none")
	const nowhere = "http://127.0.0.1:1"
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !strings.HasPrefix(name, "AWS_") && !strings.HasPrefix(name, "CDK_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			c.environ = append(c.environ, pair)
		}
	}
	c.environ = append(c.environ, "AWS_ENDPOINT_URL="+c.AWSURL, "AWS_ACCESS_KEY_ID="+admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+admin.SecretAccessKey, "AWS_REGION="+sandbox.Region,
		"AWS_CONFIG_FILE="+none, "AWS_SHARED_CREDENTIALS_FILE="+none, "AWS_EC2_METADATA_DISABLED=true", "CDK_DISABLE_CLI_TELEMETRY=true", "CDK_NOTICES=false",
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=18,20,22", "GOPROXY=off",
		"HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere, "http_proxy="+nowhere, "https_proxy="+nowhere, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
}

// run runs the CDK command line; it does not outlive the test.
func (c *choices) run(t *testing.T, dir string, args ...string) {
	t.Helper()
	args = append(args, "--context", "environment="+c.env.Name, "--output", filepath.Join(t.TempDir(), "cdk.out"), "--no-color", "--ci", "--progress", "events")
	cmd := exec.CommandContext(t.Context(), c.cdk, args...)
	cmd.Dir, cmd.Env = dir, c.environ
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("cdk %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
}

// TestEveryChoice deploys an environment with every choice on AWS's side: its
// schedule copies an object, encrypted and with a key from its template, a failed
// invocation lands in the queue, and nothing is left in the end.
func TestEveryChoice(t *testing.T) {
	longtest.Skip(t)
	c := newChoices(t)
	content := "from a report\n"
	c.Upload(t, c.env.SourceBucket, "reports/a.csv", "text/csv", strings.NewReader(content))
	// Without cdk.json, no app is run; a bootstrap needs none.
	c.run(t, t.TempDir(), "bootstrap", "aws://"+sandbox.Account+"/"+sandbox.Region)
	c.run(t, c.root, "deploy", "--all", "--require-approval", "never")

	c.Advance(5 * time.Minute)
	c.AWS.Scheduler().Tick()
	c.settle(t)
	c.copied(t, "incoming/", "/a-copy.csv", content)
	c.invokedBySchedule(t)
	c.buried(t)
	c.watched(t)
	c.marked(t)

	c.run(t, c.root, "destroy", "--all", "--force")
	c.gone(t)
}

func (c *choices) settle(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.AWS.Lambda().Settle(ctx); err != nil {
		t.Fatalf("waiting for invocations: %v", err)
	}
}

// copied checks the only object with a prefix: the day in its key, its bytes and
// its encryption.
func (c *choices) copied(t *testing.T, prefix, suffix, content string) {
	t.Helper()
	objects := s3.NewFromConfig(c.admin, func(o *s3.Options) { o.UsePathStyle = true })
	list, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &c.env.DestinationBucket, Prefix: &prefix})
	if err != nil || len(list.Contents) != 1 {
		t.Fatalf("there are %d objects, %v; want one", len(list.Contents), err)
	}
	key := *list.Contents[0].Key
	day, ok := strings.CutSuffix(strings.TrimPrefix(key, prefix), suffix)
	if _, err := time.Parse(time.DateOnly, day); err != nil || !ok {
		t.Errorf("the object is %s, want %sDAY%s", key, prefix, suffix)
	}
	got, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.env.DestinationBucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var data bytes.Buffer
	if _, err := data.ReadFrom(got.Body); err != nil || data.String() != content {
		t.Errorf("the object holds %q, %v", data.String(), err)
	}
	if got.ServerSideEncryption != s3types.ServerSideEncryptionAwsKms || aws.ToString(got.SSEKMSKeyId) != c.key {
		t.Errorf("the object is encrypted by %s with %s, want %s", got.ServerSideEncryption, aws.ToString(got.SSEKMSKeyId), c.key)
	}
}

// invokedBySchedule checks that only the schedule's role invoked the function.
func (c *choices) invokedBySchedule(t *testing.T) {
	t.Helper()
	n := 0
	for _, e := range c.Journal.Entries() {
		if e.Service == "lambda" && e.Operation == "Invoke" {
			n++
			if e.Status != 202 || !strings.HasPrefix(e.Principal, "arn:aws:sts::"+sandbox.Account+":assumed-role/gcs-to-s3-") || strings.Contains(e.Principal, "/"+c.env.Role+"/") {
				t.Errorf("%s invoked the function, answered %d", e.Principal, e.Status)
			}
		}
	}
	if n != 1 {
		t.Errorf("the function was invoked %d times, want once", n)
	}
}

// buried makes an invocation of the function fail, and finds the event in the queue.
func (c *choices) buried(t *testing.T) {
	t.Helper()
	const event = `{"object":"missing"}`
	if _, err := lambda.NewFromConfig(c.admin).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &c.env.Function, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(event)}); err != nil {
		t.Fatal(err)
	}
	queue := c.AWSURL + "/" + sandbox.Account + "/" + c.env.DeadLetters()
	got, err := sqs.NewFromConfig(c.admin).ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 20, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("received %+v, %v", got, err)
	}
	m := got.Messages[0]
	if *m.Body != event || !strings.Contains(*m.MessageAttributes["ErrorMessage"].StringValue, "NoSuchKey") {
		t.Errorf("received %s with %v", *m.Body, m.MessageAttributes)
	}
	c.settle(t) // a message may be received before its sender gets the response
	if !slices.ContainsFunc(c.Journal.Entries(), func(e journal.Entry) bool {
		return e.Service == "sqs" && e.Operation == "SendMessage" && e.Status == 200 && e.Principal == c.env.Subject()
	}) {
		t.Error("nothing was sent to the queue as the function's role")
	}
}

// watched checks the alarms.
func (c *choices) watched(t *testing.T) {
	t.Helper()
	got := map[string]string{}
	for name, properties := range c.alarms() {
		got[name] = fmt.Sprint(properties["Threshold"])
		if diff := cmp.Diff([]any{c.env.AlarmTopic}, properties["AlarmActions"]); diff != "" {
			t.Errorf("actions of %s (-want +got):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(map[string]string{"gcs-to-s3-errors": "0", "gcs-to-s3-throttles": "0", "gcs-to-s3-duration": "48000", "gcs-to-s3-dead-letters": "0",
		"gcs-to-s3-failed-objects": "0", "gcs-to-s3-unfinished": "0", "gcs-to-s3-uploads-left": "0"}, got); diff != "" {
		t.Errorf("alarms (-want +got):\n%s", diff)
	}
}

// alarms are the properties of all alarms, by name.
func (c *choices) alarms() map[string]map[string]any {
	out := map[string]map[string]any{}
	for arn, properties := range c.AWS.CloudFormation().Inert().All() {
		if _, name, ok := strings.Cut(arn, ":alarm:"); ok {
			out[name] = properties
		}
	}
	return out
}

// marked checks the tags, and that every role of the environment has the boundary.
func (c *choices) marked(t *testing.T) {
	t.Helper()
	function, err := lambda.NewFromConfig(c.admin).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &c.env.Function})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"team": "data", "cost-center": "42", environment.TagEnvironment: c.env.Name, environment.TagID: c.env.ID()}, function.Tags); diff != "" {
		t.Errorf("the function's tags (-want +got):\n%s", diff)
	}
	client := iam.NewFromConfig(c.admin)
	roles, err := client.ListRoles(t.Context(), &iam.ListRolesInput{})
	if err != nil {
		t.Fatal(err)
	}
	bounded := 0
	for _, r := range roles.Roles {
		if !strings.HasPrefix(*r.RoleName, "gcs-to-s3-") {
			continue // from the bootstrap
		}
		one, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: r.RoleName})
		if err != nil {
			t.Fatal(err)
		}
		if b := one.Role.PermissionsBoundary; b == nil || *b.PermissionsBoundaryArn != c.bound {
			t.Errorf("the role %s has the boundary %+v", *r.RoleName, b)
		}
		bounded++
	}
	if bounded != 2 {
		t.Errorf("there are %d roles of the environment, want two", bounded)
	}
}

// gone checks that only the copy, the owners' key and policy, and
// the bootstrap are left.
func (c *choices) gone(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	left := map[string]int{}
	queues, err := sqs.NewFromConfig(c.admin).ListQueues(ctx, &sqs.ListQueuesInput{})
	if err == nil {
		left["queues"] = len(queues.QueueUrls)
	}
	schedules, problem := scheduler.NewFromConfig(c.admin).ListSchedules(ctx, &scheduler.ListSchedulesInput{})
	if err = errors.Join(err, problem); problem == nil {
		left["schedules"] = len(schedules.Schedules)
	}
	left["alarms"] = len(c.alarms())
	groups, problem := cloudwatchlogs.NewFromConfig(c.admin).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err = errors.Join(err, problem); problem == nil {
		left["log groups"] = len(groups.LogGroups)
	}
	functions, problem := lambda.NewFromConfig(c.admin).ListFunctions(ctx, &lambda.ListFunctionsInput{})
	if err = errors.Join(err, problem); problem == nil {
		left["functions"] = len(functions.Functions)
	}
	roles, problem := iam.NewFromConfig(c.admin).ListRoles(ctx, &iam.ListRolesInput{})
	if err = errors.Join(err, problem); problem == nil {
		left["roles"] = len(slices.DeleteFunc(roles.Roles, func(r iamtypes.Role) bool { return !strings.HasPrefix(*r.RoleName, "gcs-to-s3-") }))
	}
	stacks, problem := cloudformation.NewFromConfig(c.admin).DescribeStacks(ctx, nil)
	if err = errors.Join(err, problem); problem == nil {
		left["stacks"] = len(stacks.Stacks) - 1
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"queues": 0, "schedules": 0, "alarms": 0, "log groups": 0, "functions": 0, "roles": 0, "stacks": 0}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
