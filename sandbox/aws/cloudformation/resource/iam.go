package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Name lengths of "IAM and AWS STS quotas".
const (
	maxRoleName   = 64
	maxPolicyName = 128
)

type role struct {
	AssumeRolePolicyDocument any    `cfn:"required"`
	RoleName                 string `cfn:"name"`
	Path                     string `cfn:"replace"`
	Description              string
	MaxSessionDuration       *int32
	PermissionsBoundary      string
	ManagedPolicyArns        []string
	Policies                 []inlinePolicy
	Tags                     tags
}

type inlinePolicy struct {
	PolicyName     string `cfn:"required"`
	PolicyDocument any    `cfn:"required"`
}

func iamTypes() []Type {
	return []Type{
		newType("AWS::IAM::Role", []string{"Arn", "RoleId"}, handler[role]{create: createRole, update: updateRole, delete: deleteRole}),
		newType("AWS::IAM::Policy", []string{"Id"}, handler[policy]{create: createPolicy, update: updatePolicy, delete: deletePolicy}),
		newType("AWS::IAM::ManagedPolicy", []string{"PolicyArn", "PolicyId", "AttachmentCount", "CreateDate", "DefaultVersionId", "IsAttachable", "PermissionsBoundaryUsageCount", "UpdateDate"},
			handler[managedPolicy]{create: createManagedPolicy, update: updateManagedPolicy, delete: deleteManagedPolicy}),
	}
}

func createRole(ctx context.Context, c *Call, p role) (Instance, error) {
	if p.RoleName == "" {
		p.RoleName = c.Name(maxRoleName)
	}
	out, err := c.IAM.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &p.RoleName,
		AssumeRolePolicyDocument: document(p.AssumeRolePolicyDocument),
		Path:                     optional(p.Path),
		Description:              optional(p.Description),
		MaxSessionDuration:       p.MaxSessionDuration,
		PermissionsBoundary:      optional(p.PermissionsBoundary),
		Tags:                     iamTags(p.Tags.byKey()),
	})
	if err != nil {
		return Instance{}, err
	}
	i := Instance{PhysicalID: p.RoleName, Attributes: map[string]any{"Arn": *out.Role.Arn, "RoleId": *out.Role.RoleId}}
	c.PhysicalID = p.RoleName
	return i, changePolicies(ctx, c, p, role{})
}

// changePolicies brings the role's inline and attached policies from before to now.
func changePolicies(ctx context.Context, c *Call, now, before role) error {
	var names []string
	for _, inline := range now.Policies {
		names = append(names, inline.PolicyName)
		if _, err := c.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &c.PhysicalID, PolicyName: &inline.PolicyName, PolicyDocument: document(inline.PolicyDocument)}); err != nil {
			return err
		}
	}
	var old []string
	for _, inline := range before.Policies {
		old = append(old, inline.PolicyName)
	}
	for _, name := range difference(old, names) {
		if _, err := c.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &c.PhysicalID, PolicyName: &name}); err != nil && !notFound(err) {
			return err
		}
	}
	for _, arn := range difference(now.ManagedPolicyArns, before.ManagedPolicyArns) {
		if _, err := c.IAM.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &c.PhysicalID, PolicyArn: &arn}); err != nil {
			return err
		}
	}
	for _, arn := range difference(before.ManagedPolicyArns, now.ManagedPolicyArns) {
		if _, err := c.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &c.PhysicalID, PolicyArn: &arn}); err != nil && !notFound(err) {
			return err
		}
	}
	return nil
}

func updateRole(ctx context.Context, c *Call, now, before role) (Instance, error) {
	var i Instance
	if _, err := c.IAM.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: &c.PhysicalID, PolicyDocument: document(now.AssumeRolePolicyDocument)}); err != nil {
		return i, err
	}
	if now.Description != before.Description || !samePointer(now.MaxSessionDuration, before.MaxSessionDuration) {
		_, err := c.IAM.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: &c.PhysicalID, Description: &now.Description, MaxSessionDuration: now.MaxSessionDuration})
		if err != nil {
			return i, err
		}
	}
	if err := changeBoundary(ctx, c, now.PermissionsBoundary, before.PermissionsBoundary); err != nil {
		return i, err
	}
	if err := changePolicies(ctx, c, now, before); err != nil {
		return i, err
	}
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		if _, err := c.IAM.TagRole(ctx, &iam.TagRoleInput{RoleName: &c.PhysicalID, Tags: iamTags(set)}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.IAM.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &c.PhysicalID, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	out, err := c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: &c.PhysicalID})
	if err != nil {
		return i, err
	}
	return Instance{PhysicalID: c.PhysicalID, Attributes: map[string]any{"Arn": *out.Role.Arn, "RoleId": *out.Role.RoleId}}, nil
}

func changeBoundary(ctx context.Context, c *Call, now, before string) error {
	if now == before {
		return nil
	}
	if now == "" {
		_, err := c.IAM.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &c.PhysicalID})
		return err
	}
	_, err := c.IAM.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &c.PhysicalID, PermissionsBoundary: &now})
	return err
}

// deleteRole first takes away what the stack gave the role. Policies that others
// attached keep it, with IAM's DeleteConflict.
func deleteRole(ctx context.Context, c *Call, p role) error {
	for _, inline := range p.Policies {
		if _, err := c.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &c.PhysicalID, PolicyName: &inline.PolicyName}); err != nil && !notFound(err) {
			return err
		}
	}
	for _, arn := range p.ManagedPolicyArns {
		if _, err := c.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &c.PhysicalID, PolicyArn: &arn}); err != nil && !notFound(err) {
			return err
		}
	}
	_, err := c.IAM.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &c.PhysicalID})
	return err
}

func iamTags(t map[string]string) []types.Tag {
	return mapTags(t, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
}

func samePointer(a, b *int32) bool { return aws.ToInt32(a) == aws.ToInt32(b) }
