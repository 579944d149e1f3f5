package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// pool is a workload identity pool.
type pool struct {
	lifecycle
	providers map[string]*provider
}

func (s *IAM) poolName(id string) string {
	return "projects/" + s.opts.ProjectNumber + "/locations/global/workloadIdentityPools/" + id
}

// pool checks the project and the permission and finds a path's pool.
func (s *IAM) pool(r *api.Request, permission string, args []string) (*pool, error) {
	if err := s.authorize(r, permission, args); err != nil {
		return nil, err
	}
	p := s.pools[args[1]]
	if p == nil {
		return nil, notFound()
	}
	return p, nil
}

// authorize checks a path's project, and the permission on it: pools carry no
// policies of their own here.
func (s *IAM) authorize(r *api.Request, permission string, args []string) error {
	if err := s.project(args[0]); err != nil {
		return err
	}
	if r.Allowed(permission, s.ProjectResource()) {
		return nil
	}
	return api.PermissionDeniedOn(permission, "iam.googleapis.com", target(r))
}

// target is the resource that a request for pools or providers is about; for one
// that lists or makes them, their parent.
func target(r *api.Request) string {
	_, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/") // without the version
	name, _, _ = strings.Cut(name, ":")
	for _, collection := range []string{"/workloadIdentityPools", "/providers"} {
		name = strings.TrimSuffix(name, collection)
	}
	return name
}

func (s *IAM) createPool(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "iam.workloadIdentityPools.create", args); err != nil {
		return nil, err
	}
	var in lifecycle
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	id := r.URL.Query().Get("workloadIdentityPoolId")
	if err := checkID("Workload identity pool", id); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if s.pools[id] != nil { // also while it is deleted
		return nil, alreadyExists()
	}
	p := &pool{
		lifecycle: lifecycle{Name: s.poolName(id), DisplayName: in.DisplayName, Description: in.Description, Disabled: in.Disabled, State: stateActive},
		providers: map[string]*provider{},
	}
	s.pools[id] = p
	s.poolNames.Store(p.Name, true)
	return s.operation(p.Name, "WorkloadIdentityPool", p.lifecycle)
}

func (s *IAM) listPools(r *api.Request, args []string) (any, error) {
	if err := s.authorize(r, "iam.workloadIdentityPools.list", args); err != nil {
		return nil, err
	}
	out := []lifecycle{}
	for _, id := range slices.Sorted(maps.Keys(s.pools)) {
		if p := s.pools[id]; p.State == stateActive || showDeleted(r) {
			out = append(out, p.lifecycle)
		}
	}
	return listing(r, "workloadIdentityPools", out, maxPoolPage)
}

func (s *IAM) getPool(r *api.Request, args []string) (any, error) {
	p, err := s.pool(r, "iam.workloadIdentityPools.get", args)
	if err != nil {
		return nil, err
	}
	return p.lifecycle, nil
}

// listAttestationRules answers that a pool has none: they are for managed
// identities, which are not modelled, but clients of all pools ask.
func (s *IAM) listAttestationRules(r *api.Request, args []string) (any, error) {
	if _, err := s.pool(r, "iam.workloadIdentityPools.getAttestationRules", args); err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

func (s *IAM) patchPool(r *api.Request, args []string) (any, error) {
	p, err := s.pool(r, "iam.workloadIdentityPools.update", args)
	if err != nil {
		return nil, err
	}
	if p.State == stateDeleted {
		return nil, notFound()
	}
	var in lifecycle
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	fields, err := mask(r)
	if err != nil {
		return nil, err
	}
	changed := p.lifecycle
	for _, field := range fields {
		if !changed.set(field, in) {
			return nil, api.InvalidArgument("Invalid update mask: %q.", field)
		}
	}
	if err := changed.check(); err != nil {
		return nil, err
	}
	p.lifecycle = changed
	return s.operation(p.Name, "WorkloadIdentityPool", p.lifecycle)
}

func (s *IAM) deletePool(r *api.Request, args []string) (any, error) {
	p, err := s.pool(r, "iam.workloadIdentityPools.delete", args)
	if err != nil {
		return nil, err
	}
	if err := p.delete(s.opts.Now()); err != nil {
		return nil, err
	}
	return s.operation(p.Name, "WorkloadIdentityPool", p.lifecycle)
}

func (s *IAM) undeletePool(r *api.Request, args []string) (any, error) {
	p, err := s.pool(r, "iam.workloadIdentityPools.undelete", args)
	if err != nil {
		return nil, err
	}
	if err := p.undelete(); err != nil {
		return nil, err
	}
	return s.operation(p.Name, "WorkloadIdentityPool", p.lifecycle)
}
