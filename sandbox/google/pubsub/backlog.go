package pubsub

import (
	"container/heap"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// message is one published message; subscriptions share it.
type message struct {
	serial     int64
	data       []byte
	attributes map[string]string
	published  time.Time
}

func (m *message) id() string { return strconv.FormatInt(m.serial, 10) }

// backlog are the messages of a subscription that are not acknowledged.
type backlog struct {
	deliveries map[int64]*delivery // by the message's serial
	ready      []*delivery         // in the order in which they are handed out; some may be gone
	moments    moments
	pulls      uint64 // so far
}

// delivery is a message on its way to a subscriber.
type delivery struct {
	*message
	failures int       // leases that ended without an acknowledgement
	leases   []lease   // one, or several of a message that was delivered twice
	handed   int       // leases so far
	waiting  time.Time // when it is ready again; zero if it is ready or leased
	ready    bool
	gone     bool // acknowledged, dead-lettered or too old
}

// lease is the right of a subscriber to acknowledge a message.
type lease struct {
	number int
	until  time.Time
}

// moment is when something may have to be done about a delivery.
type moment struct {
	at time.Time
	*delivery
}

// moments are a heap, the earliest first.
type moments []moment

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i].at.Before(m[j].at) }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)        { *m = append(*m, x.(moment)) }
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// on notes that something has to be done about a delivery.
func (b *backlog) on(at time.Time, d *delivery) { heap.Push(&b.moments, moment{at, d}) }

// add takes a message in.
func (sub *subscription) add(m *message) {
	if sub.deliveries == nil {
		sub.deliveries = map[int64]*delivery{}
	}
	d := &delivery{message: m}
	sub.deliveries[m.serial] = d
	sub.makeReady(d)
	sub.on(m.published.Add(sub.retention.of), d)
}

func (b *backlog) makeReady(d *delivery) {
	d.waiting = time.Time{}
	if !d.ready && !d.gone {
		d.ready = true
		b.ready = append(b.ready, d)
	}
}

// drop forgets a delivery.
func (b *backlog) drop(d *delivery) {
	d.gone, d.ready, d.leases = true, false, nil
	delete(b.deliveries, d.serial)
}

// take hands out messages that are ready: at most so many, and so many bytes but for the
// first.
func (b *backlog) take(most, bytes int, deadline time.Time, seed uint64, again bool) []*delivery {
	b.pulls++
	b.ready = slices.DeleteFunc(b.ready, func(d *delivery) bool { return !d.ready })
	if seed != 0 {
		order := rand.New(rand.NewPCG(seed, b.pulls))
		order.Shuffle(len(b.ready), func(i, j int) { b.ready[i], b.ready[j] = b.ready[j], b.ready[i] })
	}
	var out []*delivery
	for _, d := range b.ready {
		if bytes -= len(d.data); len(out) == most || bytes < 0 && len(out) > 0 {
			break
		}
		out = append(out, d)
	}
	b.ready = b.ready[len(out):]
	for _, d := range out {
		d.handed++
		d.ready = false
		d.leases = append(d.leases, lease{d.handed, deadline})
		b.on(deadline, d)
		if again {
			b.makeReady(d)
		}
	}
	return out
}

// leased is a lease of a delivery, or nil once it has ended.
func (d *delivery) leased(number int) *lease {
	i := slices.IndexFunc(d.leases, func(l lease) bool { return l.number == number })
	if i < 0 {
		return nil
	}
	return &d.leases[i]
}

// settle does what time has brought since the last look: leases end, messages become
// ready again, go to their dead-letter topic or grow too old, and subscriptions that are
// not used expire. The caller holds the lock.
func (s *PubSub) settle() {
	now := s.opts.Now()
	for _, id := range slices.Sorted(maps.Keys(s.subscriptions)) {
		sub := s.subscriptions[id]
		if sub.expires.text != "" && !now.Before(sub.used.Add(sub.expires.of)) {
			delete(s.subscriptions, id)
			s.wake()
			continue
		}
		for len(sub.moments) > 0 && !now.Before(sub.moments[0].at) {
			m := heap.Pop(&sub.moments).(moment)
			s.happen(sub, m.delivery, now)
		}
	}
}

// happen looks at one delivery.
func (s *PubSub) happen(sub *subscription, d *delivery, now time.Time) {
	if d.gone {
		return
	}
	if old := d.published.Add(sub.retention.of); !now.Before(old) {
		sub.drop(d)
		return
	}
	for _, l := range slices.Clone(d.leases) {
		if !now.Before(l.until) {
			s.fail(sub, d, l.number, l.until)
		}
	}
	if !d.gone && !d.waiting.IsZero() && !now.Before(d.waiting) {
		sub.makeReady(d)
		s.wake()
	}
}

// fail ends a lease without an acknowledgement.
func (s *PubSub) fail(sub *subscription, d *delivery, number int, at time.Time) {
	d.leases = slices.DeleteFunc(d.leases, func(l lease) bool { return l.number == number })
	d.failures++
	if sub.deadLetters != nil && d.failures >= sub.deadLetters.attempts && s.bury(sub, d, at) {
		return
	}
	if len(d.leases) > 0 || d.ready || !d.waiting.IsZero() {
		return // it is or will be there without this
	}
	d.waiting = at.Add(sub.retry.backoff(d.failures))
	sub.on(d.waiting, d)
}

// bury moves a message to the dead-letter topic, if that is there and the Pub/Sub service
// agent may publish there and acknowledge here; else the message stays. Pub/Sub
// documentation, "Handle message failures", has the attributes.
func (s *PubSub) bury(sub *subscription, d *delivery, at time.Time) bool {
	id, err := s.topicID("", sub.deadLetters.topic)
	t := s.topics[id]
	if err != nil || t == nil {
		return false
	}
	agent, now := Agent(s.opts.ProjectNumber), s.opts.Now()
	if !s.may(agent, "pubsub.topics.publish", t.name, t.policy, now) ||
		!s.may(agent, "pubsub.subscriptions.consume", sub.name, sub.policy, now) {
		return false
	}
	attributes := maps.Clone(d.attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = strconv.Itoa(d.failures)
	attributes["CloudPubSubDeadLetterSourceSubscription"] = sub.id
	attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = s.opts.ProjectID
	attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = d.published.UTC().Format("2006-01-02T15:04:05.000-07:00")
	sub.drop(d)
	s.deliver(t, d.data, attributes, at)
	return true
}

// may reports whether a service account that makes no request has a permission.
func (s *PubSub) may(email, permission, name string, own api.Granter, now time.Time) bool {
	if s.opts.Decide == nil {
		return false
	}
	return s.opts.Decide(api.Principal{Member: "serviceAccount:" + email}, permission, full(name), []api.Granter{own}, now).Allowed
}

// deliver gives a message to the topic's subscriptions, and returns its id.
func (s *PubSub) deliver(t *topic, data []byte, attributes map[string]string, at time.Time) string {
	s.lastMessage++
	m := &message{serial: s.lastMessage, data: data, attributes: attributes, published: at}
	for _, sub := range s.subscriptions {
		if sub.topic == t && !sub.detached && (sub.filter == nil || sub.filter(attributes)) {
			sub.add(m)
		}
	}
	s.wake()
	return m.id()
}
