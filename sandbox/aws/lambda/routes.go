package lambda

import (
	"net/http"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// routes are the API's paths, with the dates that they have. A name in a path is a
// function's name, a partial or a full ARN.
var routes = []api.Route{
	{Pattern: "POST /2015-03-31/functions", Operation: "CreateFunction", Status: http.StatusCreated},
	{Pattern: "GET /2015-03-31/functions", Operation: "ListFunctions"},
	{Pattern: "GET /2015-03-31/functions/{name}", Operation: "GetFunction"},
	{Pattern: "DELETE /2015-03-31/functions/{name}", Operation: "DeleteFunction", Status: http.StatusNoContent},
	{Pattern: "PUT /2015-03-31/functions/{name}/code", Operation: "UpdateFunctionCode"},
	{Pattern: "GET /2015-03-31/functions/{name}/configuration", Operation: "GetFunctionConfiguration"},
	{Pattern: "PUT /2015-03-31/functions/{name}/configuration", Operation: "UpdateFunctionConfiguration"},
	{Pattern: "POST /2015-03-31/functions/{name}/invocations", Operation: "Invoke"},
	{Pattern: "GET /2015-03-31/functions/{name}/policy", Operation: "GetPolicy"},
	{Pattern: "POST /2015-03-31/functions/{name}/policy", Operation: "AddPermission", Status: http.StatusCreated},
	{Pattern: "DELETE /2015-03-31/functions/{name}/policy/{statement}", Operation: "RemovePermission", Status: http.StatusNoContent},
	{Pattern: "PUT /2017-10-31/functions/{name}/concurrency", Operation: "PutFunctionConcurrency"},
	{Pattern: "DELETE /2017-10-31/functions/{name}/concurrency", Operation: "DeleteFunctionConcurrency", Status: http.StatusNoContent},
	{Pattern: "PUT /2019-09-25/functions/{name}/event-invoke-config", Operation: "PutFunctionEventInvokeConfig"},
	{Pattern: "DELETE /2019-09-25/functions/{name}/event-invoke-config", Operation: "DeleteFunctionEventInvokeConfig", Status: http.StatusNoContent},
	{Pattern: "POST /2015-03-31/functions/{name}/versions", Operation: "PublishVersion", Status: http.StatusCreated},
	{Pattern: "GET /2015-03-31/functions/{name}/versions", Operation: "ListVersionsByFunction"},
	{Pattern: "GET /2017-03-31/tags/{name}", Operation: "ListTags"},
	{Pattern: "POST /2017-03-31/tags/{name}", Operation: "TagResource", Status: http.StatusNoContent},
	{Pattern: "DELETE /2017-03-31/tags/{name}", Operation: "UntagResource", Status: http.StatusNoContent},
}

// Service declares the Lambda API.
func (s *Server) Service() api.Service {
	return api.Service{Protocol: api.REST{Routes: routes}, Operations: map[string]api.Operation{
		"CreateFunction":                  api.Do(s.createFunction),
		"ListFunctions":                   s.listFunctions,
		"GetFunction":                     s.getFunction,
		"DeleteFunction":                  s.deleteFunction,
		"UpdateFunctionCode":              api.Do(s.updateFunctionCode),
		"GetFunctionConfiguration":        s.getFunctionConfiguration,
		"UpdateFunctionConfiguration":     api.Do(s.updateFunctionConfiguration),
		"Invoke":                          s.invoke,
		"GetPolicy":                       s.getPolicy,
		"AddPermission":                   api.Do(s.addPermission),
		"RemovePermission":                s.removePermission,
		"PutFunctionConcurrency":          api.Do(s.putConcurrency),
		"DeleteFunctionConcurrency":       s.deleteConcurrency,
		"PutFunctionEventInvokeConfig":    api.Do(s.putEventInvokeConfig),
		"DeleteFunctionEventInvokeConfig": s.deleteEventInvokeConfig,
		"PublishVersion":                  api.Do(s.publishVersion),
		"ListVersionsByFunction":          s.listVersions,
		"ListTags":                        s.listTags,
		"TagResource":                     api.Do(s.tagResource),
		"UntagResource":                   s.untagResource,
	}}
}

// arn is a function's ARN.
func (s *Server) arn(name string) string { return s.ARN("lambda", "function:"+name) }

// nameOf is split for what has no versions.
func (s *Server) nameOf(text, qualifier string) (string, error) {
	name, q, err := s.split(text, qualifier)
	if err == nil && q != "" {
		err = notFound("Function not found: %s:%s", s.arn(name), q)
	}
	return name, err
}

// split reads the three forms of a function's name, with an optional qualifier,
// which is empty for $LATEST.
func (s *Server) split(text, qualifier string) (name, q string, err error) {
	name = text
	for _, prefix := range []string{s.arn(""), s.Account + ":function:", "function:"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			name = rest
			break
		}
	}
	name, q, _ = strings.Cut(name, ":")
	if q == "" {
		q = qualifier
	}
	if strings.Contains(name, ":") || strings.HasPrefix(text, "arn:") && name == "arn" {
		return "", "", notFound("Function not found: %s", text)
	}
	if q == latest {
		q = ""
	}
	return name, q, nil
}

// authorized finds the function of a call after checking the right to do so.
// Server.mu must be held.
func (s *Server) authorized(c *api.Request, action string) (*function, error) {
	name, err := s.nameOf(c.PathValue("name"), c.URL.Query().Get("Qualifier"))
	if err != nil {
		return nil, err
	}
	f := s.functions[name]
	if err := s.allow(c, "lambda:"+action, name, f); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, notFound("Function not found: %s", s.arn(name))
	}
	return f, nil
}

// with does something to the function of a call, under the lock, after checking the
// right to do so.
func (s *Server) with(c *api.Request, action string, do func(*function) (any, error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.authorized(c, action)
	if err != nil {
		return nil, err
	}
	return do(f)
}
