package cloudformation

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// change is what an operation would do to one resource.
type change struct {
	action                          string // Add, Modify or Remove
	logicalID, physicalID, typeName string
	replacement                     string // of a Modify: True, False or Conditional
	policyAction                    string // Delete, Retain, ReplaceAndDelete …
	scope                           []string
	details                         []detail
	before, after                   map[string]any
}

// detail is one property of a Modify.
type detail struct {
	attribute, name, recreation, evaluation, source string
	before, after                                   any
	changeType                                      string
}

// plan compares a source with what the stack holds. Server.mu must be held.
func (s *Server) plan(st *stack, src source) (changes []change, outputsChange bool, err error) {
	unknown := map[string]bool{} // resources whose ids only exist later
	scope := s.scope(st, src)
	scope.Ref = func(id string) (string, error) {
		if r := st.resources[id]; r != nil && r.physicalID != "" && !unknown[id] {
			return r.physicalID, nil
		}
		return template.KnownAfterApply, nil
	}
	scope.GetAtt = func(id, attribute string) (any, error) {
		if err := s.supports(src.template, id, attribute); err != nil {
			return nil, err
		}
		if r := st.resources[id]; r != nil && r.physicalID != "" && !unknown[id] {
			if v, ok := r.attributes[attribute]; ok {
				return v, nil
			}
		}
		return template.KnownAfterApply, nil
	}
	scope.Import = s.importer(st, map[string]bool{})
	eval, err := src.template.Evaluate(scope)
	if err != nil {
		return nil, false, err
	}
	if err := eval.CheckRules(); err != nil {
		return nil, false, err
	}
	order, err := eval.Order()
	if err != nil {
		return nil, false, err
	}
	var unrecognizedTypes, retyped []string
	for _, id := range order {
		if _, ok := s.types[src.template.Resources[id].Type]; !ok {
			unrecognizedTypes = append(unrecognizedTypes, src.template.Resources[id].Type)
		}
		if r := st.resources[id]; r != nil && r.typeName != src.template.Resources[id].Type {
			retyped = append(retyped, id)
		}
	}
	if err := unrecognized(unrecognizedTypes); err != nil {
		return nil, false, err
	}
	if len(retyped) > 0 {
		return nil, false, validationError("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]", strings.Join(retyped, ", "))
	}
	for _, id := range order {
		properties, err := eval.Properties(id)
		if err != nil {
			return nil, false, err
		}
		c, changed := s.compare(st, src, id, properties)
		if !changed {
			continue
		}
		unknown[id] = c.replacement == "True"
		changes = append(changes, c)
	}
	for _, id := range slices.Sorted(maps.Keys(st.resources)) {
		if r := st.resources[id]; !slices.Contains(order, id) {
			policy := "Delete"
			if r.deletionPolicy == "Retain" || r.deletionPolicy == "RetainExceptOnCreate" {
				policy = "Retain"
			}
			changes = append(changes, change{action: "Remove", logicalID: id, physicalID: r.physicalID, typeName: r.typeName, policyAction: policy, before: r.properties})
		}
	}
	outputs, err := evaluateOutputs(eval, src.template)
	return changes, !slices.Equal(outputs, st.outputs), err
}

func (s *Server) supports(t *template.Template, id, attribute string) error {
	kind, ok := s.types[t.Resources[id].Type]
	if ok && !slices.Contains(kind.Attributes, attribute) {
		return &template.Error{Message: "Template error: resource " + id + ": " + unmodelled.AWS("attribute", attribute+" of "+kind.Name)}
	}
	return nil
}

// scope is what references other than to resources mean in a stack.
func (s *Server) scope(st *stack, src source) template.Scope {
	return template.Scope{
		AccountID:        s.Account,
		Region:           s.Region,
		StackID:          st.id,
		StackName:        st.name,
		NotificationARNs: src.notificationARNs,
		Parameters:       src.values(),
	}
}

// compare says how a resource would change.
func (s *Server) compare(st *stack, src source, id string, properties map[string]any) (change, bool) {
	declared := src.template.Resources[id]
	kind := s.types[declared.Type]
	properties = kind.WithTags(properties, src.tags)
	r := st.resources[id]
	if r == nil || r.physicalID == "" {
		return change{action: "Add", logicalID: id, typeName: declared.Type, after: properties}, true
	}
	c := change{action: "Modify", logicalID: id, physicalID: r.physicalID, typeName: declared.Type, replacement: "False", before: r.properties, after: properties}
	var old map[string]any
	if st.source.template != nil {
		old = st.source.template.Resources[id].Properties
	}
	for _, name := range differing(r.properties, properties) {
		d := detailOf(kind, name, r.properties, properties, old[name], declared.Properties[name])
		if d.recreation == "Always" {
			if d.evaluation == "Dynamic" && c.replacement == "False" {
				c.replacement = "Conditional"
			} else if d.evaluation == "Static" {
				c.replacement = "True"
			}
		}
		c.details = append(c.details, d)
		if !slices.Contains(c.scope, d.attribute) {
			c.scope = append(c.scope, d.attribute)
		}
	}
	if !template.Equal(r.metadata, declared.Metadata) {
		c.scope = append(c.scope, "Metadata")
	}
	if r.deletionPolicy != declared.DeletionPolicy {
		c.scope = append(c.scope, "DeletionPolicy")
	}
	if r.updateReplacePolicy != declared.UpdateReplacePolicy {
		c.scope = append(c.scope, "UpdateReplacePolicy")
	}
	if c.replacement == "True" {
		c.policyAction = "ReplaceAndDelete"
		if declared.UpdateReplacePolicy == "Retain" {
			c.policyAction = "ReplaceAndRetain"
		}
	}
	return c, len(c.scope) > 0
}

func detailOf(kind resource.Type, name string, before, after map[string]any, oldSource, newSource any) detail {
	d := detail{attribute: "Properties", name: name, recreation: "Never", evaluation: "Static", source: "DirectModification", changeType: "Modify"}
	var isBefore, isAfter bool
	d.before, isBefore = before[name]
	d.after, isAfter = after[name]
	switch {
	case !isBefore:
		d.changeType = "Add"
	case !isAfter:
		d.changeType = "Remove"
	}
	if name == "Tags" {
		d.attribute, d.name = "Tags", ""
	}
	if kind.Replaces(name) {
		d.recreation = "Always"
	}
	if strings.Contains(canonical(d.after), template.KnownAfterApply) {
		d.evaluation, d.source = "Dynamic", "ResourceReference"
	} else if template.Equal(oldSource, newSource) {
		d.source = "ParameterReference"
	}
	return d
}

// differing are the properties whose values differ, sorted.
func differing(before, after map[string]any) []string {
	var names []string
	for name, v := range after {
		if old, ok := before[name]; !ok || !template.Equal(old, v) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// canonical is the JSON text of a value; a string stands for itself.
func canonical(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("marshalling decoded JSON: " + err.Error())
	}
	return string(text)
}

// evaluateOutputs evaluates the active outputs, sorted by name.
func evaluateOutputs(eval *template.Evaluation, t *template.Template) ([]output, error) {
	var out []output
	for _, name := range eval.ActiveOutputs() {
		declared := t.Outputs[name]
		value, err := eval.Text(declared.Value, "output "+name)
		if err != nil {
			return nil, err
		}
		o := output{key: name, value: value, description: declared.Description}
		if declared.Export != nil {
			if o.export, err = eval.Text(declared.Export, "the export name of output "+name); err != nil {
				return nil, err
			}
		}
		out = append(out, o)
	}
	return out, nil
}
