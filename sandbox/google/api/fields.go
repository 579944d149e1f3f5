package api

import (
	"encoding/json"
	"strings"
)

// selection is a field mask as the parameter fields writes it, a(b,c)/d: the
// fields to answer, with what to answer of each; none stands for all.
type selection map[string]selection

// Select leaves of v what the request's parameter fields asks for: Cloud Storage
// documentation, "Partial responses" and their syntax.
func Select(r *Request, v any) (any, error) {
	query := r.URL.Query()
	text := query.Get("fields")
	if text == "" {
		text = query.Get("$fields")
	}
	if text == "" {
		return v, nil
	}
	s, rest, ok := parseSelection(text)
	if !ok || rest != "" {
		return nil, InvalidArgument("Invalid field selection %s", text)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := json.Unmarshal(data, &plain); err != nil {
		return nil, err
	}
	return s.of(plain), nil
}

// parseSelection reads a list of fields up to its end or a closing parenthesis.
func parseSelection(text string) (s selection, rest string, ok bool) {
	s = selection{}
	for {
		end := strings.IndexAny(text, ",/()")
		name := text
		if end >= 0 {
			name = text[:end]
		}
		if name == "" {
			return nil, "", false
		}
		into := s
		text = text[len(name):]
		for strings.HasPrefix(text, "/") {
			if into[name] == nil {
				into[name] = selection{}
			}
			into = into[name]
			if end = strings.IndexAny(text[1:], ",/()"); end < 0 {
				end = len(text) - 1
			}
			name, text = text[1:end+1], text[end+1:]
			if name == "" {
				return nil, "", false
			}
		}
		var inner selection
		if open, found := strings.CutPrefix(text, "("); found {
			if inner, text, ok = parseSelection(open); !ok || !strings.HasPrefix(text, ")") {
				return nil, "", false
			}
			text = text[1:]
		}
		into[name] = inner
		if !strings.HasPrefix(text, ",") {
			return s, text, true
		}
		text = text[1:]
	}
}

// of is what the selection leaves of a value; of a list, what it leaves of every
// element.
func (s selection) of(v any) any {
	if len(s) == 0 {
		return v
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = s.of(v[i])
		}
		return v
	case map[string]any:
		if inner, all := s["*"]; all {
			for name := range v {
				v[name] = inner.of(v[name])
			}
			return v
		}
		out := map[string]any{}
		for name, inner := range s {
			if field, has := v[name]; has {
				out[name] = inner.of(field)
			}
		}
		return out
	default:
		return v
	}
}
