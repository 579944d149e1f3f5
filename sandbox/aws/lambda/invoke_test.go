package lambda_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

func TestInvoke(t *testing.T) {
	c := newCloud(t)
	c.create("f")
	var first, second reply
	if failed, log := c.invoke("f", `{"Do":"log","Text":"hello"}`, &first); failed != "" {
		t.Fatalf("got function error %s:\n%s", failed, log)
	} else {
		want := `^START RequestId: ` + first.RequestID + ` Version: \$LATEST
hello
END RequestId: ` + first.RequestID + `
REPORT RequestId: ` + first.RequestID + `	Duration: \d+\.\d\d ms	Billed Duration: \d+ ms	Memory Size: 128 MB	Max Memory Used: [1-9]\d* MB	Init Duration: \d+\.\d\d ms	
$`
		if !regexp.MustCompile(want).MatchString(log) {
			t.Errorf("got log\n%s\nwant it to match\n%s", log, want)
		}
	}
	_, log := c.invoke("f", `{"Text":"again"}`, &second)
	if strings.Contains(log, "Init Duration") {
		t.Errorf("the second invocation was cold:\n%s", log)
	}
	want := reply{Count: 2, Text: "again", RequestID: second.RequestID, ARN: "arn:aws:lambda:eu-central-1:123456789012:function:f", PID: first.PID, Version: "one", WD: second.WD, Left: true}
	if diff := cmp.Diff(want, second); diff != "" {
		t.Errorf("second answer (-want +got):\n%s", diff)
	}
	if first.RequestID == second.RequestID {
		t.Errorf("both requests have id %s", first.RequestID)
	}
}

func TestFailures(t *testing.T) {
	type document struct{ ErrorType, ErrorMessage string }
	tests := []struct {
		name, event string
		change      func(*testing.T, *sdk.CreateFunctionInput)
		want        document // ID stands for the request's id
		log         string
	}{
		{"function error", `{"Do":"fail","Text":"no such thing"}`, nil, document{"errorString", "no such thing"}, "Status: error"},
		{"panic", `{"Do":"panic","Text":"help"}`, nil, document{"string", "help"}, "Status: error"},
		{"exit", `{"Do":"exit","Size":7}`, nil, document{"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 7"}, "going\n"},
		{"exit without a status", `{"Do":"exit"}`, nil, document{"Runtime.ExitError", "RequestId: ID Error: Runtime exited without providing a reason"}, "Error Type: Runtime.ExitError"},
		{"timeout", `{"Do":"hang"}`, func(_ *testing.T, in *sdk.CreateFunctionInput) { in.Timeout = new(int32(1)) },
			document{"Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds"}, "Status: timeout"},
		{"memory", `{"Do":"allocate","Size":268435456}`, nil,
			document{"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: signal: killed"}, "Max Memory Used: 128 MB"},
		{"too large answer", `{"Do":"big","Size":6300000}`, nil,
			document{"Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}, "Status: error"},
		{"failed start", `{}`, func(_ *testing.T, in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"FAIL_INIT": "1"}}
		}, document{"Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 3"}, "cannot start\n"},
		{"no bootstrap", `{}`, func(t *testing.T, in *sdk.CreateFunctionInput) {
			in.Code.ZipFile = archive(t, map[string][]byte{"main": []byte("x")}, 0o755)
		}, document{"Runtime.InvalidEntrypoint", "RequestId: ID Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}, ""},
		{"not executable", `{}`, func(t *testing.T, in *sdk.CreateFunctionInput) {
			in.Code.ZipFile = archive(t, map[string][]byte{"bootstrap": []byte("#!/bin/sh\n")}, 0o644)
		}, document{"Runtime.InvalidEntrypoint", "RequestId: ID Error: fork/exec /var/task/bootstrap: permission denied"}, ""},
		{"not a program", `{}`, func(t *testing.T, in *sdk.CreateFunctionInput) {
			in.Code.ZipFile = archive(t, map[string][]byte{"bootstrap": []byte("nothing")}, 0o755)
		}, document{"Runtime.InvalidEntrypoint", "RequestId: ID Error: fork/exec /var/task/bootstrap: exec format error"}, ""},
		{"another architecture", `{}`, func(_ *testing.T, in *sdk.CreateFunctionInput) {
			in.Architectures[0] = map[types.Architecture]types.Architecture{"x86_64": "arm64", "arm64": "x86_64"}[native()]
		}, document{"Runtime.InvalidEntrypoint", "RequestId: ID Error: fork/exec /var/task/bootstrap: exec format error"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			c.create("f", func(in *sdk.CreateFunctionInput) {
				if tt.change != nil {
					tt.change(t, in)
				}
			})
			var got document
			failed, log := c.invoke("f", tt.event, &got)
			if failed != "Unhandled" {
				t.Errorf("got function error %q, want Unhandled", failed)
			}
			id := regexp.MustCompile(`START RequestId: (\S+)`).FindStringSubmatch(log)
			if id == nil {
				t.Fatalf("no START line in %q", log)
			}
			tt.want.ErrorMessage = strings.Replace(tt.want.ErrorMessage, "RequestId: ID", "RequestId: "+id[1], 1)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if !strings.Contains(log, tt.log) {
				t.Errorf("got log\n%s\nwant %q in it", log, tt.log)
			}
			// What failed does not spoil what follows.
			if tt.name == "exit" || tt.name == "function error" {
				var r reply
				if failed, log := c.invoke("f", `{"Text":"next"}`, &r); failed != "" || r.Text != "next" {
					t.Errorf("the next invocation: got %q, %s:\n%s", r.Text, failed, log)
				}
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	c := newCloud(t)
	c.create("f", func(in *sdk.CreateFunctionInput) {
		in.Environment = &types.Environment{Variables: map[string]string{"COLOUR": "red", "HTTPS_PROXY": "http://elsewhere"}}
		in.MemorySize = new(int32(256))
	})
	var list []string
	c.invoke("f", `{"Do":"environment"}`, &list)
	got := map[string]string{}
	for _, v := range list {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "_X_AMZN_TRACE_ID", "AWS_LAMBDA_LOG_STREAM_NAME"} {
		if got[name] == "" {
			t.Errorf("variable %s is missing", name)
		}
		delete(got, name)
	}
	want := map[string]string{
		"COLOUR": "red", "_HANDLER": "bootstrap", "AWS_REGION": region, "AWS_DEFAULT_REGION": region,
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"LAMBDA_RUNTIME_DIR": "/var/runtime", "LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
		"AWS_ENDPOINT_URL": *c.config.BaseEndpoint,
		"HTTP_PROXY":       "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
		"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestUpdates(t *testing.T) {
	c := newCloud(t)
	created := c.create("f")
	var before, after reply
	c.invoke("f", `{}`, &before)
	updated, err := c.lambda.UpdateFunctionCode(c.ctx, &sdk.UpdateFunctionCodeInput{FunctionName: text("f"), ZipFile: archive(t, map[string][]byte{"bootstrap": bootstrap2}, 0o755)})
	if err != nil {
		t.Fatal(err)
	}
	if *updated.CodeSha256 == *created.CodeSha256 || *updated.RevisionId == *created.RevisionId {
		t.Errorf("new code has the old hash or revision")
	}
	if err := sdk.NewFunctionUpdatedV2Waiter(c.lambda).Wait(c.ctx, &sdk.GetFunctionInput{FunctionName: text("f")}, 5e9); err != nil {
		t.Error(err)
	}
	c.invoke("f", `{}`, &after)
	if got := fmt.Sprintf("%s, %s, %d", before.Version, after.Version, after.Count); got != "one, two, 1" {
		t.Errorf("got versions and count %s, want one, two, 1", got)
	}
	if _, err := c.lambda.UpdateFunctionConfiguration(c.ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: text("f"), Environment: &types.Environment{Variables: map[string]string{"COLOUR": "blue"}}}); err != nil {
		t.Fatal(err)
	}
	var list []string
	c.invoke("f", `{"Do":"environment"}`, &list)
	if !slices.Contains(list, "COLOUR=blue") {
		t.Errorf("the new variable is missing in %q", list)
	}
	_, err = c.lambda.UpdateFunctionCode(c.ctx, &sdk.UpdateFunctionCodeInput{FunctionName: text("f"), ZipFile: archive(t, nil, 0), RevisionId: created.RevisionId})
	if !strings.HasPrefix(code(err), "PreconditionFailedException: ") {
		t.Errorf("an old revision: got %q, want PreconditionFailedException", code(err))
	}
}

func TestDeletionKills(t *testing.T) {
	c := newCloud(t)
	c.create("f")
	var r reply
	c.invoke("f", `{}`, &r)
	if err := syscall.Kill(r.PID, 0); err != nil {
		t.Fatalf("the idle environment is gone: %v", err)
	}
	if _, err := c.lambda.DeleteFunction(c.ctx, &sdk.DeleteFunctionInput{FunctionName: text("f")}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(r.PID, 0); err != syscall.ESRCH {
		t.Errorf("process %d of the deleted function: got %v, want ESRCH", r.PID, err)
	}
	_, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f")})
	if diff := cmp.Diff("ResourceNotFoundException: Function not found: arn:aws:lambda:eu-central-1:123456789012:function:f", code(err)); diff != "" {
		t.Errorf("invoking it (-want +got):\n%s", diff)
	}
}

func TestReservedConcurrency(t *testing.T) {
	c := newCloud(t)
	c.create("f")
	if _, err := c.lambda.PutFunctionConcurrency(c.ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: text("f"), ReservedConcurrentExecutions: new(int32(0))}); err != nil {
		t.Fatal(err)
	}
	_, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f")})
	if diff := cmp.Diff("TooManyRequestsException: Rate Exceeded.", code(err)); diff != "" {
		t.Errorf("without concurrency (-want +got):\n%s", diff)
	}
	if e, ok := errors.AsType[*types.TooManyRequestsException](err); !ok || e.Reason != types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded {
		t.Errorf("without concurrency: got %v, want the function's own limit", err)
	}
	_, err = c.lambda.PutFunctionConcurrency(c.ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: text("f"), ReservedConcurrentExecutions: new(int32(901))})
	const least = "InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
	if diff := cmp.Diff(least, code(err)); diff != "" {
		t.Errorf("reserving 901 of 1000 (-want +got):\n%s", diff)
	}
	if _, err := c.lambda.DeleteFunctionConcurrency(c.ctx, &sdk.DeleteFunctionConcurrencyInput{FunctionName: text("f")}); err != nil {
		t.Fatal(err)
	}
	if failed, log := c.invoke("f", `{}`, nil); failed != "" {
		t.Errorf("got %s:\n%s", failed, log)
	}
}

func TestOtherInvocations(t *testing.T) {
	c := newCloud(t)
	c.create("f")
	out, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != 204 {
		t.Errorf("dry run: got %v, %v; want status 204", out, err)
	}
	out, err = c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{}`)})
	if err != nil || out.StatusCode != 202 {
		t.Errorf("event: got %v, %v; want status 202", out, err)
	}
	_, err = c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), Payload: []byte(`{`)})
	if diff := cmp.Diff("InvalidRequestContentException: Could not parse request body into json: Could not parse payload into json", code(err)); diff != "" {
		t.Errorf("not JSON (-want +got):\n%s", diff)
	}
	_, err = c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), Payload: []byte(`"` + strings.Repeat("x", 6<<20) + `"`)})
	if diff := cmp.Diff("RequestTooLargeException: Request must be smaller than 6291456 bytes for the InvokeFunction operation", code(err)); diff != "" {
		t.Errorf("too large (-want +got):\n%s", diff)
	}
}

// TestRoleMadeAgain is case S12: Lambda's grant on the key of the variables is for the role
// that had the name when the function's role was set.
func TestRoleMadeAgain(t *testing.T) {
	c := newCloud(t)
	variables := &types.Environment{Variables: map[string]string{"NAME": "1"}}
	c.create("with", func(in *sdk.CreateFunctionInput) { in.Environment = variables })
	c.create("without")
	if _, err := c.iam.DeleteRole(c.ctx, &iam.DeleteRoleInput{RoleName: text("function")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("function"), AssumeRolePolicyDocument: text(trust)}); err != nil {
		t.Fatal(err)
	}
	const denied = "KMSAccessDeniedException: Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the function's KMS key settings. " +
		"KMS Exception: AccessDeniedException KMS Message: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access."
	invoke := func(name, want string) {
		t.Helper()
		_, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: &name})
		if got := code(err); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		var response *smithyhttp.ResponseError
		if want != "" && (!errors.As(err, &response) || response.HTTPStatusCode() != 502) {
			t.Errorf("%s: got %v, want the status 502", name, err)
		}
	}
	update := func(in *sdk.UpdateFunctionConfigurationInput) {
		t.Helper()
		in.FunctionName = text("with")
		if _, err := c.lambda.UpdateFunctionConfiguration(c.ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	invoke("with", denied)
	invoke("without", "")
	update(&sdk.UpdateFunctionConfigurationInput{MemorySize: new(int32(256)), Environment: variables})
	invoke("with", denied)
	update(&sdk.UpdateFunctionConfigurationInput{Role: &c.role})
	invoke("with", "")
}
