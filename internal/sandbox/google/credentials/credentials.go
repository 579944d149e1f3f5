// Package credentials is Google's IAM Service Account Credentials API:
// generateAccessToken, by which a principal becomes a service account for an
// hour at most. Delegation chains, ID tokens and signing are not modelled and
// refused by name.
package credentials

import (
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/iam"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/token"
)

// maxLifetime is the longest life of a token without an organization policy:
// Service Account Credentials API reference, "generateAccessToken".
const maxLifetime = time.Hour

// durationPattern is a duration as JSON writes google.protobuf.Duration.
var durationPattern = regexp.MustCompile(`^-?[0-9]+(\.[0-9]{1,9})?s$`)

// Options configure the service.
type Options struct {
	IAM    *iam.IAM
	Tokens *token.Store
}

// Credentials is the service.
type Credentials struct{ opts Options }

// New makes the service.
func New(opts Options) *Credentials { return &Credentials{opts} }

// Path is what the service's requests look like; the project is always "-".
var Path = regexp.MustCompile(`^/v1/projects/-/serviceAccounts/([^/:]+):([a-zA-Z]+)$`)

// ServeGoogle answers one request.
func (s *Credentials) ServeGoogle(w http.ResponseWriter, r *api.Request) {
	m := Path.FindStringSubmatch(r.URL.Path)
	if m == nil || r.Method != http.MethodPost || m[2] != "generateAccessToken" {
		api.WriteError(w, r, api.Unknown(r.Request))
		return
	}
	out, err := s.generate(r, m[1])
	if err != nil {
		api.WriteError(w, r, err)
		return
	}
	api.WriteJSON(w, http.StatusOK, out)
}

func (s *Credentials) generate(r *api.Request, name string) (any, error) {
	const permission = "iam.serviceAccounts.getAccessToken"
	if err := api.CheckQuery(r); err != nil {
		return nil, err
	}
	account, ok := s.opts.IAM.Account(name)
	if !ok {
		// Whether it exists is told to those who could use any account of the project.
		if err := r.Authorize(permission, s.opts.IAM.ProjectResource()); err != nil {
			return nil, err
		}
		return nil, api.NotFound("Not found; Gaia id not found for email %s", name)
	}
	if err := r.Authorize(permission, account.Resource, account.Policy); err != nil {
		return nil, err
	}
	var in struct {
		Scope     []string `json:"scope"`
		Lifetime  string   `json:"lifetime"`
		Delegates []string `json:"delegates"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if account.Disabled {
		return nil, api.FailedPrecondition("Service account is disabled.")
	}
	if len(in.Scope) == 0 || slices.Contains(in.Scope, "") {
		return nil, api.InvalidArgument("Scope required.")
	}
	if len(in.Delegates) > 0 {
		return nil, api.InvalidArgument("The sandbox has no delegation chains: delegates must be empty.")
	}
	lifetime := maxLifetime
	if in.Lifetime != "" {
		if !durationPattern.MatchString(in.Lifetime) {
			return nil, api.InvalidArgument("Invalid value at 'lifetime' (type.googleapis.com/google.protobuf.Duration), Illegal duration format; duration must end with 's'")
		}
		var err error
		if lifetime, err = time.ParseDuration(in.Lifetime); err != nil || lifetime <= 0 || lifetime > maxLifetime {
			return nil, api.InvalidArgument("Request contains an invalid argument.")
		}
	}
	through := append([]string{r.Principal.Member}, r.Principal.Through...)
	access, expires := s.opts.Tokens.Issue(api.Principal{
		Member:   "serviceAccount:" + account.Email,
		UniqueID: account.UniqueID,
		Through:  through,
		Scopes:   in.Scope,
	}, lifetime)
	return map[string]any{"accessToken": access, "expireTime": api.Timestamp(expires)}, nil
}
