package storage_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const (
	agent          = "service-" + googletest.Number + "@gs-project-accounts.iam.gserviceaccount.com"
	configurations = "/storage/v1/b/" + bucket + "/notificationConfigs"
	topic          = "//pubsub.googleapis.com/projects/" + googletest.Project + "/topics/events"
)

// withTopic is withBucket, with the topic "events" to which the service agent may publish,
// and a subscription of it.
func withTopic(t *testing.T) *googletest.Server {
	t.Helper()
	s := withBucket(t)
	s.Must(t, "PUT", googletest.Topics+"/events", nil)
	s.Must(t, "PUT", googletest.Subscriptions+"/drain", map[string]any{"topic": "projects/demo-project/topics/events"})
	s.Must(t, "GET", "/storage/v1/projects/demo-project/serviceAccount", nil)
	s.Bind(t, googletest.Topics+"/events", "roles/pubsub.publisher", "serviceAccount:"+agent)
	return s
}

func TestNotificationConfigurations(t *testing.T) {
	t.Parallel()
	s := withTopic(t)
	want := map[string]any{
		"kind": "storage#notification", "id": "1", "etag": "1", "selfLink": s.URL + configurations + "/1", "topic": topic,
		"event_types": []any{"OBJECT_FINALIZE", "OBJECT_DELETE"}, "custom_attributes": map[string]any{"k": "v"}, "object_name_prefix": "in/", "payload_format": "JSON_API_V1",
	}
	made := s.Must(t, "POST", configurations, map[string]any{
		"topic": strings.TrimPrefix(topic, "//pubsub.googleapis.com/"), "event_types": []string{"OBJECT_DELETE", "OBJECT_FINALIZE"},
		"custom_attributes": map[string]string{"k": "v"}, "object_name_prefix": "in/", "payload_format": "JSON_API_V1",
	})
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, s.Must(t, "GET", configurations+"/1", nil)); diff != "" {
		t.Errorf("the configuration read (-want +got):\n%s", diff)
	}
	every := s.Must(t, "POST", configurations, map[string]any{"topic": topic, "payload_format": "NONE"})
	if every["id"] != "2" || every["event_types"] != nil {
		t.Errorf("the second configuration is %v", every)
	}
	if got := s.Must(t, "GET", "/storage/v1/b/"+bucket, nil)["metageneration"]; got != "3" {
		t.Errorf("the bucket's metageneration is %v", got)
	}
	s.Must(t, "DELETE", configurations+"/1", nil)
	if diff := cmp.Diff(map[string]any{"kind": "storage#notifications", "items": []any{every}}, s.Must(t, "GET", configurations, nil)); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	s.Must(t, "DELETE", configurations+"/2", nil)
	if diff := cmp.Diff(map[string]any{"kind": "storage#notifications"}, s.Must(t, "GET", configurations, nil)); diff != "" {
		t.Errorf("the empty list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"kind": "storage#serviceAccount", "email_address": agent}, s.Must(t, "GET", "/storage/v1/projects/"+googletest.Number+"/serviceAccount", nil)); diff != "" {
		t.Errorf("the service agent (-want +got):\n%s", diff)
	}
}

func TestNotificationRefusals(t *testing.T) {
	t.Parallel()
	s := withTopic(t)
	s.Must(t, "PUT", googletest.Topics+"/closed", nil)
	viewing := reader(t, s, "viewer", "roles/storage.legacyBucketReader")
	with := func(fields string) string {
		return `{"topic":"` + topic + `","payload_format":"NONE"` + fields + `}`
	}
	at := func(name string) string {
		return `{"topic":"` + strings.Replace(topic, "/events", "/"+name, 1) + `","payload_format":"NONE"}`
	}
	for _, tt := range []struct{ name, method, path, body, token, want string }{
		{"no format", "POST", configurations, `{"topic":"` + topic + `"}`, "", "400 required: You must specify a payload format in the 'payload_format' field."},
		{"no topic", "POST", configurations, `{"payload_format":"NONE"}`, "", "400 invalid: Invalid Google Cloud Pub/Sub topic. It should look like '//pubsub.googleapis.com/projects/*/topics/*.'"},
		{"a missing topic", "POST", configurations, at("missing"), "", "400 invalid: Cloud Pub/Sub topic '//pubsub.googleapis.com/projects/demo-project/topics/missing' not found, or user '" + agent + "' does not have permission to it."},
		{"no right of the agent", "POST", configurations, at("closed"), "", "403 forbidden: The service account '" + agent + "' does not have permission to publish messages to to the Cloud Pub/Sub topic '//pubsub.googleapis.com/projects/demo-project/topics/closed', or that topic does not exist."},
		{"an event", "POST", configurations, with(`,"event_types":["OBJECT_X"]`), "", `400 invalid: Invalid argument: event type "OBJECT_X"`},
		{"six attributes", "POST", configurations, with(`,"custom_attributes":{"a":"","b":"","c":"","d":"","e":"","f":""}`), "", "400 invalid: Maximum of 5 custom attributes, notification config had 6"},
		{"a long value", "POST", configurations, with(`,"custom_attributes":{"a":"` + strings.Repeat("x", 1025) + `"}`), "", "400 invalid: Notification values may not be longer than 1024 characters"},
		{"an unknown field", "POST", configurations, with(`,"x":1`), "", `400 invalid: Invalid JSON payload received. Unknown name "x": Cannot find field.`},
		{"a bucket that is not there", "POST", "/storage/v1/b/missing-bucket/notificationConfigs", with(""), "", "404 notFound: The specified bucket does not exist."},
		{"a configuration that is not there", "GET", configurations + "/9", "", "", "404 notFound: Not Found"},
		{"deleting what is not there", "DELETE", configurations + "/9", "", "", "404 notFound: Not Found"},
		{"a reader inserts", "POST", configurations, with(""), viewing, "403 forbidden: " + googletest.Email("viewer") + " does not have storage.buckets.update access to the Google Cloud Storage bucket. Permission 'storage.buckets.update' denied on resource (or it may not exist)."},
		{"a reader asks for the agent", "GET", "/storage/v1/projects/demo-project/serviceAccount", "", viewing, "403 forbidden: " + googletest.Email("viewer") + " does not have resourcemanager.projects.get access to the Google Cloud project."},
		{"another project's agent", "GET", "/storage/v1/projects/other/serviceAccount", "", "", "400 invalid: Unknown project id: other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := tt.token
			if token == "" {
				token = s.AdminToken()
			}
			if got := s.Do(t, googletest.Request{Method: tt.method, Path: tt.path, Token: token, Body: tt.body}).Error(t); !strings.HasPrefix(got, tt.want) {
				t.Errorf("answered\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	if a := s.Do(t, googletest.Request{Method: "GET", Path: configurations, Token: viewing}); a.Status != 200 {
		t.Errorf("a reader's list is answered %d", a.Status)
	}
}

func TestNotificationLimits(t *testing.T) {
	t.Parallel()
	s := withTopic(t)
	body := func(kinds ...string) map[string]any {
		return map[string]any{"topic": topic, "payload_format": "NONE", "event_types": kinds}
	}
	for range 10 {
		s.Must(t, "POST", configurations, body("OBJECT_DELETE"))
	}
	for _, kinds := range [][]string{{"OBJECT_DELETE"}, {"OBJECT_FINALIZE", "OBJECT_DELETE"}, nil} {
		if got, want := s.Admin(t, "POST", configurations, body(kinds...)).Error(t), "400 invalid: Too many overlapping notifications. The maximum is 10."; got != want {
			t.Errorf("the eleventh, of %v, is answered %s, want %s", kinds, got, want)
		}
	}
	s.Must(t, "POST", configurations, body("OBJECT_FINALIZE"))
}

// The service agent of Cloud Storage is there once somebody asks for it.
func TestStorageAgent(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	s.Must(t, "PUT", googletest.Topics+"/events", nil)
	bind := func() googletest.Answer {
		return s.Admin(t, "POST", googletest.Topics+"/events:setIamPolicy", map[string]any{"policy": map[string]any{"bindings": []any{
			map[string]any{"role": "roles/pubsub.publisher", "members": []string{"serviceAccount:" + agent}},
		}}})
	}
	if got, want := bind().Error(t), "400 INVALID_ARGUMENT: Service account "+agent+" does not exist."; got != want {
		t.Errorf("before that, the binding is answered %s, want %s", got, want)
	}
	s.Must(t, "GET", "/storage/v1/projects/demo-project/serviceAccount", nil)
	if a := bind(); a.Status != 200 {
		t.Errorf("after that, the binding is answered %d: %s", a.Status, a.Body)
	}
}

// TestNotifications writes, overwrites, changes and deletes objects in every way.
func TestNotifications(t *testing.T) {
	t.Parallel()
	s := withTopic(t)
	s.Must(t, "POST", configurations, map[string]any{"topic": topic, "payload_format": "JSON_API_V1", "object_name_prefix": "in/", "custom_attributes": map[string]string{"k": "v"}})
	seen := map[string]bool{}
	// events are those since the last call.
	events := func() []string {
		var out []string
		for _, m := range s.PubSub().Messages("drain") {
			if seen[m.ID] {
				continue
			}
			seen[m.ID] = true
			fixed := map[string]string{"k": "v", "bucketId": bucket, "payloadFormat": "JSON_API_V1", "notificationConfig": "projects/_/buckets/" + bucket + "/notificationConfigs/1"}
			for key, want := range fixed {
				if m.Attributes[key] != want {
					t.Errorf("the attribute %s is %q, want %q", key, m.Attributes[key], want)
				}
			}
			var object struct{ Name, Generation, Kind, Size string }
			if err := json.Unmarshal(m.Data, &object); err != nil || object.Kind != "storage#object" || object.Name != m.Attributes["objectId"] || object.Generation != m.Attributes["objectGeneration"] || m.Attributes["eventTime"] == "" {
				t.Errorf("the payload is %s, %v, with the attributes %v", m.Data, err, m.Attributes)
			}
			text := m.Attributes["eventType"] + " " + object.Name + " " + object.Generation
			for _, key := range []string{"overwroteGeneration", "overwrittenByGeneration"} {
				if v := m.Attributes[key]; v != "" {
					text += " " + key + " " + v
				}
			}
			out = append(out, text)
		}
		return out
	}
	check := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, events()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	mustUpload(t, s, "out/a", "elsewhere")
	check("an object of another prefix")
	generation := func(o map[string]any) string { return o["generation"].(string) }
	one := generation(mustUpload(t, s, "in/a", "one"))
	check("an upload", "OBJECT_FINALIZE in/a "+one)
	two := generation(mustUpload(t, s, "in/a", "two"))
	check("an overwriting upload", "OBJECT_FINALIZE in/a "+two+" overwroteGeneration "+one, "OBJECT_DELETE in/a "+one+" overwrittenByGeneration "+two)
	s.Must(t, "PATCH", objectPath("in/a"), map[string]any{"metadata": map[string]string{"x": "y"}})
	check("a change of metadata", "OBJECT_METADATA_UPDATE in/a "+two)
	upload(t, s, "in/a", "&ifGenerationMatch=1", "refused")
	check("an upload that is refused")
	multipart := "--B\r\nContent-Type: application/json\r\n\r\n{\"name\":\"in/b\"}\r\n--B\r\nContent-Type: text/plain\r\n\r\nthree\r\n--B--"
	var b map[string]any
	s.Do(t, googletest.Request{Method: "POST", Path: "/upload/storage/v1/b/" + bucket + "/o?uploadType=multipart", Token: s.AdminToken(), Body: multipart, Header: map[string]string{"Content-Type": "multipart/related; boundary=B"}}).Decode(t, &b)
	check("a multipart upload", "OBJECT_FINALIZE in/b "+generation(b))
	session := s.Admin(t, "POST", "/upload/storage/v1/b/"+bucket+"/o?uploadType=resumable&name=in%2Fc", nil).Header.Get("Location")
	check("a resumable upload that has begun")
	var c map[string]any
	s.Do(t, googletest.Request{Method: "PUT", Path: strings.TrimPrefix(session, s.URL), Body: "four"}).Decode(t, &c)
	check("a resumable upload", "OBJECT_FINALIZE in/c "+generation(c))
	s.Must(t, "DELETE", objectPath("in/a"), nil)
	check("a deletion", "OBJECT_DELETE in/a "+two)

	// What the agent may no longer publish is lost without a word.
	policy := s.Must(t, "GET", googletest.Topics+"/events:getIamPolicy", nil)
	s.Must(t, "POST", googletest.Topics+"/events:setIamPolicy", map[string]any{"policy": map[string]any{}})
	mustUpload(t, s, "in/lost", "lost")
	delete(policy, "etag")
	s.Must(t, "POST", googletest.Topics+"/events:setIamPolicy", map[string]any{"policy": policy})
	check("an upload that the agent cannot tell of")
	kept := generation(mustUpload(t, s, "in/kept", "kept"))
	check("an upload after that", "OBJECT_FINALIZE in/kept "+kept)
	s.Must(t, "DELETE", configurations+"/1", nil)
	mustUpload(t, s, "in/a", "untold")
	check("an upload without a configuration")
}

func TestNotificationWithoutPayload(t *testing.T) {
	t.Parallel()
	s := withTopic(t)
	s.Must(t, "POST", configurations, map[string]any{"topic": topic, "payload_format": "NONE", "event_types": []string{"OBJECT_DELETE"}})
	o := mustUpload(t, s, "a", "content")
	s.Must(t, "DELETE", objectPath("a"), nil)
	messages := s.PubSub().Messages("drain")
	if len(messages) != 1 {
		t.Fatalf("the messages are %v", messages)
	}
	got := maps.Clone(messages[0].Attributes)
	delete(got, "eventTime")
	want := map[string]string{
		"notificationConfig": "projects/_/buckets/my-bucket/notificationConfigs/1", "eventType": "OBJECT_DELETE", "payloadFormat": "NONE",
		"bucketId": bucket, "objectId": "a", "objectGeneration": fmt.Sprint(o["generation"]),
	}
	if diff := cmp.Diff(want, got); diff != "" || len(messages[0].Data) != 0 {
		t.Errorf("the data are %q, the attributes (-want +got):\n%s", messages[0].Data, diff)
	}
}
