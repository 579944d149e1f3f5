package google_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

const (
	project = "/v1/projects/" + googletest.Project
	arn     = "arn:aws:sts::" + googletest.Account + ":assumed-role/my-role/my-function"
)

// federation makes what leads from an AWS role to an object, and goes that way to
// the token of the service account.
func federation(t *testing.T, s *googletest.Server) (audience, federated, account string) {
	t.Helper()
	audience = s.MakeProvider(t, "pool-one", "prov-one", nil)
	s.MakeAccount(t, "my-account")
	s.Must(t, "POST", "/storage/v1/b?project=demo-project", map[string]any{"name": "my-bucket"})
	s.Admin(t, "POST", "/upload/storage/v1/b/my-bucket/o?uploadType=media&name=x", "content")
	s.Bind(t, googletest.Accounts+"/"+googletest.Email("my-account"), "roles/iam.workloadIdentityUser", "principalSet:"+strings.TrimSuffix(audience, "/providers/prov-one")+"/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/my-role")
	s.Bind(t, "/storage/v1/b/my-bucket/iam", "roles/storage.objectViewer", "serviceAccount:"+googletest.Email("my-account"))
	federated = s.Federate(t, audience, arn)
	var out struct{ AccessToken string }
	s.Do(t, googletest.Request{Method: "POST", Path: "/v1/projects/-/serviceAccounts/" + googletest.Email("my-account") + ":generateAccessToken", Token: federated, Body: map[string]any{"scope": []string{"https://www.googleapis.com/auth/devstorage.read_only"}}}).Decode(t, &out)
	return audience, federated, out.AccessToken
}

func TestJournal(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	audience, federated, account := federation(t, s)
	if a := s.Do(t, googletest.Request{Method: "GET", Path: "/my-bucket/x", Token: account}); a.Body != "content" {
		t.Fatalf("the object is answered %d: %s", a.Status, a.Body)
	}
	entries := s.Journal.Entries()
	got := entries[len(entries)-1]
	principal := "principal:" + strings.TrimSuffix(audience, "/providers/prov-one") + "/subject/" + arn
	want := journal.Entry{
		Time: got.Time, RequestID: got.RequestID, Cloud: "google", Service: "storage", Operation: "storage.objects.get", Status: 200,
		Principal: "serviceAccount:" + googletest.Email("my-account"), Through: []string{principal, arn},
		Decisions: []journal.Decision{{Action: "storage.objects.get", Resource: "//storage.googleapis.com/projects/_/buckets/my-bucket/objects/x", Allowed: true, Reason: "roles/storage.objectViewer for serviceAccount:" + googletest.Email("my-account")}},
	}
	if diff := cmp.Diff(want, got); diff != "" || got.RequestID == "" {
		t.Errorf("the last entry (-want +got):\n%s", diff)
	}
	// The upload session's URI is a right of its own.
	session := s.Admin(t, "POST", "/upload/storage/v1/b/my-bucket/o?uploadType=resumable&name=y", nil).Header.Get("Location")
	_, id, _ := strings.Cut(session, "upload_id=")
	s.Do(t, googletest.Request{Method: "PUT", Path: strings.TrimPrefix(session, s.URL), Body: "y"})
	s.Do(t, googletest.Request{Method: "GET", Path: "/storage/v1/b/my-bucket/o/x?access_token=" + account})
	data, err := json.Marshal(s.Journal.Entries())
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"the federated token": federated, "the account's token": account, "the owner's token": s.AdminToken(), "the upload's URI": id, "a body": "content"} {
		if secret == "" || strings.Contains(string(data), secret) {
			t.Errorf("the journal has %s, %q", what, secret)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "my-account")
	s.Bind(t, project, "roles/owner", "serviceAccount:"+googletest.Email("my-account"))
	const auth = "https://www.googleapis.com/auth/"
	for _, tt := range []struct {
		scope, method, path string
		status              int
	}{
		{"cloud-platform", "GET", project, 200},
		{"cloud-platform", "POST", project + ":getIamPolicy", 200},
		{"cloud-platform.read-only", "GET", project, 200},
		{"cloud-platform.read-only", "POST", project + ":getIamPolicy", 403},
		{"devstorage.full_control", "GET", project, 403},
		{"devstorage.read_only", "GET", googletest.Accounts, 403},
		{"iam", "GET", googletest.Accounts, 200},
		{"iam", "GET", project, 403},
	} {
		a := s.Do(t, googletest.Request{Method: tt.method, Path: tt.path, Token: s.TokenOf(t, "my-account", auth+tt.scope)})
		if a.Status != tt.status || a.Status == 403 && !strings.Contains(a.Body, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
			t.Errorf("%s %s with %s answered %d: %s", tt.method, tt.path, tt.scope, a.Status, a.Body)
		}
	}
}

// TestConveniences gives a member a basic role of the project, which buckets know.
func TestConveniences(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	s.MakeAccount(t, "my-account")
	s.Must(t, "POST", "/storage/v1/b?project=demo-project", map[string]any{"name": "my-bucket"})
	token := s.TokenOf(t, "my-account")
	listing := func() int {
		return s.Do(t, googletest.Request{Method: "GET", Path: "/storage/v1/b/my-bucket/o", Token: token}).Status
	}
	before := listing()
	s.Bind(t, project, "roles/viewer", "serviceAccount:"+googletest.Email("my-account"))
	if got := []int{before, listing()}; !slices.Equal(got, []int{403, 200}) {
		t.Errorf("the list is answered %v without and with a role on the project", got)
	}
}

// TestManyAtOnce changes accounts and the policies that name them while objects
// are read, which needs the locks of three services.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	_, _, token := federation(t, s)
	var wg sync.WaitGroup
	run := func(work func(i int)) {
		wg.Go(func() {
			for i := range 20 {
				work(i)
			}
		})
	}
	for n := range 3 {
		id := fmt.Sprintf("account-%d", n)
		run(func(int) {
			made := s.MakeAccount(t, id)
			uid, _ := made["uniqueId"].(string)
			s.Admin(t, "POST", project+":setIamPolicy", map[string]any{"policy": map[string]any{"bindings": []any{
				map[string]any{"role": "roles/owner", "members": []string{"user:sandbox-admin@example.com"}},
				map[string]any{"role": "roles/browser", "members": []string{"serviceAccount:" + googletest.Email(id)}},
			}}})
			s.Must(t, "DELETE", googletest.Accounts+"/"+googletest.Email(id), nil)
			s.Must(t, "POST", googletest.Accounts+"/"+uid+":undelete", nil)
			s.Must(t, "DELETE", googletest.Accounts+"/"+googletest.Email(id), nil)
		})
	}
	for range 3 {
		run(func(int) {
			if a := s.Do(t, googletest.Request{Method: "GET", Path: "/my-bucket/x", Token: token}); a.Body != "content" {
				t.Errorf("the object is answered %d: %s", a.Status, a.Body)
			}
		})
	}
	run(func(i int) {
		s.Must(t, "PATCH", "/storage/v1/b/my-bucket/o/x", map[string]any{"metadata": map[string]any{"n": fmt.Sprint(i)}})
		s.Must(t, "GET", "/storage/v1/b/my-bucket/o", nil)
		s.Must(t, "POST", project+":getIamPolicy", nil)
	})
	wg.Wait()
}
