package storage

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// bucketPolicy is a policy with what the JSON API adds.
type bucketPolicy struct {
	Kind       string `json:"kind,omitempty"`
	ResourceID string `json:"resourceId,omitempty"`
	policy.Policy
}

func answerPolicy(r *api.Request, b *bucket, version int) (reply, error) {
	p, err := b.policy.View(version)
	if err != nil {
		return reply{}, err
	}
	return answer(r, bucketPolicy{"storage#policy", "projects/_/buckets/" + b.name, p})
}

func (s *Storage) getPolicy(r *api.Request, args []string) (reply, error) {
	version := 1
	if text := r.URL.Query().Get("optionsRequestedPolicyVersion"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return reply{}, invalid("Invalid value for optionsRequestedPolicyVersion: " + text)
		}
		version = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.getIamPolicy")
	if err != nil {
		return reply{}, err
	}
	return answerPolicy(r, b, version)
}

func (s *Storage) setPolicy(r *api.Request, args []string) (reply, error) {
	var in bucketPolicy
	if err := api.ReadJSON(r, &in); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.setIamPolicy")
	if err != nil {
		return reply{}, err
	}
	next, err := b.policy.Replace(in.Policy, policy.Bucket, s.opts.Known)
	if err != nil {
		return reply{}, err
	}
	if b.publicPrevention == enforced && slices.ContainsFunc(next.Bindings, func(g policy.Binding) bool { return slices.ContainsFunc(g.Members, policy.Public) }) {
		const public = "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is enforced."
		return reply{}, &fault{http.StatusPreconditionFailed, "conditionNotMet", "PreconditionFailed", public, public}
	}
	b.policy = b.policy.Set(next, s.opts.Now(), s.opts.Delay)
	return answerPolicy(r, b, in.Version)
}

// testPermissions needs no permission itself.
func (s *Storage) testPermissions(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.bucket(r, args[0])
	if err != nil {
		return reply{}, err
	}
	held := []string{}
	for _, p := range r.URL.Query()["permissions"] {
		if r.Allowed(p, b.resource(), b.grants()) {
			held = append(held, p)
		}
	}
	return answer(r, map[string]any{"kind": "storage#testIamPermissionsResponse", "permissions": held})
}
