package ssm

import (
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// page answers one page of parameters.
func page[T any](items []T, size *int, token string, most int) (any, error) {
	items, next, err := api.Page(api.Pages{
		Size: most, Most: most,
		BadSize: func(n int) error {
			return refuse("ValidationException", "1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", n, most)
		},
		BadToken: func() error { return refuse("InvalidNextToken", "The specified token is not valid.") },
	}, items, size, token)
	out := map[string]any{"Parameters": items}
	if next != "" {
		out["NextToken"] = next
	}
	return out, err
}

type filter struct {
	Key    string
	Option string
	Values []string
}

type describeInput struct {
	ParameterFilters []filter
	MaxResults       *int
	NextToken        string
}

// selects evaluates a filter of DescribeParameters.
func (f filter) selects(p *parameter) (bool, error) {
	if f.Key == "Type" && (f.Option == "" || f.Option == "Equals") {
		return slices.Contains(f.Values, p.kind), nil
	}
	if f.Key != "Name" {
		return false, api.NotModelled("ParameterFilters key " + f.Key)
	}
	test := map[string]func(string, string) bool{
		"": func(a, b string) bool { return a == b }, "Equals": func(a, b string) bool { return a == b },
		"BeginsWith": strings.HasPrefix, "Contains": strings.Contains,
	}[f.Option]
	if test == nil {
		return false, refuse("InvalidFilterOption", "The following filter option is not valid: %s. Valid options include: [BeginsWith, Contains, Equals]", f.Option)
	}
	return slices.ContainsFunc(f.Values, func(v string) bool { return test(p.name, v) }), nil
}

func (s *SSM) describeParameters(r *api.Request, in *describeInput) (any, error) {
	if err := r.Authorize("ssm:DescribeParameters", s.ARN("ssm", "*"), nil); err != nil {
		return nil, err
	}
	type metadata struct {
		Name             string
		ARN              string
		Type             string
		Description      string `json:",omitempty"`
		KeyID            string `json:"KeyId,omitempty"`
		AllowedPattern   string `json:",omitempty"`
		Version          int
		LastModifiedDate api.Timestamp
		LastModifiedUser string
		Tier             string
		DataType         string
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []metadata{}
	for _, name := range slices.Sorted(maps.Keys(s.parameters)) {
		p, all := s.parameters[name], true
		for _, f := range in.ParameterFilters {
			ok, err := f.selects(p)
			if err != nil {
				return nil, err
			}
			all = all && ok
		}
		if all {
			out = append(out, metadata{name, s.arn(name), p.kind, p.description, p.keyID, p.pattern, p.version, api.Timestamp(p.modified), p.modifiedBy, "Standard", p.dataType})
		}
	}
	return page(out, in.MaxResults, in.NextToken, describePage)
}

type nameInput struct{ Name string }

func (s *SSM) deleteParameter(r *api.Request, in *nameInput) (any, error) {
	if err := r.Authorize("ssm:DeleteParameter", s.arn(in.Name), nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.parameters[in.Name]; !ok {
		return nil, notFound("")
	}
	delete(s.parameters, in.Name)
	return nil, nil
}

type tagsInput struct {
	ResourceType string
	ResourceID   string `json:"ResourceId"`
	Tags         []api.Tag
	TagKeys      []string
}

// tagged checks a call about the tags of a parameter.
func (s *SSM) tagged(r *api.Request, action string, in *tagsInput) error {
	if in.ResourceType != "Parameter" {
		return refuse("InvalidResourceType", "%s is not a valid resource type.", in.ResourceType)
	}
	return r.Authorize("ssm:"+action, s.arn(in.ResourceID), api.TagKeys(api.TagMap(in.Tags)))
}

func (s *SSM) addTags(r *api.Request, in *tagsInput) (any, error) {
	if err := s.tagged(r, "AddTagsToResource", in); err != nil {
		return nil, err
	}
	return nil, s.changeTags(in)
}

func (s *SSM) removeTags(r *api.Request, in *tagsInput) (any, error) {
	if err := s.tagged(r, "RemoveTagsFromResource", in); err != nil {
		return nil, err
	}
	return nil, s.changeTags(in)
}

// changeTags drops the keys that are removed or set, and adds what is set.
func (s *SSM) changeTags(in *tagsInput) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.parameters[in.ResourceID]
	if !ok {
		return refuse("InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID and try again.")
	}
	gone := in.TagKeys
	for _, t := range in.Tags {
		gone = append(gone, t.Key)
	}
	tags := slices.DeleteFunc(slices.Clone(p.tags), func(t api.Tag) bool { return slices.Contains(gone, t.Key) })
	if tags = append(tags, in.Tags...); len(tags) > maxTags {
		return refuse("TooManyTagsError", "")
	}
	p.tags = tags
	return nil
}

func (s *SSM) listTags(r *api.Request, in *tagsInput) (any, error) {
	if err := s.tagged(r, "ListTagsForResource", in); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.parameters[in.ResourceID]
	if !ok {
		return nil, refuse("InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID and try again.")
	}
	return map[string]any{"TagList": append([]api.Tag{}, p.tags...)}, nil
}
