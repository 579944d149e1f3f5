package sandbox_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// TestGcloudPubSub makes a bucket's notifications, and reads them, with gcloud alone.
func TestGcloudPubSub(t *testing.T) {
	t.Parallel()
	needGcloud(t)
	c := sandboxtest.New(t, sandbox.Options{})
	g := newGcloud(t, c, administrator(t, c)).load()
	const pubsubAgent = "serviceAccount:service-" + sandbox.ProjectNumber + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	const topic = "projects/" + sandbox.Project + "/topics/events"
	const subscription = "projects/" + sandbox.Project + "/subscriptions/drain"

	g.must(nil, "pubsub topics create events --labels=a=b")
	g.must(nil, "pubsub topics create dead")
	g.refused("Resource already exists in the project (resource=events).", "pubsub topics create events")
	g.must(nil, "pubsub topics update events --message-retention-duration=1h --clear-labels")
	var t1 struct {
		Name, MessageRetentionDuration string
		Labels                         map[string]string
	}
	g.must(&t1, "pubsub topics describe events")
	if t1.Name != topic || t1.MessageRetentionDuration != "3600s" || len(t1.Labels) != 0 {
		t.Errorf("the topic is %+v", t1)
	}
	g.must(nil, "pubsub subscriptions create drain --topic=events --ack-deadline=60 --expiration-period=never --min-retry-delay=10s --max-retry-delay=600s "+
		"--dead-letter-topic=dead --max-delivery-attempts=20 --message-retention-duration=7d")
	g.must(nil, "pubsub subscriptions create letters --topic=dead --message-filter", `attributes.kind="x"`)
	g.refused("The local Google Cloud does not model the field enableMessageOrdering of subscriptions.", "pubsub subscriptions create ordered --topic=events --enable-message-ordering")
	g.must(nil, "pubsub subscriptions update drain --ack-deadline=30")
	var s map[string]any
	g.must(&s, "pubsub subscriptions describe drain")
	want := map[string]any{
		"name": subscription, "topic": topic, "pushConfig": map[string]any{}, "ackDeadlineSeconds": 30.0, "state": "ACTIVE",
		"messageRetentionDuration": "604800s", "expirationPolicy": map[string]any{}, "topicMessageRetentionDuration": "3600s",
		"retryPolicy":      map[string]any{"minimumBackoff": "10s", "maximumBackoff": "600s"},
		"deadLetterPolicy": map[string]any{"deadLetterTopic": "projects/" + sandbox.Project + "/topics/dead", "maxDeliveryAttempts": 20.0},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("the subscription (-want +got):\n%s", diff)
	}
	var subscriptions []struct{ Name string }
	g.must(&subscriptions, "pubsub subscriptions list")
	if len(subscriptions) != 2 {
		t.Errorf("the subscriptions are %v", subscriptions)
	}
	var names []string
	g.must(&names, "pubsub topics list-subscriptions events")
	if diff := cmp.Diff([]string{subscription}, names); diff != "" {
		t.Errorf("the topic's subscriptions (-want +got):\n%s", diff)
	}
	var p policy
	g.must(&p, "pubsub topics add-iam-policy-binding dead --role=roles/pubsub.publisher --member="+pubsubAgent)
	if !p.grants("roles/pubsub.publisher", pubsubAgent) {
		t.Errorf("the topic's policy is %v", p)
	}
	g.must(&p, "pubsub subscriptions add-iam-policy-binding drain --role=roles/pubsub.subscriber --member="+pubsubAgent)
	g.must(&p, "pubsub subscriptions get-iam-policy drain")
	if !p.grants("roles/pubsub.subscriber", pubsubAgent) {
		t.Errorf("the subscription's policy is %v", p)
	}

	// gcloud gives the service agent of Cloud Storage its right itself.
	type notification struct {
		ID            string
		Topic         string
		EventTypes    []string `json:"event_types"`
		Prefix        string   `json:"object_name_prefix"`
		PayloadFormat string   `json:"payload_format"`
	}
	bucket := "gs://" + c.Names.SourceBucket
	g.must(nil, "storage buckets notifications create "+bucket+" --topic=events --event-types=OBJECT_FINALIZE,OBJECT_DELETE --object-prefix=in/ --payload-format=json")
	var list []struct {
		Configuration notification `json:"Notification Configuration"`
	}
	g.must(&list, "storage buckets notifications list "+bucket)
	if len(list) != 1 || list[0].Configuration.Topic != "//pubsub.googleapis.com/"+topic || list[0].Configuration.Prefix != "in/" || len(list[0].Configuration.EventTypes) != 2 || list[0].Configuration.PayloadFormat != "JSON_API_V1" {
		t.Fatalf("the notification configurations are %+v", list)
	}
	g.refused("does not have permission to publish messages to to the Cloud Pub/Sub topic '//pubsub.googleapis.com/projects/demo-project/topics/dead'",
		"storage buckets notifications create "+bucket+" --topic=dead --skip-topic-setup")

	c.Upload(t, c.Names.SourceBucket, "in/a.txt", "text/plain", strings.NewReader("content"))
	g.must(nil, "pubsub topics publish events --message=hello --attribute=kind=x")
	var messages []struct {
		AckID   string
		Message struct {
			Data       string
			Attributes map[string]string
		}
	}
	g.must(&messages, "pubsub subscriptions pull drain --limit=10")
	if len(messages) != 2 || messages[0].Message.Attributes["objectId"] != "in/a.txt" || messages[1].Message.Data != "aGVsbG8=" {
		t.Fatalf("the messages are %+v", messages)
	}
	g.must(nil, "pubsub subscriptions modify-message-ack-deadline drain --ack-ids="+messages[0].AckID+" --ack-deadline=120")
	g.must(nil, "pubsub subscriptions ack drain --ack-ids="+messages[0].AckID+","+messages[1].AckID)
	if got := c.Google.PubSub().Backlog(subscription); got.Unacknowledged != 0 {
		t.Errorf("the backlog is %+v", got)
	}
	g.refused("You have passed an invalid ack ID to the service (ack_id=made-up).", "pubsub subscriptions ack drain --ack-ids=made-up")

	g.must(nil, "storage buckets notifications delete "+bucket)
	g.must(&list, "storage buckets notifications list "+bucket)
	if len(list) != 0 {
		t.Errorf("the notification configurations are %v", list)
	}
	g.must(nil, "pubsub topics delete events")
	g.must(&s, "pubsub subscriptions describe drain")
	if s["topic"] != "_deleted-topic_" {
		t.Errorf("the topic of the subscription is %v", s["topic"])
	}
	g.must(nil, "pubsub subscriptions delete drain letters")
	g.refused("Resource not found (resource=drain).", "pubsub subscriptions describe drain")
}
