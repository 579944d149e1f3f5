package template

import (
	"maps"
	"slices"
	"strings"
)

// reference is one mention of another member of the template.
type reference struct {
	name      string
	attribute bool // by Fn::GetAtt: must be a resource
}

// references collects what v refers to. taken selects the branch of an Fn::If;
// with nil both count.
func references(v any, taken func(condition string) bool, found func(reference)) error {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if err := references(element, taken, found); err != nil {
				return err
			}
		}
	case map[string]any:
		if name, arg, ok := call(v); ok {
			return callReferences(name, arg, taken, found)
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := references(v[key], taken, found); err != nil {
				return err
			}
		}
	}
	return nil
}

func callReferences(name string, arg any, taken func(string) bool, found func(reference)) error {
	switch name {
	case "Ref":
		text, ok := arg.(string)
		if !ok {
			return errorf("Template format error: Every Ref object must have a single String value.")
		}
		found(reference{name: text})
		return nil
	case "Fn::GetAtt":
		resource, attribute, ok := target(arg)
		if !ok {
			return errorf(badGetAtt)
		}
		found(reference{name: resource, attribute: true})
		return references(attribute, taken, found)
	case "Fn::Sub":
		return subReferences(arg, taken, found)
	case "Fn::If":
		list, ok := arg.([]any)
		if !ok || len(list) != 3 {
			return errorf("Template error: Fn::If requires a list argument with three elements")
		}
		condition, _ := list[0].(string)
		if taken == nil {
			return references(list[1:], taken, found)
		}
		if taken(condition) {
			return references(list[1], taken, found)
		}
		return references(list[2], taken, found)
	}
	if !slices.Contains(Functions(), name) {
		return unsupported(name)
	}
	return references(arg, taken, found)
}

func subReferences(arg any, taken func(string) bool, found func(reference)) error {
	text, variables, err := subParts(arg)
	if err != nil {
		return err
	}
	parts, err := pieces(text)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, own := variables[p.text]; !p.variable || own {
			continue
		}
		resource, _, dotted := strings.Cut(p.text, ".")
		found(reference{name: resource, attribute: dotted})
	}
	return references(variables, taken, found)
}

var pseudoParameters = []string{"AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region",
	"AWS::StackId", "AWS::StackName", "AWS::URLSuffix"}

// check finds references to names that the template does not have.
func (t *Template) check() error {
	for _, name := range slices.Sorted(maps.Keys(t.Conditions)) {
		if err := t.checkReferences(t.Conditions[name], "Conditions", false); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		if err := t.checkCondition(r.Condition, id); err != nil {
			return err
		}
		if err := t.checkReferences(r.Properties, "Resources", true); err != nil {
			return err
		}
		for _, other := range r.DependsOn {
			if _, ok := t.Resources[other]; !ok {
				return unresolved([]string{other}, "Resources")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Outputs)) {
		o := t.Outputs[name]
		if err := t.checkCondition(o.Condition, name); err != nil {
			return err
		}
		if err := t.checkReferences([]any{o.Value, o.Export}, "Outputs", true); err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) checkCondition(condition, of string) error {
	if _, ok := t.Conditions[condition]; condition != "" && !ok {
		return errorf("Template format error: Unresolved condition dependency %s in the definition of %s", condition, of)
	}
	return nil
}

func (t *Template) checkReferences(v any, block string, resources bool) error {
	var missing []string
	var undefined error
	err := references(v, nil, func(r reference) {
		_, isResource := t.Resources[r.name]
		_, isParameter := t.Parameters[r.name]
		switch {
		case isResource && resources:
		case !r.attribute && (isParameter || slices.Contains(pseudoParameters, r.name)):
		case r.attribute && resources && undefined == nil:
			undefined = errorf("Template error: instance of Fn::GetAtt references undefined resource %s", r.name)
		default:
			missing = append(missing, r.name)
		}
	})
	switch {
	case err != nil:
		return err
	case len(missing) > 0 && !resources:
		return errorf("Template format error: Unresolved dependencies [%s]. Cannot reference resources in the Conditions block of the template", strings.Join(missing, ", "))
	case len(missing) > 0:
		return unresolved(missing, block)
	}
	return undefined
}

// inactiveRefs are the resources v refers to whose condition does not hold.
func (e *Evaluation) inactiveRefs(v any) []string {
	var names []string
	// Form errors were found when the template was parsed.
	_ = references(v, e.holds, func(r reference) {
		if _, ok := e.t.Resources[r.name]; ok && !e.active(r.name) {
			names = append(names, r.name)
		}
	})
	return names
}

func (e *Evaluation) holds(condition string) bool { return e.conditions[condition] }

// Dependencies are the active resources that a resource needs, by reference or
// DependsOn, sorted.
func (e *Evaluation) Dependencies(id string) []string {
	r := e.t.Resources[id]
	needs := map[string]bool{}
	_ = references(r.Properties, e.holds, func(ref reference) {
		needs[ref.name] = e.active(ref.name)
	})
	for _, other := range r.DependsOn {
		needs[other] = e.active(other)
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		if needs[name] {
			out = append(out, name)
		}
	}
	return out
}

// Order sorts the active resources so that each comes after what it needs.
func (e *Evaluation) Order() ([]string, error) {
	needs := map[string][]string{}
	for _, id := range e.ActiveResources() {
		needs[id] = e.Dependencies(id)
	}
	var order []string
	done := map[string]bool{}
	for len(order) < len(needs) {
		before := len(order)
		for _, id := range slices.Sorted(maps.Keys(needs)) {
			if !done[id] && !slices.ContainsFunc(needs[id], func(n string) bool { return !done[n] }) {
				done[id] = true
				order = append(order, id)
			}
		}
		if len(order) == before {
			return nil, errorf("Circular dependency between resources: [%s]", strings.Join(cycle(needs, done), ", "))
		}
	}
	return order, nil
}

// cycle names the resources that wait for each other: those left over, without
// those that no one left over needs.
func cycle(needs map[string][]string, done map[string]bool) []string {
	var left []string
	for _, id := range slices.Sorted(maps.Keys(needs)) {
		if !done[id] {
			left = append(left, id)
		}
	}
	for {
		kept := slices.DeleteFunc(slices.Clone(left), func(id string) bool {
			return !slices.ContainsFunc(left, func(other string) bool { return slices.Contains(needs[other], id) })
		})
		if len(kept) == len(left) {
			return left
		}
		left = kept
	}
}
