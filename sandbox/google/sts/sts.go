// Package sts is Google's Security Token Service: it exchanges a subject token of
// AWS, which is a signed and unsent GetCallerIdentity request, or an ID token of
// OpenID Connect for an access token of the federated principal.
//
// The signed request is really sent, to the AWS cloud it was made for, whose
// answer decides; nothing here looks into the signature. That of an ID token is
// verified with the issuer's keys. Mapping and condition are evaluated on what is
// asserted. Subject tokens of SAML and X.509 are not modelled.
package sts

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/token"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// The identifiers of the exchange: RFC 8693, "OAuth 2.0 Token Exchange", and
// Security Token Service API reference, "token".
const (
	grantType        = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenType  = "urn:ietf:params:oauth:token-type:access_token"
	subjectTokenType = "urn:ietf:params:aws:token-type:aws4_request"
	jwtType          = "urn:ietf:params:oauth:token-type:jwt"
	idTokenType      = "urn:ietf:params:oauth:token-type:id_token"

	lifetime = time.Hour
	maxBody  = 64 << 10 // of a request, in bytes
)

// Options configure the service.
type Options struct {
	IAM    *iam.IAM
	Tokens *token.Store
	// AWS sends a request that was signed for an AWS host. Its URL is the public
	// one; the transport finds the local cloud.
	AWS http.RoundTripper
	// Web reaches the issuers of OpenID Connect; nil reaches none.
	Web http.RoundTripper
}

// STS is the service.
type STS struct{ opts Options }

// New makes the service.
func New(opts Options) *STS { return &STS{opts} }

// Error is an error as OAuth 2.0 writes it (RFC 6749, section 5.2).
type Error struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`

	cause string // what is known beyond the description, for the journal
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

// exchange is a request to exchange a token; the service takes it as a form and
// as JSON.
type exchange struct {
	GrantType          string `json:"grantType"`
	Audience           string `json:"audience"`
	Scope              string `json:"scope"`
	RequestedTokenType string `json:"requestedTokenType"`
	SubjectToken       string `json:"subjectToken"`
	SubjectTokenType   string `json:"subjectTokenType"`
	Options            string `json:"options"`
}

// Service declares the Security Token Service API. It needs no bearer token, and its
// errors are those of OAuth.
func (s *STS) Service() api.Service {
	path := regexp.MustCompile(`^/v1/token$`)
	return api.Service{
		Name: "sts", API: "sts.googleapis.com", Title: "Security Token Service API", Paths: path, WriteError: writeError,
		Check:   func(*api.Request, []string) error { return nil },
		Methods: []api.Method{{ID: "sts.token", HTTP: http.MethodPost, Path: path, Do: s.token}},
	}
}

func (s *STS) token(r *api.Request, _ []string) (any, error) {
	in, err := read(r)
	var out any
	var why string
	if err == nil {
		out, why, err = s.exchange(r, in)
	}
	decision := journal.Decision{Action: "token exchange", Resource: in.Audience, Allowed: err == nil, Reason: why}
	if err != nil {
		decision.Reason = err.Description
		if err.cause != "" {
			decision.Reason += " " + err.cause
		}
	}
	r.Entry.Decisions = append(r.Entry.Decisions, decision)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func writeError(w http.ResponseWriter, r *api.Request, err error) {
	var refused *Error
	if !errors.As(err, &refused) {
		api.WriteError(w, r, err)
		return
	}
	r.Entry.Code = refused.Code
	api.WriteJSON(w, http.StatusBadRequest, refused)
}

func read(r *api.Request) (exchange, *Error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return exchange{}, &Error{Code: "invalid_request", Description: "The request is too large."}
	}
	var in exchange
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var problem *api.Error
		if errors.As(api.Decode(bytes.NewReader(data), &in), &problem) {
			return exchange{}, &Error{Code: "invalid_request", Description: problem.Message}
		}
		return in, nil
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return exchange{}, &Error{Code: "invalid_request", Description: "Bad Request"}
	}
	fields := map[string]*string{
		"grant_type": &in.GrantType, "audience": &in.Audience, "scope": &in.Scope,
		"requested_token_type": &in.RequestedTokenType,
		"subject_token":        &in.SubjectToken, "subject_token_type": &in.SubjectTokenType,
		"options": &in.Options,
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		field := fields[name]
		if field == nil { // an actor's token among them
			return exchange{}, &Error{Code: "invalid_request", Description: "Invalid parameter: " + unmodelled.Google("parameter", name) + "."}
		}
		if len(form[name]) > 1 {
			return exchange{}, &Error{Code: "invalid_request", Description: "Parameter " + name + " is given more than once."}
		}
		*field = form.Get(name)
	}
	return in, nil
}

// checkOptions admits the one option there is for callers without a project of
// their own, which changes nothing here.
func checkOptions(text string) *Error {
	var options struct {
		UserProject string `json:"userProject"`
	}
	var problem *api.Error
	if errors.As(api.Decode(strings.NewReader(text), &options), &problem) {
		return &Error{Code: "invalid_request", Description: "Invalid value for \"options\". " + problem.Message}
	}
	return nil
}

// exchange answers with a token, and says why it does.
func (s *STS) exchange(r *api.Request, in exchange) (answer any, why string, problem *Error) {
	switch {
	case in.GrantType != grantType:
		return nil, "", &Error{Code: "unsupported_grant_type", Description: "Bad Request"}
	case in.RequestedTokenType != accessTokenType:
		return nil, "", &Error{Code: "invalid_request", Description: "Invalid value for \"requested_token_type\": only " + accessTokenType + " is supported."}
	case !slices.Contains([]string{subjectTokenType, jwtType, idTokenType}, in.SubjectTokenType):
		return nil, "", &Error{Code: "invalid_request", Description: "Invalid value for \"subject_token_type\"."}
	case strings.TrimSpace(in.Scope) == "":
		return nil, "", &Error{Code: "invalid_scope", Description: "Missing required parameter: scope"}
	case in.SubjectToken == "":
		return nil, "", &Error{Code: "invalid_request", Description: "Missing required parameter: subject_token"}
	}
	if err := checkOptions(in.Options); err != nil {
		return nil, "", err
	}
	provider, wellFormed, ok := s.opts.IAM.Provider(in.Audience)
	if !wellFormed {
		return nil, "", &Error{Code: "invalid_request", Description: "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats."}
	}
	if !ok {
		return nil, "", &Error{Code: "invalid_target", Description: "The target service indicated by the \"audience\" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn't exist."}
	}
	aws := in.SubjectTokenType == subjectTokenType
	if aws != (provider.Issuer == "") {
		return nil, "", &Error{Code: "invalid_request", Description: "Invalid value for \"subject_token_type\".", cause: "(The provider is of another kind.)"}
	}
	assert := s.assertAWS
	if !aws {
		assert = s.assertOIDC
	}
	assertion, name, err := assert(r, in, provider)
	r.Entry.Principal = name
	if err != nil {
		return nil, "", err
	}
	principal, why, err := federate(provider, assertion, name)
	if err != nil {
		return nil, "", err
	}
	principal.Scopes = strings.Fields(in.Scope)
	access, _ := s.opts.Tokens.Issue(principal, lifetime)
	r.Entry.Principal, r.Entry.Through = principal.Member, principal.Through
	return map[string]any{
		"access_token":      access,
		"issued_token_type": accessTokenType,
		"token_type":        "Bearer",
		"expires_in":        int(lifetime / time.Second),
	}, why, nil
}

// assertAWS is what AWS says of the caller that signed the subject token.
func (s *STS) assertAWS(r *api.Request, in exchange, p iam.Provider) (assertion map[string]any, name string, problem *Error) {
	id, problem := s.verify(r.Context(), in.SubjectToken, in.Audience)
	if problem == nil && id.account != p.AWSAccount {
		problem = &Error{Code: "invalid_grant", Description: "The AWS account of the given credential (" + id.account + ") is not the account that the provider trusts."}
	}
	return map[string]any{"account": id.account, "arn": id.arn, "userid": id.userID}, id.arn, problem
}

// verify sends the signed request and reads who AWS says the caller is.
func (s *STS) verify(ctx context.Context, subjectToken, audience string) (identity, *Error) {
	req, problem := parse(subjectToken, audience)
	if problem != nil {
		return identity{}, problem
	}
	resp, err := s.opts.AWS.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return identity{}, &Error{Code: "invalid_grant", Description: "Error connecting to AWS: " + err.Error()}
	}
	defer resp.Body.Close()
	return readIdentity(resp)
}

// Refuse answers a refusal that was asked for. One of too many exchanges is as the IAM
// documentation has it, "Troubleshoot Workload Identity Federation".
func Refuse(w http.ResponseWriter, r *api.Request, status int, code, message string) {
	if status == http.StatusTooManyRequests {
		code = cmp.Or(code, "quota_exceeded")
		message = cmp.Or(message, "The request was throttled due to rate limit: sts.googleapis.com/requests. Please retry after a few seconds.")
	}
	r.Entry.Code = code
	api.WriteJSON(w, status, &Error{Code: code, Description: message})
}
