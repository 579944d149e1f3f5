package clouds

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// The answers of this file are those of the documentation and of public reports: the
// local Google has one project. The reasons and their metadata are of the page
// "Enum ErrorReason" (google.api.ErrorReason).

// errorInfo is the body of an error with google.rpc.ErrorInfo.
func errorInfo(message, reason, service, consumer string) string {
	data, err := json.Marshal(map[string]any{"error": map[string]any{"code": 403, "message": message, "status": "PERMISSION_DENIED", "details": []any{
		map[string]any{"@type": "type.googleapis.com/google.rpc.Help", "links": []any{map[string]string{"description": "Google developers console", "url": "https://console.developers.google.com"}}},
		map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": map[string]string{"service": service, "consumer": consumer}},
	}}})
	if err != nil {
		panic(err) // strings alone: cannot happen
	}
	return string(data)
}

// disabled is what an API says that is disabled in a project: "Troubleshoot your ADC
// setup" (Google Cloud documentation).
func disabled(number string) string {
	return errorInfo("Identity and Access Management (IAM) API has not been used in project "+number+" before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/iam.googleapis.com/overview?project="+number+" then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
		"SERVICE_DISABLED", "iam.googleapis.com", "projects/"+number)
}

// notAllowed is what a caller without serviceusage.services.use on its quota project is
// told: google-github-actions/auth, issue 250.
func notAllowed(project string) string {
	return errorInfo("Caller does not have required permission to use project "+project+". Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by visiting https://console.developers.google.com/iam-admin/iam/project?project="+project+" and then retry. Propagation of the new permission may take a few minutes.",
		"USER_PROJECT_DENIED", "iam.googleapis.com", "projects/"+project)
}

// required is what a person's credentials without any quota project are told; the
// consumer is the project of gcloud's own OAuth client: googleapis/google-auth-library-python,
// issue 1459.
func required() string {
	return errorInfo("Your application is authenticating by using local Application Default Credentials. The iam.googleapis.com API requires a quota project, which is not set by default. To learn how to set your quota project, see https://cloud.google.com/docs/authentication/adc-troubleshooting/user-creds .",
		"SERVICE_DISABLED", "iam.googleapis.com", "projects/764086051850")
}

// fixture is a server that answers every request alike, except for the project, and
// credentials of a file that names a quota project.
type fixture struct {
	status       int
	body         string
	project      string // the answer about the project; empty refuses it like all else
	quotaProject string // in the credentials

	mu    sync.Mutex
	heard map[string]bool // quota projects that requests named
}

func (f *fixture) open(t *testing.T) *Google {
	t.Helper()
	f.heard = map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/token" {
			_, _ = io.WriteString(w, `{"access_token":"token","token_type":"Bearer","expires_in":3600}`) // the client reports it
			return
		}
		f.mu.Lock()
		f.heard[r.Header.Get("X-Goog-User-Project")] = true
		f.mu.Unlock()
		if f.project != "" && strings.HasPrefix(r.URL.Path, "/v1/projects/demo-project") && !strings.Contains(r.URL.Path[len("/v1/projects/demo-project"):], "/") {
			_, _ = io.WriteString(w, f.project) // the client reports it
			return
		}
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, []byte(keyOf(t, server.URL, f.quotaProject)), 0o600); err != nil {
		t.Fatal(err)
	}
	env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"})
	if err != nil {
		t.Fatal(err)
	}
	env.Google = environment.GoogleAPIs{IAM: server.URL + "/v1/", ResourceManager: server.URL + "/v1/", ServiceUsage: server.URL + "/v1/", Storage: server.URL + "/storage/v1/", OrgPolicy: server.URL + "/v2/"}
	g, err := OpenGoogle(t.Context(), env, func(name string) string { return map[string]string{credentialsFile: file}[name] })
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestWhyGoogleCannotBeSeen: case L25. None of these is absence, and every hint names
// the project that is meant.
func TestWhyGoogleCannotBeSeen(t *testing.T) {
	t.Parallel()
	const project = `{"projectNumber":"1001","projectId":"demo-project","lifecycleState":"ACTIVE"}`
	for _, tt := range []struct {
		name    string
		fixture *fixture
		reason  Reason
		foreign bool
		why     string
		hint    string
	}{
		{"the API is disabled in the project", &fixture{status: 403, body: disabled("1001"), project: project}, APIDisabled, false,
			"the API iam.googleapis.com is disabled in the project demo-project", "`gcloud services enable iam.googleapis.com --project demo-project`"},
		{"the API is disabled in the quota project", &fixture{status: 403, body: disabled("2002"), project: project, quotaProject: "their-quota"}, APIDisabled, true,
			"the API iam.googleapis.com is disabled in the project 2002, the quota project of your credentials, not in demo-project", "`gcloud auth application-default set-quota-project demo-project`, or `gcloud services enable iam.googleapis.com --project 2002`"},
		{"in the quota project, and the project cannot be seen either", &fixture{status: 403, body: disabled("2002"), quotaProject: "their-quota"}, APIDisabled, true,
			"the API iam.googleapis.com is disabled in the project 2002, the quota project of your credentials, not in demo-project", "`gcloud auth application-default set-quota-project demo-project`"},
		{"in some project", &fixture{status: 403, body: disabled("2002")}, APIDisabled, false,
			"the API iam.googleapis.com is disabled in the project 2002", "`gcloud services enable iam.googleapis.com --project 2002`"},
		{"the quota project is not to be used", &fixture{status: 403, body: notAllowed("their-quota"), quotaProject: "their-quota"}, QuotaProject, false,
			"your credentials name the quota project their-quota, which they are not allowed to use", "`gcloud auth application-default set-quota-project demo-project`, or have roles/serviceusage.serviceUsageConsumer granted to you on their-quota"},
		{"no quota project", &fixture{status: 403, body: required()}, QuotaProject, false,
			"your credentials name no quota project, and this API requires one", "`gcloud auth application-default set-quota-project demo-project`"},
		{"no billing", &fixture{status: 403, body: errorInfo("This API method requires billing to be enabled.", "BILLING_DISABLED", "iam.googleapis.com", "projects/1001")}, Billing, false,
			"the project 1001 has no billing: 403 This API method requires billing to be enabled.", "`gcloud billing projects describe 1001`"},
		{"no permission", &fixture{status: 403, body: `{"error":{"code":403,"message":"Permission 'iam.workloadIdentityPools.get' denied on resource '//iam.googleapis.com/projects/demo-project' (or it may not exist).","status":"PERMISSION_DENIED"}}`}, Denied, false,
			"no permission to read it: 403 Permission 'iam.workloadIdentityPools.get' denied", ""},
		{"an expired token", &fixture{status: 401, body: `{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}`}, Credentials, false,
			"the credentials are not accepted: 401 Request had invalid", "`gcloud auth application-default login`, or a new token in GOOGLE_OAUTH_ACCESS_TOKEN"},
		{"a wrong address", &fixture{status: 404, body: `<html>Not Found</html>`}, Unclear, false, "404", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := tt.fixture.open(t)
			answer := g.PoolByID(t.Context(), "aws-connect")
			var unseen *Unseen
			if answer.There() || answer.Absent() || !errors.As(answer.Err(), &unseen) {
				t.Fatalf("it is there %v, absent %v, %v", answer.There(), answer.Absent(), answer.Err())
			}
			if unseen.Reason != tt.reason || unseen.Foreign != tt.foreign || !strings.Contains(unseen.Why(), tt.why) || !strings.HasPrefix(unseen.Hint(), tt.hint) || (tt.hint == "") != (unseen.Hint() == "") {
				t.Errorf("it is %d, foreign %v: %q, hint %q; want %d, %v: %q, hint %q", unseen.Reason, unseen.Foreign, unseen.Why(), unseen.Hint(), tt.reason, tt.foreign, tt.why, tt.hint)
			}
			if !strings.HasPrefix(unseen.Error(), "cannot see the workload identity pool aws-connect: ") {
				t.Errorf("the error is %q", unseen)
			}
			if !tt.fixture.heard[tt.fixture.quotaProject] {
				t.Errorf("the requests name the quota projects %v, want %q", tt.fixture.heard, tt.fixture.quotaProject)
			}
		})
	}
}

// TestCloudStoragesOwnForm: its errors have reasons of their own, and no ErrorInfo
// ("Troubleshooting API errors", and public reports).
func TestCloudStoragesOwnForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		message, reason string
		want            Reason
		why             string
	}{
		{"Cloud Storage JSON API has not been used in project 2002 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/storage-api.googleapis.com/overview?project=2002 then retry.", "accessNotConfigured", APIDisabled,
			"the API storage-api.googleapis.com is disabled in the project 2002"},
		{"Caller does not have required permission to use project their-quota. Grant the caller the roles/serviceusage.serviceUsageConsumer role.", "forbidden", QuotaProject,
			"your credentials name the quota project their-quota, which they are not allowed to use"},
		{"someone@theirs.iam.gserviceaccount.com does not have storage.buckets.get access to the Google Cloud Storage bucket.", "forbidden", Denied, "no permission to read it"},
	} {
		body := fmt.Sprintf(`{"error":{"code":403,"message":%q,"errors":[{"message":%[1]q,"domain":"global","reason":%q}]}}`, tt.message, tt.reason)
		f := &fixture{status: 403, body: body}
		var unseen *Unseen
		if answer := f.open(t).Bucket(t.Context(), "bucket"); !errors.As(answer.Err(), &unseen) || unseen.Reason != tt.want || !strings.Contains(unseen.Why(), tt.why) {
			t.Errorf("%s: %v, want %d %q", tt.reason, answer.Err(), tt.want, tt.why)
		}
	}
}

// TestListsThatBreakOff: what was seen of a list is there, and the rest is not absent.
func TestListsThatBreakOff(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("pageToken") == "" {
			_, _ = io.WriteString(w, `{"accounts":[{"email":"first@demo-project.iam.gserviceaccount.com"}],"nextPageToken":"2"}`) // the client reports it
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, notAllowed("their-quota"))
	}))
	t.Cleanup(server.Close)
	env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"})
	if err != nil {
		t.Fatal(err)
	}
	at := server.URL + "/v1/"
	env.Google = environment.GoogleAPIs{IAM: at, ResourceManager: at, ServiceUsage: at, AccessToken: "token"}
	g, err := OpenGoogle(t.Context(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var unseen *Unseen
	if answer := g.Accounts(t.Context()); answer.There() || answer.Absent() || len(answer.Thing) != 1 || !errors.As(answer.Err(), &unseen) || unseen.Reason != QuotaProject {
		t.Errorf("the answer is %+v, %v", answer.Thing, answer.Err())
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	env.Google = environment.GoogleAPIs{IAM: server.URL + "/v1/", ResourceManager: server.URL + "/v1/", ServiceUsage: server.URL + "/v1/", AccessToken: "token"}
	server.Close()
	g, err := OpenGoogle(t.Context(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var unseen *Unseen
	if answer := g.AccountByEmail(t.Context(), "a@b"); !errors.As(answer.Err(), &unseen) || unseen.Reason != Unreachable || strings.Contains(unseen.Why(), "http") {
		t.Errorf("without a server: %v", answer.Err())
	}
}
