package iam

import "github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/aws/api"

type tagRoleInput struct {
	RoleName string
	Tags     []Tag
}

func (i *IAM) tagRole(r *api.Request, in *tagRoleInput) (any, error) {
	if err := i.authorize(r, "TagRole", kindRole, in.RoleName, tagKeys(in.Tags)); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	e, err := i.find(kindRole, in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, err := mergeTags(e.tags, in.Tags)
	if err != nil {
		return nil, err
	}
	e.tags = tags
	return nil, nil
}

type untagRoleInput struct {
	RoleName string
	TagKeys  []string
}

func (i *IAM) untagRole(r *api.Request, in *untagRoleInput) (any, error) {
	if err := i.authorize(r, "UntagRole", kindRole, in.RoleName, map[string][]string{"aws:TagKeys": in.TagKeys}); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	e, err := i.find(kindRole, in.RoleName)
	if err != nil {
		return nil, err
	}
	e.tags = removeTags(e.tags, in.TagKeys)
	return nil, nil
}

type rolePageInput struct {
	RoleName string
	Marker   string
	MaxItems *int
}

func (i *IAM) listRoleTags(r *api.Request, in *rolePageInput) (any, error) {
	if err := i.authorize(r, "ListRoleTags", kindRole, in.RoleName, nil); err != nil {
		return nil, err
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	e, err := i.find(kindRole, in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, next, err := page(e.tags, in.Marker, in.MaxItems)
	return struct {
		Tags api.Members[Tag]
		pageOutput
	}{api.MembersOf(tags...), next}, err
}

// listInstanceProfilesForRole answers none: clients ask before they delete a
// role, and instance profiles are not modelled.
func (i *IAM) listInstanceProfilesForRole(r *api.Request, in *rolePageInput) (any, error) {
	if err := i.authorize(r, "ListInstanceProfilesForRole", kindRole, in.RoleName, nil); err != nil {
		return nil, err
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	if _, err := i.find(kindRole, in.RoleName); err != nil {
		return nil, err
	}
	return struct {
		InstanceProfiles api.Members[struct{}]
		pageOutput
	}{}, nil
}
