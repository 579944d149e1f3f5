package template

import (
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// KnownAfterApply stands in a change set for a value that only exists once the
// resource does. CloudFormation prints the same text.
const KnownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// Scope is what a template's references resolve to.
type Scope struct {
	AccountID, Region  string
	StackID, StackName string
	NotificationARNs   []string
	Parameters         map[string]any // by name: what Parameter.Value gives

	// Ref and GetAtt answer for resources; they are called for active ones only.
	Ref    func(resource string) (string, error)
	GetAtt func(resource, attribute string) (any, error)
	// Import answers Fn::ImportValue.
	Import func(export string) (string, error)
}

// Evaluation evaluates one template in one scope. It is not safe for concurrent use.
type Evaluation struct {
	t          *Template
	scope      Scope
	conditions map[string]bool
	visiting   map[string]bool // conditions under evaluation, to find cycles
}

// Evaluate decides all conditions and checks that no active resource or output
// refers to an inactive one.
func (t *Template) Evaluate(scope Scope) (*Evaluation, error) {
	e := &Evaluation{t: t, scope: scope, conditions: map[string]bool{}, visiting: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(t.Conditions)) {
		if _, err := e.condition(name); err != nil {
			return nil, err
		}
	}
	var dangling []string
	for _, id := range e.ActiveResources() {
		dangling = append(dangling, e.inactiveRefs(t.Resources[id].Properties)...)
	}
	if len(dangling) > 0 {
		return nil, unresolved(dangling, "Resources")
	}
	for _, name := range e.ActiveOutputs() {
		o := t.Outputs[name]
		dangling = append(dangling, e.inactiveRefs([]any{o.Value, o.Export})...)
	}
	if len(dangling) > 0 {
		return nil, unresolved(dangling, "Outputs")
	}
	return e, nil
}

func unresolved(names []string, block string) error {
	slices.Sort(names)
	return errorf("Template format error: Unresolved resource dependencies [%s] in the %s block of the template",
		strings.Join(slices.Compact(names), ", "), block)
}

// ActiveResources are the logical ids whose condition holds, sorted.
func (e *Evaluation) ActiveResources() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(e.t.Resources)) {
		if c := e.t.Resources[id].Condition; c == "" || e.conditions[c] {
			ids = append(ids, id)
		}
	}
	return ids
}

// ActiveOutputs are the names of the outputs whose condition holds, sorted.
func (e *Evaluation) ActiveOutputs() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.t.Outputs)) {
		if c := e.t.Outputs[name].Condition; c == "" || e.conditions[c] {
			names = append(names, name)
		}
	}
	return names
}

func (e *Evaluation) active(id string) bool {
	r, ok := e.t.Resources[id]
	return ok && (r.Condition == "" || e.conditions[r.Condition])
}

// Value evaluates every intrinsic function in v. Members that are
// AWS::NoValue are left out.
func (e *Evaluation) Value(v any) (any, error) {
	out, err := e.value(v)
	if err != nil {
		return nil, err
	}
	if out == (noValue{}) {
		return nil, nil
	}
	return out, nil
}

// Properties evaluates a resource's properties.
func (e *Evaluation) Properties(id string) (map[string]any, error) {
	v, err := e.Value(e.t.Resources[id].Properties)
	if err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	return m, nil
}

// Text evaluates v to a string, as outputs and export names are.
func (e *Evaluation) Text(v any, what string) (string, error) {
	out, err := e.value(v)
	if err != nil {
		return "", err
	}
	s, ok := scalar(out)
	if !ok {
		return "", errorf("Template format error: %s must resolve to a string.", what)
	}
	return s, nil
}

type noValue struct{}

func (e *Evaluation) value(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, arg, ok := call(v); ok {
			return e.call(name, arg)
		}
		out := make(map[string]any, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			r, err := e.value(v[key])
			if err != nil {
				return nil, err
			}
			if r != (noValue{}) {
				out[key] = r
			}
		}
		return out, nil
	case []any:
		out := make([]any, 0, len(v))
		for _, element := range v {
			r, err := e.value(element)
			if err != nil {
				return nil, err
			}
			if r != (noValue{}) {
				out = append(out, r)
			}
		}
		return out, nil
	case string:
		if strings.Contains(v, "{{resolve:") {
			return nil, errorf("Template error: %s", unmodelled.AWS("dynamic reference", v))
		}
		return v, nil
	}
	return v, nil
}

// call reports whether a mapping is a call of an intrinsic function: one key that
// is Ref or starts with Fn::. "Condition" is one only inside conditions, since
// policies have a member of that name.
func call(m map[string]any) (name string, arg any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, arg = range m {
	}
	return name, arg, name == "Ref" || strings.HasPrefix(name, "Fn::")
}
