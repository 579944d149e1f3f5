package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

const iamOff = "the API iam.googleapis.com is disabled in the project demo-project"

// TestAPIDisabledAfterwards: case L6. The IAM API is disabled while an environment
// stands: what it has is unknown, in the inventory and in the list of all environments.
func TestAPIDisabledAfterwards(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Mark(t, c.Env.Mark())
	both := clients(t, c.Sandbox, c.Env)
	if items, err := Of(t.Context(), both, c.Env); err != nil || len(items) != 6 {
		t.Fatalf("before: %v, %v", items, err)
	}
	c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/services/iam.googleapis.com:disable", map[string]any{}, nil)

	items, err := Of(t.Context(), both, c.Env)
	want := []string{
		"binding on the service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com: unknown",
		"binding serviceAccount:gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com: granted", // on the bucket, which Cloud Storage tells
		"service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com: unknown",
		"provider aws-connect/aws-connect: unknown",
		"workload identity pool aws-connect: unknown",
		"role gcs-to-s3-role: exists",
	}
	if diff := cmp.Diff(want, shown(items)); diff != "" {
		t.Errorf("with the API disabled (-want +got):\n%s", diff)
	}
	const cannot = "cannot see the service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com, the provider aws-connect, the workload identity pool aws-connect, the policy of the service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com: " +
		iamOff + "; hint: `gcloud services enable iam.googleapis.com --project demo-project`"
	if err == nil || err.Error() != cannot {
		t.Errorf("the error is %v, want %s", err, cannot)
	}
	for _, i := range items {
		if i.State != Unknown {
			continue
		}
		if i.Detail != iamOff {
			t.Errorf("%s says %q, want %q", i, i.Detail, iamOff)
		}
		if err := Remove(t.Context(), both, i); err == nil || !strings.Contains(err.Error(), "it cannot be seen: "+iamOff) {
			t.Errorf("removing %s: %v", i, err)
		}
	}
	if left := Left(items); len(left) != len(items) {
		t.Errorf("left are %v", shown(left))
	}
	var table strings.Builder
	if err := Write(&table, items); err != nil || strings.Count(table.String(), "unknown") != 4 || strings.Count(table.String(), iamOff) != 4 {
		t.Errorf("the table is\n%s%v", table.String(), err)
	}
}

// TestAllWithAPIDisabled: an environment of which AWS has something is listed, and what
// Google has of it is unknown, not nothing.
func TestAllWithAPIDisabled(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	c.Env.Name = "pr-7"
	c.DeployStacks(t, c.Env.Mark())
	c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/services/iam.googleapis.com:disable", map[string]any{}, nil)
	all, err := All(t.Context(), both, c.Env)
	const cannot = "cannot see the service accounts of demo-project, the workload identity pools of demo-project: " + iamOff
	if err == nil || !strings.HasPrefix(err.Error(), cannot) || len(all) != 1 {
		t.Fatalf("All() = %+v, %v, want one, and %s", all, err, cannot)
	}
	if on := all[0].On("Google"); on != "service account unknown, pool unknown" {
		t.Errorf("on Google: %s", on)
	}
	if on := all[0].On("AWS"); on != "function CREATE_COMPLETE, role CREATE_COMPLETE" {
		t.Errorf("on AWS: %s", on)
	}
	if _, err := Lost(t.Context(), both, c.Env, all[0]); err == nil || !strings.Contains(err.Error(), iamOff) {
		t.Errorf("RemoveLost() = %v", err)
	}
}

// TestNewProject: nothing can be seen of a project that has never enabled the APIs.
// That is not nothing.
func TestNewProject(t *testing.T) {
	t.Parallel()
	s := sandboxtest.Empty(t, sandbox.Options{Services: google.NewProject})
	env, err := environment.Parse("dev", map[string]string{"awsAccount": sandbox.Account, "googleProject": sandbox.Project})
	if err != nil {
		t.Fatal(err)
	}
	both := clients(t, s, env)
	if _, err := Of(t.Context(), both, env); err == nil || !strings.Contains(err.Error(), iamOff) || !strings.Contains(err.Error(), "cloudresourcemanager.googleapis.com is disabled in the project demo-project") {
		t.Errorf("of a new project: %v", err)
	}
	if _, err := All(t.Context(), both, env); err == nil || !strings.Contains(err.Error(), iamOff) {
		t.Errorf("in a new project: %v", err)
	}
}

// TestWrongKey: neither does AWS have nothing.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	key := c.AWS.Admin()
	key.SecretAccessKey = "wrong"
	both.AWS = c.AWSConfig(key)
	items, err := Of(t.Context(), both, c.Env)
	if err == nil || !strings.Contains(err.Error(), "the stack gcs-to-s3-test-role, the role gcs-to-s3-role") || !strings.Contains(err.Error(), "the credentials are not accepted: SignatureDoesNotMatch") {
		t.Errorf("Of() = %v", err)
	}
	unknown := 0
	for _, i := range items {
		if i.Cloud == "AWS" && i.State == Unknown {
			unknown++
		}
	}
	if unknown != 5 { // two stacks, role, function, log group
		t.Errorf("%d items are unknown: %v", unknown, shown(items))
	}
	all, err := All(t.Context(), both, c.Env)
	if err == nil || !strings.Contains(err.Error(), "cannot see the stacks of the region: ") {
		t.Errorf("All() = %+v, %v", all, err)
	}
}

// TestAccountGone: case L27. An account that is gone is absent, and nothing asks for it
// in a way in which it would look hidden.
func TestAccountGone(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Mark(t, c.Env.Mark())
	both := clients(t, c.Sandbox, c.Env)
	items, err := Of(t.Context(), both, c.Env)
	if err != nil {
		t.Fatal(err)
	}
	c.Call(t, "DELETE", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail(), nil, nil)
	from := c.Journal.Position()
	if answer := both.Google.AccountByEmail(t.Context(), c.Env.ServiceAccountEmail()); !answer.Absent() {
		t.Errorf("the account is there %v, %v", answer.There(), answer.Err())
	}
	removed := 0
	for _, i := range items {
		if i.Kind == KindServiceAccount || i.Kind == KindBinding && i.binding.kind == onAccount {
			removed++
			if err := Remove(t.Context(), both, i); err != nil {
				t.Errorf("removing what is gone: %v", err)
			}
		}
	}
	if removed != 2 {
		t.Errorf("%d items of the account were there: %v", removed, shown(items))
	}
	for _, e := range c.Journal.Since(from) {
		if e.Status == 403 {
			t.Errorf("%s was answered %d %s", e.Operation, e.Status, e.Code)
		}
	}
}
