package google_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/googletest"
)

// gcloud is one user of the command, with a configuration of its own.
type gcloud struct {
	t   *testing.T
	env []string
}

// newGcloud points gcloud at the cloud, and away from every other.
func newGcloud(t *testing.T, s *googletest.Server) gcloud {
	t.Helper()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(s.AdminToken()), 0o600); err != nil {
		t.Fatal(err)
	}
	const nowhere = "http://127.0.0.1:1"
	env := []string{
		"CLOUDSDK_CONFIG=" + filepath.Join(dir, "gcloud"), "CLOUDSDK_CORE_PROJECT=" + googletest.Project, "CLOUDSDK_CORE_DISABLE_PROMPTS=true", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + token,
		"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, "http_proxy=" + nowhere, "https_proxy=" + nowhere, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
	}
	for _, api := range []string{"IAM", "IAMCREDENTIALS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE"} {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+api+"="+s.URL+"/")
	}
	env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="+s.URL+"/storage/v1/")
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); !strings.HasPrefix(name, "CLOUDSDK_") && !strings.HasPrefix(name, "GOOGLE_") && !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			env = append(env, pair)
		}
	}
	return gcloud{t, env}
}

// patience bounds one command.
const patience = time.Minute

// run runs a command and returns what it prints, with what it says when it fails.
func (g gcloud) run(args ...string) (string, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "gcloud", args...)
	cmd.Env, cmd.WaitDelay = g.env, time.Second
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	if err != nil {
		return problem.String(), err
	}
	return out.String(), nil
}

// must is run of what has to succeed; it decodes what the command prints as JSON,
// if it prints any.
func (g gcloud) must(v any, args ...string) {
	g.t.Helper()
	out, err := g.run(append(args, "--format=json")...)
	if err != nil {
		g.t.Fatalf("gcloud %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(out), v); err != nil {
			g.t.Fatalf("gcloud %s printed %s: %v", strings.Join(args, " "), out, err)
		}
	}
}

type binding struct {
	Role    string
	Members []string
}

func TestGcloud(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("gcloud takes a second a command, and this is the short run")
	}
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Skipf("gcloud is not installed: %v", err)
	}
	s := googletest.Start(t)
	email := googletest.Email("my-account")

	t.Run("service account", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, s)
		g.must(nil, "iam", "service-accounts", "create", "my-account", "--display-name=My account")
		var policy struct{ Bindings []binding }
		member := "principalSet://iam.googleapis.com/projects/" + googletest.Number + "/locations/global/workloadIdentityPools/pool-one/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/my-role"
		g.must(&policy, "iam", "service-accounts", "add-iam-policy-binding", email, "--role=roles/iam.workloadIdentityUser", "--member="+member)
		if len(policy.Bindings) != 1 || policy.Bindings[0].Members[0] != member {
			t.Errorf("the policy is %v", policy)
		}
		g.must(&policy, "projects", "add-iam-policy-binding", googletest.Project, "--role=roles/browser", "--member=serviceAccount:"+email)
		if n := len(policy.Bindings); n != 2 || policy.Bindings[1].Members[0] != "serviceAccount:"+email {
			t.Errorf("the project's policy is %v", policy)
		}
		if out, err := g.run("iam", "service-accounts", "create", "My_Account"); err == nil || !strings.Contains(out, `INVALID_ARGUMENT: Invalid account ID "My_Account".`) {
			t.Errorf("a wrong name is answered %v: %s", err, out)
		}
	})
	t.Run("pool", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, s)
		where := []string{"--location=global", "--workload-identity-pool=pool-one"}
		g.must(nil, "iam", "workload-identity-pools", "create", "pool-one", "--location=global")
		g.must(nil, append([]string{"iam", "workload-identity-pools", "providers", "create-aws", "prov-one", "--account-id=123456789012"}, where...)...)
		g.must(nil, append([]string{"iam", "workload-identity-pools", "providers", "update-aws", "prov-one", "--attribute-condition=assertion.account=='1'"}, where...)...)
		var provider struct {
			AttributeCondition string
			AttributeMapping   map[string]string
			AWS                struct{ AccountID string }
		}
		g.must(&provider, append([]string{"iam", "workload-identity-pools", "providers", "describe", "prov-one"}, where...)...)
		if provider.AttributeCondition != "assertion.account=='1'" || provider.AWS.AccountID != "123456789012" || len(provider.AttributeMapping) != 2 {
			t.Errorf("the provider is %v", provider)
		}
		g.must(nil, "iam", "workload-identity-pools", "delete", "pool-one", "--location=global")
		var pools []struct{ State string }
		g.must(&pools, "iam", "workload-identity-pools", "list", "--location=global", "--show-deleted")
		if len(pools) != 1 || pools[0].State != "DELETED" {
			t.Errorf("the pools are %v", pools)
		}
	})
	t.Run("storage", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, s)
		g.must(nil, "storage", "buckets", "create", "gs://my-bucket", "--location=asia-northeast1", "--uniform-bucket-level-access")
		dir := t.TempDir()
		small, large := filepath.Join(dir, "small näme #1.txt"), filepath.Join(dir, "large")
		content := bytes.Repeat([]byte("0123456789abcdef"), 9<<20/16) // above gcloud's 8 MiB for one request
		for path, data := range map[string][]byte{small: []byte("hello"), large: content} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		g.must(nil, "storage", "cp", small, large, "gs://my-bucket/dir/")
		back := filepath.Join(dir, "back")
		g.must(nil, "storage", "cp", "gs://my-bucket/dir/large", back)
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back, %d went: %v", len(got), len(content), err)
		}
		if out, err := g.run("storage", "cat", "gs://my-bucket/dir/small näme #1.txt"); err != nil || out != "hello" {
			t.Errorf("cat prints %s: %v", out, err)
		}
		g.must(nil, "storage", "rm", "-r", "gs://my-bucket")
		if out, err := g.run("storage", "ls", "gs://my-bucket"); err == nil || !strings.Contains(out, "gs://my-bucket not found: 404") {
			t.Errorf("ls of what is gone is answered %v: %s", err, out)
		}
	})
}
