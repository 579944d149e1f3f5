package copy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// lines returns the log's lines.
func lines(t *testing.T, l *stand) []map[string]any {
	t.Helper()
	var out []map[string]any
	for text := range strings.Lines(l.log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("a log line is not JSON: %s", text)
		}
		out = append(out, line)
	}
	return out
}

// TestMetrics checks log lines against the embedded metric format: every metric
// that the directive names is a number in the line, every dimension a string.
func TestMetrics(t *testing.T) {
	l := newStand(t)
	l.env["AWS_LAMBDA_FUNCTION_NAME"] = l.Env.Function
	h := l.start(t)
	l.put(t, "object", 5000)
	l.fail(t, "google/storage GET: cut=1000 times=1", "aws/s3 PUT: status=503 times=1")
	if _, err := copyOne(h, invocation.Event{Object: "object"}); err != nil {
		t.Fatal(err)
	}
	if _, err := copyOne(h, invocation.Event{Object: "missing"}); err == nil {
		t.Fatal("a missing object was copied")
	}
	got := lines(t, l)
	if len(got) != 2 {
		t.Fatalf("%d lines for two copies: %s", len(got), l.log.String())
	}
	for i, want := range []map[string]float64{
		{"Objects": 1, "Failures": 0, "Interrupted": 0, "UploadsLeft": 0, "Bytes": 5000, "Retries": 2},
		{"Objects": 0, "Failures": 1, "Bytes": 0, "Retries": 0, "BytesReread": 0, "Throughput": 0},
	} {
		var line struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		data, err := json.Marshal(got[i])
		if err == nil {
			err = json.Unmarshal(data, &line)
		}
		if err != nil || line.AWS.Timestamp == 0 || len(line.AWS.CloudWatchMetrics) != 1 {
			t.Fatalf("line %d has no directive: %s", i, data)
		}
		directive := line.AWS.CloudWatchMetrics[0]
		for _, m := range directive.Metrics {
			value, ok := got[i][m.Name].(float64)
			if expected, known := want[m.Name]; !ok || known && value != expected {
				t.Errorf("line %d: metric %s is %v, want %v", i, m.Name, got[i][m.Name], want[m.Name])
			}
		}
		if directive.Namespace != "gcs-to-s3" || len(directive.Metrics) != 9 || fmt.Sprint(directive.Dimensions) != "[[Function]]" || got[i]["Function"] != l.Env.Function {
			t.Errorf("line %d: directive %+v, function %v", i, directive, got[i]["Function"])
		}
	}
	if reread := got[0]["BytesReread"].(float64); reread < 0 || reread > 5000 {
		t.Errorf("%v bytes were read again", reread)
	}
}

// TestNothingEchoedIsShown makes each service echo everything that it was sent.
func TestNothingEchoedIsShown(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := fmt.Sprintf("%v %s", r.Header, body)
		w.WriteHeader(http.StatusForbidden)
		if r.URL.Path == "/v1/token" {
			_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_request", "error_description": text})
			return
		}
		fmt.Fprintf(w, "<Error><Code>AccessDenied</Code><Message>%s</Message></Error>", strings.NewReplacer("<", "", "&", "&amp;").Replace(text))
	}))
	defer echo.Close()
	for path, operation := range map[string]string{"/s3-gcs-connect/sample.txt": "reading", "/v1/token": "reading", "/s3-gcs-connect/copy": "writing"} {
		t.Run(path, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			for _, transport := range []*http.RoundTripper{&h.source.transport, &h.target.transport} {
				*transport = diversion{*transport, path, strings.TrimPrefix(echo.URL, "http://")}
			}
			var err error
			if h.source.tokens.Transport = (tokenService{h.source.transport, h.source.hide}); path == "/v1/token" {
				h.source.creds, err = h.source.login()
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = copyOne(h, invocation.Event{Key: "copy"})
			var failed *TransferError
			if !errors.As(err, &failed) || failed.Operation != operation || !strings.Contains(err.Error(), "[hidden]") {
				t.Fatalf("Handle() = %v, want the echo without its secrets", err)
			}
			shown := l.log.String() + err.Error()
			for what, secret := range map[string]string{
				"secret key": l.env["AWS_SECRET_ACCESS_KEY"], "session token": l.env["AWS_SESSION_TOKEN"], "access key": l.env["AWS_ACCESS_KEY_ID"],
				"Google's token": "ya29.", "signature": "Signature=",
			} {
				if strings.Contains(shown, secret) {
					t.Errorf("log or error show the %s: %s", what, shown)
				}
			}
		})
	}
}

// diversion sends requests for one path to another host.
type diversion struct {
	http.RoundTripper
	path, host string
}

func (d diversion) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == d.path {
		diverted := *r.URL
		r = r.Clone(r.Context())
		r.URL, diverted.Host = &diverted, d.host
	}
	return d.RoundTripper.RoundTrip(r)
}
