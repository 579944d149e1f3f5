package storage

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// Topics are the topics of Pub/Sub, named projects/PROJECT/topics/TOPIC.
type Topics interface {
	// Receives reports whether a topic is there, and whether the service account is allowed
	// to publish to it.
	Receives(email, name string) (exists, allowed bool)
	// PublishAs publishes a message as the service account. If that is not allowed, nothing
	// happens.
	PublishAs(email, name string, data []byte, attributes map[string]string)
}

// notification is one notification configuration: Cloud Storage documentation, "Pub/Sub
// notifications for Cloud Storage".
type notification struct {
	ID               string            `json:"id"`
	Topic            string            `json:"topic"`
	EventTypes       []string          `json:"event_types,omitempty"`
	CustomAttributes map[string]string `json:"custom_attributes,omitempty"`
	ObjectNamePrefix string            `json:"object_name_prefix,omitempty"`
	PayloadFormat    string            `json:"payload_format"`
	Etag             string            `json:"etag"`
	Kind             string            `json:"kind"`
	SelfLink         string            `json:"selfLink"`
}

// The types of events, in the order in which Cloud Storage answers them.
const (
	finalized       = "OBJECT_FINALIZE"
	metadataUpdated = "OBJECT_METADATA_UPDATE"
	deleted         = "OBJECT_DELETE"
	archived        = "OBJECT_ARCHIVE"
)

var eventTypes = []string{finalized, metadataUpdated, deleted, archived}

// The formats of a notification's payload.
const (
	payloadJSON = "JSON_API_V1"
	payloadNone = "NONE"
)

// The limits of notification configurations: Cloud Storage documentation, "Pub/Sub
// notifications for Cloud Storage" and "Quotas and limits". Keys and values are counted in
// characters.
const (
	maxNotifications = 100 // of a bucket
	maxOverlapping   = 10  // of a bucket and a type of event
	maxAttributes    = 5
	maxKey           = 256
	maxValue         = 1024
)

// agentEmail is the address of the service agent of Cloud Storage.
func (s *Storage) agentEmail() string {
	return "service-" + s.opts.ProjectNumber + "@gs-project-accounts.iam.gserviceaccount.com"
}

// agent makes the service agent exist: it does once somebody asks for it or it is needed
// (Cloud Storage documentation, "Get the Cloud Storage service agent").
func (s *Storage) agent() string {
	if s.opts.Appear != nil {
		s.opts.Appear(s.agentEmail())
	}
	return s.agentEmail()
}

func (s *Storage) getServiceAccount(r *api.Request, args []string) (reply, error) {
	if args[0] != s.opts.ProjectID && args[0] != s.opts.ProjectNumber {
		return reply{}, &fault{http.StatusBadRequest, "invalid", "InvalidArgument", "Unknown project id: " + args[0], "Invalid argument."}
	}
	if err := authorize(r, "resourcemanager.projects.get", s.projectResource()); err != nil {
		return reply{}, err
	}
	return answer(r, map[string]string{"kind": "storage#serviceAccount", "email_address": s.agent()})
}

// topicPattern is the name of a topic in a notification configuration; clients leave parts
// of its beginning out.
var topicPattern = regexp.MustCompile(`^(?://pubsub\.googleapis\.com/)?(projects/[^/]+/topics/[^/]+)$`)

// check refuses a notification configuration that is not allowed, and brings it into the
// form that is answered. The words are those of public reports (googleapis/python-storage,
// pull request 617); those of the limits of attributes are believed.
func (n *notification) check() error {
	if n.PayloadFormat != payloadJSON && n.PayloadFormat != payloadNone {
		const missing = "You must specify a payload format in the 'payload_format' field."
		return &fault{http.StatusBadRequest, "required", "InvalidArgument", missing, "Invalid argument."}
	}
	m := topicPattern.FindStringSubmatch(n.Topic)
	if m == nil {
		return invalid("Invalid Google Cloud Pub/Sub topic. It should look like '//pubsub.googleapis.com/projects/*/topics/*.'")
	}
	n.Topic = "//pubsub.googleapis.com/" + m[1]
	if len(n.CustomAttributes) > maxAttributes {
		return invalid(fmt.Sprintf("Maximum of %d custom attributes, notification config had %d", maxAttributes, len(n.CustomAttributes)))
	}
	for _, key := range slices.Sorted(maps.Keys(n.CustomAttributes)) {
		value := n.CustomAttributes[key]
		const tooLong = "Notification %s may not be longer than %d characters, but %s '%s' contains %d characters."
		switch {
		case key == "":
			return invalid("Custom attribute keys may not be empty")
		case utf8.RuneCountInString(key) > maxKey:
			return invalid(fmt.Sprintf(tooLong, "keys", maxKey, "key", key, utf8.RuneCountInString(key)))
		case utf8.RuneCountInString(value) > maxValue:
			return invalid(fmt.Sprintf(tooLong, "values", maxValue, "value", value, utf8.RuneCountInString(value)))
		}
	}
	for _, kind := range n.EventTypes {
		if !slices.Contains(eventTypes, kind) {
			return invalid("Invalid argument: event type " + strconv.Quote(kind))
		}
	}
	n.EventTypes = slices.DeleteFunc(slices.Clone(eventTypes), func(kind string) bool { return !slices.Contains(n.EventTypes, kind) })
	return nil
}

// covers reports whether a configuration is for a type of event.
func (n *notification) covers(kind string) bool {
	return len(n.EventTypes) == 0 || slices.Contains(n.EventTypes, kind)
}

func (s *Storage) insertNotification(r *api.Request, args []string) (reply, error) {
	var n notification
	if err := api.ReadJSON(r, &n); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.update")
	if err != nil {
		return reply{}, err
	}
	if err := n.check(); err != nil {
		return reply{}, err
	}
	// Both refusals were reported: googleapis/nodejs-storage, issue 1402, and
	// GoogleCloudPlatform/k8s-config-connector, issue 433. That the first is for topics
	// that are not there is believed.
	switch exists, allowed := s.opts.Topics.Receives(s.agent(), topicName(n.Topic)); {
	case !exists:
		const missing = "Cloud Pub/Sub topic '%s' not found, or user '%s' does not have permission to it."
		return reply{}, invalid(fmt.Sprintf(missing, n.Topic, s.agentEmail()))
	case !allowed:
		message := fmt.Sprintf("The service account '%s' does not have permission to publish messages to to the Cloud Pub/Sub topic '%s', "+
			"or that topic does not exist.", s.agentEmail(), n.Topic)
		return reply{}, &fault{http.StatusForbidden, "forbidden", "AccessDenied", message, "Access denied."}
	}
	if len(b.notifications) >= maxNotifications { // the words are believed
		return reply{}, invalid(fmt.Sprintf("Too many notifications. The maximum is %d.", maxNotifications))
	}
	for _, kind := range eventTypes {
		overlapping := 0
		for _, have := range b.notifications {
			if have.covers(kind) && n.covers(kind) {
				overlapping++
			}
		}
		if overlapping >= maxOverlapping {
			return reply{}, invalid(fmt.Sprintf("Too many overlapping notifications. The maximum is %d.", maxOverlapping))
		}
	}
	n.ID = strconv.FormatInt(b.metagen, 10)
	n.Etag, n.Kind, n.SelfLink = n.ID, "storage#notification", s.opts.URL+"/storage/v1/b/"+b.name+"/notificationConfigs/"+n.ID
	b.notifications = append(b.notifications, &n)
	b.metagen++
	return answer(r, n)
}

// topicName is a topic's name as Pub/Sub has it.
func topicName(topic string) string { return strings.TrimPrefix(topic, "//pubsub.googleapis.com/") }

// openNotification finds a notification configuration for a caller with a permission on
// its bucket.
func (s *Storage) openNotification(r *api.Request, args []string, permission string) (*bucket, int, error) {
	b, err := s.open(r, args[0], permission)
	if err != nil {
		return nil, 0, err
	}
	i := slices.IndexFunc(b.notifications, func(n *notification) bool { return n.ID == args[1] })
	if i < 0 {
		return nil, 0, &fault{http.StatusNotFound, "notFound", "NoSuchNotification", "Not Found", "Not Found"}
	}
	return b, i, nil
}

func (s *Storage) getNotification(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, i, err := s.openNotification(r, args, "storage.buckets.get")
	if err != nil {
		return reply{}, err
	}
	return answer(r, b.notifications[i])
}

func (s *Storage) listNotifications(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.buckets.get")
	if err != nil {
		return reply{}, err
	}
	out := map[string]any{"kind": "storage#notifications"}
	if len(b.notifications) > 0 {
		out["items"] = b.notifications
	}
	return answer(r, out)
}

func (s *Storage) deleteNotification(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, i, err := s.openNotification(r, args, "storage.buckets.update")
	if err != nil {
		return reply{}, err
	}
	b.notifications = slices.Delete(b.notifications, i, i+1)
	b.metagen++
	return reply{status: http.StatusNoContent}, nil
}

// notify tells the topics of a bucket's notification configurations what happened to an
// object. If the service agent has lost its right to publish, or a topic is gone, the
// message is lost without a word. more are further attributes, in pairs. The caller holds the lock.
func (s *Storage) notify(b *bucket, o *object, kind string, more ...string) {
	if len(b.notifications) == 0 {
		return
	}
	object, err := api.Encode(s.objectJSON(b, o))
	if err != nil {
		panic(err) // texts and maps of them alone: cannot happen
	}
	for _, n := range b.notifications {
		if !n.covers(kind) || !strings.HasPrefix(o.name, n.ObjectNamePrefix) {
			continue
		}
		attributes := map[string]string{}
		maps.Copy(attributes, n.CustomAttributes)
		for i := 0; i < len(more); i += 2 {
			attributes[more[i]] = more[i+1]
		}
		attributes["notificationConfig"] = "projects/_/buckets/" + b.name + "/notificationConfigs/" + n.ID
		attributes["eventType"], attributes["payloadFormat"] = kind, n.PayloadFormat
		attributes["bucketId"], attributes["objectId"] = b.name, o.name
		attributes["objectGeneration"] = strconv.FormatInt(o.generation, 10)
		attributes["eventTime"] = s.opts.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
		data := object
		if n.PayloadFormat == payloadNone {
			data = nil
		}
		s.opts.Topics.PublishAs(s.agentEmail(), topicName(n.Topic), data, attributes)
	}
}
