package pubsub_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const (
	topics        = googletest.Topics
	subscriptions = googletest.Subscriptions
	topicName     = "projects/" + googletest.Project + "/topics/"
	agent         = "serviceAccount:service-" + googletest.Number + "@gcp-sa-pubsub.iam.gserviceaccount.com"
)

// withSubscription starts a cloud with the topic "events" and the subscription "drain" of
// it, which has the given settings.
func withSubscription(t *testing.T, settings map[string]any, changes ...func(*google.Options)) *googletest.Server {
	t.Helper()
	s := googletest.Start(t, changes...)
	s.Must(t, "PUT", topics+"/events", map[string]any{})
	subscribe(t, s, "drain", "events", settings)
	return s
}

func subscribe(t *testing.T, s *googletest.Server, id, topic string, settings map[string]any) {
	t.Helper()
	in := map[string]any{"topic": topicName + topic}
	for key, value := range settings {
		in[key] = value
	}
	s.Must(t, "PUT", subscriptions+"/"+id, in)
}

// publish publishes texts, each as a message of its own.
func publish(t *testing.T, s *googletest.Server, topic string, texts ...string) []string {
	t.Helper()
	var messages []any
	for _, text := range texts {
		messages = append(messages, map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(text))})
	}
	var out struct{ MessageIDs []string }
	s.Admin(t, "POST", topics+"/"+topic+":publish", map[string]any{"messages": messages}).Decode(t, &out)
	if len(out.MessageIDs) != len(texts) {
		t.Fatalf("publishing %d messages gave the ids %q", len(texts), out.MessageIDs)
	}
	return out.MessageIDs
}

// received is a message as a pull answers it.
type received struct {
	AckID   string
	Message struct {
		Data                   []byte
		Attributes             map[string]string
		MessageID, PublishTime string
	}
	DeliveryAttempt int
}

func (r received) text() string { return string(r.Message.Data) }

// pull pulls what is there now.
func pull(t *testing.T, s *googletest.Server, subscription string) []received {
	t.Helper()
	var out struct{ ReceivedMessages []received }
	a := s.Admin(t, "POST", subscriptions+"/"+subscription+":pull", map[string]any{"maxMessages": 1000, "returnImmediately": true})
	a.Decode(t, &out)
	if a.Status != 200 {
		t.Fatalf("the pull answered %d: %s", a.Status, a.Body)
	}
	return out.ReceivedMessages
}

// pulled is pull's texts, in order.
func pulled(t *testing.T, s *googletest.Server, subscription string) string {
	t.Helper()
	var texts []string
	for _, m := range pull(t, s, subscription) {
		texts = append(texts, m.text())
	}
	return strings.Join(texts, " ")
}

func ackIDs(messages ...received) []string {
	ids := []string{}
	for _, m := range messages {
		ids = append(ids, m.AckID)
	}
	return ids
}

func acknowledge(t *testing.T, s *googletest.Server, subscription string, messages ...received) {
	t.Helper()
	s.Must(t, "POST", subscriptions+"/"+subscription+":acknowledge", map[string]any{"ackIds": ackIDs(messages...)})
}

// extend changes the deadlines of messages; 0 is a negative acknowledgement.
func extend(t *testing.T, s *googletest.Server, subscription string, seconds int, messages ...received) {
	t.Helper()
	s.Must(t, "POST", subscriptions+"/"+subscription+":modifyAckDeadline", map[string]any{"ackIds": ackIDs(messages...), "ackDeadlineSeconds": seconds})
}

func TestResources(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	topic := map[string]any{"name": topicName + "events", "labels": map[string]any{"a": "b"}, "messageRetentionDuration": "600.500s"}
	if diff := cmp.Diff(topic, s.Must(t, "PUT", topics+"/events", map[string]any{"labels": map[string]any{"a": "b"}, "messageRetentionDuration": "600.500s"})); diff != "" {
		t.Errorf("the topic (-want +got):\n%s", diff)
	}
	s.Must(t, "PUT", "/v1/projects/"+googletest.Number+"/topics/dead", nil)
	if diff := cmp.Diff(map[string]any{"topics": []any{map[string]any{"name": topicName + "dead"}, topic}}, s.Must(t, "GET", topics, nil)); diff != "" {
		t.Errorf("the topics (-want +got):\n%s", diff)
	}
	delete(topic, "labels")
	if diff := cmp.Diff(topic, s.Must(t, "PATCH", topics+"/events?updateMask=labels", map[string]any{"topic": map[string]any{"name": "ignored"}})); diff != "" {
		t.Errorf("the topic without labels (-want +got):\n%s", diff)
	}

	name := "projects/" + googletest.Project + "/subscriptions/drain"
	drain := map[string]any{
		"name": name, "topic": topicName + "events", "pushConfig": map[string]any{}, "ackDeadlineSeconds": 10.0, "state": "ACTIVE",
		"messageRetentionDuration": "604800s", "expirationPolicy": map[string]any{"ttl": "2678400s"}, "topicMessageRetentionDuration": "600.500s",
	}
	if diff := cmp.Diff(drain, s.Must(t, "PUT", subscriptions+"/drain", map[string]any{"topic": topicName + "events"})); diff != "" {
		t.Errorf("the subscription (-want +got):\n%s", diff)
	}
	changed := s.Must(t, "PATCH", subscriptions+"/drain", map[string]any{
		"updateMask": "ackDeadlineSeconds,expirationPolicy,retry_policy,deadLetterPolicy,labels,messageRetentionDuration",
		"subscription": map[string]any{
			"ackDeadlineSeconds": 60, "expirationPolicy": map[string]any{}, "retryPolicy": map[string]any{"minimumBackoff": "10s"},
			"deadLetterPolicy": map[string]any{"deadLetterTopic": topicName + "dead"}, "labels": map[string]any{"x": ""},
			"messageRetentionDuration": "601s", "filter": "attributes:not_looked_at(",
		},
	})
	drain["ackDeadlineSeconds"], drain["expirationPolicy"], drain["labels"] = 60.0, map[string]any{}, map[string]any{"x": ""}
	drain["retryPolicy"] = map[string]any{"minimumBackoff": "10s", "maximumBackoff": "600s"}
	drain["deadLetterPolicy"] = map[string]any{"deadLetterTopic": topicName + "dead", "maxDeliveryAttempts": 5.0}
	drain["messageRetentionDuration"] = "601s"
	if diff := cmp.Diff(drain, changed); diff != "" {
		t.Errorf("the changed subscription (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(drain, s.Must(t, "GET", subscriptions+"/drain", nil)); diff != "" {
		t.Errorf("the subscription read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"subscriptions": []any{name}}, s.Must(t, "GET", topics+"/events/subscriptions", nil)); diff != "" {
		t.Errorf("the topic's subscriptions (-want +got):\n%s", diff)
	}
	s.Must(t, "DELETE", topics+"/events", nil)
	s.Must(t, "PUT", topics+"/events", nil) // another one, to which the subscription does not belong
	if got := s.Must(t, "GET", subscriptions, nil)["subscriptions"].([]any)[0].(map[string]any)["topic"]; got != "_deleted-topic_" {
		t.Errorf("the topic of the subscription is %v", got)
	}
	s.Must(t, "DELETE", subscriptions+"/drain", nil)
	if got := s.Must(t, "GET", subscriptions, nil); len(got) != 0 {
		t.Errorf("the subscriptions are %v", got)
	}
	for i := range 3 {
		s.Must(t, "PUT", fmt.Sprintf("%s/page-%d", topics, i), nil)
	}
	page := s.Must(t, "GET", topics+"?pageSize=4", nil)
	rest := s.Must(t, "GET", topics+"?pageSize=4&pageToken="+page["nextPageToken"].(string), nil)
	if len(page["topics"].([]any)) != 4 || len(rest["topics"].([]any)) != 1 || rest["nextPageToken"] != nil {
		t.Errorf("the pages are %v and %v", page, rest)
	}
}

// TestRefusals asks for what is refused; the admin may do everything.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil)
	create := func(settings string) string { return `{"topic":"` + topicName + `events",` + settings + `}` }
	for _, tt := range []struct{ name, method, path, body, want string }{
		{"a topic twice", "PUT", topics + "/events", "", "409 ALREADY_EXISTS: Resource already exists in the project (resource=events)."},
		{"a short name", "PUT", topics + "/ab", "", "400 INVALID_ARGUMENT: Invalid resource name given (name=" + topicName + "ab). Refer to https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more information."},
		{"a reserved name", "PUT", topics + "/google-x", "", "400 INVALID_ARGUMENT: Invalid resource name given (name=" + topicName + "google-x). Refer"},
		{"a digit first", "PUT", topics + "/1ab", "", "400 INVALID_ARGUMENT: Invalid resource name given"},
		{"another project", "PUT", "/v1/projects/other/topics/events", "", "404 NOT_FOUND: Requested project not found or user does not have access to it (project=other). Make sure to specify the unique project identifier and not the Google Cloud Console display name."},
		{"a key of KMS", "PUT", topics + "/other", `{"kmsKeyName":"projects/p/x"}`, "400 INVALID_ARGUMENT: The local Google Cloud does not model the field kmsKeyName of topics."},
		{"a field that is none", "PUT", topics + "/other", `{"x":1}`, `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "x": Cannot find field.`},
		{"a label", "PUT", topics + "/other", `{"labels":{"Upper":""}}`, `400 INVALID_ARGUMENT: You have passed an invalid argument to the service (argument=Invalid labels: Invalid field "labels"; key "Upper" does not conform`},
		{"a topic's retention", "PUT", topics + "/other", `{"messageRetentionDuration":"599s"}`, "400 INVALID_ARGUMENT: The value for message retention duration is out of bounds. You passed 9m59s in the request, but the value must be between 10m and 744h."},
		{"a topic that is not there", "GET", topics + "/other", "", "404 NOT_FOUND: Resource not found (resource=other)."},
		{"publishing to it", "POST", topics + "/other:publish", `{"messages":[{"data":"eA=="}]}`, "404 NOT_FOUND: Resource not found (resource=other)."},
		{"a patch without a mask", "PATCH", topics + "/events", `{"topic":{}}`, "400 INVALID_ARGUMENT: The update_mask in the UpdateTopicRequest must be set, and must contain a non-empty paths list."},
		{"a patch of the name", "PATCH", topics + "/events", `{"topic":{},"updateMask":"name"}`, "400 INVALID_ARGUMENT: Invalid update_mask provided in the UpdateTopicRequest: the 'name' field in the Topic is not mutable."},
		{"a patch of nothing", "PATCH", topics + "/events", `{"topic":{},"updateMask":"x"}`, "400 INVALID_ARGUMENT: Invalid update_mask provided in the UpdateTopicRequest: 'x' is not a known Topic field."},
		{"a query", "GET", topics + "?x=1", "", `400 INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "x": Cannot bind query parameter.`},
		{"snapshots", "GET", "/v1/projects/demo-project/snapshots", "", "404 NOT_FOUND: The local Google Cloud does not model the method GET /v1/projects/demo-project/snapshots."},

		{"a subscription twice", "PUT", subscriptions + "/drain", create(`"name":""`), "409 ALREADY_EXISTS: Resource already exists in the project (resource=drain)."},
		{"no topic", "PUT", subscriptions + "/other", `{}`, "400 INVALID_ARGUMENT: Invalid resource name given (topic=)."},
		{"a topic that is missing", "PUT", subscriptions + "/other", `{"topic":"` + topicName + `other"}`, "404 NOT_FOUND: Resource not found (resource=other)."},
		{"a short deadline", "PUT", subscriptions + "/other", create(`"ackDeadlineSeconds":9`), "400 INVALID_ARGUMENT: Invalid ack deadline given (ack_deadline=9). The ack deadline must be between 10 and 600 seconds."},
		{"a long deadline", "PUT", subscriptions + "/other", create(`"ackDeadlineSeconds":601`), "400 INVALID_ARGUMENT: Invalid ack deadline given (ack_deadline=601)."},
		{"a short life", "PUT", subscriptions + "/other", create(`"expirationPolicy":{"ttl":"3600s"}`), "400 INVALID_ARGUMENT: The value for expiration duration is too small. You passed 1h in the request, but the minimum value is 24h."},
		{"a short retention", "PUT", subscriptions + "/other", create(`"messageRetentionDuration":"0s"`), "400 INVALID_ARGUMENT: The value for message retention duration is out of bounds. You passed 0s in the request"},
		{"hours", "PUT", subscriptions + "/other", create(`"messageRetentionDuration":"1h"`), "400 INVALID_ARGUMENT: Invalid value at 'subscription.message_retention_duration' (type.googleapis.com/google.protobuf.Duration), Illegal duration format; duration must end with 's'"},
		{"milliseconds", "PUT", subscriptions + "/other", create(`"messageRetentionDuration":"1ms"`), "400 INVALID_ARGUMENT: Invalid value at 'subscription.message_retention_duration' (type.googleapis.com/google.protobuf.Duration), Illegal duration format; failed to parse seconds"},
		{"a long backoff", "PUT", subscriptions + "/other", create(`"retryPolicy":{"maximumBackoff":"601s"}`), "400 INVALID_ARGUMENT: The value for maximum_backoff is too large. You passed 10m1s in the request, but the maximum value is 10m."},
		{"few attempts", "PUT", subscriptions + "/other", create(`"deadLetterPolicy":{"deadLetterTopic":"` + topicName + `events","maxDeliveryAttempts":4}`), "400 INVALID_ARGUMENT: The value for max_delivery_attempts is too small. You passed 4 in the request, but the minimum value is 5."},
		{"many attempts", "PUT", subscriptions + "/other", create(`"deadLetterPolicy":{"deadLetterTopic":"` + topicName + `events","maxDeliveryAttempts":101}`), "400 INVALID_ARGUMENT: The value for max_delivery_attempts is too large. You passed 101 in the request, but the maximum value is 100."},
		{"no dead-letter topic", "PUT", subscriptions + "/other", create(`"deadLetterPolicy":{}`), "400 INVALID_ARGUMENT: Invalid resource name given (dead_letter_topic=)."},
		{"a missing dead-letter topic", "PUT", subscriptions + "/other", create(`"deadLetterPolicy":{"deadLetterTopic":"` + topicName + `dead"}`), "404 NOT_FOUND: Resource not found (resource=dead)."},
		{"a filter", "PUT", subscriptions + "/other", create(`"filter":"attributes.x = y"`), "400 INVALID_ARGUMENT: Invalid filter given (filter=attributes.x = y)."},
		{"push", "PUT", subscriptions + "/other", create(`"pushConfig":{"pushEndpoint":"https://x"}`), "400 INVALID_ARGUMENT: The local Google Cloud does not model the field pushConfig of subscriptions."},
		{"ordering", "PUT", subscriptions + "/other", create(`"enableMessageOrdering":true`), "400 INVALID_ARGUMENT: The local Google Cloud does not model the field enableMessageOrdering of subscriptions."},
		{"exactly once", "PUT", subscriptions + "/other", create(`"enableExactlyOnceDelivery":true`), "400 INVALID_ARGUMENT: The local Google Cloud does not model the field enableExactlyOnceDelivery of subscriptions."},
		{"a patch of the filter", "PATCH", subscriptions + "/drain", `{"subscription":{},"updateMask":"filter"}`, "400 INVALID_ARGUMENT: Invalid update_mask provided in the UpdateSubscriptionRequest: the 'filter' field in the Subscription is not mutable."},
		{"a subscription that is missing", "POST", subscriptions + "/other:pull", `{"maxMessages":1}`, "404 NOT_FOUND: Resource not found (resource=other)."},

		{"no messages", "POST", topics + "/events:publish", `{}`, "400 INVALID_ARGUMENT: The value for message_count is too small. You passed 0 in the request, but the minimum value is 1."},
		{"many messages", "POST", topics + "/events:publish", `{"messages":[` + strings.Repeat(`{"data":"eA=="},`, 1000) + `{"data":"eA=="}]}`, "400 INVALID_ARGUMENT: The value for message_count is too large. You passed 1001 in the request, but the maximum value is 1000."},
		{"an empty message", "POST", topics + "/events:publish", `{"messages":[{"data":"eA=="},{}]}`, "400 INVALID_ARGUMENT: One or more messages in the publish request is empty. Each message must contain either non-empty data, or at least one attribute."},
		{"no base64", "POST", topics + "/events:publish", `{"messages":[{"data":"?"}]}`, "400 INVALID_ARGUMENT: Invalid value at 'messages[0].data' (TYPE_BYTES), Base64 decoding failed for"},
		{"an ordering key", "POST", topics + "/events:publish", `{"messages":[{"data":"eA==","orderingKey":"k"}]}`, "400 INVALID_ARGUMENT: The local Google Cloud does not model the field orderingKey of messages."},
		{"a large request", "POST", topics + "/events:publish", `{"messages":[{"data":"` + strings.Repeat("eHh4", 10<<20/4) + `"}]}`, "400 INVALID_ARGUMENT: Request payload size exceeds the limit: 10485760 bytes."},
		{"an attribute's value", "POST", topics + "/events:publish", `{"messages":[{"attributes":{"k":"` + strings.Repeat("x", 1025) + `"}}]}`, "400 INVALID_ARGUMENT: The value for attribute_value_size is too large. You passed 1025 in the request, but the maximum value is 1024."},
		{"no maximum", "POST", subscriptions + "/drain:pull", `{}`, "400 INVALID_ARGUMENT: You have passed an invalid argument to the service (argument=max_messages)."},
		{"no ack ids", "POST", subscriptions + "/drain:acknowledge", `{}`, "400 INVALID_ARGUMENT: You have not specified an ack ID in the request."},
		{"a wrong ack id", "POST", subscriptions + "/drain:acknowledge", `{"ackIds":["x"]}`, "400 INVALID_ARGUMENT: You have passed an invalid ack ID to the service (ack_id=x)."},
		{"many ack ids", "POST", subscriptions + "/drain:acknowledge", `{"ackIds":["` + strings.Repeat("x", 512<<10) + `"]}`, "400 INVALID_ARGUMENT: Request payload size exceeds the limit: 524288 bytes."},
		{"an extension", "POST", subscriptions + "/drain:modifyAckDeadline", `{"ackIds":["x"],"ackDeadlineSeconds":601}`, "400 INVALID_ARGUMENT: Invalid ack deadline given (ack_deadline=601). The ack deadline must be between 0 and 600 seconds."},
		{"a role of another service", "POST", topics + "/events:setIamPolicy", `{"policy":{"bindings":[{"role":"roles/storage.admin","members":["allUsers"]}]}}`, "400 INVALID_ARGUMENT: Role roles/storage.admin is not supported for this resource."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := s.Admin(t, tt.method, tt.path, tt.body).Error(t); !strings.HasPrefix(got, tt.want) {
				t.Errorf("answered\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// TestRights asks with each of the roles, on the resource itself.
func TestRights(t *testing.T) {
	t.Parallel()
	s := withSubscription(t, nil)
	const project = "/v1/projects/" + googletest.Project
	const topic, sub = topics + "/events", subscriptions + "/drain"
	calls := []struct{ name, method, path, body string }{
		{"publish", "POST", topic + ":publish", `{"messages":[{"data":"eA=="}]}`},
		{"pull", "POST", sub + ":pull", `{"maxMessages":1,"returnImmediately":true}`},
		{"acknowledge", "POST", sub + ":acknowledge", `{"ackIds":["x"]}`}, // 400 of whoever may
		{"get topic", "GET", topic, ""},
		{"get subscription", "GET", sub, ""},
		{"patch", "PATCH", sub, `{"subscription":{"ackDeadlineSeconds":20},"updateMask":"ackDeadlineSeconds"}`},
		{"policy", "GET", topic + ":getIamPolicy", ""},
		{"list", "GET", topics, ""},
	}
	for role, want := range map[string]string{
		"none":                    "",
		"roles/pubsub.publisher":  "publish",
		"roles/pubsub.subscriber": "pull acknowledge",
		"roles/pubsub.viewer":     "get topic get subscription",
		"roles/pubsub.editor":     "publish pull acknowledge get topic get subscription patch",
		"roles/pubsub.admin":      "publish pull acknowledge get topic get subscription patch policy",
		"roles/viewer":            "get topic get subscription",
	} {
		id := "account-" + strings.NewReplacer("roles/", "", ".", "-").Replace(role)
		s.MakeAccount(t, id)
		if role != "none" {
			s.Bind(t, topic, role, "serviceAccount:"+googletest.Email(id))
			s.Bind(t, sub, role, "serviceAccount:"+googletest.Email(id))
		}
		token := s.TokenOf(t, id)
		var got []string
		for _, c := range calls {
			a := s.Do(t, googletest.Request{Method: c.method, Path: c.path, Token: token, Body: c.body})
			if a.Status != 403 {
				got = append(got, c.name)
			} else if text := a.Error(t); text != "403 PERMISSION_DENIED: User not authorized to perform this action." {
				t.Errorf("%s with %s answered %s", c.name, role, text)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s allows %q, want %q", role, got, want)
		}
	}
	s.MakeAccount(t, "of-project")
	s.Bind(t, project, "roles/pubsub.viewer", "serviceAccount:"+googletest.Email("of-project"))
	token := s.TokenOf(t, "of-project")
	held := s.Do(t, googletest.Request{Method: "POST", Path: topic + ":testIamPermissions", Token: token, Body: map[string]any{"permissions": []string{"pubsub.topics.get", "pubsub.topics.publish"}}})
	if got := strings.TrimSpace(held.Body); got != `{"permissions":["pubsub.topics.get"]}` {
		t.Errorf("testIamPermissions answered %s", got)
	}
	missing := s.Admin(t, "POST", topics+"/missing:testIamPermissions", map[string]any{"permissions": []string{"pubsub.topics.get"}})
	if got := strings.TrimSpace(missing.Body); got != `{}` {
		t.Errorf("testIamPermissions of no topic answered %s", got)
	}
	// A caller without the right does not learn what there is.
	if got := s.Do(t, googletest.Request{Method: "POST", Path: topics + "/missing:publish", Token: token, Body: "{}"}).Status; got != 403 {
		t.Errorf("publishing to a missing topic without the right answered %d", got)
	}
	// To attach to a topic is a right on the topic.
	s.MakeAccount(t, "attaching")
	s.Bind(t, project, "roles/pubsub.editor", "serviceAccount:"+googletest.Email("of-project"))
	for scope, want := range map[string]int{"pubsub": 200, "cloud-platform": 200, "cloud-platform.read-only": 403, "devstorage.full_control": 403} {
		token := s.TokenOf(t, "of-project", "https://www.googleapis.com/auth/"+scope)
		if got := s.Do(t, googletest.Request{Method: "GET", Path: topic, Token: token}).Status; got != want {
			t.Errorf("a token of %s is answered %d, want %d", scope, got, want)
		}
	}
	conditional := map[string]any{"policy": map[string]any{"version": 3, "bindings": []any{map[string]any{
		"role": "roles/pubsub.publisher", "members": []string{"serviceAccount:" + googletest.Email("attaching")},
		"condition": map[string]any{"title": "t", "expression": "resource.type == 'pubsub.googleapis.com/Topic' && resource.name.endsWith('/events')"},
	}}}}
	s.Must(t, "POST", topic+":setIamPolicy", conditional)
	if got := s.Do(t, googletest.Request{Method: "POST", Path: topic + ":publish", Token: s.TokenOf(t, "attaching"), Body: `{"messages":[{"data":"eA=="}]}`}).Status; got != 200 {
		t.Errorf("publishing under a condition that holds answered %d", got)
	}
	stale := s.Must(t, "GET", topic+":getIamPolicy?options.requestedPolicyVersion=3", nil)
	s.Bind(t, sub, "roles/pubsub.viewer", "allUsers")
	s.Must(t, "POST", topic+":setIamPolicy", map[string]any{"policy": map[string]any{"etag": stale["etag"]}})
	if got := s.Admin(t, "POST", topic+":setIamPolicy", map[string]any{"policy": stale}).Status; got != 409 {
		t.Errorf("a stale policy is answered %d", got)
	}
}

// The Pub/Sub service agent is there from the first topic on.
func TestServiceAgent(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t)
	bind := func() string {
		return s.Admin(t, "POST", "/v1/projects/demo-project:setIamPolicy", map[string]any{"policy": map[string]any{"bindings": []any{
			map[string]any{"role": "roles/owner", "members": []string{"user:sandbox-admin@example.com"}},
			map[string]any{"role": "roles/pubsub.publisher", "members": []string{agent}},
		}}}).Body
	}
	if got := bind(); !strings.Contains(got, "Service account "+strings.TrimPrefix(agent, "serviceAccount:")+" does not exist.") {
		t.Errorf("before the first topic the agent is bound: %s", got)
	}
	s.Must(t, "PUT", topics+"/events", nil)
	if got := bind(); !strings.Contains(got, agent) {
		t.Errorf("after it, the answer is %s", got)
	}
}

// TestDisabled asks a project that has not enabled the API, and one that has.
func TestDisabled(t *testing.T) {
	t.Parallel()
	s := googletest.Start(t, func(o *google.Options) { o.Services = google.NewProject })
	a := s.Admin(t, "PUT", topics+"/events", nil)
	if got := a.Error(t); !strings.HasPrefix(got, "403 PERMISSION_DENIED: Cloud Pub/Sub API has not been used in project "+googletest.Number+" before or it is disabled.") {
		t.Errorf("answered %s", got)
	}
	s.Must(t, "POST", "/v1/projects/demo-project/services/pubsub.googleapis.com:enable", nil)
	s.Must(t, "PUT", topics+"/events", nil)
	quota := googletest.Request{Method: "GET", Path: topics, Token: s.AdminToken(), Header: map[string]string{"X-Goog-User-Project": "other-project"}}
	if got := s.Do(t, quota).Error(t); !strings.HasPrefix(got, "403 PERMISSION_DENIED: Caller does not have required permission to use project other-project.") {
		t.Errorf("another quota project is answered %s", got)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	filters := []string{
		`attributes:kind`, `attributes.kind = "a"`, `attributes.kind != "a"`, `hasPrefix(attributes.kind, "a")`, `NOT attributes:kind`,
		`-attributes.kind = "a" AND attributes."x/y" = "1"`, `attributes.kind="a" OR attributes.kind="b"`, `NOT (attributes.kind="a" OR attributes.kind="b")`,
	}
	s := googletest.Start(t)
	s.Must(t, "PUT", topics+"/events", nil)
	for i, filter := range filters {
		subscribe(t, s, fmt.Sprintf("filtered-%d", i), "events", map[string]any{"filter": filter})
	}
	var messages []any
	for _, attributes := range []map[string]string{{"kind": "a", "n": "0"}, {"kind": "ab", "n": "1"}, {"kind": "b", "x/y": "1", "n": "2"}, {"n": "3"}} {
		messages = append(messages, map[string]any{"attributes": attributes})
	}
	s.Must(t, "POST", topics+"/events:publish", map[string]any{"messages": messages})
	var got []string
	for i := range filters {
		numbers := ""
		for _, m := range s.PubSub().Messages(fmt.Sprintf("filtered-%d", i)) {
			numbers += m.Attributes["n"]
		}
		got = append(got, numbers)
	}
	if want := []string{"012", "0", "123", "01", "3", "2", "02", "13"}; !slices.Equal(got, want) {
		t.Errorf("the filters take %q, want %q", got, want)
	}
	for _, bad := range []string{"x", `attributes.kind = "a" AND attributes:b OR attributes:c`, `attributes.kind = "a`, `attributes:kind)`, `(attributes:kind`, `hasPrefix(attributes.a, b)`, `attributes.a = "1" extra`, strings.Repeat("x", 257)} {
		if a := s.Admin(t, "PUT", subscriptions+"/bad", map[string]any{"topic": topicName + "events", "filter": bad}); a.Status != 400 {
			t.Errorf("the filter %s is answered %d: %s", bad, a.Status, a.Body)
		}
	}
}
