package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

// refused makes a request as the project's owner that has to be refused.
func refused(t *testing.T, s *googletest.Server, method, path string, body any, want string) {
	t.Helper()
	if got := s.Admin(t, method, path, body).Error(t); got != want {
		t.Errorf("%s %s answered\n%s\nwant\n%s", method, path, got, want)
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	made := s.Must(t, "POST", googletest.Accounts, map[string]any{"accountId": "my-account", "serviceAccount": map[string]any{"displayName": "My account", "description": "what for"}})
	id, _ := made["uniqueId"].(string)
	email := googletest.Email("my-account")
	want := map[string]any{
		"name": "projects/demo-project/serviceAccounts/" + email, "projectId": "demo-project", "uniqueId": id, "oauth2ClientId": id,
		"email": email, "displayName": "My account", "description": "what for", "etag": "MDEwMjE5MjA=",
	}
	if diff := cmp.Diff(want, made); diff != "" || len(id) != 21 {
		t.Errorf("the account made, with the id %s (-want +got):\n%s", id, diff)
	}
	for _, path := range []string{googletest.Accounts + "/" + email, googletest.Accounts + "/" + id, "/v1/projects/-/serviceAccounts/" + email, "/v1/projects/" + googletest.Number + "/serviceAccounts/" + url.PathEscape(email)} {
		if diff := cmp.Diff(want, s.Must(t, "GET", path, nil)); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
	if diff := cmp.Diff(map[string]any{"accounts": []any{want}}, s.Must(t, "GET", googletest.Accounts+"?pageSize=20", nil)); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"accounts": []any{map[string]any{"email": email}}}, s.Must(t, "GET", googletest.Accounts+"?fields=accounts/email", nil)); diff != "" {
		t.Errorf("a part of the list (-want +got):\n%s", diff)
	}

	// The body holds more than the mask, which decides.
	want["displayName"] = "New"
	if diff := cmp.Diff(want, s.Must(t, "PATCH", googletest.Accounts+"/"+email, map[string]any{"serviceAccount": map[string]any{"displayName": "New", "description": "other", "email": "x"}, "updateMask": "displayName"})); diff != "" {
		t.Errorf("the account patched (-want +got):\n%s", diff)
	}
	s.Must(t, "POST", googletest.Accounts+"/"+email+":disable", map[string]any{})
	want["disabled"] = true
	if diff := cmp.Diff(want, s.Must(t, "GET", googletest.Accounts+"/"+email, nil)); diff != "" {
		t.Errorf("the account disabled (-want +got):\n%s", diff)
	}
	s.Must(t, "POST", googletest.Accounts+"/"+email+":enable", map[string]any{})
	s.Must(t, "DELETE", googletest.Accounts+"/"+email, nil)
	refused(t, s, "GET", googletest.Accounts+"/"+email, nil, "404 NOT_FOUND: Unknown service account")
	refused(t, s, "POST", googletest.Accounts+"/"+email+":getIamPolicy", nil, "404 NOT_FOUND: Service account projects/demo-project/serviceAccounts/"+email+" does not exist.")
	delete(want, "disabled")
	if diff := cmp.Diff(map[string]any{"restoredAccount": want}, s.Must(t, "POST", googletest.Accounts+"/"+id+":undelete", map[string]any{})); diff != "" {
		t.Errorf("the account restored (-want +got):\n%s", diff)
	}
	s.Must(t, "DELETE", googletest.Accounts+"/"+email, nil)
	s.Advance(30 * 24 * time.Hour)
	refused(t, s, "POST", googletest.Accounts+"/"+id+":undelete", map[string]any{}, "404 NOT_FOUND: Service account projects/demo-project/serviceAccounts/"+id+" does not exist.")
}

func TestAccountRefusals(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "my-account")
	mine := googletest.Accounts + "/" + googletest.Email("my-account")
	for _, tt := range []struct {
		method, path string
		body         any
		want         string
	}{
		{"POST", googletest.Accounts, map[string]any{"accountId": "short"}, `400 INVALID_ARGUMENT: The account ID "short" does not have a length between 6 and 30.`},
		{"POST", googletest.Accounts, map[string]any{"accountId": strings.Repeat("a", 31)}, `400 INVALID_ARGUMENT: The account ID "` + strings.Repeat("a", 31) + `" does not have a length between 6 and 30.`},
		{"POST", googletest.Accounts, map[string]any{"accountId": "My-Account"}, `400 INVALID_ARGUMENT: Invalid account ID "My-Account".`},
		{"POST", googletest.Accounts, map[string]any{"accountId": "1account"}, `400 INVALID_ARGUMENT: Invalid account ID "1account".`},
		{"POST", googletest.Accounts, map[string]any{"accountId": "account-"}, `400 INVALID_ARGUMENT: Invalid account ID "account-".`},
		{"POST", googletest.Accounts, map[string]any{"accountId": "my-account"}, "409 ALREADY_EXISTS: Service account my-account already exists within project projects/demo-project."},
		{"POST", googletest.Accounts, map[string]any{"accountId": "other-one", "serviceAccount": map[string]any{"displayName": strings.Repeat("x", 101)}}, "400 INVALID_ARGUMENT: The display name must have at most 100 bytes."},
		{"POST", googletest.Accounts, map[string]any{"account": "x"}, `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "account": Cannot find field.`},
		{"POST", googletest.Accounts, `{"accountId":"other-one"} {}`, "400 INVALID_ARGUMENT: Invalid JSON payload received. Parsing terminated before end of input."},
		{"POST", googletest.Accounts + "?dryRun=true", map[string]any{"accountId": "other-one"}, `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "dryRun": Cannot bind query parameter. Field 'dryRun' could not be found in request message.`},
		{"POST", "/v1/projects/other-project/serviceAccounts", map[string]any{"accountId": "other-one"}, "403 PERMISSION_DENIED: Permission 'resourcemanager.projects.get' denied on resource (or it may not exist)."},
		{"PATCH", mine, map[string]any{"serviceAccount": map[string]any{}, "updateMask": "email"}, `400 INVALID_ARGUMENT: Invalid update mask: "email".`},
		{"PATCH", mine, map[string]any{"serviceAccount": map[string]any{}}, `400 INVALID_ARGUMENT: Invalid update mask: "".`},
		{"POST", mine + "/keys", map[string]any{}, "404 NOT_FOUND: The local Google Cloud does not model the method POST " + mine + "/keys."},
		{"POST", mine + ":getIamPolicy?options.requestedPolicyVersion=2", nil, "400 INVALID_ARGUMENT: Requested policy version (2) must be 0, 1 or 3."},
		{"POST", mine + ":setIamPolicy", map[string]any{"policy": map[string]any{"auditConfigs": []any{map[string]any{}}}}, "400 INVALID_ARGUMENT: The local Google Cloud does not model the field auditConfigs of policies."},
	} {
		refused(t, s, tt.method, tt.path, tt.body, tt.want)
	}
}

// TestAccountPolicy changes a policy as clients do, two of them at the same time.
func TestAccountPolicy(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "my-account")
	mine := googletest.Accounts + "/" + googletest.Email("my-account")
	set := func(etag any) googletest.Answer {
		return s.Admin(t, "POST", mine+":setIamPolicy", map[string]any{"policy": map[string]any{"etag": etag, "version": 3, "bindings": []any{
			map[string]any{"role": "roles/iam.workloadIdentityUser", "members": []string{"user:a@example.com"}, "condition": map[string]any{"title": "t", "expression": "true"}},
		}}})
	}
	etag := s.Must(t, "POST", mine+":getIamPolicy", nil)["etag"]
	if a := set(etag); a.Status != 200 {
		t.Fatalf("the first change answered %d: %s", a.Status, a.Body)
	}
	if got, want := set(etag).Error(t), "409 ABORTED: There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag '"; !strings.HasPrefix(got, want) {
		t.Errorf("the second change answered\n%s\nwant\n%s", got, want)
	}
	if got := s.Must(t, "POST", mine+":getIamPolicy?options.requestedPolicyVersion=3", map[string]any{})["version"]; got != 3.0 {
		t.Errorf("the policy has the version %v, want 3", got)
	}
	if got := s.Must(t, "POST", mine+":getIamPolicy", nil)["version"]; got != 1.0 {
		t.Errorf("who asks for no version is answered %v, want 1", got)
	}
	held := s.Must(t, "POST", mine+":testIamPermissions", map[string]any{"permissions": []string{"iam.serviceAccounts.get"}})
	if diff := cmp.Diff(map[string]any{"permissions": []any{"iam.serviceAccounts.get"}}, held); diff != "" {
		t.Errorf("testIamPermissions (-want +got):\n%s", diff)
	}
}

// members are those of all bindings of a policy.
func members(policy map[string]any) string {
	var out []string
	bindings, _ := policy["bindings"].([]any)
	for _, b := range bindings {
		for _, m := range b.(map[string]any)["members"].([]any) {
			if text := m.(string); strings.Contains(text, "erviceAccount:") {
				out = append(out, text)
			}
		}
	}
	return strings.Join(out, " ")
}

// TestDeletedAccount follows an account's grants through its deletion, its return,
// and a new account of the same name.
func TestDeletedAccount(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	id := s.MakeAccount(t, "my-account")["uniqueId"].(string)
	s.MakeAccount(t, "other-one")
	s.Must(t, "POST", "/storage/v1/b?project=demo-project", map[string]any{"name": "my-bucket"})
	email := googletest.Email("my-account")
	other := googletest.Accounts + "/" + googletest.Email("other-one")
	s.Bind(t, "/v1/projects/demo-project", "roles/browser", "serviceAccount:"+email)
	s.Bind(t, other, "roles/iam.serviceAccountUser", "serviceAccount:"+email)
	s.Bind(t, "/storage/v1/b/my-bucket/iam", "roles/storage.objectViewer", "serviceAccount:"+email)
	token := s.TokenOf(t, "my-account")
	reads := func(token string) int {
		return s.Do(t, googletest.Request{Method: "GET", Path: "/v1/projects/demo-project", Token: token}).Status
	}
	check := func(when, want string) {
		t.Helper()
		for what, policy := range map[string]map[string]any{
			"the project":     s.Must(t, "POST", "/v1/projects/demo-project:getIamPolicy", nil),
			"another account": s.Must(t, "POST", other+":getIamPolicy", nil),
			"the bucket":      s.Must(t, "GET", "/storage/v1/b/my-bucket/iam", nil),
		} {
			if got := members(policy); got != want {
				t.Errorf("%s: %s has the members %s, want %s", when, what, got, want)
			}
		}
	}
	check("at first", "serviceAccount:"+email)
	if got := reads(token); got != 200 {
		t.Errorf("the account's token is answered %d, want 200", got)
	}
	s.Must(t, "DELETE", googletest.Accounts+"/"+email, nil)
	deleted := fmt.Sprintf("deleted:serviceAccount:%s?uid=%s", email, id)
	check("deleted", deleted)
	if got := reads(token); got != 401 {
		t.Errorf("a deleted account's token is answered %d, want 401", got)
	}
	refused(t, s, "POST", "/v1/projects/demo-project:setIamPolicy", map[string]any{"policy": map[string]any{"bindings": []any{map[string]any{"role": "roles/browser", "members": []string{"serviceAccount:" + email}}}}},
		"400 INVALID_ARGUMENT: Service account "+email+" does not exist.")

	again := s.MakeAccount(t, "my-account")["uniqueId"].(string)
	check("another of the same name", deleted)
	if got := reads(s.TokenOf(t, "my-account")); got != 403 {
		t.Errorf("the token of another account of the same name is answered %d, want 403", got)
	}
	refused(t, s, "POST", googletest.Accounts+"/"+id+":undelete", nil, "400 FAILED_PRECONDITION: Service account "+email+" already exists within project projects/demo-project.")
	s.Must(t, "DELETE", googletest.Accounts+"/"+again, nil)
	s.Must(t, "POST", googletest.Accounts+"/"+id+":undelete", nil)
	check("undeleted", "serviceAccount:"+email)
	if got := reads(token); got != 200 {
		t.Errorf("the token of the account that came back is answered %d, want 200", got)
	}
}
