package iam

import "github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"

type tagRoleInput struct {
	RoleName string
	Tags     []api.Tag
}

func (i *IAM) tagRole(r *api.Request, in *tagRoleInput) (any, error) {
	return i.with(r, "TagRole", kindRole, in.RoleName, api.TagKeys(api.TagMap(in.Tags)), func(e *entity) (any, error) {
		tags, err := mergeTags(e.tags, in.Tags)
		if err == nil {
			e.tags = tags
		}
		return nil, err
	})
}

type untagRoleInput struct {
	RoleName string
	TagKeys  []string
}

func (i *IAM) untagRole(r *api.Request, in *untagRoleInput) (any, error) {
	return i.with(r, "UntagRole", kindRole, in.RoleName, map[string][]string{"aws:TagKeys": in.TagKeys}, func(e *entity) (any, error) {
		e.tags = removeTags(e.tags, in.TagKeys)
		return nil, nil
	})
}

type rolePageInput struct {
	RoleName string
	Marker   string
	MaxItems *int
}

func (i *IAM) listRoleTags(r *api.Request, in *rolePageInput) (any, error) {
	return i.withRole(r, "ListRoleTags", in.RoleName, func(found *role) (any, error) {
		tags, next, err := page(found.tags, in.Marker, in.MaxItems)
		return struct {
			Tags api.Members[api.Tag]
			pageOutput
		}{api.MembersOf(tags...), next}, err
	})
}

// listInstanceProfilesForRole answers none: clients ask before they delete a
// role, and instance profiles are not modelled.
func (i *IAM) listInstanceProfilesForRole(r *api.Request, in *rolePageInput) (any, error) {
	return i.withRole(r, "ListInstanceProfilesForRole", in.RoleName, func(*role) (any, error) {
		return struct {
			InstanceProfiles api.Members[struct{}]
			pageOutput
		}{}, nil
	})
}
