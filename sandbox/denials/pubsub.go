package denials

import (
	"context"
	"testing"

	"google.golang.org/api/option"
	"google.golang.org/api/pubsub/v1"
	gcs "google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// Where Pub/Sub's answers were seen.
const (
	unauthorizedReports = "googleapis/nodejs-pubsub, issue 1180; googleapis/google-cloud-ruby, issue 17944"
	notFoundReports     = "hashicorp/terraform, issue 24519; googleapis/nodejs-pubsub, issue 1269"
	namesReports        = "googleapis/google-cloud-node, issue 1694; today's address in it: public reports"
	boundsReports       = "public reports of messages of this form"
)

// What Pub/Sub answers in more than one row.
const unauthorized = "User not authorized to perform this action."

// pubsubAs calls Pub/Sub with a login, or as the owner without one.
func pubsubAs(t *testing.T, c *Clouds, l *login) *pubsub.Service {
	t.Helper()
	who := option.WithHTTPClient(c.Client)
	if l != nil {
		l.scopes = []string{pubsub.CloudPlatformScope}
		who = option.WithAuthCredentials(l.credentials(t, c))
	}
	service, err := pubsub.NewService(context.Background(), who, option.WithEndpoint(c.Endpoint("pubsub")))
	if err != nil {
		t.Fatal(err)
	}
	return service
}

// messages are calls of Pub/Sub.
func messages() []denial {
	const section = "Pub/Sub"
	topic := func(c *Clouds, id string) string { return "projects/" + c.Names.Project + "/topics/" + c.named(id) }
	drain := func(c *Clouds) string { return "projects/" + c.Names.Project + "/subscriptions/" + c.named("drain") }
	// set makes a topic and a subscription of it.
	set := func(t *testing.T, c *Clouds) {
		c.Call(t, "PUT", "/v1/"+topic(c, "events"), map[string]any{}, nil)
		c.Call(t, "PUT", "/v1/"+drain(c), map[string]any{"topic": topic(c, "events")}, nil)
	}
	// by is a call by the service account, which has the given role on both.
	by := func(role string, l login, call func(s *pubsub.Service, c *Clouds) error) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			set(t, c)
			if role != "" {
				c.Bind(t, "/v1/"+topic(c, "events"), role, "serviceAccount:"+c.Names.ServiceAccountEmail())
				c.Bind(t, "/v1/"+drain(c), role, "serviceAccount:"+c.Names.ServiceAccountEmail())
			}
			return call(pubsubAs(t, c, &l), c)
		}
	}
	owner := func(call func(s *pubsub.Service, c *Clouds) error) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			set(t, c)
			return call(pubsubAs(t, c, nil), c)
		}
	}
	pull := func(s *pubsub.Service, c *Clouds) error {
		_, err := s.Projects.Subscriptions.Pull(drain(c), &pubsub.PullRequest{MaxMessages: 1, ReturnImmediately: true}).Do()
		return err
	}
	publish := func(messages ...*pubsub.PubsubMessage) func(s *pubsub.Service, c *Clouds) error {
		return func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Topics.Publish(topic(c, "events"), &pubsub.PublishRequest{Messages: messages}).Do()
			return err
		}
	}
	subscribe := func(in *pubsub.Subscription) func(s *pubsub.Service, c *Clouds) error {
		return func(s *pubsub.Service, c *Clouds) error {
			in := *in
			if in.Topic == "" {
				in.Topic = topic(c, "events")
			}
			if p := in.DeadLetterPolicy; p != nil && p.DeadLetterTopic == "" {
				in.DeadLetterPolicy = &pubsub.DeadLetterPolicy{DeadLetterTopic: in.Topic, MaxDeliveryAttempts: p.MaxDeliveryAttempts}
			}
			_, err := s.Projects.Subscriptions.Create(drain(c)+"-2", &in).Do()
			return err
		}
	}
	acknowledge := func(ids ...string) func(s *pubsub.Service, c *Clouds) error {
		return func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.Acknowledge(drain(c), &pubsub.AcknowledgeRequest{AckIds: ids, ForceSendFields: []string{"AckIds"}}).Do()
			return err
		}
	}
	one := &pubsub.PubsubMessage{Data: "eA=="}
	const invalid = "INVALID_ARGUMENT"
	return []denial{
		{section, "no grant", by("", login{}, pull), 403, "PERMISSION_DENIED", unauthorized, unauthorizedReports},
		{section, "a viewer pulls", by("roles/pubsub.viewer", login{}, pull), 403, "PERMISSION_DENIED", unauthorized, unauthorizedReports},
		{section, "a subscriber publishes", by("roles/pubsub.subscriber", login{}, publish(one)), 403, "PERMISSION_DENIED", unauthorized, unauthorizedReports},
		{section, "a publisher pulls", by("roles/pubsub.publisher", login{}, pull), 403, "PERMISSION_DENIED", unauthorized, unauthorizedReports},
		{section, "a subscriber looks at the subscription", by("roles/pubsub.subscriber", login{}, func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.Get(drain(c)).Do()
			return err
		}), 403, "PERMISSION_DENIED", unauthorized, "googleapis/google-cloud-java, issue 2358"},
		{section, "the federated principal without a grant of its own", by("roles/pubsub.subscriber", login{alone: true}, pull), 403, "PERMISSION_DENIED", unauthorized, unauthorizedReports},
		{section, "a topic that is not there, to a caller without a right", by("", login{}, func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Topics.Get(topic(c, "missing")).Do()
			return err
		}), 403, "PERMISSION_DENIED", unauthorized, believed},
		{section, "a topic that is not there", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Topics.Publish(topic(c, "missing"), &pubsub.PublishRequest{Messages: []*pubsub.PubsubMessage{one}}).Do()
			return err
		}), 404, "NOT_FOUND", "Resource not found (resource=missing).", notFoundReports},
		{section, "a subscription that is not there", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.Pull("projects/"+c.Names.Project+"/subscriptions/"+c.named("missing"), &pubsub.PullRequest{MaxMessages: 1}).Do()
			return err
		}), 404, "NOT_FOUND", "Resource not found (resource=missing).", "googleapis/google-cloud-go, issue 9723"},
		{section, "a project that is not there", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Topics.Create("projects/no-project-of-this-name/topics/events", &pubsub.Topic{}).Do()
			return err
		}), 404, "NOT_FOUND", "Requested project not found or user does not have access to it (project=no-project-of-this-name). Make sure to specify the unique project identifier and not the Google Cloud Console display name.", "public reports of this message"},
		{section, "a topic twice", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Topics.Create(topic(c, "events"), &pubsub.Topic{}).Do()
			return err
		}), 409, "ALREADY_EXISTS", "Resource already exists in the project (resource=events).", "public reports of this message"},
		{section, "a name that begins with goog", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Topics.Create(topic(c, "google-events"), &pubsub.Topic{}).Do()
			return err
		}), 400, invalid, "Invalid resource name given (name=projects/demo-project/topics/google-events). Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.", namesReports},
		{section, "an ack deadline of five seconds", owner(subscribe(&pubsub.Subscription{AckDeadlineSeconds: 5})), 400, invalid, "Invalid ack deadline given (ack_deadline=5). The ack deadline must be between 10 and 600 seconds.", "commercetools/fs2-queues, pull request 141, for the form"},
		{section, "a retention of a minute", owner(subscribe(&pubsub.Subscription{MessageRetentionDuration: "60s"})), 400, invalid, "The value for message retention duration is out of bounds. You passed 1m in the request, but the value must be between 10m and 744h.", boundsReports},
		{section, "an expiration of an hour", owner(subscribe(&pubsub.Subscription{ExpirationPolicy: &pubsub.ExpirationPolicy{Ttl: "3600s"}})), 400, invalid, "The value for expiration duration is too small. You passed 1h in the request, but the minimum value is 24h.", boundsReports},
		{section, "four delivery attempts", owner(subscribe(&pubsub.Subscription{DeadLetterPolicy: &pubsub.DeadLetterPolicy{MaxDeliveryAttempts: 4}})), 400, invalid, "The value for max_delivery_attempts is too small. You passed 4 in the request, but the minimum value is 5.", boundsReports},
		{section, "a dead-letter topic without a name", owner(subscribe(&pubsub.Subscription{DeadLetterPolicy: &pubsub.DeadLetterPolicy{DeadLetterTopic: "dead"}})), 400, invalid, "Invalid resource name given (dead_letter_topic=dead). Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information.", "goblet/goblet, issue 399; today's address in it: public reports"},
		{section, "a subscription of a topic that is not there", owner(func(s *pubsub.Service, c *Clouds) error {
			return subscribe(&pubsub.Subscription{Topic: topic(c, "missing")})(s, c)
		}), 404, "NOT_FOUND", "Resource not found (resource=missing).", notFoundReports},
		{section, "another filter", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.Patch(drain(c), &pubsub.UpdateSubscriptionRequest{Subscription: &pubsub.Subscription{Filter: "attributes:x"}, UpdateMask: "filter"}).Do()
			return err
		}), 400, invalid, "Invalid update_mask provided in the UpdateSubscriptionRequest: the 'filter' field in the Subscription is not mutable.", "floci-io/floci-gcp, pull request 112; hashicorp/terraform-provider-google, issue 7562"},
		{section, "a change of nothing", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.Patch(drain(c), &pubsub.UpdateSubscriptionRequest{Subscription: &pubsub.Subscription{AckDeadlineSeconds: 60}}).Do()
			return err
		}), 400, invalid, "The update_mask in the UpdateSubscriptionRequest must be set, and must contain a non-empty paths list.", "pulumi/pulumi-gcp, issue 1162"},
		{section, "nothing to publish", owner(publish()), 400, invalid, "The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.", boundsReports},
		{section, "an empty message", owner(publish(&pubsub.PubsubMessage{})), 400, invalid, "One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute.", "public reports of this message"},
		{section, "a pull of no messages", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.Pull(drain(c), &pubsub.PullRequest{}).Do()
			return err
		}), 400, invalid, "You have passed an invalid argument to the service (argument=max_messages).", boundsReports},
		{section, "no ack id", owner(acknowledge()), 400, invalid, "You have not specified an ack ID in the request.", "public reports of this message"},
		{section, "a made-up ack id", owner(acknowledge("made-up")), 400, invalid, "You have passed an invalid ack ID to the service (ack_id=made-up).", "public reports of this message"},
		{section, "an extension of eleven minutes", owner(func(s *pubsub.Service, c *Clouds) error {
			_, err := s.Projects.Subscriptions.ModifyAckDeadline(drain(c), &pubsub.ModifyAckDeadlineRequest{AckIds: []string{"made-up"}, AckDeadlineSeconds: 660}).Do()
			return err
		}), 400, invalid, "Invalid ack deadline given (ack_deadline=660). The ack deadline must be between 0 and 600 seconds.", "commercetools/fs2-queues, pull request 141"},
		{section, "a service agent that is not there yet", func(t *testing.T, c *Clouds) error {
			c.only("the project has its service agents")
			set(t, c)
			_, err := pubsubAs(t, c, nil).Projects.Topics.SetIamPolicy(topic(c, "events"), &pubsub.SetIamPolicyRequest{Policy: &pubsub.Policy{
				Bindings: []*pubsub.Binding{{Role: "roles/pubsub.publisher", Members: []string{"serviceAccount:" + storageAgent}}},
			}}).Do()
			return err
		}, 400, invalid, "Service account " + storageAgent + " does not exist.", "public reports of this message"},
		{section, "the API is not enabled", func(t *testing.T, c *Clouds) error {
			set(t, c)
			c.Call(t, "POST", "/v1/projects/"+c.Names.Project+"/services/pubsub.googleapis.com:disable", nil, nil)
			return pull(pubsubAs(t, c, nil), c)
		}, 403, "PERMISSION_DENIED", disabledAPI("Cloud Pub/Sub API", "pubsub.googleapis.com"), "public reports of this message"},
	}
}

// storageAgent is the service agent of Cloud Storage.
const storageAgent = "service-" + sandbox.ProjectNumber + "@gs-project-accounts.iam.gserviceaccount.com"

// notifications are notification configurations of Cloud Storage.
func notifications() []denial {
	const section = "Cloud Storage's notifications"
	topic := func(c *Clouds, id string) string { return "projects/" + c.Names.Project + "/topics/" + c.named(id) }
	makeTopic := func(t *testing.T, c *Clouds) {
		c.Call(t, "PUT", "/v1/"+topic(c, "events"), map[string]any{}, nil)
	}
	insert := func(l *login, n func(c *Clouds) *gcs.Notification, before func(*testing.T, *Clouds)) func(*testing.T, *Clouds) error {
		return func(t *testing.T, c *Clouds) error {
			before(t, c)
			options := []option.ClientOption{option.WithEndpoint(c.Endpoint("storage") + "/storage/v1/"), option.WithHTTPClient(c.Client)}
			if l != nil {
				l := login{scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}}
				options[1] = option.WithAuthCredentials(l.credentials(t, c))
			}
			service, err := gcs.NewService(context.Background(), options...)
			if err != nil {
				t.Fatal(err)
			}
			_, err = service.Notifications.Insert(c.Names.SourceBucket, n(c)).Do()
			return err
		}
	}
	of := func(id, format string) func(c *Clouds) *gcs.Notification {
		return func(c *Clouds) *gcs.Notification {
			return &gcs.Notification{Topic: "//pubsub.googleapis.com/" + topic(c, id), PayloadFormat: format}
		}
	}
	return []denial{
		{section, "no right of the service agent", insert(nil, of("events", "JSON_API_V1"), makeTopic), 403, "forbidden",
			"The service account '" + storageAgent + "' does not have permission to publish messages to to the Cloud Pub/Sub topic '//pubsub.googleapis.com/projects/demo-project/topics/events', or that topic does not exist.",
			"GoogleCloudPlatform/k8s-config-connector, issue 433"},
		{section, "a topic that is not there", insert(nil, of("missing", "JSON_API_V1"), makeTopic), 400, "invalid",
			"Cloud Pub/Sub topic '//pubsub.googleapis.com/projects/demo-project/topics/missing' not found, or user '" + storageAgent + "' does not have permission to it.",
			"googleapis/nodejs-storage, issue 1402; that it is this one of the two is believed"},
		{section, "no topic", insert(nil, func(*Clouds) *gcs.Notification { return &gcs.Notification{PayloadFormat: "NONE"} }, makeTopic), 400, "invalid",
			"Invalid Google Cloud Pub/Sub topic. It should look like '//pubsub.googleapis.com/projects/*/topics/*.'", "googleapis/python-storage, pull request 617"},
		{section, "no payload format", insert(nil, of("events", ""), makeTopic), 400, "required", "You must specify a payload format in the 'payload_format' field.", "public reports of this message"},
		{section, "a reader of the bucket", insert(&login{}, of("events", "NONE"), makeTopic), 403, "forbidden",
			"gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com does not have storage.buckets.update access to the Google Cloud Storage bucket. Permission 'storage.buckets.update' denied on resource (or it may not exist).", storageErrors},
		{section, "an eleventh for an event", insert(nil, of("events", "NONE"), func(t *testing.T, c *Clouds) {
			c.only("ten notification configurations are made, which the suite does not take down")
			makeTopic(t, c)
			c.Call(t, "GET", "/storage/v1/projects/"+c.Names.Project+"/serviceAccount", nil, nil)
			c.Bind(t, "/v1/"+topic(c, "events"), "roles/pubsub.publisher", "serviceAccount:"+storageAgent)
			n := map[string]any{"topic": "//pubsub.googleapis.com/" + topic(c, "events"), "payload_format": "NONE", "event_types": []string{"OBJECT_FINALIZE"}}
			for range 10 {
				c.Call(t, "POST", "/storage/v1/b/"+c.Names.SourceBucket+"/notificationConfigs", n, nil)
			}
		}), 400, "invalid", "Too many overlapping notifications. The maximum is 10.", "public reports of this message; Pub/Sub notifications for Cloud Storage (Cloud Storage documentation), for the limit"},
	}
}
