package inventory

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// events asks Google for the topics and subscriptions that are wanted, and for the
// notifications of buckets to these topics.
func (s *survey) events(ctx context.Context, g *clouds.Google) {
	for _, id := range s.wanted.subscriptions {
		subscription := g.Subscription(ctx, id)
		if s.unknown("Google", KindSubscription, id, subscription.Err()) || subscription.Absent() {
			continue
		}
		item := Item{Cloud: "Google", Kind: KindSubscription, Name: id, State: subscription.Thing.State,
			URNs: s.records.urns(typeSubscription, "subscriptions/"+id)}
		s.judge(&item, ownership.Subscription(subscription.Thing))
		s.add(item)
	}
	for _, id := range s.wanted.topics {
		topic, subscriptions := g.Topic(ctx, id), g.SubscriptionsOf(ctx, id)
		if s.unknown("Google", KindTopic, id, clouds.Join(topic.Err(), subscriptions.Err())) || topic.Absent() {
			continue
		}
		item := Item{Cloud: "Google", Kind: KindTopic, Name: id, State: "exists", URNs: s.records.urns(typeTopic, "topics/"+id)}
		evidence := ownership.Topic(topic.Thing)
		// A subscription of somebody else would get no messages any more.
		evidence.Holds = s.subscribers(ctx, g, subscriptions.Thing)
		s.judge(&item, evidence)
		s.add(item)
	}
	if len(s.wanted.topics) == 0 {
		return
	}
	for _, bucket := range s.wanted.buckets {
		s.notifications(ctx, g, bucket)
	}
}

// subscribers are those of the subscriptions that are not the environment's.
func (s *survey) subscribers(ctx context.Context, g *clouds.Google, names []string) []string {
	var foreign []string
	for _, name := range names {
		id, why := name, ""
		if own := slices.IndexFunc(s.wanted.subscriptions, func(id string) bool { return s.env.Subscription(id) == name }); own < 0 {
			why = "is of somebody else"
		} else if subscription := g.Subscription(ctx, s.wanted.subscriptions[own]); subscription.There() {
			why = ownership.Decide(s.own, ownership.Subscription(subscription.Thing)).Why()
		}
		if why != "" {
			foreign = append(foreign, "the subscription "+id+" "+why)
		}
	}
	return foreign
}

// notifications are those of a bucket to the wanted topics.
func (s *survey) notifications(ctx context.Context, g *clouds.Google, bucket string) {
	all := g.Notifications(ctx, bucket)
	if s.unknown("Google", KindNotification, "of gs://"+bucket, all.Err()) {
		return
	}
	for _, n := range all.Thing {
		for _, topic := range s.wanted.topics {
			if clouds.TopicOf(n) != s.env.Topic(topic) {
				continue
			}
			item := notificationItem(bucket, n)
			item.URNs = s.records.urns(typeNotification, item.Name)
			s.judge(&item, ownership.Notification(n, s.env.Topic(topic)))
			s.add(item)
		}
	}
}

func notificationItem(bucket string, n *storage.Notification) Item {
	return Item{Cloud: "Google", Kind: KindNotification, Name: bucket + "/notificationConfigs/" + n.Id, State: "exists",
		Detail: fmt.Sprintf("of gs://%s to %s", bucket, clouds.TopicOf(n))}
}
