package states

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// workflow is the states of a state machine, or of the item processor of a Map.
type workflow struct {
	startAt string
	states  map[string]*state
	timeout time.Duration // 0 is none
}

type state struct {
	name, kind string
	next       string
	end        bool

	input, output *path // nil is null: an empty object
	result        *path // nil is null: what comes out is discarded
	parameters    *template
	selector      *template
	retry         []retrier
	catch         []catcher

	timeout     time.Duration // 0 is none
	timeoutPath *path

	constant    any // Result of Pass
	hasConstant bool

	choices  []choice
	fallback string // Default

	seconds       time.Duration
	secondsPath   *path
	timestamp     *time.Time
	timestampPath *path

	errorName, cause     string
	errorFrom, causeFrom expression
	distributed          *distributed
}

// diagnostic is something wrong in a definition, as ValidateStateMachineDefinition
// shows it.
type diagnostic struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Location string `json:"location,omitempty"`
}

const (
	schemaFailed  = "SCHEMA_VALIDATION_FAILED"
	missingTarget = "MISSING_TRANSITION_TARGET"
)

// checker reads a definition and collects what is wrong with it.
type checker struct {
	diagnostics []diagnostic
	unmodelled  error // the first thing that is not modelled
	names       map[string]bool
	labels      map[string]bool
}

func (c *checker) say(code, at, format string, args ...any) {
	c.diagnostics = append(c.diagnostics, diagnostic{"ERROR", code, fmt.Sprintf(format, args...), at})
}

// note says err, unless it is that something is not modelled.
func (c *checker) note(at string, err error) {
	if e, ok := errors.AsType[*api.Error](err); ok {
		c.lack(e)
		return
	}
	c.say(schemaFailed, at, "%v", err)
}

func (c *checker) lack(err error) {
	if c.unmodelled == nil {
		c.unmodelled = err
	}
}

// notModelledOr is err if it says that something is not modelled, and another
// message otherwise.
func notModelledOr(err error, format string, args ...any) error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	return fmt.Errorf(format, args...)
}

// parseDefinition reads a definition. Diagnostics come before what is not modelled.
func parseDefinition(text string) (*workflow, []diagnostic, error) {
	c := &checker{names: map[string]bool{}, labels: map[string]bool{}}
	if strings.TrimSpace(text) == "" {
		c.say(schemaFailed, "", "Definition must be a valid JSON object")
		return nil, c.diagnostics, nil
	}
	v, err := parse([]byte(text))
	if err != nil {
		c.say("INVALID_JSON_DESCRIPTION", "", "%s", syntax([]byte(text), err))
		return nil, c.diagnostics, nil
	}
	fields, ok := v.(map[string]any)
	if !ok {
		c.say(schemaFailed, "", "Definition must be a valid JSON object")
		return nil, c.diagnostics, nil
	}
	o := object{c, "", fields}
	o.allow("Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version")
	o.language()
	w := o.workflow("Comment", "QueryLanguage", "TimeoutSeconds", "Version")
	if n, ok := o.whole("TimeoutSeconds", 1, maxSeconds); ok {
		w.timeout = time.Duration(n) * time.Second
	}
	return w, c.diagnostics, c.unmodelled
}

// refusal is a definition's diagnostics as CreateStateMachine answers them.
func refusal(diagnostics []diagnostic) error {
	var all []string
	for _, d := range diagnostics {
		all = append(all, d.Code+": "+d.Message+" at "+cmp.Or(d.Location, "null"))
	}
	return refuse("InvalidDefinition", "Invalid State Machine Definition: '%s'", strings.Join(all, ", "))
}

// workflow reads StartAt and States.
func (o object) workflow(besides ...string) *workflow {
	w := &workflow{startAt: o.text("StartAt"), states: map[string]*state{}}
	if !o.require("States", "StartAt") {
		return w
	}
	all, ok := o.object("States")
	if !ok {
		return w
	}
	if len(all.fields) == 0 {
		o.say(schemaFailed, o.at+"/States", "States must not be empty")
	}
	for _, name := range sorted(all.fields) {
		at := all.at + "/" + name
		if len([]rune(name)) > maxName {
			o.say(schemaFailed, at, "State name is longer than %d characters", maxName)
		}
		if o.names[name] {
			o.say("DUPLICATE_STATE_NAME", at, "Duplicate State name: %s", name)
		}
		o.names[name] = true
		if one, ok := all.object(name); ok {
			w.states[name] = one.state(name)
		}
	}
	if o.unmodelled == nil { // a state that is not modelled has no transitions here
		o.transitions(w)
	}
	return w
}

// transitions checks that every target is there, and every state within reach.
func (o object) transitions(w *workflow) {
	if w.states[w.startAt] == nil {
		o.say(missingTarget, o.at+"/StartAt", "Missing 'StartAt' target: %s", w.startAt)
		return
	}
	reached, todo := map[string]bool{w.startAt: true}, []string{w.startAt}
	for len(todo) > 0 {
		s := w.states[todo[0]]
		todo = todo[1:]
		for _, t := range s.targets() {
			at := o.at + "/States/" + s.name + t.at
			switch {
			case w.states[t.name] == nil:
				o.say(missingTarget, at, "Missing '%s' target: %s", t.at[strings.LastIndex(t.at, "/")+1:], t.name)
			case !reached[t.name]:
				reached[t.name] = true
				todo = append(todo, t.name)
			}
		}
	}
	ends := false
	for _, name := range slices.Sorted(maps.Keys(w.states)) {
		s := w.states[name]
		ends = ends || s.end || s.kind == "Succeed" || s.kind == "Fail"
		if !reached[name] {
			o.say(missingTarget, o.at+"/States/"+name, "State \"%s\" is not reachable.", name)
		}
	}
	if !ends {
		o.say("MISSING_END_STATE", "", "Workflow has no terminal state")
	}
}

type target struct{ at, name string }

func (s *state) targets() (out []target) {
	if s.next != "" {
		out = append(out, target{"/Next", s.next})
	}
	for i, c := range s.choices {
		out = append(out, target{fmt.Sprintf("/Choices[%d]/Next", i), c.next})
	}
	if s.fallback != "" {
		out = append(out, target{"/Default", s.fallback})
	}
	for i, c := range s.catch {
		out = append(out, target{fmt.Sprintf("/Catch[%d]/Next", i), c.next})
	}
	return out
}

// kinds are the states' types, with the fields that each has beside Type, Comment and
// QueryLanguage.
var kinds = map[string][]string{
	"Task": {
		"Next", "End", "InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "Retry", "Catch", "Resource",
		"TimeoutSeconds", "TimeoutSecondsPath",
	},
	"Pass":    {"Next", "End", "InputPath", "OutputPath", "ResultPath", "Parameters", "Result"},
	"Wait":    {"Next", "End", "InputPath", "OutputPath", "Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
	"Choice":  {"InputPath", "OutputPath", "Choices", "Default"},
	"Succeed": {"InputPath", "OutputPath"},
	"Fail":    {"Error", "ErrorPath", "Cause", "CausePath"},
	"Map": {
		"Next", "End", "InputPath", "OutputPath", "ResultPath", "ResultSelector", "Retry", "Catch", "ItemsPath", "ItemReader",
		"ItemSelector", "ItemProcessor", "MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailureCount", "ToleratedFailureCountPath",
		"ToleratedFailurePercentage", "ToleratedFailurePercentagePath", "ResultWriter", "Label",
	},
}

func (o object) state(name string) *state {
	s := &state{name: name}
	if !o.require("Type") {
		return s
	}
	s.kind = o.text("Type")
	fields, known := kinds[s.kind]
	switch {
	case s.kind == "Parallel":
		o.lack(api.Unmodelled("state type", s.kind))
		return s
	case !known:
		o.say(schemaFailed, o.at+"/Type", "Value is not one of: [Task, Pass, Wait, Choice, Succeed, Fail, Parallel, Map]")
		return s
	}
	switch s.kind {
	case "Task":
		o.lacks("HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials")
	case "Map":
		o.lacks("ItemBatcher", "Iterator", "Parameters")
	}
	o.language()
	o.allow(append([]string{"Type", "Comment", "QueryLanguage"}, fields...)...)
	s.input, s.output, s.result = o.pathOr("InputPath"), o.pathOr("OutputPath"), o.pathOr("ResultPath")
	s.parameters, s.selector = o.template("Parameters"), o.template("ResultSelector")
	if slices.Contains(fields, "Next") {
		s.next = o.text("Next")
		end, isBool := o.fields["End"].(bool)
		if s.end = end; o.has("End") && !isBool {
			o.mistyped("End", "BOOLEAN")
		}
		if s.end == (s.next != "") {
			o.say(schemaFailed, o.at, "Exactly one of 'Next' and 'End' is required")
		}
	}
	s.retry, s.catch = o.retriers(), o.catchers()
	switch s.kind {
	case "Task":
		o.task(s)
	case "Pass":
		s.constant, s.hasConstant = o.fields["Result"]
	case "Wait":
		o.wait(s)
	case "Choice":
		o.choiceState(s)
	case "Fail":
		s.errorName, s.cause = o.text("Error"), o.text("Cause")
		s.errorFrom, s.causeFrom = o.failFrom("ErrorPath", "Error"), o.failFrom("CausePath", "Cause")
	case "Map":
		s.distributed = o.mapState(s)
	}
	return s
}

// failFrom reads ErrorPath or CausePath, which take an intrinsic function as well.
func (o object) failFrom(name, constant string) expression {
	if !o.has(name) {
		return nil
	}
	o.exclude(name, constant)
	e, err := parseExpression(o.text(name))
	if err != nil {
		o.note(o.at+"/"+name, notModelledOr(err, "Value is not a valid JSONPath"))
	}
	return e
}

func (o object) wait(s *state) {
	names := []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"}
	if o.exclude(names...); !slices.ContainsFunc(names, o.has) {
		o.say(schemaFailed, o.at, "One of these fields is required: [%s]", strings.Join(names, ", "))
	}
	if n, ok := o.whole("Seconds", 0, maxSeconds); ok {
		s.seconds = time.Duration(n) * time.Second
	}
	s.secondsPath, s.timestampPath = o.path("SecondsPath"), o.path("TimestampPath")
	if o.has("Timestamp") {
		at, err := time.Parse(time.RFC3339, o.text("Timestamp"))
		if s.timestamp = &at; err != nil {
			o.say(schemaFailed, o.at+"/Timestamp", "Value is not a valid timestamp")
		}
	}
}

// invokeResource is the one integration of Task that is modelled.
const invokeResource = "arn:aws:states:::lambda:invoke"

func (o object) task(s *state) {
	if !o.require("Resource") {
		return
	}
	switch resource := o.text("Resource"); {
	case !strings.HasPrefix(resource, "arn:"):
		o.say(schemaFailed, o.at+"/Resource", "Value is not a valid resource ARN")
		return
	case resource != invokeResource:
		o.lack(api.Unmodelled("resource", resource))
		return
	}
	o.exclude("TimeoutSeconds", "TimeoutSecondsPath")
	if n, ok := o.whole("TimeoutSeconds", 1, maxSeconds); ok {
		s.timeout = time.Duration(n) * time.Second
	}
	s.timeoutPath = o.path("TimeoutSecondsPath")
	in, ok := o.object("Parameters")
	if !ok {
		in = object{o.checker, o.at + "/Parameters", nil}
	}
	if !in.has("FunctionName") && !in.has("FunctionName.$") {
		in.say(schemaFailed, in.at, "The field \"FunctionName\" is required but was missing")
	}
	for _, name := range sorted(in.fields) {
		switch short := strings.TrimSuffix(name, ".$"); short {
		case "FunctionName", "Payload", "Qualifier":
		case "InvocationType", "ClientContext", "LogType":
			if short != "InvocationType" || in.fields[name] != "RequestResponse" {
				in.lack(api.Unmodelled("parameter", short))
			}
		default:
			in.say(schemaFailed, in.at, "The field \"%s\" is not supported by Step Functions", name)
		}
	}
}
