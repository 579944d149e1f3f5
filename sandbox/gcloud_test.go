package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/internal/preload"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// gcloud is one user of the command, with a configuration of its own.
type gcloud struct {
	t      *testing.T
	env    []string
	loaded *preload.Program // nil makes each command a program of its own
}

// offline lets a client's requests to the world end on this machine.
var offline = []string{
	"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1",
	"http_proxy=http://127.0.0.1:1", "https_proxy=http://127.0.0.1:1", "no_proxy=127.0.0.1",
}

// newGcloud points gcloud at the cloud, and away from every other; env are further
// variables of it, by which it logs in.
func newGcloud(t *testing.T, c *sandboxtest.Clouds, env ...string) gcloud {
	t.Helper()
	env = append(env, offline...)
	env = append(env, "CLOUDSDK_CONFIG="+filepath.Join(t.TempDir(), "gcloud"), "CLOUDSDK_CORE_PROJECT="+sandbox.Project, "CLOUDSDK_CORE_DISABLE_PROMPTS=true")
	for _, api := range []string{"IAM", "IAMCREDENTIALS", "CLOUDRESOURCEMANAGER", "SERVICEUSAGE", "PUBSUB"} {
		env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_"+api+"="+c.GoogleURL+"/")
	}
	env = append(env, "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="+c.GoogleURL+"/storage/v1/")
	return gcloud{t: t, env: append(withoutClouds(), env...)}
}

// load loads gcloud once for all commands that follow.
func (g gcloud) load() gcloud {
	g.t.Helper()
	g.loaded = preload.Gcloud(g.t, g.env, ".")
	return g
}

// withoutClouds is this process's environment without settings of any cloud.
func withoutClouds() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.HasPrefix(name, "CLOUDSDK_") || strings.HasPrefix(name, "GOOGLE_") || strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToLower(name), "_proxy")
	})
}

// administrator logs gcloud in as the project's owner.
func administrator(t *testing.T, c *sandboxtest.Clouds) string {
	t.Helper()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(c.Google.AdminToken()), 0o600); err != nil {
		t.Fatal(err)
	}
	return "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=" + token
}

// patience bounds one command.
const patience = 2 * time.Minute

// run runs a command and returns what it prints, with what it says when it fails.
func (g gcloud) run(args ...string) (string, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), patience)
	defer cancel()
	if g.loaded != nil {
		out, problem, err := g.loaded.Run(ctx, args...)
		if err != nil {
			return problem, err
		}
		return out, nil
	}
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

// must is run of what has to succeed, of a command in one text; it decodes what
// the command prints as JSON, if v is not nil.
func (g gcloud) must(v any, command string, args ...string) {
	g.t.Helper()
	args = append(append(strings.Fields(command), args...), "--format=json")
	out, err := g.run(args...)
	if err != nil {
		g.t.Fatalf("gcloud %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(out), v); err != nil {
			g.t.Fatalf("gcloud %s printed %s: %v", strings.Join(args, " "), out, err)
		}
	}
}

// refused is run of what has to fail with a text.
func (g gcloud) refused(want, command string) {
	g.t.Helper()
	if out, err := g.run(strings.Fields(command)...); err == nil || !strings.Contains(out, want) {
		g.t.Errorf("gcloud %s: %v, %s\nwant it refused with %s", command, err, out, want)
	}
}

type binding struct {
	Role    string
	Members []string
}

type policy struct {
	Bindings []binding
	Etag     string
}

func (p policy) grants(role, member string) bool {
	return slices.ContainsFunc(p.Bindings, func(b binding) bool { return b.Role == role && slices.Contains(b.Members, member) })
}

// needGcloud skips a test where gcloud is not installed.
func needGcloud(t *testing.T) {
	t.Helper()
	longtest.Skip(t)
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Skipf("gcloud is not installed: %v", err)
	}
}

// TestGcloud performs the article's console steps with gcloud, and their undoing.
func TestGcloud(t *testing.T) {
	t.Parallel()
	needGcloud(t)
	c := sandboxtest.New(t, sandbox.Options{})
	const email = "my-account@demo-project.iam.gserviceaccount.com"
	const pools = "iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/"
	const pool = pools + "my-pool"
	const member = "principalSet://" + pools + "aws-connect/attribute.aws_role/arn:aws:sts::123456789012:assumed-role/my-role"

	t.Run("service accounts", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, c, administrator(t, c)).load()
		var account struct{ Email, DisplayName, UniqueID string }
		g.must(nil, "iam service-accounts create my-account", "--display-name=My account")
		g.must(&account, "iam service-accounts describe "+email)
		if account.Email != email || account.DisplayName != "My account" || len(account.UniqueID) != 21 {
			t.Errorf("the service account is %+v", account)
		}
		var list []struct{ Email string }
		g.must(&list, "iam service-accounts list")
		if len(list) != 2 || list[0].Email != c.Names.ServiceAccountEmail() || list[1].Email != email {
			t.Errorf("the service accounts are %v", list)
		}
		var p policy
		g.must(&p, "iam service-accounts add-iam-policy-binding "+email+" --role=roles/iam.workloadIdentityUser --member="+member)
		if !p.grants("roles/iam.workloadIdentityUser", member) {
			t.Errorf("the policy is %v", p)
		}
		var read policy
		g.must(&read, "iam service-accounts get-iam-policy "+email)
		if !read.grants("roles/iam.workloadIdentityUser", member) || read.Etag != p.Etag {
			t.Errorf("the policy reads %v, and was %v", read, p)
		}
		g.must(nil, "projects add-iam-policy-binding "+sandbox.Project+" --role=roles/storage.objectViewer --member=serviceAccount:"+email+" --condition=None")
		var project struct{ ProjectNumber, ProjectID string }
		g.must(&project, "projects describe "+sandbox.Project)
		if project.ProjectID != sandbox.Project || project.ProjectNumber != sandbox.ProjectNumber {
			t.Errorf("the project is %v", project)
		}
		g.must(nil, "iam service-accounts delete "+email)
		g.refused("PERMISSION_DENIED: Permission 'iam.serviceAccounts.get' denied on resource (or it may not exist).",
			"iam service-accounts describe "+email) // gcloud asks by projects/-
		g.must(&read, "projects get-iam-policy "+sandbox.Project)
		if want := "deleted:serviceAccount:" + email + "?uid=" + account.UniqueID; !read.grants("roles/storage.objectViewer", want) {
			t.Errorf("the project's policy is %v, without %s", read, want)
		}
		g.must(nil, "iam service-accounts undelete "+account.UniqueID)
		g.must(&read, "projects get-iam-policy "+sandbox.Project)
		if !read.grants("roles/storage.objectViewer", "serviceAccount:"+email) {
			t.Errorf("the project's policy is %v, without the service account that came back", read)
		}
		g.refused(`INVALID_ARGUMENT: Invalid account ID "My_Account".`, "iam service-accounts create My_Account")
		g.refused("Service account my-account already exists within project projects/demo-project.", "iam service-accounts create my-account")
	})
	t.Run("pools", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, c, administrator(t, c)).load()
		const pools, of = "iam workload-identity-pools ", " --location=global --workload-identity-pool=my-pool"
		type resource struct {
			Name, State, Description, AttributeCondition string
			AttributeMapping                             map[string]string
			AWS                                          struct{ AccountID string }
			Disabled                                     bool
		}
		g.must(nil, pools+"create my-pool --location=global --description=mine")
		g.must(nil, pools+"update my-pool --location=global --description=ours")
		var got resource
		g.must(&got, pools+"describe my-pool --location=global")
		if got.Name != strings.TrimPrefix(pool, "iam.googleapis.com/") || got.Description != "ours" || got.State != "ACTIVE" {
			t.Errorf("the pool is %+v", got)
		}
		g.refused("ALREADY_EXISTS: Requested entity already exists", pools+"create my-pool --location=global")

		g.must(nil, pools+"providers create-aws my-provider --account-id=123456789012"+of)
		g.must(nil, pools+"providers update-aws my-provider --attribute-condition=assertion.account=='1'"+of)
		g.must(&got, pools+"providers describe my-provider"+of)
		if got.AttributeCondition != "assertion.account=='1'" || got.AWS.AccountID != "123456789012" || got.AttributeMapping["google.subject"] != "assertion.arn" {
			t.Errorf("the provider is %+v", got)
		}
		g.must(nil, pools+"providers delete my-provider"+of)
		var list []resource
		g.must(&list, pools+"providers list"+of)
		if len(list) != 0 {
			t.Errorf("the providers are %v, one of them deleted", list)
		}
		g.must(&list, pools+"providers list --show-deleted"+of)
		if len(list) != 1 || list[0].State != "DELETED" {
			t.Errorf("the providers, deleted ones too, are %v", list)
		}
		g.must(nil, pools+"providers undelete my-provider"+of)
		g.must(&got, pools+"providers describe my-provider"+of)
		if got.State != "ACTIVE" {
			t.Errorf("the provider that came back is %+v", got)
		}
		g.must(nil, pools+"delete my-pool --location=global")
		g.must(&list, pools+"list --location=global --show-deleted --filter=state=DELETED")
		if len(list) != 1 || list[0].State != "DELETED" {
			t.Errorf("the deleted pools are %v", list)
		}
		g.refused("ALREADY_EXISTS: Requested entity already exists", pools+"create my-pool --location=global")
		g.must(nil, pools+"undelete my-pool --location=global")
		g.must(&list, pools+"list --location=global")
		if len(list) != 2 {
			t.Errorf("the pools are %v, want both", list)
		}
	})
	t.Run("services", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, c, administrator(t, c)).load()
		g.must(nil, "services enable pubsub.googleapis.com run.googleapis.com")
		var list []struct{ Config struct{ Name string } }
		g.must(&list, "services list --enabled")
		var names []string
		for _, s := range list {
			names = append(names, s.Config.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != "cloudresourcemanager.googleapis.com iam.googleapis.com iamcredentials.googleapis.com orgpolicy.googleapis.com pubsub.googleapis.com run.googleapis.com storage.googleapis.com sts.googleapis.com" {
			t.Errorf("the enabled services are %v", names)
		}
	})
	t.Run("storage", func(t *testing.T) {
		t.Parallel()
		g := newGcloud(t, c, administrator(t, c)).load()
		g.must(nil, "storage buckets create gs://my-bucket --location=asia-northeast1 --uniform-bucket-level-access")
		var b struct{ Location, Name string }
		g.must(&b, "storage buckets describe gs://my-bucket")
		if b.Name != "my-bucket" || b.Location != "ASIA-NORTHEAST1" {
			t.Errorf("the bucket is %v", b)
		}
		reader := "serviceAccount:" + c.Names.ServiceAccountEmail()
		var p policy
		g.must(&p, "storage buckets add-iam-policy-binding gs://my-bucket --role=roles/storage.objectViewer --member="+reader)
		if !p.grants("roles/storage.objectViewer", reader) {
			t.Errorf("the bucket's policy is %v", p)
		}
		dir := t.TempDir()
		small, large := filepath.Join(dir, "small näme #1.txt"), filepath.Join(dir, "large")
		content := bytes.Repeat([]byte("0123456789abcdef"), 16<<20/16)
		for path, data := range map[string][]byte{small: []byte("hello"), large: content} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		g.must(nil, "storage cp", small, large, "gs://my-bucket/dir/")
		sliced := newGcloud(t, c, administrator(t, c), "CLOUDSDK_STORAGE_SLICED_OBJECT_DOWNLOAD_THRESHOLD=4Mi", "CLOUDSDK_STORAGE_SLICED_OBJECT_DOWNLOAD_COMPONENT_SIZE=4Mi")
		back := filepath.Join(dir, "back")
		sliced.must(nil, "storage cp gs://my-bucket/dir/large "+back)
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back, %d went: %v", len(got), len(content), err)
		}
		ranged := 0
		for _, e := range c.Journal.Entries() {
			if e.Service == "storage" && e.Status == 206 {
				ranged++
			}
		}
		if ranged < 4 {
			t.Errorf("the download made %d ranged requests, so it was not sliced", ranged)
		}
		if out, err := g.run("storage", "cat", "gs://my-bucket/dir/small näme #1.txt"); err != nil || out != "hello" {
			t.Errorf("cat prints %s: %v", out, err)
		}
		if out, err := g.run("storage", "ls", "gs://my-bucket/dir/"); err != nil || out != "gs://my-bucket/dir/large\ngs://my-bucket/dir/small näme #1.txt\n" {
			t.Errorf("ls prints %s: %v", out, err)
		}
		g.must(nil, "storage rm gs://my-bucket/dir/large")
		g.must(nil, "storage rm -r gs://my-bucket")
		g.refused("gs://my-bucket not found: 404", "storage ls gs://my-bucket")
	})
}

// TestGcloudAsTheRole logs gcloud in with the credential configuration that the
// function has, by a session of the function's role, and reads as the function.
func TestGcloudAsTheRole(t *testing.T) {
	t.Parallel()
	needGcloud(t)
	c := sandboxtest.New(t, sandbox.Options{})
	file := configurationFile(t, c)
	g := newGcloud(t, c, sessionEnviron(t, c, c.Names.Role)...)
	if out, err := g.run("auth", "login", "--cred-file="+file); err != nil {
		t.Fatalf("logging in: %v\n%s", err, out)
	}
	var accounts []struct{ Account, Status string }
	g.must(&accounts, "auth list")
	if len(accounts) != 1 || accounts[0].Account != c.Names.ServiceAccountEmail() || accounts[0].Status != "ACTIVE" {
		t.Errorf("gcloud is logged in as %v", accounts)
	}
	back := filepath.Join(t.TempDir(), "back")
	g.must(nil, "storage cp gs://"+c.Names.SourceBucket+"/"+c.Names.Object+" "+back)
	if got, err := os.ReadFile(back); err != nil || string(got) != sandboxtest.Sample {
		t.Errorf("gcloud copied %q, %v, want %q", got, err, sandboxtest.Sample)
	}
	g.refused(c.Names.ServiceAccountEmail()+" does not have storage.objects.delete access to the Google Cloud Storage object.", "storage rm gs://"+c.Names.SourceBucket+"/"+c.Names.Object)

	c.MakeRole(t, "other-role", "")
	other := newGcloud(t, c, sessionEnviron(t, c, "other-role")...)
	if out, err := other.run("auth", "login", "--cred-file="+file); err != nil { // which asks nobody yet
		t.Fatalf("logging in: %v\n%s", err, out)
	}
	other.refused(rejected, "storage cat gs://"+c.Names.SourceBucket+"/"+c.Names.Object)
}
