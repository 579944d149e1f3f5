// Package ssm models the Parameter Store of AWS Systems Manager: parameters with
// versions, hierarchies and tags, as far as the CDK and its bootstrap stack use
// them.
//
// It does not model parameter policies, tiers other than Standard, labels,
// parameter history, public parameters, references to secrets and the KMS
// permissions of SecureString; parameters for them are refused by name.
package ssm

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Quotas; see "PutParameter" and "AWS Systems Manager endpoints and quotas".
const (
	maxName      = 2048
	maxDepth     = 15
	maxValue     = 4 << 10
	maxNames     = 10
	maxTags      = 50
	defaultPage  = 10
	describePage = 50
)

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

// SSM is the service. Make it with New.
type SSM struct {
	api.Options

	mu         sync.RWMutex
	parameters map[string]*parameter
}

type parameter struct {
	name, kind, value string
	description       string
	pattern, keyID    string
	dataType          string
	version           int
	modified          time.Time
	modifiedBy        string
	tags              []api.Tag
}

// New returns an SSM without parameters.
func New(o api.Options) *SSM {
	return &SSM{Options: o.WithDefaults(), parameters: map[string]*parameter{}}
}

// Service declares the SSM API.
func (s *SSM) Service() api.Service {
	return api.Service{Protocol: api.JSON{Target: "AmazonSSM"}, Operations: map[string]api.Operation{
		"PutParameter":           api.Do(s.putParameter),
		"GetParameter":           api.Do(s.getParameter),
		"GetParameters":          api.Do(s.getParameters),
		"DescribeParameters":     api.Do(s.describeParameters),
		"DeleteParameter":        api.Do(s.deleteParameter),
		"AddTagsToResource":      api.Do(s.addTags),
		"RemoveTagsFromResource": api.Do(s.removeTags),
		"ListTagsForResource":    api.Do(s.listTags),
	}}
}

func (s *SSM) arn(name string) string {
	return s.ARN("ssm", "parameter/"+strings.TrimPrefix(name, "/"))
}

func refuse(code, format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, code, format, args...)
}

func notFound(name string) error {
	e := api.Errorf(http.StatusBadRequest, "ParameterNotFound", "")
	if name != "" {
		e.Message = "Parameter " + name + " not found."
	}
	return e
}

type putParameterInput struct {
	Name           string
	Description    string
	Value          string
	Type           string
	KeyID          string `json:"KeyId"`
	Overwrite      bool
	AllowedPattern string
	Tags           []api.Tag
	Tier           string
	DataType       string
}

func (in *putParameterInput) validate() error {
	plain := strings.ToLower(strings.TrimPrefix(in.Name, "/"))
	switch {
	case in.Name == "" || !nameRule.MatchString(in.Name) || strings.HasSuffix(in.Name, "/"):
		return refuse("ValidationException", "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.HasPrefix(plain, "ssm"):
		return refuse("ValidationException", "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_")
	case strings.HasPrefix(plain, "aws"):
		return refuse("AccessDeniedException", "No access to reserved parameter name: %s.", in.Name)
	case len(in.Name) > maxName:
		return refuse("ValidationException", "1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must have length less than or equal to %d", in.Name, maxName)
	case strings.Contains(in.Name[1:], "/") && !strings.HasPrefix(in.Name, "/"):
		return refuse("ValidationException", "Parameter name must be a fully qualified name.")
	case strings.Count(in.Name, "/") > maxDepth:
		return refuse("HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of %d levels.", maxDepth)
	case len(in.Value) > maxValue:
		return refuse("ValidationException", "Standard tier parameters support a maximum parameter value of %d characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html", maxValue)
	case in.Value == "":
		return refuse("ValidationException", "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.")
	case in.Tier != "" && in.Tier != "Standard":
		return api.NotModelled("Tier " + in.Tier)
	case in.DataType != "" && in.DataType != "text":
		return api.NotModelled("DataType " + in.DataType)
	case in.Overwrite && len(in.Tags) > 0:
		return refuse("ValidationException", "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.")
	case len(in.Tags) > maxTags:
		return refuse("TooManyTagsError", "")
	}
	switch in.Type {
	case "", "String", "StringList", "SecureString":
	default:
		return refuse("ValidationException", "1 validation error detected: Value '%s' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [SecureString, StringList, String]", in.Type)
	}
	if in.AllowedPattern != "" {
		rule, err := regexp.Compile(in.AllowedPattern)
		if err != nil {
			return refuse("InvalidAllowedPatternException", "%v", err)
		}
		if !rule.MatchString(in.Value) {
			return refuse("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", in.AllowedPattern)
		}
	}
	return nil
}

func (s *SSM) putParameter(r *api.Request, in *putParameterInput) (any, error) {
	if err := r.Authorize("ssm:PutParameter", s.arn(in.Name), api.TagKeys(api.TagMap(in.Tags))); err != nil {
		return nil, err
	}
	if err := in.validate(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p, exists := s.parameters[in.Name]
	switch {
	case exists && !in.Overwrite:
		return nil, refuse("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case !exists && in.Type == "":
		return nil, refuse("ValidationException", "A parameter type is required when you create a parameter.")
	case !exists:
		p = &parameter{name: in.Name, dataType: "text", tags: in.Tags}
		s.parameters[in.Name] = p
	}
	if in.Type != "" {
		p.kind = in.Type
	}
	if in.Description != "" {
		p.description = in.Description
	}
	p.value, p.pattern, p.keyID = in.Value, in.AllowedPattern, in.KeyID
	p.version++
	p.modified, p.modifiedBy = s.Now(), r.Caller.ARN
	return map[string]any{"Version": p.version, "Tier": "Standard"}, nil
}

type parameterShape struct {
	Name             string
	Type             string
	Value            string
	Version          int
	Selector         string `json:",omitempty"`
	LastModifiedDate api.Timestamp
	ARN              string
	DataType         string
}

func (s *SSM) shape(p *parameter, decrypt bool, selector string) parameterShape {
	value := p.value
	if p.kind == "SecureString" && !decrypt {
		value = "kms:alias/aws/ssm:encrypted" // without WithDecryption the plain text stays hidden
	}
	return parameterShape{p.name, p.kind, value, p.version, selector, api.Timestamp(p.modified), s.arn(p.name), p.dataType}
}

// lookup finds a parameter by name, NAME:VERSION or ARN. The caller holds the lock.
func (s *SSM) lookup(ref string) (p *parameter, selector string, err error) {
	name, version, selected := s.split(ref)
	p, ok := s.parameters[name]
	if !ok {
		return nil, "", notFound("")
	}
	if !selected {
		return p, "", nil
	}
	if n, err := strconv.Atoi(version); err != nil || n != p.version {
		return nil, "", refuse("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", version, name)
	}
	return p, ":" + version, nil
}

// split takes an ARN's or a plain name and its selector apart.
func (s *SSM) split(ref string) (name, selector string, selected bool) {
	if rest, ok := strings.CutPrefix(ref, s.arn("")); ok {
		name, selector, selected = strings.Cut(rest, ":")
		if strings.Contains(name, "/") { // names with a hierarchy begin with a slash
			name = "/" + name
		}
		return name, selector, selected
	}
	return strings.Cut(ref, ":")
}

type getParameterInput struct {
	Name           string
	WithDecryption bool
}

func (s *SSM) getParameter(r *api.Request, in *getParameterInput) (any, error) {
	name, _, _ := s.split(in.Name)
	if err := r.Authorize("ssm:GetParameter", s.arn(name), nil); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, selector, err := s.lookup(in.Name)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Parameter": s.shape(p, in.WithDecryption, selector)}, nil
}

type getParametersInput struct {
	Names          []string
	WithDecryption bool
}

func (s *SSM) getParameters(r *api.Request, in *getParametersInput) (any, error) {
	if len(in.Names) == 0 || len(in.Names) > maxNames {
		return nil, refuse("ValidationException", "1 validation error detected: Value '%v' at 'names' failed to satisfy constraint: Member must have length between 1 and %d", in.Names, maxNames)
	}
	for _, ref := range in.Names {
		name, _, _ := s.split(ref)
		if err := r.Authorize("ssm:GetParameters", s.arn(name), nil); err != nil {
			return nil, err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, invalid := []parameterShape{}, []string{}
	for _, ref := range in.Names {
		if p, selector, err := s.lookup(ref); err != nil {
			invalid = append(invalid, ref)
		} else {
			found = append(found, s.shape(p, in.WithDecryption, selector))
		}
	}
	return map[string]any{"Parameters": found, "InvalidParameters": invalid}, nil
}
