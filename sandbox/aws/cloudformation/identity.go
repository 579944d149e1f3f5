package cloudformation

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/resource"
)

// passRole checks that the caller may hand the role to CloudFormation, and that
// CloudFormation may assume it.
func (s *Server) passRole(r *api.Request, roleARN string) error {
	if roleARN == "" {
		return nil
	}
	if err := r.Authorize("iam:PassRole", roleARN, map[string][]string{"iam:PassedToService": {principal}}); err != nil {
		return err
	}
	_, err := s.clients(r, roleARN)
	return err
}

// clients are the rights that an operation works with: those of the stack's
// role, or without one the caller's own.
func (s *Server) clients(r *api.Request, roleARN string) (*resource.Clients, error) {
	if roleARN == "" {
		creds, err := s.Forward(r.Caller, sessionLength)
		if err != nil {
			return nil, fmt.Errorf("forwarding the caller's credentials: %w", err)
		}
		return s.as(creds), nil
	}
	creds, err := s.ServiceRole(roleARN, principal, "AWSCloudFormation", sessionLength)
	if err != nil {
		return nil, validationError("Role %s is invalid or cannot be assumed", roleARN)
	}
	return s.as(creds), nil
}

// as are the clients that work with the rights of a session.
func (s *Server) as(creds api.Credentials) *resource.Clients {
	clients := resource.NewClients(s.Config(creds))
	clients.Ask = func(action, arn string, keys map[string][]string) error {
		return s.Ask(creds.AccessKeyID, action, arn, keys)
	}
	return clients
}

// serviceMessage is what a service said, without the SDK's frame around it.
func serviceMessage(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorMessage()
	}
	return err.Error()
}
