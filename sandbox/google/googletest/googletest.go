// Package googletest starts a local Google Cloud for one test and asks it over
// HTTP. Its AWS is a stub that believes every caller; the sandbox's own is tested
// with it elsewhere. It is for tests only and checks nothing by itself.
package googletest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// What every cloud of this package is made with.
const (
	Project = "demo-project"
	Number  = "987654321098"
	Account = "123456789012" // of AWS
)

// The paths of the project in the APIs that have one.
const (
	Accounts = "/v1/projects/" + Project + "/serviceAccounts"
	Pools    = "/v1/projects/" + Project + "/locations/global/workloadIdentityPools"
	Topics   = "/v1/projects/" + Project + "/topics"

	Subscriptions = "/v1/projects/" + Project + "/subscriptions"
)

// Email is the address of a service account of the project.
func Email(id string) string { return id + "@" + Project + ".iam.gserviceaccount.com" }

// Server is a running cloud.
type Server struct {
	*google.Cloud
	URL     string
	Journal *journal.Journal
	offset  atomic.Int64
}

// Start starts a cloud that ends with the test; changes edit its options.
func Start(t testing.TB, changes ...func(*google.Options)) *Server {
	t.Helper()
	s := &Server{Journal: &journal.Journal{}}
	server := httptest.NewUnstartedServer(google.Lines(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) })))
	s.URL = "http://" + server.Listener.Addr().String()
	var err error
	options := google.Options{ProjectID: Project, ProjectNumber: Number, URL: s.URL, Now: s.Now, Journal: s.Journal, Dir: t.TempDir(), AWS: believer{}}
	for _, change := range changes {
		change(&options)
	}
	if s.Cloud, err = google.New(options); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Now is the cloud's clock.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// Advance moves the cloud's clock.
func (s *Server) Advance(d time.Duration) { s.offset.Add(int64(d)) }

// Request is one request. Body is sent as it is when it is a string or bytes, and
// else as JSON.
type Request struct {
	Method, Path string
	Token        string // none where it is empty
	Header       map[string]string
	Body         any
}

// Answer is what the cloud answered.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Decode reads the answer's JSON.
func (a Answer) Decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), v); err != nil {
		t.Fatalf("the answer is no JSON of its kind: %v\n%s", err, a.Body)
	}
}

// Error is what a JSON error says: its status or, of Cloud Storage, its reason,
// and its message.
func (a Answer) Error(t testing.TB) string {
	t.Helper()
	var e struct {
		Error struct {
			Code            int
			Status, Message string
			Errors          []struct{ Reason string }
		}
	}
	a.Decode(t, &e)
	if e.Error.Code != a.Status {
		t.Errorf("the status is %d and the error's code %d", a.Status, e.Error.Code)
	}
	kind := e.Error.Status
	if len(e.Error.Errors) > 0 {
		kind = e.Error.Errors[0].Reason
	}
	return fmt.Sprintf("%d %s: %s", a.Status, kind, e.Error.Message)
}

// client follows no redirect and unpacks nothing, so that a test sees what was sent.
var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Do sends a request.
func (s *Server) Do(t testing.TB, in Request) Answer {
	t.Helper()
	var body io.Reader
	switch b := in.Body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(in.Method, s.URL+in.Path, body)
	if err != nil {
		t.Fatal(err)
	}
	if in.Token != "" {
		req.Header.Set("Authorization", "Bearer "+in.Token)
	}
	for k, v := range in.Header {
		req.Header.Set(k, v)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{resp.StatusCode, resp.Header, string(data)}
}

// Admin sends a request as the project's owner.
func (s *Server) Admin(t testing.TB, method, path string, body any) Answer {
	t.Helper()
	return s.Do(t, Request{Method: method, Path: path, Token: s.AdminToken(), Body: body})
}

// Must is Admin of what has to succeed, and the fields of its answer.
func (s *Server) Must(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	a := s.Admin(t, method, path, body)
	if a.Status >= 300 {
		t.Fatalf("%s %s answered %d: %s", method, path, a.Status, a.Body)
	}
	if a.Body == "" {
		return nil
	}
	var out map[string]any
	a.Decode(t, &out)
	return out
}

// Bind gives a member a role in the policy at the path of a service account, of the
// project, of a topic or a subscription, or of a bucket when it ends with /iam.
func (s *Server) Bind(t testing.TB, path, role, member string) {
	t.Helper()
	bucket := strings.HasSuffix(path, "/iam")
	var policy map[string]any
	switch {
	case bucket:
		policy = s.Must(t, "GET", path, nil)
	case strings.Contains(path, "/topics/") || strings.Contains(path, "/subscriptions/"):
		policy = s.Must(t, "GET", path+":getIamPolicy", nil)
	default:
		policy = s.Must(t, "POST", path+":getIamPolicy", nil)
	}
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings, map[string]any{"role": role, "members": []string{member}})
	if bucket {
		s.Must(t, "PUT", path, policy)
	} else {
		s.Must(t, "POST", path+":setIamPolicy", map[string]any{"policy": policy})
	}
}

// MakeAccount makes a service account and returns its fields.
func (s *Server) MakeAccount(t testing.TB, id string) map[string]any {
	t.Helper()
	return s.Must(t, "POST", Accounts, map[string]any{"accountId": id})
}

// TokenOf is an access token of a service account, of the given scopes or else
// cloud-platform.
func (s *Server) TokenOf(t testing.TB, id string, scopes ...string) string {
	t.Helper()
	if len(scopes) == 0 {
		scopes = []string{"https://www.googleapis.com/auth/cloud-platform"}
	}
	out := s.Must(t, "POST", "/v1/projects/-/serviceAccounts/"+Email(id)+":generateAccessToken", map[string]any{"scope": scopes})
	token, _ := out["accessToken"].(string)
	return token
}

// MakeProvider makes a pool and an AWS provider of it with the given settings, and
// returns the provider's audience.
func (s *Server) MakeProvider(t testing.TB, pool, provider string, settings map[string]any) string {
	t.Helper()
	s.Must(t, "POST", Pools+"?workloadIdentityPoolId="+pool, map[string]any{})
	body := map[string]any{"aws": map[string]any{"accountId": Account}}
	for k, v := range settings {
		body[k] = v
	}
	s.Must(t, "POST", Pools+"/"+pool+"/providers?workloadIdentityPoolProviderId="+provider, body)
	return "//iam.googleapis.com/projects/" + Number + "/locations/global/workloadIdentityPools/" + pool + "/providers/" + provider
}

// Subject is the subject token of an AWS caller, who is believed.
func Subject(audience, arn string) string {
	data, err := json.Marshal(map[string]any{
		"url": "https://sts.us-east-1.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15", "method": "POST",
		"headers": []map[string]string{
			{"key": "host", "value": "sts.us-east-1.amazonaws.com"}, {"key": "x-amz-date", "value": "20261123T000000Z"},
			{"key": "Authorization", "value": arn}, {"key": "x-goog-cloud-target-resource", "value": audience},
		},
	})
	if err != nil {
		panic(err) // strings alone: cannot happen
	}
	return url.QueryEscape(string(data))
}

// Exchange is the form of a token exchange.
func Exchange(audience, arn string) url.Values {
	return url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"audience":             {audience},
		"scope":                {"https://www.googleapis.com/auth/cloud-platform"},
		"requested_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
		"subject_token":        {Subject(audience, arn)},
		"subject_token_type":   {"urn:ietf:params:aws:token-type:aws4_request"},
	}
}

// Form sends a form without a token.
func (s *Server) Form(t testing.TB, path string, form url.Values) Answer {
	t.Helper()
	return s.Do(t, Request{Method: "POST", Path: path, Body: form.Encode(), Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}})
}

// Federate exchanges an AWS caller's subject token, which has to succeed.
func (s *Server) Federate(t testing.TB, audience, arn string) string {
	t.Helper()
	a := s.Form(t, "/v1/token", Exchange(audience, arn))
	var out struct {
		AccessToken string `json:"access_token"`
	}
	a.Decode(t, &out)
	if a.Status != http.StatusOK || out.AccessToken == "" {
		t.Fatalf("the exchange answered %d: %s", a.Status, a.Body)
	}
	return out.AccessToken
}

// believer answers GetCallerIdentity with the ARN in Authorization; one
// that starts with "deny" is refused.
type believer struct{}

func (believer) RoundTrip(r *http.Request) (*http.Response, error) {
	arn := r.Header.Get("Authorization")
	status, body := http.StatusOK, fmt.Sprintf("<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>%s</Arn><UserId>AROAEXAMPLE:session</UserId><Account>%s</Account></GetCallerIdentityResult></GetCallerIdentityResponse>", arn, accountOf(arn))
	switch {
	case strings.HasPrefix(arn, "deny"):
		status, body = http.StatusForbidden, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
	case strings.HasPrefix(arn, "garble"):
		body = "<html>"
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func accountOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 5 {
		return ""
	}
	return parts[4]
}
