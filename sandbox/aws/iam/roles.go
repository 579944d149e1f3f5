package iam

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

type role struct {
	entity
	trust       document
	inEffect    policy.Timeline[*policy.Document] // of trust
	description string
	maxSession  int
}

// roleShape is a role as IAM answers it.
type roleShape struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	ARN                      string `xml:"Arn"`
	CreateDate               api.Timestamp
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int
	PermissionsBoundary      *boundaryShape        `xml:",omitempty"`
	Tags                     *api.Members[api.Tag] `xml:",omitempty"`
}

func (r *role) shape(tags bool) roleShape {
	s := roleShape{
		Path: r.path, RoleName: r.name, RoleID: r.id, ARN: r.arn, CreateDate: api.Timestamp(r.created),
		AssumeRolePolicyDocument: encodeDocument(r.trust.text), Description: r.description, MaxSessionDuration: r.maxSession,
	}
	s.PermissionsBoundary = r.boundaryShape()
	if tags && len(r.tags) > 0 {
		m := api.MembersOf(r.tags...)
		s.Tags = &m
	}
	return s
}

type createRoleInput struct {
	RoleName                 string
	AssumeRolePolicyDocument string
	Path                     string
	Description              string
	MaxSessionDuration       *int
	PermissionsBoundary      string
	Tags                     []api.Tag
}

type roleOutput struct{ Role roleShape }

func (i *IAM) createRole(r *api.Request, in *createRoleInput) (any, error) {
	if err := checkName(in.RoleName, "roleName", maxRoleName); err != nil {
		return nil, err
	}
	path, err := checkPath(in.Path)
	if err != nil {
		return nil, err
	}
	arn := i.arn("role" + path + in.RoleName)
	if err := authorizeCreation(r, "Role", arn, arn, in.PermissionsBoundary, in.Tags); err != nil {
		return nil, err
	}
	created := &role{entity: i.newEntity(kindRole, in.RoleName, path, "AROA"), description: in.Description, maxSession: minSessionDuration}
	if created.tags, err = mergeTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if err := created.settings(in.Description, in.MaxSessionDuration); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.bound(&created.entity, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	if created.trust, err = i.parseTrust(in.AssumeRolePolicyDocument, "assumeRolePolicyDocument"); err != nil {
		return nil, err
	}
	created.inEffect.Set(created.trust.parsed, i.Now(), i.Delay)
	for name := range i.roles {
		if strings.EqualFold(name, in.RoleName) {
			return nil, api.Errorf(http.StatusConflict, "EntityAlreadyExists", "Role with name %s already exists.", in.RoleName)
		}
	}
	i.roles[in.RoleName] = created
	if created.boundary != "" {
		i.settle(&created.entity, 0) // a role is never without it
	}
	return roleOutput{created.shape(true)}, nil
}

// settings checks and sets what UpdateRole can change.
func (r *role) settings(description string, duration *int) error {
	if len(description) > maxDescription {
		return api.Invalid(description, "description", "Member must have length less than or equal to "+strconv.Itoa(maxDescription))
	}
	if duration != nil {
		if *duration < minSessionDuration {
			return api.Invalid(*duration, "maxSessionDuration", "Member must have value greater than or equal to "+strconv.Itoa(minSessionDuration))
		}
		if *duration > maxSessionDuration {
			return api.Invalid(*duration, "maxSessionDuration", "Member must have value less than or equal to "+strconv.Itoa(maxSessionDuration))
		}
		r.maxSession = *duration
	}
	r.description = description
	return nil
}

// parseTrust reads a trust policy; the principals of this account that it names
// must exist. The caller holds the lock.
func (i *IAM) parseTrust(text, parameter string) (document, error) {
	if size(text) > maxTrustPolicy {
		return document{}, api.Errorf(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: %d", maxTrustPolicy)
	}
	d, err := parse(text, parameter, policy.Trust)
	if err != nil {
		return document{}, err
	}
	for _, s := range d.parsed.Statements {
		for _, p := range s.Principals {
			if p.Type == "AWS" && !i.exists(p.Value) {
				return document{}, api.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "Invalid principal in policy: %q:%q", p.Type, p.Value)
			}
		}
	}
	return d, nil
}

// exists reports whether a principal of this account exists; those of other
// accounts are taken on trust, and sessions exist by being assumed.
func (i *IAM) exists(arn string) bool {
	resource, ours := strings.CutPrefix(arn, i.arn(""))
	if !ours || resource == "root" {
		return true
	}
	for _, r := range i.roles {
		if r.arn == arn {
			return true
		}
	}
	for _, u := range i.users {
		if u.arn == arn {
			return true
		}
	}
	return false
}

// PrincipalExists reports whether a policy may name the ARN as a principal.
func (i *IAM) PrincipalExists(arn string) bool {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.exists(arn)
}

type roleNameInput struct{ RoleName string }

func (i *IAM) getRole(r *api.Request, in *roleNameInput) (any, error) {
	return i.withRole(r, "GetRole", in.RoleName, func(found *role) (any, error) {
		return roleOutput{found.shape(true)}, nil
	})
}

type listInput struct {
	PathPrefix string
	Marker     string
	MaxItems   *int
}

func (i *IAM) listRoles(r *api.Request, in *listInput) (any, error) {
	if err := r.Authorize("iam:ListRoles", i.arn("role"+cmpPath(in.PathPrefix)), nil); err != nil {
		return nil, err
	}
	i.mu.RLock()
	defer i.mu.RUnlock()
	var shapes []roleShape
	for _, name := range slices.Sorted(maps.Keys(i.roles)) {
		if strings.HasPrefix(i.roles[name].path, in.PathPrefix) {
			shapes = append(shapes, i.roles[name].shape(false))
		}
	}
	shapes, next, err := page(shapes, in.Marker, in.MaxItems)
	return struct {
		Roles api.Members[roleShape]
		pageOutput
	}{api.MembersOf(shapes...), next}, err
}

func cmpPath(prefix string) string {
	if prefix == "" {
		return "/"
	}
	return prefix
}

func (i *IAM) deleteRole(r *api.Request, in *roleNameInput) (any, error) {
	return i.withRole(r, "DeleteRole", in.RoleName, func(found *role) (any, error) {
		if err := found.deletable(); err != nil {
			return nil, err
		}
		delete(i.roles, in.RoleName)
		return nil, nil
	})
}

// deletable reports whether nothing hangs on the entity any more.
func (e *entity) deletable() error {
	if len(e.attached) > 0 {
		return api.Errorf(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must detach all policies first.")
	}
	if len(e.inline) > 0 {
		return api.Errorf(http.StatusConflict, "DeleteConflict", "Cannot delete entity, must delete policies first.")
	}
	return nil
}

type updateRoleInput struct {
	RoleName           string
	Description        *string
	MaxSessionDuration *int
}

func (i *IAM) updateRole(r *api.Request, in *updateRoleInput) (any, error) {
	return i.withRole(r, "UpdateRole", in.RoleName, func(found *role) (any, error) {
		description := found.description
		if in.Description != nil {
			description = *in.Description
		}
		// An empty structure makes <UpdateRoleResult/>, which the API has.
		return struct{}{}, found.settings(description, in.MaxSessionDuration)
	})
}

type trustInput struct {
	RoleName       string
	PolicyDocument string
}

func (i *IAM) updateAssumeRolePolicy(r *api.Request, in *trustInput) (any, error) {
	return i.withRole(r, "UpdateAssumeRolePolicy", in.RoleName, func(found *role) (any, error) {
		trust, err := i.parseTrust(in.PolicyDocument, "policyDocument")
		if err == nil {
			found.trust = trust
			found.inEffect.Set(trust.parsed, i.Now(), i.Delay)
		}
		return nil, err
	})
}
