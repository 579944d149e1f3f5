package lifecycle

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Adoptable finds what exists under the environment's names and was made by hand.
func (l Lifecycle) Adoptable(ctx context.Context) (adoption.Plan, error) {
	held, _, err := l.Pulumi.Resources(ctx)
	if err == nil {
		err = inventory.CheckRecords(l.Env, held)
	}
	if err != nil {
		return adoption.Plan{}, err
	}
	return adoption.Of(ctx, l.Clouds, l.Env)
}

// Adopt takes over what a plan has found, and creates what is missing. Both engines first
// import what exists, as it is, and then bring it to what the file says. The function works
// all the time: its role gets the environment's policies before it loses others, and its code
// and settings change one after another, so that each works with what is there. Cut off, it
// continues from a new plan.
func (l Lifecycle) Adopt(ctx context.Context, p adoption.Plan) (steps []progress.Step, err error) {
	if err := p.Err(); err != nil {
		return nil, err
	}
	a := adopting{Lifecycle: l, plan: p}
	defer func() { err = errors.Join(err, a.assembly.Close()) }()
	one := func(name string, run func(context.Context) (string, error)) []progress.Act {
		return []progress.Act{l.act(name, run)}
	}
	return l.Progress.Perform(
		ctx,
		one("pulumi up: import the federation", a.federation),
		one("cdk synth: the role and the function", a.synth),
		one("cdk import: the role, the function and its log group", a.imports),
		one("cdk deploy: the role", func(ctx context.Context) (string, error) { return l.Env.Role, a.deploy(ctx, l.Env.RoleStack()) }),
		one("hand the function over", a.handOver),
		one(
			"cdk deploy: the function",
			func(ctx context.Context) (string, error) { return l.Env.Function, a.deploy(ctx, l.Env.FunctionStack()) },
		),
		one("remove what the environment's own replaces", a.finish),
	)
}

// adopting is an adoption in progress.
type adopting struct {
	Lifecycle
	plan     adoption.Plan
	assembly engine.Assembly
}

// federation imports Google's side as it is, and brings it to what the program says.
func (a *adopting) federation(ctx context.Context) (string, error) {
	if err := a.Pulumi.Select(ctx); err != nil {
		return "", err
	}
	for _, up := range []func(context.Context) error{a.Pulumi.Adopt, a.Pulumi.Up} {
		if err := a.answering(ctx, func() error { return a.unlocked(ctx, func() error { return up(ctx) }) }); err != nil {
			return "", err
		}
	}
	held, _, err := a.Pulumi.Resources(ctx)
	return fmt.Sprintf("%d resources", len(custom(held))), err
}

func (a *adopting) synth(ctx context.Context) (_ string, err error) {
	names := []string{a.Env.RoleStack(), a.Env.FunctionStack()}
	if err := a.settled(ctx, names...); err != nil {
		return "", err
	}
	a.assembly, err = a.CDK.Synth(ctx, names...)
	return "", err
}

// imports imports AWS's side as it is. The function's code is kept until all is done: a
// deployment that fails goes back to it.
func (a *adopting) imports(ctx context.Context) (string, error) {
	var done []string
	if role := a.plan.Role; role != nil {
		if err := a.assembly.Import(ctx, a.Env.RoleStack(), *role); err != nil {
			return "", err
		}
		done = append(done, role.Name)
	}
	var existing []engine.Existing
	if function := a.plan.Function; function != nil {
		found := clouds.Function(ctx, a.Clouds.AWS, a.Env.Function)
		if !found.There() {
			return "", cmp.Or(found.Err(), fmt.Errorf("the function %s is gone", a.Env.Function))
		}
		code, err := clouds.Bundle(ctx, http.DefaultClient, found.Thing)
		if err != nil {
			return "", err
		}
		key, err := a.keep(ctx, code)
		if err != nil {
			return "", err
		}
		function.Properties["Code"] = map[string]any{"S3Bucket": a.bucket(), "S3Key": key}
		existing = append(existing, *function)
	}
	if a.plan.Logs != nil {
		existing = append(existing, *a.plan.Logs)
	}
	for _, e := range existing {
		done = append(done, e.Name)
	}
	if len(existing) == 0 {
		return strings.Join(done, ", "), nil
	}
	return strings.Join(done, ", "), a.assembly.Import(ctx, a.Env.FunctionStack(), existing...)
}

// deploy deploys one stack, by what its resources are.
func (a *adopting) deploy(ctx context.Context, name string) error {
	mode, stack := engine.Plain, clouds.Stack(ctx, a.Clouds.AWS, name)
	if stack.Err() != nil {
		return stack.Err()
	}
	if stack.There() && deployed(string(stack.Thing.StackStatus)) {
		mode = engine.Revert
	}
	return a.CDK.Deploy(ctx, mode, name)
}

// bucket is where the CDK keeps the environment's bundles.
func (a *adopting) bucket() string {
	qualifier, _ := engine.Qualifier(a.Root)
	return clouds.AssetBucket(a.Env, cmp.Or(qualifier, clouds.DefaultQualifier))
}

// keep stores a deployment package beside the environment's own, and returns its key.
func (a *adopting) keep(ctx context.Context, code []byte) (string, error) {
	sum, bucket := sha256.Sum256(code), a.bucket()
	key := inventory.AdoptedPrefix(a.Env.Mark()) + hex.EncodeToString(sum[:]) + ".zip"
	_, err := s3.NewFromConfig(a.Clouds.AWS).
		PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(code), ExpectedBucketOwner: &a.Env.AWSAccount})
	if err != nil {
		return "", fmt.Errorf("keeping the function's code in s3://%s/%s: %w", bucket, key, err)
	}
	return key, nil
}

// finish detaches the policies that the environment's own replace, and removes the code that
// was kept.
func (a *adopting) finish(ctx context.Context) (string, error) {
	var done []string
	client := iam.NewFromConfig(a.Clouds.AWS)
	for _, arn := range a.plan.Detach {
		a.Progress.Say("detaching the policy " + arn)
		if _, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &a.Env.Role, PolicyArn: &arn}); err != nil &&
			!clouds.Absent(err) {
			return "", fmt.Errorf("detaching the policy %s from the role %s: %w", arn, a.Env.Role, err)
		}
		done = append(done, path.Base(arn))
	}
	bucket, prefix := a.bucket(), inventory.AdoptedPrefix(a.Env.Mark())
	kept := clouds.S3Objects(ctx, a.Clouds.AWS, bucket, prefix, a.Env.AWSAccount)
	if kept.Err() != nil {
		return "", kept.Err()
	}
	for _, object := range kept.Thing {
		if _, err := s3.NewFromConfig(a.Clouds.AWS).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: object.Key}); err != nil {
			return "", fmt.Errorf("removing s3://%s/%s: %w", bucket, aws.ToString(object.Key), err)
		}
	}
	return strings.Join(append(done, fmt.Sprintf("%d deployment packages", len(kept.Thing))), ", "), nil
}
