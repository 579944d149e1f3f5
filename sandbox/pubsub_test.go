package sandbox_test

import (
	"encoding/json"
	"errors"
	"testing"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// federated are credentials of the role, as the service account or as the federated
// principal itself.
func federated(t *testing.T, c *sandboxtest.Clouds, direct bool) *auth.Credentials {
	t.Helper()
	for name, value := range c.SessionVariables(t, c.Names.Role) {
		t.Setenv(name, value)
	}
	configuration := c.CredentialConfiguration(t)
	if direct {
		var fields map[string]any
		if err := json.Unmarshal(configuration, &fields); err != nil {
			t.Fatal(err)
		}
		delete(fields, "service_account_impersonation_url")
		var err error
		if configuration, err = json.Marshal(fields); err != nil {
			t.Fatal(err)
		}
	}
	creds, err := credentials.NewCredentialsFromJSON(credentials.ExternalAccount, configuration, &credentials.DetectOptions{Scopes: []string{pubsub.CloudPlatformScope}})
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// TestPubSubClient makes what tells of a bucket's objects with Google's own clients, and
// drains it as the role of AWS: as the service account, and as the role itself.
func TestPubSubClient(t *testing.T) {
	c := sandboxtest.New(t, sandbox.Options{})
	ctx := t.Context()
	owner := option.WithHTTPClient(c.Client)
	services := func(creds option.ClientOption) (*pubsub.Service, *storage.Service) {
		t.Helper()
		messages, err := pubsub.NewService(ctx, option.WithEndpoint(c.GoogleURL+"/"), creds)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := storage.NewService(ctx, option.WithEndpoint(c.GoogleURL+"/storage/v1/"), creds)
		if err != nil {
			t.Fatal(err)
		}
		return messages, objects
	}
	admin, objects := services(owner)
	const project = "projects/" + sandbox.Project
	const topic, subscription = project + "/topics/events", project + "/subscriptions/drain"
	if _, err := admin.Projects.Topics.Create(topic, &pubsub.Topic{}).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Projects.Subscriptions.Create(subscription, &pubsub.Subscription{Topic: topic, AckDeadlineSeconds: 60}).Do(); err != nil {
		t.Fatal(err)
	}
	agent, err := objects.Projects.ServiceAccount.Get(sandbox.Project).Do()
	if err != nil {
		t.Fatal(err)
	}
	grant := func(role string, members ...string) *pubsub.SetIamPolicyRequest {
		return &pubsub.SetIamPolicyRequest{Policy: &pubsub.Policy{Bindings: []*pubsub.Binding{{Role: role, Members: members}}}}
	}
	if _, err := admin.Projects.Topics.SetIamPolicy(topic, grant("roles/pubsub.publisher", "serviceAccount:"+agent.EmailAddress)).Do(); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Notifications.Insert(c.Names.SourceBucket, &storage.Notification{Topic: "//pubsub.googleapis.com/" + topic, PayloadFormat: "JSON_API_V1"}).Do(); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		direct bool
		member string
	}{
		"by impersonation": {false, "serviceAccount:" + c.Names.ServiceAccountEmail()},
		"directly":         {true, c.PrincipalSet(c.Names.AssumedRole())},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := services(option.WithAuthCredentials(federated(t, c, tt.direct)))
			pull := func() ([]*pubsub.ReceivedMessage, error) {
				out, err := client.Projects.Subscriptions.Pull(subscription, &pubsub.PullRequest{MaxMessages: 10}).Do()
				if err != nil {
					return nil, err
				}
				return out.ReceivedMessages, nil
			}
			if _, err := admin.Projects.Subscriptions.SetIamPolicy(subscription, grant("roles/pubsub.viewer", tt.member)).Do(); err != nil {
				t.Fatal(err)
			}
			var refused *googleapi.Error
			if _, err := pull(); !errors.As(err, &refused) || refused.Code != 403 || refused.Message != "User not authorized to perform this action." {
				t.Errorf("a viewer's pull: %v, want it refused", err)
			}
			if _, err := admin.Projects.Subscriptions.SetIamPolicy(subscription, grant("roles/pubsub.subscriber", tt.member)).Do(); err != nil {
				t.Fatal(err)
			}
			c.Upload(t, c.Names.SourceBucket, name, "text/plain", nil)
			messages, err := pull()
			if err != nil || len(messages) != 1 || messages[0].Message.Attributes["objectId"] != name || messages[0].Message.Attributes["eventType"] != "OBJECT_FINALIZE" {
				t.Fatalf("the pull got %v, %v", messages, err)
			}
			if _, err := client.Projects.Subscriptions.ModifyAckDeadline(subscription, &pubsub.ModifyAckDeadlineRequest{AckIds: []string{messages[0].AckId}, AckDeadlineSeconds: 600}).Do(); err != nil {
				t.Error(err)
			}
			if _, err := client.Projects.Subscriptions.Acknowledge(subscription, &pubsub.AcknowledgeRequest{AckIds: []string{messages[0].AckId}}).Do(); err != nil {
				t.Error(err)
			}
			if got := c.Google.PubSub().Backlog(subscription); got.Unacknowledged != 0 {
				t.Errorf("the backlog is %+v", got)
			}
			if _, err := client.Projects.Topics.Publish(topic, &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{{Data: "eA=="}}}).Do(); !errors.As(err, &refused) || refused.Code != 403 {
				t.Errorf("a subscriber publishes: %v, want it refused", err)
			}
		})
	}
}
