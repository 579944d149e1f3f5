package resource

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

type parameter struct {
	Type           string `cfn:"required"`
	Value          string `cfn:"required"`
	Name           string `cfn:"name"`
	AllowedPattern string
	DataType       string
	Description    string
	Policies       string
	Tier           string
	Tags           map[string]string
}

func ssmTypes() []Type {
	return []Type{newType("AWS::SSM::Parameter", []string{"Type", "Value"}, handler[parameter]{create: createParameter, update: updateParameter, delete: deleteParameter})}
}

func putParameter(p parameter, overwrite bool) *ssm.PutParameterInput {
	return &ssm.PutParameterInput{
		Name:           &p.Name,
		Type:           types.ParameterType(p.Type),
		Value:          &p.Value,
		Overwrite:      &overwrite,
		AllowedPattern: optional(p.AllowedPattern),
		DataType:       optional(p.DataType),
		Description:    optional(p.Description),
		Policies:       optional(p.Policies),
		Tier:           types.ParameterTier(p.Tier),
	}
}

func parameterInstance(p parameter) Instance {
	return Instance{PhysicalID: p.Name, Attributes: map[string]any{"Type": p.Type, "Value": p.Value}}
}

func createParameter(ctx context.Context, c *Call, p parameter) (Instance, error) {
	if p.Name == "" {
		const maxName = 1011 // "PutParameter"
		p.Name = c.Name(maxName)
	}
	in := putParameter(p, false)
	in.Tags = ssmTags(p.Tags)
	if _, err := c.SSM.PutParameter(ctx, in); err != nil {
		return Instance{}, err
	}
	return parameterInstance(p), nil
}

func updateParameter(ctx context.Context, c *Call, now, before parameter) (Instance, error) {
	now.Name = c.PhysicalID
	i := parameterInstance(now)
	if _, err := c.SSM.PutParameter(ctx, putParameter(now, true)); err != nil {
		return i, err
	}
	set, remove := tagChanges(now.Tags, before.Tags)
	if len(set) > 0 {
		if _, err := c.SSM.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceId: &c.PhysicalID, ResourceType: types.ResourceTypeForTaggingParameter, Tags: ssmTags(set)}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.SSM.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceId: &c.PhysicalID, ResourceType: types.ResourceTypeForTaggingParameter, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	return i, nil
}

func deleteParameter(ctx context.Context, c *Call, _ parameter) error {
	_, err := c.SSM.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: &c.PhysicalID})
	return err
}

func ssmTags(t map[string]string) []types.Tag {
	return mapTags(t, func(k, v *string) types.Tag { return types.Tag{Key: k, Value: v} })
}
