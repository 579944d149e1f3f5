package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// An Operation answers one action of a service. It decodes its own input; what
// it returns is the action's result structure, or nil for an action without one.
type Operation func(*Request) (any, error)

// QueryOperation adapts do to the AWS Query protocol: the form parameters are
// decoded into In by field name, and a parameter that In does not have is
// refused by name.
func QueryOperation[In any](do func(*Request, *In) (any, error)) Operation {
	return func(r *Request) (any, error) {
		var in In
		if err := DecodeQuery(r.Form, &in); err != nil {
			return nil, err
		}
		return do(r, &in)
	}
}

// QueryProtocol is a service that speaks the AWS Query protocol (STS, IAM,
// CloudFormation): form parameters in, XML out.
type QueryProtocol struct {
	Namespace  string // xmlns of the answers, https://iam.amazonaws.com/doc/2010-05-08/
	Version    string // the Version parameter it expects, 2010-05-08
	Operations map[string]Operation
}

// ServeAWS finds the operation that the Action parameter names, in the URL's
// query or in the form body, runs it and writes its answer.
func (p QueryProtocol) ServeAWS(w http.ResponseWriter, r *Request) {
	if !atRoot(r, http.MethodGet, http.MethodPost) {
		p.WriteError(w, r, unknownOperation(r))
		return
	}
	if err := r.ParseForm(); err != nil {
		p.WriteError(w, r, Errorf(http.StatusBadRequest, "MalformedQueryString", "%v", err))
		return
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			p.WriteError(w, r, Errorf(http.StatusBadRequest, "MalformedQueryString", "The parameter %s is given more than once", name))
			return
		}
	}
	action, version := r.Form.Get("Action"), cmp.Or(r.Form.Get("Version"), "NO_VERSION_SPECIFIED")
	if action == "" {
		p.WriteError(w, r, Errorf(http.StatusBadRequest, "MissingAction", "Request is missing the Action parameter"))
		return
	}
	r.Entry.Operation = action
	op, ok := p.Operations[action]
	if !ok || version != p.Version {
		p.WriteError(w, r, Errorf(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s", action, version))
		return
	}
	result, err := op(r)
	if err != nil {
		p.WriteError(w, r, err)
		return
	}
	p.WriteResult(w, r, action, result)
}

// atRoot says whether a request of a service without paths is for / and by one
// of the methods.
func atRoot(r *Request, methods ...string) bool {
	return strings.Trim(r.URL.Path, "/") == "" && slices.Contains(methods, r.Method)
}

func unknownOperation(r *Request) *Error {
	return Errorf(http.StatusNotFound, "UnknownOperationException", "There is no operation %s %s.", r.Method, r.URL.Path)
}

// WriteResult writes <ActionResponse><ActionResult>…, or the same as JSON to a
// caller that accepts only that. result is a struct with xml tags, or nil.
func (p QueryProtocol) WriteResult(w http.ResponseWriter, r *Request, action string, result any) {
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		response := map[string]any{"ResponseMetadata": map[string]string{"RequestId": r.ID}}
		if result != nil {
			response[action+"Result"] = result
		}
		body, err := json.Marshal(map[string]any{action + "Response": response})
		if err != nil {
			p.WriteError(w, r, err)
			return
		}
		write(w, r, http.StatusOK, "application/json", body)
		return
	}
	var body bytes.Buffer
	body.WriteString("<" + action + `Response xmlns="` + p.Namespace + `">` + "\n")
	if result != nil {
		enc := xml.NewEncoder(&body)
		enc.Indent("  ", "  ")
		if err := enc.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: action + "Result"}}); err != nil {
			p.WriteError(w, r, err)
			return
		}
	}
	body.WriteString("\n  <ResponseMetadata>\n    <RequestId>" + r.ID + "</RequestId>\n  </ResponseMetadata>\n</" + action + "Response>\n")
	write(w, r, http.StatusOK, "text/xml", body.Bytes())
}

// WriteError writes an <ErrorResponse>.
func (p QueryProtocol) WriteError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	r.Entry.Code = e.Code
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		body, _ := json.Marshal(map[string]any{ // strings only: cannot fail
			"Error":     map[string]string{"Type": fault, "Code": e.Code, "Message": e.Message},
			"RequestId": r.ID,
		})
		write(w, r, e.Status, "application/json", body)
		return
	}
	var body bytes.Buffer
	body.WriteString(`<ErrorResponse xmlns="` + p.Namespace + `">` + "\n  <Error>\n    <Type>" + fault + "</Type>\n    <Code>" + e.Code + "</Code>\n    <Message>")
	_ = xml.EscapeText(&body, []byte(e.Message)) // a bytes.Buffer does not fail
	body.WriteString("</Message>\n  </Error>\n  <RequestId>" + r.ID + "</RequestId>\n</ErrorResponse>\n")
	write(w, r, e.Status, "text/xml", body.Bytes())
}
