package verify

import "github.com/gcs-to-s3/gcs-to-s3/internal/invocation"

import "strings"

// asking is what can be asked of the clouds about a failure.
type asking int

const (
	askNothing   asking = iota
	askPasses           // nothing: the service says that this is temporary
	askProvider         // the pool, the provider and what they trust
	askBinding          // the service account and its policy
	askRequest          // the service account, its policy, and whether its tokens may live so long
	askViewer           // the bucket's and the project's policy
	askVariables        // whether the role is newer than the function
	askWriter           // the role's policies
	askTrust            // the role's trust policy
	askAPI              // whether the API of the hop is enabled
	askAccount          // which account the AWS credentials belong to
)

// symptom is a row of the table: how a failure shows itself, and what may cause it.
type symptom struct {
	hop    string
	status int    // 0 is any
	code   string // empty is any
	part   string // of the message; empty is any
	asks   asking
	causes []string // ids, the likeliest first
}

func (s symptom) matches(p problem) bool {
	return s.hop == p.hop && (s.status == 0 || s.status == p.status) && (s.code == "" || s.code == p.code) && strings.Contains(p.message, s.part)
}

// Parts of messages that public reports or the documentation show. No row depends on
// other words: where they are not known, status and code decide, and the clouds are asked.
const (
	apiOff      = "has not been used in project"       // "Enable and disable services" (Service Usage documentation)
	awsRefused  = "Received invalid AWS response"      // googleapis/google-api-dotnet-client, issue 2250
	longSubject = "google.subject exceeds"             // "Troubleshoot Workload Identity Federation" (IAM documentation)
	quotaUsed   = "permission to use project"          // google-github-actions/auth, issue 250
	perimeter   = "vpcServiceControlsUniqueIdentifier" // "Troubleshoot common issues" (VPC Service Controls documentation)
)

// symptoms is the table. The first row that matches counts; the last of every hop
// matches all.
var symptoms = []symptom{
	{HopSource, 401, "", "", askNothing, []string{"google-login"}},
	{HopSource, 0, codeCredentials, "", askNothing, []string{"google-login"}},
	{HopSource, 403, "", "requires a quota project", askNothing, []string{"quota-missing"}},
	{HopSource, 403, "", quotaUsed, askNothing, []string{"quota-denied"}},
	{HopSource, 403, "accountDisabled", "", askNothing, []string{"billing"}},
	{HopSource, 403, "", perimeter, askNothing, []string{"perimeter"}},
	{HopSource, 403, "", apiOff, askAPI, []string{"storage-api", "quota-api", "not-yet"}},
	{HopSource, 403, "", "", askNothing, []string{"put-denied", "google-login", "perimeter"}},
	{HopSource, 404, "", "No such object", askNothing, []string{"object-missing"}},
	{HopSource, 404, "", "", askNothing, []string{"source-bucket"}},
	{HopSource, 429, "", "", askNothing, []string{"gcs-busy"}},
	{HopSource, 503, "", "", askNothing, []string{"gcs-busy"}},
	{HopSource, 0, "", "", askNothing, []string{"unknown"}},

	{HopFunction, 404, "ResourceNotFoundException", "", askAccount, []string{"not-deployed", "aws-account"}},
	{HopFunction, 403, "AccessDeniedException", "cannot be assumed by Lambda", askTrust, []string{"role-missing", "role-trust", "not-yet"}},
	{HopFunction, 403, "AccessDeniedException", "", askAccount, []string{"invoke-denied", "aws-account"}},
	{HopFunction, 0, "ExpiredTokenException", "", askNothing, []string{"aws-login"}},
	{HopFunction, 0, "IncompleteSignatureException", "", askNothing, []string{"aws-login"}},
	{HopFunction, 0, "UnrecognizedClientException", "", askNothing, []string{"aws-login", "aws-account"}},
	{HopFunction, 0, "InvalidSignatureException", "", askNothing, []string{"aws-login"}},
	{HopFunction, 0, codeCredentials, "", askNothing, []string{"aws-login"}},
	{HopFunction, 0, "KMSAccessDeniedException", "", askVariables, []string{"variables-grant", "variables-key"}},
	{HopFunction, 0, "KMSDisabledException", "", askNothing, []string{"variables-key"}},
	{HopFunction, 429, "", "", askPasses, []string{"lambda-busy"}},
	{HopFunction, 503, "", "", askPasses, []string{"lambda-busy"}},
	{HopFunction, 200, "Sandbox.Timedout", "", askNothing, []string{"timeout", "no-route"}},
	{HopFunction, 200, "Runtime.ExitError", "", askNothing, []string{"did-not-start"}},
	{HopFunction, 200, "Runtime.InvalidEntrypoint", "", askNothing, []string{"did-not-start"}},
	{HopFunction, 200, codeNoTrace, "", askNothing, []string{"old-function"}},
	{HopFunction, 0, "", "", askNothing, []string{"unknown"}},

	{invocation.HopSession, 403, "InvalidClientTokenId", "", askNothing, []string{"role-remade", "role-missing"}},
	{invocation.HopSession, 403, "ExpiredToken", "", askNothing, []string{"role-remade"}},
	{invocation.HopSession, 0, "", "", askNothing, []string{"no-sts-route", "role-remade"}},

	{invocation.HopPrincipal, 400, "invalid_target", "", askProvider, []string{"provider-disabled", "pool-disabled", "provider-deleted", "pool-deleted", "provider-missing", "pool-missing", "other-configuration", "not-yet"}},
	{invocation.HopPrincipal, 400, "unauthorized_client", "", askProvider, []string{"provider-condition", "other-role", "provider-mapping", "provider-account", "other-configuration", "not-yet"}},
	{invocation.HopPrincipal, 400, "invalid_grant", awsRefused, askNothing, []string{"aws-refused"}},
	{invocation.HopPrincipal, 400, "invalid_request", longSubject, askNothing, []string{"subject"}},
	{invocation.HopPrincipal, 400, "invalid_request", "", askNothing, []string{"other-configuration", "subject"}},
	{invocation.HopPrincipal, 400, "", "", askProvider, []string{"provider-account", "provider-mapping", "aws-refused", "other-configuration", "not-yet"}},
	{invocation.HopPrincipal, 403, "", apiOff, askAPI, []string{"sts-api", "not-yet"}},
	{invocation.HopPrincipal, 429, "", "", askPasses, []string{"sts-quota"}},
	{invocation.HopPrincipal, 503, "", "", askPasses, []string{"unknown"}},
	{invocation.HopPrincipal, 0, "", "answered", askNothing, []string{"unknown"}},
	{invocation.HopPrincipal, 0, "", "", askNothing, []string{"no-route", "unknown"}},

	{invocation.HopAccount, 403, "", apiOff, askAPI, []string{"credentials-api", "not-yet"}},
	{invocation.HopAccount, 403, "", quotaUsed, askNothing, []string{"other-configuration"}},
	{invocation.HopAccount, 403, "", perimeter, askNothing, []string{"perimeter"}},
	{invocation.HopAccount, 403, "", "", askBinding, []string{"binding-missing", "binding-other", "binding-deleted", "account-missing", "account-disabled", "other-configuration", "not-yet", "deny-policy", "perimeter"}},
	{invocation.HopAccount, 404, "", "", askBinding, []string{"account-missing", "other-configuration"}},
	{invocation.HopAccount, 400, "INVALID_ARGUMENT", "", askRequest, []string{"lifetime", "other-configuration", "account-disabled"}},
	{invocation.HopAccount, 400, "", "", askBinding, []string{"account-disabled", "account-missing", "other-configuration", "not-yet"}},
	{invocation.HopAccount, 401, "", "", askBinding, []string{"account-disabled", "account-missing", "not-yet"}},
	{invocation.HopAccount, 429, "", "", askPasses, []string{"credentials-quota"}},
	{invocation.HopAccount, 503, "", "", askPasses, []string{"unknown"}},
	{invocation.HopAccount, 0, "", "answered", askNothing, []string{"unknown"}},
	{invocation.HopAccount, 0, "", "", askNothing, []string{"no-route", "unknown"}},

	{invocation.HopRead, 403, "", "KMS", askNothing, []string{"gcs-kms"}},
	{invocation.HopRead, 400, "", "KMS", askNothing, []string{"gcs-kms"}},
	{invocation.HopRead, 403, "", apiOff, askAPI, []string{"storage-api", "not-yet"}},
	{invocation.HopRead, 403, "AccountProblem", "", askNothing, []string{"billing"}},
	{invocation.HopRead, 403, "UserProjectAccountProblem", "", askNothing, []string{"billing", "payer-denied"}},
	{invocation.HopRead, 403, "UserProjectAccessDenied", "", askNothing, []string{"payer-denied"}},
	{invocation.HopRead, 400, "UserProjectMissing", "", askNothing, []string{"payer-missing"}},
	{invocation.HopRead, 403, "SecurityPolicyViolated", "", askNothing, []string{"perimeter"}},
	{invocation.HopRead, 403, "", perimeter, askNothing, []string{"perimeter"}},
	{invocation.HopRead, 403, "", "", askViewer, []string{"viewer-missing", "viewer-deleted", "viewer-condition", "not-yet", "deny-policy", "perimeter"}},
	{invocation.HopRead, 401, "", "", askBinding, []string{"account-disabled", "account-missing", "not-yet"}},
	{invocation.HopRead, 404, "NoSuchBucket", "", askNothing, []string{"source-bucket"}},
	{invocation.HopRead, 404, "", "", askNothing, []string{"object-missing"}},
	{invocation.HopRead, 429, "", "", askPasses, []string{"gcs-busy"}},
	{invocation.HopRead, 503, "", "", askPasses, []string{"gcs-busy"}},
	{invocation.HopRead, 0, "", "deadline is near", askNothing, []string{"timeout", "gcs-busy"}},
	{invocation.HopRead, 0, "", "", askNothing, []string{"no-route", "gcs-busy", "unknown"}},

	{invocation.HopWritten, 403, "", "kms:", askNothing, []string{"aws-kms"}},
	{invocation.HopWritten, 400, "KMS.DisabledException", "", askNothing, []string{"aws-kms-state"}},
	{invocation.HopWritten, 400, "KMS.KMSInvalidStateException", "", askNothing, []string{"aws-kms-state"}},
	{invocation.HopWritten, 400, "KMS.NotFoundException", "", askNothing, []string{"aws-kms-state"}},
	{invocation.HopWritten, 403, "", "resource-based policy", askNothing, []string{"bucket-policy"}},
	{invocation.HopWritten, 403, "", "", askWriter, []string{"role-policy", "role-boundary", "bucket-policy", "aws-kms", "not-yet"}},
	{invocation.HopWritten, 404, "NoSuchBucket", "", askNothing, []string{"destination-bucket"}},
	{invocation.HopWritten, 301, "", "", askNothing, []string{"destination-region"}},
	{invocation.HopWritten, 400, "", "region", askNothing, []string{"destination-region"}},
	{invocation.HopWritten, 503, "", "", askPasses, []string{"s3-busy"}},
	{invocation.HopWritten, 0, "", "deadline is near", askNothing, []string{"timeout", "s3-busy"}},
	{invocation.HopWritten, 0, "", "", askNothing, []string{"no-route", "s3-busy", "unknown"}},

	{HopChecked, 403, "", "", askNothing, []string{"read-copy-denied", "aws-kms"}},
	{HopChecked, 404, "", "", askNothing, []string{"copy-gone"}},
	{HopChecked, 0, codeMismatch, "", askNothing, []string{"copy-differs"}},
	{HopChecked, 0, "", "", askNothing, []string{"aws-login", "unknown"}},

	{HopRemoved, 403, "", "", askNothing, []string{"read-copy-denied", "put-denied"}},
	{HopRemoved, 0, "", "", askNothing, []string{"google-login", "aws-login", "unknown"}},
}
