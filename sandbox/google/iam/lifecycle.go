package iam

import (
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// Resource states: IAM API reference, "WorkloadIdentityPool.State".
const (
	stateActive  = "ACTIVE"
	stateDeleted = "DELETED"
)

// lifecycle is what pools and providers have in common.
type lifecycle struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName,omitempty"`
	Description string `json:"description,omitempty"`
	State       string `json:"state"`
	Disabled    bool   `json:"disabled,omitempty"`
	ExpireTime  string `json:"expireTime,omitempty"` // set while deleted

	expires time.Time
}

// Limits of both: IAM API reference, "projects.locations.workloadIdentityPools".
const (
	maxDisplayName = 32
	maxDescription = 256
	minID, maxID   = 4, 32
	maxPoolPage    = 1000
)

func (l *lifecycle) purged(now time.Time) bool {
	return l.State == stateDeleted && !now.Before(l.expires)
}

func (l *lifecycle) delete(now time.Time) error {
	if l.State == stateDeleted {
		return notFound()
	}
	l.State, l.expires = stateDeleted, now.Add(retention)
	l.ExpireTime = api.Timestamp(l.expires)
	return nil
}

func (l *lifecycle) undelete() error {
	if l.State != stateDeleted {
		return api.FailedPrecondition("Precondition check failed.")
	}
	l.State, l.ExpireTime, l.expires = stateActive, "", time.Time{}
	return nil
}

func (l *lifecycle) check() error {
	if len(l.DisplayName) > maxDisplayName {
		return api.InvalidArgument("display name must be less than or equal to %d characters", maxDisplayName)
	}
	if len(l.Description) > maxDescription {
		return api.InvalidArgument("description must be less than or equal to %d characters", maxDescription)
	}
	return nil
}

// set takes a field of next that an update mask names; it reports false for a
// field that is not one of these.
func (l *lifecycle) set(field string, next lifecycle) bool {
	switch field {
	case "displayName", "display_name":
		l.DisplayName = next.DisplayName
	case "description":
		l.Description = next.Description
	case "disabled":
		l.Disabled = next.Disabled
	default:
		return false
	}
	return true
}

func checkID(kind, id string) error {
	ok := len(id) >= minID && len(id) <= maxID && !strings.HasPrefix(id, "gcp-") &&
		strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	if !ok {
		return api.InvalidArgument("%s id %q must be %d to %d lower-case letters, digits and hyphens, and must not start with gcp-.", kind, id, minID, maxID)
	}
	return nil
}

func notFound() error      { return api.NotFound("Requested entity was not found.") }
func alreadyExists() error { return api.AlreadyExists("Requested entity already exists") }

// operation starts a long-running operation whose work is done: the answer to
// the change names it, and the first poll finds it done with the response.
func (s *IAM) operation(resource, kind string, response any) (any, error) {
	name := resource + "/operations/" + digits(20)
	s.operations[name] = map[string]any{"name": name, "done": true, "response": typed{"type.googleapis.com/google.iam.v1." + kind, response}}
	return map[string]any{"name": name}, nil
}

func (s *IAM) getOperation(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	parts := strings.SplitN(r.URL.Path, "/", 5) // "", version, projects, project, rest
	name := "projects/" + s.opts.ProjectNumber + "/" + parts[4]
	op, ok := s.operations[name]
	if !ok {
		return nil, notFound()
	}
	return op, nil
}

// showDeleted reads the flag in any case: gcloud writes True.
func showDeleted(r *api.Request) bool {
	return strings.EqualFold(r.URL.Query().Get("showDeleted"), "true")
}

// mask reads the update mask of a PATCH.
func mask(r *api.Request) ([]string, error) {
	text := r.URL.Query().Get("updateMask")
	if text == "" {
		return nil, api.InvalidArgument("update_mask is required.")
	}
	return strings.Split(text, ","), nil
}
