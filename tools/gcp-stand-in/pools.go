package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
)

const iamBeta = "iamBetaCustomEndpoint"

// texts returns the fields that pools and providers share.
func texts(in fields) map[string]any {
	disabled, _ := in["disabled"].(bool)
	return map[string]any{"displayName": in.text("displayName"), "description": in.text("description"), "disabled": disabled}
}

func createPool(ctx context.Context, c *client, in fields) (string, fields, error) {
	parent, id := "projects/"+in.text("project")+"/locations/global/workloadIdentityPools", in.text("workloadIdentityPoolId")
	return create(ctx, c, parent, "workloadIdentityPoolId", id, texts(in))
}

func createProvider(ctx context.Context, c *client, in fields) (string, fields, error) {
	parent := "projects/" + in.text("project") + "/locations/global/workloadIdentityPools/" + in.text("workloadIdentityPoolId") + "/providers"
	return create(ctx, c, parent, "workloadIdentityPoolProviderId", in.text("workloadIdentityPoolProviderId"), providerBody(in))
}

func create(ctx context.Context, c *client, parent, parameter, id string, body map[string]any) (string, fields, error) {
	if err := c.operate(ctx, iamBeta, http.MethodPost, parent+"?"+url.Values{parameter: {id}}.Encode(), body); err != nil {
		return "", nil, err
	}
	path := parent + "/" + id
	found, err := readPool(ctx, c, path, nil)
	return path, fields{"name": found["name"], "state": found["state"]}, err
}

func providerBody(in fields) map[string]any {
	body := texts(in)
	for _, key := range []string{"aws", "attributeMapping", "attributeCondition"} {
		if v, ok := in[key]; ok {
			body[key] = v
		}
	}
	return body
}

// idPattern matches the id of a pool, or of a provider in it.
var idPattern = regexp.MustCompile(`^projects/([^/]+)/locations/global/workloadIdentityPools/([^/]+)(?:/providers/([^/]+))?$`)

// readPool reads a pool or a provider. A deleted one counts as gone, although its
// id stays taken.
func readPool(ctx context.Context, c *client, id string, _ fields) (fields, error) {
	names := idPattern.FindStringSubmatch(id)
	if names == nil {
		return nil, fmt.Errorf("reading %q: it is no id of a workload identity pool or provider, such as projects/PROJECT/locations/global/workloadIdentityPools/POOL", id)
	}
	found := fields{}
	if err := c.call(ctx, iamBeta, http.MethodGet, id, nil, &found); err != nil {
		return nil, err
	}
	if found["state"] == "DELETED" {
		return nil, errGone
	}
	found["project"], found["workloadIdentityPoolId"] = names[1], names[2]
	if names[3] != "" {
		found["workloadIdentityPoolProviderId"] = names[3]
	}
	return found, nil
}

func updatePool(ctx context.Context, c *client, id string, in fields) (fields, error) {
	return nil, c.operate(ctx, iamBeta, http.MethodPatch, id+"?updateMask=displayName,description,disabled", texts(in))
}

func updateProvider(ctx context.Context, c *client, id string, in fields) (fields, error) {
	return nil, c.operate(ctx, iamBeta, http.MethodPatch, id+"?updateMask=displayName,description,disabled,aws,attributeMapping,attributeCondition", providerBody(in))
}

func deletePool(ctx context.Context, c *client, id string, _ fields) error {
	return c.operate(ctx, iamBeta, http.MethodDelete, id, nil)
}
