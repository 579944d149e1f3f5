package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Lambda runs one function as Lambda does: through the runtime API (Lambda
// Developer Guide, "Using the Lambda runtime API for custom runtimes"), one
// invocation at a time.
type Lambda struct {
	events  chan string
	answers chan result
	asked   chan time.Time // when the function first requested an event
	server  *http.Server
	process *exec.Cmd
	started time.Time
	timeout time.Duration // of an invocation
}

type result struct {
	body   string
	failed bool
}

// startLambda starts a bootstrap with the given environment.
func startLambda(bootstrap string, env []string) (*Lambda, error) {
	l := &Lambda{events: make(chan string), answers: make(chan result), asked: make(chan time.Time, 1), timeout: 15 * time.Minute}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	const base = "/2018-06-01/runtime/invocation/"
	number := 0
	l.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == base+"next" {
			select {
			case l.asked <- time.Now():
			default:
			}
			select {
			case event := <-l.events:
				number++
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", strconv.Itoa(number))
				w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(l.timeout).UnixMilli(), 10))
				w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:benchmark")
				_, _ = io.WriteString(w, event)
			case <-r.Context().Done():
			}
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		l.answers <- result{string(body), !strings.HasSuffix(r.URL.Path, "/response")}
	})}
	go l.server.Serve(listener) //nolint:errcheck // it returns after Close
	l.process = exec.Command(bootstrap)
	l.process.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME=benchmark")
	l.process.Stderr = os.Stderr
	l.started = time.Now()
	return l, l.process.Start()
}

// Environ returns the environment of a function that copies from the origin to
// the sink, as its stack would set it.
func (r *Range) Environ(dir string) ([]string, error) {
	c, err := credential.New(credential.Names{ProjectNumber: "123456789012", Pool: "aws-connect", Provider: "aws-connect", ServiceAccount: "reader@demo-project.iam.gserviceaccount.com"},
		credential.Options{TokenURL: r.OriginURL + "/v1/token", IAMCredentialsEndpoint: r.OriginURL, AllowLoopback: true})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "credentials.json")
	if err := os.WriteFile(file, c.JSON(), 0o644); err != nil {
		return nil, err
	}
	return []string{
		"SSL_CERT_FILE=" + r.Certificates, "AWS_ENDPOINT_URL_S3=" + r.SinkURL,
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		invocation.EnvGoogleCredentials + "=" + file, invocation.EnvGoogleProject + "=demo-project",
		invocation.EnvSourceBucket + "=" + Bucket, invocation.EnvDestinationBucket + "=" + Bucket, invocation.EnvObject + "=" + Object("warm", 0, 1024),
		invocation.EnvStorageEndpoint + "=" + r.OriginURL, invocation.EnvAllowLoopback + "=true",
	}, nil
}

// Invoke makes the function handle an event, in as many invocations as it takes, and
// returns how many these were.
func (l *Lambda) Invoke(ctx context.Context, event string) (invocations int, err error) {
	for {
		select {
		case l.events <- event:
		case <-ctx.Done():
			return invocations, ctx.Err()
		}
		invocations++
		select {
		case r := <-l.answers:
			var answer invocation.ManyResult // or that of one object or of a peer, which have the same fields
			if r.failed || json.Unmarshal([]byte(r.body), &answer) != nil || answer.StatusCode == invocation.StatusFailed {
				return invocations, fmt.Errorf("the function answered %s", r.body[:min(len(r.body), 2000)])
			}
			if answer.Cursor == "" {
				return invocations, nil
			}
			var e invocation.Event
			if err := json.Unmarshal([]byte(event), &e); err != nil {
				return invocations, err
			}
			e.Cursor = answer.Cursor
			again, err := json.Marshal(e)
			if err != nil {
				return invocations, err
			}
			event = string(again)
		case <-ctx.Done():
			return invocations, ctx.Err()
		}
	}
}

// FirstRequest returns the time from the process's start to its first request.
func (l *Lambda) FirstRequest(ctx context.Context) (time.Duration, error) {
	select {
	case at := <-l.asked:
		return at.Sub(l.started), nil
	case <-ctx.Done():
		return 0, errors.New("the function never asked for an event")
	}
}

// Close stops the function and the runtime.
func (l *Lambda) Close() {
	l.server.Close()
	if l.process.Process != nil {
		_ = l.process.Process.Kill() // it may have ended already
		_ = l.process.Wait()
	}
}
