package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

var notificationKind = kind{
	required: []string{"bucket", "payloadFormat", "topic"},
	optional: []string{"customAttributes", "eventTypes", "objectNamePrefix"},
	replace:  []string{"bucket", "payloadFormat", "topic", "customAttributes", "eventTypes", "objectNamePrefix"},
	computed: []string{"notificationId", "selfLink"},
	valid: map[string]func(string) error{
		"payloadFormat": oneOf("JSON_API_V1", "NONE"),
		"eventTypes":    oneOf("OBJECT_FINALIZE", "OBJECT_METADATA_UPDATE", "OBJECT_DELETE", "OBJECT_ARCHIVE"),
	},
	same: func(name string, old, now any) bool {
		if name == "eventTypes" {
			return slices.Equal(inOrder(old), inOrder(now))
		}
		return sameTopic(name, old, now)
	},
	plan: func(state property.Map) property.Map {
		types, ok := state.GetOk("eventTypes")
		if !ok || types.HasComputed() {
			return state
		}
		var sorted []property.Value
		for _, kind := range inOrder(toFields(state)["eventTypes"]) {
			sorted = append(sorted, property.New(kind))
		}
		return state.Set("eventTypes", property.New(sorted))
	},
	create: createNotification,
	read:   readNotification,
	delete: deleteNotification,
}

func oneOf(values ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(values, text) {
			return fmt.Errorf("expected %q to be one of %q", text, values)
		}
		return nil
	}
}

// inOrder are the texts of a set in the real plugin's order.
func inOrder(set any) []string {
	items, _ := set.([]any)
	var out []string
	for _, item := range items {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

func createNotification(ctx context.Context, c *client, in fields) (string, fields, error) {
	bucket := in.text("bucket")
	body := map[string]any{"payload_format": in.text("payloadFormat"), "topic": topicName(c.config.text("project"), in.text("topic"))}
	for _, setting := range [][2]string{{"custom_attributes", "customAttributes"}, {"object_name_prefix", "objectNamePrefix"}} {
		if v := in[setting[1]]; !empty(v) {
			body[setting[0]] = v
		}
	}
	if types := inOrder(in["eventTypes"]); len(types) > 0 {
		body["event_types"] = types
	}
	var made struct{ ID string }
	if err := c.call(ctx, "storageCustomEndpoint", http.MethodPost, "b/"+bucket+"/notificationConfigs", body, &made); err != nil {
		return "", nil, fmt.Errorf("Error creating notification config for bucket %s: googleapi: %w", bucket, err)
	}
	id := bucket + "/notificationConfigs/" + made.ID
	out, err := readNotification(ctx, c, id, in)
	for _, name := range []string{"customAttributes", "eventTypes"} {
		if _, given := in[name]; !given {
			delete(out, name)
		}
	}
	return id, out, err
}

func readNotification(ctx context.Context, c *client, id string, _ fields) (fields, error) {
	bucket, number, ok := strings.Cut(id, "/notificationConfigs/")
	if !ok {
		return nil, fmt.Errorf("reading %q: it is no id such as BUCKET/notificationConfigs/NUMBER", id)
	}
	answer := fields{}
	if err := c.call(ctx, "storageCustomEndpoint", http.MethodGet, "b/"+id, nil, &answer); err != nil {
		return nil, err
	}
	types, attributes := []any{}, map[string]any{}
	for _, kind := range inOrder(answer["event_types"]) {
		types = append(types, kind)
	}
	if v, ok := answer["custom_attributes"].(map[string]any); ok {
		attributes = v
	}
	return fields{
		"bucket": bucket, "notificationId": number, "selfLink": answer["selfLink"], "topic": answer["topic"],
		"payloadFormat": answer["payload_format"], "objectNamePrefix": answer.text("object_name_prefix"),
		"eventTypes": types, "customAttributes": attributes,
	}, nil
}

// deleteNotification, unlike others, fails if there is nothing to delete.
func deleteNotification(ctx context.Context, c *client, id string, _ fields) error {
	err := c.call(ctx, "storageCustomEndpoint", http.MethodDelete, "b/"+id, nil, nil)
	if answered := (*apiError)(nil); errors.As(err, &answered) {
		bucket, number, _ := strings.Cut(id, "/notificationConfigs/")
		return fmt.Errorf("Error deleting notification configuration %s for bucket %s: googleapi: %w", number, bucket, error(answered))
	}
	return err
}

// getProjectServiceAccount asks for the service agent of Cloud Storage.
func getProjectServiceAccount(ctx context.Context, c *client, args fields) (fields, error) {
	project := cmp.Or(args.text("project"), c.config.text("project"))
	path := "projects/" + project + "/serviceAccount"
	if payer := args.text("userProject"); payer != "" {
		path += "?userProject=" + payer
	}
	var agent struct {
		Email string `json:"email_address"`
	}
	if err := c.call(ctx, "storageCustomEndpoint", http.MethodGet, path, nil, &agent); err != nil {
		return nil, fmt.Errorf("Error reading GCS service account of project %q: googleapi: %w", project, err)
	}
	return fields{"id": agent.Email, "emailAddress": agent.Email, "member": "serviceAccount:" + agent.Email, "project": project}, nil
}
