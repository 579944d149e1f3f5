package states

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// path is a JSONPath of names and indexes, into a state's input or, when it begins
// with $$, into the context object.
type path struct {
	text    string
	context bool
	steps   []step
}

// step is a name, or an index when there is no name.
type step struct {
	name  string
	index int
	named bool
}

// parsePath reads a path. What is no path is malformed; what JSONPath has beyond
// names and indexes is refused as not modelled.
func parsePath(text string) (path, error) {
	p := path{text: text}
	rest, ok := strings.CutPrefix(text, "$$")
	if p.context = ok; !ok {
		if rest, ok = strings.CutPrefix(text, "$"); !ok {
			return p, fmt.Errorf("a path begins with $")
		}
	}
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, ".."), strings.HasPrefix(rest, ".*"), strings.HasPrefix(rest, "[*"), strings.HasPrefix(rest, "[?"):
			return p, api.Unmodelled("JSONPath", text)
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[") + 1
			if end == 0 {
				end = len(rest)
			}
			if end == 1 || strings.ContainsAny(rest[1:end], " ()'\"*@?]") {
				return p, fmt.Errorf("a step of the path has no name")
			}
			p.steps = append(p.steps, step{name: rest[1:end], named: true})
			rest = rest[end:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return p, fmt.Errorf("a bracket of the path is not closed")
			}
			inner := rest[1:end]
			if quoted := len(inner) > 2 && (inner[0] == '\'' || inner[0] == '"') && inner[len(inner)-1] == inner[0]; quoted {
				p.steps = append(p.steps, step{name: inner[1 : len(inner)-1], named: true})
			} else if n, err := strconv.Atoi(inner); err == nil && n >= 0 {
				p.steps = append(p.steps, step{index: n})
			} else {
				return p, api.Unmodelled("JSONPath", text)
			}
			rest = rest[end+1:]
		default:
			return p, fmt.Errorf("the path has %q where a step begins", rest[:1])
		}
	}
	return p, nil
}

// find follows the path.
func (p path) find(v any) (any, bool) {
	for _, s := range p.steps {
		if s.named {
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[s.name]; !ok {
				return nil, false
			}
			continue
		}
		list, ok := v.([]any)
		if !ok || s.index >= len(list) {
			return nil, false
		}
		v = list[s.index]
	}
	return v, true
}

// normal is the path as messages about it have it.
func (p path) normal() string {
	var b strings.Builder
	b.WriteByte('$')
	for _, s := range p.steps {
		if s.named {
			fmt.Fprintf(&b, "['%s']", s.name)
		} else {
			fmt.Fprintf(&b, "[%d]", s.index)
		}
	}
	return b.String()
}

// put returns v with value at the path; what lies on the way is copied, and made
// where it is missing.
func (p path) put(v, value any) (any, bool) { return put(v, p.steps, value) }

func put(v any, steps []step, value any) (any, bool) {
	if len(steps) == 0 {
		return value, true
	}
	if s := steps[0]; s.named {
		old, ok := v.(map[string]any)
		if !ok && v != nil {
			return nil, false
		}
		inner, ok := put(old[s.name], steps[1:], value)
		if !ok {
			return nil, false
		}
		out := make(map[string]any, len(old)+1)
		for k, e := range old {
			out[k] = e
		}
		out[s.name] = inner
		return out, true
	}
	old, ok := v.([]any)
	if !ok || steps[0].index >= len(old) {
		return nil, false
	}
	inner, ok := put(old[steps[0].index], steps[1:], value)
	if !ok {
		return nil, false
	}
	out := append([]any{}, old...)
	out[steps[0].index] = inner
	return out, true
}
