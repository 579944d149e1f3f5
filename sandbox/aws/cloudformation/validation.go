package cloudformation

import (
	"context"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// existenceCheck is the status reason of a change set that would make something whose
// name is taken: CloudFormation User Guide, "Validate stack deployments"; its words are
// those that aws-cloudformation/rain#744 and serverless/serverless#13248 report. Events
// of validations (DescribeEvents) are not modelled, and neither are validations of
// CreateStack and UpdateStack.
const existenceCheck = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information."

// validate looks for resources whose names are taken. Where existing ones are to be
// imported, their changes say so. Server.mu is not held while it asks.
func (s *Server) validate(
	ctx context.Context,
	clients *resource.Clients,
	src source,
	changes []change,
	imports bool,
) (reason string, err error) {
	taken := false
	for n := range changes {
		c := &changes[n]
		kind := s.types[c.typeName]
		name, ok := c.after[kind.NameProperty()].(string)
		makes := c.action == "Add" || c.action == "Modify" && c.replacement == "True" && fmt.Sprint(c.before[kind.NameProperty()]) != name
		if !ok || name == "" || !makes || !kind.Exists(ctx, &resource.Call{Clients: clients, Account: s.Account, Region: s.Region}, name) {
			continue
		}
		switch policy := src.template.Resources[c.logicalID].DeletionPolicy; {
		case !imports || c.action != "Add":
			taken = true
		case policy == "": // "Import AWS resources into a CloudFormation stack": it must have one
			taken = true
		case !kind.Imports():
			return "", api.NotModelled("ImportExistingResources of " + c.typeName)
		default:
			c.action, c.physicalID = "Import", name
		}
	}
	if taken {
		return existenceCheck, nil
	}
	return "", nil
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

// adopt makes an existing resource one of the stack's.
func (o *operation) adopt(kind resource.Type, r *stackResource, physicalID string) error {
	r.imported = true
	o.locked(func() { o.st.resources[r.logicalID] = r })
	o.record(r, "IMPORT_IN_PROGRESS", "")
	c := o.call(r)
	c.PhysicalID = physicalID
	if !kind.Exists(o.ctx, c, physicalID) {
		return o.fail(r, "IMPORT_FAILED", fmt.Errorf("Resource of type '%s' with identifier '%s' was not found.", kind.Name, physicalID))
	}
	i := kind.Import(c)
	o.locked(func() { r.physicalID, r.attributes = i.PhysicalID, i.Attributes })
	o.record(r, "IMPORT_COMPLETE", "")
	return nil
}
