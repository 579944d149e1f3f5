package pubsub

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// maxPull is the most messages that one pull answers, and maxAnswer the most bytes.
const (
	maxPull   = 1000
	maxAnswer = 10 << 20
)

// look is how often a pull that waits looks at the cloud's clock, which may jump.
const look = 20 * time.Millisecond

// pull leases messages, and waits for one if it may.
func (s *PubSub) pull(r *api.Request, args []string) (any, error) {
	var in struct {
		MaxMessages       int  `json:"maxMessages"`
		ReturnImmediately bool `json:"returnImmediately"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	sub, err := s.openToConsume(r, args)
	if err != nil {
		return nil, err
	}
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	if in.MaxMessages <= 0 {
		return nil, api.InvalidArgument("You have passed an invalid argument to the service (argument=max_messages).")
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.Wait)
	defer cancel()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		if s.subscriptions[sub.id] != sub { // deleted meanwhile
			return nil, notFound(sub.id)
		}
		// Who went away would not get what is leased now.
		if r.Context().Err() == nil {
			if out := s.lease(sub, min(in.MaxMessages, maxPull), faults.DeliveryOf(r.Context())); len(out) > 0 {
				return encoded(map[string]any{"receivedMessages": out})
			}
		}
		if in.ReturnImmediately || s.closed || ctx.Err() != nil {
			return struct{}{}, nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ticker.C:
		case <-ctx.Done():
		}
		s.mu.Lock()
		s.settle()
	}
}

// received is ReceivedMessage of the API.
type received struct {
	AckID   string `json:"ackId"`
	Message struct {
		Data        []byte            `json:"data,omitempty"`
		Attributes  map[string]string `json:"attributes,omitempty"`
		MessageID   string            `json:"messageId"`
		PublishTime string            `json:"publishTime"`
	} `json:"message"`
	// DeliveryAttempt is there where the subscription has a dead-letter policy.
	DeliveryAttempt int `json:"deliveryAttempt,omitempty"`
}

func (s *PubSub) lease(sub *subscription, most int, disorder faults.Delivery) []received {
	now := s.opts.Now()
	sub.used = now
	deadline := now.Add(time.Duration(sub.ackDeadline) * time.Second)
	var out []received
	for _, d := range sub.take(most, maxAnswer, deadline, disorder.Shuffle, disorder.Duplicate) {
		m := received{AckID: s.ackID(sub, d)}
		m.Message.Data, m.Message.Attributes, m.Message.MessageID = d.data, d.attributes, d.id()
		m.Message.PublishTime = d.published.UTC().Format("2006-01-02T15:04:05.000Z")
		if sub.deadLetters != nil {
			m.DeliveryAttempt = d.failures + 1
		}
		out = append(out, m)
	}
	return out
}

// ackID names the newest lease of a delivery. It is signed, so that one that was not given
// out is told from an old one.
func (s *PubSub) ackID(sub *subscription, d *delivery) string {
	var b []byte
	for _, n := range []int64{sub.serial, d.serial, int64(d.handed)} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return base64.RawURLEncoding.EncodeToString(append(b, s.sign(b)...))
}

// numbers is how many bytes of an ack id are its numbers.
const numbers = 3 * 8

func (s *PubSub) sign(b []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(b)
	return mac.Sum(nil)[:16]
}

// leaseOf is an ack id's delivery and lease; both are nil once the lease has ended.
func (s *PubSub) leaseOf(sub *subscription, ackID string) (*delivery, *lease, error) {
	invalid := api.InvalidArgument("You have passed an invalid ack ID to the service (ack_id=%s).", ackID)
	b, err := base64.RawURLEncoding.DecodeString(ackID)
	if err != nil || len(b) <= numbers || !hmac.Equal(b[numbers:], s.sign(b[:numbers])) {
		return nil, nil, invalid
	}
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[8*i:])) }
	if number(0) != sub.serial {
		return nil, nil, invalid
	}
	d := sub.deliveries[number(1)]
	if d == nil {
		return nil, nil, nil
	}
	l := d.leased(int(number(2)))
	if l == nil {
		return nil, nil, nil
	}
	return d, l, nil
}

// claim is what acknowledging and modifying have in common.
type claim struct {
	delivery *delivery
	lease    lease
}

// claims reads ack ids, all of which have to be ones that were given out.
func (s *PubSub) claims(sub *subscription, ackIDs []string) ([]claim, error) {
	if len(ackIDs) == 0 {
		return nil, api.InvalidArgument("You have not specified an ack ID in the request.")
	}
	var out []claim
	for _, id := range ackIDs {
		d, l, err := s.leaseOf(sub, id)
		if err != nil {
			return nil, err
		}
		if d != nil {
			out = append(out, claim{d, *l})
		}
	}
	return out, nil
}

func (s *PubSub) acknowledge(r *api.Request, args []string) (any, error) {
	sub, err := s.openToConsume(r, args)
	if err != nil {
		return nil, err
	}
	var in struct {
		AckIDs []string `json:"ackIds"`
	}
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	claims, err := s.claims(sub, in.AckIDs)
	if err != nil {
		return nil, err
	}
	if !faults.DeliveryOf(r.Context()).Forget {
		for _, c := range claims {
			sub.drop(c.delivery)
		}
	}
	return struct{}{}, nil
}

func (s *PubSub) modifyAckDeadline(r *api.Request, args []string) (any, error) {
	sub, err := s.openToConsume(r, args)
	if err != nil {
		return nil, err
	}
	var in struct {
		AckIDs             []string `json:"ackIds"`
		AckDeadlineSeconds int      `json:"ackDeadlineSeconds"`
	}
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	if in.AckDeadlineSeconds < 0 || in.AckDeadlineSeconds > maxAckDeadline {
		return nil, ackDeadlineError(in.AckDeadlineSeconds, 0)
	}
	claims, err := s.claims(sub, in.AckIDs)
	if err != nil {
		return nil, err
	}
	if faults.DeliveryOf(r.Context()).Forget {
		return struct{}{}, nil
	}
	now := s.opts.Now()
	until := now.Add(time.Duration(in.AckDeadlineSeconds) * time.Second)
	for _, c := range claims {
		l := c.delivery.leased(c.lease.number)
		switch {
		case l == nil: // named twice
		case in.AckDeadlineSeconds == 0:
			s.fail(sub, c.delivery, c.lease.number, now)
		default:
			l.until = until
			sub.on(until, c.delivery)
		}
	}
	s.settle() // what has no backoff is ready at once
	return struct{}{}, nil
}
