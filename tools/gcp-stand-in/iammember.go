package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// policyOf describes where the allow policy of a resource is read and written.
type policyOf struct {
	input    string // the input that names the resource
	endpoint string

	getMethod, getSuffix string
	setMethod, setSuffix string
	path                 func(name string) string
	wrapped              bool // the policy is a field of the request
}

var (
	serviceAccountPolicy = policyOf{"serviceAccountId", iam, http.MethodPost, ":getIamPolicy?options.requestedPolicyVersion=3", http.MethodPost, ":setIamPolicy", func(name string) string { return name }, true}
	projectPolicy        = policyOf{"project", "resourceManagerCustomEndpoint", http.MethodPost, ":getIamPolicy", http.MethodPost, ":setIamPolicy", func(name string) string { return "projects/" + name }, true}
	bucketPolicy         = policyOf{"bucket", "storageCustomEndpoint", http.MethodGet, "/iam?optionsRequestedPolicyVersion=3", http.MethodPut, "/iam", func(name string) string { return "b/" + name }, false}
)

type policy struct {
	Version  int       `json:"version,omitempty"`
	Etag     string    `json:"etag,omitempty"`
	Bindings []binding `json:"bindings"`
}

type binding struct {
	Role      string   `json:"role"`
	Members   []string `json:"members"`
	Condition any      `json:"condition,omitempty"`
}

// iamMember returns the type that adds one member to one role of a policy and
// leaves everything else in it alone.
func iamMember(of policyOf) kind {
	return kind{
		required: []string{of.input, "role", "member"},
		replace:  []string{of.input, "role", "member"},
		computed: []string{"etag"},
		create: func(ctx context.Context, c *client, in fields) (string, fields, error) {
			etag, err := of.change(ctx, c, in, func(members []string) []string {
				if slices.Contains(members, in.text("member")) {
					return members
				}
				return append(members, in.text("member"))
			})
			return of.path(in.text(of.input)) + "/" + in.text("role") + "/" + in.text("member"), fields{"etag": etag}, err
		},
		read: func(ctx context.Context, c *client, id string, state fields) (fields, error) {
			if parts := strings.Fields(id); state.text("role") == "" && len(parts) == 3 { // an import
				state = fields{of.input: parts[0], "role": parts[1], "member": parts[2]}
			}
			p, err := of.get(ctx, c, state)
			if err != nil {
				return nil, err
			}
			for _, b := range p.Bindings {
				if b.Role == state.text("role") && b.Condition == nil && slices.Contains(b.Members, state.text("member")) {
					state["etag"] = p.Etag
					return state, nil
				}
			}
			return nil, errGone
		},
		delete: func(ctx context.Context, c *client, _ string, state fields) error {
			_, err := of.change(ctx, c, state, func(members []string) []string {
				return slices.DeleteFunc(members, func(m string) bool { return m == state.text("member") })
			})
			return err
		},
	}
}

func (of policyOf) get(ctx context.Context, c *client, state fields) (policy, error) {
	var p policy
	return p, c.call(ctx, of.endpoint, of.getMethod, of.path(state.text(of.input))+of.getSuffix, nil, &p)
}

// maxAttempts limits the retries of a change that conflicts with others.
const maxAttempts = 10

// change edits the members of the role's unconditional binding, and starts over
// if the policy has changed in the meantime.
func (of policyOf) change(ctx context.Context, c *client, state fields, edit func([]string) []string) (string, error) {
	var err error
	for range maxAttempts {
		var p policy
		if p, err = of.get(ctx, c, state); err != nil {
			return "", err
		}
		i := slices.IndexFunc(p.Bindings, func(b binding) bool { return b.Role == state.text("role") && b.Condition == nil })
		if i < 0 {
			p.Bindings = append(p.Bindings, binding{Role: state.text("role")})
			i = len(p.Bindings) - 1
		}
		p.Bindings[i].Members = edit(p.Bindings[i].Members)
		if len(p.Bindings[i].Members) == 0 {
			p.Bindings = slices.Delete(p.Bindings, i, i+1)
		}
		var body any = p
		if of.wrapped {
			body = map[string]any{"policy": p}
		}
		var changed policy
		err = c.call(ctx, of.endpoint, of.setMethod, of.path(state.text(of.input))+of.setSuffix, body, &changed)
		var answered *apiError
		if errors.As(err, &answered) && (answered.Status == http.StatusConflict || answered.Status == http.StatusPreconditionFailed) {
			continue
		}
		return changed.Etag, err
	}
	return "", err
}
