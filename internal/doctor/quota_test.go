package doctor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// TestQuotaProject: case L25. The credentials' quota project has the APIs disabled: the
// findings name it, and say nothing of the environment's project. The answer is that of
// the page "Troubleshoot your ADC setup" (Google Cloud documentation).
func TestQuotaProject(t *testing.T) {
	s := newStand(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		const message = "Caller does not have required permission to use project their-quota. Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by visiting https://console.developers.google.com/iam-admin/iam/project?project=their-quota and then retry."
		fmt.Fprintf(w, `{"error":{"code":403,"message":%q,"status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"USER_PROJECT_DENIED","domain":"googleapis.com","metadata":{"consumer":"projects/their-quota","service":"cloudresourcemanager.googleapis.com"}}]}}`, message)
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(server.Close)
	env := s.options.Environment
	at := server.URL + "/v1/"
	env.Google.IAM, env.Google.ResourceManager, env.Google.ServiceUsage, env.Google.Storage, env.Google.OrgPolicy = at, at, at, server.URL+"/storage/v1/", server.URL+"/v2/"
	google, err := clouds.OpenGoogle(t.Context(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	s.options.Google = google
	report := s.run(t)
	project := report.Get("google-project")
	if project.Status != Error || !strings.Contains(project.Seen, "your credentials name the quota project their-quota, which they are not allowed to use") ||
		!strings.HasPrefix(project.Hint, "`gcloud auth application-default set-quota-project demo-project`") {
		t.Errorf("google-project: %s: %s; hint: %s", project.Status, project.Seen, project.Hint)
	}
	for _, c := range report.Checks {
		if strings.Contains(c.Seen, "not enabled") ||
			strings.Contains(c.Seen, "is free") && c.ID != "role" && c.ID != "function" && c.ID != "stacks" && c.ID != "log-group" {
			t.Errorf("%s: %s: %s", c.ID, c.Status, c.Seen)
		}
	}
}
