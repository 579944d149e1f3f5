package clouds

import (
	"context"
	"strings"

	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/storage/v1"
)

// TopicNamed and SubscriptionNamed are the resource names of those of the project, by their ids.
func (g *Google) TopicNamed(id string) string        { return g.env.Topic(id) }
func (g *Google) SubscriptionNamed(id string) string { return g.env.Subscription(id) }

// Topic asks for a Pub/Sub topic of the project, by its id.
func (g *Google) Topic(ctx context.Context, id string) Answer[*pubsub.Topic] {
	topic, err := g.PubSub.Projects.Topics.Get(g.env.Topic(id)).Context(ctx).Do()
	return askGoogle(ctx, g, "the topic "+id, topic, err)
}

// Subscription asks for a Pub/Sub subscription of the project, by its id.
func (g *Google) Subscription(ctx context.Context, id string) Answer[*pubsub.Subscription] {
	subscription, err := g.PubSub.Projects.Subscriptions.Get(g.env.Subscription(id)).Context(ctx).Do()
	return askGoogle(ctx, g, "the subscription "+id, subscription, err)
}

// SubscriptionsOf asks for the resource names of all subscriptions of a topic, also those of
// other projects.
func (g *Google) SubscriptionsOf(ctx context.Context, topic string) Answer[[]string] {
	var all []string
	err := g.PubSub.Projects.Topics.Subscriptions.List(g.env.Topic(topic)).Pages(ctx, func(page *pubsub.ListTopicSubscriptionsResponse) error {
		all = append(all, page.Subscriptions...)
		return nil
	})
	return listed(all, askGoogle(ctx, g, "the subscriptions of the topic "+topic, all, err))
}

// TopicPolicy asks who can do what with a topic.
func (g *Google) TopicPolicy(ctx context.Context, id string) Answer[[]Binding] {
	policy, err := g.PubSub.Projects.Topics.GetIamPolicy(g.env.Topic(id)).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	return askGoogle(ctx, g, "the policy of the topic "+id, bindingsOf(policy), err)
}

// SubscriptionPolicy asks who can do what with a subscription.
func (g *Google) SubscriptionPolicy(ctx context.Context, id string) Answer[[]Binding] {
	policy, err := g.PubSub.Projects.Subscriptions.GetIamPolicy(g.env.Subscription(id)).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	return askGoogle(ctx, g, "the policy of the subscription "+id, bindingsOf(policy), err)
}

func bindingsOf(policy *pubsub.Policy) []Binding {
	var all []Binding
	if policy != nil {
		for _, b := range policy.Bindings {
			all = append(all, Binding{b.Role, b.Members, b.Condition != nil})
		}
	}
	return all
}

// Notifications asks for all Pub/Sub notifications of a bucket.
func (g *Google) Notifications(ctx context.Context, bucket string) Answer[[]*storage.Notification] {
	list, err := g.Storage.Notifications.List(bucket).Context(ctx).Do()
	if err != nil {
		return askGoogle[[]*storage.Notification](ctx, g, "the notifications of gs://"+bucket, nil, err)
	}
	return found(list.Items)
}

// TopicOf is the resource name of a notification's topic, which Cloud Storage writes with
// the host of Pub/Sub: //pubsub.googleapis.com/projects/P/topics/T.
func TopicOf(n *storage.Notification) string {
	return strings.TrimPrefix(n.Topic, "//"+PubSubAPI+"/")
}
