package diagnosis

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// TestQuotaProjects: case L25. Where the caller's quota project is what is wrong,
// nothing is said to be missing, and the cause names the quota project. The answers are
// those of the pages "Troubleshoot your ADC setup" and "Enum ErrorReason" (Google Cloud
// documentation); the local Google has no quota projects.
func TestQuotaProjects(t *testing.T) {
	t.Parallel()
	refusal := func(message, reason, consumer string) string {
		return fmt.Sprintf(`{"error":{"code":403,"message":%q,"status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q,"domain":"googleapis.com","metadata":{"service":"iam.googleapis.com","consumer":%q}}]}}`, message, reason, consumer)
	}
	disabled := func(number string) string {
		return refusal("Identity and Access Management (IAM) API has not been used in project "+number+" before or it is disabled.", "SERVICE_DISABLED", "projects/"+number)
	}
	for _, tt := range []struct{ name, body, cause, reason, remedy string }{
		{"disabled in the project", disabled("1001"), "", "is disabled in the project demo-project; hint: `gcloud services enable iam.googleapis.com --project demo-project`", ""},
		{"disabled in the quota project", disabled("2002"), "quota-api", "is disabled in the project 2002, the quota project of your credentials, not in demo-project", "`gcloud auth application-default set-quota-project demo-project`"},
		{"not allowed", refusal("Caller does not have required permission to use project theirs. Grant the caller the roles/serviceusage.serviceUsageConsumer role.", "USER_PROJECT_DENIED", "projects/theirs"),
			"quota-denied", "your credentials name the quota project theirs", "`gcloud auth application-default set-quota-project demo-project`, or have roles/serviceusage.serviceUsageConsumer granted"},
		{"none", refusal("Your application is authenticating by using local Application Default Credentials. The iam.googleapis.com API requires a quota project, which is not set by default.", "SERVICE_DISABLED", "projects/764086051850"),
			"quota-missing", "your credentials name no quota project", "`gcloud auth application-default set-quota-project demo-project`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/v1/projects/demo-project" {
					_, _ = io.WriteString(w, `{"projectNumber":"1001","projectId":"demo-project"}`) // the client reports it
					return
				}
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, tt.body)
			}))
			t.Cleanup(server.Close)
			env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"})
			if err != nil {
				t.Fatal(err)
			}
			at := server.URL + "/v1/"
			env.Google = environment.GoogleAPIs{IAM: at, ResourceManager: at, ServiceUsage: at, Storage: server.URL + "/storage/v1/", AccessToken: "token"}
			google, err := clouds.OpenGoogle(t.Context(), env, func(string) string { return "" })
			if err != nil {
				t.Fatal(err)
			}
			rights := Rights{Environment: env, Google: google, Number: "1001"}
			for what, got := range map[string]Verdict{"provider": rights.Provider(t.Context()), "binding": rights.Binding(t.Context()), "API": rights.API(t.Context(), "iam.googleapis.com", "sts-api")} {
				if got.State != Unknown || got.Err == nil || got.Cause != tt.cause || !strings.Contains(got.Reason, tt.reason) {
					t.Errorf("%s: the verdict is %+v, want the cause %q and %q", what, got, tt.cause, tt.reason)
				}
			}
			if tt.cause != "" {
				if got := Explain(env, tt.cause); !strings.HasPrefix(got.Remedy, tt.remedy) || got.Text == "" {
					t.Errorf("the cause is %+v", got)
				}
			}
		})
	}
}
