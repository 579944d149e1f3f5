package cloudformation

import (
	"context"
	"maps"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// revertDrift is the mode of a change set that compares the template with what the
// resources are, and not with what the stack remembers: CloudFormation User Guide, "Using
// drift-aware change sets". That it needs a stack that was deployed is believed. A failed
// execution goes back to the previous template, which the service does better.
const revertDrift = "REVERT_DRIFT"

// drifted is what a stack's resources are, by logical ids: nil for one that is gone.
type drifted map[string]map[string]any

// look reads the resources of a stack. Server.mu is not held while it asks.
func (s *Server) look(ctx context.Context, clients *resource.Clients, resources []*stackResource) (drifted, error) {
	out := drifted{}
	for _, r := range resources {
		call := &resource.Call{Clients: clients, Account: s.Account, Region: s.Region, PhysicalID: r.physicalID}
		actual, found, err := s.types[r.typeName].Actual(ctx, call, r.properties)
		switch {
		case err != nil:
			return nil, validationError("%s", serviceMessage(err))
		case !found:
			out[r.logicalID] = nil
		case len(differing(r.properties, actual)) > 0:
			out[r.logicalID] = actual
		}
	}
	return out, nil
}

// driftUnlocked lets go of Server.mu while services are asked.
func (s *Server) driftUnlocked(r *api.Request, in *createChangeSetInput, st *stack) (drifted, error) {
	switch {
	case in.DeploymentMode == "":
		return nil, nil
	case in.DeploymentMode != revertDrift:
		return nil, api.NotModelled("DeploymentMode=" + in.DeploymentMode)
	case in.kind() != "UPDATE" || st == nil:
		return nil, validationError("DeploymentMode %s is only supported for change sets of type UPDATE", revertDrift)
	}
	roleARN := in.RoleARN
	if roleARN == "" {
		roleARN = st.roleARN
	}
	clients, err := s.clients(r, roleARN)
	if err != nil {
		return nil, err
	}
	var resources []*stackResource
	for _, id := range slices.Sorted(maps.Keys(st.resources)) {
		if r := st.resources[id]; r.physicalID != "" {
			resources = append(resources, r.clone())
		}
	}
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.look(r.Context(), clients, resources)
}

// applied is the stack with its resources as they are.
func (d drifted) applied(st *stack) *stack {
	if len(d) == 0 {
		return st
	}
	c := *st
	c.resources = map[string]*stackResource{}
	for id, r := range st.resources {
		actual, ok := d[id]
		if r = r.clone(); ok && actual == nil {
			r.physicalID = ""
		} else if ok {
			r.properties = actual
		}
		c.resources[id] = r
	}
	return &c
}
