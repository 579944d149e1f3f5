package resource

import (
	"context"
	"errors"
	"maps"
	"sync"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Inert holds the resources of an account that exist and do nothing: no API call
// reaches them. Their properties are checked and kept, their names are taken, and
// making, changing and deleting them needs the same rights as the real calls do.
// The zero value works.
type Inert struct {
	mu   sync.Mutex
	kept map[string]map[string]any // properties by ARN
}

// All returns the properties of every inert resource by its ARN.
func (i *Inert) All() map[string]map[string]any {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.kept)
}

func (i *Inert) exists(arn string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.kept[arn] != nil
}

// set keeps properties; nil removes the resource.
func (i *Inert) set(arn string, properties map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.kept == nil {
		i.kept = map[string]map[string]any{}
	}
	if i.kept[arn] = properties; properties == nil {
		delete(i.kept, arn)
	}
}

// inertKind is what a type of inert resources has of its own.
type inertKind[P any] struct {
	service            string // as its refusals name it
	name               func(*Call, P) string
	arn                func(c *Call, name string) string
	attributes         func(c *Call, arn string) map[string]any
	tags               func(P) tags
	tagging, untagging string
	// actions are those of the API calls that would bring a resource from before to
	// now; one of them is nil when it is made or deleted.
	actions func(now, before *P) []string
	check   func(*Call, P) error             // nil checks nothing beyond the schema
	taken   func(c *Call, name string) error // nil where the service overwrites
	missing func(c *Call, name string) error // what deleting nothing is answered with
}

// newInert is newType for a kind that is inert.
func newInert[P any](name string, attributes []string, k inertKind[P]) Type {
	return newType(name, attributes, handler[P]{
		create: func(_ context.Context, c *Call, p P) (Instance, error) {
			c.PhysicalID = k.name(c, p)
			if err := k.put(c, p, nil); err != nil {
				return Instance{}, err
			}
			return k.instance(c), nil
		},
		update: func(_ context.Context, c *Call, now, before P) (Instance, error) {
			return k.instance(c), k.put(c, now, &before)
		},
		delete: func(_ context.Context, c *Call, p P) error {
			arn := k.arn(c, c.PhysicalID)
			if err := k.ask(c, arn, k.actions(nil, &p), nil); err != nil {
				return err
			}
			if !c.Inert.exists(arn) {
				return k.refusal(k.missing(c, c.PhysicalID))
			}
			c.Inert.set(arn, nil)
			return nil
		},
	})
}

func (k inertKind[P]) instance(c *Call) Instance {
	return Instance{PhysicalID: c.PhysicalID, Attributes: k.attributes(c, k.arn(c, c.PhysicalID))}
}

func (k inertKind[P]) put(c *Call, now P, before *P) error {
	arn, old := k.arn(c, c.PhysicalID), map[string]string{}
	if before != nil {
		old = k.tags(*before).byKey()
	}
	set, removed := tagChanges(k.tags(now).byKey(), old)
	actions := k.actions(&now, before)
	if len(set) > 0 {
		actions = append(actions, k.tagging)
	}
	if len(removed) > 0 {
		actions = append(actions, k.untagging)
	}
	if err := k.ask(c, arn, actions, set); err != nil {
		return err
	}
	if k.check != nil {
		if err := k.check(c, now); err != nil {
			return k.refusal(err)
		}
	}
	if before == nil && k.taken != nil && c.Inert.exists(arn) {
		return k.refusal(k.taken(c, c.PhysicalID))
	}
	c.Inert.set(arn, c.properties)
	return nil
}

func (k inertKind[P]) ask(c *Call, arn string, actions []string, set map[string]string) error {
	for _, action := range actions {
		if err := c.Ask(action, arn, api.TagKeys(set)); err != nil {
			return k.refusal(err)
		}
	}
	return nil
}

func (k inertKind[P]) refusal(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return &inertError{k.service, e}
	}
	return err
}

// inertError is a refusal by the service of an inert resource.
type inertError struct {
	service string
	cause   *api.Error
}

func (e *inertError) Error() string { return e.cause.Error() }
