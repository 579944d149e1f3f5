package events

import (
	"context"
	"fmt"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// Limits of Pub/Sub: Pub/Sub documentation, "Quotas and limits", resource limits; REST API
// reference, "projects.subscriptions.pull". A request that acknowledges has at most 512 KiB;
// an ID of a message is believed to have less than 400 bytes.
const (
	maxPull   = 1000
	maxSettle = 1000
)

// longPoll is how long Pub/Sub may wait before it answers that there are no messages. How
// long it does is not documented; 90 seconds were seen (believed).
const longPoll = 2 * time.Minute

// queue makes requests of Pub/Sub.
type queue struct{ api *copy.API }

// received is a message as pull returns it.
type received struct {
	AckID   string `json:"ackId"`
	Attempt int    `json:"deliveryAttempt"`
	Message struct {
		Data        []byte            `json:"data,omitempty"`
		Attributes  map[string]string `json:"attributes,omitempty"`
		MessageID   string            `json:"messageId,omitempty"`
		PublishTime time.Time         `json:"publishTime,omitzero"`
	} `json:"message"`
}

// pull returns messages, which are this drain's until their deadline. Without wait, it also
// returns at once if there are none.
func (q *queue) pull(ctx context.Context, subscription string, most int, wait bool) ([]received, error) {
	// returnImmediately is discouraged, since messages may be overlooked. Waiting for none,
	// once a minute, would cost more of Lambda than a message that comes a minute later.
	in := struct {
		MaxMessages       int  `json:"maxMessages"`
		ReturnImmediately bool `json:"returnImmediately,omitempty"`
	}{min(most, maxPull), !wait}
	var out struct {
		ReceivedMessages []received `json:"receivedMessages"`
	}
	if err := q.api.Call(ctx, "/v1/"+subscription+":pull", in, &out); err != nil {
		return nil, fmt.Errorf("pulling %s: %w", subscription, err)
	}
	return out.ReceivedMessages, nil
}

// acknowledge ends messages.
func (q *queue) acknowledge(ctx context.Context, subscription string, ids []string) error {
	in := struct {
		AckIDs []string `json:"ackIds"`
	}{ids}
	if err := q.api.Call(ctx, "/v1/"+subscription+":acknowledge", in, nil); err != nil {
		return fmt.Errorf("acknowledging %d messages of %s: %w", len(ids), subscription, err)
	}
	return nil
}

// extend sets the deadline of messages, from now on. None gives them back.
func (q *queue) extend(ctx context.Context, subscription string, ids []string, d time.Duration) error {
	in := struct {
		AckIDs             []string `json:"ackIds"`
		AckDeadlineSeconds int      `json:"ackDeadlineSeconds"`
	}{ids, int(d.Seconds())}
	if err := q.api.Call(ctx, "/v1/"+subscription+":modifyAckDeadline", in, nil); err != nil {
		return fmt.Errorf("setting the deadline of %d messages of %s: %w", len(ids), subscription, err)
	}
	return nil
}

// publish publishes a message.
func (q *queue) publish(ctx context.Context, topic string, data []byte, attributes map[string]string) error {
	type message struct {
		Data       []byte            `json:"data"`
		Attributes map[string]string `json:"attributes"`
	}
	in := struct {
		Messages []message `json:"messages"`
	}{[]message{{data, attributes}}}
	if err := q.api.Call(ctx, "/v1/"+topic+":publish", in, nil); err != nil {
		return fmt.Errorf("publishing to %s: %w", topic, err)
	}
	return nil
}
