// Package iam is Google's Identity and Access Management API as far as a
// federation needs it: service accounts with their allow policies, workload
// identity pools and their AWS providers, soft deletion and its return.
//
// Modelled: ids and their rules, project id and number as aliases, etags,
// long-running operations that a client polls, thirty days between deletion and
// purge. Not modelled: keys, OIDC, SAML and X.509 providers (refused by name),
// organization policies, quotas.
package iam

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
)

// retention is how long a deleted resource can come back: IAM documentation,
// "Manage workload identity pools and providers" and "Delete and undelete service
// accounts".
const retention = 30 * 24 * time.Hour

// Options configure the service.
type Options struct {
	ProjectID     string
	ProjectNumber string
	Now           func() time.Time
	// Renamed is called when a service account's member name changes in every
	// policy of the project: on its deletion and its return.
	Renamed func(from, to string)
}

// IAM is the service.
type IAM struct {
	opts Options

	mu         sync.Mutex
	accounts   []*account
	pools      map[string]*pool
	operations map[string]any // name to the finished operation's response

	// living holds the e-mail addresses of the accounts that are not deleted. Other
	// services ask for them under locks of their own, so it has none.
	living sync.Map
}

// New makes the service of one project.
func New(opts Options) *IAM {
	return &IAM{opts: opts, pools: map[string]*pool{}, operations: map[string]any{}}
}

// route is one method of the API: an HTTP method and a path without version,
// whose {…} match one segment each.
type route struct {
	method  string
	pattern *regexp.Regexp
	handle  func(s *IAM, r *api.Request, args []string) (any, error)
}

func path(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\{`, `{`, `\}`, `}`).Replace(quoted)
	return regexp.MustCompile(`^/v1(?:beta)?/` + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(quoted, `([^/:]+)`) + `$`)
}

const (
	accountsPath  = "projects/{project}/serviceAccounts"
	poolsPath     = "projects/{project}/locations/global/workloadIdentityPools"
	providersPath = poolsPath + "/{pool}/providers"
)

var routes = []route{
	{http.MethodPost, path(accountsPath), (*IAM).createAccount},
	{http.MethodGet, path(accountsPath), (*IAM).listAccounts},
	{http.MethodGet, path(accountsPath + "/{account}"), (*IAM).getAccount},
	{http.MethodPatch, path(accountsPath + "/{account}"), (*IAM).patchAccount},
	{http.MethodPut, path(accountsPath + "/{account}"), (*IAM).putAccount},
	{http.MethodDelete, path(accountsPath + "/{account}"), (*IAM).deleteAccount},
	{http.MethodPost, path(accountsPath + "/{account}:undelete"), (*IAM).undeleteAccount},
	{http.MethodPost, path(accountsPath + "/{account}:enable"), (*IAM).enableAccount},
	{http.MethodPost, path(accountsPath + "/{account}:disable"), (*IAM).disableAccount},
	{http.MethodPost, path(accountsPath + "/{account}:getIamPolicy"), (*IAM).getAccountPolicy},
	{http.MethodPost, path(accountsPath + "/{account}:setIamPolicy"), (*IAM).setAccountPolicy},
	{http.MethodPost, path(accountsPath + "/{account}:testIamPermissions"), (*IAM).testAccountPermissions},

	{http.MethodPost, path(poolsPath), (*IAM).createPool},
	{http.MethodGet, path(poolsPath), (*IAM).listPools},
	{http.MethodGet, path(poolsPath + "/{pool}"), (*IAM).getPool},
	{http.MethodPatch, path(poolsPath + "/{pool}"), (*IAM).patchPool},
	{http.MethodDelete, path(poolsPath + "/{pool}"), (*IAM).deletePool},
	{http.MethodPost, path(poolsPath + "/{pool}:undelete"), (*IAM).undeletePool},
	{http.MethodGet, path(poolsPath + "/{pool}/operations/{operation}"), (*IAM).getOperation},

	{http.MethodPost, path(providersPath), (*IAM).createProvider},
	{http.MethodGet, path(providersPath), (*IAM).listProviders},
	{http.MethodGet, path(providersPath + "/{provider}"), (*IAM).getProvider},
	{http.MethodPatch, path(providersPath + "/{provider}"), (*IAM).patchProvider},
	{http.MethodDelete, path(providersPath + "/{provider}"), (*IAM).deleteProvider},
	{http.MethodPost, path(providersPath + "/{provider}:undelete"), (*IAM).undeleteProvider},
	{http.MethodGet, path(providersPath + "/{provider}/operations/{operation}"), (*IAM).getOperation},
}

// ServeGoogle answers one request.
func (s *IAM) ServeGoogle(w http.ResponseWriter, r *api.Request) {
	for _, route := range routes {
		args := route.pattern.FindStringSubmatch(r.URL.Path)
		if args == nil || route.method != r.Method {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.purge()
		out, err := route.handle(s, r, args[1:])
		if err != nil {
			api.WriteError(w, r, err)
			return
		}
		api.WriteJSON(w, http.StatusOK, out)
		return
	}
	api.WriteError(w, r, api.Unknown(r.Request))
}

// project checks that a path's project is ours, by id or number.
func (s *IAM) project(name string) error {
	if name == s.opts.ProjectID || name == s.opts.ProjectNumber {
		return nil
	}
	return api.PermissionDenied("resourcemanager.projects.get", "projects/"+name)
}

// projectResource is the project's full resource name.
func (s *IAM) projectResource() string {
	return "//cloudresourcemanager.googleapis.com/projects/" + s.opts.ProjectID
}

// purge forgets what was deleted longer ago than it is retained.
func (s *IAM) purge() {
	now := s.opts.Now()
	kept := s.accounts[:0]
	for _, a := range s.accounts {
		if a.deleted.IsZero() || now.Before(a.deleted.Add(retention)) {
			kept = append(kept, a)
		}
	}
	s.accounts = kept
	for id, p := range s.pools {
		if p.purged(now) {
			delete(s.pools, id)
			continue
		}
		for id, provider := range p.providers {
			if provider.purged(now) {
				delete(p.providers, id)
			}
		}
	}
}

// digits makes a random number of n digits, as Google's unique ids are.
func digits(n int64) string {
	low := new(big.Int).Exp(big.NewInt(10), big.NewInt(n-1), nil)
	v, err := rand.Int(rand.Reader, new(big.Int).Mul(low, big.NewInt(9)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return v.Add(v, low).String()
}
