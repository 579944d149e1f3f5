package pubsub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// span is a duration as its client wrote it.
type span struct {
	text string
	of   time.Duration
}

func seconds(n int) span { return span{strconv.Itoa(n) + "s", time.Duration(n) * time.Second} }

// settings are what a client may set of a subscription.
type settings struct {
	labels      map[string]string
	ackDeadline int // seconds
	retention   span
	expires     span // empty is never
	filterText  string
	filter      filter // nil takes every message
	retry       *retryPolicy
	deadLetters *deadLetterPolicy
}

// retryPolicy is how long a message waits after it was not acknowledged.
type retryPolicy struct{ least, most span }

// backoff is the wait after so many failures: exponential between the two (Pub/Sub
// documentation, "Handle message failures"). The real one is not told more exactly.
func (p *retryPolicy) backoff(failures int) time.Duration {
	if p == nil || failures == 0 {
		return 0
	}
	wait := p.least.of
	for range failures - 1 {
		if wait *= 2; wait >= p.most.of {
			break
		}
	}
	return min(wait, p.most.of)
}

// deadLetterPolicy is where a message goes that was not acknowledged so often.
type deadLetterPolicy struct {
	topic    string // its name
	attempts int
}

// subscriptionInput is a subscription as clients write it.
type subscriptionInput struct {
	Name             string            `json:"name"`
	Topic            string            `json:"topic"`
	Labels           map[string]string `json:"labels"`
	AckDeadline      int               `json:"ackDeadlineSeconds"`
	Retention        string            `json:"messageRetentionDuration"`
	Filter           string            `json:"filter"`
	ExpirationPolicy *struct {
		TTL string `json:"ttl"`
	} `json:"expirationPolicy"`
	RetryPolicy *struct {
		MinimumBackoff string `json:"minimumBackoff"`
		MaximumBackoff string `json:"maximumBackoff"`
	} `json:"retryPolicy"`
	DeadLetterPolicy *struct {
		DeadLetterTopic     string `json:"deadLetterTopic"`
		MaxDeliveryAttempts int    `json:"maxDeliveryAttempts"`
	} `json:"deadLetterPolicy"`

	State, TopicMessageRetentionDuration, AnalyticsHubSubscriptionInfo any // only ever answered

	PushConfig                any `json:"pushConfig"`
	BigQueryConfig            any `json:"bigqueryConfig"`
	CloudStorageConfig        any `json:"cloudStorageConfig"`
	RetainAckedMessages       any `json:"retainAckedMessages"`
	EnableMessageOrdering     any `json:"enableMessageOrdering"`
	EnableExactlyOnceDelivery any `json:"enableExactlyOnceDelivery"`
	Detached                  any `json:"detached"`
	MessageTransforms         any `json:"messageTransforms"`
	Tags                      any `json:"tags"`
}

// modelled refuses by name what is not.
func (in subscriptionInput) modelled() error {
	return unmodelled("subscriptions", map[string]any{
		"pushConfig": in.PushConfig, "bigqueryConfig": in.BigQueryConfig, "cloudStorageConfig": in.CloudStorageConfig,
		"retainAckedMessages": in.RetainAckedMessages, "enableMessageOrdering": in.EnableMessageOrdering,
		"enableExactlyOnceDelivery": in.EnableExactlyOnceDelivery, "detached": in.Detached,
		"messageTransforms": in.MessageTransforms, "tags": in.Tags,
	})
}

// mutable are the fields that an update can name, and fixed those that it cannot: REST
// reference, "projects.subscriptions.patch".
var (
	mutable = []string{
		"labels", "ack_deadline_seconds", "message_retention_duration", "expiration_policy", "retry_policy", "dead_letter_policy",
		"push_config", "bigquery_config", "cloud_storage_config", "retain_acked_messages", "enable_exactly_once_delivery", "message_transforms",
	}
	fixed = []string{"name", "topic", "filter", "enable_message_ordering"}
)

// only is the input without the values that an update does not name.
func (in subscriptionInput) only(fields []string) subscriptionInput {
	out := subscriptionInput{}
	for _, field := range fields {
		switch field {
		case "labels":
			out.Labels = in.Labels
		case "ack_deadline_seconds":
			out.AckDeadline = in.AckDeadline
		case "message_retention_duration":
			out.Retention = in.Retention
		case "expiration_policy":
			out.ExpirationPolicy = in.ExpirationPolicy
		case "retry_policy":
			out.RetryPolicy = in.RetryPolicy
		case "dead_letter_policy":
			out.DeadLetterPolicy = in.DeadLetterPolicy
		}
	}
	return out
}

// set takes a field over that an update names.
func (st *settings) set(field string, from settings) error {
	switch field {
	case "labels":
		st.labels = from.labels
	case "ack_deadline_seconds":
		st.ackDeadline = from.ackDeadline
	case "message_retention_duration":
		st.retention = from.retention
	case "expiration_policy":
		st.expires = from.expires
	case "retry_policy":
		st.retry = from.retry
	case "dead_letter_policy":
		st.deadLetters = from.deadLetters
	default:
		switch {
		case slices.Contains(fixed, field):
			return immutable(field, "Subscription")
		case !slices.Contains(mutable, field):
			return unknownField(field, "Subscription")
		}
	}
	return nil
}

// The limits of subscriptions: REST reference, "Resource: Subscription", and Pub/Sub
// documentation, "Subscription properties".
const (
	minAckDeadline, maxAckDeadline = 10, 600 // seconds
	minRetention, maxRetention     = 10 * time.Minute, 31 * 24 * time.Hour
	minExpiration                  = 24 * time.Hour
	maxBackoff                     = 600 * time.Second
	minAttempts, maxAttempts       = 5, 100
)

// What a subscription has where its client leaves it out.
var (
	defaultRetention  = seconds(7 * 24 * 60 * 60)
	defaultExpiration = seconds(31 * 24 * 60 * 60)
	defaultLeast      = seconds(10)
	defaultMost       = seconds(600)
)

// read checks a client's settings and fills in what it leaves out.
func (s *PubSub) read(in subscriptionInput) (settings, error) {
	st := settings{
		labels: in.Labels, ackDeadline: in.AckDeadline, retention: defaultRetention, expires: defaultExpiration, filterText: in.Filter,
	}
	if err := checkLabels(in.Labels); err != nil {
		return st, err
	}
	if st.ackDeadline == 0 {
		st.ackDeadline = minAckDeadline
	}
	if st.ackDeadline < minAckDeadline || st.ackDeadline > maxAckDeadline {
		return st, ackDeadlineError(st.ackDeadline, minAckDeadline)
	}
	var err error
	if in.ExpirationPolicy != nil {
		if st.expires, err = parseSpan("subscription.expiration_policy.ttl", in.ExpirationPolicy.TTL); err != nil {
			return st, err
		}
		if st.expires.text != "" && st.expires.of < minExpiration {
			return st, outOfBounds("expiration duration", brief(st.expires.of), brief(minExpiration), nil, true)
		}
	}
	if in.Retention != "" {
		if st.retention, err = parseSpan("subscription.message_retention_duration", in.Retention); err != nil {
			return st, err
		}
		if err := checkRetention(st.retention.of); err != nil {
			return st, err
		}
	} else if st.expires.text != "" && st.expires.of < st.retention.of {
		st.retention = st.expires // a message is kept no longer than its subscription
	}
	if st.filter, err = parseFilter(in.Filter); err != nil {
		return st, err
	}
	if st.retry, err = in.retry(); err != nil {
		return st, err
	}
	st.deadLetters, err = s.deadLetters(in)
	return st, err
}

func (in subscriptionInput) retry() (*retryPolicy, error) {
	p := in.RetryPolicy
	if p == nil {
		return nil, nil
	}
	out := retryPolicy{defaultLeast, defaultMost}
	for _, part := range []struct {
		field, text string
		to          *span
	}{
		{"minimum_backoff", p.MinimumBackoff, &out.least}, {"maximum_backoff", p.MaximumBackoff, &out.most},
	} {
		if part.text == "" {
			continue
		}
		d, err := parseSpan("subscription.retry_policy."+part.field, part.text)
		if err != nil {
			return nil, err
		}
		if d.of < 0 || d.of > maxBackoff {
			return nil, outOfBounds(part.field, brief(d.of), "0s", brief(maxBackoff), d.of < 0)
		}
		*part.to = d
	}
	if out.least.of > out.most.of {
		return nil, api.InvalidArgument("The value for minimum_backoff must not be larger than the value for maximum_backoff. "+
			"You passed %s and %s.", brief(out.least.of), brief(out.most.of))
	}
	return &out, nil
}

func (s *PubSub) deadLetters(in subscriptionInput) (*deadLetterPolicy, error) {
	p := in.DeadLetterPolicy
	if p == nil {
		return nil, nil
	}
	id, err := s.topicID("dead_letter_topic", p.DeadLetterTopic)
	if err != nil {
		return nil, err
	}
	out := &deadLetterPolicy{s.topicName(id), p.MaxDeliveryAttempts}
	if out.attempts == 0 {
		out.attempts = minAttempts
	}
	if out.attempts < minAttempts || out.attempts > maxAttempts {
		return nil, outOfBounds("max_delivery_attempts", out.attempts, minAttempts, maxAttempts, out.attempts < minAttempts)
	}
	if s.topics[id] == nil {
		return nil, notFound(id)
	}
	return out, nil
}

// ackDeadlineError refuses an ack deadline: commercetools/fs2-queues, pull request 141.
func ackDeadlineError(given, least int) error {
	return api.InvalidArgument("Invalid ack deadline given (ack_deadline=%d). "+
		"The ack deadline must be between %d and %d seconds.", given, least, maxAckDeadline)
}

func checkTopicRetention(text string) error {
	if text == "" {
		return nil
	}
	d, err := parseSpan("topic.message_retention_duration", text)
	if err != nil {
		return err
	}
	return checkRetention(d.of)
}

func checkRetention(d time.Duration) error {
	if d < minRetention || d > maxRetention {
		return api.InvalidArgument("The value for message retention duration is out of bounds. "+
			"You passed %s in the request, but the value must be between %s and %s.", brief(d), brief(minRetention), brief(maxRetention))
	}
	return nil
}

// parseSpan reads a duration of Google's JSON, such as 3.5s. An empty one is no duration.
func parseSpan(field, text string) (span, error) {
	if text == "" {
		return span{}, nil
	}
	const illegal = "Invalid value at '%s' (type.googleapis.com/google.protobuf.Duration), Illegal duration format; "
	number, ok := strings.CutSuffix(text, "s")
	if !ok {
		return span{}, api.InvalidArgument(illegal+"duration must end with 's'", field)
	}
	d, err := time.ParseDuration(text)
	if err != nil || strings.Trim(number, "-0123456789.") != "" {
		return span{}, api.InvalidArgument(illegal+"failed to parse seconds", field)
	}
	return span{text, d}, nil
}

// brief writes a duration as Pub/Sub's messages do: 24h, 9m59s.
func brief(d time.Duration) string {
	text := fmt.Sprint(d)
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
