package pubsub

import (
	"encoding/base64"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// The limits of what is published: Pub/Sub documentation, "Pub/Sub quotas and limits". All
// but the number of messages are bytes.
const (
	maxMessages       = 1000
	maxPublish        = 10_000_000
	maxAttributes     = 100
	maxAttributeKey   = 256
	maxAttributeValue = 1024
)

// messageInput is a message as clients write it.
type messageInput struct {
	Data       string            `json:"data"`
	Attributes map[string]string `json:"attributes"`

	MessageID, PublishTime any // only ever answered

	OrderingKey any `json:"orderingKey"`
}

func (s *PubSub) publish(r *api.Request, args []string) (any, error) {
	t, err := s.openTopic(r, args, "pubsub.topics.publish")
	if err != nil {
		return nil, err
	}
	var in struct {
		Messages []messageInput `json:"messages"`
	}
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	if n := len(in.Messages); n == 0 || n > maxMessages {
		return nil, outOfBounds("message_count", n, 1, maxMessages, n == 0)
	}
	contents := make([][]byte, len(in.Messages))
	size := field(len(t.name))
	for i, m := range in.Messages {
		if contents[i], err = m.check(i); err != nil {
			return nil, err
		}
		size += field(m.size(len(contents[i])))
	}
	if size > maxPublish {
		return nil, outOfBounds("request_size", size, 0, maxPublish, false)
	}
	ids, now := []string{}, s.opts.Now()
	for i, m := range in.Messages {
		ids = append(ids, s.deliver(t, contents[i], m.Attributes, now))
	}
	return map[string]any{"messageIds": ids}, nil
}

// check returns a message's data, if all of it is allowed.
func (m messageInput) check(i int) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(standard(m.Data))
	if err != nil {
		return nil, api.InvalidArgument("Invalid value at 'messages[%d].data' (TYPE_BYTES), Base64 decoding failed for %q", i, m.Data)
	}
	if !api.Vacant(m.OrderingKey) {
		return nil, api.Unmodelled("field", "orderingKey of messages")
	}
	if len(data) == 0 && len(m.Attributes) == 0 {
		return nil, api.InvalidArgument("One or more messages in the publish request is empty. " +
			"Each message must contain either non-empty data, or at least one attribute.")
	}
	if n := len(m.Attributes); n > maxAttributes {
		return nil, outOfBounds("attribute_count", n, 0, maxAttributes, false)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Attributes)) {
		switch value := m.Attributes[key]; {
		case key == "":
			return nil, api.InvalidArgument("You have passed an invalid argument to the service (argument=attribute_key).")
		case strings.HasPrefix(key, "goog"):
			return nil, api.InvalidArgument("You have passed an invalid argument to the service "+
				"(argument=attribute_key %s: the prefix goog is reserved).", key)
		case len(key) > maxAttributeKey:
			return nil, outOfBounds("attribute_key_size", len(key), 1, maxAttributeKey, false)
		case len(value) > maxAttributeValue:
			return nil, outOfBounds("attribute_value_size", len(value), 0, maxAttributeValue, false)
		}
	}
	return data, nil
}

// standard is base64 in the standard alphabet with its padding: JSON's bytes fields take
// either alphabet, with padding or without.
func standard(text string) string {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	return text + strings.Repeat("=", (4-len(text)%4)%4)
}

// field is the size of a field of so many bytes in a protocol buffer, with its tag and its
// length: Protocol Buffers documentation, "Encoding".
func field(n int) int { return 1 + (bits.Len(uint(n|1))+6)/7 + n }

// size is the size of the message in a protocol buffer.
func (m messageInput) size(data int) int {
	n := 0
	if data > 0 {
		n = field(data)
	}
	for key, value := range m.Attributes {
		n += field(field(len(key)) + field(len(value)))
	}
	return n
}

// Receives reports whether a topic, named projects/PROJECT/topics/TOPIC, is there, and
// whether a service account is allowed to publish to it.
func (s *PubSub) Receives(email, name string) (exists, allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.find(name)
	if t == nil {
		return false, false
	}
	return true, s.may(email, "pubsub.topics.publish", t.name, t.policy, s.opts.Now())
}

// PublishAs publishes a message of a service account that makes no request, such as the
// service agent of Cloud Storage. Without the topic or the right nothing happens.
func (s *PubSub) PublishAs(email, name string, data []byte, attributes map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	now := s.opts.Now()
	if t := s.find(name); t != nil && s.may(email, "pubsub.topics.publish", t.name, t.policy, now) {
		s.deliver(t, data, attributes, now)
	}
}

// find returns the topic of a name, or nil.
func (s *PubSub) find(name string) *topic {
	id, err := s.topicID("", name)
	if err != nil {
		return nil
	}
	return s.topics[id]
}
