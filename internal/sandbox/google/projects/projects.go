// Package projects is Google's Cloud Resource Manager (v1 and v3) and Service
// Usage for the sandbox's one project: look-up, allow policy, and which APIs are
// enabled. Creation of projects, folders and organizations are not modelled.
package projects

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/policy"
)

// Options configure the service.
type Options struct {
	ID     string // project id
	Number string
	Owner  string // the member that owns the project
	Known  func(email string) bool
}

// Projects is the service.
type Projects struct {
	opts Options

	mu      sync.Mutex
	policy  policy.Policy
	enabled []string
}

// New makes the service; the project's owner is set, and no API is enabled.
func New(opts Options) *Projects {
	return &Projects{opts: opts, policy: policy.Policy{Version: 1, Bindings: []policy.Binding{{Role: "roles/owner", Members: []string{opts.Owner}}}}}
}

// Resource is the project's full resource name.
func (s *Projects) Resource() string {
	return "//cloudresourcemanager.googleapis.com/projects/" + s.opts.ID
}

// Policy is the project's allow policy as it stands.
func (s *Projects) Policy() policy.Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.policy.Clone()
}

// Rename changes a member in the policy.
func (s *Projects) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.policy.Rename(from, to)
}

type route struct {
	method  string
	pattern *regexp.Regexp
	handle  func(s *Projects, r *api.Request, args []string) (any, error)
}

var routes = []route{
	{http.MethodGet, regexp.MustCompile(`^/v[13]/projects/([^/:]+)$`), (*Projects).get},
	{http.MethodPost, regexp.MustCompile(`^/v[13]/projects/([^/:]+):getIamPolicy$`), (*Projects).getPolicy},
	{http.MethodPost, regexp.MustCompile(`^/v[13]/projects/([^/:]+):setIamPolicy$`), (*Projects).setPolicy},
	{http.MethodPost, regexp.MustCompile(`^/v[13]/projects/([^/:]+):testIamPermissions$`), (*Projects).testPermissions},

	{http.MethodGet, regexp.MustCompile(`^/v1/projects/([^/:]+)/services$`), (*Projects).listServices},
	{http.MethodGet, regexp.MustCompile(`^/v1/projects/([^/:]+)/services/([^/:]+)$`), (*Projects).getService},
	{http.MethodGet, regexp.MustCompile(`^/v1/projects/([^/:]+)/services:batchGet$`), (*Projects).batchGetServices},
	{http.MethodPost, regexp.MustCompile(`^/v1/projects/([^/:]+)/services/([^/:]+):(enable|disable)$`), (*Projects).switchService},
	{http.MethodPost, regexp.MustCompile(`^/v1/projects/([^/:]+)/services:batchEnable$`), (*Projects).batchEnableServices},
	{http.MethodGet, regexp.MustCompile(`^/v1/operations/([^/:]+)$`), (*Projects).getOperation},
}

// Matches tells whether a path is this service's.
func Matches(path string) bool {
	return slices.ContainsFunc(routes, func(r route) bool { return r.pattern.MatchString(path) })
}

// ServeGoogle answers one request.
func (s *Projects) ServeGoogle(w http.ResponseWriter, r *api.Request) {
	for _, route := range routes {
		args := route.pattern.FindStringSubmatch(r.URL.Path)
		if args == nil || route.method != r.Method {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
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

// authorize checks that a path's project is ours, by id or number, and the
// permission on it. Another project is refused as one that may not exist.
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
	return s.policy.WithEtag(), nil
}

func (s *Projects) setPolicy(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "resourcemanager.projects.setIamPolicy", args[0]); err != nil {
		return nil, err
	}
	var in struct {
		Policy     policy.Policy `json:"policy"`
		UpdateMask string        `json:"updateMask"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	next, err := s.policy.Replace(in.Policy, s.opts.Known)
	if err != nil {
		return nil, err
	}
	s.policy = next
	return s.policy.WithEtag(), nil
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
