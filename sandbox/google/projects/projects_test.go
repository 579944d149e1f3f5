package projects_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const project = "/v1/projects/demo-project"

func TestProject(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	v1 := map[string]any{"projectNumber": googletest.Number, "projectId": googletest.Project, "lifecycleState": "ACTIVE", "name": googletest.Project}
	v3 := map[string]any{"name": "projects/" + googletest.Number, "projectId": googletest.Project, "state": "ACTIVE", "displayName": googletest.Project}
	for path, want := range map[string]map[string]any{
		project: v1, "/v1/projects/" + googletest.Number: v1, "/v3/projects/demo-project": v3,
	} {
		if diff := cmp.Diff(want, s.Must(t, "GET", path, nil)); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	policy := s.Must(t, "POST", project+":getIamPolicy", map[string]any{"options": map[string]any{"requestedPolicyVersion": 3}})
	var first []any
	for _, role := range []string{"roles/owner", "roles/storage.admin", "roles/iam.serviceAccountTokenCreator"} {
		first = append(first, map[string]any{"role": role, "members": []any{"user:sandbox-admin@example.com"}})
	}
	owner := first[0]
	if diff := cmp.Diff(first, policy["bindings"]); diff != "" {
		t.Errorf("the first bindings (-want +got):\n%s", diff)
	}
	added := map[string]any{"role": "roles/storage.objectViewer", "members": []any{"user:a@example.com"}, "condition": map[string]any{"title": "t", "expression": "true"}}
	policy["bindings"], policy["version"] = []any{owner, added}, 3
	changed := s.Must(t, "POST", "/v3/projects/"+googletest.Number+":setIamPolicy", map[string]any{"policy": policy, "updateMask": "bindings,etag"})
	if diff := cmp.Diff([]any{owner, added}, changed["bindings"]); diff != "" || changed["version"] != 3.0 {
		t.Errorf("the bindings under version %v (-want +got):\n%s", changed["version"], diff)
	}
	held := s.Must(t, "POST", project+":testIamPermissions", map[string]any{"permissions": []string{"resourcemanager.projects.get"}})
	if diff := cmp.Diff(map[string]any{"permissions": []any{"resourcemanager.projects.get"}}, held); diff != "" {
		t.Errorf("testIamPermissions (-want +got):\n%s", diff)
	}
	for body, want := range map[string]string{
		`{"policy":{"etag":"` + policy["etag"].(string) + `"}}`:               "409 ABORTED: There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag '",
		`{"policy":{},"updateMask":"auditConfigs"}`:                           `400 INVALID_ARGUMENT: The local Google Cloud does not model the update mask auditConfigs of policies, without their bindings.`,
		`{"policy":{},"updateMask":"etag"}`:                                   `400 INVALID_ARGUMENT: The local Google Cloud does not model the update mask etag of policies, without their bindings.`,
		`{"policy":{"bindings":[{"role":"roles/x","members":["allUsers"]}]}}`: "400 INVALID_ARGUMENT: Role roles/x is not supported for this resource.",
	} {
		if got := s.Admin(t, "POST", project+":setIamPolicy", body).Error(t); !strings.HasPrefix(got, want) {
			t.Errorf("setIamPolicy of %s answered\n%s\nwant\n%s", body, got, want)
		}
	}
	if got, want := s.Admin(t, "POST", project+":getIamPolicy", `{"options":{"requestedPolicyVersion":2}}`).Error(t), "400 INVALID_ARGUMENT: Requested policy version (2) must be 0, 1 or 3."; got != want {
		t.Errorf("getIamPolicy answered\n%s\nwant\n%s", got, want)
	}
}

func TestDenials(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "my-account")
	mine := s.TokenOf(t, "my-account")
	for _, tt := range []struct{ method, path, token, permission string }{
		{"GET", "/v1/projects/other-project", s.AdminToken(), "resourcemanager.projects.get"},
		{"GET", project, mine, "resourcemanager.projects.get"},
		{"POST", project + ":getIamPolicy", mine, "resourcemanager.projects.getIamPolicy"},
		{"POST", project + ":setIamPolicy", mine, "resourcemanager.projects.setIamPolicy"},
		{"GET", project + "/services", mine, "serviceusage.services.list"},
		{"GET", project + "/services/iam.googleapis.com", mine, "serviceusage.services.get"},
		{"POST", project + "/services/iam.googleapis.com:enable", mine, "serviceusage.services.enable"},
		{"POST", project + "/services/iam.googleapis.com:disable", mine, "serviceusage.services.disable"},
		{"POST", project + "/services:batchEnable", mine, "serviceusage.services.enable"},
	} {
		a := s.Do(t, googletest.Request{Method: tt.method, Path: tt.path, Token: tt.token})
		if got, want := a.Error(t), fmt.Sprintf("403 PERMISSION_DENIED: Permission '%s' denied on resource (or it may not exist).", tt.permission); got != want {
			t.Errorf("%s %s answered\n%s\nwant\n%s", tt.method, tt.path, got, want)
		}
		if !strings.Contains(a.Body, `"reason":"IAM_PERMISSION_DENIED"`) {
			t.Errorf("%s %s answered without the reason: %s", tt.method, tt.path, a.Body)
		}
	}
	held := s.Do(t, googletest.Request{Method: "POST", Path: project + ":testIamPermissions", Token: mine, Body: map[string]any{"permissions": []string{"resourcemanager.projects.get"}}})
	if got := strings.TrimSpace(held.Body); got != `{"permissions":[]}` {
		t.Errorf("testIamPermissions answered %s", got)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	names := func(query string) (out []string) {
		services, _ := s.Must(t, "GET", project+"/services"+query, nil)["services"].([]any)
		for _, service := range services {
			out = append(out, service.(map[string]any)["config"].(map[string]any)["name"].(string))
		}
		return out
	}
	op := s.Must(t, "POST", project+"/services/pubsub.googleapis.com:enable", map[string]any{})
	if op["done"] != true {
		t.Errorf("enabling answered %v, want it done", op)
	}
	s.Must(t, "GET", "/v1/"+op["name"].(string), nil)
	s.Must(t, "POST", project+"/services:batchEnable", map[string]any{"serviceIds": []string{"run.googleapis.com", "iam.googleapis.com"}})
	first := []string{"cloudresourcemanager.googleapis.com", "iam.googleapis.com", "iamcredentials.googleapis.com", "orgpolicy.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com", "storage.googleapis.com", "sts.googleapis.com"}
	if diff := cmp.Diff(first, names("?filter=state:ENABLED&pageSize=50")); diff != "" {
		t.Errorf("the enabled services (-want +got):\n%s", diff)
	}
	s.Must(t, "POST", project+"/services/iam.googleapis.com:disable", map[string]any{"disableDependentServices": true})
	if diff := cmp.Diff(slices.Delete(first, 1, 2), names("")); diff != "" {
		t.Errorf("the enabled services (-want +got):\n%s", diff)
	}
	want := map[string]any{"name": "projects/" + googletest.Number + "/services/iam.googleapis.com", "parent": "projects/" + googletest.Number, "state": "DISABLED", "config": map[string]any{"name": "iam.googleapis.com"}}
	if diff := cmp.Diff(want, s.Must(t, "GET", project+"/services/iam.googleapis.com", nil)); diff != "" {
		t.Errorf("a disabled service (-want +got):\n%s", diff)
	}
	batch, _ := s.Must(t, "GET", project+"/services:batchGet?names=projects/demo-project/services/iam.googleapis.com&names=projects/demo-project/services/sts.googleapis.com", nil)["services"].([]any)
	if len(batch) != 2 {
		t.Errorf("batchGet answered %v", batch)
	}
	for _, tt := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"GET", "/services?filter=state:DISABLED", nil, `400 INVALID_ARGUMENT: The local Google Cloud does not model the filter state:DISABLED.`},
		{"POST", "/services/example.com:enable", nil, "404 NOT_FOUND: Service 'example.com' not found or permission denied."},
		{"POST", "/services:batchEnable", map[string]any{}, "400 INVALID_ARGUMENT: A batch must name 1 to 20 services."},
		{"POST", "/services/iam.googleapis.com:enable?x=1", nil, `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "x": Cannot bind query parameter. Field 'x' could not be found in request message.`},
	} {
		if got := s.Admin(t, tt.method, project+tt.path, tt.body).Error(t); got != tt.want {
			t.Errorf("%s %s answered\n%s\nwant\n%s", tt.method, tt.path, got, tt.want)
		}
	}
}

// TestServiceAgents: a policy can name a service agent once it was asked for, which needs no
// right but the API; see "Create and grant roles to service agents".
func TestServiceAgents(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	const agent = "service-" + googletest.Number + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	grant := func() string {
		policy := s.Must(t, "POST", project+":getIamPolicy", nil)
		policy["bindings"] = append(policy["bindings"].([]any), map[string]any{"role": "roles/pubsub.publisher", "members": []any{"serviceAccount:" + agent}})
		answer := s.Admin(t, "POST", project+":setIamPolicy", map[string]any{"policy": policy})
		if answer.Status == 200 {
			return ""
		}
		return answer.Error(t)
	}
	if got, want := grant(), "400 INVALID_ARGUMENT: Service account "+agent+" does not exist."; got != want {
		t.Errorf("before: %q, want %q", got, want)
	}
	const path = "/projects/demo-project/services/pubsub.googleapis.com:generateServiceIdentity"
	s.Must(t, "POST", project+"/services/pubsub.googleapis.com:disable", map[string]any{})
	if got := s.Admin(t, "POST", "/v1beta1"+path, nil).Error(t); !strings.HasPrefix(got, "400 FAILED_PRECONDITION") {
		t.Errorf("without the API: %s", got)
	}
	s.Must(t, "POST", project+"/services/pubsub.googleapis.com:enable", nil)
	for _, path := range []string{"/v1beta1" + path, path} {
		if got := s.Must(t, "POST", path, nil)["response"].(map[string]any)["email"]; got != agent {
			t.Errorf("POST %s answered with the address %v", path, got)
		}
	}
	if got := grant(); got != "" {
		t.Errorf("afterwards: %s", got)
	}
}
