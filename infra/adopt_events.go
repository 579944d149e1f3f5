package infra

import (
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// events finds what tells of the source bucket's events. A second notification would tell
// of everything twice.
func (f *finder) events(found *Existing) {
	found.Topics, found.Subscriptions = map[string]string{}, map[string]string{}
	for _, id := range []string{f.env.Drain(), f.env.EventDeadLetters()} {
		topic := f.google.Topic(f.ctx, id)
		if f.see(topic.Err()) && topic.There() && f.ours("topic "+id, ownership.Topic(topic.Thing), "") {
			found.Topics[id] = f.env.Topic(id)
		}
		subscription := f.google.Subscription(f.ctx, id)
		if f.see(subscription.Err()) && subscription.There() && f.ours("subscription "+id, ownership.Subscription(subscription.Thing), "") {
			found.Subscriptions[id] = f.env.Subscription(id)
		}
	}
	bucket := f.google.Bucket(f.ctx, f.env.SourceBucket)
	if !f.see(bucket.Err()) || !bucket.There() {
		return
	}
	if bucket.Thing.ProjectNumber != 0 {
		found.SourceProject = fmt.Sprint(bucket.Thing.ProjectNumber)
	}
	notifications := f.google.Notifications(f.ctx, f.env.SourceBucket)
	if !f.see(notifications.Err()) {
		return
	}
	for _, n := range notifications.Thing {
		// Those to other topics are other programs'. One that has to be replaced cannot be
		// imported: Pulumi refuses that, even of what its state has.
		if f.env.Notifies(n.ObjectNamePrefix, n.EventTypes) && clouds.TopicOf(n) == f.env.Topic(f.env.Drain()) &&
			ownership.Decide(f.env.Mark(), ownership.Notification(n, f.env.Topic(f.env.Drain()))).Ours() {
			found.Notification = f.env.SourceBucket + "/notificationConfigs/" + n.Id
		}
	}
}
