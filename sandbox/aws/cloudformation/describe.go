package cloudformation

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type parameterAnswer struct {
	ParameterKey, ParameterValue string
	ResolvedValue                string `xml:",omitempty"`
}

type outputAnswer struct {
	OutputKey, OutputValue string
	Description            string `xml:",omitempty"`
	ExportName             string `xml:",omitempty"`
}

type driftAnswer struct{ StackDriftStatus string }

type stackAnswer struct {
	StackId, StackName          string
	ChangeSetId                 string `xml:",omitempty"`
	Description                 string `xml:",omitempty"`
	Parameters                  api.Members[parameterAnswer]
	CreationTime                api.Timestamp
	DeletionTime                *api.Timestamp
	LastUpdatedTime             *api.Timestamp
	RollbackConfiguration       struct{}
	StackStatus                 string
	StackStatusReason           string `xml:",omitempty"`
	DisableRollback             bool
	NotificationARNs            api.Members[string]
	Capabilities                api.Members[string]
	Outputs                     api.Members[outputAnswer]
	RoleARN                     string `xml:",omitempty"`
	Tags                        api.Members[tagInput]
	EnableTerminationProtection bool
	DriftInformation            driftAnswer
	RetainExceptOnCreate        bool
	DeploymentConfig            *modeAnswer
}

func (st *stack) answer() stackAnswer {
	a := stackAnswer{
		StackId: st.id, StackName: st.name, ChangeSetId: st.executingChangeSet, CreationTime: api.Timestamp(st.created), StackStatus: st.status,
		StackStatusReason: st.reason, DisableRollback: st.disableRollback, RoleARN: st.roleARN, Tags: tagAnswers(st.source),
		EnableTerminationProtection: st.terminationProtection, DriftInformation: driftAnswer{StackDriftStatus: "NOT_CHECKED"},
		RetainExceptOnCreate: st.retainExceptOnCreate, LastUpdatedTime: (*api.Timestamp)(st.updated), DeletionTime: (*api.Timestamp)(st.deleted),
	}
	if st.mode != "" {
		a.DeploymentConfig = &modeAnswer{Mode: st.mode}
	}
	if st.source.template != nil {
		a.Description = st.source.template.Description
		a.Parameters = parameterAnswers(st.source)
	}
	a.NotificationARNs.Items, a.Capabilities.Items = st.source.notificationARNs, st.source.capabilities
	for _, o := range st.outputs {
		a.Outputs.Items = append(a.Outputs.Items, outputAnswer{OutputKey: o.key, OutputValue: o.value, Description: o.description, ExportName: o.export})
	}
	return a
}

func parameterAnswers(src source) api.Members[parameterAnswer] {
	var out api.Members[parameterAnswer]
	for _, name := range slices.Sorted(maps.Keys(src.inputs)) {
		p := parameterAnswer{ParameterKey: name, ParameterValue: src.inputs[name], ResolvedValue: src.resolved[name]}
		if src.template.Parameters[name].NoEcho {
			p.ParameterValue, p.ResolvedValue = "****", ""
		}
		out.Items = append(out.Items, p)
	}
	return out
}

func tagAnswers(src source) api.Members[tagInput] {
	var out api.Members[tagInput]
	for _, key := range slices.Sorted(maps.Keys(src.tags)) {
		out.Items = append(out.Items, tagInput{Key: key, Value: src.tags[key]})
	}
	return out
}

func (s *Server) describeStacks(r *api.Request, in *stackNameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var result struct{ Stacks api.Members[stackAnswer] }
	if in.StackName != "" {
		st, err := s.existing(r, "DescribeStacks", in.StackName, nil)
		if err != nil {
			return nil, err
		}
		result.Stacks.Items = []stackAnswer{st.answer()}
		return result, nil
	}
	if err := r.Authorize("cloudformation:DescribeStacks", "*", nil); err != nil {
		return nil, err
	}
	for _, st := range slices.Backward(s.stacks) {
		if st.status != "DELETE_COMPLETE" {
			result.Stacks.Items = append(result.Stacks.Items, st.answer())
		}
	}
	return result, nil
}

type listStacksInput struct {
	NextToken         string
	StackStatusFilter []string
}

type stackSummary struct {
	StackId, StackName  string
	TemplateDescription string `xml:",omitempty"`
	CreationTime        api.Timestamp
	LastUpdatedTime     *api.Timestamp
	DeletionTime        *api.Timestamp
	StackStatus         string
	StackStatusReason   string `xml:",omitempty"`
	DriftInformation    driftAnswer
}

func (s *Server) listStacks(r *api.Request, in *listStacksInput) (any, error) {
	if err := r.Authorize("cloudformation:ListStacks", "*", nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var result struct{ StackSummaries api.Members[stackSummary] }
	for _, st := range slices.Backward(s.stacks) {
		if len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, st.status) {
			continue
		}
		a := st.answer()
		result.StackSummaries.Items = append(result.StackSummaries.Items, stackSummary{
			StackId: a.StackId, StackName: a.StackName, TemplateDescription: a.Description, CreationTime: a.CreationTime,
			LastUpdatedTime: a.LastUpdatedTime, DeletionTime: a.DeletionTime, StackStatus: a.StackStatus, StackStatusReason: a.StackStatusReason,
			DriftInformation: a.DriftInformation})
	}
	return result, nil
}

type describeResourcesInput struct{ StackName, LogicalResourceId, PhysicalResourceId string }

type resourceAnswer struct {
	StackId, StackName   string
	LogicalResourceId    string
	PhysicalResourceId   string `xml:",omitempty"`
	ResourceType         string
	Timestamp            *api.Timestamp
	LastUpdatedTimestamp *api.Timestamp
	ResourceStatus       string
	ResourceStatusReason string `xml:",omitempty"`
	Metadata             string `xml:",omitempty"`
	DriftInformation     resourceDriftAnswer
}

type resourceDriftAnswer struct{ StackResourceDriftStatus string }

func (st *stack) resourceAnswers(in *describeResourcesInput) []resourceAnswer {
	var out []resourceAnswer
	for _, id := range slices.Sorted(maps.Keys(st.resources)) {
		r := st.resources[id]
		if (in.LogicalResourceId != "" && in.LogicalResourceId != id) || (in.PhysicalResourceId != "" && in.PhysicalResourceId != r.physicalID) {
			continue
		}
		at := api.Timestamp(r.updated)
		out = append(out, resourceAnswer{StackId: st.id, StackName: st.name, LogicalResourceId: id, PhysicalResourceId: r.physicalID, ResourceType: r.typeName,
			Timestamp: &at, ResourceStatus: r.status, ResourceStatusReason: r.reason, DriftInformation: resourceDriftAnswer{"NOT_CHECKED"}})
	}
	return out
}

func (s *Server) describeStackResources(r *api.Request, in *describeResourcesInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := in.StackName
	if name == "" && in.PhysicalResourceId != "" {
		if err := r.Authorize("cloudformation:DescribeStackResources", "*", nil); err != nil { // believed: the request names no stack
			return nil, err
		}
		for _, st := range s.stacks {
			if len(st.resourceAnswers(&describeResourcesInput{PhysicalResourceId: in.PhysicalResourceId})) > 0 {
				name = st.id
			}
		}
		if name == "" {
			return nil, validationError("Stack for %s does not exist", in.PhysicalResourceId)
		}
		in.PhysicalResourceId = ""
	}
	st, err := s.existing(r, "DescribeStackResources", name, nil)
	if err != nil {
		return nil, err
	}
	var result struct{ StackResources api.Members[resourceAnswer] }
	result.StackResources.Items = st.resourceAnswers(in)
	return result, nil
}

func (s *Server) describeStackResource(r *api.Request, in *describeResourcesInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "DescribeStackResource", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	found := st.resourceAnswers(&describeResourcesInput{LogicalResourceId: cmp.Or(in.LogicalResourceId, "-")})
	if len(found) == 0 {
		return nil, validationError("Resource %s does not exist for stack %s", in.LogicalResourceId, st.name)
	}
	var result struct{ StackResourceDetail resourceAnswer }
	result.StackResourceDetail = found[0]
	result.StackResourceDetail.LastUpdatedTimestamp, result.StackResourceDetail.Timestamp = found[0].Timestamp, nil
	if m := st.resources[in.LogicalResourceId].metadata; m != nil {
		result.StackResourceDetail.Metadata = canonical(m)
	}
	return result, nil
}

func (s *Server) listStackResources(r *api.Request, in *stackNameInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, err := s.existing(r, "ListStackResources", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	var result struct {
		StackResourceSummaries api.Members[resourceAnswer]
	}
	for _, a := range st.resourceAnswers(&describeResourcesInput{}) {
		a.LastUpdatedTimestamp, a.Timestamp = a.Timestamp, nil
		result.StackResourceSummaries.Items = append(result.StackResourceSummaries.Items, a)
	}
	return result, nil
}
