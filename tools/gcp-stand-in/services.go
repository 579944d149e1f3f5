package main

import (
	"context"
	"net/http"
	"strings"
)

const serviceUsage = "serviceUsageCustomEndpoint"

func servicePath(in fields) string {
	return "projects/" + in.text("project") + "/services/" + in.text("service")
}

func createService(ctx context.Context, c *client, in fields) (string, fields, error) {
	err := c.operate(ctx, serviceUsage, http.MethodPost, servicePath(in)+":enable", struct{}{})
	return in.text("project") + "/" + in.text("service"), nil, err
}

func readService(ctx context.Context, c *client, id string, state fields) (fields, error) {
	if project, service, ok := strings.Cut(id, "/"); ok && state.text("service") == "" { // an import
		state = fields{"project": project, "service": service}
	}
	var service struct{ State string }
	if err := c.call(ctx, serviceUsage, http.MethodGet, servicePath(state), nil, &service); err != nil {
		return nil, err
	}
	if service.State != "ENABLED" {
		return nil, errGone
	}
	return state, nil
}

// keepService accepts settings that only matter later.
func keepService(context.Context, *client, string, fields) (fields, error) { return nil, nil }

func deleteService(ctx context.Context, c *client, _ string, state fields) error {
	if keep, ok := state["disableOnDestroy"].(bool); ok && !keep {
		return nil
	}
	return c.operate(ctx, serviceUsage, http.MethodPost, servicePath(state)+":disable", struct{}{})
}
