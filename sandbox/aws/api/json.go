package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// JSONOperation adapts do to the AWS JSON protocols: the body is decoded into
// In, and a member that In does not have is refused by name.
func JSONOperation[In any](do func(*Request, *In) (any, error)) Operation {
	return func(r *Request) (any, error) {
		var in In
		if err := DecodeJSON(r.Body, &in); err != nil {
			return nil, err
		}
		return do(r, &in)
	}
}

// DecodeJSON reads one JSON document into v. An empty body is an empty
// document; a member that v does not have is refused by name.
func DecodeJSON(body io.Reader, v any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return Errorf(http.StatusBadRequest, "SerializationException", "something follows the document")
		}
		return nil
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return NotModelled(name)
	default:
		return Errorf(http.StatusBadRequest, "SerializationException", "%v", err)
	}
}

// JSONProtocol is a service that speaks AWS JSON 1.0 or 1.1 (SSM, CloudWatch
// Logs, ECR): the operation stands in X-Amz-Target.
type JSONProtocol struct {
	Prefix     string // what stands before the dot in X-Amz-Target: AmazonSSM, Logs_20140328
	Operations map[string]Operation
	// QueryCodes are the errors' codes of a service that spoke the Query protocol
	// before, and tells them to clients that know those: by shape's name.
	QueryCodes map[string]string
}

// ServeAWS finds the operation that X-Amz-Target names, runs it and writes its
// answer.
func (p JSONProtocol) ServeAWS(w http.ResponseWriter, r *Request) {
	if !atRoot(r, http.MethodPost) || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.") {
		p.writeError(w, r, unknownOperation(r))
		return
	}
	prefix, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	r.Entry.Operation = action
	op, ok := p.Operations[action]
	if !ok || prefix != p.Prefix {
		p.writeError(w, r, Errorf(http.StatusBadRequest, "UnknownOperationException", "The operation %q is not known.", r.Header.Get("X-Amz-Target")))
		return
	}
	result, err := op(r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	WriteJSON(w, r, result)
}

// writeError is WriteJSONError with the code of the Query protocol, where the
// service has them; such services refuse with 403.
func (p JSONProtocol) writeError(w http.ResponseWriter, r *Request, err error) {
	if p.QueryCodes == nil {
		WriteJSONError(w, r, err)
		return
	}
	e := AsError(err)
	code := e.Code
	if c, ok := p.QueryCodes[e.Code]; ok {
		code = c
	}
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	w.Header().Set("x-amzn-query-error", code+";"+fault)
	r.Entry.Code = code
	body, _ := json.Marshal(map[string]string{"__type": e.Code, "message": e.Message}) // strings only: cannot fail
	write(w, r, e.Status, jsonContentType(r), body)
}

// WriteJSON writes the result of an AWS JSON operation; nil is an empty document.
func WriteJSON(w http.ResponseWriter, r *Request, result any) {
	if result == nil {
		result = struct{}{}
	}
	body, err := json.Marshal(result)
	if err != nil {
		WriteJSONError(w, r, err)
		return
	}
	write(w, r, http.StatusOK, jsonContentType(r), body)
}

// WriteJSONError writes {"__type","message"}. A refusal by a policy is called
// AccessDeniedException and answered with 400 in these protocols.
func WriteJSONError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	if e.Code == "AccessDenied" {
		e.Code, e.Status = "AccessDeniedException", http.StatusBadRequest
	}
	r.Entry.Code = e.Code
	members := map[string]string{"__type": e.Code, "message": e.Message}
	if e.Code == "AccessDeniedException" || e.Code == "UnrecognizedClientException" {
		// CloudWatch Logs and ECR differ in the member's case for some errors;
		// clients read either, and the front door's errors carry both.
		members["Message"] = e.Message
	}
	for k, v := range e.Members {
		members[k] = v
	}
	body, _ := json.Marshal(members) // strings only: cannot fail
	write(w, r, e.Status, jsonContentType(r), body)
}

func jsonContentType(r *Request) string {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.0") {
		return "application/x-amz-json-1.0"
	}
	return "application/x-amz-json-1.1"
}

// WriteREST writes the result of a REST-JSON operation (Lambda); nil writes no
// body.
func WriteREST(w http.ResponseWriter, r *Request, status int, result any) {
	if result == nil {
		write(w, r, status, "", nil)
		return
	}
	body, err := json.Marshal(result)
	if err != nil {
		WriteRESTError(w, r, err)
		return
	}
	write(w, r, status, "application/json", body)
}

// WriteRESTError writes a REST-JSON error: the code in x-amzn-ErrorType, the
// message in the body. A refusal by a policy is called AccessDeniedException.
func WriteRESTError(w http.ResponseWriter, r *Request, err error) {
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
