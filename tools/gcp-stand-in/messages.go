package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

const pubsub = "pubsubCustomEndpoint"

var topicKind = kind{
	required:     []string{"name"},
	optional:     []string{"project", "labels", "messageRetentionDuration"},
	replace:      []string{"name", "project"},
	computed:     []string{"effectiveLabels", "messageStoragePolicy", "pulumiLabels", "schemaSettings"},
	same:         sameTopic,
	deletesFirst: true,
	plan:         planLabels,
	create:       topics.create,
	read:         topics.read,
	update:       topics.update,
	delete:       topics.delete,
}

var subscriptionKind = kind{
	required: []string{"name", "topic"},
	optional: []string{
		"project", "labels", "ackDeadlineSeconds", "messageRetentionDuration", "expirationPolicy", "filter", "retryPolicy", "deadLetterPolicy",
	},
	defaults:     fields{"messageRetentionDuration": "604800s"},
	replace:      []string{"name", "topic", "filter", "project"},
	computed:     []string{"effectiveLabels", "pulumiLabels"},
	kept:         []string{"ackDeadlineSeconds", "expirationPolicy"},
	same:         sameTopic,
	deletesFirst: true,
	plan:         planLabels,
	create:       subscriptions.create,
	read:         subscriptions.read,
	update:       subscriptions.update,
	delete:       subscriptions.delete,
}

// collection is one of Pub/Sub's kinds of resources.
type collection struct {
	name, noun string
	wrapped    string // how an update calls the resource
	// settings are the fields in the order in which an update names them. All are empty
	// where the cloud does not answer them, but for those that are policies, which are then
	// left out.
	settings []string
	empty    fields
	// always are the policies that a request has even if they are empty.
	always []string
}

var topics = collection{
	name: "topics", noun: "Topic", wrapped: "topic",
	settings: []string{"messageRetentionDuration", "labels"},
	empty:    fields{"kmsKeyName": "", "messageRetentionDuration": ""},
}

var subscriptions = collection{
	name: "subscriptions", noun: "Subscription", wrapped: "subscription",
	settings: []string{"ackDeadlineSeconds", "messageRetentionDuration", "expirationPolicy", "deadLetterPolicy", "retryPolicy", "labels"},
	empty:    fields{"filter": "", "retainAckedMessages": false, "enableMessageOrdering": false, "enableExactlyOnceDelivery": false},
	always:   []string{"expirationPolicy", "deadLetterPolicy"},
}

// planLabels shows the labels that a resource will have.
func planLabels(state property.Map) property.Map {
	if labels, ok := state.GetOk("labels"); ok && !labels.HasComputed() {
		return state.Set("effectiveLabels", labels).Set("pulumiLabels", labels)
	}
	return state
}

// sameTopic compares a topic as the real plugin does: by its last part, where no more is
// given.
func sameTopic(name string, old, now any) bool {
	was, _ := old.(string)
	is, _ := now.(string)
	return name == "topic" && sameName(was, is)
}

func sameName(was, is string) bool {
	if !strings.Contains(is, "/") {
		return was[strings.LastIndex(was, "/")+1:] == is
	}
	relative := func(name string) string { return name[max(strings.Index(name, "projects/"), 0):] }
	return relative(was) == relative(is)
}

// topicName is the whole name of a topic.
func topicName(project, topic string) string {
	if strings.Contains(topic, "projects/") {
		return topic
	}
	return "projects/" + project + "/topics/" + topic
}

// body is what a request has of a resource's settings.
func (of collection) body(in fields) fields {
	body := fields{}
	for _, name := range of.settings {
		if v := in[name]; !empty(v) {
			body[name] = v
		} else if slices.Contains(of.always, name) {
			body[name] = nil
		}
	}
	if policy, ok := in["expirationPolicy"].(map[string]any); ok && policy["ttl"] == "" {
		body["expirationPolicy"] = struct{}{} // never
	}
	return body
}

// create, like update, words errors as the real plugin does.
func (of collection) create(ctx context.Context, c *client, in fields) (string, fields, error) {
	project := cmp.Or(in.text("project"), c.config.text("project"))
	id := "projects/" + project + "/" + of.name + "/" + in.text("name")
	body := of.body(in)
	if topic := in.text("topic"); topic != "" {
		body["topic"] = topicName(project, topic)
	}
	if filter := in.text("filter"); filter != "" {
		body["filter"] = filter
	}
	if err := c.call(ctx, pubsub, http.MethodPut, id, body, nil); err != nil {
		return "", nil, fmt.Errorf("Error creating %s: googleapi: %w", of.noun, err)
	}
	// The real plugin looks whether it is there, and reads it.
	var out fields
	for range 2 {
		var err error
		if out, err = of.read(ctx, c, id, in); err != nil {
			return id, nil, err
		}
	}
	if _, given := in["labels"]; !given {
		delete(out, "labels")
	}
	return id, out, nil
}

// read returns the labels of the state alone, and of an import none.
func (of collection) read(ctx context.Context, c *client, id string, state fields) (fields, error) {
	parts := strings.Split(id, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[2] != of.name {
		return nil, fmt.Errorf("reading %q: it is no id such as projects/PROJECT/%s/NAME", id, of.name)
	}
	answer := fields{}
	if err := c.call(ctx, pubsub, http.MethodGet, id, nil, &answer); err != nil {
		return nil, err
	}
	out := maps.Clone(of.empty)
	out["project"], out["name"] = parts[1], parts[3]
	all, _ := answer["labels"].(map[string]any)
	known, _ := state["labels"].(map[string]any)
	labels, effective := map[string]any{}, map[string]any{}
	for key, value := range all {
		effective[key] = value
		if _, ok := known[key]; ok {
			labels[key] = value
		}
	}
	out["labels"], out["pulumiLabels"], out["effectiveLabels"] = labels, labels, effective
	for _, name := range append([]string{"topic", "filter"}, of.settings...) {
		if v, ok := answer[name]; ok && name != "labels" {
			out[name] = v
		}
	}
	if policy, ok := answer["expirationPolicy"].(map[string]any); ok && len(policy) == 0 {
		out["expirationPolicy"] = map[string]any{"ttl": ""}
	}
	return out, nil
}

func (of collection) update(ctx context.Context, c *client, id string, old, in fields) (fields, error) {
	in = maps.Clone(in)
	for _, name := range []string{"ackDeadlineSeconds", "expirationPolicy"} { // stay what they are where they are left out
		if _, given := in[name]; !given && old[name] != nil {
			in[name] = old[name]
		}
	}
	var mask []string
	for _, name := range of.settings {
		was := old[name]
		if name == "labels" {
			was = old["pulumiLabels"]
		}
		if changed(was, in[name]) {
			mask = append(mask, name)
		}
	}
	if mask != nil {
		query := url.Values{"updateMask": {strings.Join(mask, ",")}}
		if err := c.call(ctx, pubsub, http.MethodPatch, id+"?"+query.Encode(), map[string]any{of.wrapped: of.body(in)}, nil); err != nil {
			return nil, fmt.Errorf("Error updating %s %q: googleapi: %w", of.noun, id, err)
		}
	}
	out, err := of.read(ctx, c, id, in)
	if err != nil {
		return nil, err
	}
	_, had := old["labels"]
	if _, given := in["labels"]; !given && !had {
		delete(out, "labels")
	}
	return out, nil
}

func (of collection) delete(ctx context.Context, c *client, id string, _ fields) error {
	return c.call(ctx, pubsub, http.MethodDelete, id, nil, nil)
}
