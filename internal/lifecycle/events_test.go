package lifecycle_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"google.golang.org/api/pubsub/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// TestEvents: up waits until the bucket may notify the topic, makes again what somebody has
// removed, and takes over what a lost state does not know; down removes all of it, and
// nothing of others.
func TestEvents(t *testing.T) {
	longtest.Skip(t)
	p := openClouds(t, sandbox.Options{IAMDelay: 4 * time.Second})
	env := p.add(t, "events", map[string]string{"events": "pull", "eventDeletes": "true"})
	up := func(want ...string) string {
		t.Helper()
		_, all, err := p.run("up", "events", "--yes", "--no-verify")
		if err != nil {
			t.Fatalf("up: %v\n%s", err, all)
		}
		for _, text := range want {
			if !strings.Contains(all, text) {
				t.Errorf("up does not say %q:\n%s", text, all)
			}
		}
		return all
	}
	logs := cloudwatchlogs.NewFromConfig(p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin()))
	group := environment.LogGroupOf(env.Drain()) // which the function's last lines make after a deletion
	if _, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group}); err != nil {
		t.Fatal(err)
	}
	up("the right to publish has been granted, but does not take effect yet; waiting", "and its existing log group")
	both, err := p.Clouds(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	google := both.Google
	other := env.Topic("others")
	if _, err := google.PubSub.Projects.Topics.Create(other, &pubsub.Topic{}).Context(t.Context()).Do(); err != nil {
		t.Fatal(err)
	}
	stands := func() (missing []string) {
		for _, id := range []string{env.Drain(), env.EventDeadLetters()} {
			if !google.Topic(t.Context(), id).There() {
				missing = append(missing, "the topic "+id)
			}
			if !google.Subscription(t.Context(), id).There() {
				missing = append(missing, "the subscription "+id)
			}
		}
		n := 0
		for _, notification := range google.Notifications(t.Context(), env.SourceBucket).Thing {
			if strings.HasSuffix(notification.Topic, env.Topic(env.Drain())) {
				n++
			}
		}
		if n != 1 {
			missing = append(missing, "one notification")
		}
		return missing
	}
	if missing := stands(); len(missing) > 0 {
		t.Errorf("after up there is no %s", strings.Join(missing, ", "))
	}

	if _, err := google.PubSub.Projects.Subscriptions.Delete(env.Subscription(env.Drain())).Context(t.Context()).Do(); err != nil {
		t.Fatal(err)
	}
	up()
	if missing := stands(); len(missing) > 0 {
		t.Errorf("after the subscription was deleted, up leaves no %s", strings.Join(missing, ", "))
	}

	// A lost state: what it held is found by its mark.
	if err := os.RemoveAll(filepath.Join(p.Dir, "state", ".pulumi", "stacks")); err != nil {
		t.Fatal(err)
	}
	up()
	if missing := stands(); len(missing) > 0 {
		t.Errorf("after the state was lost, up leaves no %s", strings.Join(missing, ", "))
	}
	if out, all, err := p.run("down", "events", "--yes"); err != nil {
		t.Fatalf("down: %v\n%s%s", err, out, all)
	}
	if missing := stands(); len(missing) != 5 {
		t.Errorf("after down only these are gone: %s", strings.Join(missing, ", "))
	}
	topics, err := google.PubSub.Projects.Topics.List("projects/" + env.GoogleProject).Context(t.Context()).Do()
	if err != nil || len(topics.Topics) != 1 || !slices.ContainsFunc(topics.Topics, func(topic *pubsub.Topic) bool { return topic.Name == other }) {
		t.Errorf("after down the topics are %+v, %v, want that of others alone", topics, err)
	}
}
