package cloudformation

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
)

// stack is one stack. Server.mu guards it.
type stack struct {
	id, name              string
	status, reason        string
	created               time.Time
	updated, deleted      *time.Time
	roleARN               string
	mode                  string // of the last operation: STANDARD or EXPRESS
	disableRollback       bool
	retainExceptOnCreate  bool
	terminationProtection bool
	source                source // what the stack is, or is becoming
	outputs               []output
	imports               map[string]bool // names of exports that it uses
	resources             map[string]*stackResource
	events                []event // oldest first
	changeSets            []*changeSet
	stable                *snapshot // what a failed update goes back to
	leftovers             []*stackResource
	lastTick              time.Time
	executingChangeSet    string
}

// source is everything about a stack that its user decides.
type source struct {
	body             string
	template         *template.Template
	inputs           map[string]string // parameters as they were passed or defaulted
	resolved         map[string]string // of SSM parameters: what SSM held
	tags             map[string]string
	capabilities     []string
	notificationARNs []string
}

// snapshot is a state in which all of a stack was well.
type snapshot struct {
	source    source
	outputs   []output
	imports   map[string]bool
	resources map[string]*stackResource
}

// stackResource is one resource of a stack.
type stackResource struct {
	logicalID, physicalID, typeName     string
	status, reason                      string
	updated                             time.Time
	properties                          map[string]any // resolved
	attributes                          map[string]any
	metadata                            any
	needs                               []string // logical ids it must outlive
	deletionPolicy, updateReplacePolicy string
	imported                            bool // by the operation that runs
}

func (r *stackResource) clone() *stackResource {
	c := *r
	return &c
}

type output struct {
	key, value, description, export string
}

type event struct {
	id                                string
	time                              time.Time
	logicalID, physicalID, typeName   string
	status, reason, token, properties string
}

// tick is the time of the stack's next event: now, but later than the event
// before, since clients sort and cut events by their time.
func (s *Server) tick(st *stack) time.Time {
	now := s.Now().UTC().Truncate(time.Millisecond)
	if !now.After(st.lastTick) {
		now = st.lastTick.Add(time.Millisecond)
	}
	st.lastTick = now
	return now
}

// find finds a stack by name or id. Names find stacks that exist, ids deleted
// ones too.
func (s *Server) find(nameOrID string) *stack {
	for _, st := range slices.Backward(s.stacks) {
		if st.id == nameOrID || (st.name == nameOrID && st.status != "DELETE_COMPLETE") {
			return st
		}
	}
	return nil
}

// existing finds a stack for an operation, and checks that the caller may do it.
func (s *Server) existing(r *api.Request, action, nameOrID string, keys map[string][]string) (*stack, error) {
	st := s.find(nameOrID)
	if err := r.Authorize("cloudformation:"+action, s.arn(st, nameOrID), keys); err != nil {
		return nil, err
	}
	if st == nil {
		if strings.HasPrefix(nameOrID, "arn:") {
			return nil, validationError("Stack with id %s does not exist", nameOrID)
		}
		if action == "DescribeStacks" || action == "GetTemplate" || action == "DescribeStackResources" || action == "DescribeStackResource" {
			return nil, validationError("Stack with id %s does not exist", nameOrID)
		}
		return nil, validationError("Stack [%s] does not exist", nameOrID)
	}
	return st, nil
}

// arn is the resource of an authorization decision; a stack that does not exist
// has a name only.
func (s *Server) arn(st *stack, nameOrID string) string {
	switch {
	case st != nil:
		return st.id
	case nameOrID == "":
		return "*"
	case strings.HasPrefix(nameOrID, "arn:"):
		return nameOrID
	}
	return "arn:aws:cloudformation:" + s.Region + ":" + s.Account + ":stack/" + nameOrID + "/*"
}

// newStack adds a stack that holds nothing yet.
func (s *Server) newStack(name string) *stack {
	st := &stack{
		id:        "arn:aws:cloudformation:" + s.Region + ":" + s.Account + ":stack/" + name + "/" + s.UUID(),
		name:      name,
		resources: map[string]*stackResource{},
		imports:   map[string]bool{},
	}
	st.created = s.tick(st)
	s.stacks = append(s.stacks, st)
	return st
}

// remember keeps the stack's present state to go back to.
func (st *stack) remember() {
	kept := make(map[string]*stackResource, len(st.resources))
	for id, r := range st.resources {
		r.imported = false
		kept[id] = r.clone()
	}
	st.stable = &snapshot{source: st.source, outputs: slices.Clone(st.outputs), imports: maps.Clone(st.imports), resources: kept}
}

// values are the parameters as intrinsic functions see them.
func (src source) values() map[string]any {
	out := make(map[string]any, len(src.inputs))
	for name, text := range src.inputs {
		p := src.template.Parameters[name]
		if p.FromSSM() {
			text = src.resolved[name]
		}
		out[name] = p.Value(text)
	}
	return out
}

// busy reports whether an operation runs.
func (st *stack) busy() bool {
	return strings.HasSuffix(st.status, "_IN_PROGRESS") && st.status != "REVIEW_IN_PROGRESS"
}

const stackType = "AWS::CloudFormation::Stack"

// emit adds an event. Server.mu must be held.
func (s *Server) emit(st *stack, e event) {
	e.id, e.time = s.UUID(), s.tick(st)
	st.events = append(st.events, e)
}

// setStatus moves the stack to a status, with an event. Server.mu must be held.
func (s *Server) setStatus(st *stack, status, reason, token string) {
	st.status, st.reason = status, reason
	s.emit(st, event{logicalID: st.name, physicalID: st.id, typeName: stackType, status: status, reason: reason, token: token})
	at := st.lastTick
	switch {
	case status == "DELETE_COMPLETE":
		st.deleted = &at
	case strings.HasPrefix(status, "UPDATE_") || strings.HasPrefix(status, "ROLLBACK_"):
		st.updated = &at
	}
}
