package infra

import (
	"cmp"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Roles of Pub/Sub: Pub/Sub documentation, "Access control with IAM".
const (
	rolePublisher  = "roles/pubsub.publisher"
	roleSubscriber = "roles/pubsub.subscriber"
)

// How Pub/Sub delivers events.
const (
	ackSeconds  = 60 // the function extends it while it copies
	retention   = "604800s"
	backoff     = "10s"
	maxBackoff  = "600s"
	maxAttempts = 20 // three hours of failures with these pauses
)

// The types of the resources, registered by their tokens as those of the grants are.
const (
	typeTopic        = "gcp:pubsub/topic:Topic"
	typeSubscription = "gcp:pubsub/subscription:Subscription"
	typeNotification = "gcp:storage/notification:Notification"
	typeOnTopic      = "gcp:pubsub/topicIAMMember:TopicIAMMember"
	typeOnSub        = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
	typeAgent        = "gcp:projects/serviceIdentity:ServiceIdentity"
)

// events are the resources that tell of what happens in the source bucket.
type events struct {
	ctx      *pulumi.Context
	env      environment.Environment
	existing Existing
	after    pulumi.ResourceOption // what enables the API
}

// notify lets the source bucket tell a topic of its objects, and the function's identity
// pull the topic's subscription. Events that cannot be worked off go to a topic of their
// own: Pub/Sub documentation, "Handle message failures", whose service agent moves them.
func notify(ctx *pulumi.Context, env environment.Environment, f *federation.Federation, existing Existing) error {
	e := events{ctx, env, existing, pulumi.DependsOn(f.APIs)}
	identity := f.Members.Index(pulumi.Int(0)) // of the function; others are those of trusted roles

	var agent struct {
		pulumi.CustomResourceState
		Email pulumi.StringOutput `pulumi:"email"`
	}
	if err := e.register(typeAgent, "pubsub-agent", "", &agent, pulumi.Map{"service": pulumi.String(clouds.PubSubAPI)}); err != nil {
		return err
	}
	mover := pulumi.Sprintf("serviceAccount:%s", agent.Email)
	storageAgent, err := e.storageAgent()
	if err != nil {
		return err
	}

	dead, deadSubscription, err := e.topic("events-dead-letters", env.EventDeadLetters(), nil)
	if err != nil {
		return err
	}
	moves, err := e.grant(typeOnTopic, "pubsub-agent-dead-letters", dead, rolePublisher, mover)
	if err != nil {
		return err
	}
	topic, subscription, err := e.topic("events", env.Drain(), pulumi.Map{
		"ackDeadlineSeconds": pulumi.Int(ackSeconds),
		"retryPolicy":        pulumi.Map{"minimumBackoff": pulumi.String(backoff), "maximumBackoff": pulumi.String(maxBackoff)},
		"deadLetterPolicy":   pulumi.Map{"deadLetterTopic": dead.ID(), "maxDeliveryAttempts": pulumi.Int(maxAttempts)},
	}, moves)
	if err != nil {
		return err
	}
	var publishes pulumi.Resource
	for _, g := range []struct {
		kind, name string
		on         *named
		role       string
		member     pulumi.StringInput
	}{
		{typeOnSub, "pubsub-agent-events", subscription, roleSubscriber, mover},
		{typeOnSub, "events-subscriber", subscription, roleSubscriber, identity},
		{typeOnSub, "events-dead-letters-subscriber", deadSubscription, roleSubscriber, identity},
		{typeOnTopic, "events-publisher", topic, rolePublisher, identity}, // of what is left of a large object
		{typeOnTopic, "storage-agent-events", topic, rolePublisher, storageAgent},
	} {
		if publishes, err = e.grant(g.kind, g.name, g.on, g.role, g.member); err != nil {
			return err
		}
	}
	notification := pulumi.Map{
		"bucket":           pulumi.String(env.SourceBucket),
		"payloadFormat":    pulumi.String("JSON_API_V1"),
		"topic":            topic.ID(),
		"eventTypes":       pulumi.ToStringArray(env.EventTypes()),
		"customAttributes": pulumi.ToStringMap(env.Mark().Labels()),
	}
	if env.EventsPrefix != "" {
		notification["objectNamePrefix"] = pulumi.String(env.EventsPrefix)
	}
	var made pulumi.CustomResourceState
	// Cloud Storage refuses a notification whose topic its agent cannot publish to.
	return e.register(typeNotification, "events", existing.Notification, &made, notification, publishes)
}

// named is a topic or a subscription.
type named struct {
	pulumi.CustomResourceState
	Name pulumi.StringOutput `pulumi:"name"`
}

// topic registers a topic and a subscription of one name, with settings of the latter.
func (e events) topic(logical, name string, settings pulumi.Map, after ...pulumi.Resource) (topic, subscription *named, err error) {
	topic, subscription = &named{}, &named{}
	labels := pulumi.ToStringMap(e.env.Mark().Labels())
	if err := e.register(typeTopic, logical, e.existing.Topics[name], topic, pulumi.Map{"name": pulumi.String(name), "labels": labels}); err != nil {
		return nil, nil, err
	}
	inputs := pulumi.Map{
		"name":                     pulumi.String(name),
		"labels":                   labels,
		"topic":                    topic.ID(),
		"messageRetentionDuration": pulumi.String(retention),
		"expirationPolicy":         pulumi.Map{"ttl": pulumi.String("")}, // never
	}
	for key, value := range settings {
		inputs[key] = value
	}
	return topic, subscription, e.register(typeSubscription, logical, e.existing.Subscriptions[name], subscription, inputs, after...)
}

// grant gives a member a role on a topic or a subscription.
func (e events) grant(kind, logical string, on *named, role string, member pulumi.StringInput) (pulumi.Resource, error) {
	key := "topic"
	if kind == typeOnSub {
		key = "subscription"
	}
	var made pulumi.CustomResourceState
	return &made, e.register(kind, logical, "", &made, pulumi.Map{key: on.Name, "role": pulumi.String(role), "member": member})
}

// register registers a resource of the project, or takes over the one with the id found.
// The plugin does not read labels on import, and those of an environment never change.
func (e events) register(kind, logical, found string, made pulumi.CustomResource, inputs pulumi.Map, after ...pulumi.Resource) error {
	if kind != typeNotification {
		inputs["project"] = pulumi.String(e.env.GoogleProject)
	}
	opts := []pulumi.ResourceOption{e.after, pulumi.DependsOn(after), pulumi.Version(federation.SDKVersion)}
	if found != "" {
		opts = append(opts, pulumi.Import(pulumi.ID(found)), pulumi.IgnoreChanges([]string{"labels"}))
	}
	if err := e.ctx.RegisterResource(kind, component+"-"+logical, inputs, made, opts...); err != nil {
		return fmt.Errorf("registering %s: %w", logical, err)
	}
	return nil
}

// storageAgent is the service account that publishes a bucket's notifications: that of the
// project which has the bucket. Asking for it makes it: Cloud Storage documentation,
// "Cloud Storage service agent".
func (e events) storageAgent() (pulumi.StringOutput, error) {
	project := cmp.Or(e.existing.SourceProject, e.env.GoogleProject)
	var agent struct {
		Member string `pulumi:"member"`
	}
	args := struct {
		Project string `pulumi:"project"`
	}{project}
	if err := e.ctx.Invoke("gcp:storage/getProjectServiceAccount:getProjectServiceAccount", &args, &agent, pulumi.Version(federation.SDKVersion)); err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("asking for the Cloud Storage service agent of the project %s: %w", project, err)
	}
	return pulumi.String(agent.Member).ToStringOutput(), nil
}
