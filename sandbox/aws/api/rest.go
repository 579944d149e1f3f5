package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// REST is REST with JSON (Lambda, EventBridge Scheduler): method and path name the
// operation.
type REST struct{ Routes []Route }

// Route is how requests for an operation look.
type Route struct {
	Pattern   string // POST /2015-03-31/functions/{name}/versions; PathValue has what stands for {name}
	Operation string
	Status    int // of a success; zero is 200
}

// match compares a path segment by segment and sets what stands for {…}.
func (o Route) match(r *Request) bool {
	method, pattern, _ := strings.Cut(o.Pattern, " ")
	// Some clients end a collection's path with a slash.
	want, have := strings.Split(pattern, "/"), strings.Split(strings.TrimSuffix(r.URL.EscapedPath(), "/"), "/")
	if method != r.Method || len(want) != len(have) {
		return false
	}
	for i, segment := range want {
		value, err := url.PathUnescape(have[i])
		if name, ok := strings.CutPrefix(segment, "{"); ok && err == nil && value != "" {
			r.SetPathValue(strings.TrimSuffix(name, "}"), value)
		} else if segment != value {
			return false
		}
	}
	return true
}

func (p REST) operation(r *Request) (string, error) {
	for _, o := range p.Routes {
		if o.match(r) {
			return o.Operation, nil
		}
	}
	return "", p.unknown(r, "")
}

func (p REST) unknown(r *Request, _ string) *Error {
	return notModelled(http.StatusNotFound, "UnknownOperationException", "operation", r.Method+" "+r.URL.Path)
}

func (p REST) decode(r *Request, in any) error { return DecodeJSON(r.Body, in) }

func (p REST) write(w http.ResponseWriter, r *Request, operation string, result any) {
	status := http.StatusOK
	for _, o := range p.Routes {
		if o.Operation == operation && o.Status != 0 {
			status = o.Status
		}
	}
	if result == nil {
		write(w, r, status, "", nil)
		return
	}
	body, err := json.Marshal(result)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	write(w, r, status, "application/json", body)
}

// writeError writes the code in x-amzn-ErrorType and the message in the body. A
// refusal by a policy is called AccessDeniedException.
func (p REST) writeError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	if e.Code == "AccessDenied" {
		e.Code = "AccessDeniedException"
	}
	r.Entry.Code = e.Code
	members := map[string]string{"Type": "User", "Message": e.Message, "message": e.Message}
	if e.Status >= http.StatusInternalServerError {
		members["Type"] = "Service"
	}
	for k, v := range e.Members {
		members[k] = v
	}
	body, _ := json.Marshal(members) // strings only: cannot fail
	w.Header().Set("x-amzn-ErrorType", e.Code)
	write(w, r, e.Status, "application/json", body)
}
