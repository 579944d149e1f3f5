package events

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// settings are the parsed environment variables of the events function.
type settings struct {
	subscription, topic string // whole names
	deadLetters         string // a subscription; empty: not looked at
	deletes, metadata   bool
	continuous          bool
	endpoint            *url.URL
	function            string
}

// publicEndpoint is Pub/Sub's own: Pub/Sub REST API reference, "Service endpoint".
const publicEndpoint = "https://pubsub.googleapis.com"

var (
	subscriptionName = regexp.MustCompile(`^projects/[^/]+/subscriptions/[^/]+$`)
	topicName        = regexp.MustCompile(`^projects/[^/]+/topics/[^/]+$`)
)

// readSettings reads and validates all variables; its error names every mistake.
func readSettings(getenv func(string) string) (settings, error) {
	var errs []error
	name := func(variable, form string, whole *regexp.Regexp, needed bool) string {
		v := getenv(variable)
		if (v != "" || needed) && !whole.MatchString(v) {
			errs = append(errs, fmt.Errorf("%s: %q: must be %s; hint: `cdk deploy` of the function's stack sets it", variable, v, form))
		}
		return v
	}
	yes := func(variable string) bool {
		b, err := strconv.ParseBool(cmp.Or(getenv(variable), "false"))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: must be true or false", variable, getenv(variable)))
		}
		return b
	}
	s := settings{
		subscription: name(invocation.EnvEventsSubscription, "projects/P/subscriptions/S", subscriptionName, true),
		topic:        name(invocation.EnvEventsTopic, "projects/P/topics/T", topicName, true),
		deadLetters:  name(invocation.EnvEventsDeadLetters, "projects/P/subscriptions/S", subscriptionName, false),
		deletes:      yes(invocation.EnvEventDeletes),
		metadata:     yes(invocation.EnvEventMetadata),
		continuous:   yes(invocation.EnvEventsContinuous),
		function:     getenv("AWS_LAMBDA_FUNCTION_NAME"),
	}
	text := cmp.Or(getenv(invocation.EnvPubSubEndpoint), publicEndpoint)
	var err error
	if s.endpoint, err = url.Parse(text); err == nil {
		err = credential.CheckEndpoint(s.endpoint, yes(invocation.EnvAllowLoopback))
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("%s: %q: %w", invocation.EnvPubSubEndpoint, text, err))
	}
	return s, errors.Join(errs...)
}
