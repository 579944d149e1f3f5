package lambda

import (
	"maps"
	"slices"
	"strconv"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// latest is the version that can be changed.
const latest = "$LATEST"

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

// at finds the version that a qualifier names.
func (f *function) at(qualifier string) *function {
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
func (s *Server) qualified(c *api.Request, action string) (f *function, qualifier string, err error) {
	name, qualifier, err := s.split(c.PathValue("name"), c.URL.Query().Get("Qualifier"))
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
		of: f, version: strconv.Itoa(f.published), name: f.name, configuration: f.configuration, code: f.code, codeSHA256: f.codeSHA256, grantee: f.grantee,
		revision: s.UUID(), modified: s.Now(),
	}
	v.configuration.variables = maps.Clone(f.configuration.variables)
	if description != "" {
		v.configuration.description = description
	}
	f.versions, f.fresh = append(f.versions, v), false
	return v
}

func (s *Server) publishVersion(c *api.Request, in *struct{ CodeSha256, Description, RevisionId *string }) (any, error) {
	return s.with(c, "PublishVersion", func(f *function) (any, error) {
		if err := f.expect(in.RevisionId); err != nil {
			return nil, err
		}
		if in.CodeSha256 != nil && *in.CodeSha256 != "" && *in.CodeSha256 != f.codeSHA256 {
			return nil, invalid("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, f.codeSHA256)
		}
		description := ""
		if in.Description != nil {
			description = *in.Description
		}
		return s.answer(s.publish(f, description)), nil
	})
}

func (s *Server) listVersions(c *api.Request) (any, error) {
	return s.with(c, "ListVersionsByFunction", func(f *function) (any, error) {
		result := struct{ Versions []functionAnswer }{[]functionAnswer{s.answer(f)}}
		result.Versions[0].FunctionArn += ":" + latest
		for _, v := range f.versions {
			result.Versions = append(result.Versions, s.answer(v))
		}
		return result, nil
	})
}

// deleteVersion deletes one version.
func (s *Server) deleteVersion(v *function) error {
	f := v.main()
	f.versions = slices.DeleteFunc(f.versions, func(other *function) bool { return other == v })
	return v.discard()
}
