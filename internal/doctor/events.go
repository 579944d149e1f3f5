package doctor

import (
	"context"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// How many notifications a bucket has at most, and how many for one type of event: Cloud
// Storage documentation, "Pub/Sub notifications for Cloud Storage", limitations.
const (
	maxNotifications = 100
	maxForType       = 10
)

// notNeeded is the finding of checks of events without events.
func notNeeded() finding { return good("not needed: events is not set") }

// lookTopics judges the names of topics and subscriptions.
func lookTopics(ctx context.Context, e *examination) finding {
	if e.Environment.Events != environment.PullEvents {
		return notNeeded()
	}
	for _, id := range []string{e.Environment.Drain(), e.Environment.EventDeadLetters()} {
		topic, subscription := e.Google.Topic(ctx, id), e.Google.Subscription(ctx, id)
		if err := clouds.Join(topic.Err(), subscription.Err()); err != nil {
			return unseen(err)
		}
		if topic.There() {
			if f := e.owned("the topic "+id, ownership.Topic(topic.Thing)); f.status != OK {
				return f
			}
		}
		if subscription.There() {
			if f := e.owned("the subscription "+id, ownership.Subscription(subscription.Thing)); f.status != OK {
				return f
			}
			if topic := subscription.Thing.Topic; topic != e.Environment.Topic(id) { // _deleted-topic_ of one that is gone
				return wrong("`gcloud pubsub subscriptions delete "+id+" --project "+e.Environment.GoogleProject+"`, then `gcs-to-s3 up "+e.Environment.Name+"`, which makes it again",
					"the subscription %s is of the topic %s, not of %s", id, topic, e.Environment.Topic(id))
			}
		}
	}
	return good("the names %s and %s are free, or belong to this environment", e.Environment.Drain(), e.Environment.EventDeadLetters())
}

// lookNotification judges the source bucket's notification, and whether there is room for it.
func lookNotification(ctx context.Context, e *examination) finding {
	env := e.Environment
	if env.Events != environment.PullEvents {
		return notNeeded()
	}
	all := e.Google.Notifications(ctx, env.SourceBucket)
	if all.Err() != nil {
		return unseen(all.Err())
	}
	topic, types := env.Topic(env.Drain()), map[string]int{}
	for _, n := range all.Thing {
		if clouds.TopicOf(n) == topic && ownership.Decide(env.Mark(), ownership.Notification(n, topic)).Ours() {
			if env.Notifies(n.ObjectNamePrefix, n.EventTypes) {
				return good("gs://%s notifies %s", env.SourceBucket, topic)
			}
			return warn("`gcs-to-s3 up "+env.Name+"` replaces it", "the notification %s of gs://%s has other types of events, or another prefix, than the environment's file", n.Id, env.SourceBucket)
		}
		all := n.EventTypes
		if len(all) == 0 {
			all = environment.Environment{EventDeletes: true, EventMetadata: true}.EventTypes() // of all types
		}
		for _, kind := range all {
			types[kind]++
		}
	}
	const hint = "`gcloud storage buckets notifications list gs://%s` lists them, and `… delete` removes one that is not used any more"
	if n := len(all.Thing); n >= maxNotifications {
		return wrong(fmt.Sprintf(hint, env.SourceBucket), "gs://%s has %d notifications already, and a bucket can have %d", env.SourceBucket, n, maxNotifications)
	}
	for _, kind := range env.EventTypes() {
		if types[kind] >= maxForType {
			return wrong(fmt.Sprintf(hint, env.SourceBucket), "gs://%s has %d notifications of %s already, and a bucket can have %d", env.SourceBucket, types[kind], kind, maxForType)
		}
	}
	return good("gs://%s has room for one: it has %d", env.SourceBucket, len(all.Thing))
}
