package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// policyOf describes where the allow policy of a resource is read and written.
type policyOf struct {
	input    string // the input that names the resource
	endpoint string
	more     []string // inputs beside it
	// named is the name of the resource by the inputs; nil is the input alone.
	named func(c *client, in fields) string
	// short keeps the input as it is given in the state, although the id has the whole name.
	short bool

	get, set func(name string) (method, path string)
	ask      any                 // the body of the request for the policy
	id       func(string) string // the resource's own id
	wrap     func(policy) any    // the body of the request that sets it
}

var (
	serviceAccountPolicy = policyOf{
		input: "serviceAccountId", endpoint: iam,
		get: func(name string) (string, string) {
			return http.MethodPost, name + ":getIamPolicy?options.requestedPolicyVersion=3"
		},
		set:  func(name string) (string, string) { return http.MethodPost, name + ":setIamPolicy" },
		id:   func(name string) string { return name },
		wrap: func(p policy) any { return map[string]any{"policy": p} },
	}
	projectPolicy = policyOf{
		input: "project", endpoint: resourceManager,
		get:  func(name string) (string, string) { return http.MethodPost, "projects/" + name + ":getIamPolicy" },
		set:  func(name string) (string, string) { return http.MethodPost, "projects/" + name + ":setIamPolicy" },
		ask:  map[string]any{"options": map[string]any{"requestedPolicyVersion": 3}},
		id:   func(name string) string { return name },
		wrap: func(p policy) any { return map[string]any{"policy": p, "updateMask": "bindings,etag,auditConfigs"} },
	}
	bucketPolicy = policyOf{
		input: "bucket", endpoint: "storageCustomEndpoint",
		get: func(name string) (string, string) {
			return http.MethodGet, bucketID(name) + "/iam?optionsRequestedPolicyVersion=3"
		},
		set:  func(name string) (string, string) { return http.MethodPut, bucketID(name) + "/iam" },
		id:   bucketID,
		wrap: func(p policy) any { return p },
	}
)

// pubsubPolicy is the policy of one of Pub/Sub's collections. The real plugin asks by a
// client of google.golang.org/api for the policies of subscriptions alone.
func pubsubPolicy(input, collection, endpoint string, short bool) policyOf {
	return policyOf{
		input: input, endpoint: endpoint, more: []string{"project"}, short: short,
		named: func(c *client, in fields) string {
			if name := in.text(input); strings.HasPrefix(name, "projects/") {
				return name
			}
			return "projects/" + cmp.Or(in.text("project"), c.config.text("project")) + "/" + collection + "/" + in.text(input)
		},
		get:  func(name string) (string, string) { return http.MethodGet, name + ":getIamPolicy" },
		set:  func(name string) (string, string) { return http.MethodPost, name + ":setIamPolicy" },
		id:   func(name string) string { return name },
		wrap: func(p policy) any { return map[string]any{"policy": p} },
	}
}

var (
	topicPolicy        = pubsubPolicy("topic", "topics", pubsub, false)
	subscriptionPolicy = pubsubPolicy("subscription", "subscriptions", pubsub+ofClient, true)
)

// name is the name of the resource by the inputs.
func (of policyOf) name(c *client, in fields) string {
	if of.named == nil {
		return in.text(of.input)
	}
	return of.named(c, in)
}

// bucketID is how the real plugin names a bucket once it has a grant on it.
func bucketID(name string) string { return "b/" + strings.TrimPrefix(name, "b/") }

type policy struct {
	Version  int       `json:"version,omitempty"`
	Etag     string    `json:"etag,omitempty"`
	Bindings []binding `json:"bindings,omitempty"`
}

type binding struct {
	Role      string          `json:"role"`
	Members   []string        `json:"members"`
	Condition json.RawMessage `json:"condition,omitempty"`
}

// iamMember returns the type that adds one member to one role of a policy and
// leaves everything else in it alone.
func iamMember(of policyOf) kind {
	return kind{
		required: []string{of.input, "role", "member"},
		optional: of.more,
		kept:     of.more,
		replace:  append([]string{of.input, "role", "member"}, of.more...),
		computed: []string{"etag"},
		same:     of.same,
		valid:    map[string]func(string) error{"member": checkMember},
		create: func(ctx context.Context, c *client, in fields) (string, fields, error) {
			role, member := in.text("role"), normal(in.text("member"))
			err := of.change(ctx, c, in, func(p *policy) {
				p.merge(binding{Role: role, Members: []string{member}})
				p.Version = 3
			})
			if err != nil {
				return "", nil, err
			}
			id := of.id(of.name(c, in)) + "/" + role + "/" + member
			out, err := of.read(ctx, c, id, in)
			return id, out, err
		},
		read: of.read,
		delete: func(ctx context.Context, c *client, id string, state fields) error {
			err := of.change(ctx, c, state, func(p *policy) { p.remove(state.text("role"), normal(state.text("member"))) })
			if err == nil {
				_, err = of.read(ctx, c, id, state)
			}
			return err
		},
	}
}

// same reports whether an input means what the state has.
func (of policyOf) same(name string, old, now any) bool {
	was, _ := old.(string)
	is, _ := now.(string)
	switch name {
	case of.input:
		return of.named != nil && sameName(was, is) || of.id(was) == of.id(is)
	case "member":
		return normal(was) == normal(is)
	}
	return was == is
}

func (of policyOf) read(ctx context.Context, c *client, id string, state fields) (fields, error) {
	if parts := strings.Fields(id); state.text("role") == "" && len(parts) == 3 { // an import
		state = fields{of.input: parts[0], "role": parts[1], "member": normal(parts[2])}
		if of.named != nil && c.config.text("project") == "" && (of.short || !strings.HasPrefix(parts[0], "projects/")) {
			return nil, errGone // as the real plugin has it, which does not know the project
		}
		// The id becomes what it would be had the plugin created it, after a look of its own.
		if _, err := of.policy(ctx, c, state); err != nil {
			return nil, err
		}
		state["id"] = of.id(of.name(c, state)) + "/" + parts[1] + "/" + normal(parts[2])
	}
	p, err := of.policy(ctx, c, state)
	if err != nil {
		return nil, err
	}
	for _, b := range p.Bindings {
		if b.Role != state.text("role") || b.Condition != nil {
			continue
		}
		if i := slices.IndexFunc(b.Members, func(m string) bool { return strings.EqualFold(m, state.text("member")) }); i >= 0 {
			state["member"], state["etag"] = b.Members[i], p.Etag
			if name := of.name(c, state); !of.short {
				state[of.input] = of.id(name)
				if parts := strings.Split(name, "/"); of.named != nil {
					state["project"] = parts[1]
				}
			}
			return state, nil
		}
	}
	return nil, errGone
}

func (of policyOf) policy(ctx context.Context, c *client, state fields) (policy, error) {
	var p policy
	method, path := of.get(of.name(c, state))
	return p, c.call(ctx, of.endpoint, method, path, of.ask, &p)
}

// The real plugin waits a second before each look at what it changed, and after a
// conflict one second, then twice as long.
const (
	looks        = 3 // at a changed policy
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// policies lets one change of a resource's policy happen at a time.
var policies sync.Map

// change edits a policy, starts over if it has changed in the meantime, and looks
// whether it stays changed.
func (of policyOf) change(ctx context.Context, c *client, state fields, edit func(*policy)) error {
	lock, _ := policies.LoadOrStore(of.endpoint+of.id(of.name(c, state)), &sync.Mutex{})
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	for backoff := firstBackoff; ; backoff *= 2 {
		p, err := of.policy(ctx, c, state)
		if err != nil {
			return err
		}
		edit(&p)
		method, path := of.set(of.name(c, state))
		err = c.call(ctx, of.endpoint, method, path, of.wrap(p), nil)
		var answered *apiError
		conflict := errors.As(err, &answered) && (answered.Status == http.StatusConflict || answered.Status == http.StatusPreconditionFailed)
		if conflict && backoff < maxBackoff {
			if err := pause(ctx, backoff); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		for range looks {
			if _, err := of.policy(ctx, c, state); err != nil {
				return err
			}
		}
		return nil
	}
}

// merge adds a binding, and puts all in the real plugin's order.
func (p *policy) merge(more ...binding) {
	var out []binding
	for _, b := range append(p.Bindings, more...) {
		i := slices.IndexFunc(out, func(have binding) bool { return have.Role == b.Role && string(have.Condition) == string(b.Condition) })
		if i < 0 {
			i = len(out)
			out = append(out, binding{Role: b.Role, Condition: b.Condition})
		}
		for _, m := range b.Members {
			if m = normal(m); !slices.Contains(out[i].Members, m) {
				out[i].Members = append(out[i].Members, m)
			}
		}
	}
	for i := range out {
		slices.Sort(out[i].Members)
	}
	slices.SortFunc(out, func(a, b binding) int {
		return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(string(a.Condition), string(b.Condition)))
	})
	p.Bindings = out
}

func (p *policy) remove(role, member string) {
	p.merge()
	for i, b := range p.Bindings {
		if b.Role == role && b.Condition == nil {
			p.Bindings[i].Members = slices.DeleteFunc(b.Members, func(m string) bool { return m == member })
		}
	}
	p.Bindings = slices.DeleteFunc(p.Bindings, func(b binding) bool { return len(b.Members) == 0 })
}

// normal is a member in lower case, but for what is told apart by case.
func normal(member string) string {
	prefix, rest, found := strings.Cut(member, ":")
	if prefix == "deleted" || prefix == "iamMember" {
		return prefix + ":" + normal(rest)
	}
	if !found || strings.HasPrefix(prefix, "principal") {
		return member
	}
	return prefix + ":" + strings.ToLower(rest)
}
