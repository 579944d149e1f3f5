package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// JSON is AWS JSON 1.0 or 1.1 (SSM, CloudWatch Logs, SQS, KMS): the operation stands
// in X-Amz-Target.
type JSON struct {
	Target string // what stands before the dot in X-Amz-Target: AmazonSSM, Logs_20140328
	// QueryCodes are the errors' codes of a service that spoke the Query protocol
	// before, and still sends them to older clients: by shape's name.
	QueryCodes map[string]string
}

func (p JSON) operation(r *Request) (string, error) {
	if !atRoot(r, http.MethodPost) || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.") {
		return "", nowhereKnown(r)
	}
	target, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if r.Entry.Operation = name; target != p.Target {
		return "", p.unknown(r, name)
	}
	return name, nil
}

func (p JSON) unknown(r *Request, _ string) *Error {
	return notModelled(http.StatusBadRequest, "UnknownOperationException", "operation", r.Header.Get("X-Amz-Target"))
}

func (p JSON) decode(r *Request, in any) error { return DecodeJSON(r.Body, in) }

func (p JSON) write(w http.ResponseWriter, r *Request, _ string, result any) {
	if result == nil {
		result = struct{}{}
	}
	body, err := json.Marshal(result)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	write(w, r, http.StatusOK, jsonContentType(r), body)
}

// writeError writes {"__type","message"}. A refusal by a policy is called
// AccessDeniedException and answered with 400 in this protocol, but by services that
// have kept the codes of the Query protocol.
func (p JSON) writeError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	if e.Code == "AccessDenied" && p.QueryCodes == nil {
		e.Code, e.Status = "AccessDeniedException", http.StatusBadRequest
	}
	r.Entry.Code = e.Code
	members := map[string]string{"__type": e.Code, "message": e.Message}
	if e.Code == "AccessDeniedException" || e.Code == "UnrecognizedClientException" {
		// Services differ in the member's case for some errors; clients read either,
		// and the door's errors carry both.
		members["Message"] = e.Message
	}
	if p.QueryCodes != nil {
		if code, ok := p.QueryCodes[e.Code]; ok {
			r.Entry.Code = code
		}
		w.Header().Set("x-amzn-query-error", r.Entry.Code+";"+fault(e))
	}
	for k, v := range e.Members {
		members[k] = v
	}
	body, _ := json.Marshal(members) // strings only: cannot fail
	write(w, r, e.Status, jsonContentType(r), body)
}

// fault says whose an error is, in the words of the Query protocol.
func fault(e *Error) string {
	if e.Status >= http.StatusInternalServerError {
		return "Receiver"
	}
	return "Sender"
}

func jsonContentType(r *Request) string {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-1.0") {
		return "application/x-amz-json-1.0"
	}
	return "application/x-amz-json-1.1"
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
