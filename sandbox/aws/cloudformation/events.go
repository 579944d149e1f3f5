package cloudformation

import (
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type eventAnswer struct {
	StackId, EventId, StackName string
	LogicalResourceId           string
	PhysicalResourceId          string
	ResourceType                string
	Timestamp                   api.Timestamp
	ResourceStatus              string
	ResourceStatusReason        string `xml:",omitempty"`
	ResourceProperties          string `xml:",omitempty"`
	ClientRequestToken          string `xml:",omitempty"`
	EventType                   string `xml:",omitempty"` // DescribeEvents only
}

func (st *stack) eventAnswer(e event) eventAnswer {
	return eventAnswer{
		StackId: st.id, EventId: e.id, StackName: st.name, LogicalResourceId: e.logicalID, PhysicalResourceId: e.physicalID, ResourceType: e.typeName,
		Timestamp: api.Timestamp(e.time), ResourceStatus: e.status, ResourceStatusReason: e.reason, ResourceProperties: e.properties, ClientRequestToken: e.token}
}

func (s *Server) describeStackEvents(r *api.Request, in *stackNameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "DescribeStackEvents", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	var result struct{ StackEvents api.Members[eventAnswer] }
	for _, e := range slices.Backward(st.events) {
		result.StackEvents.Items = append(result.StackEvents.Items, st.eventAnswer(e))
	}
	return result, nil
}

type describeEventsInput struct {
	StackName, ChangeSetName, OperationId, NextToken string
	Filters                                          struct{ FailedEvents bool }
}

// describeEvents is the newer form, which the CDK asks for the reasons of a
// change set's failure. Validation is not split into events here, so a change
// set has none; its status reason says all.
func (s *Server) describeEvents(r *api.Request, in *describeEventsInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var result struct {
		OperationEvents api.Members[eventAnswer]
	}
	if in.ChangeSetName != "" {
		_, _, err := s.changeSet(r, "DescribeEvents", in.StackName, in.ChangeSetName)
		return result, err
	}
	st, err := s.existing(r, "DescribeEvents", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(st.events) {
		if in.Filters.FailedEvents && !strings.HasSuffix(e.status, "_FAILED") {
			continue
		}
		a := st.eventAnswer(e)
		a.EventType = "STACK_EVENT"
		result.OperationEvents.Items = append(result.OperationEvents.Items, a)
	}
	return result, nil
}

type listHookResultsInput struct {
	TargetType, TargetId, TypeArn, Status, NextToken string
}

// listHookResults is always empty: hooks are not modelled, so none ever ran.
func (s *Server) listHookResults(r *api.Request, in *listHookResultsInput) (any, error) {
	if err := r.Authorize("cloudformation:ListHookResults", "*", nil); err != nil {
		return nil, err
	}
	var result struct {
		TargetType, TargetId string
		HookResults          api.Members[struct{}]
	}
	result.TargetType, result.TargetId = in.TargetType, in.TargetId
	return result, nil
}
