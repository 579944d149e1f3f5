package iam

import (
	"maps"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// boundaryKey is the condition key that can restrict a right to make roles to roles
// with a boundary; see "Actions, resources, and condition keys for AWS
// Identity and Access Management".
const boundaryKey = "iam:PermissionsBoundary"

// boundaryShape is an entity's boundary as IAM answers it; every boundary is a
// managed policy.
type boundaryShape struct {
	PermissionsBoundaryType string
	PermissionsBoundaryArn  string
}

func (e *entity) boundaryShape() *boundaryShape {
	if e.boundary == "" {
		return nil
	}
	return &boundaryShape{"Policy", e.boundary}
}

// bound gives an entity its boundary, which must exist. The caller holds the lock.
func (i *IAM) bound(e *entity, arn string) error {
	if arn == "" {
		return nil
	}
	if _, ok := i.policies[arn]; !ok {
		return api.Errorf(http.StatusNotFound, "NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", arn)
	}
	e.boundary = arn
	return nil
}

// boundaryPolicies are an entity's boundary as it decides: one policy, or none. A
// boundary that has no effect yet allows nothing.
func (i *IAM) boundaryPolicies(e *entity) []policy.Named {
	if e == nil {
		return nil
	}
	now := i.Now()
	p := e.rights.At(now).boundary
	if p == nil {
		return nil
	}
	named := policy.Named{Name: p.name, ARN: p.arn, Document: p.inEffect.At(now)}
	if named.Document == nil {
		named.Document = &policy.Document{}
	}
	return []policy.Named{named}
}

// bounded counts the entities that a policy bounds. The caller holds the lock.
func (i *IAM) bounded(arn string) int {
	n := 0
	for r := range maps.Values(i.roles) {
		if r.boundary == arn {
			n++
		}
	}
	for u := range maps.Values(i.users) {
		if u.boundary == arn {
			n++
		}
	}
	return n
}

type putBoundaryInput struct {
	RoleName            string
	UserName            string
	PermissionsBoundary string
}

func (i *IAM) putBoundary(k kind) func(*api.Request, *putBoundaryInput) (any, error) {
	return func(r *api.Request, in *putBoundaryInput) (any, error) {
		if in.PermissionsBoundary == "" {
			return nil, api.Invalid("null", "permissionsBoundary", "Member must not be null")
		}
		keys := map[string][]string{boundaryKey: {in.PermissionsBoundary}}
		return i.withNamed(r, "Put"+k.title()+"PermissionsBoundary", k, in.RoleName, in.UserName, keys, func(e *entity) (any, error) {
			if err := i.bound(e, in.PermissionsBoundary); err != nil {
				return nil, err
			}
			i.settle(e, i.Delay)
			return nil, nil
		})
	}
}

type deleteBoundaryInput struct {
	RoleName string
	UserName string
}

func (i *IAM) deleteBoundary(k kind) func(*api.Request, *deleteBoundaryInput) (any, error) {
	return func(r *api.Request, in *deleteBoundaryInput) (any, error) {
		return i.withNamed(r, "Delete"+k.title()+"PermissionsBoundary", k, in.RoleName, in.UserName, nil, func(e *entity) (any, error) {
			if e.boundary == "" {
				return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The %s with name %s does not have a permissions boundary.", k, e.name)
			}
			e.boundary = ""
			i.settle(e, i.Delay)
			return nil, nil
		})
	}
}
