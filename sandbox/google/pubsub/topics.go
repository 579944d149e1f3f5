package pubsub

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// topic is one topic.
type topic struct {
	id        string
	name      string
	labels    map[string]string
	retention string // as its client wrote it; empty is none
	policy    policy.Timeline
}

// deletedTopic is the topic of a subscription whose topic was deleted: REST reference,
// "Resource: Subscription".
const deletedTopic = "_deleted-topic_"

func (s *PubSub) topicName(id string) string {
	return "projects/" + s.opts.ProjectID + "/topics/" + id
}

// topicInput is a topic as clients write it.
type topicInput struct {
	Name      string            `json:"name"`
	Labels    map[string]string `json:"labels"`
	Retention string            `json:"messageRetentionDuration"`

	State, SatisfiesPzs any // only ever answered

	MessageStoragePolicy        any `json:"messageStoragePolicy"`
	KMSKeyName                  any `json:"kmsKeyName"`
	SchemaSettings              any `json:"schemaSettings"`
	IngestionDataSourceSettings any `json:"ingestionDataSourceSettings"`
	MessageTransforms           any `json:"messageTransforms"`
	Tags                        any `json:"tags"`
}

func (in topicInput) check() error {
	err := unmodelled("topics", map[string]any{
		"messageStoragePolicy": in.MessageStoragePolicy, "kmsKeyName": in.KMSKeyName, "schemaSettings": in.SchemaSettings,
		"ingestionDataSourceSettings": in.IngestionDataSourceSettings, "messageTransforms": in.MessageTransforms, "tags": in.Tags,
	})
	if err != nil {
		return err
	}
	if err := checkLabels(in.Labels); err != nil {
		return err
	}
	return checkTopicRetention(in.Retention)
}

// json is the topic as the API writes it.
func (t *topic) json() map[string]any {
	out := map[string]any{"name": t.name}
	if len(t.labels) > 0 {
		out["labels"] = t.labels
	}
	if t.retention != "" {
		out["messageRetentionDuration"] = t.retention
	}
	return out
}

func (s *PubSub) createTopic(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	id, name := args[1], s.topicName(args[1])
	if err := checkName(name); err != nil {
		return nil, err
	}
	if err := authorize(r, "pubsub.topics.create", s.projectResource()); err != nil {
		return nil, err
	}
	var in topicInput
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if s.topics[id] != nil {
		return nil, alreadyExists(id)
	}
	t := &topic{id: id, name: name, labels: in.Labels, retention: in.Retention}
	s.topics[id] = t
	if s.opts.Appear != nil {
		s.opts.Appear(Agent(s.opts.ProjectNumber))
	}
	return t.json(), nil
}

// openTopic finds a path's topic for a caller with a permission on it.
func (s *PubSub) openTopic(r *api.Request, args []string, permission string) (*topic, error) {
	if err := s.open(r, args, permission, s.topicOf(r, args)); err != nil {
		return nil, err
	}
	return s.topics[args[1]], nil
}

func (s *PubSub) getTopic(r *api.Request, args []string) (any, error) {
	t, err := s.openTopic(r, args, "pubsub.topics.get")
	if err != nil {
		return nil, err
	}
	return t.json(), nil
}

// maxPage is the most that one page lists, and pageSize what it lists where its size is
// left out.
const (
	maxPage  = 1000
	pageSize = 100
)

func (s *PubSub) listTopics(r *api.Request, args []string) (any, error) {
	if err := s.project(args[0]); err != nil {
		return nil, err
	}
	if err := authorize(r, "pubsub.topics.list", s.projectResource()); err != nil {
		return nil, err
	}
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.topics)) {
		items = append(items, s.topics[id].json())
	}
	return listing(r, "topics", items)
}

// listing answers one page of a list.
func listing(r *api.Request, name string, items []any) (any, error) {
	most := maxPage
	if size := r.URL.Query().Get("pageSize"); size == "" || size == "0" {
		most = pageSize
	}
	page, next, err := api.Page(r, items, "pageSize", most)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if len(page) > 0 {
		out[name] = page
	}
	if next != "" {
		out["nextPageToken"] = next
	}
	return out, nil
}

func (s *PubSub) patchTopic(r *api.Request, args []string) (any, error) {
	t, err := s.openTopic(r, args, "pubsub.topics.update")
	if err != nil {
		return nil, err
	}
	var in struct {
		Topic      topicInput `json:"topic"`
		UpdateMask string     `json:"updateMask"`
	}
	if err := api.Decode(r.Body, &in); err != nil {
		return nil, err
	}
	fields, err := mask(r, in.UpdateMask, "Topic")
	if err != nil {
		return nil, err
	}
	if err := in.Topic.check(); err != nil {
		return nil, err
	}
	changed := *t
	for _, field := range fields {
		switch field {
		case "labels":
			changed.labels = in.Topic.Labels
		case "message_retention_duration":
			changed.retention = in.Topic.Retention
		case "name":
			return nil, immutable(field, "Topic")
		case "message_storage_policy", "kms_key_name", "schema_settings", "ingestion_data_source_settings", "message_transforms":
			// They are empty, as checked, and stay so.
		default:
			return nil, unknownField(field, "Topic")
		}
	}
	*t = changed
	return t.json(), nil
}

// mask reads an update mask, which stands in the body or in the query, and returns its
// fields as messages name them. pulumi/pulumi-gcp, issue 1162, has the refusal.
func mask(r *api.Request, inBody, kind string) ([]string, error) {
	text := inBody
	if text == "" {
		text = r.URL.Query().Get("updateMask")
	}
	if text == "" {
		return nil, api.InvalidArgument("The update_mask in the Update%sRequest must be set, and must contain a non-empty paths list.", kind)
	}
	var fields []string
	for field := range strings.SplitSeq(text, ",") {
		var snake strings.Builder
		for _, c := range field {
			if 'A' <= c && c <= 'Z' {
				snake.WriteByte('_')
				c += 'a' - 'A'
			}
			snake.WriteRune(c)
		}
		fields = append(fields, snake.String())
	}
	return fields, nil
}

// immutable refuses a field that is set once: hashicorp/terraform-provider-google, issue
// 7562.
func immutable(field, kind string) error {
	return api.InvalidArgument("Invalid update_mask provided in the Update%sRequest: the '%s' field in the %[1]s is not mutable.", kind, field)
}

func unknownField(field, kind string) error {
	return api.InvalidArgument("Invalid update_mask provided in the Update%sRequest: '%s' is not a known %[1]s field. "+
		"Note that field paths must be of the form 'push_config' rather than 'pushConfig'.", kind, field)
}

// deleteTopic leaves the topic's subscriptions, which keep their messages.
func (s *PubSub) deleteTopic(r *api.Request, args []string) (any, error) {
	t, err := s.openTopic(r, args, "pubsub.topics.delete")
	if err != nil {
		return nil, err
	}
	delete(s.topics, t.id)
	for _, sub := range s.subscriptions {
		if sub.topic == t {
			sub.topic = nil
		}
	}
	return struct{}{}, nil
}

func (s *PubSub) listTopicSubscriptions(r *api.Request, args []string) (any, error) {
	t, err := s.openTopic(r, args, "pubsub.topics.get")
	if err != nil {
		return nil, err
	}
	items := []any{}
	for _, id := range slices.Sorted(maps.Keys(s.subscriptions)) {
		if sub := s.subscriptions[id]; sub.topic == t && !sub.detached {
			items = append(items, sub.name)
		}
	}
	return listing(r, "subscriptions", items)
}

// unmodelled refuses by name what is not modelled of a resource and asks for something.
func unmodelled(of string, fields map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !api.Vacant(fields[name]) {
			return api.Unmodelled("field", name+" of "+of)
		}
	}
	return nil
}

// encoded is an answer that no longer depends on what it was made of.
func encoded(v any) (any, error) {
	data, err := api.Encode(v)
	return json.RawMessage(data), err
}
