package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	"google.golang.org/api/googleapi"
)

// need is what a check cannot be made without.
type need int

const (
	needAWS      need = 1 << iota // credentials of the environment's account
	needGoogle                    // credentials, and a project that can be seen
	needFunction                  // a deployed function
)

// check is one row of the table.
type check struct {
	id, title string
	needs     need
	look      func(context.Context, *examination) finding
}

// checks is the table, in the order in which people read it.
func checks() []check {
	return []check{
		{"go", "Go", 0, lookGo},
		{"node", "Node.js", 0, lookNode},
		{"npm", "npm", 0, lookNPM},
		{"cdk", "CDK command line", 0, lookCDK},
		{"pulumi", "Pulumi command line", 0, lookPulumi},
		{"pulumi-language-go", "Pulumi's Go language host", 0, lookGoHost},
		{"pulumi-gcp", "Pulumi's Google Cloud plugin", 0, lookGCP},

		{"aws-credentials", "AWS credentials", 0, lookAWSCredentials},
		{"aws-account", "AWS account", 0, lookAWSAccount},
		{"aws-region", "AWS region", needAWS, lookAWSRegion},
		{"google-credentials", "Google credentials", 0, lookGoogleCredentials},
		{"google-project", "Google Cloud project", 0, lookGoogleProject},
		{"google-apis", "Google APIs", needGoogle, lookAPIs},
		{"policy-aws-accounts", "organization policy: AWS accounts", needGoogle, lookPolicyAccounts},
		{"policy-providers", "organization policy: providers", needGoogle, lookPolicyProviders},
		{"policy-lifetime", "organization policy: token lifetime", needGoogle, lookPolicyLifetime},

		{"subject", "names fit into google.subject", 0, lookSubject},
		{"source-bucket", "source bucket", needGoogle, lookSourceBucket},
		{"object", "object", needGoogle, lookObject},
		{"destination-bucket", "destination bucket", needAWS, lookDestinationBucket},

		{"role", "role", needAWS, lookRole},
		{"function", "function", needAWS, lookFunction},
		{"service-account", "service account", needGoogle, lookServiceAccount},
		{"pool", "workload identity pool", needGoogle, lookPool},
		{"provider", "provider", needGoogle, lookProvider},

		{"bootstrap", "CDK bootstrap", needAWS, lookBootstrap},
		{"role-stack", "stack of the role", needAWS, lookRoleStack},
		{"function-stack", "stack of the function", needAWS, lookFunctionStack},

		{"configuration", "credential configuration here", needGoogle, lookConfiguration},
		{"bundle", "credential configuration in the bundle", needAWS | needFunction, lookBundle},
		{"function-settings", "function's settings", needAWS | needFunction, lookFunctionSettings},
		{"function-role", "function's role", needAWS | needFunction, lookFunctionRole},
		{"trust", "provider admits the role", needGoogle, lookTrust},
		{"binding", "role may become the service account", needGoogle, lookBinding},
		{"viewer", "service account may read", needGoogle, lookViewer},
		{"writer", "role may write", needAWS, lookWriter},
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

// notDeployed is what checks of deployed things say before.
func notDeployed() finding { return skip("not deployed yet") }

// wrong is an error that hint says how to mend.
func wrong(hint, format string, args ...any) finding {
	return finding{Error, fmt.Sprintf(format, args...), hint}
}

func warn(hint, format string, args ...any) finding {
	return finding{Warning, fmt.Sprintf(format, args...), hint}
}

// make makes a check, if what it needs is there.
func (e *examination) make(ctx context.Context, c check) finding {
	if c.needs&needAWS != 0 {
		if _, err := e.identity(ctx); err != nil {
			return skip("there are no AWS credentials")
		}
		if f := lookAWSAccount(ctx, e); f.status == Error {
			return skip("your AWS credentials are of another account")
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
		if _, err := e.function(ctx); isMissing(err) {
			return notDeployed()
		} else if err != nil {
			return unseen(err)
		}
	}
	return c.look(ctx, e)
}

// unseen is what could not be looked at, for want of a right or an API; anything
// else that went wrong is an error.
func unseen(err error) finding {
	var google *googleapi.Error
	var aws smithy.APIError
	switch {
	case apiOff(err):
		return skip("the API is not enabled yet: %s", brief(err))
	case errors.As(err, &google) && google.Code == http.StatusForbidden:
		return skip("you may not look: %s", brief(err))
	case errors.As(err, &aws) && strings.HasPrefix(aws.ErrorCode(), "AccessDenied"):
		return skip("you may not look: %s", brief(err))
	}
	return wrong("try again; --json has the whole message", "cannot be looked at: %s", brief(err))
}

// apiOff tells whether an error says that an API is not enabled in the project.
func apiOff(err error) bool {
	var google *googleapi.Error
	return errors.As(err, &google) && google.Code == http.StatusForbidden && strings.Contains(google.Message, "has not been used in project")
}

// brief is what an answer says, without what clients put round it.
func brief(err error) string {
	var google *googleapi.Error
	var aws smithy.APIError
	switch {
	case errors.As(err, &google) && google.Message != "":
		text, _, _ := strings.Cut(google.Message, " Enable it by visiting")
		return fmt.Sprintf("%d %s", google.Code, text)
	case errors.As(err, &aws):
		return aws.ErrorCode() + ": " + aws.ErrorMessage()
	}
	return err.Error()
}
