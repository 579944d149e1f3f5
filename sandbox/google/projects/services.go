package projects

import (
	"fmt"
	"hash/fnv"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// servicePattern is an API's name; any API of googleapis.com may be enabled.
var servicePattern = regexp.MustCompile(`^[a-z0-9-]+\.googleapis\.com$`)

// maxBatch is how many services one batch may enable: Service Usage API
// reference, "services.batchEnable".
const maxBatch = 20

// maxPage is the most that one page lists: Service Usage API reference,
// "services.list".
const maxPage = 200

func (s *Projects) service(name string) map[string]any {
	state := "DISABLED"
	if slices.Contains(s.enabled, name) {
		state = "ENABLED"
	}
	parent := "projects/" + s.opts.Number
	return map[string]any{"name": parent + "/services/" + name, "parent": parent, "state": state, "config": map[string]any{"name": name}}
}

func unknownService(name string) error {
	return api.NotFound("Service '%s' not found or permission denied.", name)
}

func (s *Projects) listServices(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "serviceusage.services.list", args[0]); err != nil {
		return nil, err
	}
	filter := r.URL.Query().Get("filter")
	if filter != "" && filter != "state:ENABLED" {
		return nil, api.Unmodelled("filter", filter)
	}
	services := []any{}
	for _, name := range s.enabled {
		services = append(services, s.service(name))
	}
	page, next, err := api.Page(r, services, "pageSize", maxPage)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"services": page}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

func (s *Projects) getService(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "serviceusage.services.get", args[0]); err != nil {
		return nil, err
	}
	if !servicePattern.MatchString(args[1]) {
		return nil, unknownService(args[1])
	}
	return s.service(args[1]), nil
}

func (s *Projects) batchGetServices(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "serviceusage.services.get", args[0]); err != nil {
		return nil, err
	}
	services := []any{}
	for _, name := range r.URL.Query()["names"] {
		service := name[strings.LastIndex(name, "/")+1:]
		if !servicePattern.MatchString(service) {
			return nil, unknownService(service)
		}
		services = append(services, s.service(service))
	}
	return map[string]any{"services": services}, nil
}

func (s *Projects) switchService(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "serviceusage.services."+args[2], args[0]); err != nil {
		return nil, err
	}
	var in struct {
		// Nothing here depends on a service or uses one, so these change nothing.
		DisableDependentServices bool   `json:"disableDependentServices"`
		CheckIfServiceHasUsage   string `json:"checkIfServiceHasUsage"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	name := args[1]
	if !servicePattern.MatchString(name) {
		return nil, unknownService(name)
	}
	on := args[2] == "enable"
	s.set(name, on)
	return operation(map[string]any{"service": s.service(name)}), nil
}

func (s *Projects) batchEnableServices(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "serviceusage.services.enable", args[0]); err != nil {
		return nil, err
	}
	var in struct {
		ServiceIDs []string `json:"serviceIds"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	if len(in.ServiceIDs) == 0 || len(in.ServiceIDs) > maxBatch {
		return nil, api.InvalidArgument("A batch must name 1 to %d services.", maxBatch)
	}
	for _, name := range in.ServiceIDs {
		if !servicePattern.MatchString(name) {
			return nil, unknownService(name)
		}
	}
	services := []any{}
	for _, name := range in.ServiceIDs {
		s.set(name, true)
		services = append(services, s.service(name))
	}
	return operation(map[string]any{"services": services}), nil
}

// generateIdentity makes a service's agent exist, which needs no right: IAM documentation,
// "Create and grant roles to service agents". That it takes an enabled API is believed.
func (s *Projects) generateIdentity(r *api.Request, args []string) (any, error) {
	if args[0] != s.opts.ID && args[0] != s.opts.Number {
		return nil, api.PermissionDenied("serviceusage.services.generateServiceIdentity", "projects/"+args[0])
	}
	email, ok := s.opts.Agents[args[1]]
	if !ok {
		return nil, api.Unmodelled("service", args[1])
	}
	if !slices.Contains(s.enabled, args[1]) {
		return nil, api.FailedPrecondition("Service '%s' is not enabled for project '%s'.", args[1], args[0])
	}
	s.opts.Appear(email)
	return operation(map[string]any{"email": email, "uniqueId": uniqueID(email)}), nil
}

// uniqueID is the id of a service agent.
func uniqueID(email string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(email)) // it never fails
	return fmt.Sprintf("1%020d", sum.Sum64())
}

func (s *Projects) set(name string, on bool) {
	i, found := slices.BinarySearch(s.enabled, name)
	switch {
	case on && !found:
		s.enabled = slices.Insert(s.enabled, i, name)
		s.since[name] = s.opts.Now()
	case !on && found:
		s.enabled = slices.Delete(s.enabled, i, i+1)
	}
}

// operation is one that was done at once, as Service Usage answers where there
// was nothing to wait for.
func operation(response any) any {
	return map[string]any{"name": "operations/noop.DONE_OPERATION", "done": true, "response": response}
}

func (s *Projects) getOperation(_ *api.Request, args []string) (any, error) {
	name, err := url.PathUnescape(args[0])
	if err != nil || name != "noop.DONE_OPERATION" {
		return nil, api.NotFound("Operation not found.")
	}
	return operation(struct{}{}), nil
}

// Answers reports whether a service is enabled, and has been for long enough.
func (s *Projects) Answers(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.enabled, name) && !s.opts.Now().Before(s.since[name].Add(s.opts.EnableDelay))
}
