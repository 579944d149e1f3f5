// Package sts models the AWS Security Token Service: AssumeRole with trust
// policies, external ids and session policies, and GetCallerIdentity, which
// needs no permission, and AssumeRoleWithWebIdentity, which needs no signature.
// Sessions and their keys live in IAM.
//
// It does not model session tags, source identities, MFA, SAML, OAuth 2.0 access
// tokens, federation tokens and encoded authorization messages; their
// operations are unknown and their parameters are refused by name.
package sts

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// Durations of a session; see "AssumeRole" and "IAM and AWS STS quotas".
const (
	defaultDuration    = time.Hour
	minDuration        = 15 * time.Minute
	maxDuration        = 12 * time.Hour
	maxChainedDuration = time.Hour
)

// Limits of the other parameters; see "AssumeRole".
const (
	minSessionName    = 2
	maxSessionName    = 64
	minExternalID     = 2
	maxExternalID     = 1224
	maxSessionPolicy  = 2048
	maxManagedSession = 10
)

var (
	sessionNameRule = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalIDRule  = regexp.MustCompile(`^[\w+=,.@:\/-]*$`)
	roleARNRule     = regexp.MustCompile(`^arn:aws:iam::\d{12}:role/.+$`)
)

// STS is the service. Make it with New.
type STS struct {
	iam *iam.IAM
	web http.RoundTripper
}

// New returns an STS over the roles, sessions and identity providers of i. web reaches
// the issuers of OpenID Connect; nil reaches none.
func New(i *iam.IAM, web http.RoundTripper) *STS { return &STS{i, web} }

// Service declares the STS API.
func (s *STS) Service() api.Service {
	return api.Service{
		Protocol: api.Query{Namespace: "https://sts.amazonaws.com/doc/2011-06-15/", Version: "2011-06-15"},
		Operations: map[string]api.Operation{
			"AssumeRole":                api.Do(s.assumeRole),
			"AssumeRoleWithWebIdentity": api.Do(s.assumeRoleWithWebIdentity),
			"GetCallerIdentity":         api.Do(s.getCallerIdentity),
		},
	}
}

func (s *STS) getCallerIdentity(r *api.Request, _ *struct{}) (any, error) {
	return struct {
		ARN     string `xml:"Arn" json:"Arn"`
		UserID  string `xml:"UserId" json:"UserId"`
		Account string
	}{r.Caller.ARN, r.Caller.UserID, r.Caller.Account}, nil
}

type assumeRoleInput struct {
	RoleARN         string `param:"RoleArn"`
	RoleSessionName string
	DurationSeconds *int
	ExternalID      *string `param:"ExternalId"`
	Policy          *string
	PolicyARNs      []struct {
		ARN string `param:"arn"`
	} `param:"PolicyArns"`
}

type assumeRoleOutput struct {
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId" json:"AssumedRoleId"`
		ARN           string `xml:"Arn" json:"Arn"`
	}
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId" json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      api.Timestamp
	}
	PackedPolicySize int `xml:",omitempty" json:",omitempty"`
}

func (s *STS) assumeRole(r *api.Request, in *assumeRoleInput) (any, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	sessionPolicies, packed, err := s.sessionPolicies(in)
	if err != nil {
		return nil, err
	}
	keys := map[string][]string{"sts:RoleSessionName": {in.RoleSessionName}}
	if in.ExternalID != nil {
		keys["sts:ExternalId"] = []string{*in.ExternalID}
	}
	role, exists := s.iam.Role(in.RoleARN)
	// A role that does not exist has a trust policy that allows no one; the
	// answer does not reveal the difference.
	set := policy.Set{Trust: true}
	if exists {
		set.Resource = role.Trust
	}
	decision := r.Evaluate("sts:AssumeRole", in.RoleARN, keys, set)
	r.Record("sts:AssumeRole", in.RoleARN, decision)
	if !decision.Allowed {
		message := "User: " + r.Caller.ARN + " is not authorized to perform: sts:AssumeRole on resource: " + in.RoleARN
		if !decision.Untrusted {
			message += " " + decision.Clause
		}
		return nil, api.Errorf(http.StatusForbidden, "AccessDenied", "%s", message)
	}
	duration, err := in.duration(r.Caller, role.MaxSession)
	if err != nil {
		return nil, err
	}
	c, err := s.iam.OpenSession(role, in.RoleSessionName, duration, sessionPolicies)
	if err != nil {
		return nil, err
	}
	return in.output(r, role, c, packed), nil
}

func (in *assumeRoleInput) output(r *api.Request, role iam.Role, c api.Credentials, packed int) (out assumeRoleOutput) {
	out.AssumedRoleUser.AssumedRoleID = role.ID + ":" + in.RoleSessionName
	out.AssumedRoleUser.ARN = iam.SessionARN(r.Account, role.Name, in.RoleSessionName)
	out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey = c.AccessKeyID, c.SecretAccessKey
	out.Credentials.SessionToken, out.Credentials.Expiration = c.SessionToken, api.Timestamp(c.Expiration)
	out.PackedPolicySize = packed
	return out
}

func (in *assumeRoleInput) validate() error {
	name := in.RoleSessionName
	switch {
	case !roleARNRule.MatchString(in.RoleARN):
		return api.Errorf(http.StatusBadRequest, "ValidationError", "%s is invalid", in.RoleARN)
	case len(name) < minSessionName:
		return api.Invalid(name, "roleSessionName", "Member must have length greater than or equal to "+strconv.Itoa(minSessionName))
	case len(name) > maxSessionName:
		return api.Invalid(name, "roleSessionName", "Member must have length less than or equal to "+strconv.Itoa(maxSessionName))
	case !sessionNameRule.MatchString(name):
		return api.Invalid(name, "roleSessionName", `Member must satisfy regular expression pattern: [\w+=,.@-]*`)
	}
	if in.ExternalID != nil {
		switch id := *in.ExternalID; {
		case len(id) < minExternalID:
			return api.Invalid(id, "externalId", "Member must have length greater than or equal to "+strconv.Itoa(minExternalID))
		case len(id) > maxExternalID:
			return api.Invalid(id, "externalId", "Member must have length less than or equal to "+strconv.Itoa(maxExternalID))
		case !externalIDRule.MatchString(id):
			return api.Invalid(id, "externalId", `Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`)
		}
	}
	if in.DurationSeconds != nil {
		switch d := *in.DurationSeconds; {
		case d < int(minDuration.Seconds()):
			return api.Invalid(d, "durationSeconds", "Member must have value greater than or equal to "+strconv.Itoa(int(minDuration.Seconds())))
		case d > int(maxDuration.Seconds()):
			return api.Invalid(d, "durationSeconds", "Member must have value less than or equal to "+strconv.Itoa(int(maxDuration.Seconds())))
		}
	}
	return nil
}

// duration is how long the session lasts, within the role's limit and that of
// a role which assumes a role.
func (in *assumeRoleInput) duration(caller api.Principal, longest time.Duration) (time.Duration, error) {
	if in.DurationSeconds == nil {
		return min(defaultDuration, longest), nil
	}
	d := time.Duration(*in.DurationSeconds) * time.Second
	if caller.Type == api.AssumedRole && d > maxChainedDuration {
		return 0, api.Errorf(http.StatusBadRequest, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if d > longest {
		return 0, api.Errorf(http.StatusBadRequest, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return d, nil
}

// sessionPolicies reads the policies that limit the session, and how many
// percent of the packed size they take, roughly as the real service counts.
func (s *STS) sessionPolicies(in *assumeRoleInput) (out []policy.Named, packed int, err error) {
	if in.Policy != nil {
		if len(*in.Policy) > maxSessionPolicy {
			return nil, 0, api.Invalid(*in.Policy, "policy", "Member must have length less than or equal to "+strconv.Itoa(maxSessionPolicy))
		}
		d, err := policy.Parse(*in.Policy, policy.Identity)
		var m *policy.Malformed
		if errors.As(err, &m) {
			return nil, 0, api.Errorf(http.StatusBadRequest, "MalformedPolicyDocument", "%s", m.Message)
		}
		if err != nil {
			return nil, 0, err
		}
		out, packed = append(out, policy.Named{Name: "session policy", Document: d}), 1+len(*in.Policy)*100/(2*maxSessionPolicy)
	}
	if len(in.PolicyARNs) > maxManagedSession {
		return nil, 0, api.Errorf(http.StatusBadRequest, "ValidationError", "The number of policy ARNs exceeds %d", maxManagedSession)
	}
	for _, p := range in.PolicyARNs {
		named, ok := s.iam.ManagedPolicy(p.ARN)
		if !ok {
			return nil, 0, api.Errorf(http.StatusBadRequest, "ValidationError", "Policy %s does not exist or is not attachable.", p.ARN)
		}
		out, packed = append(out, named), packed+1
	}
	return out, packed, nil
}
