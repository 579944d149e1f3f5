package lambda

import (
	"context"
	"net/http"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// call is one request to an operation on a function, or on none.
type call struct {
	*api.Request
	w    http.ResponseWriter
	name string // from the path: a name, a partial or a full ARN
}

// operation answers a call. It returns what the body is, or nil for none.
type operation func(*call) (status int, result any, err error)

type requestKey struct{}

// mux maps the API's paths to operations. The dates are those of the API.
func (s *Server) mux() http.Handler {
	mux := http.NewServeMux()
	for _, o := range []struct {
		pattern, name string
		do            operation
	}{
		{"POST /2015-03-31/functions", "CreateFunction", s.createFunction},
		{"GET /2015-03-31/functions", "ListFunctions", s.listFunctions},
		{"GET /2015-03-31/functions/{name}", "GetFunction", s.getFunction},
		{"DELETE /2015-03-31/functions/{name}", "DeleteFunction", s.deleteFunction},
		{"PUT /2015-03-31/functions/{name}/code", "UpdateFunctionCode", s.updateFunctionCode},
		{"GET /2015-03-31/functions/{name}/configuration", "GetFunctionConfiguration", s.getFunctionConfiguration},
		{"PUT /2015-03-31/functions/{name}/configuration", "UpdateFunctionConfiguration", s.updateFunctionConfiguration},
		{"POST /2015-03-31/functions/{name}/invocations", "Invoke", s.invoke},
		{"GET /2015-03-31/functions/{name}/policy", "GetPolicy", s.getPolicy},
		{"POST /2015-03-31/functions/{name}/policy", "AddPermission", s.addPermission},
		{"DELETE /2015-03-31/functions/{name}/policy/{statement}", "RemovePermission", s.removePermission},
		{"PUT /2017-10-31/functions/{name}/concurrency", "PutFunctionConcurrency", s.putConcurrency},
		{"DELETE /2017-10-31/functions/{name}/concurrency", "DeleteFunctionConcurrency", s.deleteConcurrency},
		{"GET /2019-09-30/functions/{name}/concurrency", "GetFunctionConcurrency", s.getConcurrency},
		{"PUT /2019-09-25/functions/{name}/event-invoke-config", "PutFunctionEventInvokeConfig", s.putEventInvokeConfig},
		{"GET /2019-09-25/functions/{name}/event-invoke-config", "GetFunctionEventInvokeConfig", s.getEventInvokeConfig},
		{"DELETE /2019-09-25/functions/{name}/event-invoke-config", "DeleteFunctionEventInvokeConfig", s.deleteEventInvokeConfig},
		{"POST /2015-03-31/functions/{name}/versions", "PublishVersion", s.publishVersion},
		{"GET /2015-03-31/functions/{name}/versions", "ListVersionsByFunction", s.listVersions},
		{"GET /2017-03-31/tags/{name}", "ListTags", s.listTags},
		{"POST /2017-03-31/tags/{name}", "TagResource", s.tagResource},
		{"DELETE /2017-03-31/tags/{name}", "UntagResource", s.untagResource},
	} {
		mux.HandleFunc(o.pattern, func(w http.ResponseWriter, hr *http.Request) {
			r := *hr.Context().Value(requestKey{}).(*api.Request)
			r.Request = hr
			r.Entry.Operation = o.name
			status, result, err := o.do(&call{Request: &r, w: w, name: hr.PathValue("name")})
			switch {
			case err != nil:
				api.WriteRESTError(w, &r, err)
			case status != 0: // else it has written its answer itself
				api.WriteREST(w, &r, status, result)
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, hr *http.Request) {
		r := hr.Context().Value(requestKey{}).(*api.Request)
		api.WriteRESTError(w, r, api.Errorf(http.StatusNotFound, "UnknownOperationException", "The operation %s %s is not modelled by this sandbox.", hr.Method, hr.URL.Path))
	})
	return mux
}

// ServeAWS answers one request.
func (s *Server) ServeAWS(w http.ResponseWriter, r *api.Request) {
	hr := r.WithContext(context.WithValue(r.Context(), requestKey{}, r))
	// Some clients end the collection's path with a slash.
	if p := strings.TrimSuffix(hr.URL.Path, "/"); p != hr.URL.Path {
		u := *hr.URL
		u.Path, u.RawPath = p, strings.TrimSuffix(u.RawPath, "/")
		hr.URL = &u
	}
	s.routes.ServeHTTP(w, hr)
}

// arn is a function's ARN.
func (s *Server) arn(name string) string {
	return "arn:aws:lambda:" + s.opts.Region + ":" + s.opts.Account + ":function:" + name
}

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
	for _, prefix := range []string{s.arn(""), s.opts.Account + ":function:", "function:"} {
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
func (s *Server) authorized(c *call, action string) (*function, error) {
	name, err := s.nameOf(c.name, c.URL.Query().Get("Qualifier"))
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
