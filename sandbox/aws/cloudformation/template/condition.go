package template

import (
	"maps"
	"slices"
)

// Rule is one member of Rules: assertions about parameters.
type Rule struct {
	Condition  any // nil: always
	Assertions []Assertion
}

// Assertion is one assertion of a rule.
type Assertion struct {
	Assert      any
	Description string
}

func parseRule(name string, m map[string]any) (Rule, error) {
	var r Rule
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch key {
		case "RuleCondition":
			r.Condition = m[key]
		case "Assertions":
			list, _ := m[key].([]any)
			for _, element := range list {
				a, ok := element.(map[string]any)
				if !ok || a["Assert"] == nil {
					return r, errorf("Template format error: Every assertion of rule %s must contain an Assert member", name)
				}
				description, _ := a["AssertDescription"].(string)
				r.Assertions = append(r.Assertions, Assertion{Assert: a["Assert"], Description: description})
			}
		default:
			return r, errorf("Template format error: Unrecognized member %s in rule %s", key, name)
		}
	}
	if len(r.Assertions) == 0 {
		return r, errorf("Template format error: Every rule must contain Assertions: %s", name)
	}
	return r, nil
}

// CheckRules evaluates all rules.
func (e *Evaluation) CheckRules() error {
	for _, name := range slices.Sorted(maps.Keys(e.t.Rules)) {
		rule := e.t.Rules[name]
		if rule.Condition != nil {
			applies, err := e.truth(rule.Condition)
			if err != nil {
				return err
			}
			if !applies {
				continue
			}
		}
		for _, a := range rule.Assertions {
			holds, err := e.truth(a.Assert)
			if err != nil {
				return err
			}
			if !holds {
				return errorf("Template validation error: rule %s failed: %s", name, a.Description)
			}
		}
	}
	return nil
}

// condition decides a named condition, once.
func (e *Evaluation) condition(name string) (bool, error) {
	if holds, ok := e.conditions[name]; ok {
		return holds, nil
	}
	definition, ok := e.t.Conditions[name]
	if !ok {
		return false, errorf("Template format error: Unresolved condition dependency %s", name)
	}
	if e.visiting[name] {
		return false, errorf("Template format error: Circular dependency on conditions: [%s]", name)
	}
	e.visiting[name] = true
	defer delete(e.visiting, name)
	holds, err := e.truth(definition)
	if err != nil {
		return false, err
	}
	e.conditions[name] = holds
	return holds, nil
}

// truth evaluates a condition function.
func (e *Evaluation) truth(v any) (bool, error) {
	m, _ := v.(map[string]any)
	if len(m) != 1 {
		return false, errorf("Template format error: Every Conditions member must be a condition function")
	}
	for name, arg := range m {
		args, _ := arg.([]any)
		switch name {
		case "Condition":
			other, ok := arg.(string)
			if !ok {
				return false, errorf("Template format error: Every Condition must name a condition")
			}
			return e.condition(other)
		case "Fn::Not":
			if len(args) != 1 {
				return false, errorf("Template error: every Fn::Not object requires one boolean parameter.")
			}
			holds, err := e.truth(args[0])
			return !holds, err
		case "Fn::And", "Fn::Or":
			return e.combine(name, args)
		case "Fn::Equals":
			if len(args) != 2 {
				return false, errorf("Template error: every Fn::Equals object requires a list of 2 string parameters.")
			}
			return e.equals(args[0], args[1])
		case "Fn::Contains":
			return e.contains(args)
		case "Fn::EachMemberEquals", "Fn::EachMemberIn":
			return e.eachMember(name, args)
		default:
			return false, unsupported(name)
		}
	}
	return false, nil
}

func (e *Evaluation) combine(name string, args []any) (bool, error) {
	if len(args) < 2 || len(args) > 10 {
		return false, errorf("Template error: every %s object requires a list of at least 2 and at most 10 boolean parameters.", name)
	}
	and := name == "Fn::And"
	result := and
	for _, arg := range args {
		holds, err := e.truth(arg)
		if err != nil {
			return false, err
		}
		if holds != and {
			result = !and
		}
	}
	return result, nil
}

func (e *Evaluation) equals(a, b any) (bool, error) {
	left, err := e.value(a)
	if err != nil {
		return false, err
	}
	right, err := e.value(b)
	if err != nil {
		return false, err
	}
	return Equal(left, right), nil
}

func (e *Evaluation) contains(args []any) (bool, error) {
	lists, err := e.lists("Fn::Contains", args)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(lists[0], func(v any) bool { return Equal(v, lists[1][0]) }), nil
}

func (e *Evaluation) eachMember(name string, args []any) (bool, error) {
	lists, err := e.lists(name, args)
	if err != nil {
		return false, err
	}
	for _, member := range lists[0] {
		if !slices.ContainsFunc(lists[1], func(v any) bool { return Equal(v, member) }) {
			return false, nil
		}
	}
	return true, nil
}

// lists evaluates the two arguments of a rule function; a single value counts
// as a list of one.
func (e *Evaluation) lists(name string, args []any) ([2][]any, error) {
	var out [2][]any
	if len(args) != 2 {
		return out, errorf("Template error: every %s object requires two parameters", name)
	}
	for i, arg := range args {
		v, err := e.value(arg)
		if err != nil {
			return out, err
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		if len(list) == 0 {
			list = []any{""}
		}
		out[i] = list
	}
	return out, nil
}

// Equal compares evaluated values as CloudFormation does: true and "true", 1
// and "1" are the same.
func Equal(a, b any) bool {
	if s, ok := scalar(a); ok {
		t, ok := scalar(b)
		return ok && s == t
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, Equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	}
	return a == nil && b == nil
}
