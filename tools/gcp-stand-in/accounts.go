package main

import (
	"context"
	"net/http"
	"strings"
)

const iam = "iamCustomEndpoint"

// account is a service account as returned by IAM.
type account struct {
	Name, Email, UniqueID, DisplayName, Description, ProjectID, Etag string
	Disabled                                                         bool
}

func createAccount(ctx context.Context, c *client, in fields) (string, fields, error) {
	settings := map[string]any{}
	setText(settings, "displayName", in.text("displayName"))
	setText(settings, "description", in.text("description"))
	var made account
	err := c.call(ctx, iam, http.MethodPost, "projects/"+in.text("project")+"/serviceAccounts",
		map[string]any{"accountId": in["accountId"], "serviceAccount": settings}, &made)
	if err != nil {
		return "", nil, err
	}
	// The real plugin looks for it twice, because a new account need not be seen at once,
	// sleeps ten seconds, and reads it.
	var out fields
	for range 3 {
		if out, err = readAccount(ctx, c, made.Name, nil); err != nil {
			return made.Name, nil, err
		}
	}
	return made.Name, out, nil
}

func readAccount(ctx context.Context, c *client, id string, _ fields) (fields, error) {
	var found account
	if err := c.call(ctx, iam, http.MethodGet, id, nil, &found); err != nil {
		return nil, err
	}
	accountID, _, _ := strings.Cut(found.Email, "@")
	return fields{
		"name": found.Name, "email": found.Email, "member": "serviceAccount:" + found.Email, "uniqueId": found.UniqueID, "accountId": accountID,
		"project": found.ProjectID, "displayName": found.DisplayName, "description": found.Description, "disabled": found.Disabled,
	}, nil
}

// setText leaves out empty values.
func setText(f map[string]any, key, value string) {
	if value != "" {
		f[key] = value
	}
}

func updateAccount(ctx context.Context, c *client, id string, old, in fields) (fields, error) {
	var have account
	if err := c.call(ctx, iam, http.MethodGet, id, nil, &have); err != nil {
		return nil, err
	}
	if was, is := old.flag("disabled"), in.flag("disabled"); was != is {
		method := map[bool]string{true: ":disable", false: ":enable"}[is]
		if err := c.call(ctx, iam, http.MethodPost, id+method, struct{}{}, nil); err != nil {
			return nil, err
		}
	}
	out := fields{"displayName": in.text("displayName"), "description": in.text("description"), "disabled": in.flag("disabled")}
	var mask []string
	for _, field := range [][2]string{{"description", "description"}, {"displayName", "display_name"}} {
		if old.text(field[0]) != in.text(field[0]) {
			mask = append(mask, field[1])
		}
	}
	if mask == nil {
		return out, nil
	}
	settings := map[string]any{"etag": have.Etag}
	setText(settings, "displayName", in.text("displayName"))
	setText(settings, "description", in.text("description"))
	return out, c.call(ctx, iam, http.MethodPatch, id, map[string]any{"serviceAccount": settings, "updateMask": strings.Join(mask, ",")}, nil)
}

func deleteAccount(ctx context.Context, c *client, id string, _ fields) error {
	return c.call(ctx, iam, http.MethodDelete, id, nil, nil)
}
