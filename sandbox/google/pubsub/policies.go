package pubsub

import (
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// topicOf is the topic of a path.
func (s *PubSub) topicOf(_ *api.Request, args []string) holder {
	h := holder{id: args[1], name: s.topicName(args[1])}
	if t := s.topics[args[1]]; t != nil {
		h.policy = &t.policy
	}
	return h
}

// subscriptionOf is the subscription of a path.
func (s *PubSub) subscriptionOf(_ *api.Request, args []string) holder {
	h := holder{id: args[1], name: s.subscriptionName(args[1])}
	if sub := s.subscriptions[args[1]]; sub != nil {
		h.policy = &sub.policy
	}
	return h
}

// open finds what a path names for a caller with a permission on it. Whoever has none
// does not learn whether it exists.
func (s *PubSub) open(r *api.Request, args []string, permission string, h holder) error {
	if err := s.project(args[0]); err != nil {
		return err
	}
	if err := checkName(h.name); err != nil {
		return err
	}
	if err := authorize(r, permission, full(h.name), h.grants()...); err != nil {
		return err
	}
	if h.policy == nil {
		return notFound(h.id)
	}
	return nil
}

func (s *PubSub) getPolicy(kind string, find func(*api.Request, []string) holder) api.Handler {
	return func(r *api.Request, args []string) (any, error) {
		h := find(r, args)
		if err := s.open(r, args, "pubsub."+kind+".getIamPolicy", h); err != nil {
			return nil, err
		}
		version := 0
		if text := r.URL.Query().Get("options.requestedPolicyVersion"); text != "" {
			var err error
			if version, err = strconv.Atoi(text); err != nil {
				return nil, api.InvalidArgument("Invalid value at 'options.requested_policy_version' (TYPE_INT32), %q", text)
			}
		}
		return h.policy.View(version)
	}
}

func (s *PubSub) setPolicy(kind string, find func(*api.Request, []string) holder) api.Handler {
	return func(r *api.Request, args []string) (any, error) {
		h := find(r, args)
		if err := s.open(r, args, "pubsub."+kind+".setIamPolicy", h); err != nil {
			return nil, err
		}
		var in policy.Update
		if err := api.Decode(r.Body, &in); err != nil {
			return nil, err
		}
		next, err := in.Apply(h.policy.Policy, policy.PubSub, s.opts.Known)
		if err != nil {
			return nil, err
		}
		*h.policy = h.policy.Set(next, s.opts.Now(), s.opts.Delay)
		s.wake() // messages may be dead-lettered now
		return h.policy.View(in.Policy.Version)
	}
}

// testPermissions needs no permission itself, and of what is not there none is held: REST
// reference, "projects.topics.testIamPermissions".
func (s *PubSub) testPermissions(find func(*api.Request, []string) holder) api.Handler {
	return func(r *api.Request, args []string) (any, error) {
		var in struct {
			Permissions []string `json:"permissions"`
		}
		if err := s.project(args[0]); err != nil {
			return nil, err
		}
		if err := api.Decode(r.Body, &in); err != nil {
			return nil, err
		}
		h, held := find(r, args), []string{}
		for _, p := range in.Permissions {
			if h.policy != nil && r.Allowed(p, full(h.name), h.grants()...) {
				held = append(held, p)
			}
		}
		if len(held) == 0 {
			return struct{}{}, nil
		}
		return map[string]any{"permissions": held}, nil
	}
}
