// Package orgpolicy is Google's Organization Policy API (v2) for the sandbox's one
// project: the constraints that concern a federation, their policies on the project,
// and what is in effect. IAM applies them to providers, to new service accounts and to
// the members of policies, and the Service Account Credentials API to the lifetime of
// tokens.
//
// Not modelled: organizations and folders, so that a project inherits nothing but
// the constraint's default; custom constraints, conditions, dry runs, groups of
// values; the members of buckets' policies. Policies are set here by the project's owner; really it takes
// roles/orgpolicy.policyAdmin, which an organization grants.
package orgpolicy

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// The constraints: Resource Manager documentation, "Organization policy constraints".
const (
	AWSAccounts = "iam.workloadIdentityPoolAwsAccounts"
	Providers   = "iam.workloadIdentityPoolProviders"
	Lifetime    = "iam.allowServiceAccountCredentialLifetimeExtension"

	// Both forms are documented: "Restrict service account usage" and "Restrict
	// identities with domain-restricted sharing".
	NoAccounts        = "iam.disableServiceAccountCreation"
	NoAccountsManaged = "iam.managed.disableServiceAccountCreation"
	Members           = "iam.allowedPolicyMemberDomains"
	MembersManaged    = "iam.managed.allowedPolicyMembers"
)

// The organization that the project is in, as the policies about members name it: Members
// by the ID of its customer or the set of its principals, MembersManaged by its resource.
const (
	Customer     = "C0sandbox"
	Principals   = "principalSet://iam.googleapis.com/organizations/100000000001"
	Organization = "//cloudresourcemanager.googleapis.com/organizations/100000000001"
)

// defaults are what holds where no policy is set.
var defaults = map[string]Rule{AWSAccounts: {AllowAll: true}, Providers: {AllowAll: true}, Lifetime: {DenyAll: true},
	NoAccounts: {}, NoAccountsManaged: {}, Members: {AllowAll: true}, MembersManaged: {}}

// enforced are the constraints that are on or off.
var enforced = []string{NoAccounts, NoAccountsManaged, MembersManaged}

// Policy is one policy, as the API has it.
type Policy struct {
	Name string `json:"name"` // projects/NUMBER/policies/CONSTRAINT
	Spec *Spec  `json:"spec,omitempty"`
	Etag string `json:"etag,omitempty"`
}

// Spec is what a policy says.
type Spec struct {
	Etag              string `json:"etag,omitempty"`
	UpdateTime        string `json:"updateTime,omitempty"`
	InheritFromParent bool   `json:"inheritFromParent,omitempty"`
	Reset             bool   `json:"reset,omitempty"`
	Rules             []Rule `json:"rules,omitempty"`
}

// Rule is a rule of a list constraint, or of one that is on or off.
type Rule struct {
	Enforce    bool        `json:"enforce,omitempty"`
	Parameters *Parameters `json:"parameters,omitempty"` // of MembersManaged
	AllowAll   bool        `json:"allowAll,omitempty"`
	DenyAll    bool        `json:"denyAll,omitempty"`
	Values     *Values     `json:"values,omitempty"`
}

// Values are listed one by one, with or without the prefix is:.
type Values struct {
	AllowedValues []string `json:"allowedValues,omitempty"`
	DeniedValues  []string `json:"deniedValues,omitempty"`
}

// Parameters are whom MembersManaged allows.
type Parameters struct {
	Subjects []string `json:"allowedMemberSubjects,omitempty"` // members, as policies name them
	Sets     []string `json:"allowedPrincipalSets,omitempty"`
}

// Options configure the service.
type Options struct {
	ProjectID     string
	ProjectNumber string
	Resource      string // the project's full resource name
}

// OrgPolicy is the service.
type OrgPolicy struct {
	opts Options

	mu  sync.Mutex
	set map[string]Spec // by constraint
}

// New makes the service; no policy is set.
func New(opts Options) *OrgPolicy { return &OrgPolicy{opts: opts, set: map[string]Spec{}} }

// Service declares the Organization Policy API.
func (s *OrgPolicy) Service() api.Service {
	const policies = `^/v2/projects/([^/:]+)/policies`
	all, one := regexp.MustCompile(policies+"$"), regexp.MustCompile(policies+"/([^/:]+)$")
	effective := regexp.MustCompile(policies + "/([^/:]+):getEffectivePolicy$")
	method := func(id, verb string, path *regexp.Regexp, permission string, do handler) api.Method {
		authorized := func(r *api.Request, args []string) (any, error) {
			return s.of(r, args, "orgpolicy.policy."+permission, do)
		}
		return api.Method{ID: "orgpolicy.projects.policies." + id, HTTP: verb, Path: path, Query: []string{"updateMask"}, Do: authorized}
	}
	return api.Service{
		Name: "orgpolicy", API: "orgpolicy.googleapis.com", Title: "Organization Policy API",
		Paths: regexp.MustCompile(policies), Lock: &s.mu,
		Methods: []api.Method{
			method("create", "POST", all, "set", s.write),
			method("get", "GET", one, "get", s.get),
			method("patch", "PATCH", one, "set", s.write),
			method("delete", "DELETE", one, "set", s.delete),
			method("getEffectivePolicy", "GET", effective, "get", s.getEffective),
		},
	}
}

// handler runs a method on the policy of a constraint, or of none.
type handler func(r *api.Request, constraint string) (any, error)

// of authorizes a call about the project's policies, or the one of a constraint.
func (s *OrgPolicy) of(r *api.Request, args []string, permission string, do handler) (any, error) {
	if args[0] != s.opts.ProjectID && args[0] != s.opts.ProjectNumber {
		return nil, api.PermissionDenied(permission, "projects/"+args[0])
	}
	if err := r.Authorize(permission, s.opts.Resource); err != nil {
		return nil, err
	}
	if len(args) == 1 {
		return do(r, "")
	}
	if _, known := defaults[args[1]]; !known {
		return nil, unknown(args[1])
	}
	return do(r, args[1])
}

func (s *OrgPolicy) get(_ *api.Request, constraint string) (any, error) {
	spec, exists := s.set[constraint]
	if !exists {
		return nil, api.NotFound("Requested entity was not found.")
	}
	return s.policy(constraint, spec), nil
}

func (s *OrgPolicy) getEffective(_ *api.Request, constraint string) (any, error) {
	return s.policy(constraint, Spec{Rules: s.effective(constraint)}), nil
}

func (s *OrgPolicy) delete(r *api.Request, constraint string) (any, error) {
	if _, err := s.get(r, constraint); err != nil {
		return nil, err
	}
	delete(s.set, constraint)
	return struct{}{}, nil
}

func unknown(constraint string) error {
	return api.NotFound("%s", unmodelled.Sentence(unmodelled.Google("constraint", constraint)))
}

func (s *OrgPolicy) policy(constraint string, spec Spec) Policy {
	return Policy{Name: "projects/" + s.opts.ProjectNumber + "/policies/" + constraint, Spec: &spec}
}

// write sets the policy of a constraint, or of the one that the body names.
func (s *OrgPolicy) write(r *api.Request, constraint string) (any, error) {
	var in Policy
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	named := in.Name[strings.LastIndex(in.Name, "/")+1:]
	if constraint == "" {
		constraint = named
		if _, exists := s.set[constraint]; exists {
			return nil, api.AlreadyExists("Requested entity already exists")
		}
	}
	if _, known := defaults[constraint]; !known {
		return nil, unknown(constraint)
	}
	if named != "" && named != constraint || in.Spec == nil {
		return nil, api.InvalidArgument("Request contains an invalid argument.")
	}
	for _, rule := range in.Spec.Rules {
		if on := slices.Contains(enforced, constraint); on != (rule.Enforce || rule.Parameters != nil) && (!on || rule != (Rule{})) ||
			rule.Parameters != nil && constraint != MembersManaged {
			return nil, api.InvalidArgument("Request contains an invalid argument.")
		} else if on {
			continue
		}
		kinds := 0
		for _, given := range []bool{rule.AllowAll, rule.DenyAll, rule.Values != nil} {
			if given {
				kinds++
			}
		}
		if kinds != 1 {
			return nil, api.InvalidArgument("Request contains an invalid argument.")
		}
	}
	spec := *in.Spec
	s.set[constraint] = spec
	return s.policy(constraint, spec), nil
}

// effective are the rules that hold. The caller holds the lock.
func (s *OrgPolicy) effective(constraint string) []Rule {
	spec, exists := s.set[constraint]
	if !exists || spec.Reset || len(spec.Rules) == 0 {
		return []Rule{defaults[constraint]}
	}
	return spec.Rules
}

// Allows reports whether a constraint admits a value. What any rule denies is denied.
func (s *OrgPolicy) Allows(constraint, value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	allowed := false
	for _, rule := range s.effective(constraint) {
		switch {
		case rule.DenyAll:
			return false
		case rule.AllowAll:
			allowed = true
		default:
			if slices.ContainsFunc(rule.Values.DeniedValues, is(value)) {
				return false
			}
			allowed = allowed || len(rule.Values.AllowedValues) == 0 || slices.ContainsFunc(rule.Values.AllowedValues, is(value))
		}
	}
	return allowed
}

// Enforced reports whether a constraint that is on or off is on.
func (s *OrgPolicy) Enforced(constraint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.effective(constraint), func(r Rule) bool { return r.Enforce })
}

// Accounts is the refusal of a new service account, or nil: Organization Policy
// documentation, "Restrict service account usage". The words are believed, after those
// for keys ("Troubleshoot organization policy errors for service accounts").
func (s *OrgPolicy) Accounts(email string) error {
	for _, constraint := range []string{NoAccounts, NoAccountsManaged} {
		if s.Enforced(constraint) {
			const text = "Service account creation is not allowed on this project."
			return precondition(text, constraint, "projects/"+s.opts.ProjectID+"?configvalue="+url.QueryEscape(email), text)
		}
	}
	return nil
}

// Admit is the refusal of new members of a policy, or nil: "Restrict identities with
// domain-restricted sharing"; terraform-google-modules/terraform-example-foundation#1454
// has the words. That service accounts and workload identity pools of the organization are
// its principals is documented of the set, and believed of the customer's ID.
func (s *OrgPolicy) Admit(members []string) error {
	for _, member := range members {
		constraint := ""
		switch {
		case s.own(member) && s.Allows(Members, Customer), s.own(member) && s.Allows(Members, Principals), s.Allows(Members, member):
		default:
			constraint = Members
		}
		if s.Enforced(MembersManaged) && !s.listed(member) {
			constraint = MembersManaged
		}
		if constraint != "" {
			name := member[strings.Index(member, ":")+1:]
			return precondition("One or more users named in the policy do not belong to a permitted customer.", constraint,
				"orgpolicy:projects/"+s.opts.ProjectID+"?configvalue="+url.QueryEscape(name), "User "+name+" is not in permitted organization.")
		}
	}
	return nil
}

// own reports whether a member is a principal of the project's organization.
func (s *OrgPolicy) own(member string) bool {
	_, federated, _ := strings.Cut(member, "://iam.googleapis.com/projects/")
	return strings.HasSuffix(member, "@"+s.opts.ProjectID+".iam.gserviceaccount.com") || strings.HasPrefix(federated, s.opts.ProjectNumber+"/")
}

// listed reports whether the parameters of MembersManaged allow a member.
func (s *OrgPolicy) listed(member string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rule := range s.effective(MembersManaged) {
		if p := rule.Parameters; p != nil && (slices.Contains(p.Subjects, member) || s.own(member) && slices.Contains(p.Sets, Organization)) {
			return true
		}
	}
	return false
}

func is(value string) func(string) bool {
	return func(listed string) bool { return strings.TrimPrefix(listed, "is:") == value }
}

// Violated is the refusal of a value, as public reports show it.
func Violated(constraint, value, subject string) error {
	return precondition("Precondition check failed.", constraint, "orgpolicy:"+subject, "Org Policy violated for value: '"+value+"'.")
}

func precondition(message, constraint, subject, description string) error {
	e := api.FailedPrecondition("%s", message)
	e.Details = []any{map[string]any{
		"@type": "type.googleapis.com/google.rpc.PreconditionFailure",
		"violations": []any{map[string]string{
			"type":        "constraints/" + constraint,
			"subject":     subject,
			"description": description,
		}},
	}}
	return e
}
