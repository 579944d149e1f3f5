package main

import (
	"context"
	"net/http"
	"strings"
)

const iam = "iamCustomEndpoint"

// account is a service account as returned by IAM.
type account struct {
	Name, Email, UniqueID, DisplayName, Description, ProjectID string
	Disabled                                                   bool
}

func (a account) outputs() fields {
	return fields{"name": a.Name, "email": a.Email, "member": "serviceAccount:" + a.Email, "uniqueId": a.UniqueID}
}

func createAccount(ctx context.Context, c *client, in fields) (string, fields, error) {
	var made account
	err := c.call(ctx, iam, http.MethodPost, "projects/"+in.text("project")+"/serviceAccounts", map[string]any{
		"accountId":      in["accountId"],
		"serviceAccount": map[string]any{"displayName": in.text("displayName"), "description": in.text("description")},
	}, &made)
	return made.Name, made.outputs(), err
}

func readAccount(ctx context.Context, c *client, id string, _ fields) (fields, error) {
	var found account
	if err := c.call(ctx, iam, http.MethodGet, id, nil, &found); err != nil {
		return nil, err
	}
	out := found.outputs()
	accountID, _, _ := strings.Cut(found.Email, "@")
	out["accountId"], out["project"] = accountID, found.ProjectID
	setText(out, "displayName", found.DisplayName)
	setText(out, "description", found.Description)
	return out, nil
}

// setText leaves out empty values, as inputs do.
func setText(f fields, key, value string) {
	if value != "" {
		f[key] = value
	}
}

func updateAccount(ctx context.Context, c *client, id string, in fields) (fields, error) {
	var changed account
	err := c.call(ctx, iam, http.MethodPatch, id, map[string]any{
		"serviceAccount": map[string]any{"displayName": in.text("displayName"), "description": in.text("description")},
		"updateMask":     "displayName,description",
	}, &changed)
	return nil, err
}

func deleteAccount(ctx context.Context, c *client, id string, _ fields) error {
	return c.call(ctx, iam, http.MethodDelete, id, nil, nil)
}
