package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

var largeMiB = flag.Int("large-mib", 190, "size of the object that TestInvokeFollowsTheCursor copies in several invocations, in MiB")

// invoke runs the command and returns its answer, what it shows, and its exit code.
func invoke(ctx context.Context, t *testing.T, args ...string) (got invocation.ManyResult, payload, shown string, code int, err error) {
	t.Helper()
	var out, stderr bytes.Buffer
	root := newRoot(&out, &stderr, os.Getenv)
	root.SetArgs(append([]string{"invoke"}, args...))
	err = root.ExecuteContext(ctx)
	if code = 0; err != nil {
		code = 1
		var exit exitError
		if errors.As(err, &exit) {
			code = exit.code
		}
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Errorf("the answer %s: %v", out.String(), err)
		}
	}
	return got, out.String(), stderr.String(), code, err
}

// TestInvokeFollowsTheCursor: cases C22 and C24. The deployed function copies a whole
// bucket, and an object too large for one invocation, until all is done.
func TestInvokeFollowsTheCursor(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.Deploy(t, func(in *lambda.CreateFunctionInput) {
		in.Timeout = aws.Int32(8)
		in.Environment.Variables["CONCURRENCY"] = "2"
	})
	inProject(t, c)
	put := func(name string, size int) {
		c.Upload(t, c.Env.SourceBucket, name, "text/plain", bytes.NewReader(bytes.Repeat([]byte(name[:1]), size)))
	}
	for i := range 20 {
		put(fmt.Sprintf("many/%02d", i), 60_000)
	}
	slow := faults.Rule{Service: "google/storage", Path: "/" + c.Env.SourceBucket + "/many/*", Fault: faults.Fault{AnswerRate: 60_000}}
	large := faults.Rule{Service: "google/storage", Path: "/" + c.Env.SourceBucket + "/large", Fault: faults.Fault{AnswerRate: 8 << 20}}
	c.Fail(slow, large)

	got, _, _, code, err := invoke(t.Context(), t, c.Env.Name, "--prefix", "many/", "--once")
	if code != 3 || got.Complete || got.StatusCode != 206 || got.Copied == 0 || got.Copied == 20 {
		t.Fatalf("--once: exit code %d, %v, answer %+v", code, err, got)
	}
	_, command, _ := strings.Cut(err.Error(), "to continue: gcs-to-s3 invoke ")
	rest, _, shown, code, err := invoke(t.Context(), t, strings.Fields(command)...)
	if code != 0 || !rest.Complete || rest.Copied != 20-got.Copied || len(rest.Objects) != 0 {
		t.Errorf("continued: exit code %d, %v, answer %+v", code, err, rest)
	}
	if !strings.Contains(shown, " objects, ") || !strings.Contains(shown, "B/s") {
		t.Errorf("continued: shows %q, not its progress", shown)
	}

	c.Fail()
	got, _, shown, code, err = invoke(t.Context(), t, c.Env.Name, "--prefix", "")
	if code != 0 || got.Copied != 21 || got.Objects == nil || got.Source != "gs://"+c.Env.SourceBucket+"/" || !strings.Contains(shown, "21 of 21 objects") && !strings.Contains(shown, "21 objects") {
		t.Errorf("the whole bucket: exit code %d, %v, answer %+v, shown %q", code, err, got, shown)
	}

	largeSize := *largeMiB << 20
	put("large", largeSize)
	_, _, _, code, err = invoke(t.Context(), t, c.Env.Name, "--prefix", "many/", "--cursor", "1.xyz")
	if code != 1 || !strings.Contains(err.Error(), `cursor: "1.xyz": is not one`) || strings.Contains(err.Error(), "to continue") {
		t.Errorf("a cursor that is none: exit code %d, %v", code, err)
	}
	c.Fail(large)
	from := c.Journal.Position()
	_, payload, shown, code, err := invoke(t.Context(), t, c.Env.Name, "--object", "large")
	invocations := 0
	for _, e := range c.Journal.Since(from) {
		if e.Operation == "Invoke" {
			invocations++
		}
	}
	if invocations < 2 {
		t.Errorf("a large object: %d invocations, want several", invocations)
	}
	var one invocation.Result
	if code != 0 || json.Unmarshal([]byte(payload), &one) != nil || !one.Complete || one.Bytes != int64(largeSize) || !strings.Contains(shown, " of "+size(int64(largeSize))+", ") || !strings.Contains(shown, " left") {
		t.Errorf("a large object: exit code %d, %v, answer %s, shown %q", code, err, payload, shown)
	}

	c.Fail(faults.Rule{Service: "google/storage", Path: "/" + c.Env.SourceBucket + "/many/*3", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403}}})
	got, _, _, code, err = invoke(t.Context(), t, c.Env.Name, "--prefix", "many/")
	if code != 1 || got.Failed != 2 || len(got.Objects) != 2 || err == nil || !strings.Contains(err.Error(), "2 of the objects failed") {
		t.Errorf("with failures: exit code %d, %v, answer %+v", code, err, got)
	}

	c.Fail(slow)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel) // Ctrl-C
	_, _, _, code, err = invoke(ctx, t, c.Env.Name, "--prefix", "many/")
	if code != 3 || !strings.Contains(err.Error(), "to continue: gcs-to-s3 invoke "+c.Env.Name+" --prefix many/") {
		t.Errorf("interrupted: exit code %d, %v", code, err)
	}
}
