package resource

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// policy is an inline policy of the roles it names. Users and Groups are not
// modelled: the sandbox's IAM has roles only.
type policy struct {
	PolicyName     string `cfn:"required"`
	PolicyDocument any    `cfn:"required"`
	Roles          []string
}

func createPolicy(ctx context.Context, c *Call, p policy) (Instance, error) {
	if len(p.Roles) == 0 {
		return Instance{}, fmt.Errorf("At least one of [Groups,Roles,Users] must be non-empty.")
	}
	id := c.Name(maxPolicyName)
	i := Instance{PhysicalID: id, Attributes: map[string]any{"Id": id}}
	return i, putPolicy(ctx, c, p)
}

func putPolicy(ctx context.Context, c *Call, p policy) error {
	for _, name := range p.Roles {
		if _, err := c.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &p.PolicyName, PolicyDocument: document(p.PolicyDocument)}); err != nil {
			return err
		}
	}
	return nil
}

func updatePolicy(ctx context.Context, c *Call, now, before policy) (Instance, error) {
	i := Instance{PhysicalID: c.PhysicalID, Attributes: map[string]any{"Id": c.PhysicalID}}
	if err := putPolicy(ctx, c, now); err != nil {
		return i, err
	}
	leave := before
	if now.PolicyName == before.PolicyName {
		leave.Roles = difference(before.Roles, now.Roles)
	}
	return i, deletePolicy(ctx, c, leave)
}

func deletePolicy(ctx context.Context, c *Call, p policy) error {
	for _, name := range p.Roles {
		_, err := c.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &p.PolicyName})
		if err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

type managedPolicy struct {
	PolicyDocument    any    `cfn:"required"`
	ManagedPolicyName string `cfn:"name"`
	Path              string `cfn:"replace"`
	Description       string `cfn:"replace"`
	Roles             []string
}

func createManagedPolicy(ctx context.Context, c *Call, p managedPolicy) (Instance, error) {
	if p.ManagedPolicyName == "" {
		p.ManagedPolicyName = c.Name(maxPolicyName)
	}
	out, err := c.IAM.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName:     &p.ManagedPolicyName,
		PolicyDocument: document(p.PolicyDocument),
		Path:           optional(p.Path),
		Description:    optional(p.Description),
	})
	if err != nil {
		return Instance{}, err
	}
	c.PhysicalID = *out.Policy.Arn
	if err := changeRoles(ctx, c, p.Roles, nil); err != nil {
		return Instance{PhysicalID: c.PhysicalID}, err
	}
	return describeManagedPolicy(ctx, c)
}

func changeRoles(ctx context.Context, c *Call, now, before []string) error {
	for _, name := range difference(now, before) {
		if _, err := c.IAM.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &c.PhysicalID}); err != nil {
			return err
		}
	}
	for _, name := range difference(before, now) {
		_, err := c.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: &c.PhysicalID})
		if err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

func describeManagedPolicy(ctx context.Context, c *Call) (Instance, error) {
	i := Instance{PhysicalID: c.PhysicalID}
	out, err := c.IAM.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &c.PhysicalID})
	if err != nil {
		return i, err
	}
	i.Attributes = map[string]any{"PolicyArn": c.PhysicalID}
	if out.Policy.PolicyId != nil {
		i.Attributes["PolicyId"] = *out.Policy.PolicyId
	}
	if out.Policy.DefaultVersionId != nil {
		i.Attributes["DefaultVersionId"] = *out.Policy.DefaultVersionId
	}
	return i, nil
}

// updateManagedPolicy makes a new default version and deletes the ones before
// it, as an IAM policy holds five versions at most.
func updateManagedPolicy(ctx context.Context, c *Call, now, before managedPolicy) (Instance, error) {
	i := Instance{PhysicalID: c.PhysicalID}
	if *document(now.PolicyDocument) != *document(before.PolicyDocument) {
		versions, err := c.IAM.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &c.PhysicalID})
		if err != nil {
			return i, err
		}
		for _, v := range versions.Versions {
			if v.IsDefaultVersion {
				continue
			}
			if _, err := c.IAM.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &c.PhysicalID, VersionId: v.VersionId}); err != nil {
				return i, err
			}
		}
		_, err = c.IAM.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: &c.PhysicalID, PolicyDocument: document(now.PolicyDocument), SetAsDefault: true})
		if err != nil {
			return i, err
		}
	}
	if err := changeRoles(ctx, c, now.Roles, before.Roles); err != nil {
		return i, err
	}
	return describeManagedPolicy(ctx, c)
}

func deleteManagedPolicy(ctx context.Context, c *Call, p managedPolicy) error {
	if err := changeRoles(ctx, c, nil, p.Roles); err != nil {
		return err
	}
	versions, err := c.IAM.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &c.PhysicalID})
	if err != nil {
		return err
	}
	for _, v := range versions.Versions {
		if v.IsDefaultVersion {
			continue
		}
		if _, err := c.IAM.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: &c.PhysicalID, VersionId: v.VersionId}); err != nil {
			return err
		}
	}
	_, err = c.IAM.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &c.PhysicalID})
	return err
}
