package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// AsError returns err as an *Error that may be changed; an error that is none
// is the service's internal failure.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		c := *e
		return &c
	}
	return Errorf(http.StatusInternalServerError, "InternalFailure", "The request processing has failed because of an unknown error: %v", err)
}

// NotModelled refuses a parameter which the real service has and this one has
// not: to ignore it would be to answer another question than was asked.
func NotModelled(parameter string) *Error { return Unmodelled("parameter", parameter) }

// Unmodelled refuses something else by its kind and name.
func Unmodelled(kind, name string) *Error {
	return notModelled(http.StatusNotImplemented, "NotImplemented", kind, name)
}

func notModelled(status int, code, kind, name string) *Error {
	return Errorf(status, code, "%s", unmodelled.Sentence(unmodelled.AWS(kind, name)))
}

// Invalid is the answer of AWS's common validation to one bad member; member is
// its name in lower camel case, constraint for example "Member must have length
// less than or equal to 64".
func Invalid(value any, member, constraint string) *Error {
	return Errorf(http.StatusBadRequest, "ValidationError",
		"1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

// WriteError answers err in the protocol that the request itself speaks. It is
// for errors before a service is known or asked, such as a bad signature.
func WriteError(w http.ResponseWriter, r *Request, err error) {
	map[Kind]Protocol{
		ProtocolS3: XML{}, ProtocolJSON: JSON{}, ProtocolREST: REST{},
		ProtocolQuery: Query{Namespace: "http://webservices.amazon.com/AWSFault/2005-15-09"},
	}[r.Protocol()].writeError(w, r, err)
}

// Kind is a wire protocol, as far as a request's form tells.
type Kind int

const (
	ProtocolS3    Kind = iota // REST with XML
	ProtocolJSON              // X-Amz-Target with JSON
	ProtocolQuery             // form parameters with XML
	ProtocolREST              // REST with JSON
)

// Protocol tells the request's protocol from its form, as far as possible
// without knowing the service.
func (r *Request) Protocol() Kind {
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		return ProtocolJSON
	case r.Service == "s3":
		return ProtocolS3
	case r.URL.Query().Has("Action"), r.Header.Get("Content-Type") == "application/x-www-form-urlencoded",
		r.Header.Get("Content-Type") == "application/x-www-form-urlencoded; charset=utf-8",
		r.Service == "sts", r.Service == "iam", r.Service == "cloudformation":
		return ProtocolQuery
	case r.Service == "" && !datedPath.MatchString(r.URL.Path):
		return ProtocolS3
	default:
		return ProtocolREST
	}
}

// datedPath is how the paths of Lambda's API begin: with their version.
var datedPath = regexp.MustCompile(`^/20\d\d-\d\d-\d\d/`)

func write(w http.ResponseWriter, r *Request, status int, contentType string, body []byte) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("x-amzn-RequestId", r.ID)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller that is gone needs no answer
}

// Members is a list in a Query answer: <Roles><member>…</member></Roles>, and
// <Roles/> when it is empty, which some clients need.
type Members[T any] struct {
	Items []T `xml:"member"`
}

// MembersOf returns items as Members.
func MembersOf[T any](items ...T) Members[T] { return Members[T]{Items: items} }

// MarshalJSON writes the list as a plain array.
func (m Members[T]) MarshalJSON() ([]byte, error) {
	if m.Items == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(m.Items)
}

// Timestamp is a time in an answer: ISO 8601 in XML, seconds since 1970 in JSON.
type Timestamp time.Time

// MarshalText writes the XML form.
func (t Timestamp) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.999Z")), nil
}

// MarshalJSON writes the JSON form.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return []byte(strconv.FormatFloat(float64(time.Time(t).UnixMilli())/1e3, 'f', -1, 64)), nil
}

// UnmarshalJSON reads the JSON form.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("reading timestamp: %w", err)
	}
	*t = Timestamp(time.UnixMilli(int64(seconds * 1e3)))
	return nil
}
