package lambda

import (
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// latest is the version that can be changed.
const latest = "$LATEST"

// alias is a name for a version. Weights for a second version are not modelled.
type alias struct {
	AliasArn, Name, FunctionVersion, Description, RevisionId string
}

// main is the function that a version is of; $LATEST is its own.
func (f *function) main() *function {
	if f.of != nil {
		return f.of
	}
	return f
}

// versionArn is the ARN that a version's answers and invocations show.
func (s *Server) versionArn(f *function) string {
	if f.of == nil {
		return s.arn(f.name)
	}
	return s.arn(f.name) + ":" + f.version
}

// at finds what a qualifier names: a version's number or an alias.
func (f *function) at(qualifier string) *function {
	if a := f.aliases[qualifier]; a != nil {
		qualifier = a.FunctionVersion
	}
	if qualifier == "" || qualifier == latest {
		return f
	}
	i := slices.IndexFunc(f.versions, func(v *function) bool { return v.version == qualifier })
	if i < 0 {
		return nil
	}
	return f.versions[i]
}

// qualified is authorized for the operations that are about versions, too. The
// right to a version is another than the right to the function.
func (s *Server) qualified(c *call, action string) (f *function, qualifier string, err error) {
	name, qualifier, err := s.split(c.name, c.URL.Query().Get("Qualifier"))
	if err != nil || qualifier == "" {
		f, err := s.authorized(c, action)
		return f, "", err
	}
	arn := s.arn(name) + ":" + qualifier
	if err := c.Authorize("lambda:"+action, arn, nil); err != nil {
		return nil, "", err
	}
	if whole := s.functions[name]; whole != nil {
		f = whole.at(qualifier)
	}
	if f == nil {
		return nil, "", notFound("Function not found: %s", arn)
	}
	return f, qualifier, nil
}

// publish makes a version of the function as it is now, unless the last one is
// that. Server.mu must be held.
func (s *Server) publish(f *function, description string) *function {
	if n := len(f.versions); n > 0 && !f.fresh {
		return f.versions[n-1]
	}
	f.published++
	v := &function{
		of: f, version: strconv.Itoa(f.published), name: f.name, configuration: f.configuration, code: f.code, codeSHA256: f.codeSHA256,
		revision: s.uuid(), modified: s.opts.Now(),
	}
	v.configuration.variables = maps.Clone(f.configuration.variables)
	if description != "" {
		v.configuration.description = description
	}
	f.versions, f.fresh = append(f.versions, v), false
	return v
}

func (s *Server) publishVersion(c *call) (int, any, error) {
	var in struct{ CodeSha256, Description, RevisionId *string }
	if err := api.DecodeJSON(c.Body, &in); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "PublishVersion")
	if err != nil {
		return 0, nil, err
	}
	if err := f.expect(in.RevisionId); err != nil {
		return 0, nil, err
	}
	if in.CodeSha256 != nil && *in.CodeSha256 != "" && *in.CodeSha256 != f.codeSHA256 {
		return 0, nil, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, f.codeSHA256)
	}
	description := ""
	if in.Description != nil {
		description = *in.Description
	}
	return http.StatusCreated, s.answer(s.publish(f, description)), nil
}

func (s *Server) listVersions(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "ListVersionsByFunction")
	if err != nil {
		return 0, nil, err
	}
	result := struct{ Versions []functionAnswer }{[]functionAnswer{s.answer(f)}}
	result.Versions[0].FunctionArn += ":" + latest
	for _, v := range f.versions {
		result.Versions = append(result.Versions, s.answer(v))
	}
	return http.StatusOK, result, nil
}

// deleteVersion deletes one version, which no alias may name.
func (s *Server) deleteVersion(v *function) error {
	f := v.main()
	for _, a := range f.aliases {
		if a.FunctionVersion == v.version {
			return api.Errorf(http.StatusConflict, "ResourceConflictException", "Version %s is referenced by alias %s", v.version, a.Name)
		}
	}
	f.versions = slices.DeleteFunc(f.versions, func(other *function) bool { return other == v })
	return v.discard()
}

type aliasInput struct {
	Name, FunctionVersion, Description *string
	RoutingConfig                      *struct{ AdditionalVersionWeights map[string]float64 }
	RevisionId                         *string
}

// apply changes what the input names.
func (in aliasInput) apply(s *Server, f *function, a *alias) error {
	if in.RoutingConfig != nil && len(in.RoutingConfig.AdditionalVersionWeights) > 0 {
		return api.NotModelled("RoutingConfig")
	}
	if in.RevisionId != nil && *in.RevisionId != a.RevisionId {
		return (&function{}).expect(in.RevisionId)
	}
	if in.FunctionVersion != nil {
		if f.aliases[*in.FunctionVersion] != nil || f.at(*in.FunctionVersion) == nil {
			return notFound("Function not found: %s:%s", s.arn(f.name), *in.FunctionVersion)
		}
		a.FunctionVersion = *in.FunctionVersion
	}
	if in.Description != nil {
		a.Description = *in.Description
	}
	a.RevisionId = s.uuid()
	return nil
}

func (s *Server) createAlias(c *call) (int, any, error) {
	var in aliasInput
	if err := api.DecodeJSON(c.Body, &in); err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "CreateAlias")
	if err != nil {
		return 0, nil, err
	}
	if in.Name == nil || in.FunctionVersion == nil || !nameRule.MatchString(*in.Name) {
		return 0, nil, invalid("An alias needs a name and a function version.")
	}
	a := &alias{Name: *in.Name, AliasArn: s.arn(f.name) + ":" + *in.Name}
	if f.aliases[a.Name] != nil {
		return 0, nil, api.Errorf(http.StatusConflict, "ResourceConflictException", "Alias already exists: %s", a.AliasArn)
	}
	if err := in.apply(s, f, a); err != nil {
		return 0, nil, err
	}
	if f.aliases == nil {
		f.aliases = map[string]*alias{}
	}
	f.aliases[a.Name] = a
	return http.StatusCreated, *a, nil
}

// withAlias does something to an alias that exists.
func (s *Server) withAlias(c *call, action string, do func(*function, *alias) (int, any, error)) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, action)
	if err != nil {
		return 0, nil, err
	}
	a := f.aliases[c.PathValue("alias")]
	if a == nil {
		return 0, nil, notFound("Cannot find alias arn: %s:%s", s.arn(f.name), c.PathValue("alias"))
	}
	return do(f, a)
}

func (s *Server) getAlias(c *call) (int, any, error) {
	return s.withAlias(c, "GetAlias", func(_ *function, a *alias) (int, any, error) { return http.StatusOK, *a, nil })
}

func (s *Server) updateAlias(c *call) (int, any, error) {
	var in aliasInput
	if err := api.DecodeJSON(c.Body, &in); err != nil {
		return 0, nil, err
	}
	return s.withAlias(c, "UpdateAlias", func(f *function, a *alias) (int, any, error) {
		next := *a
		if err := in.apply(s, f, &next); err != nil {
			return 0, nil, err
		}
		*a = next
		return http.StatusOK, next, nil
	})
}

func (s *Server) deleteAlias(c *call) (int, any, error) {
	return s.withAlias(c, "DeleteAlias", func(f *function, a *alias) (int, any, error) {
		delete(f.aliases, a.Name)
		return http.StatusNoContent, nil, nil
	})
}

func (s *Server) listAliases(c *call) (int, any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, "ListAliases")
	if err != nil {
		return 0, nil, err
	}
	version := c.URL.Query().Get("FunctionVersion")
	result := struct{ Aliases []alias }{Aliases: []alias{}}
	for _, name := range slices.Sorted(maps.Keys(f.aliases)) {
		if a := f.aliases[name]; version == "" || a.FunctionVersion == version {
			result.Aliases = append(result.Aliases, *a)
		}
	}
	return http.StatusOK, result, nil
}
