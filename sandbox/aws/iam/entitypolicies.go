package iam

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// entityPolicyInput names an entity and a policy. The same operations exist for
// roles and users, each with its own name parameter.
type entityPolicyInput struct {
	RoleName   string
	UserName   string
	PolicyName string
	PolicyArn  string
}

// entityName returns the name for the kind and refuses the other kind's.
func entityName(k kind, roleName, userName string) (string, error) {
	name, other, parameter := roleName, userName, "UserName"
	if k == kindUser {
		name, other, parameter = userName, roleName, "RoleName"
	}
	if other != "" {
		return "", api.NotModelled(parameter)
	}
	return name, checkName(name, string(k)+"Name", maxRoleName)
}

// withNamed is with for the operations that roles and users have alike.
func (i *IAM) withNamed(r *api.Request, action string, k kind, roleName, userName string, keys map[string][]string, do func(*entity) (any, error)) (any, error) {
	name, err := entityName(k, roleName, userName)
	if err != nil {
		return nil, err
	}
	return i.with(r, action, k, name, keys, do)
}

type putPolicyInput struct {
	RoleName       string
	UserName       string
	PolicyName     string
	PolicyDocument string
}

func (i *IAM) putPolicy(k kind) func(*api.Request, *putPolicyInput) (any, error) {
	return func(r *api.Request, in *putPolicyInput) (any, error) {
		return i.withNamed(r, "Put"+k.title()+"Policy", k, in.RoleName, in.UserName, nil, func(e *entity) (any, error) {
			if err := checkName(in.PolicyName, "policyName", maxPolicyName); err != nil {
				return nil, err
			}
			d, err := parse(in.PolicyDocument, "policyDocument", policy.Identity)
			if err != nil {
				return nil, err
			}
			limit := maxRoleInlinePolicies
			if k == kindUser {
				limit = maxUserInlinePolicies
			}
			total := size(in.PolicyDocument)
			for other, d := range e.inline {
				if other != in.PolicyName {
					total += size(d.text)
				}
			}
			if total > limit {
				return nil, api.Errorf(http.StatusConflict, "LimitExceeded", "Maximum policy size of %d bytes exceeded for %s %s", limit, k, e.name)
			}
			e.inline[in.PolicyName] = d
			i.settle(e, i.Delay)
			return nil, nil
		})
	}
}

// inlinePolicy finds an inline policy. The caller holds the lock.
func (e *entity) inlinePolicy(name string) (document, error) {
	d, ok := e.inline[name]
	if !ok {
		return document{}, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The %s policy with name %s cannot be found.", e.kind, name)
	}
	return d, nil
}

func (i *IAM) getInlinePolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		return i.withNamed(r, "Get"+k.title()+"Policy", k, in.RoleName, in.UserName, nil, func(e *entity) (any, error) {
			d, err := e.inlinePolicy(in.PolicyName)
			return struct {
				RoleName       string `xml:",omitempty"`
				UserName       string `xml:",omitempty"`
				PolicyName     string
				PolicyDocument string
			}{in.RoleName, in.UserName, in.PolicyName, encodeDocument(d.text)}, err
		})
	}
}

type entityPageInput struct {
	RoleName   string
	UserName   string
	PathPrefix string
	Marker     string
	MaxItems   *int
}

func (i *IAM) listInlinePolicies(k kind) func(*api.Request, *entityPageInput) (any, error) {
	return func(r *api.Request, in *entityPageInput) (any, error) {
		return i.withNamed(r, "List"+k.title()+"Policies", k, in.RoleName, in.UserName, nil, func(e *entity) (any, error) {
			names, next, err := page(slices.Sorted(maps.Keys(e.inline)), in.Marker, in.MaxItems)
			return struct {
				PolicyNames api.Members[string]
				pageOutput
			}{api.MembersOf(names...), next}, err
		})
	}
}

func (i *IAM) deleteInlinePolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		return i.withNamed(r, "Delete"+k.title()+"Policy", k, in.RoleName, in.UserName, nil, func(e *entity) (any, error) {
			_, err := e.inlinePolicy(in.PolicyName)
			delete(e.inline, in.PolicyName)
			i.settle(e, i.Delay)
			return nil, err
		})
	}
}

func (i *IAM) attachPolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		keys := map[string][]string{"iam:PolicyARN": {in.PolicyArn}}
		return i.withNamed(r, "Attach"+k.title()+"Policy", k, in.RoleName, in.UserName, keys, func(e *entity) (any, error) {
			return nil, i.attach(e, in.PolicyArn)
		})
	}
}

// attach adds a managed policy. The caller holds the lock.
func (i *IAM) attach(e *entity, arn string) error {
	if _, ok := i.policies[arn]; !ok {
		return api.Errorf(http.StatusNotFound, "NoSuchEntity", "Policy %s does not exist or is not attachable.", arn)
	}
	if slices.Contains(e.attached, arn) {
		return nil
	}
	if len(e.attached) >= maxAttachedPolicies {
		return api.Errorf(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for PoliciesPer%s: %d", e.kind.title(), maxAttachedPolicies)
	}
	e.attached = append(e.attached, arn)
	i.settle(e, i.Delay)
	return nil
}

func (i *IAM) detachPolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		keys := map[string][]string{"iam:PolicyARN": {in.PolicyArn}}
		return i.withNamed(r, "Detach"+k.title()+"Policy", k, in.RoleName, in.UserName, keys, func(e *entity) (any, error) {
			at := slices.Index(e.attached, in.PolicyArn)
			if at < 0 {
				return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", in.PolicyArn)
			}
			e.attached = slices.Delete(e.attached, at, at+1)
			i.settle(e, i.Delay)
			return nil, nil
		})
	}
}

type attachedShape struct {
	PolicyName string
	PolicyArn  string
}

func (i *IAM) listAttachedPolicies(k kind) func(*api.Request, *entityPageInput) (any, error) {
	return func(r *api.Request, in *entityPageInput) (any, error) {
		return i.withNamed(r, "ListAttached"+k.title()+"Policies", k, in.RoleName, in.UserName, nil, func(e *entity) (any, error) {
			var shapes []attachedShape
			for _, arn := range e.attached {
				if p := i.policies[arn]; strings.HasPrefix(p.path, in.PathPrefix) {
					shapes = append(shapes, attachedShape{p.name, arn})
				}
			}
			shapes, next, err := page(shapes, in.Marker, in.MaxItems)
			return struct {
				AttachedPolicies api.Members[attachedShape]
				pageOutput
			}{api.MembersOf(shapes...), next}, err
		})
	}
}
