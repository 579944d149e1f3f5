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

// Query is the AWS Query protocol (STS, IAM, CloudFormation): form parameters in,
// XML out. The parameter Action names the operation.
type Query struct {
	Namespace string // xmlns of the answers, https://iam.amazonaws.com/doc/2010-05-08/
	Version   string // the Version parameter it expects, 2010-05-08
}

func (p Query) operation(r *Request) (string, error) {
	if !atRoot(r, http.MethodGet, http.MethodPost) {
		return "", nowhereKnown(r)
	}
	if err := r.ParseForm(); err != nil {
		return "", Errorf(http.StatusBadRequest, "MalformedQueryString", "%v", err)
	}
	for name, values := range r.Form {
		if len(values) > 1 {
			return "", Errorf(http.StatusBadRequest, "MalformedQueryString", "The parameter %s is given more than once", name)
		}
	}
	action, version := r.Form.Get("Action"), cmp.Or(r.Form.Get("Version"), "NO_VERSION_SPECIFIED")
	if action == "" {
		return "", Errorf(http.StatusBadRequest, "MissingAction", "Request is missing the Action parameter")
	}
	if version != p.Version {
		r.Entry.Operation = action
		return "", Errorf(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version %s", action, version)
	}
	return action, nil
}

func (p Query) unknown(_ *Request, operation string) *Error {
	return notModelled(http.StatusBadRequest, "InvalidAction", "operation", operation)
}

func (p Query) decode(r *Request, in any) error { return DecodeQuery(r.Form, in) }

// atRoot reports whether a request of a service without paths is for / and by one
// of the methods.
func atRoot(r *Request, methods ...string) bool {
	return strings.Trim(r.URL.Path, "/") == "" && slices.Contains(methods, r.Method)
}

// nowhereKnown refuses a method or path that no operation of any service has.
func nowhereKnown(r *Request) *Error {
	return Errorf(http.StatusNotFound, "UnknownOperationException", "There is no operation %s %s.", r.Method, r.URL.Path)
}

// write writes <ActionResponse><ActionResult>…, or the same as JSON to a
// caller that accepts only that. result is a struct with xml tags, or nil.
func (p Query) write(w http.ResponseWriter, r *Request, action string, result any) {
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		response := map[string]any{"ResponseMetadata": map[string]string{"RequestId": r.ID}}
		if result != nil {
			response[action+"Result"] = result
		}
		body, err := json.Marshal(map[string]any{action + "Response": response})
		if err != nil {
			p.writeError(w, r, err)
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
			p.writeError(w, r, err)
			return
		}
	}
	body.WriteString("\n  <ResponseMetadata>\n    <RequestId>" + r.ID + "</RequestId>\n  </ResponseMetadata>\n</" + action + "Response>\n")
	write(w, r, http.StatusOK, "text/xml", body.Bytes())
}

// writeError writes an <ErrorResponse>.
func (p Query) writeError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	r.Entry.Code = e.Code
	if strings.HasPrefix(r.Header.Get("Accept"), "application/json") {
		body, _ := json.Marshal(map[string]any{ // strings only: cannot fail
			"Error":     map[string]string{"Type": fault(e), "Code": e.Code, "Message": e.Message},
			"RequestId": r.ID,
		})
		write(w, r, e.Status, "application/json", body)
		return
	}
	var body bytes.Buffer
	body.WriteString(`<ErrorResponse xmlns="` + p.Namespace + `">` + "\n  <Error>\n    <Type>" + fault(e) + "</Type>\n    <Code>" + e.Code + "</Code>\n    <Message>")
	_ = xml.EscapeText(&body, []byte(e.Message)) // a bytes.Buffer does not fail
	body.WriteString("</Message>\n  </Error>\n  <RequestId>" + r.ID + "</RequestId>\n</ErrorResponse>\n")
	write(w, r, e.Status, "text/xml", body.Bytes())
}
