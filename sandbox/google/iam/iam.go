// Package iam is Google's Identity and Access Management API as far as a
// federation needs it: service accounts with their allow policies, workload
// identity pools and their AWS providers, soft deletion and its return.
//
// Modelled: ids and their rules, project id and number as aliases, etags,
// long-running operations that a client polls, thirty days between deletion and
// purge, organization policies for AWS providers. Not modelled: keys, OIDC, SAML and
// X.509 providers (refused by name), quotas.
package iam

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/orgpolicy"
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
	Delay         time.Duration // until a change of an account's policy has effect
	Policies      *orgpolicy.OrgPolicy
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

// route is one method of the API: an HTTP method, a path without version, whose
// {…} match one segment each, and the query parameters that it takes.
type route struct {
	method  string
	pattern *regexp.Regexp
	handle  func(s *IAM, r *api.Request, args []string) (any, error)
	query   []string
}

func path(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\{`, `{`, `\}`, `}`).Replace(quoted)
	return regexp.MustCompile(`^/v1(?:beta)?/` + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(quoted, `([^/:]+)`) + `$`)
}

var (
	paged  = []string{"pageSize", "pageToken"}
	listed = []string{"pageSize", "pageToken", "showDeleted"}
	masked = []string{"updateMask"}
)

const (
	accountsPath  = "projects/{project}/serviceAccounts"
	poolsPath     = "projects/{project}/locations/global/workloadIdentityPools"
	providersPath = poolsPath + "/{pool}/providers"
)

var routes = []route{
	{http.MethodPost, path(accountsPath), (*IAM).createAccount, nil},
	{http.MethodGet, path(accountsPath), (*IAM).listAccounts, paged},
	{http.MethodGet, path(accountsPath + "/{account}"), (*IAM).getAccount, nil},
	{http.MethodPatch, path(accountsPath + "/{account}"), (*IAM).patchAccount, nil},
	{http.MethodPut, path(accountsPath + "/{account}"), (*IAM).putAccount, nil},
	{http.MethodDelete, path(accountsPath + "/{account}"), (*IAM).deleteAccount, nil},
	{http.MethodPost, path(accountsPath + "/{account}:undelete"), (*IAM).undeleteAccount, nil},
	{http.MethodPost, path(accountsPath + "/{account}:enable"), (*IAM).enableAccount, nil},
	{http.MethodPost, path(accountsPath + "/{account}:disable"), (*IAM).disableAccount, nil},
	{http.MethodPost, path(accountsPath + "/{account}:getIamPolicy"), (*IAM).getAccountPolicy, []string{"options.requestedPolicyVersion"}},
	{http.MethodPost, path(accountsPath + "/{account}:setIamPolicy"), (*IAM).setAccountPolicy, nil},
	{http.MethodPost, path(accountsPath + "/{account}:testIamPermissions"), (*IAM).testAccountPermissions, nil},

	{http.MethodPost, path(poolsPath), (*IAM).createPool, []string{"workloadIdentityPoolId"}},
	{http.MethodGet, path(poolsPath), (*IAM).listPools, listed},
	{http.MethodGet, path(poolsPath + "/{pool}"), (*IAM).getPool, nil},
	{http.MethodPatch, path(poolsPath + "/{pool}"), (*IAM).patchPool, masked},
	{http.MethodDelete, path(poolsPath + "/{pool}"), (*IAM).deletePool, nil},
	{http.MethodPost, path(poolsPath + "/{pool}:undelete"), (*IAM).undeletePool, nil},
	{http.MethodGet, path(poolsPath + "/{pool}/operations/{operation}"), (*IAM).getOperation, nil},
	{http.MethodGet, path(poolsPath + "/{pool}:listAttestationRules"), (*IAM).listAttestationRules, append([]string{"filter"}, paged...)},

	{http.MethodPost, path(providersPath), (*IAM).createProvider, []string{"workloadIdentityPoolProviderId"}},
	{http.MethodGet, path(providersPath), (*IAM).listProviders, listed},
	{http.MethodGet, path(providersPath + "/{provider}"), (*IAM).getProvider, nil},
	{http.MethodPatch, path(providersPath + "/{provider}"), (*IAM).patchProvider, masked},
	{http.MethodDelete, path(providersPath + "/{provider}"), (*IAM).deleteProvider, nil},
	{http.MethodPost, path(providersPath + "/{provider}:undelete"), (*IAM).undeleteProvider, nil},
	{http.MethodGet, path(providersPath + "/{provider}/operations/{operation}"), (*IAM).getOperation, nil},
}

// ServeGoogle answers one request.
func (s *IAM) ServeGoogle(w http.ResponseWriter, r *api.Request) {
	out, err := s.serve(r)
	if err != nil {
		api.WriteError(w, r, err)
		return
	}
	api.WriteJSON(w, http.StatusOK, json.RawMessage(out))
}

// serve returns the answer as it is to be sent, since what it was made of may
// change once the lock is gone.
func (s *IAM) serve(r *api.Request) ([]byte, error) {
	for _, route := range routes {
		args := route.pattern.FindStringSubmatch(r.URL.Path)
		if args == nil || route.method != r.Method {
			continue
		}
		if err := errors.Join(api.CheckQuery(r, route.query...), api.Buffer(r)); err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.purge()
		out, err := route.handle(s, r, args[1:])
		if err != nil {
			return nil, err
		}
		if out, err = api.Select(r, out); err != nil {
			return nil, err
		}
		return api.Encode(out)
	}
	return nil, api.Unknown(r.Request)
}

// listing answers one page of a list.
func listing[T any](r *api.Request, name string, items []T, most int) (any, error) {
	page, next, err := api.Page(r, items, "pageSize", most)
	if err != nil {
		return nil, err
	}
	out := map[string]any{name: page}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

// project checks that a path's project is ours, by id or number.
func (s *IAM) project(name string) error {
	if name == s.opts.ProjectID || name == s.opts.ProjectNumber {
		return nil
	}
	return api.PermissionDenied("resourcemanager.projects.get", "projects/"+name)
}

// ProjectResource is the project's full resource name.
func (s *IAM) ProjectResource() string {
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
