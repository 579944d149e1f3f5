package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
)

const iamBeta = "iamBetaCustomEndpoint"

func createPool(ctx context.Context, c *client, in fields) (string, fields, error) {
	parent, id := "projects/"+in.text("project")+"/locations/global/workloadIdentityPools", in.text("workloadIdentityPoolId")
	return create(ctx, c, parent, "workloadIdentityPoolId", id, in)
}

func createProvider(ctx context.Context, c *client, in fields) (string, fields, error) {
	parent := "projects/" + in.text("project") + "/locations/global/workloadIdentityPools/" + in.text("workloadIdentityPoolId") + "/providers"
	return create(ctx, c, parent, "workloadIdentityPoolProviderId", in.text("workloadIdentityPoolProviderId"), in)
}

func create(ctx context.Context, c *client, parent, parameter, id string, in fields) (string, fields, error) {
	if err := c.operate(ctx, iamBeta, http.MethodPost, parent+"?"+url.Values{parameter: {id}}.Encode(), settingsOf(in)); err != nil {
		return "", nil, err
	}
	path := parent + "/" + id
	found, err := readPool(ctx, c, path, nil)
	return path, found, err
}

// settingsOf are those of a pool or a provider that are not empty.
func settingsOf(in fields) map[string]any {
	body := map[string]any{}
	for _, key := range []string{"displayName", "description", "disabled", "aws", "attributeMapping", "attributeCondition"} {
		if v, ok := in[key]; ok && !empty(v) {
			body[key] = v
		}
	}
	return body
}

// empty reports whether a value is the one that an absent one means.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return reflect.ValueOf(v).IsZero()
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
	answer := fields{}
	if err := c.call(ctx, iamBeta, http.MethodGet, id, nil, &answer); err != nil {
		return nil, err
	}
	if answer["state"] == "DELETED" {
		return nil, errGone
	}
	found := fields{
		"project": names[1], "workloadIdentityPoolId": names[2], "name": answer["name"], "state": answer["state"],
		"displayName": answer.text("displayName"), "description": answer.text("description"), "disabled": answer.flag("disabled"),
	}
	if names[3] != "" {
		found["workloadIdentityPoolProviderId"], found["attributeCondition"] = names[3], answer.text("attributeCondition")
		for _, key := range []string{"aws", "attributeMapping"} {
			if v, ok := answer[key]; ok {
				found[key] = v
			}
		}
	}
	return found, nil
}

// updatePool updates those of the fields that changed, and names them in this order.
func updatePool(names ...string) func(ctx context.Context, c *client, id string, old, in fields) (fields, error) {
	return func(ctx context.Context, c *client, id string, old, in fields) (fields, error) {
		var mask []string
		for _, name := range names {
			if changed(old[name], in[name]) {
				mask = append(mask, name)
			}
		}
		if mask != nil {
			query := url.Values{"updateMask": {strings.Join(mask, ",")}}
			if err := c.operate(ctx, iamBeta, http.MethodPatch, id+"?"+query.Encode(), settingsOf(in)); err != nil {
				return nil, err
			}
		}
		return readPool(ctx, c, id, nil)
	}
}

// changed reports whether two values differ; an absent one is an empty one.
func changed(old, now any) bool { return !(empty(old) && empty(now)) && !reflect.DeepEqual(old, now) }

func deletePool(ctx context.Context, c *client, id string, _ fields) error {
	return c.operate(ctx, iamBeta, http.MethodDelete, id, nil)
}
