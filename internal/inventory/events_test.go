package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/api/pubsub/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// TestEventsOfOthers crosses what tells of events with whose it is, with and without state:
// what is the environment's is removed, and nothing else.
func TestEventsOfOthers(t *testing.T) {
	t.Parallel()
	marks := func(w world) map[string]map[string]string {
		return map[string]map[string]string{
			"ours":                       w.Env.Mark().Labels(),
			"another environment's":      w.another().Labels(),
			"of another of its name":     w.sameName().Labels(),
			"made by hand or remade":     nil,
			"with a label of somebody's": {"team": "data"},
		}
	}
	for _, whose := range []string{"ours", "another environment's", "of another of its name", "made by hand or remade", "with a label of somebody's"} {
		for _, kind := range []string{KindTopic, KindSubscription, KindNotification} {
			for _, stated := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, state %v", kind, whose, stated), func(t *testing.T) {
					t.Parallel()
					c := integration.New(t, sandbox.Options{})
					c.Env.Events = environment.PullEvents
					w := world{c, t, c.Clients(t)}
					labels := map[string]map[string]string{KindTopic: w.Env.Mark().Labels(), KindSubscription: w.Env.Mark().Labels(), KindNotification: w.Env.Mark().Labels()}
					labels[kind] = marks(w)[whose]
					notification := w.makeEvents(labels)
					var recorded []engine.Resource
					if stated {
						recorded = []engine.Resource{
							{URN: "urn:topic", Type: typeTopic, ID: w.Env.Topic(w.Env.Drain()), Custom: true},
							{URN: "urn:subscription", Type: typeSubscription, ID: w.Env.Subscription(w.Env.Drain()), Custom: true},
							{URN: "urn:notification", Type: typeNotification, ID: notification, Custom: true},
						}
					}
					items, err := Of(t.Context(), w.both, w.Env, recorded...)
					w.must(err)
					names := map[string]string{KindTopic: w.Env.Drain(), KindSubscription: w.Env.Drain(), KindNotification: notification}
					foreign := whose != "ours"
					for _, i := range items {
						if names[i.Kind] != i.Name {
							continue
						}
						// A topic stays whose subscription is somebody else's.
						want := foreign && i.Kind == kind || foreign && kind == KindSubscription && i.Kind == KindTopic
						if (i.Foreign != "") != want {
							t.Errorf("%s is foreign for %q, want %v", i, i.Foreign, want)
						}
						if stated != (len(i.URNs) == 1) {
							t.Errorf("%s has the records %v", i, i.URNs)
						}
					}
					w.must(RemoveLost(t.Context(), w.both, items, func(Item) {}))
					left := map[string]bool{
						KindTopic:        w.both.Google.Topic(t.Context(), w.Env.Drain()).There(),
						KindSubscription: w.both.Google.Subscription(t.Context(), w.Env.Drain()).There(),
						KindNotification: len(w.both.Google.Notifications(t.Context(), w.Env.SourceBucket).Thing) > 0,
					}
					for of, is := range left {
						want := foreign && of == kind || foreign && kind == KindSubscription && of == KindTopic
						if is != want {
							t.Errorf("the %s is left: %v, want %v", of, is, want)
						}
					}
				})
			}
		}
	}
}

// makeEvents makes a topic, its subscription and the bucket's notification with labels, and
// returns the notification's name.
func (w world) makeEvents(labels map[string]map[string]string) string {
	w.t.Helper()
	google, topic := w.both.Google, w.Env.Topic(w.Env.Drain())
	_, err := google.PubSub.Projects.Topics.Create(topic, &pubsub.Topic{Labels: labels[KindTopic]}).Context(w.t.Context()).Do()
	w.must(err)
	_, err = google.PubSub.Projects.Subscriptions.Create(w.Env.Subscription(w.Env.Drain()), &pubsub.Subscription{Topic: topic, Labels: labels[KindSubscription]}).Context(w.t.Context()).Do()
	w.must(err)
	agent, err := google.Storage.Projects.ServiceAccount.Get(w.Env.GoogleProject).Context(w.t.Context()).Do()
	w.must(err)
	_, err = google.PubSub.Projects.Topics.SetIamPolicy(topic, &pubsub.SetIamPolicyRequest{Policy: &pubsub.Policy{
		Bindings: []*pubsub.Binding{{Role: "roles/pubsub.publisher", Members: []string{"serviceAccount:" + agent.EmailAddress}}},
	}}).Context(w.t.Context()).Do()
	w.must(err)
	var made struct{ ID string }
	w.Call(w.t, "POST", "/storage/v1/b/"+w.Env.SourceBucket+"/notificationConfigs", map[string]any{
		"topic": "//pubsub.googleapis.com/" + topic, "payload_format": "JSON_API_V1", "custom_attributes": labels[KindNotification],
	}, &made)
	return w.Env.SourceBucket + "/notificationConfigs/" + made.ID
}

// TestEventsThatCannotBeSeen: they are unknown, and neither gone nor anybody's.
func TestEventsThatCannotBeSeen(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Env.Events = environment.PullEvents
	w := world{c, t, c.Clients(t)}
	own := w.Env.Mark().Labels()
	w.makeEvents(map[string]map[string]string{KindTopic: own, KindSubscription: own, KindNotification: own})
	w.Fail(
		faults.Rule{Service: "google/pubsub", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403}}},
		faults.Rule{Service: "google/storage", Path: "*/notificationConfigs", Fault: faults.Fault{Refuse: &faults.Refusal{Status: 403}}},
	)
	items, err := Of(t.Context(), w.both, w.Env)
	var unknown []string
	for _, i := range items {
		if i.State == Unknown {
			unknown = append(unknown, i.Kind)
		}
	}
	slices.Sort(unknown)
	want := []string{KindBinding, KindNotification, KindSubscription, KindTopic}
	if err == nil || !slices.Equal(slices.Compact(unknown), want) || !strings.Contains(err.Error(), "cannot see") {
		t.Errorf("unknown are %v, want %v; %v", slices.Compact(unknown), want, err)
	}
	if err := RemoveLost(t.Context(), w.both, items, func(Item) {}); err == nil {
		t.Error("what cannot be seen was removed")
	}
}
