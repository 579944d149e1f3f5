package copy

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// traced makes the handler copy one object with a trace.
func traced(t *testing.T, h *Handler, event invocation.Event) invocation.TraceResult {
	t.Helper()
	event.Trace = true
	got, err := h.Handle(context.Background(), event)
	if err != nil {
		t.Fatal(err)
	}
	return got.(invocation.TraceResult)
}

const (
	session = "arn:aws:sts::" + sandbox.Account + ":assumed-role/gcs-to-s3-role/gcs-to-s3"
	pool    = "iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/aws-connect"
	email   = "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"
)

func TestTraceOfACopy(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	if _, err := copyOne(h, invocation.Event{}); err != nil { // the function is warm
		t.Fatal(err)
	}
	before := len(l.Journal.Entries())
	got := traced(t, h, invocation.Event{Key: "traced"})
	for i := range got.Trace {
		got.Trace[i].DurationMS = 0
	}
	if diff := cmp.Diff([]invocation.Hop{
		{Hop: invocation.HopSession, Identity: session, Attempts: 1},
		{Hop: invocation.HopPrincipal, Identity: "principal://" + pool + "/subject/" + session, Attempts: 1},
		{Hop: invocation.HopAccount, Identity: email, Attempts: 1},
		{Hop: invocation.HopRead, Identity: "gs://s3-gcs-connect/sample.txt", Attempts: 1},
		{Hop: invocation.HopWritten, Identity: "s3://s3-gcs-connect/traced", Attempts: 1},
	}, got.Trace); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
	if got.StatusCode != 200 || got.Outcome != "copied" || got.CRC32C != sumOf([]byte(sandboxtest.Sample)) || got.Generation == 0 {
		t.Errorf("result %+v", got)
	}
	var asked []string
	for _, e := range l.Journal.Entries()[before:] {
		asked = append(asked, e.Cloud+" "+e.Service)
	}
	// The first request is the function's own; the second is Google's.
	if diff := cmp.Diff([]string{"aws sts", "aws sts", "google sts", "google iamcredentials", "google storage", "aws s3"}, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	l.holds(t, "traced", []byte(sandboxtest.Sample))
	// The trace uses credentials of its own: the next copy still has its token.
	before = len(l.Journal.Entries())
	if _, err := copyOne(h, invocation.Event{}); err != nil {
		t.Fatal(err)
	}
	if n := len(l.Journal.Entries()) - before; n != 2 {
		t.Errorf("a copy after a trace makes %d requests, want 2", n)
	}
}

// TestTraceOfAFailure breaks one hop after another: the answer names it, and no
// later hop is reached.
func TestTraceOfAFailure(t *testing.T) {
	for _, tt := range []struct {
		name    string
		set     func(t *testing.T, l *stand) invocation.Event
		reached int // hops
		status  int
		code    string
		message string // a substring
	}{
		{"a deleted provider", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "DELETE", l.PoolPath()+"/providers/"+l.Env.Provider, nil, nil)
			return invocation.Event{}
		}, 2, 400, "invalid_target", "This might either be because the pool or provider is disabled or deleted"},
		{"a condition that names another role", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "PATCH", l.PoolPath()+"/providers/"+l.Env.Provider+"?updateMask=attributeCondition", map[string]any{"attributeCondition": "attribute.aws_role == 'other'"}, nil)
			return invocation.Event{}
		}, 2, 400, "unauthorized_client", "rejected by the attribute condition"},
		{"too many exchanges", func(t *testing.T, l *stand) invocation.Event {
			l.fail(t, "google/sts: status=429")
			return invocation.Event{}
		}, 2, 429, "quota_exceeded", "throttled due to rate limit"},
		{"no binding", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "POST", "/v1/projects/"+l.Env.GoogleProject+"/serviceAccounts/"+email+":setIamPolicy", map[string]any{"policy": map[string]any{}}, nil)
			return invocation.Event{}
		}, 3, 403, "PERMISSION_DENIED", "iam.serviceAccounts.getAccessToken"},
		{"no grant on the bucket", func(t *testing.T, l *stand) invocation.Event {
			l.Call(t, "PUT", "/storage/v1/b/"+l.Env.SourceBucket+"/iam", map[string]any{}, nil)
			return invocation.Event{}
		}, 4, 403, "AccessDenied", "does not have storage.objects.get access"},
		{"no such object", func(*testing.T, *stand) invocation.Event { return invocation.Event{Object: "missing"} }, 4, 404, "NoSuchKey", "No such object"},
		{"a role that cannot write", func(t *testing.T, l *stand) invocation.Event {
			if _, err := iam.NewFromConfig(l.AWSConfig(l.AWS.Admin())).DeleteRolePolicy(context.Background(), &iam.DeleteRolePolicyInput{RoleName: &l.Env.Role, PolicyName: aws.String("rights")}); err != nil {
				t.Fatal(err)
			}
			return invocation.Event{}
		}, 5, 403, "AccessDenied", "not authorized to perform: s3:PutObject"},
		{"no such bucket", func(*testing.T, *stand) invocation.Event {
			return invocation.Event{DestinationBucket: "no-such-bucket"}
		}, 5, 404, "NoSuchBucket", "The specified bucket does not exist"},
		{"a bucket that breaks off", func(t *testing.T, l *stand) invocation.Event {
			l.fail(t, "google/storage: drop=0")
			return invocation.Event{}
		}, 4, 0, "", "6 attempts failed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			event := tt.set(t, l)
			got := traced(t, l.start(t), event)
			if got.StatusCode != 502 || got.Outcome != "failed" || len(got.Trace) != tt.reached {
				t.Fatalf("answered %+v, want 502 and %d hops", got, tt.reached)
			}
			for _, hop := range got.Trace[:tt.reached-1] {
				if hop.Error != "" {
					t.Errorf("the hop %q failed as well: %s", hop.Hop, hop.Error)
				}
			}
			last := got.Trace[tt.reached-1]
			if last.Status != tt.status || last.Code != tt.code || !strings.Contains(last.Error, tt.message) {
				t.Errorf("the hop %q says\n  %d %s: %s\nwant\n  %d %s with %q", last.Hop, last.Status, last.Code, last.Error, tt.status, tt.code, tt.message)
			}
			l.absent(t, "sample.txt")
			data, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"} {
				if strings.Contains(string(data), l.env[name]) {
					t.Errorf("the answer holds %s: %s", name, data)
				}
			}
		})
	}
}

func TestTraceForgivesWhatSucceededLater(t *testing.T) {
	l := newStand(t)
	l.fail(t, "google/sts: status=503 times=2", "aws/sts: status=503 times=1", "google/storage: status=503 times=1", "aws/s3: status=503 times=1")
	got := traced(t, l.start(t), invocation.Event{})
	want := map[string]int{invocation.HopSession: 2, invocation.HopPrincipal: 3, invocation.HopAccount: 1, invocation.HopRead: 2, invocation.HopWritten: 2}
	attempts := map[string]int{}
	for _, hop := range got.Trace {
		attempts[hop.Hop] = hop.Attempts
		if hop.Error != "" || hop.Status != 0 {
			t.Errorf("%q: %s", hop.Hop, hop.Error)
		}
	}
	if diff := cmp.Diff(want, attempts); diff != "" || got.StatusCode != 200 {
		t.Errorf("status %d, attempts (-want +got):\n%s", got.StatusCode, diff)
	}
}

// TestTraceWithoutSTS: a function that cannot reach AWS STS still copies, since
// it is Google that calls STS.
func TestTraceWithoutSTS(t *testing.T) {
	l := newStand(t)
	l.env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1"
	got := traced(t, l.start(t), invocation.Event{})
	first, second := got.Trace[0], got.Trace[1]
	if got.StatusCode != 200 || len(got.Trace) != 5 || first.Hop != invocation.HopSession || first.Error == "" || first.Attempts != 6 {
		t.Errorf("answered %+v", got)
	}
	if want := "principalSet://" + pool + "/*"; second.Identity != want || second.Error != "" {
		t.Errorf("the second hop is %+v, want the identity %s", second, want)
	}
}

// TestTraceWithoutAServiceAccount: if the configuration names none, the federated
// principal reads itself, and that hop is missing.
func TestTraceWithoutAServiceAccount(t *testing.T) {
	l := newStand(t)
	l.BindBucket(t, l.Env.SourceBucket, "roles/storage.objectViewer", l.PrincipalSet(l.Env.AssumedRole()))
	h := l.start(t)
	h.settings.credentials.ServiceAccountImpersonationURL = ""
	got := traced(t, h, invocation.Event{})
	var hops []string
	for _, hop := range got.Trace {
		hops = append(hops, hop.Hop)
	}
	if diff := cmp.Diff([]string{invocation.HopSession, invocation.HopPrincipal, invocation.HopRead, invocation.HopWritten}, hops); diff != "" || got.StatusCode != 200 {
		t.Errorf("answered %+v, hops (-want +got):\n%s", got, diff)
	}
}

func TestTraceFollowsOneObject(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	prefix := ""
	for _, event := range []invocation.Event{{Prefix: &prefix}, {Objects: []invocation.Item{{Object: "a"}}}, {SourceBucket: "../b"}} {
		event.Trace = true
		if got, err := h.Handle(context.Background(), event); err == nil {
			t.Errorf("Handle(%+v) = %+v, want an error", event, got)
		}
	}
}
