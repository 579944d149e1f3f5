package iam

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// Evaluate decides whether caller may do action on resource. keys are the
// request's own condition keys, to which those about the caller and the time
// are added; set holds the resource policies and gets the caller's own.
func (i *IAM) Evaluate(caller api.Principal, action, resource string, keys map[string][]string, set policy.Set) policy.Decision {
	i.mu.RLock()
	defer i.mu.RUnlock()
	q := policy.Request{Caller: policyCaller(caller), Action: action, Resource: resource, Context: i.context(caller)}
	maps.Copy(q.Context, keys)
	if k, ok := i.keys[caller.AccessKeyID]; ok {
		set.Identity, set.Boundary, set.Session = i.identityPolicies(i.carrier(k)), i.boundaryPolicies(i.carrier(k)), k.policies
	}
	return policy.Evaluate(q, set)
}

func policyCaller(p api.Principal) policy.Caller {
	if p.Type == api.Anonymous {
		return policy.Caller{}
	}
	c := policy.Caller{Account: p.Account, ARNs: []string{p.ARN}}
	if p.RoleARN != "" {
		c.ARNs = append(c.ARNs, p.RoleARN)
	}
	return c
}

// identityPolicies are an entity's inline and attached policies.
func (i *IAM) identityPolicies(e *entity) []policy.Named {
	if e == nil {
		return nil
	}
	now := i.Now()
	r := e.rights.At(now)
	out := slices.Clone(r.inline)
	for _, p := range r.attached {
		if d := p.inEffect.At(now); d != nil {
			out = append(out, policy.Named{Name: p.name, ARN: p.arn, Document: d})
		}
	}
	return out
}

// context are the condition keys about the caller and the time; see "AWS global
// condition context keys".
func (i *IAM) context(caller api.Principal) map[string][]string {
	now := i.Now().UTC()
	c := map[string][]string{
		"aws:CurrentTime":           {now.Format(time.RFC3339)},
		"aws:EpochTime":             {strconv.FormatInt(now.Unix(), 10)},
		"aws:PrincipalType":         {string(caller.Type)},
		"aws:PrincipalIsAWSService": {"false"},
		"aws:ResourceAccount":       {i.Account},
	}
	if caller.Type == api.Anonymous {
		return c
	}
	c["aws:PrincipalAccount"] = []string{caller.Account}
	c["aws:PrincipalArn"] = []string{caller.ARN}
	c["aws:userid"] = []string{caller.UserID}
	if caller.RoleARN != "" {
		c["aws:PrincipalArn"] = []string{caller.RoleARN}
	}
	k, ok := i.keys[caller.AccessKeyID]
	if !ok {
		return c
	}
	if k.key.SessionToken != "" {
		c["aws:TokenIssueTime"] = []string{k.issued.Format(time.RFC3339)}
		c["aws:MultiFactorAuthPresent"] = []string{"false"}
	}
	e := i.carrier(k)
	if e == nil {
		return c
	}
	if e.kind == kindUser {
		c["aws:username"] = []string{e.name}
	}
	for _, t := range e.tags {
		c["aws:PrincipalTag/"+t.Key] = []string{t.Value}
	}
	return c
}
