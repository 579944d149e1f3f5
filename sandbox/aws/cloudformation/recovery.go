package cloudformation

import (
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type rollbackStackInput struct {
	StackName            string
	RoleARN              string
	ClientRequestToken   string
	RetainExceptOnCreate bool
}

// rollbackStack goes back from a failure at which rollback was disabled.
func (s *Server) rollbackStack(r *api.Request, in *rollbackStackInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "RollbackStack", in.StackName, stackKeys(in.RoleARN, ""))
	if err != nil {
		return nil, err
	}
	if st.status != "CREATE_FAILED" && st.status != "UPDATE_FAILED" {
		return nil, notInState(st, "rolled back")
	}
	if in.RoleARN != "" {
		st.roleARN = in.RoleARN
	}
	if err := s.passRole(r, in.RoleARN); err != nil {
		return nil, err
	}
	clients, err := s.clients(r, st.roleARN)
	if err != nil {
		return nil, err
	}
	if st.status == "CREATE_FAILED" {
		s.setStatus(st, "ROLLBACK_IN_PROGRESS", "User Initiated", in.ClientRequestToken)
		s.start(r, st, clients, in.ClientRequestToken, (*operation).rollbackCreate)
	} else {
		s.setStatus(st, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", in.ClientRequestToken)
		s.start(r, st, clients, in.ClientRequestToken, func(o *operation) { o.rollbackUpdate(nil) })
	}
	return stackIDAnswer{StackId: st.id}, nil
}

type continueUpdateRollbackInput struct {
	StackName          string
	RoleARN            string
	ResourcesToSkip    []string
	ClientRequestToken string
}

func (s *Server) continueUpdateRollback(r *api.Request, in *continueUpdateRollbackInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "ContinueUpdateRollback", in.StackName, stackKeys(in.RoleARN, ""))
	if err != nil {
		return nil, err
	}
	if st.status != "UPDATE_ROLLBACK_FAILED" {
		return nil, notInState(st, "continued")
	}
	if err := s.passRole(r, in.RoleARN); err != nil {
		return nil, err
	}
	if in.RoleARN != "" {
		st.roleARN = in.RoleARN
	}
	clients, err := s.clients(r, st.roleARN)
	if err != nil {
		return nil, err
	}
	s.setStatus(st, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", in.ClientRequestToken)
	s.start(r, st, clients, in.ClientRequestToken, func(o *operation) { o.rollbackUpdate(in.ResourcesToSkip) })
	return struct{}{}, nil
}

type cancelUpdateStackInput struct{ StackName, ClientRequestToken string }

// cancelUpdateStack is always too late: updates run without pauses.
func (s *Server) cancelUpdateStack(r *api.Request, in *cancelUpdateStackInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.existing(r, "CancelUpdateStack", in.StackName, nil); err != nil {
		return nil, err
	}
	return nil, validationError("CancelUpdateStack cannot be called from current stack status")
}

type terminationProtectionInput struct {
	StackName                   string
	EnableTerminationProtection bool
}

func (s *Server) updateTerminationProtection(r *api.Request, in *terminationProtectionInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "UpdateTerminationProtection", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	st.terminationProtection = in.EnableTerminationProtection
	return stackIDAnswer{StackId: st.id}, nil
}
