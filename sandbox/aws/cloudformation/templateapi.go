package cloudformation

import (
	"maps"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation/template"
)

type templateInput struct {
	StackName, ChangeSetName, TemplateStage string
	TemplateBody, TemplateURL               string
	StackSetName                            string
	TemplateSummaryConfig                   struct{ TreatUnrecognizedResourceTypesAsWarnings bool }
}

func (s *Server) getTemplate(r *api.Request, in *templateInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var result struct {
		TemplateBody    string
		StagesAvailable api.Members[string]
	}
	result.StagesAvailable = api.MembersOf("Original", "Processed")
	if in.ChangeSetName != "" {
		_, cs, err := s.changeSet(r, "GetTemplate", in.StackName, in.ChangeSetName)
		if err != nil {
			return nil, err
		}
		result.TemplateBody = cs.source.body
		return result, nil
	}
	st, err := s.existing(r, "GetTemplate", in.StackName, nil)
	if err != nil {
		return nil, err
	}
	result.TemplateBody = st.source.body
	return result, nil
}

// subject is the template that an operation is about: a stack's, or one given.
func (s *Server) subject(r *api.Request, action string, in *templateInput) (*template.Template, error) {
	if in.StackSetName != "" {
		return nil, api.NotModelled("StackSetName")
	}
	if in.StackName != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		st, err := s.existing(r, action, in.StackName, nil)
		if err != nil {
			return nil, err
		}
		if st.source.template == nil {
			return nil, validationError("Stack [%s] has no template yet", st.name)
		}
		return st.source.template, nil
	}
	if err := r.Authorize("cloudformation:"+action, "*", stackKeys("", in.TemplateURL)); err != nil {
		return nil, err
	}
	body, err := s.body(r, sourceInput{TemplateBody: in.TemplateBody, TemplateURL: in.TemplateURL}, nil)
	if err != nil {
		return nil, err
	}
	t, err := template.Parse(body)
	if err != nil {
		return nil, asValidation(err)
	}
	return t, nil
}

type declarationAnswer struct {
	ParameterKey  string
	DefaultValue  *string
	ParameterType string `xml:",omitempty"`
	NoEcho        bool
	Description   string `xml:",omitempty"`
}

func declarations(t *template.Template) api.Members[declarationAnswer] {
	var out api.Members[declarationAnswer]
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		out.Items = append(out.Items, declarationAnswer{ParameterKey: name, DefaultValue: p.Default, ParameterType: p.Type, NoEcho: p.NoEcho, Description: p.Description})
	}
	return out
}

// identifierAnswer says by what resources of a type are identified when they are imported.
type identifierAnswer struct {
	ResourceType                            string
	LogicalResourceIds, ResourceIdentifiers api.Members[string]
}

func (s *Server) identifiers(t *template.Template) []identifierAnswer {
	byType := map[string]identifierAnswer{}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		name := t.Resources[id].Type
		kind := s.types[name]
		if kind.Identifier() == "" {
			continue
		}
		a := byType[name]
		a.ResourceType, a.ResourceIdentifiers = name, api.MembersOf(kind.Identifier())
		a.LogicalResourceIds.Items = append(a.LogicalResourceIds.Items, id)
		byType[name] = a
	}
	var out []identifierAnswer
	for _, name := range slices.Sorted(maps.Keys(byType)) {
		out = append(out, byType[name])
	}
	return out
}

func (s *Server) getTemplateSummary(r *api.Request, in *templateInput) (any, error) {
	t, err := s.subject(r, "GetTemplateSummary", in)
	if err != nil {
		return nil, err
	}
	var result struct {
		Parameters                  api.Members[declarationAnswer]
		Description                 string `xml:",omitempty"`
		Capabilities                api.Members[string]
		CapabilitiesReason          string `xml:",omitempty"`
		ResourceTypes               api.Members[string]
		Metadata                    string `xml:",omitempty"`
		ResourceIdentifierSummaries api.Members[identifierAnswer]
	}
	result.Parameters, result.Description = declarations(t), t.Description
	if c := s.capabilities(t); c != "" {
		result.Capabilities = api.MembersOf(c)
		result.CapabilitiesReason = "The following resource(s) require capabilities: [AWS::IAM]"
	}
	for _, res := range t.Resources {
		result.ResourceTypes.Items = append(result.ResourceTypes.Items, res.Type)
	}
	slices.Sort(result.ResourceTypes.Items)
	result.ResourceIdentifierSummaries.Items = s.identifiers(t)
	if t.Metadata != nil {
		result.Metadata = canonical(t.Metadata)
	}
	return result, nil
}

func (s *Server) validateTemplate(r *api.Request, in *templateInput) (any, error) {
	t, err := s.subject(r, "ValidateTemplate", in)
	if err != nil {
		return nil, err
	}
	if err := s.knownTypes(t); err != nil {
		return nil, err
	}
	var result struct {
		Parameters         api.Members[declarationAnswer]
		Description        string `xml:",omitempty"`
		Capabilities       api.Members[string]
		CapabilitiesReason string `xml:",omitempty"`
	}
	result.Parameters, result.Description = declarations(t), t.Description
	if c := s.capabilities(t); c != "" {
		result.Capabilities = api.MembersOf(c)
		result.CapabilitiesReason = "The following resource(s) require capabilities: [AWS::IAM]"
	}
	return result, nil
}
