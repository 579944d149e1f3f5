package lifecycle

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// hints advise on common failures, matched by the command's output.
var hints = []struct {
	says *regexp.Regexp
	do   string // ACCOUNT, REGION, PROJECT, NAME and ROLE stand for the environment's
}{
	{regexp.MustCompile(`cdk-bootstrap/|has the environment been bootstrapped|is this account bootstrapped|Please run 'cdk bootstrap'`),
		"the account's region is not bootstrapped for the CDK: `npx cdk bootstrap aws://ACCOUNT/REGION`"},
	{regexp.MustCompile(`no credentials have been configured|Unable to resolve AWS account|Need to perform AWS calls for account|could not be used to assume|ExpiredToken|security token included in the request`),
		"run `aws sts get-caller-identity` to check that your AWS credentials are valid and for which account; the environment's is ACCOUNT"},
	{regexp.MustCompile(`could not find default credentials|invalid_grant|Reauthentication|No credentials loaded|needs an access token|invalid authentication credentials`),
		"`gcloud auth application-default login` renews your Google credentials"},
	{regexp.MustCompile(`incorrect passphrase|passphrase must be set`),
		"PULUMI_CONFIG_PASSPHRASE must be the same as when the stack NAME was created; it can be empty"},
	{regexp.MustCompile(`Requested entity already exists|alreadyExists|Error 409`),
		"a name is taken, possibly by a resource deleted less than 30 days ago: `gcs-to-s3 doctor NAME` says by which"},
	{regexp.MustCompile(`USER_PROJECT_DENIED|permission to use project`),
		"your Google credentials name a quota project that you are not allowed to use: `gcloud auth application-default set-quota-project PROJECT`"},
	{regexp.MustCompile(`accountDisabled|BILLING_DISABLED|[Bb]illing account .* is disabled`),
		"the project has no billing account: `gcloud billing projects describe PROJECT`"},
	{regexp.MustCompile(`IncompleteSignature|not a valid key=value pair`),
		"the AWS access key id has a blank or a line break in it: check AWS_ACCESS_KEY_ID and ~/.aws/credentials"},
	{regexp.MustCompile(`Identity Pool does not exist`),
		"a grant names a workload identity pool that does not exist: `gcs-to-s3 doctor NAME` says what is there; `gcs-to-s3 up NAME` makes it first"},
	{regexp.MustCompile(`inputs to import do not match the existing resource`),
		"something has the environment's mark, but was made or changed by hand: `gcs-to-s3 adopt NAME` takes it over"},
	{regexp.MustCompile(`must detach all policies first`),
		"a policy that no stack knows is attached to the role: `aws iam list-attached-role-policies --role-name ROLE` lists it, `aws iam detach-role-policy --role-name ROLE --policy-arn ARN` detaches it"},
	{regexp.MustCompile(`SERVICE_DISABLED|has not been used in project|it is disabled`),
		"an API is not enabled, or was enabled only a minute ago: `gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com cloudresourcemanager.googleapis.com storage.googleapis.com serviceusage.googleapis.com --project PROJECT`"},
	{regexp.MustCompile(`constraints/iam\.|violates constraint`),
		"an organization policy forbids it: `gcs-to-s3 doctor NAME` says which"},
	{regexp.MustCompile(`QueueDeletedRecently`),
		"the name of a deleted queue stays reserved for a minute; wait, and run the command again"},
	{regexp.MustCompile(`(?i)RESOURCE_EXHAUSTED|Resource has been exhausted|quota exceeded|rateLimitExceeded|Throttling|rate exceeded|TooManyRequests|Error 429`),
		"a quota is exceeded; wait a minute and run the command again"},
	{regexp.MustCompile(`Error 403|PERMISSION_DENIED|AccessDenied|is not authorized to perform`),
		"you lack a permission; the message names it"},
	{regexp.MustCompile(`no language plugin|failed to load language plugin|no resource plugin|could not download plugin|plugin .* not found`),
		"a Pulumi plugin is missing: run `pulumi plugin install resource gcp 7.38.0`; pulumi-language-go is part of Pulumi's installation"},
	{regexp.MustCompile(`PULUMI_ACCESS_TOKEN|pulumi login`),
		"Pulumi.yaml or PULUMI_BACKEND_URL says where the state is; `pulumi whoami -v` shows it"},
	{regexp.MustCompile(`EarlyValidation::ResourceExistenceCheck`),
		"a name that a stack needs is taken: `gcs-to-s3 doctor NAME` says by what; nothing was deployed"},
	{regexp.MustCompile(`_FAILED state and can not be updated`),
		"CloudFormation cannot update the stack from this state; the console shows which resource caused it; `gcs-to-s3 down NAME` removes the stack"},
}

// hint returns the advice for an error, or an empty string.
func hint(err error, env environment.Environment) string {
	var locked *engine.LockedError
	if errors.As(err, &locked) {
		hint := fmt.Sprintf("wait until it has finished; if it is not running any more, run `pulumi cancel --stack %s`", env.Name)
		if !locked.Lock.Here() {
			hint += ", or pass --unlock-after with an age that no operation reaches, such as 2h"
		}
		return hint
	}
	text := err.Error() + engine.Printed(err)
	for _, h := range hints {
		if h.says.MatchString(text) {
			return strings.NewReplacer(
				"ACCOUNT", env.AWSAccount, "REGION", env.AWSRegion, "PROJECT", env.GoogleProject, "NAME", env.Name, "ROLE", env.Role,
			).Replace(h.do)
		}
	}
	return ""
}
