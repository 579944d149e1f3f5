package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// operation is one run of work on a stack. Only its goroutine changes the
// stack while it runs, under Server.mu; it reads without.
type operation struct {
	s       *Server
	ctx     context.Context
	st      *stack
	clients *resource.Clients
	token   string // the caller's ClientRequestToken, on every event
	eval    *template.Evaluation
	imports map[string]bool
	adopts  map[string]string // physical ids of existing resources to import, by logical ids
	failed  []string          // logical ids, for the stack's status reason
}

// start runs work in the background. Server.mu must be held.
func (s *Server) start(r *api.Request, st *stack, clients *resource.Clients, token string, work func(*operation)) {
	o := &operation{s: s, ctx: s.ctx, st: st, clients: clients, token: token, imports: map[string]bool{}}
	done := make(chan struct{})
	if begun, ok := r.Context().Value(begunKey{}).(*begun); ok {
		begun.done = done
	}
	s.running.Go(func() {
		defer close(done)
		work(o)
	})
}

// patience is how long the answer to a request waits for the operation that it
// began. Clients look at once and then only every few seconds, so an answer that
// comes a little later saves them a round.
const patience = 2 * time.Second

type (
	begunKey struct{}
	// begun is the operation that a request has begun.
	begun struct{ done chan struct{} }
)

// unhurried makes an API operation wait for what it begins.
func unhurried(do api.Operation) api.Operation {
	return func(r *api.Request) (any, error) {
		b := &begun{}
		r.Request = r.WithContext(context.WithValue(r.Context(), begunKey{}, b))
		result, err := do(r)
		if b.done == nil {
			return result, err
		}
		limit := time.NewTimer(patience)
		defer limit.Stop()
		select {
		case <-b.done:
		case <-limit.C:
		case <-r.Context().Done():
		}
		return result, err
	}
}

func (o *operation) locked(f func()) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	f()
}

func (o *operation) stackStatus(status, reason string) {
	o.locked(func() { o.s.setStatus(o.st, status, reason, o.token) })
}

// record changes a resource and adds an event of its state.
func (o *operation) record(r *stackResource, status, reason string) {
	o.locked(func() {
		r.status, r.reason = status, reason
		o.s.emit(o.st, event{logicalID: r.logicalID, physicalID: r.physicalID, typeName: r.typeName, status: status, reason: reason,
			token: o.token, properties: canonical(r.properties)})
		r.updated = o.st.lastTick
	})
}

func (o *operation) call(r *stackResource) *resource.Call {
	return &resource.Call{
		Clients: o.clients, Account: o.s.Account, Region: o.s.Region,
		StackName: o.st.name, LogicalID: r.logicalID, PhysicalID: r.physicalID,
		Random: func(n int) string { return strings.ToUpper(o.s.random(n)) }, Pause: o.s.Pause, Inert: &o.s.inert,
	}
}

// apply brings the stack's resources to its source. It stops at the first
// resource that fails.
func (o *operation) apply() error {
	t := o.st.source.template
	scope := o.s.scope(o.st, o.st.source)
	scope.Ref = func(id string) (string, error) {
		if r := o.st.resources[id]; r != nil && r.physicalID != "" {
			return r.physicalID, nil
		}
		return "", fmt.Errorf("resource %s does not exist yet", id)
	}
	scope.GetAtt = func(id, attribute string) (any, error) {
		if err := o.s.supports(t, id, attribute); err != nil {
			return nil, err
		}
		if v, ok := o.st.resources[id].attributes[attribute]; ok {
			return v, nil
		}
		return nil, &template.Error{Message: "Template error: resource " + id + ": " + unmodelled.AWS("attribute", attribute)}
	}
	scope.Import = func(name string) (v string, err error) {
		o.locked(func() { v, err = o.s.importer(o.st, o.imports)(name) })
		return v, err
	}
	eval, err := t.Evaluate(scope)
	if err != nil {
		return err
	}
	o.eval = eval
	order, err := eval.Order()
	if err != nil {
		return err
	}
	for _, id := range order {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		if err := o.step(id); err != nil {
			return err
		}
	}
	return o.publish()
}

// publish evaluates the outputs and makes the exports visible.
func (o *operation) publish() error {
	outputs, err := evaluateOutputs(o.eval, o.st.source.template)
	if err != nil {
		return err
	}
	o.locked(func() {
		if err = o.s.checkExports(o.st, outputs); err == nil {
			o.st.outputs, o.st.imports = outputs, o.imports
		}
	})
	return err
}

var errResource = errors.New("a resource failed")

// step creates, updates or replaces one resource, or leaves it.
func (o *operation) step(id string) error {
	declared := o.st.source.template.Resources[id]
	kind := o.s.types[declared.Type]
	current := o.st.resources[id]
	properties, err := o.eval.Properties(id)
	if err != nil {
		// The values that the resource needs cannot be had: the stack fails, as
		// with an export that does not exist.
		return err
	}
	properties = kind.WithTags(properties, o.st.source.tags)
	wanted := &stackResource{
		logicalID: id, typeName: declared.Type, properties: properties, metadata: declared.Metadata, needs: o.eval.Dependencies(id),
		deletionPolicy: declared.DeletionPolicy, updateReplacePolicy: declared.UpdateReplacePolicy,
	}
	if id, ok := o.adopts[id]; ok {
		return o.adopt(kind, wanted, id)
	}
	if current == nil || current.physicalID == "" {
		return o.create(kind, wanted)
	}
	changed := differing(current.properties, properties)
	switch {
	case slices.ContainsFunc(changed, kind.Replaces):
		return o.replace(kind, current, wanted)
	case len(changed) > 0 || strings.HasSuffix(current.status, "_FAILED"):
		return o.update(kind, current, wanted)
	}
	o.locked(func() {
		current.metadata, current.needs = wanted.metadata, wanted.needs
		current.deletionPolicy, current.updateReplacePolicy = wanted.deletionPolicy, wanted.updateReplacePolicy
	})
	return nil
}

func (o *operation) create(kind resource.Type, r *stackResource) error {
	o.locked(func() { o.st.resources[r.logicalID] = r })
	o.record(r, "CREATE_IN_PROGRESS", "")
	i, err := kind.Create(o.ctx, o.call(r), r.properties)
	o.locked(func() { r.physicalID, r.attributes = i.PhysicalID, i.Attributes })
	if err != nil {
		return o.fail(r, "CREATE_FAILED", err)
	}
	o.record(r, "CREATE_IN_PROGRESS", "Resource creation Initiated")
	o.record(r, "CREATE_COMPLETE", "")
	return nil
}

func (o *operation) fail(r *stackResource, status string, err error) error {
	o.failed = append(o.failed, r.logicalID)
	o.record(r, status, err.Error())
	return errResource
}

func (o *operation) update(kind resource.Type, current, wanted *stackResource) error {
	before := current.properties
	if err := kind.Check(wanted.logicalID, wanted.properties); err != nil {
		o.record(current, "UPDATE_IN_PROGRESS", "")
		return o.fail(current, "UPDATE_FAILED", err) // nothing was tried, and a rollback finds the resource as it was
	}
	o.locked(func() {
		// A rollback must undo what was attempted, even if it fails half-way.
		current.properties, current.metadata, current.needs = wanted.properties, wanted.metadata, wanted.needs
		current.deletionPolicy, current.updateReplacePolicy = wanted.deletionPolicy, wanted.updateReplacePolicy
	})
	o.record(current, "UPDATE_IN_PROGRESS", "")
	i, err := kind.Update(o.ctx, o.call(current), wanted.properties, before)
	if err != nil {
		return o.fail(current, "UPDATE_FAILED", err)
	}
	o.locked(func() { current.physicalID, current.attributes = i.PhysicalID, i.Attributes })
	o.record(current, "UPDATE_COMPLETE", "")
	return nil
}

// replace makes the new resource first; the old one goes in the clean-up, when
// nothing can fail any more.
func (o *operation) replace(kind resource.Type, current, wanted *stackResource) error {
	old := current.clone()
	if name := kind.NameProperty(); name != "" && old.properties[name] != nil && template.Equal(old.properties[name], wanted.properties[name]) {
		o.record(current, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.")
		return o.fail(current, "UPDATE_FAILED", fmt.Errorf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", canonical(old.properties[name])))
	}
	o.record(current, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.")
	i, err := kind.Create(o.ctx, o.call(wanted), wanted.properties)
	if err != nil && i.PhysicalID == "" {
		return o.fail(current, "UPDATE_FAILED", err)
	}
	o.locked(func() {
		o.st.leftovers = append(o.st.leftovers, old)
		wanted.physicalID, wanted.attributes = i.PhysicalID, i.Attributes
		o.st.resources[wanted.logicalID] = wanted
	})
	if err != nil {
		return o.fail(wanted, "UPDATE_FAILED", err)
	}
	o.record(wanted, "UPDATE_IN_PROGRESS", "Resource creation Initiated")
	o.record(wanted, "UPDATE_COMPLETE", "")
	return nil
}

// reason is the stack's status reason after a failure.
func (o *operation) reason(verb string, err error) string {
	if len(o.failed) == 0 {
		return strings.TrimSuffix(err.Error(), ".") + ". "
	}
	return fmt.Sprintf("The following resource(s) failed to %s: [%s]. ", verb, strings.Join(o.failed, ", "))
}

// inOrder sorts resources so that each comes after what it needs.
func inOrder(resources map[string]*stackResource) []*stackResource {
	var out []*stackResource
	visited := map[string]bool{}
	var visit func(id string)
	visit = func(id string) {
		r := resources[id]
		if r == nil || visited[id] {
			return
		}
		visited[id] = true
		for _, other := range r.needs {
			visit(other)
		}
		out = append(out, r)
	}
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		visit(id)
	}
	return out
}
