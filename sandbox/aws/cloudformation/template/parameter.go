package template

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parameter is one member of Parameters.
type Parameter struct {
	Type                  string
	Description           string
	Default               *string
	NoEcho                bool
	AllowedValues         []string
	AllowedPattern        string
	ConstraintDescription string
	MinLength, MaxLength  *int
	MinValue, MaxValue    *float64
}

const (
	typeSSMString = "AWS::SSM::Parameter::Value<String>"
	typeSSMList   = "AWS::SSM::Parameter::Value<List<String>>"
	typeSSMComma  = "AWS::SSM::Parameter::Value<CommaDelimitedList>"
)

// FromSSM reports that the parameter's value is the name of an SSM parameter.
func (p Parameter) FromSSM() bool {
	return p.Type == typeSSMString || p.Type == typeSSMList || p.Type == typeSSMComma
}

func (p Parameter) list() bool {
	return p.Type == "CommaDelimitedList" || p.Type == "List<Number>" || p.Type == typeSSMList || p.Type == typeSSMComma
}

func parseParameter(name string, m map[string]any) (Parameter, error) {
	var p Parameter
	for _, key := range slices.Sorted(maps.Keys(m)) {
		text, isScalar := scalar(m[key])
		ok := isScalar
		switch key {
		case "Type":
			p.Type = text
		case "Description":
			p.Description = text
		case "Default":
			p.Default = &text
		case "NoEcho":
			p.NoEcho = text == "true"
		case "AllowedPattern":
			p.AllowedPattern = text
		case "ConstraintDescription":
			p.ConstraintDescription = text
		case "AllowedValues":
			var list []any
			if list, ok = m[key].([]any); ok {
				for _, e := range list {
					s, _ := scalar(e)
					p.AllowedValues = append(p.AllowedValues, s)
				}
			}
		case "MinLength":
			p.MinLength, ok = number(text, strconv.Atoi)
		case "MaxLength":
			p.MaxLength, ok = number(text, strconv.Atoi)
		case "MinValue":
			p.MinValue, ok = number(text, parseFloat)
		case "MaxValue":
			p.MaxValue, ok = number(text, parseFloat)
		default:
			return p, errorf("Invalid template parameter property '%s'", key)
		}
		if !ok {
			return p, errorf("Template format error: Every %s member of parameter %s must be of the right type.", key, name)
		}
	}
	switch {
	case p.Type == "":
		return p, errorf("Template format error: Every Parameters object must contain a Type member.")
	case p.Type == "String", p.Type == "Number", p.Type == "AWS::SSM::Parameter::Name", p.list(), p.FromSSM():
	default:
		return p, errorf("Template format error: Unrecognized parameter type: %s", p.Type)
	}
	return p, nil
}

func number[T any](text string, parse func(string) (T, error)) (*T, bool) {
	n, err := parse(text)
	return &n, err == nil
}

func parseFloat(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

// Inputs joins what was passed with the defaults and checks each value against
// its declaration. The result holds the text of every parameter.
func (t *Template) Inputs(passed map[string]string) (map[string]string, error) {
	var unknown, missing []string
	for _, name := range slices.Sorted(maps.Keys(passed)) {
		if _, ok := t.Parameters[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, errorf("Parameters: [%s] do not exist in the template", strings.Join(unknown, ", "))
	}
	out := make(map[string]string, len(t.Parameters))
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		text, ok := passed[name]
		if !ok {
			if p.Default == nil {
				missing = append(missing, name)
				continue
			}
			text = *p.Default
		}
		out[name] = text
	}
	if len(missing) > 0 {
		return nil, errorf("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if err := t.Parameters[name].check(name, out[name]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Value is the parameter's value as intrinsic functions see it: a string, or a
// list of strings. For an SSM parameter text is the value that SSM holds.
func (p Parameter) Value(text string) any {
	if !p.list() {
		return text
	}
	list := []any{}
	if text == "" {
		// An empty list has one empty member, so that joining it gives ''.
		return append(list, "")
	}
	for e := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(e))
	}
	return list
}

func (p Parameter) check(name, text string) error {
	values := []string{text}
	if p.list() && !p.FromSSM() {
		values = nil
		for _, e := range p.Value(text).([]any) {
			values = append(values, e.(string))
		}
	}
	for _, v := range values {
		if why := p.violates(name, v); why != "" {
			if p.ConstraintDescription != "" {
				return errorf("Parameter %s failed to satisfy constraint: %s", name, p.ConstraintDescription)
			}
			return errorf("%s", why)
		}
	}
	return nil
}

func (p Parameter) violates(name, v string) string {
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, v) {
		return "Parameter '" + name + "' must be one of AllowedValues"
	}
	if p.Type == "Number" || p.Type == "List<Number>" {
		f, err := parseFloat(v)
		if err != nil {
			return "Parameter '" + name + "' must be a number."
		}
		if p.MinValue != nil && f < *p.MinValue {
			return "Parameter '" + name + "' must be a number not less than " + strconv.FormatFloat(*p.MinValue, 'g', -1, 64)
		}
		if p.MaxValue != nil && f > *p.MaxValue {
			return "Parameter '" + name + "' must be a number not greater than " + strconv.FormatFloat(*p.MaxValue, 'g', -1, 64)
		}
	}
	if p.MinLength != nil && len(v) < *p.MinLength {
		return "Parameter '" + name + "' must contain at least " + strconv.Itoa(*p.MinLength) + " characters"
	}
	if p.MaxLength != nil && len(v) > *p.MaxLength {
		return "Parameter '" + name + "' must contain at most " + strconv.Itoa(*p.MaxLength) + " characters"
	}
	if p.AllowedPattern != "" {
		re, err := regexp.Compile("^(?:" + p.AllowedPattern + ")$")
		if err != nil {
			return "Parameter '" + name + "' has an AllowedPattern that is not a regular expression"
		}
		if !re.MatchString(v) {
			return "Parameter '" + name + "' must match pattern " + p.AllowedPattern
		}
	}
	return ""
}

// scalar is the text of a string, number or boolean, as CloudFormation coerces them.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
