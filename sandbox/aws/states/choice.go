package states

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// choice is a rule of a Choice state, with its next state, or a part of one.
type choice struct {
	next     string
	combine  string // And, Or, Not
	parts    []choice
	variable path
	operator string
	value    any
	from     *path // of an operator that ends in Path
}

// comparisons are the operators that compare, for each type.
var comparisons = []string{"Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"}

// typeTests are the operators that ask what a value is.
var typeTests = []string{"IsPresent", "IsNull", "IsString", "IsNumeric", "IsBoolean"}

func (o object) choiceState(s *state) {
	s.fallback = o.text("Default")
	if !o.require("Choices") {
		return
	}
	list := o.list("Choices")
	if len(list) == 0 {
		o.say(schemaFailed, o.at+"/Choices", "Choices must not be empty")
	}
	for _, c := range list {
		c.require("Next")
		next := c.text("Next")
		delete(c.fields, "Next")
		delete(c.fields, "Comment")
		one := c.rule()
		one.next = next
		s.choices = append(s.choices, one)
	}
}

func (o object) rule() choice {
	for _, name := range []string{"And", "Or"} {
		if o.has(name) {
			o.allow(name)
			c := choice{combine: name}
			for _, part := range o.list(name) {
				c.parts = append(c.parts, part.rule())
			}
			return c
		}
	}
	if o.has("Not") {
		o.allow("Not")
		inner, ok := o.object("Not")
		if !ok {
			return choice{}
		}
		return choice{combine: "Not", parts: []choice{inner.rule()}}
	}
	if !o.require("Variable") {
		return choice{}
	}
	c := choice{}
	if p := o.path("Variable"); p != nil {
		c.variable = *p
	}
	delete(o.fields, "Variable")
	if len(o.fields) != 1 {
		o.say(schemaFailed, o.place(), "Exactly one comparison operator is required")
		return c
	}
	c.operator = sorted(o.fields)[0]
	o.operator(&c)
	return c
}

// operator checks the operator and its operand.
func (o object) operator(c *choice) {
	name, byPath := strings.CutSuffix(c.operator, "Path")
	if slices.Contains(typeTests, name) && !byPath {
		if c.value = o.fields[c.operator]; jsonKind(c.value) != "BOOLEAN" {
			o.mistyped(c.operator, "BOOLEAN")
		}
		return
	}
	for _, kind := range []string{"Boolean", "Numeric", "String"} {
		comparison, ok := strings.CutPrefix(name, kind)
		if !ok || !slices.Contains(comparisons, comparison) || kind == "Boolean" && comparison != "Equals" {
			continue
		}
		if byPath {
			c.operator, c.from = name, o.path(c.operator)
			return
		}
		want := map[string]string{"Boolean": "BOOLEAN", "Numeric": "NUMBER", "String": "STRING"}[kind]
		if c.value = o.fields[c.operator]; jsonKind(c.value) != want {
			o.mistyped(c.operator, want)
		}
		return
	}
	if strings.HasPrefix(name, "Timestamp") || name == "StringMatches" || name == "IsTimestamp" {
		o.lack(api.Unmodelled("operator", c.operator))
		return
	}
	o.say(schemaFailed, o.place(), "Field '%s' is not supported", c.operator)
}

// holds evaluates a rule.
func (c choice) holds(e environment) (bool, error) {
	switch c.combine {
	case "Not":
		is, err := c.parts[0].holds(e)
		return !is, err
	case "And", "Or":
		for _, part := range c.parts {
			is, err := part.holds(e)
			if err != nil || is == (c.combine == "Or") {
				return is, err
			}
		}
		return c.combine == "And", nil
	}
	v, found := e.find(c.variable)
	if c.operator == "IsPresent" {
		return found == c.value, nil
	}
	if !found {
		return false, invalidChoice(c.variable)
	}
	if slices.Contains(typeTests, c.operator) {
		want := map[string]string{"IsNull": "NULL", "IsString": "STRING", "IsNumeric": "NUMBER", "IsBoolean": "BOOLEAN"}[c.operator]
		return (jsonKind(v) == want) == c.value, nil
	}
	operand := c.value
	if c.from != nil {
		if operand, found = e.find(*c.from); !found {
			return false, invalidChoice(*c.from)
		}
	}
	return compare(c.operator, v, operand), nil
}

func invalidChoice(p path) error {
	return runtimeError("Invalid path '%s': The choice state's condition path references an invalid value.", p.text)
}

// compare is false for values of another type than the operator's.
func compare(operator string, v, operand any) bool {
	var order int
	switch {
	case strings.HasPrefix(operator, "Boolean"):
		a, ok1 := v.(bool)
		b, ok2 := operand.(bool)
		return ok1 && ok2 && a == b
	case strings.HasPrefix(operator, "Numeric"):
		a, ok1 := v.(json.Number)
		b, ok2 := operand.(json.Number)
		if !ok1 || !ok2 {
			return false
		}
		order = compareNumbers(a, b)
		operator = strings.TrimPrefix(operator, "Numeric")
	default:
		a, ok1 := v.(string)
		b, ok2 := operand.(string)
		if !ok1 || !ok2 {
			return false
		}
		order = strings.Compare(a, b)
		operator = strings.TrimPrefix(operator, "String")
	}
	switch operator {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "LessThanEquals":
		return order <= 0
	case "GreaterThan":
		return order > 0
	case "GreaterThanEquals":
		return order >= 0
	}
	panic(fmt.Sprintf("comparing by %s", operator))
}

func compareNumbers(a, b json.Number) int {
	x, _ := a.Float64()
	y, _ := b.Float64()
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
