package iam

import (
	"maps"
	"net/url"
	"regexp"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/expression"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/orgpolicy"
)

// Limits of providers: IAM API reference,
// "projects.locations.workloadIdentityPools.providers".
const (
	maxMappings           = 50
	maxMappingKey         = 100
	maxMappingExpression  = 2048
	maxConditionCharacter = 4096
	maxProviderPage       = 100
	maxAudiences          = 10
	maxAudience           = 256
)

// provider is a pool's provider.
type provider struct {
	lifecycle
	AttributeMapping   map[string]string `json:"attributeMapping,omitempty"`
	AttributeCondition string            `json:"attributeCondition,omitempty"`
	AWS                *awsProvider      `json:"aws,omitempty"`
	OIDC               *oidcProvider     `json:"oidc,omitempty"`

	// Kinds that are not modelled, so that they are refused by name.
	SAML any `json:"saml,omitempty"`
	X509 any `json:"x509,omitempty"`
}

type awsProvider struct {
	AccountID string `json:"accountId"`
}

// oidcProvider is an issuer of OpenID Connect: IAM API reference, "Oidc".
type oidcProvider struct {
	IssuerURI        string   `json:"issuerUri"`
	AllowedAudiences []string `json:"allowedAudiences,omitempty"`
	JwksJSON         string   `json:"jwksJson,omitempty"`
}

func (o *oidcProvider) check() error {
	u, err := url.Parse(o.IssuerURI)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return api.InvalidArgument("oidc.issuer_uri %q must be an https URL.", o.IssuerURI)
	}
	if len(o.AllowedAudiences) > maxAudiences {
		return api.InvalidArgument("oidc.allowed_audiences must have at most %d values.", maxAudiences)
	}
	for _, a := range o.AllowedAudiences {
		if len(a) > maxAudience {
			return api.InvalidArgument("An allowed audience must have at most %d characters.", maxAudience)
		}
	}
	return nil
}

// issuer is the provider's in the constraint on providers.
func (p *provider) issuer() string {
	if p.OIDC != nil {
		return p.OIDC.IssuerURI
	}
	return awsIssuer
}

// defaultMapping is what an AWS provider has that was given none.
var defaultMapping = map[string]string{
	"google.subject":     "assertion.arn",
	"attribute.aws_role": "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn",
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	mappingPattern = regexp.MustCompile(`^(google\.subject|google\.groups|attribute\.[a-z0-9_]+)$`)
)

func (p *provider) check() error {
	if err := p.lifecycle.check(); err != nil {
		return err
	}
	for kind, value := range map[string]any{"saml": p.SAML, "x509": p.X509} {
		if value != nil {
			return api.Unmodelled("provider", kind)
		}
	}
	switch {
	case p.AWS != nil && p.OIDC != nil:
		return api.InvalidArgument("The provider must have one configuration: aws or oidc.")
	case p.OIDC != nil:
		if err := p.OIDC.check(); err != nil {
			return err
		}
	case p.AWS == nil || !accountPattern.MatchString(p.AWS.AccountID):
		return api.InvalidArgument("aws.account_id must be 12 digits.")
	}
	if p.AttributeMapping["google.subject"] == "" {
		return api.InvalidArgument("The attribute mapping must map google.subject.")
	}
	if len(p.AttributeMapping) > maxMappings {
		return api.InvalidArgument("The attribute mapping has %d keys, more than %d.", len(p.AttributeMapping), maxMappings)
	}
	for key, source := range p.AttributeMapping {
		if !mappingPattern.MatchString(key) || len(key) > maxMappingKey {
			return api.InvalidArgument("Invalid mapped attribute key: %s. Custom mapped attributes must be in format 'attribute.{custom_attribute}'", key)
		}
		if len(source) > maxMappingExpression {
			return api.InvalidArgument("The mapping of %s is longer than %d characters.", key, maxMappingExpression)
		}
		if _, err := expression.Compile(source, "assertion"); err != nil {
			return api.InvalidArgument("Invalid mapping of %s: %v", key, err)
		}
	}
	if p.AttributeCondition != "" {
		if len(p.AttributeCondition) > maxConditionCharacter {
			return api.InvalidArgument("attribute_condition is longer than %d characters.", maxConditionCharacter)
		}
		if _, err := expression.Condition(p.AttributeCondition, "assertion", "google", "attribute"); err != nil {
			return api.InvalidArgument("Invalid attribute condition: %v", err)
		}
	}
	return nil
}

// awsIssuer is AWS in the constraint on providers: IAM documentation,
// "Manage workload identity pools and providers".
const awsIssuer = "https://sts.amazonaws.com"

// admitted checks a provider against the project's organization policies.
func (s *IAM) admitted(p *provider, pool string) error {
	constraints := [][2]string{{orgpolicy.Providers, p.issuer()}}
	if p.AWS != nil {
		constraints = append(constraints, [2]string{orgpolicy.AWSAccounts, p.AWS.AccountID})
	}
	for _, of := range constraints {
		if !s.opts.Policies.Allows(of[0], of[1]) {
			return orgpolicy.Violated(of[0], of[1], pool)
		}
	}
	return nil
}

// provider finds a path's provider.
func (s *IAM) provider(r *api.Request, permission string, args []string) (*provider, error) {
	pool, err := s.pool(r, permission, args)
	if err != nil {
		return nil, err
	}
	p := pool.providers[args[2]]
	if p == nil {
		return nil, notFound()
	}
	return p, nil
}

func (s *IAM) createProvider(r *api.Request, args []string) (any, error) {
	pool, err := s.pool(r, "iam.workloadIdentityPoolProviders.create", args)
	if err != nil {
		return nil, err
	}
	if pool.State == stateDeleted {
		return nil, notFound()
	}
	var p provider
	if err := api.ReadJSON(r, &p); err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("workloadIdentityPoolProviderId")
	if err := checkID("Workload identity pool provider", id); err != nil {
		return nil, err
	}
	if len(p.AttributeMapping) == 0 && p.OIDC == nil { // for OIDC there is no default
		p.AttributeMapping = maps.Clone(defaultMapping)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if pool.providers[id] != nil {
		return nil, alreadyExists()
	}
	if err := s.admitted(&p, pool.Name); err != nil {
		return nil, err
	}
	p.Name, p.State, p.ExpireTime = pool.Name+"/providers/"+id, stateActive, ""
	pool.providers[id] = &p
	return s.operation(p.Name, "WorkloadIdentityPoolProvider", p)
}

func (s *IAM) listProviders(r *api.Request, args []string) (any, error) {
	pool, err := s.pool(r, "iam.workloadIdentityPoolProviders.list", args)
	if err != nil {
		return nil, err
	}
	out := []*provider{}
	for _, id := range slices.Sorted(maps.Keys(pool.providers)) {
		if p := pool.providers[id]; p.State == stateActive || showDeleted(r) {
			out = append(out, p)
		}
	}
	return listing(r, "workloadIdentityPoolProviders", out, maxProviderPage)
}

func (s *IAM) getProvider(r *api.Request, args []string) (any, error) {
	p, err := s.provider(r, "iam.workloadIdentityPoolProviders.get", args)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// changeable is provider for a change, which a deleted pool does not allow.
func (s *IAM) changeable(r *api.Request, permission string, args []string) (*provider, error) {
	p, err := s.provider(r, permission, args)
	if err == nil && s.pools[args[1]].State == stateDeleted {
		return nil, notFound()
	}
	return p, err
}

// patchProvider changes the fields that the mask names, whatever else the body
// holds.
func (s *IAM) patchProvider(r *api.Request, args []string) (any, error) {
	p, err := s.changeable(r, "iam.workloadIdentityPoolProviders.update", args)
	if err != nil {
		return nil, err
	}
	if p.State == stateDeleted {
		return nil, notFound()
	}
	var in provider
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	fields, err := mask(r)
	if err != nil {
		return nil, err
	}
	changed := *p
	for _, field := range fields {
		switch field {
		case "attributeMapping", "attribute_mapping":
			changed.AttributeMapping = in.AttributeMapping
			if len(in.AttributeMapping) == 0 && changed.OIDC == nil {
				changed.AttributeMapping = maps.Clone(defaultMapping)
			}
		case "attributeCondition", "attribute_condition":
			changed.AttributeCondition = in.AttributeCondition
		case "aws", "aws.accountId", "aws.account_id":
			changed.AWS = in.AWS
		case "oidc":
			changed.OIDC = in.OIDC
		default:
			if !changed.set(field, in.lifecycle) {
				return nil, api.InvalidArgument("Invalid update mask: %q.", field)
			}
		}
	}
	if err := changed.check(); err != nil {
		return nil, err
	}
	if err := s.admitted(&changed, s.pools[args[1]].Name); err != nil {
		return nil, err
	}
	*p = changed
	return s.operation(p.Name, "WorkloadIdentityPoolProvider", *p)
}

func (s *IAM) deleteProvider(r *api.Request, args []string) (any, error) {
	p, err := s.changeable(r, "iam.workloadIdentityPoolProviders.delete", args)
	if err != nil {
		return nil, err
	}
	if err := p.delete(s.opts.Now()); err != nil {
		return nil, err
	}
	return s.operation(p.Name, "WorkloadIdentityPoolProvider", *p)
}

func (s *IAM) undeleteProvider(r *api.Request, args []string) (any, error) {
	p, err := s.changeable(r, "iam.workloadIdentityPoolProviders.undelete", args)
	if err != nil {
		return nil, err
	}
	if err := p.undelete(); err != nil {
		return nil, err
	}
	return s.operation(p.Name, "WorkloadIdentityPoolProvider", *p)
}

// Provider is what the token exchange may know of a provider.
type Provider struct {
	Pool       string // the pool's resource name
	AWSAccount string // of an AWS provider
	Mapping    map[string]string
	Condition  string

	// Of an OIDC provider: its issuer, the keys that were uploaded for it, if any, and
	// the audiences of its tokens.
	Issuer, KeySet string
	Audiences      []string
}

// audiencePattern is a provider's full resource name; its project is a number.
var audiencePattern = regexp.MustCompile(`^//iam\.googleapis\.com/projects/([0-9]+)/locations/global/workloadIdentityPools/([a-z0-9-]+)/providers/([a-z0-9-]+)$`)

// Provider finds the provider of an audience. wellFormed is false for what is no
// audience at all; ok is false for a provider that admits no one now: it or its
// pool is absent, disabled or deleted.
func (s *IAM) Provider(audience string) (p Provider, wellFormed, ok bool) {
	m := audiencePattern.FindStringSubmatch(audience)
	if m == nil {
		return Provider{}, false, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purge()
	pool := s.pools[m[2]]
	if m[1] != s.opts.ProjectNumber || pool == nil || pool.State != stateActive || pool.Disabled {
		return Provider{}, true, false
	}
	found := pool.providers[m[3]]
	if found == nil || found.State != stateActive || found.Disabled {
		return Provider{}, true, false
	}
	p = Provider{Pool: pool.Name, Mapping: maps.Clone(found.AttributeMapping), Condition: found.AttributeCondition}
	if found.OIDC == nil {
		p.AWSAccount = found.AWS.AccountID
		return p, true, true
	}
	p.Issuer, p.KeySet, p.Audiences = found.OIDC.IssuerURI, found.OIDC.JwksJSON, slices.Clone(found.OIDC.AllowedAudiences)
	if len(p.Audiences) == 0 { // the provider's own name, with or without a scheme
		p.Audiences = []string{audience, "https:" + audience}
	}
	return p, true, true
}
