// Package template reads CloudFormation templates: JSON or YAML text into
// sections, parameters into values, intrinsic functions into results, and
// references into an order of work. It makes no calls and knows no resource type;
// the caller supplies the values of a resource's Ref and attributes.
//
// Modelled: Parameters (String, Number, lists, SSM values), Mappings,
// Conditions, Rules, Resources with DependsOn, Condition, DeletionPolicy,
// UpdateReplacePolicy and Metadata, Outputs with Export, and the intrinsic
// functions of the list in Functions.
//
// Not modelled, and refused by name: Transform and macros, CreationPolicy and
// UpdatePolicy, Fn::Cidr, Fn::Transform, Fn::ForEach and the other language
// extensions, dynamic references ({{resolve:…}}).
package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// Limits of "Understand CloudFormation quotas".
const (
	MaxBodyBytes  = 51_200
	MaxURLBytes   = 1 << 20
	MaxParameters = 200
	MaxResources  = 500
	MaxOutputs    = 200
)

// maxText bounds what intrinsic functions put together. A template of a few
// lines could double a text as often as it nests; the largest template is as
// much as CloudFormation would take of it.
const maxText = MaxURLBytes

// Error is a fault of the template or of what was passed to it. The message is
// CloudFormation's own, which answers it as a ValidationError.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

func errorf(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// Template is a parsed template. Values hold map[string]any, []any, string,
// json.Number, bool and nil.
type Template struct {
	Description string
	Metadata    any
	Parameters  map[string]Parameter
	Mappings    map[string]map[string]map[string]any
	Conditions  map[string]any
	Rules       map[string]Rule
	Resources   map[string]Resource
	Outputs     map[string]Output
}

// Resource is one member of Resources, its properties not yet evaluated.
type Resource struct {
	Type                string
	Condition           string
	Properties          map[string]any
	DependsOn           []string
	DeletionPolicy      string
	UpdateReplacePolicy string
	Metadata            any
}

// Output is one member of Outputs.
type Output struct {
	Description string
	Condition   string
	Value       any
	Export      any // the export's name, or nil
}

// Parse reads a template and checks everything that needs no parameter values.
func Parse(body string) (*Template, error) {
	root, err := decode(body)
	if err != nil {
		return nil, err
	}
	t := &Template{}
	var unknown []string
	for _, section := range slices.Sorted(maps.Keys(root)) {
		if err := t.section(section, root[section]); err != nil {
			if err == errUnknownSection {
				unknown = append(unknown, section)
				continue
			}
			return nil, err
		}
	}
	if len(unknown) > 0 {
		return nil, errorf("Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	if len(t.Resources) == 0 {
		return nil, errorf("Template format error: At least one Resources member must be defined.")
	}
	if n := len(t.Parameters); n > MaxParameters {
		return nil, errorf("Template format error: Number of parameters, %d, is greater than maximum allowed, %d", n, MaxParameters)
	}
	if n := len(t.Resources); n > MaxResources {
		return nil, errorf("Template format error: Number of resources, %d, is greater than maximum allowed, %d", n, MaxResources)
	}
	if n := len(t.Outputs); n > MaxOutputs {
		return nil, errorf("Template format error: Number of outputs, %d, is greater than maximum allowed, %d", n, MaxOutputs)
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

var errUnknownSection = fmt.Errorf("unknown section")

func (t *Template) section(name string, v any) (err error) {
	switch name {
	case "AWSTemplateFormatVersion":
		if s, _ := v.(string); s != "2010-09-09" {
			return errorf("Template format error: unsupported value for AWSTemplateFormatVersion. Supported values are: [2010-09-09]")
		}
	case "Description":
		s, ok := v.(string)
		if !ok {
			return errorf("Template format error: Description must be a string.")
		}
		t.Description = s
	case "Metadata":
		t.Metadata = v
	case "Parameters":
		t.Parameters, err = members(name, v, parseParameter)
	case "Mappings":
		t.Mappings, err = members(name, v, parseMapping)
	case "Conditions":
		t.Conditions, err = members(name, v, func(_ string, v map[string]any) (any, error) { return v, nil })
	case "Rules":
		t.Rules, err = members(name, v, parseRule)
	case "Resources":
		t.Resources, err = members(name, v, parseResource)
	case "Outputs":
		t.Outputs, err = members(name, v, parseOutput)
	case "Transform":
		return errorf("Template format error: %s", unmodelled.AWS("Transform", fmt.Sprint(v)))
	default:
		return errUnknownSection
	}
	return err
}

// members reads one section whose members are all objects.
func members[T any](section string, v any, parse func(name string, m map[string]any) (T, error)) (map[string]T, error) {
	all, ok := v.(map[string]any)
	if !ok {
		return nil, errorf("Template format error: %s must be an object.", section)
	}
	out := make(map[string]T, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, ok := all[name].(map[string]any)
		if !ok {
			return nil, errorf("Template format error: [/%s/%s] Every %s member must be an object.", section, name, section)
		}
		parsed, err := parse(name, m)
		if err != nil {
			return nil, err
		}
		out[name] = parsed
	}
	return out, nil
}

func parseMapping(name string, m map[string]any) (map[string]map[string]any, error) {
	out := make(map[string]map[string]any, len(m))
	for _, top := range slices.Sorted(maps.Keys(m)) {
		second, ok := m[top].(map[string]any)
		if !ok {
			return nil, errorf("Template format error: Every Mappings attribute must be a String or a List. [/Mappings/%s/%s]", name, top)
		}
		out[top] = second
	}
	return out, nil
}

func parseResource(name string, m map[string]any) (Resource, error) {
	var r Resource
	if strings.ContainsFunc(name, notAlphanumeric) {
		return r, errorf("Template format error: Resource name %s is non alphanumeric.", name)
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		ok := true
		switch key {
		case "Type":
			r.Type, ok = v.(string)
		case "Condition":
			r.Condition, ok = v.(string)
		case "Properties":
			r.Properties, ok = v.(map[string]any)
			ok = ok || v == nil
		case "DependsOn":
			r.DependsOn, ok = stringOrList(v)
		case "DeletionPolicy":
			r.DeletionPolicy, ok = v.(string)
		case "UpdateReplacePolicy":
			r.UpdateReplacePolicy, ok = v.(string)
		case "Metadata":
			r.Metadata = v
		case "CreationPolicy", "UpdatePolicy":
			return r, errorf("Template format error: [/Resources/%s] %s", name, unmodelled.AWS("attribute", key))
		default:
			return r, errorf("Invalid template resource property '%s'", key)
		}
		if !ok {
			return r, errorf("Template format error: [/Resources/%s/%s] has a wrong type.", name, key)
		}
	}
	if r.Type == "" {
		return r, errorf("Template format error: [/Resources/%s] Every Resources object must contain a Type member.", name)
	}
	if !slices.Contains([]string{"", "Delete", "Retain", "RetainExceptOnCreate"}, r.DeletionPolicy) {
		return r, errorf("Template error: resource %s: %s", name, unmodelled.AWS("DeletionPolicy", r.DeletionPolicy))
	}
	if !slices.Contains([]string{"", "Delete", "Retain"}, r.UpdateReplacePolicy) {
		return r, errorf("Template error: resource %s: %s", name, unmodelled.AWS("UpdateReplacePolicy", r.UpdateReplacePolicy))
	}
	return r, nil
}

func parseOutput(name string, m map[string]any) (Output, error) {
	var o Output
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		ok := true
		switch key {
		case "Description":
			o.Description, ok = v.(string)
		case "Condition":
			o.Condition, ok = v.(string)
		case "Value":
			o.Value = v
		case "Export":
			var e map[string]any
			if e, ok = v.(map[string]any); ok {
				o.Export, ok = e["Name"]
				ok = ok && len(e) == 1
			}
		default:
			return o, errorf("Template format error: Unrecognized member %s in output %s", key, name)
		}
		if !ok {
			return o, errorf("Template format error: [/Outputs/%s/%s] has a wrong type.", name, key)
		}
	}
	if o.Value == nil {
		return o, errorf("Template format error: [/Outputs/%s] Every Outputs member must contain a Value object", name)
	}
	return o, nil
}

func stringOrList(v any) ([]string, bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

func notAlphanumeric(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
}
