package cloudformation

import (
	"context"
	"fmt"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// existenceCheck is the status reason of a change set that would make something whose
// name is taken: CloudFormation User Guide, "Validate stack deployments"; its words are
// those that aws-cloudformation/rain#744 and serverless/serverless#13248 report. Events
// of validations (DescribeEvents) are not modelled, and neither are validations of
// CreateStack and UpdateStack.
const existenceCheck = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early Validation errors, use the DescribeEvents API for detailed failure information."

// needsPolicy is the status reason of a change set that would import resources which have
// no deletion policy that keeps them: CloudFormation User Guide, "Import AWS resources
// into a CloudFormation stack automatically"; its words are those of aws/aws-cdk-cli#1367.
const needsPolicy = "CloudFormation is attempting to import some resources because they already exist in your account. The resources must have the DeletionPolicy attribute set to 'Retain' or 'RetainExceptOnCreate' in the template for successful import. The affected resources are "

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
	var unkept []string
	for n := range changes {
		c := &changes[n]
		kind := s.types[c.typeName]
		name, ok := c.after[kind.NameProperty()].(string)
		makes := c.action == "Add" || c.action == "Modify" && c.replacement == "True" && fmt.Sprint(c.before[kind.NameProperty()]) != name
		if !ok || name == "" || !makes || !kind.Exists(ctx, &resource.Call{Clients: clients, Account: s.Account, Region: s.Region}, name) {
			continue
		}
		s.mu.Lock()
		held := s.holder(c.typeName, name) != nil
		s.mu.Unlock()
		policy := src.template.Resources[c.logicalID].DeletionPolicy
		switch {
		case !imports || c.action != "Add" || held:
			taken = true
		case policy != "Retain" && policy != "RetainExceptOnCreate":
			unkept = append(unkept, fmt.Sprintf("%s ({%s=%s})", c.logicalID, kind.NameProperty(), name))
		case kind.Identifier() == "":
			return "", api.NotModelled("ImportExistingResources of " + c.typeName)
		default:
			c.action, c.physicalID = "Import", name
		}
	}
	switch {
	case taken:
		return existenceCheck, nil
	case len(unkept) > 0:
		return needsPolicy + strings.Join(unkept, ", "), nil
	}
	return "", nil
}
