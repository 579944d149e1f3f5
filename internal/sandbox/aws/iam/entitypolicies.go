package iam

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/aws/policy"
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

// begin checks the entity's name and the caller's permission.
func (i *IAM) begin(r *api.Request, action string, k kind, roleName, userName string, keys map[string][]string) (string, error) {
	name, err := entityName(k, roleName, userName)
	if err != nil {
		return "", err
	}
	return name, i.authorize(r, action, k, name, keys)
}

type putPolicyInput struct {
	RoleName       string
	UserName       string
	PolicyName     string
	PolicyDocument string
}

func (i *IAM) putPolicy(k kind) func(*api.Request, *putPolicyInput) (any, error) {
	return func(r *api.Request, in *putPolicyInput) (any, error) {
		name, err := i.begin(r, "Put"+k.title()+"Policy", k, in.RoleName, in.UserName, nil)
		if err != nil {
			return nil, err
		}
		if err := checkName(in.PolicyName, "policyName", maxPolicyName); err != nil {
			return nil, err
		}
		d, err := parse(in.PolicyDocument, policy.Identity)
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		e, err := i.find(k, name)
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
			return nil, api.Errorf(http.StatusConflict, "LimitExceeded", "Maximum policy size of %d bytes exceeded for %s %s", limit, k, name)
		}
		e.inline[in.PolicyName] = d
		return nil, nil
	}
}

// inlinePolicy finds an inline policy. The caller holds the lock.
func (i *IAM) inlinePolicy(k kind, name, policyName string) (*entity, document, error) {
	e, err := i.find(k, name)
	if err != nil {
		return nil, document{}, err
	}
	d, ok := e.inline[policyName]
	if !ok {
		return nil, document{}, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The %s policy with name %s cannot be found.", k, policyName)
	}
	return e, d, nil
}

func (i *IAM) getInlinePolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		name, err := i.begin(r, "Get"+k.title()+"Policy", k, in.RoleName, in.UserName, nil)
		if err != nil {
			return nil, err
		}
		i.mu.RLock()
		defer i.mu.RUnlock()
		_, d, err := i.inlinePolicy(k, name, in.PolicyName)
		return struct {
			RoleName       string `xml:",omitempty"`
			UserName       string `xml:",omitempty"`
			PolicyName     string
			PolicyDocument string
		}{in.RoleName, in.UserName, in.PolicyName, encodeDocument(d.text)}, err
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
		name, err := i.begin(r, "List"+k.title()+"Policies", k, in.RoleName, in.UserName, nil)
		if err != nil {
			return nil, err
		}
		i.mu.RLock()
		defer i.mu.RUnlock()
		e, err := i.find(k, name)
		if err != nil {
			return nil, err
		}
		names, next, err := page(slices.Sorted(maps.Keys(e.inline)), in.Marker, in.MaxItems)
		return struct {
			PolicyNames api.Members[string]
			pageOutput
		}{api.MembersOf(names...), next}, err
	}
}

func (i *IAM) deleteInlinePolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		name, err := i.begin(r, "Delete"+k.title()+"Policy", k, in.RoleName, in.UserName, nil)
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		e, _, err := i.inlinePolicy(k, name, in.PolicyName)
		if err != nil {
			return nil, err
		}
		delete(e.inline, in.PolicyName)
		return nil, nil
	}
}

func (i *IAM) attachPolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		name, err := i.begin(r, "Attach"+k.title()+"Policy", k, in.RoleName, in.UserName, map[string][]string{"iam:PolicyARN": {in.PolicyArn}})
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		e, err := i.find(k, name)
		if err != nil {
			return nil, err
		}
		return nil, i.attach(e, in.PolicyArn)
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
	return nil
}

func (i *IAM) detachPolicy(k kind) func(*api.Request, *entityPolicyInput) (any, error) {
	return func(r *api.Request, in *entityPolicyInput) (any, error) {
		name, err := i.begin(r, "Detach"+k.title()+"Policy", k, in.RoleName, in.UserName, map[string][]string{"iam:PolicyARN": {in.PolicyArn}})
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		e, err := i.find(k, name)
		if err != nil {
			return nil, err
		}
		at := slices.Index(e.attached, in.PolicyArn)
		if at < 0 {
			return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "Policy %s was not found.", in.PolicyArn)
		}
		e.attached = slices.Delete(e.attached, at, at+1)
		return nil, nil
	}
}

type attachedShape struct {
	PolicyName string
	PolicyArn  string
}

func (i *IAM) listAttachedPolicies(k kind) func(*api.Request, *entityPageInput) (any, error) {
	return func(r *api.Request, in *entityPageInput) (any, error) {
		name, err := i.begin(r, "ListAttached"+k.title()+"Policies", k, in.RoleName, in.UserName, nil)
		if err != nil {
			return nil, err
		}
		i.mu.RLock()
		defer i.mu.RUnlock()
		e, err := i.find(k, name)
		if err != nil {
			return nil, err
		}
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
	}
}
