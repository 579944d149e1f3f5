package sts

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
)

const withWebIdentity = "AssumeRoleWithWebIdentity"

// Limits of a token, in characters; see "AssumeRoleWithWebIdentity".
const (
	minToken = 4
	maxToken = 20000
)

// maxForm bounds the form of an unsigned request, in bytes.
const maxForm = 64 << 10

// Unsigned reports whether a request is for the one operation here that takes no
// signature: the token is the caller's credential.
func Unsigned(r *api.Request) bool {
	if r.Protocol() != api.ProtocolQuery {
		return false
	}
	if r.URL.Query().Get("Action") == withWebIdentity {
		return true
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxForm))
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), r.Body))
	form, malformed := url.ParseQuery(string(data))
	return err == nil && malformed == nil && form.Get("Action") == withWebIdentity
}

type webIdentityInput struct {
	RoleARN          string `param:"RoleArn"`
	RoleSessionName  string
	WebIdentityToken string
	DurationSeconds  *int
	Policy           *string
	PolicyARNs       []struct {
		ARN string `param:"arn"`
	} `param:"PolicyArns"`
}

type webIdentityOutput struct {
	assumeRoleOutput
	SubjectFromWebIdentityToken string
	Provider                    string
	Audience                    string
}

// assumeRoleWithWebIdentity opens a session for the bearer of an ID token. The texts of its
// refusals are those that people report: aws-actions/configure-aws-credentials#280, #1309
// and GitLab's "Configure OpenID Connect in AWS", troubleshooting. In which order the
// token is looked at is believed.
func (s *STS) assumeRoleWithWebIdentity(r *api.Request, in *webIdentityInput) (any, error) {
	common := &assumeRoleInput{
		RoleARN: in.RoleARN, RoleSessionName: in.RoleSessionName, DurationSeconds: in.DurationSeconds, Policy: in.Policy, PolicyARNs: in.PolicyARNs,
	}
	if err := common.validate(); err != nil {
		return nil, err
	}
	switch n := len(in.WebIdentityToken); {
	case n < minToken:
		return nil, api.Invalid(in.WebIdentityToken, "webIdentityToken",
			"Member must have length greater than or equal to "+strconv.Itoa(minToken))
	case n > maxToken:
		return nil, api.Invalid("", "webIdentityToken", "Member must have length less than or equal to "+strconv.Itoa(maxToken))
	}
	sessionPolicies, packed, err := s.sessionPolicies(common)
	if err != nil {
		return nil, err
	}
	provider, claims, err := s.identify(r, in.WebIdentityToken)
	if err != nil {
		return nil, err
	}
	subject, audience := claims.Text("sub"), claims.Audiences()
	r.Entry.Principal = claims.Text("iss") + " " + subject
	role, exists := s.iam.Role(in.RoleARN)
	set := policy.Set{Trust: true}
	if exists {
		set.Resource = role.Trust
	}
	// "Available keys for AWS OIDC federation", "AWS global condition context keys".
	decision := policy.Evaluate(policy.Request{
		Caller: policy.Caller{Federated: provider.ARN}, Action: "sts:" + withWebIdentity, Resource: in.RoleARN,
		Context: map[string][]string{
			provider.Host + ":sub": {subject}, provider.Host + ":aud": audience, "aws:FederatedProvider": {provider.ARN},
			"sts:RoleSessionName": {in.RoleSessionName}, "aws:SecureTransport": {"true"}, "aws:RequestedRegion": {r.Region},
		},
	}, set)
	r.Record("sts:"+withWebIdentity, in.RoleARN, decision)
	if !decision.Allowed {
		return nil, api.Errorf(http.StatusForbidden, "AccessDenied", "Not authorized to perform sts:%s", withWebIdentity)
	}
	duration, err := common.duration(api.Principal{Type: api.Anonymous}, role.MaxSession)
	if err != nil {
		return nil, err
	}
	c, err := s.iam.OpenSession(role, in.RoleSessionName, duration, sessionPolicies)
	if err != nil {
		return nil, err
	}
	return webIdentityOutput{common.output(r, role, c, packed), subject, claims.Text("iss"), audience[0]}, nil
}

// identify verifies a token for one of the account's identity providers.
func (s *STS) identify(r *api.Request, text string) (iam.WebIdentity, oidc.Claims, error) {
	invalid := func(format string, args ...any) (iam.WebIdentity, oidc.Claims, error) {
		return iam.WebIdentity{}, nil, api.Errorf(http.StatusBadRequest, "InvalidIdentityToken", format, args...)
	}
	token, err := oidc.Parse(text)
	if err != nil {
		return invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
	}
	claims := token.Claims
	provider, ok := s.iam.WebIdentity(claims.Text("iss"))
	switch {
	case !ok:
		return invalid("No OpenIDConnect provider found in your account for %s", claims.Text("iss"))
	case !slices.ContainsFunc(claims.Audiences(), func(a string) bool { return slices.Contains(provider.Audiences, a) }):
		return invalid("Incorrect token audience")
	case claims.Text("sub") == "" || claims.Seconds("exp") == 0 || claims.Seconds("iat") == 0:
		return invalid("Missing a required claim: sub, exp or iat") // the wording is believed
	}
	if now := r.Time.Unix(); now >= claims.Seconds("exp") {
		return iam.WebIdentity{}, nil, api.Errorf(http.StatusBadRequest, "ExpiredTokenException",
			"Token expired: current date/time %d must be before the expiration date/time %d", now, claims.Seconds("exp"))
	}
	switch err := token.Verify(s.web, claims.Text("iss"), ""); {
	case errors.Is(err, oidc.ErrUnreachable):
		return invalid("Couldn't retrieve verification key from your identity provider,  " +
			"please reference AssumeRoleWithWebIdentity documentation for requirements")
	case err != nil:
		return invalid("The ID Token signature could not be verified") // the wording is believed
	}
	return provider, claims, nil
}
