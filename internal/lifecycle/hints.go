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
	do   string // ACCOUNT, REGION, PROJECT, NAME and POOL stand for the environment's
}{
	{regexp.MustCompile(`cdk-bootstrap/|has the environment been bootstrapped|is this account bootstrapped|Please run 'cdk bootstrap'`),
		"the account's region is not prepared for the CDK: npx cdk bootstrap aws://ACCOUNT/REGION"},
	{regexp.MustCompile(`no credentials have been configured|Unable to resolve AWS account|Need to perform AWS calls for account|could not be used to assume|ExpiredToken|security token included in the request`),
		"aws sts get-caller-identity shows whether your AWS credentials are good, and of which account; the environment's is ACCOUNT"},
	{regexp.MustCompile(`could not find default credentials|invalid_grant|Reauthentication|No credentials loaded|needs an access token|invalid authentication credentials`),
		"gcloud auth application-default login renews your Google credentials"},
	{regexp.MustCompile(`incorrect passphrase|passphrase must be set`),
		"PULUMI_CONFIG_PASSPHRASE must be what it was when the stack NAME was made; it may be empty"},
	{regexp.MustCompile(`Requested entity already exists|alreadyExists|Error 409`),
		"a name is taken, maybe by something deleted less than 30 days ago: gcs-to-s3 doctor NAME says by what"},
	{regexp.MustCompile(`SERVICE_DISABLED|has not been used in project|it is disabled`),
		"an API is not enabled yet, or was just now, which takes a minute: gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com cloudresourcemanager.googleapis.com storage.googleapis.com serviceusage.googleapis.com --project PROJECT"},
	{regexp.MustCompile(`constraints/iam\.|violates constraint`),
		"an organization policy forbids it: gcs-to-s3 doctor NAME says which"},
	{regexp.MustCompile(`QueueDeletedRecently`),
		"the name of a deleted queue stays taken for a minute; wait, and run it again"},
	{regexp.MustCompile(`(?i)RESOURCE_EXHAUSTED|Resource has been exhausted|quota exceeded|rateLimitExceeded|Throttling|rate exceeded|TooManyRequests|Error 429`),
		"a quota is used up for now; wait a minute and run it again"},
	{regexp.MustCompile(`Error 403|PERMISSION_DENIED|AccessDenied|is not authorized to perform`),
		"your own rights do not suffice: the message names the permission that is missing"},
	{regexp.MustCompile(`no language plugin|failed to load language plugin|no resource plugin|could not download plugin|plugin .* not found`),
		"Pulumi lacks a plugin: pulumi plugin install resource gcp 7.38.0; pulumi-language-go comes with Pulumi's own installation"},
	{regexp.MustCompile(`PULUMI_ACCESS_TOKEN|pulumi login`),
		"Pulumi is told by Pulumi.yaml or PULUMI_BACKEND_URL where its state is; pulumi whoami -v shows it"},
	{regexp.MustCompile(`_FAILED state and can not be updated`),
		"the stack stands in a state that CloudFormation cannot leave by itself: the console shows which resource; gcs-to-s3 down NAME takes it away"},
}

// hint returns the advice for an error, or an empty string.
func hint(err error, env environment.Environment) string {
	var locked *engine.LockedError
	if errors.As(err, &locked) {
		return fmt.Sprintf("wait for it to end. If you know that it has: pulumi cancel --stack %s", env.Name)
	}
	text := err.Error() + engine.Printed(err)
	for _, h := range hints {
		if h.says.MatchString(text) {
			return strings.NewReplacer("ACCOUNT", env.AWSAccount, "REGION", env.AWSRegion, "PROJECT", env.GoogleProject, "NAME", env.Name).Replace(h.do)
		}
	}
	return ""
}
