package remedies

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
)

// federation are the paths of an environment's things in Google Cloud.
type federation struct{ project, pool, provider, account, bucket string }

func paths(s scene, env environment.Environment) federation {
	project := "/v1/projects/" + env.GoogleProject
	pool := project + "/locations/global/workloadIdentityPools/" + env.Pool
	return federation{project, pool, pool + "/providers/" + env.Provider, project + "/serviceAccounts/" + env.ServiceAccountEmail(), "/storage/v1/b/" + env.SourceBucket + "/iam"}
}

// without removes the members with a part from the bucket's policy.
func (s scene) without(t *testing.T, on federation, part string) {
	t.Helper()
	var policy map[string]any
	s.call(t, http.MethodGet, on.bucket, nil, &policy)
	for _, b := range policy["bindings"].([]any) {
		binding := b.(map[string]any)
		var members []any
		for _, m := range binding["members"].([]any) {
			if !strings.Contains(m.(string), part) {
				members = append(members, m)
			}
		}
		binding["members"] = members
	}
	s.call(t, http.MethodPut, on.bucket, policy, nil)
}

// bind replaces the policy of the service account.
func (s scene) bind(t *testing.T, on federation, members ...string) {
	t.Helper()
	policy := map[string]any{}
	if len(members) > 0 {
		policy["bindings"] = []any{map[string]any{"role": "roles/iam.workloadIdentityUser", "members": members}}
	}
	s.call(t, http.MethodPost, on.account+":setIamPolicy", map[string]any{"policy": policy}, nil)
}

func (s scene) disable(t *testing.T, on federation, api string) {
	t.Helper()
	s.call(t, http.MethodPost, on.project+"/services/"+api+".googleapis.com:disable", map[string]any{}, nil)
}

// mendGoogle breaks Google's side from the last hop to the first, so that each cause shows
// while those behind it are there, too, and mends all with one command.
func mendGoogle(t *testing.T, s scene, env environment.Environment) {
	s.must(t, "gcs-to-s3 up "+env.Name)
	on := paths(s, env)
	const refresh = "`pulumi up --refresh --stack {}`"
	broken := func(cause string) string {
		t.Helper()
		return s.command(t, causes+cause, s.fails(t, env, cause), 0)
	}
	patch := func(fields string, provider map[string]any) {
		t.Helper()
		s.call(t, http.MethodPatch, on.provider+"?updateMask="+fields, provider, nil)
	}
	mended := func(commands ...string) {
		t.Helper()
		s.must(t, same(t, commands...))
		s.works(t, env)
	}

	s.disable(t, on, "storage")
	const enables = "an API is not enabled, or was enabled only a minute ago: `gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com " +
		"cloudresourcemanager.googleapis.com storage.googleapis.com serviceusage.googleapis.com --project PROJECT`"
	mended(s.command(t, enables, s.refused(t, "gcs-to-s3 up "+env.Name), 0))

	s.disable(t, on, "sts")
	s.fails(t, env, "sts-api")
	mended(s.command(t, "`gcloud services enable {} --project {}`; the first `pulumi up` enables them, too", s.finds(t, env, "google-apis", doctor.Warning), 0))

	// What is missing, and APIs that are off.
	if err := os.Remove(env.CredentialFile(s.root)); err != nil {
		t.Fatal(err)
	}
	deploy := "npx cdk deploy -c environment=" + env.Name + " " + env.FunctionStack()
	s.must(t, s.command(t, "the credential configuration %s is missing; hint: run `pulumi up --stack %s` first; to deploy the role alone, run `cdk deploy %s`", s.refused(t, deploy), 0))
	if _, err := os.Stat(env.CredentialFile(s.root)); err != nil {
		t.Error(err)
	}
	if err := os.Remove(env.CredentialFile(s.root)); err != nil {
		t.Fatal(err)
	}
	commands := []string{s.command(t, refresh, s.finds(t, env, "configuration", doctor.Warning), 0)}
	s.without(t, on, env.ServiceAccount)
	commands = append(commands, broken("viewer-missing"))
	s.bind(t, on)
	commands = append(commands, broken("binding-missing"))
	s.disable(t, on, "iamcredentials")
	commands = append(commands, broken("credentials-api"))
	patch("attributeMapping,attributeCondition", map[string]any{"attributeMapping": map[string]any{"google.subject": "assertion.arn == 'x'"}})
	commands = append(commands, broken("provider-mapping"))
	s.disable(t, on, "sts")
	commands = append(commands, broken("sts-api"))
	s.disable(t, on, "storage")
	s.must(t, broken("storage-api"))
	s.fails(t, env, "sts-api")
	mended(commands...)
	if c := s.examine(t, env).Get("configuration"); c.Status != doctor.OK {
		t.Errorf("doctor says of the configuration: %s", c.Seen)
	}

	// What is another's, or of something deleted.
	s.call(t, http.MethodDelete, on.account, nil, nil)
	s.call(t, http.MethodPost, on.project+"/serviceAccounts", map[string]any{"accountId": env.ServiceAccount}, nil)
	set := s.principalSet(env)
	s.bind(t, on, set+env.AssumedRole())
	commands = []string{broken("viewer-deleted")}
	s.bind(t, on, set+env.AssumedRole()+"-other")
	commands = append(commands, broken("binding-other"))
	patch("attributeCondition", map[string]any{"attributeCondition": "attribute.aws_role == 'another'"})
	commands = append(commands, broken("provider-condition"))
	mended(commands...)

	var account struct{ UniqueId string }
	s.call(t, http.MethodGet, on.account, nil, &account)
	s.call(t, http.MethodDelete, on.account, nil, nil)
	mended(strings.Replace(s.command(t, causes+"account-missing", s.fails(t, env, "account-missing"), 1), "UNIQUE_ID", account.UniqueId, 1))

	s.call(t, http.MethodDelete, on.account, nil, nil)
	commands = []string{broken("account-missing")}
	patch("aws.accountId", map[string]any{"aws": map[string]any{"accountId": "999999999999"}})
	commands = append(commands, broken("provider-account"))
	mended(commands...)

	// Disabled things, each by its own command: the first that is mended shows the next.
	s.call(t, http.MethodPost, on.account+":disable", nil, nil)
	enable := same(t, broken("account-disabled"), s.command(t, "`gcloud iam service-accounts enable {} --project {}`", s.finds(t, env, "service-account", doctor.Error), 0))
	patch("disabled", map[string]any{"disabled": true})
	update := same(t, broken("provider-disabled"), s.command(t, "`gcloud iam workload-identity-pools providers update-aws {} --workload-identity-pool {} --location global --project {} --no-disabled`", s.finds(t, env, "provider", doctor.Error), 0))
	s.call(t, http.MethodPatch, on.pool+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
	s.must(t, same(t, broken("pool-disabled"), s.command(t, "`gcloud iam workload-identity-pools update {} --location global --project {} --no-disabled`", s.finds(t, env, "pool", doctor.Error), 0)))
	s.fails(t, env, "provider-disabled")
	s.must(t, update)
	s.fails(t, env, "account-disabled")
	mended(enable)

	// Deleted ones: undeleting comes before Pulumi.
	s.call(t, http.MethodDelete, on.provider, nil, nil)
	advised := s.fails(t, env, "provider-deleted")
	provider, again := s.command(t, causes+"provider-deleted", advised, 0), s.command(t, causes+"provider-deleted", advised, 1)
	s.call(t, http.MethodDelete, on.pool, nil, nil)
	advised = s.fails(t, env, "pool-deleted")
	s.must(t, s.command(t, causes+"pool-deleted", advised, 0))
	s.fails(t, env, "provider-deleted")
	s.must(t, provider)
	mended(again, s.command(t, causes+"pool-deleted", advised, 1))

	// Gone for good, after 30 days.
	gone := func(path string) {
		t.Helper()
		s.call(t, http.MethodDelete, path, nil, nil)
		s.ahead.Store(int64(31 * 24 * time.Hour))
		s.call(t, http.MethodGet, on.project+"/locations/global/workloadIdentityPools", nil, nil)
		s.ahead.Store(0)
	}
	gone(on.provider)
	commands = []string{broken("provider-missing")}
	gone(on.pool)
	mended(append(commands, broken("pool-missing"))...)

	s.mendPut(t, env)
	s.mendBootstrap(t, env)
}

// mendPut verifies as somebody without permission to write to the source bucket.
func (s scene) mendPut(t *testing.T, env environment.Environment) {
	t.Helper()
	project := "/v1/projects/" + env.GoogleProject
	s.call(t, http.MethodPost, project+"/serviceAccounts", map[string]any{"accountId": "nobody"}, nil)
	var token struct{ AccessToken string }
	s.call(t, http.MethodPost, "/v1/projects/-/serviceAccounts/nobody@"+env.GoogleProject+".iam.gserviceaccount.com:generateAccessToken",
		map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}}, &token)
	as := "GOOGLE_OAUTH_ACCESS_TOKEN=" + token.AccessToken + " "
	out, err := s.run(t, as+"gcs-to-s3 verify "+env.Name+" --json")
	var report verify.Report
	if decoding := json.NewDecoder(strings.NewReader(out[strings.Index(out, "{"):])).Decode(&report); err == nil || decoding != nil || report.Failure == nil || report.Failure.Causes[0].ID != "put-denied" {
		t.Fatalf("verify as nobody: %v\n%s", err, out)
	}
	s.must(t, as+s.command(t, causes+"put-denied", report.Failure.Causes[0].Remedy, 0))
}

func (s scene) principalSet(env environment.Environment) string {
	return "principalSet://iam.googleapis.com/projects/987654321098/locations/global/workloadIdentityPools/" + env.Pool + "/attribute.aws_role/"
}
