package clouds

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// keyOf is a service account's key whose tokens are those of server, with a quota project.
func keyOf(t *testing.T, server, quotaProject string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "theirs", "client_email": "someone@theirs.iam.gserviceaccount.com", "private_key_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": server + "/token", "quota_project_id": quotaProject,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCredentials finds the credentials of Pulumi's plugin, in its order: the documented
// one ("Google Cloud installation & configuration"), and between a token and a key that of
// the provider that it wraps.
func TestCredentials(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var impersonated string // the last request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		who := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch body, _ := io.ReadAll(r.Body); { // an unreadable one is not what is expected
		case r.URL.Path == "/token":
			_, _ = io.WriteString(w, `{"access_token":"of-key","token_type":"Bearer","expires_in":3600}`) // the client reports it
		case strings.HasSuffix(r.URL.Path, "/serviceAccounts/gone@p.iam.gserviceaccount.com:generateAccessToken"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":404,"message":"Not found; Gaia id not found for email gone@p","status":"NOT_FOUND"}}`)
		case strings.HasSuffix(r.URL.Path, ":generateAccessToken"):
			mu.Lock()
			impersonated = r.URL.Path + " " + string(body)
			mu.Unlock()
			fmt.Fprintf(w, `{"accessToken":"impersonated-by-%s","expireTime":%q}`, who, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		default:
			fmt.Fprintf(w, `{"projectId":%q}`, who)
		}
	}))
	t.Cleanup(server.Close)
	key := keyOf(t, server.URL, "")
	file := func(content string) string {
		name := filepath.Join(t.TempDir(), "credentials.json")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	adc := file(key)
	with := func(pairs ...string) map[string]string {
		m := map[string]string{credentialsFile: adc}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, tt := range []struct {
		name string
		apis environment.GoogleAPIs
		vars map[string]string
		want string // whose token the APIs get
		fail string // a part of the error of opening
	}{
		{name: "the file's token before a variable", apis: environment.GoogleAPIs{AccessToken: "file"}, vars: with("GOOGLE_OAUTH_ACCESS_TOKEN", "variable"), want: "file"},
		{name: "the file's token, in a file", apis: environment.GoogleAPIs{AccessToken: file("file\n")}, want: "file"},
		{name: "the file's key before a variable's token", apis: environment.GoogleAPIs{Credentials: key}, vars: with("GOOGLE_OAUTH_ACCESS_TOKEN", "variable"), want: "of-key"},
		{name: "the file's key, in a file", apis: environment.GoogleAPIs{Credentials: file(key)}, want: "of-key"},
		{name: "a variable's token before its key", vars: with("GOOGLE_OAUTH_ACCESS_TOKEN", "variable", "GOOGLE_CREDENTIALS", key), want: "variable"},
		{name: "a variable's key", vars: map[string]string{"GOOGLE_CREDENTIALS": key}, want: "of-key"},
		{name: "a variable's key by an older name", vars: map[string]string{"GCLOUD_KEYFILE_JSON": file(key)}, want: "of-key"},
		{name: "a variable's key in the home folder", vars: map[string]string{"HOME": filepath.Dir(file(key)), "GOOGLE_CREDENTIALS": "~/credentials.json"}, want: "of-key"},
		{name: "application default credentials", vars: with(), want: "of-key"},
		{name: "impersonation", apis: environment.GoogleAPIs{AccessToken: "file", Impersonate: "deployer@p.iam.gserviceaccount.com"}, want: "impersonated-by-file"},
		{name: "impersonation by a variable", vars: with("GOOGLE_IMPERSONATE_SERVICE_ACCOUNT", "deployer@p.iam.gserviceaccount.com"), want: "impersonated-by-of-key"},
		{name: "a secret", apis: environment.GoogleAPIs{Unreadable: "gcp:accessToken"}, vars: with(), fail: "gcp:accessToken: must be a plain value in Pulumi.test.yaml"},
		{name: "a secret key", apis: environment.GoogleAPIs{Unreadable: "gcp:credentials"}, vars: with(), fail: "and export GOOGLE_CREDENTIALS"},
		{name: "a token and a key", apis: environment.GoogleAPIs{AccessToken: "file", Credentials: key}, fail: "must not be given together with gcp:credentials"},
		{name: "no key", apis: environment.GoogleAPIs{Credentials: "no/such/file"}, fail: "reading the Google credentials of gcp:credentials or GOOGLE_CREDENTIALS"},
		{name: "delegates in no JSON", apis: environment.GoogleAPIs{AccessToken: "file", Impersonate: "a@b", Delegates: "a"}, fail: "must be a list in JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project",
				"iamCredentialsEndpoint": server.URL, "allowLoopbackEndpoints": "true"})
			if err != nil {
				t.Fatal(err)
			}
			env.Google = tt.apis
			env.Google.ResourceManager = server.URL + "/v1/"
			g, err := OpenGoogle(t.Context(), env, func(name string) string { return tt.vars[name] })
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Errorf("OpenGoogle() = %v, want %q", err, tt.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			project, err := g.Projects.Projects.Get("demo-project").Do()
			if err != nil || project.ProjectId != tt.want {
				t.Errorf("the API got the token of %v (%v), want %s", project, err, tt.want)
			}
		})
	}
	env, err := environment.Parse("test", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project",
		"iamCredentialsEndpoint": server.URL, "allowLoopbackEndpoints": "true"})
	if err != nil {
		t.Fatal(err)
	}
	env.Google = environment.GoogleAPIs{ResourceManager: server.URL + "/v1/", AccessToken: "file", Impersonate: "last@p.iam.gserviceaccount.com",
		Delegates: `["first@p.iam.gserviceaccount.com"]`}
	open := func() *Google {
		g, err := OpenGoogle(t.Context(), env, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	if project := open().Project(t.Context()); !project.There() {
		t.Fatal(project.Err())
	}
	want := "/v1/projects/-/serviceAccounts/last@p.iam.gserviceaccount.com:generateAccessToken " +
		`{"delegates":["projects/-/serviceAccounts/first@p.iam.gserviceaccount.com"],"scope":["https://www.googleapis.com/auth/cloud-platform"]}`
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, strings.TrimSpace(impersonated)); diff != "" {
		t.Errorf("the request for a token (-want +got):\n%s", diff)
	}
	// A service account that is gone says nothing about the project.
	env.Google.Impersonate, env.Google.Delegates = "gone@p.iam.gserviceaccount.com", ""
	project := open().Project(t.Context())
	unseen, ok := project.Err().(*Unseen)
	if project.Absent() || !ok || unseen.Reason != Credentials || !strings.Contains(unseen.Why(), "cannot impersonate the service account gone@") ||
		!strings.Contains(unseen.Hint(), "roles/iam.serviceAccountTokenCreator") {
		t.Errorf("impersonating nobody: absent %v, %v", project.Absent(), project.Err())
	}
}
