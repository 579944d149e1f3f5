package iam

import (
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// getAccountPolicy takes the version in the query, unlike other services.
func (s *IAM) getAccountPolicy(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.getIamPolicy", args)
	if err != nil {
		return nil, err
	}
	version := 0
	if text := r.URL.Query().Get("options.requestedPolicyVersion"); text != "" {
		if version, err = strconv.Atoi(text); err != nil {
			return nil, api.InvalidArgument("Invalid value at 'options.requested_policy_version' (TYPE_INT32), %q", text)
		}
	}
	return a.policy.View(version)
}

func (s *IAM) setAccountPolicy(r *api.Request, args []string) (any, error) {
	a, err := s.lookup(r, "iam.serviceAccounts.setIamPolicy", args)
	if err != nil {
		return nil, err
	}
	var in policy.Update
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	next, err := in.Apply(a.policy.Policy, policy.ServiceAccount, s.Known)
	if err == nil {
		err = s.opts.Policies.Admit(a.policy.Added(next))
	}
	if err != nil {
		return nil, err
	}
	a.policy = a.policy.Set(next, s.opts.Now(), s.opts.Delay)
	return a.policy.View(in.Policy.Version)
}

// testAccountPermissions needs no permission itself.
func (s *IAM) testAccountPermissions(r *api.Request, args []string) (any, error) {
	a := s.find(args[1])
	if a == nil || (args[0] != "-" && s.project(args[0]) != nil) {
		return nil, noAccount(args)
	}
	var in struct {
		Permissions []string `json:"permissions"`
	}
	if err := api.ReadJSON(r, &in); err != nil {
		return nil, err
	}
	held := []string{}
	for _, p := range in.Permissions {
		if r.Allowed(p, a.resource(), a.policy) {
			held = append(held, p)
		}
	}
	return map[string]any{"permissions": held}, nil
}

// Appear makes the service agent of an address exist. That happens when a service first
// needs it, not when its API is enabled (public reports of "does not exist").
func (s *IAM) Appear(email string) { s.agents.Store(email, true) }

// Known reports whether a policy may newly name a member: a service account, a service
// agent or a workload identity pool that exists. Those of other projects are taken on
// trust. A deleted pool still exists, as believed: it can come back.
func (s *IAM) Known(member string) bool {
	if email, ok := strings.CutPrefix(member, "serviceAccount:"); ok {
		if strings.HasPrefix(email, "service-"+s.opts.ProjectNumber+"@") {
			_, exists := s.agents.Load(email)
			return exists
		}
		_, lives := s.living.Load(email)
		return lives || !strings.HasSuffix(email, "@"+s.opts.ProjectID+".iam.gserviceaccount.com")
	}
	name := policy.PoolOf(member)
	if !strings.HasPrefix(name, s.poolName("")) {
		return true
	}
	_, exists := s.poolNames.Load(name)
	return exists
}
