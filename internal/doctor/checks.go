package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// need is what a check cannot run without.
type need int

const (
	needAWS      need = 1 << iota // credentials of the environment's account
	needGoogle                    // credentials, and a visible project
	needFunction                  // a deployed function
)

// check is one row of the table.
type check struct {
	id, title string
	about     string // what is checked, for people
	needs     need
	look      func(context.Context, *examination) finding
}

// checks is the table, in the order in which people read it.
func checks() []check {
	return []check{
		{"go", "Go", "the version that go.mod requires; it compiles the stacks, the program and the function", 0, lookGo},
		{"node", "Node.js", "20 or newer, for the CDK", 0, lookNode},
		{"npm", "npm", "installed; it installs the CDK command line", 0, lookNPM},
		{"cdk", "CDK command line", "installed by `npm ci`, at the version that package-lock.json pins", 0, lookCDK},
		{"pulumi", "Pulumi command line", "recent enough for the program, or downloaded or compiled when it is needed", 0, lookPulumi},
		{"pulumi-language-go", "Pulumi's Go language host", "Pulumi's own, or this repository's stand-in", 0, lookGoHost},
		{"pulumi-gcp", "Pulumi's Google Cloud plugin", "the real plugin, installed or to be downloaded by Pulumi, or the stand-in in local clouds", 0, lookGCP},

		{"aws-credentials", "AWS credentials", "found, and accepted by AWS", 0, lookAWSCredentials},
		{"aws-account", "AWS account", "they belong to the environment's account", 0, lookAWSAccount},
		{"aws-region", "AWS region", "the region answers, and the account has enabled it", 0, lookAWSRegion},
		{"google-credentials", "Google credentials", "found, and accepted by Google", 0, lookGoogleCredentials},
		{"google-project", "Google Cloud project", "it exists, is active, and is visible to you", 0, lookGoogleProject},
		{"google-apis", "Google APIs", "the APIs that the federation and the copy need are enabled; `pulumi up` enables what is missing", needGoogle, lookAPIs},
		{"policy-aws-accounts", "organization policy: AWS accounts", "`iam.workloadIdentityPoolAwsAccounts` allows the account", needGoogle, lookPolicyAccounts},
		{"policy-providers", "organization policy: providers", "`iam.workloadIdentityPoolProviders` allows `https://sts.amazonaws.com`", needGoogle, lookPolicyProviders},
		{"policy-lifetime", "organization policy: token lifetime", "`iam.allowServiceAccountCredentialLifetimeExtension` names the service account, if tokens live longer than an hour", needGoogle, lookPolicyLifetime},
		{"policy-accounts", "organization policy: service accounts", "`iam.disableServiceAccountCreation` does not stop the service account, if there is none yet", needGoogle, lookPolicyAccountCreation},
		{"policy-members", "organization policy: members", "domain-restricted sharing, `iam.allowedPolicyMemberDomains`, lets roles be granted to the pool and the service account, if they are not yet", needGoogle, lookPolicyMembers},

		{"subject", "length of google.subject", "the session's ARN, made of the names of role and function, has at most 127 bytes", 0, lookSubject},
		{"source-bucket", "source bucket", "it exists; with `directAccess` it has uniform bucket-level access; if its requesters pay, `billingProject` is set", needGoogle, lookSourceBucket},
		{"object", "object", "the object that is copied if an event names none exists", needGoogle, lookObject},
		{"destination-bucket", "destination bucket", "it exists, in the environment's region", needAWS, lookDestinationBucket},
		{"jobs-bucket", "jobs bucket", "with `bulk`, the bucket of the jobs exists, in the environment's region", needAWS, lookJobsBucket},
		{"encryption", "default encryption", "if the destination bucket has a KMS key of its own, `kmsKey` names it, without which the role cannot use it", needAWS, lookEncryption},
		{"uploads", "incomplete uploads", "a lifecycle rule of the destination bucket aborts them; none of the function's is older than a day", needAWS, lookUploads},

		{"role", "role", "the name is free, or belongs to this environment", needAWS, lookRole},
		{"function", "function", "the name is free, or belongs to this environment", needAWS, lookFunction},
		{"log-group", "log group", "the name is free, or the log group can be taken over", needAWS, lookLogGroup},
		{"queue", "dead-letter queue", "the name is free, or the queue belongs to the function's stack", needAWS, lookQueue},
		{"schedule", "schedule", "the same for the schedule", needAWS, lookSchedule},
		{"service-account", "service account", "the name is free, or belongs to this environment; it is not disabled", needGoogle, lookServiceAccount},
		{"pool", "workload identity pool", "the id is free, or belongs to this environment, active or deleted; it is not disabled", needGoogle, lookPool},
		{"provider", "provider", "the same for the provider", needGoogle, lookProvider},

		{"topics", "topics and subscriptions", "with `events`, their names are free, or belong to this environment", needGoogle, lookTopics},
		{"notification", "bucket notification", "with `events`, the source bucket notifies the topic, or has room for a notification", needGoogle, lookNotification},

		{"stacks", "names of the stacks", "the names are free, or the stacks belong to this environment", needAWS, lookStacks},
		{"bootstrap", "CDK bootstrap", "the account's region is bootstrapped for the CDK, by a recent enough version", needAWS, lookBootstrap},
		{"role-stack", "stack of the role", "no operation is in progress, and it is not stuck in a failed state", needAWS, lookRoleStack},
		{"function-stack", "stack of the function", "the same for the function's stack", needAWS, lookFunctionStack},

		{"configuration", "local credential configuration", "the file that `pulumi up` wrote belongs to this environment", needGoogle, lookConfiguration},
		{"bundle", "deployed credential configuration", "the file in the deployed bundle is the same", needAWS | needFunction, lookBundle},
		{"function-settings", "function's settings", "variables, timeout, memory and architecture are those of the environment", needAWS | needFunction, lookFunctionSettings},
		{"function-role", "function's role", "it runs as the environment's role, which exists and which Lambda can assume", needAWS | needFunction, lookFunctionRole},
		{"trust", "provider admits the role", "the provider's account, mapping and condition admit the role", needGoogle, lookTrust},
		{"binding", "role can impersonate the service account", "the service account's policy allows the role's sessions to impersonate it", needGoogle, lookBinding},
		{"viewer", "service account can read", "the policy of the bucket or the project allows it", needGoogle, lookViewer},
		{"writer", "role can write", "the role's policies allow it to write to the destination", needAWS, lookWriter},
	}
}

// finding is what a check found.
type finding struct {
	status     Status
	seen, hint string
}

func good(format string, args ...any) finding {
	return finding{status: OK, seen: fmt.Sprintf(format, args...)}
}

func skip(format string, args ...any) finding {
	return finding{status: Skipped, seen: fmt.Sprintf(format, args...)}
}

// notDeployed is the finding of checks of deployed things before a deployment.
func notDeployed() finding { return skip("not deployed yet") }

// wrong is an error; hint says how to fix it.
func wrong(hint, format string, args ...any) finding {
	return finding{Error, fmt.Sprintf(format, args...), hint}
}

func warn(hint, format string, args ...any) finding {
	return finding{Warning, fmt.Sprintf(format, args...), hint}
}

// make runs a check, if what it needs is there.
func (e *examination) make(ctx context.Context, c check) finding {
	if c.needs&needAWS != 0 {
		if !e.identity(ctx).There() {
			return e.withoutAWS(ctx)
		}
		if f := lookAWSAccount(ctx, e); f.status == Error {
			return skip("your AWS credentials are for another account")
		}
	}
	if c.needs&needGoogle != 0 {
		if f := lookGoogleCredentials(ctx, e); f.status == Error {
			return skip("there are no Google credentials")
		}
		if f := lookGoogleProject(ctx, e); f.status == Error {
			return skip("the project cannot be seen")
		}
	}
	if c.needs&needFunction != 0 {
		if function := e.function(ctx); !function.There() {
			return undeployed(function)
		}
	}
	return c.look(ctx, e)
}

// undeployed is the finding about something that is absent, or deleted, or cannot be
// seen.
func undeployed[T any](answer clouds.Answer[T]) finding {
	if answer.Absent() || answer.There() {
		return notDeployed()
	}
	return unseen(answer.Err())
}

// unseen is what cannot be seen: skipped without a permission or before an API of the
// project is enabled, and an error otherwise.
func unseen(err error) finding {
	var u *clouds.Unseen
	switch {
	case !errors.As(err, &u):
		return wrong("try again; --json has the whole message", "cannot be seen: %v", err)
	case u.Reason == clouds.Denied, u.Reason == clouds.APIDisabled && !u.Foreign:
		return skip("%s", u.Why())
	case u.Hint() != "":
		return wrong(u.Hint(), "cannot be seen: %s", u.Why())
	}
	return wrong("try again; --json has the whole message", "cannot be seen: %s", u.Why())
}

// because is the reason that something cannot be seen.
func because(err error) *clouds.Unseen {
	var u *clouds.Unseen
	if !errors.As(err, &u) {
		return &clouds.Unseen{}
	}
	return u
}
