// Package clouds is both clouds as the command line sees them, with the credentials of
// a person's shell: the pair of clients, the names of an environment's resources, and
// questions about them. A question has three answers: the thing is there, it is absent,
// or it cannot be seen, with the reason. No other package decides which of the three an
// error means.
//
// It deploys nothing: that is what cdk and pulumi do. Endpoints of AWS come from the AWS
// SDK's own variables, those of Google from the environment's gcp: entries, which
// Pulumi's plugin reads too.
package clouds

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// OpenAWS is the configuration of AWS's clients, in the environment's region, with
// the SDK's default credentials: variables, profile, single sign-on, role. What the SDK
// warns of is not printed: it retries by itself, and what fails in the end is an error.
// The code of a profile's MFA device is asked for at once.
func OpenAWS(ctx context.Context, env environment.Environment) (aws.Config, error) {
	mfa, shared := ctx.Value(mfaKey{}).(*MFA)
	if !shared {
		mfa = &MFA{}
	}
	cfg, err := mfa.load(ctx, config.WithRegion(env.AWSRegion), config.WithLogger(logging.Nop{}))
	if err != nil {
		return aws.Config{}, fmt.Errorf("loading AWS credentials: %w", err)
	}
	return cfg, nil
}

// CheckAccount checks that the credentials are of the environment's account: in
// another one nothing of it would be found, and nothing seem to be left.
func CheckAccount(ctx context.Context, cfg aws.Config, env environment.Environment) error {
	who := Identity(ctx, cfg)
	var unseen *Unseen
	if errors.As(who.Err(), &unseen) {
		if unseen.Reason == RegionOff {
			return fmt.Errorf(
				"awsRegion: %q: must be a region that the account has enabled: %s; hint: %s",
				unseen.Region,
				unseen.Why(),
				unseen.Hint(),
			)
		}
		return fmt.Errorf(
			"asking AWS whose credentials these are: %w; hint: `aws sts get-caller-identity` must work in this shell; `aws configure`, `aws sso login` or AWS_PROFILE give it credentials",
			unseen.err,
		)
	}
	if account := aws.ToString(who.Thing.Account); account != env.AWSAccount {
		return fmt.Errorf(
			"awsAccount: %q: must be the account of your AWS credentials, which is %s (%s); hint: choose other credentials, with AWS_PROFILE for example, or another environment",
			env.AWSAccount,
			account,
			aws.ToString(who.Thing.Arn),
		)
	}
	return nil
}

// DefaultQualifier is in the names of what a CDK bootstrap makes, unless the CDK is told
// another: AWS CDK Developer Guide, "Customize AWS CDK bootstrapping".
const DefaultQualifier = "hnb659fds"

// BootstrapVersion is the parameter that holds the version of a bootstrap: AWS CDK
// Developer Guide, "AWS CDK bootstrapping".
func BootstrapVersion(qualifier string) string { return "/cdk-bootstrap/" + qualifier + "/version" }

// AssetBucket is where the CDK puts the templates and bundles of an environment.
func AssetBucket(env environment.Environment, qualifier string) string {
	return fmt.Sprintf("cdk-%s-assets-%s-%s", qualifier, env.AWSAccount, env.AWSRegion)
}
