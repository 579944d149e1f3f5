package infra

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// agents answer as Google does about service agents, and about the names of topics.
type agents struct{ *cloud }

func (a agents) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	id, out, err := a.cloud.NewResource(args)
	switch args.TypeToken {
	case typeAgent:
		out["email"] = resource.NewProperty("service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com")
	case typeTopic:
		id = "projects/demo-project/topics/" + args.Inputs["name"].StringValue()
	}
	return id, out, err
}

func (a agents) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	_, _ = a.cloud.Call(args)
	return resource.PropertyMap{"member": resource.NewProperty("serviceAccount:service-" + args.Args["project"].StringValue() + "@gs-project-accounts.iam.gserviceaccount.com")}, nil
}

// TestBuildNotifies: with events the bucket tells a topic of its objects, and each identity
// has the one right that it needs.
func TestBuildNotifies(t *testing.T) {
	t.Parallel()
	const (
		topic  = "projects/demo-project/topics/gcs-to-s3-events"
		pubsub = "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
		agent  = "serviceAccount:service-222@gs-project-accounts.iam.gserviceaccount.com"
	)
	labels := map[string]any{"gcs-to-s3-environment": "dev", "gcs-to-s3-id": "4bf872cfd8c5"}
	principal := "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-connect/attribute.aws_role/" + assumedRole
	grant := func(kind, on, role, member string) map[string]any {
		return map[string]any{"project": "demo-project", kind: on, "role": "roles/pubsub." + role, "member": member}
	}
	for direct, identity := range map[string]string{"false": member, "true": principal} {
		// The bucket is another project's, and another role is trusted.
		got := buildWith(t, t.TempDir(), false, map[string]string{
			"events": "pull", "eventDeletes": "true", "eventsPrefix": "in/", "directAccess": direct, "trustedRoles": "another-role",
		}, Existing{SourceProject: "222"}, func(c *cloud) pulumi.MockResourceMonitor { return agents{c} })
		want := map[string]map[string]any{
			"gcp:projects/service:Service gcs-to-s3-pubsub": {"project": "demo-project", "service": "pubsub.googleapis.com", "disableOnDestroy": false},
			typeAgent + " gcs-to-s3-pubsub-agent":           {"project": "demo-project", "service": "pubsub.googleapis.com"},
			typeTopic + " gcs-to-s3-events":                 {"project": "demo-project", "name": "gcs-to-s3-events", "labels": labels},
			typeTopic + " gcs-to-s3-events-dead-letters":    {"project": "demo-project", "name": "gcs-to-s3-events-dead-letters", "labels": labels},
			typeSubscription + " gcs-to-s3-events": {
				"project": "demo-project", "name": "gcs-to-s3-events", "topic": topic, "labels": labels, "ackDeadlineSeconds": 60.0, "messageRetentionDuration": "604800s",
				"expirationPolicy": map[string]any{"ttl": ""}, "retryPolicy": map[string]any{"minimumBackoff": "10s", "maximumBackoff": "600s"},
				"deadLetterPolicy": map[string]any{"deadLetterTopic": topic + "-dead-letters", "maxDeliveryAttempts": 20.0},
			},
			typeSubscription + " gcs-to-s3-events-dead-letters": {
				"project": "demo-project", "name": "gcs-to-s3-events-dead-letters", "topic": topic + "-dead-letters", "labels": labels,
				"messageRetentionDuration": "604800s", "expirationPolicy": map[string]any{"ttl": ""},
			},
			typeOnTopic + " gcs-to-s3-pubsub-agent-dead-letters":    grant("topic", "gcs-to-s3-events-dead-letters", "publisher", pubsub),
			typeOnSub + " gcs-to-s3-pubsub-agent-events":            grant("subscription", "gcs-to-s3-events", "subscriber", pubsub),
			typeOnSub + " gcs-to-s3-events-subscriber":              grant("subscription", "gcs-to-s3-events", "subscriber", identity),
			typeOnSub + " gcs-to-s3-events-dead-letters-subscriber": grant("subscription", "gcs-to-s3-events-dead-letters", "subscriber", identity),
			typeOnTopic + " gcs-to-s3-events-publisher":             grant("topic", "gcs-to-s3-events", "publisher", identity),
			typeOnTopic + " gcs-to-s3-storage-agent-events":         grant("topic", "gcs-to-s3-events", "publisher", agent),
			typeNotification + " gcs-to-s3-events": {
				"bucket": "s3-gcs-connect", "topic": topic, "payloadFormat": "JSON_API_V1", "objectNamePrefix": "in/", "customAttributes": labels,
				"eventTypes": []any{"OBJECT_FINALIZE", "OBJECT_DELETE", "OBJECT_ARCHIVE"},
			},
		}
		made := map[string]map[string]any{}
		for key, inputs := range got.resources {
			if strings.Contains(key, "pubsub") || strings.Contains(key, "events") {
				made[key] = inputs
			}
		}
		if diff := cmp.Diff(want, made); diff != "" {
			t.Errorf("with direct access %s (-want +got):\n%s", direct, diff)
		}
	}
}

// TestBuildTakesEventsOver: what was found is imported, and not made a second time.
func TestBuildTakesEventsOver(t *testing.T) {
	t.Parallel()
	found := Existing{
		Topics:        map[string]string{"gcs-to-s3-events": "projects/demo-project/topics/gcs-to-s3-events"},
		Subscriptions: map[string]string{"gcs-to-s3-events": "projects/demo-project/subscriptions/gcs-to-s3-events"},
		Notification:  "s3-gcs-connect/notificationConfigs/3",
	}
	got := buildWith(t, t.TempDir(), false, map[string]string{"events": "pull"}, found, func(c *cloud) pulumi.MockResourceMonitor { return agents{c} })
	want := map[string]string{
		typeTopic + " gcs-to-s3-events":        found.Topics["gcs-to-s3-events"],
		typeSubscription + " gcs-to-s3-events": found.Subscriptions["gcs-to-s3-events"],
		typeNotification + " gcs-to-s3-events": found.Notification,
	}
	if diff := cmp.Diff(want, got.imported); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
}

// TestFindEvents: what is the environment's is taken over, and what only has its names or
// its topic is not.
func TestFindEvents(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Env.Events = environment.PullEvents
	c.Call(t, "GET", "/storage/v1/projects/"+c.Env.GoogleProject+"/serviceAccount", nil, nil)
	var bucket struct{ ProjectNumber string }
	c.Call(t, "GET", "/storage/v1/b/"+c.Env.SourceBucket, nil, &bucket)
	agent := "serviceAccount:service-" + bucket.ProjectNumber + "@gs-project-accounts.iam.gserviceaccount.com"
	label := func(kind, id string, mark environment.Mark) {
		t.Helper()
		c.Call(t, "PATCH", "/v1/projects/"+c.Env.GoogleProject+"/"+kind+"s/"+id, map[string]any{kind: map[string]any{"labels": mark.Labels()}, "updateMask": "labels"}, nil)
	}
	topics, subscriptions := "projects/"+c.Env.GoogleProject+"/topics/", "projects/"+c.Env.GoogleProject+"/subscriptions/"
	for _, id := range []string{c.Env.Drain(), c.Env.EventDeadLetters(), "other"} {
		c.Call(t, "PUT", "/v1/"+topics+id, map[string]any{}, nil)
		c.Call(t, "PUT", "/v1/"+subscriptions+id, map[string]any{"topic": topics + id}, nil)
		c.Call(t, "POST", "/v1/"+topics+id+":setIamPolicy", map[string]any{"policy": map[string]any{
			"bindings": []any{map[string]any{"role": "roles/pubsub.publisher", "members": []string{agent}}},
		}}, nil)
	}
	notify := func(topic string, attributes map[string]string) string {
		t.Helper()
		var made struct{ ID string }
		c.Call(t, "POST", "/storage/v1/b/"+c.Env.SourceBucket+"/notificationConfigs",
			map[string]any{"topic": "//pubsub.googleapis.com/" + topics + topic, "payload_format": "JSON_API_V1", "event_types": []string{"OBJECT_FINALIZE"}, "custom_attributes": attributes}, &made)
		return c.Env.SourceBucket + "/notificationConfigs/" + made.ID
	}
	notify("other", c.Env.Mark().Labels())
	notify(c.Env.Drain(), nil)
	none := Existing{Topics: map[string]string{}, Subscriptions: map[string]string{}, SourceProject: bucket.ProjectNumber}
	got, said := found(t, c, c.Env, false, false)
	if diff := cmp.Diff(none, got); diff != "" || said != "" {
		t.Errorf("without marks: it says %q (-want +got):\n%s", said, diff)
	}
	another := c.Env.Mark()
	another.ID = "0123456789ab"
	label("topic", c.Env.Drain(), another)
	got, said = found(t, c, c.Env, false, false)
	if diff := cmp.Diff(none, got); diff != "" || !strings.Contains(said, "the topic "+c.Env.Drain()+" belongs to another environment of the name test") {
		t.Errorf("another environment's: it says %q (-want +got):\n%s", said, diff)
	}
	own := notify(c.Env.Drain(), c.Env.Mark().Labels())
	want := none
	for _, id := range []string{c.Env.Drain(), c.Env.EventDeadLetters()} {
		label("topic", id, c.Env.Mark())
		label("subscription", id, c.Env.Mark())
		want.Topics[id], want.Subscriptions[id] = topics+id, subscriptions+id
	}
	want.Notification = own
	got, said = found(t, c, c.Env, true, false)
	if diff := cmp.Diff(want, got); diff != "" || said != "" {
		t.Errorf("its own: it says %q (-want +got):\n%s", said, diff)
	}
	changed := c.Env
	changed.EventsPrefix = "reports/"
	want.Notification = ""
	if got, said = found(t, c, changed, true, false); cmp.Diff(want, got) != "" || said != "" {
		t.Errorf("one to be replaced: it says %q of %+v", said, got)
	}
	c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/services/pubsub.googleapis.com:disable", map[string]any{}, nil)
	if _, said = found(t, c, c.Env, false, false); !strings.Contains(said, "pubsub.googleapis.com: not enabled in the project") {
		t.Errorf("without the API it says %q", said)
	}
}
