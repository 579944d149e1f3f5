package states

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// keptChildren are the successful children of a Map Run whose data and histories are
// kept: the first ones.
const keptChildren = 1000

// mapRun is one run of a Map state in distributed mode.
type mapRun struct {
	server     *Server
	parent     *execution
	arn, id    string
	label      string
	definition string
	state      *distributed
	visit      *visit
	input      any
	start      time.Time

	mu       sync.Mutex
	changed  sync.Cond // something that is waited for
	status   string
	stop     time.Time
	limits   limits
	items    *items
	counts   counts
	live     map[*execution]bool
	failed   []*execution // that a redrive runs on
	again    []*execution // that the present redrive is to run on
	why      error        // it is being stopped
	kept     int
	redrives int
	redriven time.Time

	outputs   map[int]string // without a writer
	size      int            // of the outputs, in bytes
	succeeded resultFile
	written   int64
}

// counts are the children that ended, by their states.
type counts struct{ succeeded, failed, timedOut, aborted int64 }

func (s *Server) newMapRun(v *visit, in any, l limits) *mapRun {
	d := v.state.distributed
	r := &mapRun{
		server: s, parent: v.execution, id: s.UUID(), label: d.label, definition: d.definition, state: d, input: in, start: s.Now(),
		status: statusRunning, limits: l, live: map[*execution]bool{}, outputs: map[int]string{}, succeeded: resultFile{dir: s.dir},
	}
	r.changed.L = &r.mu
	if r.label == "" {
		r.label = s.generateLabel()
	}
	r.arn = s.ARN("states", "mapRun:"+v.revision.name+"/"+r.label+":"+r.id)
	s.mu.Lock()
	s.mapRuns[r.arn] = r
	s.mu.Unlock()
	return r
}

// machineARN is what the children are executions of.
func (r *mapRun) machineARN() string { return r.parent.revision.arn + "/" + r.label }

// runMap runs a Map state: a new Map Run, or after a redrive the one that failed.
func (v *visit) runMap(ctx context.Context, in any) (any, error) {
	d, e := v.state.distributed, v.environment(in)
	r := v.mapRun
	if v.resumes && r != nil && r.status != statusSucceeded {
		v.resumes = false
		r.mu.Lock()
		r.redrive()
		r.mu.Unlock()
		details := mapRunEvent{MapRunArn: r.arn, RedriveCount: r.redrives}
		if err := v.tell("MapRunRedriven", "mapRunRedrivenEventDetails", details); err != nil {
			return nil, err
		}
	} else {
		most, err := d.most(e)
		if err != nil {
			return nil, err
		}
		var list []any
		if d.reader == nil {
			got := in
			if d.items != nil {
				var ok bool
				if got, ok = e.find(*d.items); !ok {
					return nil, invalidPath(d.items)
				}
			}
			var ok bool
			if list, ok = got.([]any); !ok {
				return nil, runtimeError("Map state input must be an array but was: %s", encode(got))
			}
		}
		if err := v.tell("MapStateStarted", "mapStateStartedEventDetails", mapStarted{len(list)}); err != nil {
			return nil, err
		}
		l, err := d.tolerance(e)
		if err != nil {
			return nil, err
		}
		l.concurrency = most
		if d.reader != nil {
			if _, err := d.reader.most(e); err != nil {
				return nil, err
			}
		}
		r = v.server.newMapRun(v, in, l)
		if d.reader == nil {
			r.items = &items{total: int64(len(list)), list: list}
		}
		v.execution.mapRun = r
		if err := v.tell("MapRunStarted", "mapRunStartedEventDetails", mapRunEvent{MapRunArn: r.arn}); err != nil {
			return nil, err
		}
	}
	r.visit = v
	result, err := r.run(ctx)
	f, ok := errors.AsType[*failure](err)
	switch {
	case err == nil:
		if err := v.tell("MapRunSucceeded", "", nil); err != nil {
			return nil, err
		}
		_, err = v.add(v.last, "MapStateSucceeded", "", nil) // what follows refers to the Map Run's event
		return result, err
	case ok:
		if err := v.tell("MapRunFailed", "mapRunFailedEventDetails", mapRunEvent{failed: failed{f.name, f.cause}}); err != nil {
			return nil, err
		}
		if err := v.tell("MapStateFailed", "", nil); err != nil {
			return nil, err
		}
	default:
		if err := v.tell("MapRunAborted", "", nil); err != nil {
			return nil, err
		}
		if err := v.tell("MapStateAborted", "", nil); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// redrive prepares another run of what failed and of what was left. The caller holds
// the lock.
func (r *mapRun) redrive() {
	r.redrives++
	r.redriven, r.status, r.why = r.server.Now(), statusRunning, nil
	r.again, r.failed = r.failed, nil
	r.counts = counts{succeeded: r.counts.succeeded}
}

// run runs children until none is left, more failed than is tolerated, or ctx ends. It
// returns the state's result.
func (r *mapRun) run(ctx context.Context) (any, error) {
	stop := context.AfterFunc(ctx, func() { r.halt(context.Cause(ctx)) })
	defer stop()
	result, err := r.all(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = r.server.Now()
	_, isFailure := errors.AsType[*failure](err)
	switch {
	case err == nil:
		r.status = statusSucceeded
		r.items.close()
		r.succeeded.discard()
	case isFailure:
		r.status = statusFailed
	default:
		r.status = statusAborted
	}
	return result, err
}

func (r *mapRun) all(ctx context.Context) (any, error) {
	e := r.visit.environment(r.input)
	if r.items == nil {
		read, err := r.state.reader.read(ctx, r.parent.session, e)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		r.items = read
		r.mu.Unlock()
	}
	var parameters map[string]any
	if r.state.writer != nil {
		v, err := r.state.writer.eval(e)
		if err != nil {
			return nil, err
		}
		parameters = v.(map[string]any)
	}
	for {
		child, ok := r.next()
		if !ok {
			break
		}
		r.begin(child)
	}
	r.mu.Lock()
	why := r.why
	r.mu.Unlock()
	if why != nil { // it may be of the item that was to be next
		r.halt(why)
	}
	r.mu.Lock()
	for len(r.live) > 0 {
		r.changed.Wait()
	}
	why = r.why
	r.mu.Unlock()
	if r.server.ctx.Err() != nil {
		return nil, context.Cause(r.server.ctx)
	}
	if parameters == nil {
		if why != nil {
			return nil, why
		}
		return r.result()
	}
	// Results are written of a Map Run that was stopped, too, so not within ctx.
	result, err := r.write(r.server.ctx, parameters)
	if why != nil {
		return nil, why
	}
	if err != nil {
		return nil, &failure{name: "States.ResultWriterFailed", cause: s3Cause(err)}
	}
	return result, nil
}

// next waits for room and makes the next child, or takes one that is redriven.
func (r *mapRun) next() (*execution, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.why == nil && len(r.live) >= r.room() {
		r.changed.Wait()
	}
	if r.why != nil {
		return nil, false
	}
	if len(r.again) > 0 {
		child := r.again[0]
		r.again = r.again[1:]
		r.live[child] = true
		return child, true
	}
	index := int(r.items.taken)
	item, ok, err := r.items.next()
	if err != nil {
		r.why = err
	}
	if !ok {
		return nil, false
	}
	child, err := r.child(index, item)
	if err != nil {
		r.why = err
		return nil, false
	}
	r.live[child] = true
	return child, true
}

// room is how many children may run. The caller holds the lock.
func (r *mapRun) room() int {
	if n := r.limits.concurrency; n > 0 {
		return min(n, maxChildren)
	}
	return maxChildren
}

// child makes the child of an item. The caller holds the lock.
func (r *mapRun) child(index int, item any) (*execution, error) {
	in := item
	if r.state.selector != nil {
		v := *r.visit
		v.item = map[string]any{"Index": number(index), "Value": item}
		var err error
		if in, err = r.state.selector.eval(v.environment(r.input)); err != nil {
			return nil, err
		}
	}
	text := encode(in)
	if len(text) > maxData {
		return nil, dataLimit(r.visit.state.name)
	}
	id := r.server.UUID()
	return &execution{
		server: r.server, arn: r.server.ARN("states", "execution:"+r.parent.revision.name+"/"+r.label+":"+id), id: id,
		revision: r.parent.revision,
		workflow: r.state.processor, session: r.parent.session, run: r, index: index, text: text, input: in,
	}, nil
}

// begin begins a child, or runs it on, if the role may.
func (r *mapRun) begin(child *execution) {
	redrives := child.number > 0
	action, resource := "states:StartExecution", r.parent.revision.arn
	if redrives {
		action, resource = "states:RedriveExecution", child.arn
	}
	if err := r.parent.session.ask(action, resource); err != nil {
		r.mu.Lock()
		delete(r.live, child)
		if redrives {
			r.failed = append(r.failed, child)
			r.count(child, 1)
		} else {
			r.items.back() // it stays pending
		}
		r.mu.Unlock()
		r.halt(denied(err))
		return
	}
	if redrives {
		child.redrive("")
	} else {
		r.server.mu.Lock()
		r.server.begin(child)
		r.server.mu.Unlock()
	}
	r.mu.Lock()
	halted := r.why != nil
	r.mu.Unlock()
	if halted { // before it had begun
		child.interrupt(errAborted)
	}
}

// denied is how a Map Run fails whose role is not allowed to start children; that it has this
// name is believed.
func denied(err error) error {
	message := notAssumable
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "AccessDenied" {
		message = e.Message
	}
	return &failure{name: "States.Permissions", cause: message}
}

// count counts a child that ended, or takes it back. The caller holds the lock.
func (r *mapRun) count(child *execution, by int64) {
	child.mu.Lock()
	status := child.status
	child.mu.Unlock()
	switch status {
	case statusSucceeded:
		r.counts.succeeded += by
	case statusFailed:
		r.counts.failed += by
	case statusTimedOut:
		r.counts.timedOut += by
	case statusAborted:
		r.counts.aborted += by
	}
}

// ended takes a child's result.
func (r *mapRun) ended(child *execution) {
	if r.server.ctx.Err() != nil {
		r.halt(context.Cause(r.server.ctx))
	}
	r.mu.Lock()
	r.count(child, 1)
	child.mu.Lock()
	status, output := child.status, child.output
	child.mu.Unlock()
	var err error
	if status == statusSucceeded {
		if r.state.writer != nil {
			err = r.succeeded.add(child.asResult())
		} else {
			r.keep(child.index, output)
		}
		if r.kept++; r.kept > keptChildren {
			child.drop()
		}
	} else {
		r.failed = append(r.failed, child)
	}
	if err == nil && r.why == nil && r.limits.exceeded(r.counts.failed+r.counts.timedOut, r.items.total) {
		err = errThreshold
	}
	delete(r.live, child)
	r.changed.Broadcast()
	r.mu.Unlock()
	if err != nil {
		r.halt(err)
	}
}

// keep keeps an output for the state's result, unless that is too large already. The
// caller holds the lock.
func (r *mapRun) keep(index int, output string) {
	if r.size += len(output) + 1; r.size > maxData {
		r.outputs = nil
		return
	}
	r.outputs[index] = output
}

// drop forgets a child's data and history.
func (e *execution) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text, e.input, e.output, e.events, e.point, e.dropped = "", nil, "", nil, point{}, true
}

// halt stops the run: no child begins, and those that run are stopped.
func (r *mapRun) halt(why error) {
	r.mu.Lock()
	if r.why == nil {
		r.why = why
	}
	live := slices.Collect(maps.Keys(r.live))
	r.changed.Broadcast()
	r.mu.Unlock()
	for _, child := range live {
		child.interrupt(errAborted)
	}
}

// result is the list of the children's outputs, in the order of the items. Of a child
// whose failure is tolerated it has the record.
func (r *mapRun) result() (any, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, child := range r.failed {
		r.keep(child.index, encode(child.asResult()))
	}
	if r.outputs == nil {
		return nil, dataLimit(r.arn)
	}
	list := make([]any, 0, len(r.outputs))
	for _, index := range slices.Sorted(maps.Keys(r.outputs)) {
		v, err := parse([]byte(r.outputs[index]))
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
