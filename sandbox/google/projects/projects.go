// Package projects is Google's Cloud Resource Manager (v1 and v3), Service Usage
// and Cloud Billing for the sandbox's one project: look-up, allow policy, which APIs are
// enabled, and whether it has a billing account. Creation of projects, folders and organizations are not modelled.
package projects

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/orgpolicy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// Options configure the service.
type Options struct {
	ID      string // project id
	Number  string
	Owner   string                   // the member that owns the project
	Enabled []string                 // the services that are enabled at first
	Known   func(member string) bool // of a policy
	// Policies say whom the project's policy may newly name; nil is everybody.
	Policies *orgpolicy.OrgPolicy
	Now      func() time.Time
	Delay    time.Duration // until a change of the policy has effect
	// Agents are the addresses of the service agents that can be asked for, by their
	// services; Appear is called with the address of one that was.
	Agents map[string]string
	Appear func(email string)
	// EnableDelay is how long a service that was enabled does not answer yet.
	EnableDelay time.Duration
}

// Projects is the service.
type Projects struct {
	opts Options

	mu      sync.Mutex
	policy  policy.Timeline
	enabled []string
	since   map[string]time.Time // when a service was enabled, of those that were not at first
	billing string               // the resource name of the account; empty is none
}

// administration are the roles that the project's owner begins with: its owner may
// neither impersonate a service account nor read every bucket's objects.
var administration = []string{"roles/owner", "roles/storage.admin", "roles/iam.serviceAccountTokenCreator"}

// New makes the service; the project's owner is set.
func New(opts Options) *Projects {
	var bindings []policy.Binding
	for _, role := range administration {
		bindings = append(bindings, policy.Binding{Role: role, Members: []string{opts.Owner}})
	}
	return &Projects{opts: opts, billing: firstAccount, since: map[string]time.Time{}, enabled: slices.Sorted(slices.Values(opts.Enabled)), policy: policy.Timeline{Policy: policy.Policy{Version: 1, Bindings: bindings}}}
}

// Resource is the project's full resource name.
func (s *Projects) Resource() string {
	return "//cloudresourcemanager.googleapis.com/projects/" + s.opts.ID
}

// Policy is the project's allow policy as it stands.
func (s *Projects) Policy() policy.Timeline {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy
}

// Rename changes a member in the policy.
func (s *Projects) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy = s.policy.Rename(from, to)
}

// Service declares the APIs of all three. They answer under one name, since a
// project has no use for one alone.
func (s *Projects) Service() api.Service {
	method := func(id, verb, pattern string, do api.Handler, query ...string) api.Method {
		path := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "{}", "([^/:]+)") + "$")
		return api.Method{ID: id, HTTP: verb, Path: path, Query: query, Do: do}
	}
	return api.Service{
		Name: "cloudresourcemanager", API: "cloudresourcemanager.googleapis.com", Title: "Cloud Resource Manager API",
		Paths: regexp.MustCompile(`^/(v[13]/projects/[^/:]+(:[a-zA-Z]+)?$|v1/projects/[^/:]+/(billingInfo$|services([/:]|$))|v1/operations/|(v1beta1/)?projects/[^/:]+/services/[^/:]+:generateServiceIdentity$)`), Lock: &s.mu,
		Methods: []api.Method{
			method("cloudresourcemanager.projects.get", "GET", "/v[13]/projects/{}", s.get),
			method("cloudresourcemanager.projects.getIamPolicy", "POST", "/v[13]/projects/{}:getIamPolicy", s.getPolicy),
			method("cloudresourcemanager.projects.setIamPolicy", "POST", "/v[13]/projects/{}:setIamPolicy", s.setPolicy),
			method("cloudresourcemanager.projects.testIamPermissions", "POST", "/v[13]/projects/{}:testIamPermissions", s.testPermissions),

			method("cloudbilling.projects.getBillingInfo", "GET", "/v1/projects/{}/billingInfo", s.getBilling),
			method("cloudbilling.projects.updateBillingInfo", "PUT", "/v1/projects/{}/billingInfo", s.putBilling),

			method("serviceusage.services.list", "GET", "/v1/projects/{}/services", s.listServices, "filter", "pageSize", "pageToken"),
			method("serviceusage.services.get", "GET", "/v1/projects/{}/services/{}", s.getService),
			method("serviceusage.services.batchGet", "GET", "/v1/projects/{}/services:batchGet", s.batchGetServices, "names"),
			method("serviceusage.services.enable", "POST", "/v1/projects/{}/services/{}:(enable)", s.switchService),
			method("serviceusage.services.disable", "POST", "/v1/projects/{}/services/{}:(disable)", s.switchService),
			method("serviceusage.services.batchEnable", "POST", "/v1/projects/{}/services:batchEnable", s.batchEnableServices),
			// Pulumi's plugin writes this path to an address from which its other clients
			// need the version to be left out.
			method("serviceusage.services.generateServiceIdentity", "POST", "(?:/v1beta1)?/projects/{}/services/{}:generateServiceIdentity", s.generateIdentity),
			method("serviceusage.operations.get", "GET", "/v1/operations/{}", s.getOperation),
		},
	}
}

// authorize checks that a path's project is ours, by id or number, and the
// permission on it. Another project is refused as one that possibly does not exist.
func (s *Projects) authorize(r *api.Request, permission, project string) error {
	if project != s.opts.ID && project != s.opts.Number {
		return api.PermissionDenied(permission, "projects/"+project)
	}
	return r.Authorize(permission, s.Resource(), s.policy)
}

func (s *Projects) get(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "resourcemanager.projects.get", args[0]); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.URL.Path, "/v3/") {
		return map[string]any{"name": "projects/" + s.opts.Number, "projectId": s.opts.ID, "state": "ACTIVE", "displayName": s.opts.ID}, nil
	}
	return map[string]any{"projectNumber": s.opts.Number, "projectId": s.opts.ID, "lifecycleState": "ACTIVE", "name": s.opts.ID}, nil
}

func (s *Projects) getPolicy(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "resourcemanager.projects.getIamPolicy", args[0]); err != nil {
		return nil, err
	}
	var in policy.Request
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	return s.policy.View(in.Options.Version)
}

func (s *Projects) setPolicy(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "resourcemanager.projects.setIamPolicy", args[0]); err != nil {
		return nil, err
	}
	var in policy.Update
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	next, err := in.Apply(s.policy.Policy, policy.Project, s.opts.Known)
	if err == nil && s.opts.Policies != nil {
		err = s.opts.Policies.Admit(s.policy.Added(next))
	}
	if err != nil {
		return nil, err
	}
	s.policy = s.policy.Set(next, s.opts.Now(), s.opts.Delay)
	return s.policy.View(in.Policy.Version)
}

func (s *Projects) testPermissions(r *api.Request, args []string) (any, error) {
	var in struct {
		Permissions []string `json:"permissions"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	held := []string{}
	for _, p := range in.Permissions {
		if s.authorize(r, p, args[0]) == nil {
			held = append(held, p)
		}
	}
	return map[string]any{"permissions": held}, nil
}
