// Package credentials is Google's IAM Service Account Credentials API:
// generateAccessToken, by which a principal becomes a service account for an
// hour at most, by itself or through a chain of delegates. ID tokens and signing
// are not modelled and refused by name.
package credentials

import (
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/iam"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/orgpolicy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/token"
)

// The longest life of a token without and with an organization policy: Service
// Account Credentials API reference, "generateAccessToken".
const (
	maxLifetime = time.Hour
	maxExtended = 12 * time.Hour
)

// durationPattern is a duration as JSON writes google.protobuf.Duration.
var durationPattern = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,9})?s$`)

// Options configure the service.
type Options struct {
	IAM      *iam.IAM
	Tokens   *token.Store
	Policies *orgpolicy.OrgPolicy
}

// Credentials is the service.
type Credentials struct{ opts Options }

// New makes the service.
func New(opts Options) *Credentials { return &Credentials{opts} }

// Service declares the Service Account Credentials API; the project in its paths is
// always "-".
func (s *Credentials) Service() api.Service {
	const accounts = `^/v1/projects/-/serviceAccounts/([^/:]+):generate`
	return api.Service{
		Name: "iamcredentials", API: "iamcredentials.googleapis.com", Title: "IAM Service Account Credentials API",
		Paths: regexp.MustCompile(accounts),
		Methods: []api.Method{{
			ID: "iamcredentials.projects.serviceAccounts.generateAccessToken", HTTP: http.MethodPost,
			Path: regexp.MustCompile(accounts + "AccessToken$"), Do: s.generate,
		}},
	}
}

// become finds the service account that a principal may act as with the permission,
// and makes its principal. Only principals that could act as any account of the
// project learn that an account does not exist.
func (s *Credentials) become(r *api.Request, who api.Principal, permission, name string) (api.Principal, iam.Account, error) {
	account, exists := s.opts.IAM.Account(name)
	resource, own := s.opts.IAM.ProjectResource(), []api.Granter(nil)
	if exists {
		resource, own = account.Resource, []api.Granter{account.Policy}
	}
	if !r.AllowedTo(who, permission, resource, own...) {
		return api.Principal{}, account, api.PermissionDenied(permission, "")
	}
	if !exists {
		return api.Principal{}, account, api.NotFound("Not found; Gaia id not found for email %s", name)
	}
	return api.Principal{
		Member:   "serviceAccount:" + account.Email,
		UniqueID: account.UniqueID,
		Through:  append([]string{who.Member}, who.Through...),
	}, account, nil
}

// accountPattern is a service account's email address or unique id.
var accountPattern = regexp.MustCompile(`^([a-zA-Z0-9._+-]+@[a-zA-Z0-9.-]+|[0-9]+)$`)

// invalid is what the service says of a name with a quote or a blank in it
// (google-github-actions/auth, issue 139), of no scope (golang/oauth2, issue 537) and,
// as believed, of a lifetime that it does not give: which of them it is, it does not say.
func invalid() *api.Error { return api.InvalidArgument("Request contains an invalid argument.") }

// delegatePattern is a service account as a chain of delegates names it.
var delegatePattern = regexp.MustCompile(`^projects/-/serviceAccounts/([^/:]+)$`)

func (s *Credentials) generate(r *api.Request, args []string) (any, error) {
	var in struct {
		Scope     []string `json:"scope"`
		Lifetime  string   `json:"lifetime"`
		Delegates []string `json:"delegates"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if !accountPattern.MatchString(args[0]) {
		return nil, invalid()
	}
	who := r.Principal
	for _, delegate := range in.Delegates {
		m := delegatePattern.FindStringSubmatch(delegate)
		if m == nil {
			return nil, api.InvalidArgument("Invalid form of account ID %s. Should be [Gaia ID |Email |Unique ID |] of the account", delegate)
		}
		var err error
		if who, _, err = s.become(r, who, "iam.serviceAccounts.implicitDelegation", m[1]); err != nil {
			return nil, err
		}
	}
	principal, account, err := s.become(r, who, "iam.serviceAccounts.getAccessToken", args[0])
	if err != nil {
		return nil, err
	}
	if account.Disabled {
		return nil, api.FailedPrecondition("Service account is disabled.")
	}
	if len(in.Scope) == 0 || slices.Contains(in.Scope, "") {
		return nil, invalid()
	}
	lifetime := maxLifetime
	if in.Lifetime != "" {
		if !durationPattern.MatchString(in.Lifetime) {
			return nil, api.InvalidArgument("Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), Illegal duration format; duration must end with 's'")
		}
		most := maxLifetime
		if s.opts.Policies.Allows(orgpolicy.Lifetime, account.Email) {
			most = maxExtended
		}
		var err error
		if lifetime, err = time.ParseDuration(in.Lifetime); err != nil || lifetime <= 0 || lifetime > most {
			return nil, invalid()
		}
	}
	principal.Scopes = in.Scope
	access, expires := s.opts.Tokens.Issue(principal, lifetime)
	return map[string]any{"accessToken": access, "expireTime": api.Timestamp(expires)}, nil
}
