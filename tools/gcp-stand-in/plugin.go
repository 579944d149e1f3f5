package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// plugin serves the engine's calls.
type plugin struct {
	mu     sync.Mutex
	client *client
}

func newPlugin() *plugin { return &plugin{} }

// kind is one resource type.
type kind struct {
	required []string // inputs
	optional []string // inputs
	replace  []string // inputs that cannot change without replacing the resource
	computed []string // outputs known once the resource exists
	defaults fields   // inputs that are set where they are left out
	kept     []string // inputs that stay what they are where they are left out
	// deletesFirst reports that the resource is deleted before it is made again, since its
	// name is given.
	deletesFirst bool

	// valid are the rules for texts, also of those in lists.
	valid map[string]func(string) error
	// plan completes what a preview of the creation shows; nil adds nothing.
	plan func(property.Map) property.Map
	// same reports whether an input means the same as the state; nil compares them.
	same func(name string, old, now any) bool

	// create creates the resource and returns its id and its outputs.
	create func(ctx context.Context, c *client, in fields) (id string, out fields, err error)
	// read returns the resource's state, inputs and outputs together, or errGone.
	read func(ctx context.Context, c *client, id string, state fields) (fields, error)
	// update applies new inputs; nil if every change replaces the resource.
	update func(ctx context.Context, c *client, id string, old, in fields) (out fields, err error)
	// delete deletes the resource; it is not an error if it is gone.
	delete func(ctx context.Context, c *client, id string, state fields) error
}

// fields are a resource's properties as plain values.
type fields map[string]any

func (f fields) text(key string) string {
	s, _ := f[key].(string)
	return s
}

func (f fields) flag(key string) bool {
	b, _ := f[key].(bool)
	return b
}

// errGone reports that a resource does not exist.
var errGone = errors.New("the resource does not exist")

func (p *plugin) provider() provider.Provider {
	return provider.Provider{
		GetSchema: func(context.Context, provider.GetSchemaRequest) (provider.GetSchemaResponse, error) {
			schema, err := json.Marshal(map[string]any{"name": "gcp", "version": version, "description": "A stand-in for the Google Cloud provider."})
			return provider.GetSchemaResponse{Schema: string(schema)}, err
		},
		Cancel: func(context.Context) error { return nil },
		CheckConfig: func(_ context.Context, r provider.CheckRequest) (provider.CheckResponse, error) {
			return provider.CheckResponse{Inputs: r.Inputs, Failures: checkConfig(toFields(r.Inputs))}, nil
		},
		DiffConfig: func(context.Context, provider.DiffRequest) (provider.DiffResponse, error) {
			return provider.DiffResponse{}, nil // endpoints and tokens change no resource
		},
		Configure: func(_ context.Context, r provider.ConfigureRequest) error {
			c, err := newClient(toFields(r.Args))
			p.mu.Lock()
			defer p.mu.Unlock()
			p.client = c
			return err
		},
		Check:  p.check,
		Diff:   p.diff,
		Create: p.create,
		Read:   p.read,
		Update: p.update,
		Delete: p.delete,
		Invoke: p.invoke,
	}
}

func (p *plugin) kind(urn resource.URN) (kind, error) {
	k, ok := kinds[string(urn.Type())]
	if !ok {
		return kind{}, fmt.Errorf("the stand-in for the Google Cloud provider has no resource type %s; hint: install the real plugin with `pulumi plugin install resource gcp %s`", urn.Type(), version)
	}
	return k, nil
}

func (p *plugin) check(_ context.Context, r provider.CheckRequest) (provider.CheckResponse, error) {
	k, err := p.kind(r.Urn)
	if err != nil {
		return provider.CheckResponse{}, err
	}
	var failures []provider.CheckFailure
	for _, name := range k.required {
		if v, ok := r.Inputs.GetOk(name); !ok || v.IsNull() {
			failures = append(failures, provider.CheckFailure{Property: name, Reason: "is required"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Inputs.AsMap())) {
		if name != "__defaults" && !slices.Contains(k.required, name) && !slices.Contains(k.optional, name) {
			failures = append(failures, provider.CheckFailure{Property: name, Reason: "is not known to the stand-in for the Google Cloud provider"})
		}
	}
	inputs := r.Inputs.Delete("__defaults")
	for _, name := range slices.Sorted(maps.Keys(k.valid)) {
		for _, text := range texts(inputs.Get(name)) {
			if err := k.valid[name](text); err != nil {
				failures = append(failures, provider.CheckFailure{Property: name, Reason: err.Error()})
			}
		}
	}
	defaults := toMap(k.defaults)
	for name, value := range defaults.All {
		if v, ok := inputs.GetOk(name); !ok || v.IsNull() {
			inputs = inputs.Set(name, value)
		}
	}
	return provider.CheckResponse{Inputs: inputs, Failures: failures}, nil
}

// texts are a text, or those of a list.
func texts(v property.Value) []string {
	switch {
	case v.IsString():
		return []string{v.AsString()}
	case v.IsArray():
		var out []string
		for _, item := range v.AsArray().All {
			out = append(out, texts(item)...)
		}
		return out
	}
	return nil
}

func (p *plugin) diff(_ context.Context, r provider.DiffRequest) (provider.DiffResponse, error) {
	k, err := p.kind(r.Urn)
	if err != nil {
		return provider.DiffResponse{}, err
	}
	// If the clouds have drifted from the old inputs, refresh has updated the state.
	out := provider.DiffResponse{DetailedDiff: map[string]provider.PropertyDiff{}}
	state := toFields(r.State)
	for _, name := range slices.Concat(k.required, k.optional) {
		now, has := r.Inputs.GetOk(name)
		if has && now.HasComputed() {
			if old, had := r.State.GetOk(name); had && old.Equals(now) {
				continue
			}
		} else {
			if !has && (name == "project" || slices.Contains(k.kept, name)) {
				continue
			}
			inputs := toFields(r.Inputs)
			if !changed(state[name], inputs[name]) || k.same != nil && k.same(name, state[name], inputs[name]) {
				continue
			}
		}
		change := provider.Update
		if slices.Contains(k.replace, name) {
			change = provider.UpdateReplace
			out.DeleteBeforeReplace = k.deletesFirst
		}
		out.DetailedDiff[name] = provider.PropertyDiff{Kind: change, InputDiff: true}
		out.HasChanges = true
	}
	return out, nil
}

func (p *plugin) create(ctx context.Context, r provider.CreateRequest) (provider.CreateResponse, error) {
	k, err := p.kind(r.Urn)
	if err != nil {
		return provider.CreateResponse{}, err
	}
	if r.DryRun {
		state := r.Properties
		for _, name := range append([]string{"id"}, k.computed...) {
			state = state.Set(name, property.New(property.Computed))
		}
		for _, name := range k.kept {
			if v, ok := state.GetOk(name); !ok || v.IsNull() {
				state = state.Set(name, property.New(property.Computed))
			}
		}
		if k.plan != nil {
			state = k.plan(state)
		}
		return provider.CreateResponse{Properties: state}, nil
	}
	in := toFields(r.Properties)
	id, out, err := k.create(ctx, p.client, in)
	if err != nil { // what was made is not recorded, as the real plugin does not
		return provider.CreateResponse{}, err
	}
	maps.Copy(in, out)
	in["id"] = id
	return provider.CreateResponse{ID: id, Properties: toMap(in)}, nil
}

func (p *plugin) read(ctx context.Context, r provider.ReadRequest) (provider.ReadResponse, error) {
	k, err := p.kind(r.Urn)
	if err != nil {
		return provider.ReadResponse{}, err
	}
	state, err := k.read(ctx, p.client, r.ID, toFields(r.Properties))
	if errors.Is(err, errGone) {
		return provider.ReadResponse{}, nil
	}
	if err != nil {
		return provider.ReadResponse{}, err
	}
	// Inputs are those that there were; of an import, those that say something.
	old, inputs := toFields(r.Inputs), fields{}
	for _, name := range slices.Concat(k.required, k.optional) {
		v, ok := state[name]
		if _, had := old[name]; ok && (had || len(old) == 0 && !empty(v) && !reflect.DeepEqual(v, k.defaults[name])) {
			inputs[name] = v
		}
	}
	if _, ok := state["id"]; !ok || len(old) > 0 {
		state["id"] = r.ID
	}
	return provider.ReadResponse{ID: state.text("id"), Properties: toMap(state), Inputs: toMap(inputs)}, nil
}

func (p *plugin) update(ctx context.Context, r provider.UpdateRequest) (provider.UpdateResponse, error) {
	k, err := p.kind(r.Urn)
	if err != nil {
		return provider.UpdateResponse{}, err
	}
	state, in := toFields(r.State), toFields(r.Inputs)
	old := maps.Clone(state)
	for _, name := range slices.Concat(k.required, k.optional) {
		if name != "project" {
			delete(state, name)
		}
	}
	maps.Copy(state, in)
	if !r.DryRun {
		out, err := k.update(ctx, p.client, r.ID, old, in)
		if err != nil {
			return provider.UpdateResponse{}, err
		}
		maps.Copy(state, out)
	}
	return provider.UpdateResponse{Properties: toMap(state)}, nil
}

func (p *plugin) delete(ctx context.Context, r provider.DeleteRequest) error {
	k, err := p.kind(r.Urn)
	if err != nil {
		return err
	}
	if err := k.delete(ctx, p.client, r.ID, toFields(r.Properties)); err != nil && !errors.Is(err, errGone) {
		return err
	}
	return nil
}

func toFields(m property.Map) fields {
	return resource.ToResourcePropertyMap(m).Mappable()
}

func toMap(f fields) property.Map {
	return resource.FromResourcePropertyMap(resource.NewPropertyMapFromMap(f))
}

func (p *plugin) invoke(ctx context.Context, r provider.InvokeRequest) (provider.InvokeResponse, error) {
	call, ok := functions[string(r.Token)]
	if !ok {
		return provider.InvokeResponse{}, fmt.Errorf("the stand-in for the Google Cloud provider has no function %s; "+
			"hint: install the real plugin with `pulumi plugin install resource gcp %s`", r.Token, version)
	}
	out, err := call(ctx, p.client, toFields(r.Args))
	if err != nil {
		return provider.InvokeResponse{}, err
	}
	return provider.InvokeResponse{Return: toMap(out)}, nil
}
