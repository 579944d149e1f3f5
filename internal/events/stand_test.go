package events

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// stand is the events function as it starts in an execution environment, with a bucket
// that notifies the topic.
type stand struct {
	*integration.Clouds
	env      map[string]string
	attempts int // after so many deliveries a message is a dead letter

	mu  sync.Mutex
	log bytes.Buffer
}

// Write implements io.Writer, for the log.
func (s *stand) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(p)
}

func (s *stand) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// attempts is after how many deliveries a message is a dead letter, unless a stand is set up
// with another number.
const attempts = 5

func newStand(t *testing.T, set map[string]string) *stand {
	t.Helper()
	c := integration.New(t, sandbox.Options{MinPart: 1})
	file := filepath.Join(t.TempDir(), c.Env.CredentialFileName())
	if err := os.WriteFile(file, c.Configuration(t).JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &stand{Clouds: c, env: c.Env.DrainVariables(), attempts: attempts}
	s.env["AWS_ENDPOINT_URL"], s.env["AWS_LAMBDA_FUNCTION_NAME"] = c.AWSURL, c.Env.Drain()
	s.env[invocation.EnvGoogleCredentials], s.env[invocation.EnvPubSubEndpoint] = file, c.GoogleURL
	// Google's auth library reads the AWS credentials from the process environment,
	// which is why these tests do not run in parallel.
	for k, v := range c.SessionVariables(t, c.Env.Role) {
		s.env[k] = v
		t.Setenv(k, v)
	}
	for k, v := range set {
		s.env[k] = v
	}
	if set["attempts"] != "" {
		s.attempts, _ = strconv.Atoi(set["attempts"])
	}
	s.notify(t)
	return s
}

// notify makes topics, subscriptions and the notification, as a deployment does.
func (s *stand) notify(t *testing.T) {
	t.Helper()
	grant := func(path, role string, members ...string) {
		policy := map[string]any{"bindings": []any{map[string]any{"role": role, "members": members}}}
		s.Call(t, "POST", "/v1/"+path+":setIamPolicy", map[string]any{"policy": policy}, nil)
	}
	topic, dead := s.env[invocation.EnvEventsTopic], s.Env.Topic(s.Env.EventDeadLetters())
	account := "serviceAccount:" + s.Env.ServiceAccountEmail()
	agent := "serviceAccount:service-" + sandbox.ProjectNumber + "@gcp-sa-pubsub.iam.gserviceaccount.com"
	s.Call(t, "PUT", "/v1/"+topic, map[string]any{}, nil)
	s.Call(t, "PUT", "/v1/"+dead, map[string]any{}, nil)
	s.Call(t, "PUT", "/v1/"+s.env[invocation.EnvEventsSubscription], map[string]any{
		"topic": topic, "ackDeadlineSeconds": 60, "deadLetterPolicy": map[string]any{"deadLetterTopic": dead, "maxDeliveryAttempts": s.attempts},
		"retryPolicy": map[string]any{"minimumBackoff": "10s", "maximumBackoff": "10s"},
	}, nil)
	s.Call(t, "PUT", "/v1/"+s.env[invocation.EnvEventsDeadLetters], map[string]any{"topic": dead, "ackDeadlineSeconds": 60}, nil)
	var storage struct {
		Email string `json:"email_address"`
	}
	s.Call(t, "GET", "/storage/v1/projects/"+s.Env.GoogleProject+"/serviceAccount", nil, &storage)
	grant(topic, "roles/pubsub.publisher", "serviceAccount:"+storage.Email, account)
	grant(dead, "roles/pubsub.publisher", agent)
	grant(s.env[invocation.EnvEventsSubscription], "roles/pubsub.subscriber", agent, account)
	grant(s.env[invocation.EnvEventsDeadLetters], "roles/pubsub.subscriber", account)
	s.Call(t, "POST", "/storage/v1/b/"+s.Env.SourceBucket+"/notificationConfigs", map[string]any{
		"topic": "//pubsub.googleapis.com/" + topic, "payload_format": "JSON_API_V1",
		"event_types": []string{typeFinalize, typeMetadata, typeDelete, typeArchive},
	}, nil)
}

// start starts the function.
func (s *stand) start(t *testing.T) (*Worker, *copy.Handler) {
	t.Helper()
	log := slog.New(slog.NewJSONHandler(s, nil))
	getenv := func(k string) string { return s.env[k] }
	h, err := copy.NewHandler(getenv, log)
	if err != nil {
		t.Fatal(err)
	}
	h.Tune(copy.Tuning{Threshold: 64 << 10, Part: 24 << 10, Sleep: func(context.Context, time.Duration) error { return nil }})
	w, err := NewWorker(h, getenv, log)
	if err != nil {
		t.Fatal(err)
	}
	w.now = s.Now
	t.Cleanup(h.CloseIdle) // before the clouds wait for open connections
	return w, h
}

// drains lets the function drain, and returns its answer without what differs in every run.
func (s *stand) drains(t *testing.T, w *Worker) invocation.EventsResult {
	t.Helper()
	r, err := w.Handle(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Bytes, r.DurationMS, r.OldestEventAgeSeconds, r.Body = 0, 0, 0, ""
	return r
}

// drainsAll lets the function drain until no message is left. A pull that was under way when
// an invocation ended may have got messages, which then come again later.
func (s *stand) drainsAll(t *testing.T, w *Worker) {
	t.Helper()
	for range 5 {
		if r := s.drains(t, w); !r.Complete || r.Failed+r.Interrupted > 0 {
			t.Errorf("answer %+v", r)
		}
		if len(s.backlog()) == 0 {
			return
		}
		s.Advance(deadline)
	}
}

func (s *stand) upload(t *testing.T, name, content string) int64 {
	t.Helper()
	s.Upload(t, s.Env.SourceBucket, name, "text/plain", strings.NewReader(content))
	return s.generation(t, name)
}

func (s *stand) object(name string) string {
	return "/storage/v1/b/" + s.Env.SourceBucket + "/o/" + strings.ReplaceAll(name, "/", "%2F")
}

func (s *stand) generation(t *testing.T, name string) int64 {
	t.Helper()
	var resource struct {
		Generation int64 `json:",string"`
	}
	s.Call(t, "GET", s.object(name), nil, &resource)
	return resource.Generation
}

func (s *stand) remove(t *testing.T, name string) {
	t.Helper()
	s.Call(t, "DELETE", s.object(name), nil, nil)
}

// publish publishes a message to the topic, as a bucket would.
func (s *stand) publish(t *testing.T, data string, attributes map[string]string) {
	t.Helper()
	message := map[string]any{"attributes": attributes}
	if data != "" {
		message["data"] = []byte(data)
	}
	s.Call(t, "POST", "/v1/"+s.env[invocation.EnvEventsTopic]+":publish", map[string]any{"messages": []any{message}}, nil)
}

// tell publishes an event of an object.
func (s *stand) tell(t *testing.T, kind, name string, generation int64) {
	t.Helper()
	s.publish(t, "", map[string]string{
		attributeType: kind, attributeBucket: s.Env.SourceBucket, attributeObject: name, attributeGeneration: strconv.FormatInt(generation, 10),
	})
}

// backlog returns what is not acknowledged, by the objects' names.
func (s *stand) backlog() (names []string) {
	for _, m := range s.Google.PubSub().Messages(s.env[invocation.EnvEventsSubscription]) {
		names = append(names, m.Attributes[attributeObject])
	}
	slices.Sort(names)
	return names
}

func (s *stand) admin() *s3.Client { return s3.NewFromConfig(s.AWSConfig(s.AWS.Admin())) }

// stored returns the destination's keys with their contents.
func (s *stand) stored(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range s.AWS.S3().Objects(s.Env.DestinationBucket) {
		body, _ := s.AWS.S3().Read(s.Env.DestinationBucket, o.Key)
		data, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
		all[o.Key] = string(data)
	}
	return all
}

func (s *stand) versioned(t *testing.T) {
	t.Helper()
	if _, err := s.admin().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &s.Env.DestinationBucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
}

// keepsVersions turns on versioning of the source.
func (s *stand) keepsVersions(t *testing.T) {
	t.Helper()
	s.Call(t, "PATCH", "/storage/v1/b/"+s.Env.SourceBucket, map[string]any{"versioning": map[string]any{"enabled": true}}, nil)
}

// mayDelete gives the role the rights that the setting eventDeletes does.
func (s *stand) mayDelete(t *testing.T) {
	t.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:DeleteObject","s3:ListBucket"],"Resource":["arn:aws:s3:::` + s.Env.DestinationBucket + `","arn:aws:s3:::` + s.Env.DestinationBucket + `/*"]}]}`
	if _, err := iam.NewFromConfig(s.AWSConfig(s.AWS.Admin())).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &s.Env.Role, PolicyName: aws.String("deletes"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
}

// asked counts the successful requests of a service by operation, from a journal entry on.
func (s *stand) asked(service string, from int) map[string]int {
	counts := map[string]int{}
	for _, e := range s.Journal.Entries()[from:] {
		if e.Service == service && e.Status < 300 {
			counts[e.Operation]++
		}
	}
	return counts
}

// line returns the log's last line with a message.
func (s *stand) line(t *testing.T, message string) map[string]any {
	t.Helper()
	var found map[string]any
	for text := range strings.Lines(s.logged()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if line["msg"] == message {
			found = line
		}
	}
	if found == nil {
		t.Fatalf("no line %q in the log:\n%s", message, s.logged())
	}
	return found
}
