package remedies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the project's folder.
const root = "../.."

// why says what becomes of a remedy: executed, or why it is not.
type why string

// What becomes of remedies.
const (
	executed why = "executed" // by TestRemedies
	// elsewhere begins the test that runs it: a package's folder and the test's name.
	elsewhere = "executed by "

	another      why = "the command of another row, which is executed there, for a cause of the same kind"
	architecture why = "adopting with the architecture that is found is adopting as the article's is, in internal/lifecycle"
	asks         why = "it shows what is wrong, and mends nothing"
	browser      why = "it opens a browser, for somebody to log in"
	chosen       why = "which name, number or place is right, only its owner knows"
	goesOn       why = "it says how to go on; nothing is wrong"
	grants       why = "the rights test grants the same roles through the API: a loop of gcloud takes a second for each"
	mfa          why = "it asks for the code of an MFA device; internal/clouds tests that with a profile and a terminal"
	noCLI        why = "it is printed where there is no Pulumi command line that could run it"
	partial      why = "it names a command without the arguments, which are the owner's"
	person       why = "somebody else must decide it: an administrator, or the owner of what refuses"
	prints       why = "it prints a value that a setting needs"
	realClouds   why = "it is about the places of the comparison with the real clouds"
	registry     why = "it downloads from a registry on the Internet, which tests do not use"
	shell        why = "it is about a variable of the person's shell, which a command cannot change from outside"
	unmodelled   why = "the local clouds do not model the cause: quota projects, billing, other access than uniform, deleted projects, deleted principals, regions to enable"
	waits        why = "it passes by itself"

	// causes begins the key of a cause of package diagnosis.
	causes = "cause: "
)

// table has every remedy: causes of package diagnosis by their ids, texts of the sources with
// commands in backquotes, where {} and verbs are values, and commands of pages.
var table = map[string]why{
	causes + "account-disabled":    executed,
	causes + "account-missing":     executed,
	causes + "aws-account":         chosen,
	causes + "aws-kms":             person,
	causes + "aws-kms-state":       chosen,
	causes + "aws-login":           browser,
	causes + "aws-refused":         executed,
	causes + "billing":             unmodelled,
	causes + "binding-deleted":     unmodelled,
	causes + "binding-missing":     executed,
	causes + "binding-other":       executed,
	causes + "bucket-policy":       person,
	causes + "copy-differs":        asks,
	causes + "copy-gone":           asks,
	causes + "credentials-api":     executed,
	causes + "credentials-quota":   waits,
	causes + "deny-policy":         person,
	causes + "destination-bucket":  chosen,
	causes + "destination-region":  chosen,
	causes + "did-not-start":       executed,
	causes + "gcs-busy":            waits,
	causes + "gcs-kms":             person,
	causes + "google-login":        browser,
	causes + "invoke-denied":       person,
	causes + "lambda-busy":         waits,
	causes + "lifetime":            chosen,
	causes + "no-route":            chosen,
	causes + "no-sts-route":        waits,
	causes + "not-deployed":        executed,
	causes + "not-yet":             waits,
	causes + "object-missing":      chosen,
	causes + "old-function":        executed,
	causes + "other-configuration": executed,
	causes + "other-role":          executed,
	causes + "payer-denied":        person,
	causes + "payer-missing":       executed,
	causes + "perimeter":           person,
	causes + "pool-deleted":        executed,
	causes + "pool-disabled":       executed,
	causes + "pool-missing":        executed,
	causes + "provider-account":    executed,
	causes + "provider-condition":  executed,
	causes + "provider-deleted":    executed,
	causes + "provider-disabled":   executed,
	causes + "provider-mapping":    executed,
	causes + "provider-missing":    executed,
	causes + "put-denied":          executed,
	causes + "quota-api":           unmodelled,
	causes + "quota-denied":        unmodelled,
	causes + "quota-missing":       unmodelled,
	causes + "read-copy-denied":    person,
	causes + "role-boundary":       person,
	causes + "role-missing":        executed,
	causes + "role-policy":         executed,
	causes + "role-remade":         executed,
	causes + "role-trust":          executed,
	causes + "s3-busy":             waits,
	causes + "source-bucket":       chosen,
	causes + "storage-api":         executed,
	causes + "sts-api":             executed,
	causes + "sts-quota":           waits,
	causes + "subject":             chosen,
	causes + "timeout":             chosen,
	causes + "unknown":             asks,
	causes + "variables-grant":     executed,
	causes + "variables-key":       person,
	causes + "viewer-condition":    person,
	causes + "viewer-deleted":      executed,
	causes + "viewer-missing":      executed,

	"\nThe environment %s has taken it over. From now on `gcs-to-s3 up` and `gcs-to-s3 down` work on it.\n":          goesOn,
	"\nThere is nothing to take over. `gcs-to-s3 up %s` deploys the environment.\n":                                  goesOn,
	"\n`gcs-to-s3 bulk run %s` copies it.\n":                                                                         goesOn,
	"; hint: `gcs-to-s3 doctor` and `gcs-to-s3 verify` say which right is missing":                                   asks,
	"; hint: whoever asks pays for this bucket: set billingProject to the project that does, and run `gcs-to-s3 up`": another,
	"`gcloud pubsub subscriptions delete {} --project {}`, then `gcs-to-s3 up {}`, which makes it again":             executed,
	"`gcs-to-s3 up {}` replaces it": executed,
	"`gcloud storage buckets notifications list gs://%s` lists them, and `… delete` removes one that is not used any more":                                                     partial,
	"%d objects failed; `gcs-to-s3 bulk report %s --failures` lists them":                                                                                                      goesOn,
	"%s exists, and `gcs-to-s3 up` takes it over":                                                                                                                              elsewhere + "internal/lifecycle testComingBack",
	"%s is not completely removed:\n%s\nhint: run `gcs-to-s3 down %s` again; what holds somebody else's resources stays until those are gone":                                  another,
	"%s: %q: has characters that are not ASCII, which S3 does not take there; hint: change it with `gcloud storage objects update`":                                            partial,
	"%s: %q: must be a bucket of account %s: %w; hint: `aws s3 mb s3://%[2]s --region %[5]s`":                                                                                  realClouds,
	"%s: %q: must be a bucket of project %s, whose requesters do not pay: got project %q, %v; hint: `gcloud storage buckets create gs://%[2]s`":                                realClouds,
	"%s: %q: must be a project of your Google credentials: got %q in state %q, %v; hint: `gcloud projects describe %[2]s`, and enable the APIs that docs/real-clouds.md lists": realClouds,
	"%w; hint: `gcs-to-s3 up %s` deploys it": executed,
	"%w; hint: run `aws sts get-caller-identity` to check that your credentials are valid and for which account; the environment's is %s":         asks,
	", or run `gcs-to-s3 status` to see what would be removed":                                                                                    goesOn,
	"; hint: jobsBucket names it, and `aws s3 mb` makes it":                                                                                       partial,
	"CloudFormation cannot update the stack from this state; the console shows which resource caused it; `gcs-to-s3 down NAME` removes the stack": another,
	"Pulumi.yaml or PULUMI_BACKEND_URL says where the state is; `pulumi whoami -v` shows it":                                                      asks,
	"`aws account enable-region --region-name %s --region %s`; `aws account get-region-opt-status` with the same flags shows whether it is; if it is, the session is of the global endpoint of STS: set AWS_STS_REGIONAL_ENDPOINTS=regional and get a new one": unmodelled,
	"`aws cloudformation continue-update-rollback --stack-name {}`":                                                                              executed,
	"`aws cloudformation describe-stack-events --stack-name {}` says why":                                                                        asks,
	"`aws ec2 describe-regions` lists them":                                                                                                      prints,
	"`aws iam list-policies --scope Local` prints them":                                                                                          prints,
	"`aws kms list-keys` prints the ARNs":                                                                                                        prints,
	"`aws lambda get-account-settings` prints the account's limit; 100 must stay unreserved":                                                     prints,
	"`aws lambda get-function --function-name {}` says why":                                                                                      asks,
	"`aws s3 mb s3://{} --region {}`, or set {} in the environment's file":                                                                       executed,
	"`aws s3 mb` makes a bucket; its files are needed until a job is done":                                                                       partial,
	"`aws sns list-topics` prints them; alarms cannot notify FIFO topics":                                                                        prints,
	"`aws sso login`, or new keys in your shell":                                                                                                 browser,
	"`aws sso login`, or new keys in your shell; `aws sts get-caller-identity` shows whether AWS accepts them":                                   browser,
	"`aws sts get-caller-identity --query Account` prints it; `gcs-to-s3 init` asks for it, `pulumi config set awsAccount 123456789012` sets it": prints,
	"`gcloud auth application-default login` renews your Google credentials":                                                                     browser,
	"`gcloud auth application-default login`, or a new token in GOOGLE_OAUTH_ACCESS_TOKEN":                                                       browser,
	"`gcloud auth application-default set-quota-project {}`":                                                                                     unmodelled,
	"`gcloud billing projects describe {}`":                                                                                                      asks,
	"`gcloud config get project` prints it; `gcs-to-s3 init` asks for it, `pulumi config set googleProject my-project` sets it":                  prints,
	"`gcloud iam service-accounts enable {} --project {}`":                                                                                       executed,
	"`gcloud iam workload-identity-pools providers undelete {}`, if it is yours":                                                                 executed,
	"`gcloud iam workload-identity-pools providers update-aws {} --no-disabled`":                                                                 executed,
	"`gcloud iam workload-identity-pools providers update-aws {} --workload-identity-pool {} --location global --project {} --no-disabled`":      executed,
	"`gcloud iam workload-identity-pools undelete {} {}`, and its provider, if they are yours":                                                   executed,
	"`gcloud iam workload-identity-pools update {} --location global --project {} --no-disabled`":                                                executed,
	"`gcloud iam workload-identity-pools update {} --no-disabled {}`":                                                                            executed,
	"`gcloud projects describe {}`; set googleProject in the environment's file to a project's id, or have a role in it granted to you":          asks,
	"`gcloud projects list` prints the IDs":                                                                                                      prints,
	"`gcloud projects undelete {}`":                                                                                                              unmodelled,
	"`gcloud services enable %s --project %s`":                                                                                                   executed,
	"`gcloud services enable {} --project {}`; the first `pulumi up` enables them, too":                                                          executed,
	"`gcloud storage buckets create gs://{} --project {}`, or set sourceBucket in the environment's file":                                        executed,
	"`gcloud storage buckets update gs://{} --uniform-bucket-level-access`, or directAccess false":                                               unmodelled,
	"`gcs-to-s3 adopt {}` takes it over":                                                                                                         elsewhere + "internal/lifecycle testAdopt",
	"`gcs-to-s3 down {}` removes it; the events say why: `aws cloudformation describe-stack-events --stack-name {}`":                             executed,
	"`gcs-to-s3 down {}` removes it; {}":                                                                                                         elsewhere + "internal/rights TestEveryPath",
	"`gcs-to-s3 init --ttl 72h` calculates it":                                                                                                   prints,
	"`gcs-to-s3 up {}`": executed,
	"`gcs-to-s3 up {}` deploys it; `gcs-to-s3 down {}` removes it":   elsewhere + "internal/lifecycle testCutOff",
	"`gcs-to-s3 uploads {} --abort`":                                 executed,
	"`npm ci`":                                                       registry,
	"`npx cdk bootstrap aws://%s/%s`":                                executed,
	"`npx cdk deploy -c environment=%s %s`":                          executed,
	"`pulumi plugin install resource gcp {}`":                        registry,
	"`pulumi up --refresh --stack {}`":                               executed,
	"`pulumi up` enables it":                                         elsewhere + "internal/lifecycle TestNewProject",
	"`pulumi up` undeletes it and takes it over":                     elsewhere + "internal/lifecycle testComingBack",
	"`unset AWS_REGION`, or set awsRegion in the environment's file": shell,
	"a Pulumi plugin is missing: run `pulumi plugin install resource gcp 7.38.0`; pulumi-language-go is part of Pulumi's installation":                                                                                                                                                             registry,
	"a grant names a workload identity pool that does not exist: `gcs-to-s3 doctor NAME` says what is there; `gcs-to-s3 up NAME` makes it first":                                                                                                                                                   asks,
	"a name is taken, possibly by a resource deleted less than 30 days ago: `gcs-to-s3 doctor NAME` says by which":                                                                                                                                                                                 asks,
	"a name that a stack needs is taken: `gcs-to-s3 doctor NAME` says by what; nothing was deployed":                                                                                                                                                                                               asks,
	"a policy that no stack knows is attached to the role: `aws iam list-attached-role-policies --role-name ROLE` lists it, `aws iam detach-role-policy --role-name ROLE --policy-arn ARN` detaches it":                                                                                            executed,
	"an API is not enabled, or was enabled only a minute ago: `gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com cloudresourcemanager.googleapis.com storage.googleapis.com serviceusage.googleapis.com --project PROJECT`":                               executed,
	"an organization policy forbids it: `gcs-to-s3 doctor NAME` says which":                                                                                                                                                                                                                        asks,
	"ask its owner whether it is yours: `aws s3api head-bucket --bucket {}`":                                                                                                                                                                                                                       asks,
	"asking AWS whose credentials these are: %w; hint: `aws sts get-caller-identity` must work in this shell; `aws configure`, `aws sso login` or AWS_PROFILE give it credentials":                                                                                                                 asks,
	"bulk: the environment %s has no bulk jobs; hint: set bulk to true and jobsBucket to a bucket in %s, and run `gcs-to-s3 up %s`":                                                                                                                                                                chosen,
	"choose the right profile: `export AWS_PROFILE=…`; or set awsAccount in the environment's file":                                                                                                                                                                                                chosen,
	"compare them with the project's organization: `gcloud projects get-ancestors %s`; `gcloud organizations list`. If it is not among them, `pulumi up` fails with \"One or more users named in the policy do not belong to a permitted customer\"; have the organization's administrator add it": person,
	"concurrency: %d: must be from 1 to %d; hint: 0 would mean as many as there can be, and does not pause a job; `gcs-to-s3 bulk stop` does":                                                                                                                                                      goesOn,
	"docs/operations.md: aws s3api put-bucket-lifecycle-configuration --bucket BUCKET --lifecycle-configuration \\":                                                                                                                                                                                executed,
	"docs/operations.md: eval \"$(aws configure export-credentials --profile admin --format env)\" && unset AWS_PROFILE":                                                                                                                                                                           mfa,
	"docs/operations.md: for role in roles/iam.workloadIdentityPoolAdmin roles/iam.securityReviewer roles/serviceusage.serviceUsageAdmin roles/iam.serviceAccountAdmin roles/orgpolicy.policyViewer; do":                                                                                           grants,
	"docs/operations.md: for role in roles/iam.workloadIdentityPoolViewer roles/iam.securityReviewer roles/serviceusage.serviceUsageViewer roles/orgpolicy.policyViewer; do":                                                                                                                       grants,
	"docs/operations.md: for role in roles/storage.legacyBucketOwner roles/storage.objectViewer; do":                                                                                                                                                                                               grants,
	"docs/operations.md: for role in roles/storage.legacyBucketReader roles/storage.objectViewer; do":                                                                                                                                                                                              grants,
	"docs/operations.md: gcloud iam service-accounts add-iam-policy-binding environments@PROJECT.iam.gserviceaccount.com --role=roles/iam.workloadIdentityUser \\":                                                                                                                                 elsewhere + "internal/workflows TestTrust",
	"docs/operations.md: gcloud iam service-accounts create environments":                                                                                                                                                                                                                          elsewhere + "internal/workflows TestTrust",
	"docs/operations.md: gcloud iam workload-identity-pools create github --location=global":                                                                                                                                                                                                       elsewhere + "internal/workflows TestTrust",
	"docs/operations.md: gcloud iam workload-identity-pools providers create-oidc github --location=global --workload-identity-pool=github \\":                                                                                                                                                     elsewhere + "internal/workflows TestTrust",
	"docs/operations.md: gcloud services enable iam.googleapis.com iamcredentials.googleapis.com sts.googleapis.com cloudresourcemanager.googleapis.com --project=PROJECT":                                                                                                                         elsewhere + "internal/workflows TestTrust",
	"docs/operations.md: gcs-to-s3 uploads prod":                                                                                                                                                    elsewhere + "internal/rights TestEveryPath",
	"docs/operations.md: gcs-to-s3 uploads prod --abort --older 48h":                                                                                                                                elsewhere + "internal/rights TestEveryPath",
	"docs/operations.md: pulumi stack output trustedConfigurations --json | jq -r '.\"210987654321\"' > clientLibraryConfig.json":                                                                   goesOn,
	"finding Google credentials: %w; hint: `gcloud auth application-default login`":                                                                                                                 browser,
	"go.mod has no toolchain line; hint: `go get toolchain@latest`":                                                                                                                                 registry,
	"have roles/serviceusage.serviceUsageAdmin granted to you in the project: `pulumi up` needs it, too":                                                                                            person,
	"have the organization's administrator allow %s: `gcloud org-policies describe %s --project %s --effective`":                                                                                    person,
	"have the organization's administrator allow the organization's own principals: `gcloud org-policies describe %s --project %s --effective`":                                                     person,
	"have the organization's administrator exempt the project while the account is created: `gcloud org-policies describe %s --project %s --effective`; or set directAccess true, which needs none": person,
	"hint: `gcs-to-s3 init %s` with its settings, and then `gcs-to-s3 down %[1]s`":                                                                                                                  person,
	"hint: run `pulumi up --stack %s` again":                                                                                                                                                        another,
	"install {} from {}, or let the go command download it: GOTOOLCHAIN=auto; `npx cdk deploy` says which one it used":                                                                              registry,
	"is Apache Parquet, which is not read; hint: `gcloud storage insights inventory-reports create` without --parquet makes CSV; BigQuery or DuckDB turn one into the other":                        partial,
	"its function is gone; `gcs-to-s3 up` takes it over, `aws logs delete-log-group --log-group-name {}` deletes it":                                                                                another,
	"job: %q: copies nothing at the moment; hint: give `gcs-to-s3 bulk run` its limits":                                                                                                             goesOn,
	"job: %q: exists already; hint: choose another name, or run it with `gcs-to-s3 bulk run`":                                                                                                       goesOn,
	"job: %q: has no plan yet; hint: `gcs-to-s3 bulk status` says how far it is, and `gcs-to-s3 bulk list` lists the jobs":                                                                          goesOn,
	"job: %q: is running; hint: `gcs-to-s3 bulk status --watch` follows it, `gcs-to-s3 bulk stop` stops it":                                                                                         goesOn,
	"job: %q: there is none; hint: `gcs-to-s3 bulk list` lists the jobs":                                                                                                                            goesOn,
	"line 1: %q: must be a header with the field name; hint: `gcloud storage insights inventory-reports create` with --csv-header makes it":                                                         partial,
	"loading Google credentials: %w; hint: `gcloud auth application-default login`":                                                                                                                 browser,
	"max-cost: the job is estimated to cost USD %.2f, which is more than %.2f; hint: `gcs-to-s3 bulk plan` says what it is made of":                                                                 goesOn,
	"max-rate: the job is %s, and copies nothing; hint: give `gcs-to-s3 bulk run` the rate":                                                                                                         goesOn,
	"no environment file gives an account and a project; hint: `gcs-to-s3 init dev` writes one":                                                                                                     another,
	"not every object has an outcome yet; hint: `gcs-to-s3 bulk run %s` goes on":                                                                                                                    goesOn,
	"permissions are granted on keys, not on aliases; `aws kms describe-key --key-id {} --query KeyMetadata.Arn` prints the key's ARN":                                                              prints,
	"reading credential configuration: %w; hint: `pulumi up` writes a new file":                                                                                                                     another,
	"reading credential configuration: there is more after the JSON object; hint: `pulumi up` writes a new file":                                                                                    another,
	"reading environment %q: %s does not exist; hint: `gcs-to-s3 init %s` creates it; or choose an existing environment (cdk: -c environment=NAME, pulumi: --stack NAME)":                           executed,
	"reading the function's answer %.200q: %w; hint: is the function of the same version as this command? `gcs-to-s3 up %s` deploys it":                                                             another,
	"run `aws sts get-caller-identity` to check that your AWS credentials are valid and for which account; the environment's is ACCOUNT":                                                            asks,
	"set architecture: {} in the environment's file; `gcs-to-s3 up` can change it later":                                                                                                            architecture,
	"set it with `pulumi config set`": chosen,
	"set kmsKey in the environment's file to the ARN that `aws kms describe-key --key-id {}` prints":                                                                                            prints,
	"something has the environment's mark, but was made or changed by hand: `gcs-to-s3 adopt NAME` takes it over":                                                                               elsewhere + "internal/lifecycle testAdopt",
	"the %s %s, which Pulumi's state records, is not the environment's: it %s; hint: `gcs-to-s3 doctor %s` says what to do":                                                                     asks,
	"the %s is deleted, and its name is taken until %s; it %s, so it is not undeleted; hint: choose another name or suffix, or undelete it with gcloud and take it over with `gcs-to-s3 adopt`": partial,
	"the account's region is not bootstrapped for the CDK: `npx cdk bootstrap aws://ACCOUNT/REGION`":                                                                                            executed,
	"the console shows which resource caused it; `gcs-to-s3 down {}` removes the stack":                                                                                                         another,
	"the credential configuration %s is missing; hint: run `pulumi up --stack %s` first; to deploy the role alone, run `cdk deploy %s`":                                                         executed,
	"the job goes on without this command; hint: `gcs-to-s3 bulk status %s --watch` follows it, `gcs-to-s3 bulk stop %[1]s` stops it":                                                           goesOn,
	"the job has no plan yet; hint: `gcs-to-s3 bulk plan` makes one":                                                                                                                            goesOn,
	"the log group %s exists, and %s; hint: `gcs-to-s3 doctor %s` says what to do":                                                                                                              asks,
	"the object was unpacked by Cloud Storage on its way, and its sums are of the packed bytes: its content type says that it is packed, as does its content encoding; hint: `gcloud storage objects update` with --cache-control=no-transform makes Cloud Storage send it as stored": partial,
	"the policy %s; detach it before `gcs-to-s3 down`, which cannot delete a role that has it": goesOn,
	"the profile needs a code of the MFA device %s, and there is no terminal to ask for it; hint: where there is one, `eval \"$(aws configure export-credentials --format env)\" && unset AWS_PROFILE` opens a session for the shell": mfa,
	"the project has no billing account: `gcloud billing projects describe PROJECT`":                                                                          asks,
	"the provider %s; `gcs-to-s3 down` keeps the pool while it has it":                                                                                        goesOn,
	"the stack %s has termination protection; hint: `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %[1]s`": executed,
	"the stack %s is not the environment's: it %s; hint: `gcs-to-s3 doctor %s` says what to do":                                                               asks,
	"the state in Pulumi, if there is any, stays; `pulumi stack rm %s --force` removes it":                                                                    noCLI,
	"turn it into a managed policy, which stays: `aws iam get-role-policy --role-name {} --policy-name {} --query PolicyDocument --output json > policy.json`, `aws iam create-policy --policy-name {} --policy-document file://policy.json`, `aws iam attach-role-policy --role-name {} --policy-arn arn:aws:iam::{}:policy/{}`, `aws iam delete-role-policy --role-name {} --policy-name {}`": executed,
	"wait until it has finished; if it is not running any more, run `pulumi cancel --stack %s`":                                                 executed,
	"wait; `gcs-to-s3 up` and `gcs-to-s3 down` wait, too":                                                                                       waits,
	"your Google credentials name a quota project that you are not allowed to use: `gcloud auth application-default set-quota-project PROJECT`": unmodelled,
	"{}; or, if its logs are yours, {}; or delete it: `aws logs delete-log-group --log-group-name {}`":                                          executed,
}

// pages are those whose console blocks have commands that put something right.
var pages = []string{"docs/operations.md", "docs/troubleshooting.md"}

// pageCommands are the first lines of the commands in the console blocks of the pages.
func pageCommands(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				command, _, _ = strings.Cut(strings.TrimSpace(command), "  #")
				out = append(out, page+": "+strings.TrimSpace(command))
			}
		}
	}
	return out
}
