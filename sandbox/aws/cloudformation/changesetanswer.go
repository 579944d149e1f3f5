package cloudformation

import (
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type describeChangeSetInput struct {
	StackName, ChangeSetName, NextToken string
	IncludePropertyValues               bool
}

type changeSetAnswer struct {
	ChangeSetId, ChangeSetName, StackId, StackName string
	ChangeSetType                                  string `xml:",omitempty"`
	Description                                    string `xml:",omitempty"`
	Parameters                                     api.Members[parameterAnswer]
	CreationTime                                   api.Timestamp
	ExecutionStatus, Status                        string
	StatusReason                                   string `xml:",omitempty"`
	NotificationARNs                               api.Members[string]
	Capabilities                                   api.Members[string]
	Tags                                           api.Members[tagInput]
	Changes                                        api.Members[changeAnswer]
	IncludeNestedStacks                            bool
	OnStackFailure                                 string `xml:",omitempty"`
	DeploymentConfig                               *modeAnswer
}

type modeAnswer struct{ Mode string }

type changeAnswer struct {
	Type           string
	ResourceChange resourceChangeAnswer
}

type resourceChangeAnswer struct {
	PolicyAction       string `xml:",omitempty"`
	Action             string
	LogicalResourceId  string
	PhysicalResourceId string `xml:",omitempty"`
	ResourceType       string
	Replacement        string `xml:",omitempty"`
	Scope              api.Members[string]
	Details            api.Members[detailAnswer]
	BeforeContext      string `xml:",omitempty"`
	AfterContext       string `xml:",omitempty"`
}

type detailAnswer struct {
	Target       targetAnswer
	Evaluation   string
	ChangeSource string
}

type targetAnswer struct {
	Attribute, RequiresRecreation string
	Name                          string `xml:",omitempty"`
	Path                          string `xml:",omitempty"`
	BeforeValue                   string `xml:",omitempty"`
	AfterValue                    string `xml:",omitempty"`
	AttributeChangeType           string `xml:",omitempty"`
}

func (s *Server) describeChangeSet(r *api.Request, in *describeChangeSetInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, cs, err := s.changeSet(r, "DescribeChangeSet", in.StackName, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	a := changeSetAnswer{
		ChangeSetId: cs.id, ChangeSetName: cs.name, StackId: st.id, StackName: st.name, ChangeSetType: cs.kind, Description: cs.description,
		Parameters: parameterAnswers(cs.source), CreationTime: api.Timestamp(cs.created), ExecutionStatus: cs.executionStatus, Status: cs.status,
		StatusReason: cs.reason, Tags: tagAnswers(cs.source), IncludeNestedStacks: cs.includeNested, OnStackFailure: cs.onFailure,
	}
	a.NotificationARNs.Items, a.Capabilities.Items = cs.source.notificationARNs, cs.source.capabilities
	if cs.mode != "" {
		a.DeploymentConfig = &modeAnswer{Mode: cs.mode}
	}
	if cs.status != "FAILED" {
		for _, c := range cs.changes {
			a.Changes.Items = append(a.Changes.Items, changeAnswer{Type: "Resource", ResourceChange: c.answer(in.IncludePropertyValues)})
		}
	}
	return a, nil
}

func (c change) answer(values bool) resourceChangeAnswer {
	a := resourceChangeAnswer{
		PolicyAction: c.policyAction, Action: c.action, LogicalResourceId: c.logicalID, PhysicalResourceId: c.physicalID,
		ResourceType: c.typeName, Replacement: c.replacement,
	}
	a.Scope.Items = c.scope
	for _, d := range c.details {
		t := targetAnswer{Attribute: d.attribute, Name: d.name, RequiresRecreation: d.recreation}
		if values {
			t.Path, t.AttributeChangeType = "/Properties/"+d.name, d.changeType
			t.BeforeValue, t.AfterValue = canonical(d.before), canonical(d.after)
			if d.name == "" {
				t.Path = "/Properties/Tags"
			}
		}
		a.Details.Items = append(a.Details.Items, detailAnswer{Target: t, Evaluation: d.evaluation, ChangeSource: d.source})
	}
	if values {
		if c.before != nil {
			a.BeforeContext = canonical(map[string]any{"Properties": c.before})
		}
		if c.after != nil {
			a.AfterContext = canonical(map[string]any{"Properties": c.after})
		}
	}
	return a
}

type stackNameInput struct{ StackName, NextToken string }

type changeSetSummary struct {
	ChangeSetId, ChangeSetName, StackId, StackName string
	CreationTime                                   api.Timestamp
	Description                                    string `xml:",omitempty"`
	ExecutionStatus, Status                        string
	StatusReason                                   string `xml:",omitempty"`
}

func (s *Server) listChangeSets(r *api.Request, in *stackNameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "ListChangeSets", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	var result struct{ Summaries api.Members[changeSetSummary] }
	for _, cs := range st.changeSets {
		result.Summaries.Items = append(result.Summaries.Items, changeSetSummary{
			ChangeSetId: cs.id, ChangeSetName: cs.name, StackId: st.id, StackName: st.name, CreationTime: api.Timestamp(cs.created),
			Description: cs.description, ExecutionStatus: cs.executionStatus, Status: cs.status, StatusReason: cs.reason})
	}
	return result, nil
}
