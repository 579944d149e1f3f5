package states

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// failure is an error with its name, as Retry and Catch see it.
type failure struct {
	name, cause string
	runtime     bool // nothing catches it
}

func (f *failure) Error() string { return f.name + ": " + f.cause }

// runtimeError is an error that no state can handle. Its cause is a part of the whole.
func runtimeError(format string, args ...any) error {
	return &failure{name: "States.Runtime", cause: fmt.Sprintf(format, args...), runtime: true}
}

func itoa(n int) string { return strconv.Itoa(n) }

// dataLimit is what is too large for a quota.
func dataLimit(what string) *failure {
	return &failure{name: "States.DataLimitExceeded",
		cause: "The state/task '" + what + "' returned a result with a size exceeding the maximum number of bytes service limit."}
}

// follow runs the states from the execution's point. enter is false where a redrive
// goes on within a state. It returns the output and the id of the last event.
func (e *execution) follow(ctx context.Context, enter bool) (output string, last int, err error) {
	for {
		at := &e.point
		s := e.workflow.states[at.state]
		if enter {
			if err := e.server.transit(ctx); err != nil {
				return "", 0, err
			}
			if e.run == nil && e.server.deleted(e.revision.arn) {
				return "", 0, errAborted
			}
			id, err := e.add(at.previous, s.kind+"StateEntered", "stateEnteredEventDetails", entered{Name: s.name, Input: at.text})
			if err != nil {
				return "", at.previous, err
			}
			at.entered, at.at, at.previous = id, e.server.Now(), id
			e.resumes, e.mapRun = false, nil
		}
		enter = true
		v := visit{execution: e, state: s, point: *at, last: at.previous}
		out, next, err := v.do(ctx)
		if err != nil {
			if f, ok := errors.AsType[*failure](err); ok && f.runtime && f != errHistory {
				err = &failure{name: f.name, runtime: true,
					cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", s.name,
						at.entered, f.cause)}
			}
			if s.kind != "Task" && s.kind != "Map" {
				at.entered = 0 // a redrive enters it again
			}
			return "", v.last, err
		}
		text := encode(out)
		if len(text) > maxData {
			at.entered = 0
			return "", v.last, dataLimit(s.name)
		}
		id, err := e.add(v.last, s.kind+"StateExited", "stateExitedEventDetails", exited{Name: s.name, Output: text})
		if err != nil {
			return "", v.last, err
		}
		if next == "" {
			return text, id, nil
		}
		e.mu.Lock()
		e.point = point{state: next, input: out, text: text, previous: id}
		e.mu.Unlock()
	}
}

// deleted reports whether a state machine is being deleted.
func (s *Server) deleted(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.machines[arn]
	return m == nil || m.deleting
}

// visit is one stay in a state.
type visit struct {
	*execution
	state *state
	point point
	last  int // id of the last event
	tried int // how many times it was retried
	// item is the Map.Item of the context object while an item is selected.
	item map[string]any
}

// do runs the state, again as its Retry says, and returns its output and the state
// that follows.
func (v *visit) do(ctx context.Context) (out any, next string, err error) {
	s := v.state
	attempts := make([]int, len(s.retry))
	for {
		out, next, err = v.attempt(ctx)
		f, ok := errors.AsType[*failure](err)
		if !ok {
			return out, next, err
		}
		again := -1
		for i, r := range s.retry {
			if matches(r.errors, f) {
				if attempts[i] < r.attempts {
					again = i
				}
				break
			}
		}
		if again < 0 {
			return v.caught(f)
		}
		wait := v.server.delay(s.retry[again], attempts[again])
		attempts[again]++
		v.tried++
		if err := v.server.clock.wait(ctx, v.server.Now().Add(wait)); err != nil {
			return nil, "", err
		}
		if err := v.server.transit(ctx); err != nil {
			return nil, "", err
		}
	}
}

// caught goes on at the first catcher of an error, if there is one.
func (v *visit) caught(f *failure) (any, string, error) {
	for _, c := range v.state.catch {
		if !matches(c.errors, f) {
			continue
		}
		out := v.point.input
		if c.result != nil {
			var ok bool
			if out, ok = c.result.put(out, map[string]any{"Error": f.name, "Cause": f.cause}); !ok {
				return nil, "", v.noPlace(c.result)
			}
		}
		return out, c.next, nil
	}
	return nil, "", f
}

func (v *visit) noPlace(p *path) error {
	return &failure{name: "States.ResultPathMatchFailure", cause: fmt.Sprintf("Unable to apply step \"%s\" to input %s", p.text,
		encode(v.point.input))}
}

// attempt runs the state once.
func (v *visit) attempt(ctx context.Context) (any, string, error) {
	s := v.state
	in, err := v.filter(s.input, v.point.input)
	if err != nil {
		return nil, "", err
	}
	switch s.kind {
	case "Pass":
		out := in
		if s.parameters != nil {
			if out, err = s.parameters.eval(v.environment(in)); err != nil {
				return nil, "", err
			}
		}
		if s.hasConstant {
			out = s.constant
		}
		return v.finish(out)
	case "Succeed":
		out, err := v.filter(s.output, in)
		return out, "", err
	case "Fail":
		return nil, "", v.fail(in)
	case "Choice":
		out, err := v.filter(s.output, in)
		if err != nil {
			return nil, "", err
		}
		next, err := v.choose(in)
		return out, next, err
	case "Wait":
		until, err := v.until(in)
		if err != nil {
			return nil, "", err
		}
		if err := v.server.clock.wait(ctx, until); err != nil {
			return nil, "", err
		}
		out, err := v.filter(s.output, in)
		return out, s.next, err
	case "Task":
		result, err := v.task(ctx, in)
		if err != nil {
			return nil, "", err
		}
		return v.pick(result)
	}
	result, err := v.runMap(ctx, in)
	if err != nil {
		return nil, "", err
	}
	return v.pick(result)
}

// pick applies ResultSelector, and then what every result goes through.
func (v *visit) pick(result any) (any, string, error) {
	if v.state.selector != nil {
		var err error
		if result, err = v.state.selector.eval(v.environment(result)); err != nil {
			return nil, "", err
		}
	}
	return v.finish(result)
}

// finish applies ResultPath and OutputPath.
func (v *visit) finish(result any) (any, string, error) {
	out := v.point.input
	if p := v.state.result; p != nil {
		var ok bool
		if out, ok = p.put(out, result); !ok {
			return nil, "", v.noPlace(p)
		}
	}
	out, err := v.filter(v.state.output, out)
	return out, v.state.next, err
}

// filter applies InputPath or OutputPath.
func (v *visit) filter(p *path, value any) (any, error) {
	if p == nil {
		return map[string]any{}, nil
	}
	out, ok := v.environment(value).find(*p)
	if !ok {
		return nil, invalidPath(p)
	}
	return out, nil
}

func invalidPath(p *path) error {
	return runtimeError("Invalid path '%s' : No results for path: %s", p.text, p.normal())
}

func (v *visit) choose(in any) (string, error) {
	for _, c := range v.state.choices {
		if is, err := c.holds(v.environment(in)); err != nil || is {
			return c.next, err
		}
	}
	if v.state.fallback == "" {
		return "", &failure{name: "States.NoChoiceMatched"}
	}
	return v.state.fallback, nil
}

// fail makes the error of a Fail state.
func (v *visit) fail(in any) error {
	f := &failure{name: v.state.errorName, cause: v.state.cause}
	for _, from := range []struct {
		field string
		value expression
		to    *string
	}{{"ErrorPath", v.state.errorFrom, &f.name}, {"CausePath", v.state.causeFrom, &f.cause}} {
		if from.value == nil {
			continue
		}
		e := v.environment(in)
		got, err := from.value.eval(e)
		if err != nil {
			return unresolved(err, from.field, e)
		}
		text, ok := got.(string)
		if !ok {
			return runtimeError("The value for the field '%s' must be a STRING but was a %s", from.field, jsonKind(got))
		}
		*from.to = text
	}
	return f
}

// until is the time that a Wait state waits for.
func (v *visit) until(in any) (time.Time, error) {
	s, e := v.state, v.environment(in)
	switch {
	case s.secondsPath != nil:
		got, ok := e.find(*s.secondsPath)
		if !ok {
			return time.Time{}, runtimeError("The SecondsPath parameter does not reference an input value: %s", s.secondsPath.text)
		}
		n, ok := integer(got)
		switch {
		case !ok:
			return time.Time{}, runtimeError("The SecondsPath parameter cannot be parsed as a long value: %s == %s", s.secondsPath.text,
				encode(got))
		case n < 0:
			return time.Time{}, runtimeError("The SecondsPath parameter references a negative value: %s == %d", s.secondsPath.text, n)
		case n > maxSeconds:
			return time.Time{}, runtimeError("Wait state delay is too long.")
		}
		return v.server.Now().Add(time.Duration(n) * time.Second), nil
	case s.timestampPath != nil:
		got, _ := e.find(*s.timestampPath)
		text, _ := got.(string)
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{},
				runtimeError("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time "+
					"format string: %s == %s",
					s.timestampPath.text, text)
		}
		return at, nil
	case s.timestamp != nil:
		return *s.timestamp, nil
	}
	return v.server.Now().Add(s.seconds), nil
}

// stamp is how the context object writes times.
const stamp = "2006-01-02T15:04:05.000Z"

// environment evaluates against a value; the context object is made when it is asked
// for. See "Accessing execution data from the Context object".
func (v *visit) environment(in any) environment {
	return environment{input: in, context: func() any {
		e := v.execution
		c := map[string]any{
			"Execution": map[string]any{"Id": e.arn, "Name": e.id, "Input": e.input, "StartTime": e.start.UTC().Format(stamp),
				"RoleArn": e.revision.role, "RedriveCount": number(e.redrives)},
			"State": map[string]any{"Name": v.state.name, "EnteredTime": v.point.at.UTC().Format(stamp),
				"RetryCount": number(v.tried)},
			"StateMachine": map[string]any{"Id": e.revision.arn, "Name": e.revision.name},
		}
		if e.run != nil {
			c["StateMachine"] = map[string]any{"Id": e.run.machineARN(), "Name": e.revision.name + "/" + e.run.label}
		}
		if v.item != nil {
			c["Map"] = map[string]any{"Item": v.item}
		}
		return c
	}}
}
