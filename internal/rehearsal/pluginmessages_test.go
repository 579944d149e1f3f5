package rehearsal

import (
	"fmt"
	"maps"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

// behaviourOfMessages drives a plugin as Pulumi's engine does, through a life of what
// tells of a bucket's objects.
func behaviourOfMessages(t *testing.T, path string) string {
	t.Helper()
	d, address := drive(t)
	d.start(path, address, map[string]string{"pubsub": "/v1/", "storage": "/storage/v1/"})
	d.messages()
	return d.out.String()
}

// invoke calls a function.
func (d *driven) invoke(token string, args map[string]any) {
	d.t.Helper()
	name := token[len("gcp:storage/"):]
	out, err := d.client.Invoke(d.t.Context(), &pulumirpc.InvokeRequest{Tok: token, Args: d.marshal(resource.NewPropertyMapFromMap(args))})
	switch {
	case err != nil:
		d.say("invoke %s: refused with %s", name, status(err))
	case len(out.Failures) > 0:
		d.say("invoke %s: refused", name)
	default:
		d.say("invoke %s: %s", name, properties(d.unmarshal(out.Return)))
	}
}

// with is a copy of inputs with changes; nil removes one.
func with(inputs map[string]any, pairs ...any) map[string]any {
	inputs = maps.Clone(inputs)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(inputs, pairs[i].(string))
		} else {
			inputs[pairs[i].(string)] = pairs[i+1]
		}
	}
	return inputs
}

func (d *driven) messages() {
	const project, bucket = googletest.Project, "s3-gcs-connect"
	call := func(method, path string, body any) {
		d.t.Helper()
		d.google.Must(d.t, method, path, body)
	}
	type inputs = map[string]any

	d.invoke("gcp:storage/getProjectServiceAccount:getProjectServiceAccount", inputs{"project": project})
	d.invoke("gcp:storage/getProjectServiceAccount:getProjectServiceAccount", inputs{"project": "other-project"})

	const topicToken, subscriptionToken = "gcp:pubsub/topic:Topic", "gcp:pubsub/subscription:Subscription"
	topic := d.thing(topicToken)
	events := inputs{"project": project, "name": "events"}
	topic.make(events)
	topic.read(false)
	topic.read(true)
	topic.change(events)
	topic.change(with(events, "labels", inputs{"a": "b"}))
	topic.change(with(events, "labels", inputs{"a": "c"}, "messageRetentionDuration", "600s"))
	topic.refresh()
	topic.change(events)
	topic.change(with(events, "name", "others"))
	call("PATCH", googletest.Topics+"/events", inputs{"topic": inputs{"labels": inputs{"by": "hand"}}, "updateMask": "labels"})
	topic.refresh()
	topic.change(events)
	again := d.thing(topicToken)
	again.make(events)
	again.make(with(events, "name", "ab"))
	dead := d.thing(topicToken)
	dead.make(inputs{"project": project, "name": "events-dead-letters", "labels": inputs{"x": "y"}})
	dead.read(true)

	subscription := d.thing(subscriptionToken)
	drain := inputs{
		"project": project, "name": "events", "topic": "projects/" + project + "/topics/events", "ackDeadlineSeconds": 60.0,
		"messageRetentionDuration": "604800s", "expirationPolicy": inputs{"ttl": ""},
		"retryPolicy":      inputs{"minimumBackoff": "10s", "maximumBackoff": "600s"},
		"deadLetterPolicy": inputs{"deadLetterTopic": "projects/" + project + "/topics/events-dead-letters", "maxDeliveryAttempts": 20.0},
	}
	subscription.make(drain)
	subscription.read(false)
	subscription.read(true)
	subscription.change(drain)
	subscription.change(with(drain, "ackDeadlineSeconds", 120.0))
	subscription.change(with(drain, "retryPolicy", inputs{"minimumBackoff": "20s", "maximumBackoff": "600s"}, "labels", inputs{"a": "b"}))
	subscription.refresh()
	subscription.change(with(drain, "topic", "events"))
	subscription.change(with(drain, "deadLetterPolicy", nil, "retryPolicy", nil))
	subscription.change(with(drain, "expirationPolicy", inputs{"ttl": "86400s"}))
	subscription.change(with(drain, "filter", "attributes:x"))
	subscription.change(with(drain, "topic", "projects/"+project+"/topics/others"))
	subscription.change(with(drain, "ackDeadlineSeconds", 5.0))
	call("PATCH", googletest.Subscriptions+"/events", inputs{"subscription": inputs{"ackDeadlineSeconds": 30}, "updateMask": "ackDeadlineSeconds"})
	subscription.refresh()
	subscription.change(drain)
	plain := d.thing(subscriptionToken)
	plain.make(inputs{"project": project, "name": "plain", "topic": "events"})
	plain.read(false)
	plain.read(true)
	twice := d.thing(subscriptionToken)
	twice.make(drain)
	twice.make(with(drain, "name", "missing", "topic", "projects/"+project+"/topics/missing"))

	var grants []*thing
	const agent = "serviceAccount:service-" + googletest.Number + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	for _, grant := range []struct {
		token  string
		inputs inputs
		of     string
	}{
		{"gcp:pubsub/topicIAMMember:TopicIAMMember", inputs{"project": project, "topic": "events-dead-letters", "role": "roles/pubsub.publisher", "member": agent}, "topic"},
		{"gcp:pubsub/topicIAMMember:TopicIAMMember", inputs{"topic": "projects/" + project + "/topics/events", "role": "roles/pubsub.publisher", "member": "serviceAccount:service-" + googletest.Number + "@gs-project-accounts.iam.gserviceaccount.com"}, "topic"},
		{"gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember", inputs{"project": project, "subscription": "events", "role": "roles/pubsub.subscriber", "member": agent}, "subscription"},
		{"gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember", inputs{"project": project, "subscription": "projects/" + project + "/subscriptions/plain", "role": "roles/pubsub.subscriber", "member": agent}, "subscription"},
	} {
		x := d.thing(grant.token)
		x.check(with(grant.inputs, "member", "my-account"))
		x.make(grant.inputs)
		x.read(false)
		x.change(grant.inputs)
		x.change(with(grant.inputs, "member", "allUsers"))
		x.change(with(grant.inputs, grant.of, "plain"))
		imported := d.thing(grant.token)
		imported.id = fmt.Sprintf("%v %v %v", grant.inputs[grant.of], grant.inputs["role"], grant.inputs["member"])
		imported.read(true)
		grants = append(grants, x)
	}

	call("POST", "/storage/v1/b?project="+project, inputs{"name": bucket})
	notification := d.thing("gcp:storage/notification:Notification")
	tells := inputs{
		"bucket": bucket, "topic": "projects/" + project + "/topics/events", "payloadFormat": "JSON_API_V1",
		"eventTypes": []any{"OBJECT_FINALIZE", "OBJECT_DELETE"}, "objectNamePrefix": "in/", "customAttributes": inputs{"k": "v"},
	}
	notification.check(with(tells, "payloadFormat", "XML"))
	notification.check(with(tells, "eventTypes", []any{"OBJECT_X"}))
	notification.make(tells)
	notification.read(false)
	notification.read(true)
	notification.change(tells)
	notification.change(with(tells, "eventTypes", []any{"OBJECT_DELETE", "OBJECT_FINALIZE"}))
	notification.change(with(tells, "topic", "//pubsub.googleapis.com/projects/"+project+"/topics/events"))
	notification.change(with(tells, "eventTypes", []any{"OBJECT_FINALIZE"}))
	notification.change(with(tells, "objectNamePrefix", nil))
	notification.change(with(tells, "topic", "projects/"+project+"/topics/events-dead-letters"))
	several := d.thing("gcp:storage/notification:Notification")
	several.make(with(tells, "eventTypes", []any{"OBJECT_METADATA_UPDATE", "OBJECT_FINALIZE", "OBJECT_DELETE", "OBJECT_ARCHIVE"}))
	several.delete()
	every := d.thing("gcp:storage/notification:Notification")
	every.make(inputs{"bucket": bucket, "topic": "projects/" + project + "/topics/events", "payloadFormat": "NONE"})
	every.read(false)
	every.read(true)
	unheard := d.thing("gcp:storage/notification:Notification")
	unheard.make(with(tells, "topic", "projects/"+project+"/topics/events-dead-letters"))
	unheard.make(with(tells, "topic", "projects/"+project+"/topics/missing"))
	unheard.make(with(tells, "bucket", "missing-bucket"))

	for _, x := range grants {
		x.delete()
		x.read(false)
		x.delete()
	}
	for _, x := range []*thing{notification, every, subscription, plain, topic, dead} {
		x.delete()
		x.read(false)
		x.delete()
	}
}
