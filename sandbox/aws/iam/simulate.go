package iam

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// simulation is what both simulations take. What would count beside the policies
// of a principal and one resource is refused by name.
type simulation struct {
	ActionNames     []string
	ResourceArns    []string
	PolicyInputList []string
	ResourcePolicy  string
	ContextEntries  []struct {
		ContextKeyName   string
		ContextKeyType   string
		ContextKeyValues []string
	}
	Marker   string
	MaxItems *int
}

type principalSimulation struct {
	PolicySourceArn string
	simulation
}

type evaluationShape struct {
	EvalActionName       string
	EvalResourceName     string
	EvalDecision         string
	MatchedStatements    api.Members[matchedShape]
	MissingContextValues api.Members[string]
}

type matchedShape struct {
	SourcePolicyID   string `xml:"SourcePolicyId"`
	SourcePolicyType string `xml:",omitempty"`
}

// simulatePrincipalPolicy decides by a user's or role's policies, with further
// ones in the request.
func (i *IAM) simulatePrincipalPolicy(r *api.Request, in *principalSimulation) (any, error) {
	if err := r.Authorize("iam:SimulatePrincipalPolicy", in.PolicySourceArn, nil); err != nil {
		return nil, err
	}
	i.mu.RLock()
	e := i.byARN(in.PolicySourceArn)
	var own, boundary []policy.Named
	caller := api.Principal{Type: api.User, Account: i.Account, ARN: in.PolicySourceArn}
	if e != nil {
		own, boundary, caller.UserID = i.identityPolicies(e), i.boundaryPolicies(e), e.id
		if e.kind == kindRole {
			caller.Type, caller.RoleARN = api.AssumedRole, e.arn
		}
	}
	context := i.context(caller)
	i.mu.RUnlock()
	if e == nil {
		return nil, api.Errorf(http.StatusNotFound, "NoSuchEntity", "The entity with ARN %s cannot be found.", in.PolicySourceArn)
	}
	if e.kind == kindUser {
		context["aws:username"] = []string{e.name}
	}
	return in.run(policyCaller(caller), policy.Set{Identity: own, Boundary: boundary}, context)
}

// byARN finds a user or role. The caller holds the lock.
func (i *IAM) byARN(arn string) *entity {
	name := arn[strings.LastIndex(arn, "/")+1:]
	if r := i.roles[name]; r != nil && r.arn == arn {
		return &r.entity
	}
	if u := i.users[name]; u != nil && u.arn == arn {
		return &u.entity
	}
	return nil
}

// run decides every action on every resource.
func (in *simulation) run(caller policy.Caller, set policy.Set, context map[string][]string) (any, error) {
	if len(in.ActionNames) == 0 {
		return nil, api.Invalid("null", "actionNames", "Member must not be null")
	}
	for n, text := range in.PolicyInputList {
		d, err := parse(text, "policyInputList", policy.Identity)
		if err != nil {
			return nil, err
		}
		set.Identity = append(set.Identity, policy.Named{Name: "PolicyInputList." + strconv.Itoa(n+1), Document: d.parsed})
	}
	if in.ResourcePolicy != "" {
		d, err := parse(in.ResourcePolicy, "resourcePolicy", policy.Resource)
		if err != nil {
			return nil, err
		}
		set.Resource = []policy.Named{{Name: "ResourcePolicy", Document: d.parsed}}
	}
	for _, entry := range in.ContextEntries {
		context[entry.ContextKeyName] = entry.ContextKeyValues
	}
	if len(in.ResourceArns) == 0 {
		in.ResourceArns = []string{"*"}
	}
	missing := missingKeys(set, context)
	var shapes []evaluationShape
	for _, action := range in.ActionNames {
		for _, resource := range in.ResourceArns {
			d := policy.Evaluate(policy.Request{Caller: caller, Action: action, Resource: resource, Context: context}, set)
			shape := evaluationShape{EvalActionName: action, EvalResourceName: resource, EvalDecision: "implicitDeny", MissingContextValues: api.MembersOf(missing...)}
			switch {
			case d.Allowed:
				shape.EvalDecision = "allowed"
			case d.Denied:
				shape.EvalDecision = "explicitDeny"
			}
			if d.Policy.Name != "" {
				shape.MatchedStatements = api.MembersOf(matchedShape{SourcePolicyID: d.Policy.Name, SourcePolicyType: d.Policy.SourceType()})
			}
			shapes = append(shapes, shape)
		}
	}
	shapes, next, err := page(shapes, in.Marker, in.MaxItems)
	return struct {
		EvaluationResults api.Members[evaluationShape]
		pageOutput
	}{api.MembersOf(shapes...), next}, err
}

// missingKeys are the condition keys that the policies use and the context lacks.
func missingKeys(set policy.Set, context map[string][]string) []string {
	var out []string
	for _, p := range slices.Concat(set.Identity, set.Resource) {
		for _, key := range p.Document.Keys() {
			known := false
			for k := range context {
				known = known || strings.EqualFold(k, key)
			}
			if !known {
				out = append(out, key)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
