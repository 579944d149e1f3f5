package lifecycle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// setCode gives the environment's functions the code of their stack again where it was
// changed outside of it. No deployment does: the CDK sees the same bundle, and what Lambda
// tells CloudFormation of a function has no code (believed of drift-aware change sets).
func (l Lifecycle) setCode(ctx context.Context) error {
	cfg, client := l.Clouds.AWS, lambda.NewFromConfig(l.Clouds.AWS)
	template := clouds.StackTemplate(ctx, cfg, l.Env.FunctionStack())
	if !template.There() {
		return template.Err()
	}
	read, err := ownership.ReadTemplate([]byte(template.Thing))
	if err != nil {
		return fmt.Errorf("reading the template of the stack %s: %w", l.Env.FunctionStack(), err)
	}
	slices.Sort(read.Bundles)
	bundles := slices.Compact(read.Bundles) // all of its functions have one
	if len(bundles) != 1 {
		return nil
	}
	bucket := clouds.AssetBucket(l.Env, cmp.Or(read.Qualifier, clouds.DefaultQualifier))
	bundle := clouds.S3Object(ctx, cfg, bucket, bundles[0], clouds.MaxBundle)
	if !bundle.There() { // it is not kept for ever
		return bundle.Err()
	}
	sum := sha256.Sum256(bundle.Thing)
	for _, name := range l.Env.Functions() {
		function := clouds.Function(ctx, cfg, name)
		if !function.There() {
			return function.Err()
		}
		if aws.ToString(function.Thing.Configuration.CodeSha256) == base64.StdEncoding.EncodeToString(sum[:]) {
			continue
		}
		l.Progress.Say("giving the function " + name + " the code of its stack again")
		_, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: &name, S3Bucket: &bucket, S3Key: &bundles[0]})
		if err == nil {
			err = updated(ctx, client, name)
		}
		if err != nil {
			return fmt.Errorf("giving the function %s the code of its stack again: %w", name, err)
		}
	}
	return nil
}

// updated waits until an update of a function is done.
func updated(ctx context.Context, client *lambda.Client, name string) error {
	return lambda.NewFunctionUpdatedV2Waiter(client, func(o *lambda.FunctionUpdatedV2WaiterOptions) { o.MinDelay = soon }).
		Wait(ctx, &lambda.GetFunctionInput{FunctionName: &name}, updating)
}
