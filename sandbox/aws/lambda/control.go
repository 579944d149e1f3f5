package lambda

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type configurationInput struct {
	Role, Handler, Runtime, Description *string
	Timeout, MemorySize                 *int
	Environment                         *struct{ Variables map[string]string }
	EphemeralStorage                    *struct{ Size int }
	LoggingConfig                       *loggingAnswer
	TracingConfig                       *struct{ Mode string }
	DeadLetterConfig                    *deadLetterConfig
	Layers                              []string
	VpcConfig                           *vpcConfig
	RevisionId                          *string
}

// vpcConfig is accepted only if it is empty.
type vpcConfig struct {
	SubnetIds, SecurityGroupIds []string
	Ipv6AllowedForDualStack     bool
}

// apply changes what the input names.
func (in configurationInput) apply(c *configuration) error {
	if len(in.Layers) > 0 {
		return api.NotModelled("Layers")
	}
	if in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0 {
		return api.NotModelled("VpcConfig")
	}
	for _, m := range []struct {
		from *string
		to   *string
	}{{in.Role, &c.role}, {in.Handler, &c.handler}, {in.Runtime, &c.runtime}, {in.Description, &c.description}} {
		if m.from != nil {
			*m.to = *m.from
		}
	}
	if in.Timeout != nil {
		c.timeout = *in.Timeout
	}
	if in.MemorySize != nil {
		c.memory = *in.MemorySize
	}
	if in.Environment != nil {
		c.variables = maps.Clone(in.Environment.Variables)
	}
	if in.EphemeralStorage != nil {
		c.storage = in.EphemeralStorage.Size
	}
	if in.TracingConfig != nil && in.TracingConfig.Mode != "" {
		c.tracing = in.TracingConfig.Mode
	}
	if in.DeadLetterConfig != nil {
		c.deadLetters = in.DeadLetterConfig.TargetArn
	}
	if l := in.LoggingConfig; l != nil {
		if l.LogFormat != "" {
			c.logFormat = l.LogFormat
		}
		c.logGroup, c.applicationLevel, c.systemLevel = l.LogGroup, l.ApplicationLogLevel, l.SystemLogLevel
	}
	return c.validate()
}

type createInput struct {
	FunctionName  string
	Code          codeInput
	PackageType   string
	Architectures []string
	Publish       bool
	Tags          map[string]string
	configurationInput
}

// checkRole checks that the caller may pass the role to Lambda and that Lambda
// may assume it.
func (s *Server) checkRole(c *api.Request, role, function string) error {
	if err := c.Authorize("iam:PassRole", role, map[string][]string{"iam:PassedToService": {principal}}); err != nil {
		return err
	}
	if _, err := s.ServiceRole(role, principal, function, sessionLength); err != nil {
		return invalid("The role defined for the function cannot be assumed by Lambda.")
	}
	return nil
}

func (s *Server) createFunction(c *api.Request, in *createInput) (any, error) {
	name, err := s.nameOf(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := c.Authorize("lambda:CreateFunction", s.arn(name), nil); err != nil {
		return nil, err
	}
	if !nameRule.MatchString(name) || len(name) > maxName {
		return nil, constraint(in.FunctionName, "functionName", "satisfy regular expression pattern: [a-zA-Z0-9-_]+ and have length less than or equal to 64")
	}
	if in.PackageType != "" && in.PackageType != "Zip" {
		return nil, api.NotModelled("PackageType=" + in.PackageType)
	}
	f := &function{name: name, tags: maps.Clone(in.Tags), configuration: configuration{
		timeout: 3, memory: minMemory, storage: minStorage, architecture: "x86_64", logFormat: "Text", tracing: "PassThrough"}}
	if len(in.Architectures) > 0 {
		f.configuration.architecture = strings.Join(in.Architectures, ", ")
	}
	if err := in.apply(&f.configuration); err != nil {
		return nil, err
	}
	if err := s.checkRole(c, f.configuration.role, name); err != nil {
		return nil, err
	}
	if err := s.checkDeadLetters(f.configuration, name); err != nil {
		return nil, err
	}
	if f.code, f.codeSHA256, err = s.fetch(c, in.Code); err != nil {
		return nil, err
	}
	f.grantee, _ = s.RoleID(f.configuration.role)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.functions[name] != nil {
		return nil, api.Errorf(http.StatusConflict, "ResourceConflictException", "Function already exist: %s", name)
	}
	s.changed(f)
	s.functions[name] = f
	if in.Publish {
		f = s.publish(f, "")
	}
	return s.answer(f), nil
}

func (s *Server) updateFunctionConfiguration(c *api.Request, in *configurationInput) (any, error) {
	s.mu.Lock()
	f, err := s.authorized(c, "UpdateFunctionConfiguration")
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := s.checkRole(c, *in.Role, f.name); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	planned := f.configuration
	s.mu.Unlock()
	if err := in.apply(&planned); err != nil {
		return nil, err
	}
	if err := s.checkDeadLetters(planned, f.name); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f.expect(in.RevisionId); err != nil {
		return nil, err
	}
	next := f.configuration
	if err := in.apply(&next); err != nil {
		return nil, err
	}
	f.configuration = next
	if in.Role != nil {
		f.grantee, _ = s.RoleID(*in.Role)
	}
	s.changed(f)
	return s.answer(f), nil
}

// expect refuses a change of another revision than the caller has seen.
func (f *function) expect(revision *string) error {
	if revision != nil && *revision != f.revision {
		return api.Errorf(http.StatusPreconditionFailed, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	}
	return nil
}

type updateCodeInput struct {
	codeInput
	Architectures   []string
	DryRun, Publish bool
	RevisionId      *string
}

func (s *Server) updateFunctionCode(c *api.Request, in *updateCodeInput) (any, error) {
	s.mu.Lock()
	f, err := s.authorized(c, "UpdateFunctionCode")
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	code, sum, err := s.fetch(c, in.codeInput)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := f.expect(in.RevisionId); err != nil {
		return nil, err
	}
	next := f.configuration
	if len(in.Architectures) > 0 {
		next.architecture = strings.Join(in.Architectures, ", ")
	}
	if err := next.validate(); err != nil {
		return nil, err
	}
	if !in.DryRun {
		f.code, f.codeSHA256, f.configuration = code, sum, next
		s.changed(f)
		if in.Publish {
			f = s.publish(f, "")
		}
	}
	return s.answer(f), nil
}

func (s *Server) getFunctionConfiguration(c *api.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.qualified(c, "GetFunctionConfiguration")
	if err != nil {
		return nil, err
	}
	return s.answer(f), nil
}

func (s *Server) getFunction(c *api.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.qualified(c, "GetFunction")
	if err != nil {
		return nil, err
	}
	var result struct {
		Configuration functionAnswer
		Code          struct{ RepositoryType, Location string }
		Tags          map[string]string `json:",omitempty"`
		Concurrency   *concurrency      `json:",omitempty"`
	}
	result.Configuration, result.Tags = s.answer(f), maps.Clone(f.main().tags)
	result.Code.RepositoryType, result.Code.Location = "S3", s.offer(f)
	if r := f.main().reserved; r != nil {
		result.Concurrency = &concurrency{ReservedConcurrentExecutions: r}
	}
	return result, nil
}

func (s *Server) listFunctions(c *api.Request) (any, error) {
	if err := c.Authorize("lambda:ListFunctions", "*", nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	result := struct{ Functions []functionAnswer }{Functions: []functionAnswer{}}
	for _, name := range slices.Sorted(maps.Keys(s.functions)) {
		result.Functions = append(result.Functions, s.answer(s.functions[name]))
	}
	return result, nil
}

func (s *Server) deleteFunction(c *api.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _, err := s.qualified(c, "DeleteFunction")
	if err != nil {
		return nil, err
	}
	if f.of != nil {
		return nil, s.deleteVersion(f)
	}
	delete(s.functions, f.name)
	if err := f.discard(); err != nil {
		return nil, fmt.Errorf("stopping function %s: %w", f.name, err)
	}
	return nil, nil
}
