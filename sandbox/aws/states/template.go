package states

import (
	"fmt"
	"strings"
)

// environment is what paths and intrinsic functions are evaluated in.
type environment struct {
	input   any
	context func() any
}

func (e environment) find(p path) (any, bool) {
	if p.context {
		return p.find(e.context())
	}
	return p.find(e.input)
}

// expression is the value of a field whose name ends in .$.
type expression interface {
	eval(environment) (any, error)
}

func parseExpression(text string) (expression, error) {
	if strings.HasPrefix(text, "$") {
		p, err := parsePath(text)
		return p, err
	}
	if strings.HasPrefix(text, "States.") {
		return parseIntrinsic(text)
	}
	return nil, fmt.Errorf("the value begins with neither $ nor States")
}

func (p path) eval(e environment) (any, error) {
	v, ok := e.find(p)
	if !ok {
		return nil, missing{p}
	}
	return v, nil
}

// missing is a path that finds nothing.
type missing struct{ path path }

func (m missing) Error() string { return "no results for path " + m.path.text }

// template is a payload template: Parameters, ResultSelector, ItemSelector.
type template struct {
	fields []templateField // of an object
	items  []*template     // of a list
	list   bool
	object bool
	value  any // of anything else
}

type templateField struct {
	name       string // without the .$ of an expression
	expression expression
	template   *template
}

// fault is something wrong within a definition, at a place relative to the place
// where it is looked for.
type fault struct {
	at  string
	err error
}

func parseTemplate(v any) (*template, *fault) {
	switch v := v.(type) {
	case map[string]any:
		t := &template{object: true}
		for _, name := range sorted(v) {
			f := templateField{name: name}
			if short, dynamic := strings.CutSuffix(name, ".$"); dynamic {
				f.name = short
				text, ok := v[name].(string)
				if !ok {
					return nil, &fault{"/" + name,
						fmt.Errorf("The value for the field '%s' must be a STRING that contains a JSONPath but was a %s", name,
							jsonKind(v[name]))}
				}
				var err error
				if f.expression, err = parseExpression(text); err != nil {
					return nil, &fault{"/" + name, notModelledOr(err,
						"The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", name)}
				}
			} else {
				var wrong *fault
				if f.template, wrong = parseTemplate(v[name]); wrong != nil {
					return nil, &fault{"/" + name + wrong.at, wrong.err}
				}
			}
			t.fields = append(t.fields, f)
		}
		return t, nil
	case []any:
		t := &template{list: true}
		for i, item := range v {
			inner, wrong := parseTemplate(item)
			if wrong != nil {
				return nil, &fault{fmt.Sprintf("[%d]", i) + wrong.at, wrong.err}
			}
			t.items = append(t.items, inner)
		}
		return t, nil
	}
	return &template{value: v}, nil
}

// eval fills the template in. A path that finds nothing is a runtime error.
func (t *template) eval(e environment) (any, error) {
	switch {
	case t.object:
		out := make(map[string]any, len(t.fields))
		for _, f := range t.fields {
			var err error
			if f.template != nil {
				out[f.name], err = f.template.eval(e)
			} else if out[f.name], err = f.expression.eval(e); err != nil {
				err = unresolved(err, f.name+".$", e)
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	case t.list:
		out := make([]any, len(t.items))
		for i, item := range t.items {
			var err error
			if out[i], err = item.eval(e); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return t.value, nil
}

// unresolved says that the expression of a field finds nothing.
func unresolved(err error, field string, e environment) error {
	m, ok := err.(missing)
	if !ok {
		return err
	}
	in := e.input
	if m.path.context {
		in = e.context()
	}
	return runtimeError("The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'", m.path.text, field,
		encode(in))
}
