package states_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// bundle is the test function, packed.
var bundle []byte

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "states-test-")
		if err == nil {
			defer os.RemoveAll(dir)
			bundle, err = build(filepath.Join(dir, "bootstrap"))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "building the test function:", err)
			return 1
		}
		return m.Run()
	}())
}

func build(path string) ([]byte, error) {
	command := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "./testdata/function")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write(program)
	}
	if err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

func ptr[T any](v T) *T { return &v }

// cloud is a local AWS with the administrator's clients.
type cloud struct {
	*awstest.Server
	t      *testing.T
	ctx    context.Context
	states *sdk.Client
	iam    *iam.Client
	s3     *s3.Client
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	t.Parallel()
	s := awstest.Start(t)
	config := s.Config(s.Admin())
	return &cloud{Server: s, t: t, ctx: t.Context(), iam: iam.NewFromConfig(config), states: sdk.NewFromConfig(config,
		func(o *sdk.Options) { o.HTTPSignerV4 = signer{s} }),
		s3: s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })}
}

// signer signs by the cloud's clock, which tests move.
type signer struct{ *awstest.Server }

func (s signer) SignHTTP(ctx context.Context, creds aws.Credentials, r *http.Request, hash, service, region string, _ time.Time,
	options ...func(*v4.SignerOptions)) error {
	return v4.NewSigner().SignHTTP(ctx, creds, r, hash, service, region, s.Now(), options...)
}

// function makes the test function f.
func (c *cloud) function() {
	c.t.Helper()
	architecture := lambdatypes.ArchitectureX8664
	if runtime.GOARCH == "arm64" {
		architecture = lambdatypes.ArchitectureArm64
	}
	_, err := lambda.NewFromConfig(c.Config(c.Admin())).CreateFunction(c.ctx, &lambda.CreateFunctionInput{
		FunctionName: ptr("f"), Role: ptr(c.role("function", "lambda.amazonaws.com", "")), Runtime: lambdatypes.RuntimeProvidedal2023,
		Handler: ptr("bootstrap"),
		Code:    &lambdatypes.FunctionCode{ZipFile: bundle}, Architectures: []lambdatypes.Architecture{architecture}, Timeout: ptr(int32(30)),
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// role makes a role that a service may assume, with these statements if there are any.
func (c *cloud) role(name, service, statements string) string {
	c.t.Helper()
	out, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: &name,
		AssumeRolePolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		c.t.Fatal(err)
	}
	if statements != "" {
		c.grant(name, statements)
	}
	return *out.Role.Arn
}

func (c *cloud) grant(role, statements string) {
	c.t.Helper()
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: ptr("rights"),
		PolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[` + statements + `]}`)}); err != nil {
		c.t.Fatal(err)
	}
}

func allow(action, resource string) string {
	return `{"Effect":"Allow","Action":` + action + `,"Resource":"` + resource + `"}`
}

const (
	place   = ":us-east-1:111122223333:"
	machine = "arn:aws:states" + place + "stateMachine:m"
	invoker = `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda` + place + `function:f"}`
)

// machine makes the state machine m with a definition and a role with these rights.
func (c *cloud) machine(definition, statements string) {
	c.t.Helper()
	role := c.role("states", "states.amazonaws.com", statements)
	if _, err := c.states.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: ptr("m"), Definition: &definition,
		RoleArn: &role}); err != nil {
		c.t.Fatal(err)
	}
}

// start starts an execution.
func (c *cloud) start(input string) string {
	c.t.Helper()
	out, err := c.states.StartExecution(c.ctx, &sdk.StartExecutionInput{StateMachineArn: ptr(machine), Input: &input})
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.ExecutionArn
}

// patience bounds the wait for the end of an execution.
const patience = time.Minute

// wait waits for an execution's end, and moves the clock by step as often as it looks.
func (c *cloud) wait(arn string, step time.Duration) *sdk.DescribeExecutionOutput {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		out, err := c.states.DescribeExecution(c.ctx, &sdk.DescribeExecutionInput{ExecutionArn: &arn})
		if err != nil {
			c.t.Fatal(err)
		}
		if out.Status != types.ExecutionStatusRunning {
			return out
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("%s is still running", arn)
		}
		c.Advance(step)
		c.States().Tick()
		time.Sleep(5 * time.Millisecond)
	}
}

// end runs an execution to its end.
func (c *cloud) end(input string) *sdk.DescribeExecutionOutput {
	c.t.Helper()
	return c.wait(c.start(input), 0)
}

// text is what an execution ended with: its output, or error and cause.
func text(out *sdk.DescribeExecutionOutput) string {
	if out.Status == types.ExecutionStatusSucceeded {
		return *out.Output
	}
	s := string(out.Status)
	for _, part := range []*string{out.Error, out.Cause} {
		if part != nil {
			s += ": " + *part
		}
	}
	return s
}

// events are the types of an execution's events.
func (c *cloud) events(arn string) []types.HistoryEvent {
	c.t.Helper()
	var out []types.HistoryEvent
	pages := sdk.NewGetExecutionHistoryPaginator(c.states, &sdk.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, page.Events...)
	}
	return out
}

func (c *cloud) kinds(arn string) string {
	c.t.Helper()
	var out []string
	for _, e := range c.events(arn) {
		out = append(out, fmt.Sprintf("%d<%d %s", e.Id, e.PreviousEventId, e.Type))
	}
	return strings.Join(out, "\n")
}

// task is a Task that calls the function with an event, and what else it has.
func task(payload, more string) string {
	return `{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":` + payload + `},"ResultSelector":{"value.$":"$.Payload.value"}` + more + `}`
}

// one is a definition with the single state S, which follows the others.
func one(state string) string { return `{"StartAt":"S","States":{"S":` + state + `}}` }

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("reading %s: %v", text, err)
	}
	return v
}

// define gives the state machine another definition.
func (c *cloud) define(definition string) {
	c.t.Helper()
	if _, err := c.states.UpdateStateMachine(c.ctx, &sdk.UpdateStateMachineInput{StateMachineArn: ptr(machine),
		Definition: &definition}); err != nil {
		c.t.Fatalf("%s: %v", definition, err)
	}
}

// run makes the state machine m, or gives it another definition, and runs it.
func (c *cloud) run(name, definition, input string) *sdk.DescribeExecutionOutput {
	c.t.Helper()
	if _, err := c.states.DescribeStateMachine(c.ctx, &sdk.DescribeStateMachineInput{StateMachineArn: ptr(machine)}); err != nil {
		c.machine(definition, "")
	} else {
		c.define(definition)
	}
	return c.end(input)
}

func (c *cloud) describe(arn string) *sdk.DescribeExecutionOutput {
	c.t.Helper()
	out, err := c.states.DescribeExecution(c.ctx, &sdk.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// shape reports whether a text is want, in which each … stands for some text.
func shape(want, got string) bool {
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+") + `$`).MatchString(got)
}
