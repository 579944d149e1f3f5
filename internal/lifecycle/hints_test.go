package lifecycle

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// TestHints uses messages actually seen from the tools and clouds.
func TestHints(t *testing.T) {
	t.Parallel()
	env, err := environment.Parse("pr-7", map[string]string{"awsAccount": "123456789012", "googleProject": "my-project"})
	if err != nil {
		t.Fatal(err)
	}
	for says, want := range map[string]string{
		"SSM parameter /cdk-bootstrap/hnb659fds/version not found. Has the environment been bootstrapped? Please run 'cdk bootstrap'": "npx cdk bootstrap aws://123456789012/ap-northeast-1",
		"Need to perform AWS calls for account 123456789012, but no credentials have been configured":                                 "the environment's is 123456789012",
		"google: could not find default credentials. See https://cloud.google.com/docs/authentication/external/set-up-adc":            "gcloud auth application-default login",
		"error: incorrect passphrase":                "when the stack pr-7 was created",
		"Error 409: Requested entity already exists": "`gcs-to-s3 doctor pr-7` says by which",
		"Error 403: Identity and Access Management (IAM) API has not been used in project 1 before or it is disabled.":                                                "gcloud services enable iam.googleapis.com",
		"Error 400: Precondition check failed: Org Policy violated for value: 'constraints/iam.workloadIdentityPoolProviders'":                                        "an organization policy forbids it",
		"Error 403: Caller does not have required permission to use project theirs. Grant the caller the roles/serviceusage.serviceUsageConsumer role":                "set-quota-project my-project",
		"googleapi: Error 403: The billing account for the owning project is disabled in state absent, accountDisabled":                                               "gcloud billing projects describe my-project",
		"IncompleteSignature: 'AKIA/20200122/us-east-1/sts/aws4_request' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256'": "has a blank or a line break",
		"googleapi: Error 400: Identity Pool does not exist (projects/1/locations/global/workloadIdentityPools/p). Please check, badRequest":                          "`gcs-to-s3 doctor pr-7` says what is there",
		"error: Error 429: Resource has been exhausted (e.g. check quota).":                                                                                           "wait a minute",
		"Rate Exceeded. (Service: Lambda, Status Code: 429)":                                                                                                          "wait a minute",
		"User: arn:aws:iam::1:user/a is not authorized to perform: sts:AssumeRole":                                                                                    "you lack a permission",
		"error: failed to load language plugin go: no pulumi-language-go plugin":                                                                                      "a Pulumi plugin is missing",
		"gcs-to-s3-dev-role is in UPDATE_ROLLBACK_FAILED state and can not be updated":                                                                                "`gcs-to-s3 down pr-7` removes the stack",
		"You must wait 60 seconds after deleting a queue before you can create another with the same name. (QueueDeletedRecently)":                                    "wait, and run the command again",
		"warning: using pulumi-language-go from $PATH at /bin\nerror: update failed":                                                                                  "",
		"Cannot delete entity, must detach all policies first. (Service: Iam, Status Code: 409)":                                                                      "--role-name gcs-to-s3-role` lists it",
		"error: inputs to import do not match the existing resource":                                                                                                  "`gcs-to-s3 adopt pr-7` takes it over",
	} {
		got := hint(fmt.Errorf("step: %w", &engine.Error{Command: "x", Output: says, Err: errors.New("exit status 1")}), env)
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("to %q the hint is %q, want %q", says, got, want)
		}
	}
	locked := &engine.LockedError{Lock: engine.Lock{User: "alice", Host: "h", PID: 1}, Err: errors.New("x")}
	if got := hint(locked, env); !strings.HasPrefix(
		got,
		"wait until it has finished; if it is not running any more, run `pulumi cancel --stack pr-7`, or pass --unlock-after",
	) {
		t.Errorf("to a lock the hint is %q", got)
	}
}
