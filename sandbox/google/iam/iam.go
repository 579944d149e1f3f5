// Package iam is Google's Identity and Access Management API as far as a
// federation needs it: service accounts with their allow policies, workload
// identity pools and their AWS and OIDC providers, soft deletion and its return.
//
// Modelled: ids and their rules, project id and number as aliases, etags,
// long-running operations that a client polls, thirty days between deletion and
// purge, organization policies for providers. Not modelled: keys, SAML and X.509
// providers (refused by name), quotas.
package iam

import (
	"crypto/rand"
	"math/big"
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
	// agents holds the e-mail addresses of the service agents that there are.
	agents sync.Map
	// poolNames holds the resource names of the pools that are there or deleted.
	poolNames sync.Map
}

// New makes the service of one project.
func New(opts Options) *IAM {
	return &IAM{opts: opts, pools: map[string]*pool{}, operations: map[string]any{}}
}

// path is the pattern of a path without its version, whose {…} match one segment each.
func path(pattern string) *regexp.Regexp {
	quoted := strings.NewReplacer(`\{`, `{`, `\}`, `}`).Replace(regexp.QuoteMeta(pattern))
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

// Service declares the IAM API.
func (s *IAM) Service() api.Service {
	method := func(id, verb, pattern string, do api.Handler, query ...string) api.Method {
		purged := func(r *api.Request, args []string) (any, error) {
			s.purge()
			return do(r, args)
		}
		return api.Method{ID: "iam.projects." + id, HTTP: verb, Path: path(pattern), Query: query, Do: purged}
	}
	const pools = "locations.workloadIdentityPools."
	return api.Service{
		Name: "iam", API: "iam.googleapis.com", Title: "Identity and Access Management (IAM) API",
		Paths: regexp.MustCompile(`^/(v1|v1beta|v3)/`), Lock: &s.mu,
		Methods: []api.Method{
			method("serviceAccounts.create", "POST", accountsPath, s.createAccount),
			method("serviceAccounts.list", "GET", accountsPath, s.listAccounts, paged...),
			method("serviceAccounts.get", "GET", accountsPath+"/{account}", s.getAccount),
			method("serviceAccounts.patch", "PATCH", accountsPath+"/{account}", s.patchAccount),
			method("serviceAccounts.update", "PUT", accountsPath+"/{account}", s.putAccount),
			method("serviceAccounts.delete", "DELETE", accountsPath+"/{account}", s.deleteAccount),
			method("serviceAccounts.undelete", "POST", accountsPath+"/{account}:undelete", s.undeleteAccount),
			method("serviceAccounts.enable", "POST", accountsPath+"/{account}:enable", s.enableAccount),
			method("serviceAccounts.disable", "POST", accountsPath+"/{account}:disable", s.disableAccount),
			method("serviceAccounts.getIamPolicy", "POST", accountsPath+"/{account}:getIamPolicy", s.getAccountPolicy,
				"options.requestedPolicyVersion"),
			method("serviceAccounts.setIamPolicy", "POST", accountsPath+"/{account}:setIamPolicy", s.setAccountPolicy),
			method("serviceAccounts.testIamPermissions", "POST", accountsPath+"/{account}:testIamPermissions", s.testAccountPermissions),

			method(pools+"create", "POST", poolsPath, s.createPool, "workloadIdentityPoolId"),
			method(pools+"list", "GET", poolsPath, s.listPools, listed...),
			method(pools+"get", "GET", poolsPath+"/{pool}", s.getPool),
			method(pools+"patch", "PATCH", poolsPath+"/{pool}", s.patchPool, masked...),
			method(pools+"delete", "DELETE", poolsPath+"/{pool}", s.deletePool),
			method(pools+"undelete", "POST", poolsPath+"/{pool}:undelete", s.undeletePool),
			method(pools+"operations.get", "GET", poolsPath+"/{pool}/operations/{operation}", s.getOperation),
			method(pools+"listAttestationRules", "GET", poolsPath+"/{pool}:listAttestationRules", s.listAttestationRules,
				"filter", "pageSize", "pageToken"),

			method(pools+"providers.create", "POST", providersPath, s.createProvider, "workloadIdentityPoolProviderId"),
			method(pools+"providers.list", "GET", providersPath, s.listProviders, listed...),
			method(pools+"providers.get", "GET", providersPath+"/{provider}", s.getProvider),
			method(pools+"providers.patch", "PATCH", providersPath+"/{provider}", s.patchProvider, masked...),
			method(pools+"providers.delete", "DELETE", providersPath+"/{provider}", s.deleteProvider),
			method(pools+"providers.undelete", "POST", providersPath+"/{provider}:undelete", s.undeleteProvider),
			method(pools+"providers.operations.get", "GET", providersPath+"/{provider}/operations/{operation}", s.getOperation),
		},
	}
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
			s.poolNames.Delete(p.Name)
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
