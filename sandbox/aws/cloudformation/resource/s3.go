package resource

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// maxBucketName is of "General purpose bucket naming rules".
const maxBucketName = 63

type bucket struct {
	BucketName       string `cfn:"name"`
	AccessControl    string
	BucketEncryption *struct {
		ServerSideEncryptionConfiguration []encryptionRule `cfn:"required"`
	}
	PublicAccessBlockConfiguration *struct{ BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets bool }
	VersioningConfiguration        *struct {
		Status string `cfn:"required"`
	}
	OwnershipControls *struct {
		Rules []struct{ ObjectOwnership string } `cfn:"required"`
	}
	LifecycleConfiguration *struct {
		Rules []lifecycleRule `cfn:"required"`
	}
	Tags tags
}

type encryptionRule struct {
	BucketKeyEnabled              bool
	ServerSideEncryptionByDefault *struct {
		SSEAlgorithm   string `cfn:"required"`
		KMSMasterKeyID string
	}
}

type lifecycleRule struct {
	Id                          string
	Status                      string `cfn:"required"`
	Prefix                      string
	ExpirationInDays            *int32
	ExpiredObjectDeleteMarker   *bool
	Transitions                 []transition
	NoncurrentVersionExpiration *struct {
		NoncurrentDays          *int32 `cfn:"required"`
		NewerNoncurrentVersions *int32
	}
	NoncurrentVersionTransitions   []noncurrentTransition
	AbortIncompleteMultipartUpload *struct {
		DaysAfterInitiation *int32 `cfn:"required"`
	}
}

// transition is one of current versions.
type transition struct {
	StorageClass     string `cfn:"required"`
	TransitionInDays *int32
}

type noncurrentTransition struct {
	StorageClass            string `cfn:"required"`
	TransitionInDays        *int32 `cfn:"required"`
	NewerNoncurrentVersions *int32
}

type bucketPolicy struct {
	Bucket         string `cfn:"required,replace"`
	PolicyDocument any    `cfn:"required"`
}

func s3Types() []Type {
	return []Type{
		newType("AWS::S3::Bucket", []string{"Arn", "DomainName", "RegionalDomainName", "DualStackDomainName", "WebsiteURL"},
			handler[bucket]{create: createBucket, update: updateBucket, delete: deleteBucket}),
		newType("AWS::S3::BucketPolicy", nil, handler[bucketPolicy]{create: createBucketPolicy, update: updateBucketPolicy, delete: deleteBucketPolicy}),
	}
}

func lower(s string) string { return strings.ToLower(s) }

func createBucket(ctx context.Context, c *Call, p bucket) (Instance, error) {
	if p.AccessControl != "" && p.AccessControl != "Private" {
		return Instance{}, errors.New(unmodelled.AWS("AccessControl", p.AccessControl))
	}
	if p.BucketName == "" {
		p.BucketName = lower(c.Name(maxBucketName))
	}
	in := &s3.CreateBucketInput{Bucket: &p.BucketName}
	if c.Region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(c.Region)}
	}
	// In us-east-1 creating one's own bucket again succeeds, but CloudFormation
	// still refuses to take over a bucket that exists.
	if _, err := c.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &p.BucketName}); err == nil {
		return Instance{}, fmt.Errorf("%s already exists", p.BucketName)
	}
	if _, err := c.S3.CreateBucket(ctx, in); err != nil {
		return Instance{}, err
	}
	c.PhysicalID = p.BucketName
	return bucketInstance(c), configureBucket(ctx, c, p, bucket{})
}

func bucketInstance(c *Call) Instance {
	name := c.PhysicalID
	return Instance{PhysicalID: name, Attributes: map[string]any{
		"Arn":                 "arn:aws:s3:::" + name,
		"DomainName":          name + ".s3.amazonaws.com",
		"RegionalDomainName":  name + ".s3." + c.Region + ".amazonaws.com",
		"DualStackDomainName": name + ".s3.dualstack." + c.Region + ".amazonaws.com",
		"WebsiteURL":          "http://" + name + ".s3-website." + c.Region + ".amazonaws.com",
	}}
}

func updateBucket(ctx context.Context, c *Call, now, before bucket) (Instance, error) {
	return bucketInstance(c), configureBucket(ctx, c, now, before)
}

func configureBucket(ctx context.Context, c *Call, now, before bucket) error {
	for _, configure := range []func(context.Context, *Call, bucket, bucket) error{
		configureEncryption, configurePublicAccess, configureVersioning, configureOwnership, configureLifecycle, configureTags,
	} {
		if err := configure(ctx, c, now, before); err != nil {
			return err
		}
	}
	return nil
}

func configureEncryption(ctx context.Context, c *Call, now, before bucket) error {
	if now.BucketEncryption == nil {
		if before.BucketEncryption == nil {
			return nil
		}
		_, err := c.S3.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: &c.PhysicalID})
		return err
	}
	config := &types.ServerSideEncryptionConfiguration{}
	for _, r := range now.BucketEncryption.ServerSideEncryptionConfiguration {
		rule := types.ServerSideEncryptionRule{}
		if r.BucketKeyEnabled {
			rule.BucketKeyEnabled = &r.BucketKeyEnabled
		}
		if d := r.ServerSideEncryptionByDefault; d != nil {
			rule.ApplyServerSideEncryptionByDefault = &types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryption(d.SSEAlgorithm), KMSMasterKeyID: optional(d.KMSMasterKeyID)}
		}
		config.Rules = append(config.Rules, rule)
	}
	_, err := c.S3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: &c.PhysicalID, ServerSideEncryptionConfiguration: config})
	return err
}

func configurePublicAccess(ctx context.Context, c *Call, now, before bucket) error {
	p := now.PublicAccessBlockConfiguration
	if p == nil {
		if before.PublicAccessBlockConfiguration == nil {
			return nil
		}
		_, err := c.S3.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: &c.PhysicalID})
		return err
	}
	_, err := c.S3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{Bucket: &c.PhysicalID, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
		BlockPublicAcls: &p.BlockPublicAcls, BlockPublicPolicy: &p.BlockPublicPolicy, IgnorePublicAcls: &p.IgnorePublicAcls, RestrictPublicBuckets: &p.RestrictPublicBuckets}})
	return err
}

func configureVersioning(ctx context.Context, c *Call, now, before bucket) error {
	status := types.BucketVersioningStatusSuspended
	switch {
	case now.VersioningConfiguration != nil:
		status = types.BucketVersioningStatus(now.VersioningConfiguration.Status)
	case before.VersioningConfiguration == nil:
		return nil
	}
	_, err := c.S3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &c.PhysicalID, VersioningConfiguration: &types.VersioningConfiguration{Status: status}})
	return err
}

func configureOwnership(ctx context.Context, c *Call, now, before bucket) error {
	if now.OwnershipControls == nil {
		if before.OwnershipControls == nil {
			return nil
		}
		_, err := c.S3.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: &c.PhysicalID})
		return err
	}
	controls := &types.OwnershipControls{}
	for _, r := range now.OwnershipControls.Rules {
		controls.Rules = append(controls.Rules, types.OwnershipControlsRule{ObjectOwnership: types.ObjectOwnership(r.ObjectOwnership)})
	}
	_, err := c.S3.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: &c.PhysicalID, OwnershipControls: controls})
	return err
}

func configureLifecycle(ctx context.Context, c *Call, now, before bucket) error {
	if now.LifecycleConfiguration == nil {
		if before.LifecycleConfiguration == nil {
			return nil
		}
		_, err := c.S3.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &c.PhysicalID})
		return err
	}
	config := &types.BucketLifecycleConfiguration{}
	for _, r := range now.LifecycleConfiguration.Rules {
		rule := types.LifecycleRule{ID: optional(r.Id), Status: types.ExpirationStatus(r.Status), Filter: &types.LifecycleRuleFilter{Prefix: &r.Prefix}}
		if r.ExpirationInDays != nil {
			rule.Expiration = &types.LifecycleExpiration{Days: r.ExpirationInDays}
		}
		if r.ExpiredObjectDeleteMarker != nil {
			rule.Expiration = &types.LifecycleExpiration{Days: r.ExpirationInDays, ExpiredObjectDeleteMarker: r.ExpiredObjectDeleteMarker}
		}
		for _, t := range r.Transitions {
			rule.Transitions = append(rule.Transitions, types.Transition{Days: t.TransitionInDays, StorageClass: types.TransitionStorageClass(t.StorageClass)})
		}
		if n := r.NoncurrentVersionExpiration; n != nil {
			rule.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: n.NoncurrentDays, NewerNoncurrentVersions: n.NewerNoncurrentVersions}
		}
		for _, t := range r.NoncurrentVersionTransitions {
			rule.NoncurrentVersionTransitions = append(rule.NoncurrentVersionTransitions, types.NoncurrentVersionTransition{
				NoncurrentDays: t.TransitionInDays, NewerNoncurrentVersions: t.NewerNoncurrentVersions, StorageClass: types.TransitionStorageClass(t.StorageClass)})
		}
		if a := r.AbortIncompleteMultipartUpload; a != nil {
			rule.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: a.DaysAfterInitiation}
		}
		config.Rules = append(config.Rules, rule)
	}
	_, err := c.S3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: &c.PhysicalID, LifecycleConfiguration: config})
	return err
}

func configureTags(ctx context.Context, c *Call, now, before bucket) error {
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	switch {
	case len(set) == 0 && len(remove) == 0:
		return nil
	case len(now.Tags) == 0:
		_, err := c.S3.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: &c.PhysicalID})
		return err
	}
	all := mapTags(now.Tags.byKey(), func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
	_, err := c.S3.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: &c.PhysicalID, Tagging: &types.Tagging{TagSet: all}})
	return err
}

func deleteBucket(ctx context.Context, c *Call, _ bucket) error {
	_, err := c.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &c.PhysicalID})
	return err
}

func createBucketPolicy(ctx context.Context, c *Call, p bucketPolicy) (Instance, error) {
	_, err := c.S3.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &p.Bucket, Policy: document(p.PolicyDocument)})
	if err != nil {
		return Instance{}, err
	}
	return Instance{PhysicalID: p.Bucket}, nil
}

func updateBucketPolicy(ctx context.Context, c *Call, now, _ bucketPolicy) (Instance, error) {
	return createBucketPolicy(ctx, c, now)
}

func deleteBucketPolicy(ctx context.Context, c *Call, p bucketPolicy) error {
	_, err := c.S3.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: &p.Bucket})
	return err
}
