package cloudformation

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// resourceToImport names an existing resource that is to become one of the stack's: API
// Reference, "ResourceToImport".
type resourceToImport struct {
	ResourceType       string
	LogicalResourceId  string
	ResourceIdentifier map[string]string
}

func (in *createChangeSetInput) typesToImport() []string {
	var types []string
	for _, r := range in.ResourcesToImport {
		types = append(types, r.ResourceType)
	}
	return types
}

// checkImport holds an import to its rules: User Guide, "Import AWS resources into a
// CloudFormation stack". It imports, and changes nothing: no output, no parameter, no
// other resource. The words are those that awsdocs/elastic-beanstalk-samples#168,
// awslabs/aws-security-assessment-solution#6, aws-samples/amazon-ec2-global-dashboard#3,
// aws/aws-cdk-cli#1602 and cloudformation-coverage-roadmap#1607 report, or believed.
// Server.mu must be held.
func (s *Server) checkImport(in *createChangeSetInput, st *stack, src source, changes []change, outputsChange bool) error {
	wanted := map[string]resourceToImport{}
	for _, r := range in.ResourcesToImport {
		if _, ok := src.template.Resources[r.LogicalResourceId]; !ok {
			return validationError("ResourcesToImport [%s] do not exist in the template", r.LogicalResourceId) // believed
		}
		wanted[r.LogicalResourceId] = r
	}
	held := map[string]*stackResource{}
	if st != nil {
		held = st.resources
	}
	var unkept, unsupported, taken, modified []string
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		declared, kind := src.template.Resources[id], s.types[wanted[id].ResourceType]
		physicalID, err := identified(id, declared.Type, wanted[id], kind)
		switch {
		case !resource.Importable(declared.Type):
			unsupported = append(unsupported, declared.Type)
		case err != nil:
			return err
		case kind.Identifier() == "":
			return api.NotModelled("import of " + declared.Type)
		case declared.DeletionPolicy == "":
			unkept = append(unkept, id)
		case held[id] != nil && held[id].physicalID != "" || s.holder(declared.Type, physicalID) != nil:
			taken = append(taken, id)
		}
	}
	for n := range changes {
		c := &changes[n]
		if _, ok := wanted[c.logicalID]; !ok {
			modified = append(modified, c.logicalID)
			continue
		}
		c.physicalID = wanted[c.logicalID].ResourceIdentifier[s.types[c.typeName].Identifier()]
		if name, ok := c.after[s.types[c.typeName].NameProperty()].(string); ok && name != c.physicalID {
			return validationError(
				"The identifier %s of the resource to import %s differs from that in the template, %s",
				c.physicalID,
				c.logicalID,
				name,
			) // believed
		}
		c.action = "Import"
	}
	list := func(ids []string) string { return strings.Join(ids, ", ") }
	switch {
	case len(unsupported) > 0:
		return validationError("The following resource types are not supported for resource import: %s", strings.Join(unsupported, ","))
	case len(unkept) > 0:
		return validationError(
			"The following resources to import [%s] must have DeletionPolicy attribute specified in the template.",
			list(unkept),
		)
	case len(taken) > 0:
		return validationError("Resources [%s] passed in ResourceToImport are already in a stack and cannot be imported.", list(taken))
	case outputsChange:
		return validationError("As part of the import operation, you cannot modify or add [Outputs]")
	case len(modified) > 0:
		return validationError(
			"You have modified resources [%s] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations.",
			list(modified),
		)
	case st != nil && st.source.template != nil && !maps.Equal(st.source.inputs, src.inputs):
		return validationError(
			"As part of the import operation, you cannot modify or add [Parameters]",
		) // by analogy, as aws/aws-cdk#31724 reports
	}
	return nil
}

// identified is the physical id of a resource to import, which its type's primary
// identifier gives. The words of its refusals are believed.
func identified(id, declared string, r resourceToImport, kind resource.Type) (string, error) {
	if r.ResourceType != declared {
		return "", validationError(
			"The type %s of the resource to import %s differs from that in the template, %s",
			r.ResourceType,
			id,
			declared,
		)
	}
	property := kind.Identifier()
	value, ok := r.ResourceIdentifier[property]
	if property != "" && (!ok || value == "" || len(r.ResourceIdentifier) != 1) {
		return "", validationError("The resource to import %s must be identified by [%s]", id, property)
	}
	return value, nil
}

// holder is the stack that a resource is part of, or nil. Server.mu must be held.
func (s *Server) holder(typeName, physicalID string) *stack {
	for _, st := range s.stacks {
		if st.status == "DELETE_COMPLETE" {
			continue
		}
		for _, r := range st.resources {
			if r.typeName == typeName && r.physicalID == physicalID && r.physicalID != "" {
				return st
			}
		}
	}
	return nil
}

// imports are the physical ids of what a change set imports, by logical ids.
func (cs *changeSet) imports() map[string]string {
	out := map[string]string{}
	for _, c := range cs.changes {
		if c.action == "Import" {
			out[c.logicalID] = c.physicalID
		}
	}
	return out
}

// beginImport begins to execute a change set of type IMPORT. Server.mu must be held.
func (s *Server) beginImport(st *stack, cs *changeSet, token string) {
	st.begin(cs.source)
	s.setStatus(st, "IMPORT_IN_PROGRESS", "User Initiated", token)
}

// runImport makes existing resources the stack's. If one cannot be imported, the stack has
// none of them; that a new stack then keeps its template is believed.
func (o *operation) runImport() {
	if err := o.apply(); err == nil {
		o.locked(o.st.remember)
		o.stackStatus("IMPORT_COMPLETE", "")
		return
	} else {
		o.stackStatus("IMPORT_ROLLBACK_IN_PROGRESS", o.reason("import", err))
	}
	for id := range o.adopts {
		if r := o.st.resources[id]; r != nil && o.st.stable.resources[id] == nil {
			if r.status == "IMPORT_COMPLETE" {
				o.record(r, "IMPORT_ROLLBACK_COMPLETE", "")
			}
			o.locked(func() { delete(o.st.resources, id) })
		}
	}
	o.locked(func() {
		if o.st.stable.source.template != nil {
			o.st.source = o.st.stable.source
		}
	})
	o.stackStatus("IMPORT_ROLLBACK_COMPLETE", "")
}

// adopt makes an existing resource one of the stack's. It is looked for, and its
// properties in the template are held to the schema; neither is changed: User Guide,
// "Bringing existing resources into CloudFormation management", validation.
func (o *operation) adopt(kind resource.Type, r *stackResource, physicalID string) error {
	r.imported = true
	o.locked(func() { o.st.resources[r.logicalID] = r })
	o.record(r, "IMPORT_IN_PROGRESS", "")
	c := o.call(r)
	c.PhysicalID = physicalID
	if err := kind.Check(r.logicalID, r.properties); err != nil {
		return o.fail(r, "IMPORT_FAILED", err)
	}
	i, err := kind.Import(o.ctx, c)
	if err != nil {
		return o.fail(r, "IMPORT_FAILED", err)
	}
	if i.PhysicalID == "" {
		return o.fail(r, "IMPORT_FAILED", fmt.Errorf("Resource of type '%s' with identifier '%s' was not found.", kind.Name, physicalID))
	}
	o.locked(func() { r.physicalID, r.attributes = i.PhysicalID, i.Attributes })
	o.record(r, "IMPORT_COMPLETE", "")
	return nil
}
