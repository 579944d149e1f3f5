package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

type repository struct {
	RepositoryName             string `cfn:"name"`
	ImageTagMutability         string
	ImageScanningConfiguration *struct{ ScanOnPush bool }
	EncryptionConfiguration    *struct {
		EncryptionType string `cfn:"required"`
		KmsKey         string
	} `cfn:"replace"`
	LifecyclePolicy *struct {
		LifecyclePolicyText string
		RegistryId          string
	}
	RepositoryPolicyText any
	EmptyOnDelete        bool
	Tags                 tags
}

func ecrTypes() []Type {
	return []Type{newType("AWS::ECR::Repository", []string{"Arn", "RepositoryUri"}, handler[repository]{create: createRepository, update: updateRepository, delete: deleteRepository})}
}

func createRepository(ctx context.Context, c *Call, p repository) (Instance, error) {
	if p.RepositoryName == "" {
		const maxName = 256 // "CreateRepository"
		p.RepositoryName = lower(c.Name(maxName))
	}
	in := &ecr.CreateRepositoryInput{
		RepositoryName:     &p.RepositoryName,
		ImageTagMutability: types.ImageTagMutability(p.ImageTagMutability),
		Tags:               ecrTags(p.Tags.byKey()),
	}
	if e := p.EncryptionConfiguration; e != nil {
		in.EncryptionConfiguration = &types.EncryptionConfiguration{EncryptionType: types.EncryptionType(e.EncryptionType), KmsKey: optional(e.KmsKey)}
	}
	out, err := c.ECR.CreateRepository(ctx, in)
	if err != nil {
		return Instance{}, err
	}
	c.PhysicalID = p.RepositoryName
	i := Instance{PhysicalID: p.RepositoryName, Attributes: map[string]any{"Arn": *out.Repository.RepositoryArn, "RepositoryUri": *out.Repository.RepositoryUri}}
	return i, configureRepository(ctx, c, p, repository{})
}

func configureRepository(ctx context.Context, c *Call, now, before repository) error {
	if s := now.ImageScanningConfiguration; s != nil {
		if _, err := c.ECR.PutImageScanningConfiguration(ctx, &ecr.PutImageScanningConfigurationInput{RepositoryName: &c.PhysicalID,
			ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: s.ScanOnPush}}); err != nil {
			return err
		}
	}
	switch {
	case now.LifecyclePolicy != nil && now.LifecyclePolicy.LifecyclePolicyText != "":
		if _, err := c.ECR.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: &c.PhysicalID, LifecyclePolicyText: &now.LifecyclePolicy.LifecyclePolicyText}); err != nil {
			return err
		}
	case before.LifecyclePolicy != nil:
		if _, err := c.ECR.DeleteLifecyclePolicy(ctx, &ecr.DeleteLifecyclePolicyInput{RepositoryName: &c.PhysicalID}); err != nil && !notFound(err) {
			return err
		}
	}
	switch {
	case now.RepositoryPolicyText != nil:
		if _, err := c.ECR.SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{RepositoryName: &c.PhysicalID, PolicyText: document(now.RepositoryPolicyText)}); err != nil {
			return err
		}
	case before.RepositoryPolicyText != nil:
		if _, err := c.ECR.DeleteRepositoryPolicy(ctx, &ecr.DeleteRepositoryPolicyInput{RepositoryName: &c.PhysicalID}); err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

func updateRepository(ctx context.Context, c *Call, now, before repository) (Instance, error) {
	i := Instance{PhysicalID: c.PhysicalID}
	if now.ImageTagMutability != before.ImageTagMutability {
		mutability := types.ImageTagMutability(now.ImageTagMutability)
		if mutability == "" {
			mutability = types.ImageTagMutabilityMutable
		}
		if _, err := c.ECR.PutImageTagMutability(ctx, &ecr.PutImageTagMutabilityInput{RepositoryName: &c.PhysicalID, ImageTagMutability: mutability}); err != nil {
			return i, err
		}
	}
	if err := configureRepository(ctx, c, now, before); err != nil {
		return i, err
	}
	out, err := c.ECR.DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{RepositoryNames: []string{c.PhysicalID}})
	if err != nil {
		return i, err
	}
	arn := out.Repositories[0].RepositoryArn
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		if _, err := c.ECR.TagResource(ctx, &ecr.TagResourceInput{ResourceArn: arn, Tags: ecrTags(set)}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.ECR.UntagResource(ctx, &ecr.UntagResourceInput{ResourceArn: arn, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	i.Attributes = map[string]any{"Arn": *arn, "RepositoryUri": *out.Repositories[0].RepositoryUri}
	return i, nil
}

func deleteRepository(ctx context.Context, c *Call, p repository) error {
	_, err := c.ECR.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: &c.PhysicalID, Force: p.EmptyOnDelete})
	return err
}

func ecrTags(t map[string]string) []types.Tag {
	return mapTags(t, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
}
