package pubsub

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// subscription is one subscription with its messages.
type subscription struct {
	settings
	id       string
	name     string
	serial   int64  // which tells it from an earlier one of its name
	topic    *topic // nil once it is deleted
	detached bool
	used     time.Time // when a subscriber or an administrator last did something with it
	policy   policy.Timeline

	backlog
}

func (s *PubSub) subscriptionName(id string) string {
	return "projects/" + s.opts.ProjectID + "/subscriptions/" + id
}

// json is the subscription as the API writes it.
func (sub *subscription) json() map[string]any {
	out := map[string]any{
		"name": sub.name, "topic": deletedTopic, "pushConfig": struct{}{}, "ackDeadlineSeconds": sub.ackDeadline,
		"messageRetentionDuration": sub.retention.text, "expirationPolicy": struct{}{}, "state": "ACTIVE",
	}
	if sub.topic != nil {
		out["topic"] = sub.topic.name
		if sub.topic.retention != "" {
			out["topicMessageRetentionDuration"] = sub.topic.retention
		}
	}
	if sub.expires.text != "" {
		out["expirationPolicy"] = map[string]any{"ttl": sub.expires.text}
	}
	if len(sub.labels) > 0 {
		out["labels"] = sub.labels
	}
	if sub.filterText != "" {
		out["filter"] = sub.filterText
	}
	if sub.retry != nil {
		out["retryPolicy"] = map[string]any{"minimumBackoff": sub.retry.least.text, "maximumBackoff": sub.retry.most.text}
	}
	if sub.deadLetters != nil {
		out["deadLetterPolicy"] = map[string]any{"deadLetterTopic": sub.deadLetters.topic, "maxDeliveryAttempts": sub.deadLetters.attempts}
	}
	if sub.detached {
		out["detached"] = true
	}
	return out
}

// attach is the topic that a subscription names, for a caller who is allowed to attach one
// to it.
func (s *PubSub) attach(r *api.Request, name string) (*topic, error) {
	id, err := s.topicID("topic", name)
	if err != nil {
		return nil, err
	}
	h := s.topicOf(r, []string{"", id})
	if err := authorize(r, "pubsub.topics.attachSubscription", full(h.name), h.grants()...); err != nil {
		return nil, err
	}
	if s.topics[id] == nil {
		return nil, notFound(id)
	}
	return s.topics[id], nil
}

// topicID is the id in the name of a topic of this project.
func (s *PubSub) topicID(field, name string) (string, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[2] != "topics" || checkName(name) != nil {
		return "", invalidName(field, name)
	}
	return parts[3], s.project(parts[1])
}

func (s *PubSub) createSubscription(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	id, name := args[1], s.subscriptionName(args[1])
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := authorize(r, "pubsub.subscriptions.create", s.projectResource()); err != nil {
		return nil, err
	}
	var in subscriptionInput
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	if err := in.modelled(); err != nil {
		return nil, err
	}
	t, err := s.attach(r, in.Topic)
	if err != nil {
		return nil, err
	}
	made, err := s.read(in)
	if err != nil {
		return nil, err
	}
	if s.subscriptions[id] != nil {
		return nil, alreadyExists(id)
	}
	s.lastSerial++
	sub := &subscription{settings: made, id: id, name: name, serial: s.lastSerial, topic: t, used: s.opts.Now()}
	s.subscriptions[id] = sub
	return sub.json(), nil
}

// openSubscription finds a path's subscription for a caller with a permission on it, which
// is a use of it.
func (s *PubSub) openSubscription(r *api.Request, args []string, permission string) (*subscription, error) {
	if err := s.open(r, args, permission, s.subscriptionOf(r, args)); err != nil {
		return nil, err
	}
	sub := s.subscriptions[args[1]]
	sub.used = s.opts.Now()
	return sub, nil
}

// openToConsume is openSubscription for a subscriber.
func (s *PubSub) openToConsume(r *api.Request, args []string) (*subscription, error) {
	sub, err := s.openSubscription(r, args, "pubsub.subscriptions.consume")
	if err == nil && sub.detached {
		err = api.FailedPrecondition("The subscription has been detached from its topic.")
	}
	return sub, err
}

func (s *PubSub) getSubscription(r *api.Request, args []string) (any, error) {
	sub, err := s.openSubscription(r, args, "pubsub.subscriptions.get")
	if err != nil {
		return nil, err
	}
	return sub.json(), nil
}

func (s *PubSub) listSubscriptions(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	if err := authorize(r, "pubsub.subscriptions.list", s.projectResource()); err != nil {
		return nil, err
	}
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.subscriptions)) {
		items = append(items, s.subscriptions[id].json())
	}
	return listing(r, "subscriptions", items)
}

func (s *PubSub) patchSubscription(r *api.Request, args []string) (any, error) {
	sub, err := s.openSubscription(r, args, "pubsub.subscriptions.update")
	if err != nil {
		return nil, err
	}
	var in struct {
		Subscription subscriptionInput `json:"subscription"`
		UpdateMask   string            `json:"updateMask"`
	}
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	fields, err := mask(r, in.UpdateMask, "Subscription")
	if err != nil {
		return nil, err
	}
	if err := in.Subscription.modelled(); err != nil {
		return nil, err
	}
	// What the mask does not name stays as it is, and is not looked at.
	next := in.Subscription.only(fields)
	read, err := s.read(next)
	if err != nil {
		return nil, err
	}
	changed := sub.settings
	for _, field := range fields {
		if err := changed.set(field, read); err != nil {
			return nil, err
		}
	}
	sub.settings = changed
	for _, d := range sub.deliveries {
		sub.on(d.published.Add(sub.retention.of), d)
	}
	s.settle()
	s.wake()
	return sub.json(), nil
}

func (s *PubSub) deleteSubscription(r *api.Request, args []string) (any, error) {
	sub, err := s.openSubscription(r, args, "pubsub.subscriptions.delete")
	if err != nil {
		return nil, err
	}
	delete(s.subscriptions, sub.id)
	s.wake() // pulls that wait for it
	return struct{}{}, nil
}

// detachSubscription takes a subscription off its topic, which needs a right on the topic;
// its messages are dropped.
func (s *PubSub) detachSubscription(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	sub := s.subscriptions[args[1]]
	resource, own := s.projectResource(), []api.Granter(nil)
	if sub != nil && sub.topic != nil {
		resource, own = full(sub.topic.name), []api.Granter{sub.topic.policy}
	}
	if err := authorize(r, "pubsub.topics.detachSubscription", resource, own...); err != nil {
		return nil, err
	}
	if sub == nil {
		return nil, notFound(args[1])
	}
	sub.detached, sub.backlog = true, backlog{}
	s.wake()
	return struct{}{}, nil
}
