package pubsub

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Backlog is what a subscription holds.
type Backlog struct {
	Unacknowledged int       // messages, those that are leased included
	Leased         int       // messages that a subscriber holds
	Oldest         time.Time // when the oldest was published; zero if there is none
}

// Message is a message that is not acknowledged.
type Message struct {
	ID         string
	Data       []byte
	Attributes map[string]string
	Published  time.Time
	Leased     bool
	Failures   int       // deliveries that were not acknowledged in time, or negatively
	Waiting    time.Time // until when a retry policy holds it back; zero if it does not
}

// Backlog counts the messages of a subscription, named by its id or its full name. One
// that is not there has none.
func (s *PubSub) Backlog(subscription string) Backlog {
	var b Backlog
	for _, m := range s.Messages(subscription) {
		if b.Unacknowledged++; b.Unacknowledged == 1 {
			b.Oldest = m.Published
		}
		if m.Leased {
			b.Leased++
		}
	}
	return b
}

// Messages lists the messages of a subscription that are not acknowledged, in the order in
// which they were published.
func (s *PubSub) Messages(subscription string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	sub := s.subscriptions[subscription[strings.LastIndex(subscription, "/")+1:]]
	if sub == nil {
		return nil
	}
	var out []Message
	for _, serial := range slices.Sorted(maps.Keys(sub.deliveries)) {
		d := sub.deliveries[serial]
		out = append(out, Message{d.id(), slices.Clone(d.data), maps.Clone(d.attributes), d.published, len(d.leases) > 0, d.failures, d.waiting})
	}
	return out
}
