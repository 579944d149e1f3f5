// Package api is what the local Google services share: the authenticated request
// they receive, the error they answer (google.rpc.Status in JSON), and helpers
// for their JSON. It knows no service and decides nothing; tokens are looked up
// by the cloud, and policies are evaluated by policy.
package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/journal"
)

// Principal is who a bearer token stands for.
type Principal struct {
	// Member is the principal as policies write it: user:…, serviceAccount:…, or
	// principal://iam.googleapis.com/…/subject/…; empty for an anonymous caller.
	Member string
	// Sets are the principal sets that a federated principal belongs to.
	Sets []string
	// UniqueID is a service account's; a re-created account is another principal.
	UniqueID string
	// Through are the identities that obtained this one, nearest first.
	Through []string
	// Scopes are the OAuth scopes of the token.
	Scopes []string
}

// Request is one authenticated call of one service.
type Request struct {
	*http.Request
	ID        string
	Service   string // iam, sts, iamcredentials, cloudresourcemanager, serviceusage, storage
	Time      time.Time
	Principal Principal

	// Decide evaluates a resource's own policies and then those of what it belongs
	// to; Authorize calls it. The cloud sets it.
	Decide func(permission, resource string, own []Granter) journal.Decision
	// Entry is the journal's line for this request; a service may name its operation in it.
	Entry *journal.Entry
}

// Attributes are what the condition of a binding may look at: IAM documentation,
// "Attribute reference for IAM Conditions".
type Attributes struct {
	Time    time.Time
	Name    string // projects/_/buckets/BUCKET/objects/OBJECT
	Type    string // storage.googleapis.com/Object
	Service string // storage.googleapis.com
}

// Granter is an allow policy. It tells whether it gives the principal the
// permission, and by which binding; or else what it would take.
type Granter interface {
	Grants(who Principal, permission string, attrs Attributes) (reason string, ok bool)
}

// Allowed asks for one permission on one resource, named by its full resource
// name and with its own policies, and records the decision.
func (r *Request) Allowed(permission, resource string, own ...Granter) bool {
	d := r.Decide(permission, resource, own)
	r.Entry.Decisions = append(r.Entry.Decisions, d)
	return d.Allowed
}

// Authorize is Allowed with the refusal that Google's IAM-based services answer.
func (r *Request) Authorize(permission, resource string, own ...Granter) error {
	if r.Allowed(permission, resource, own...) {
		return nil
	}
	return PermissionDenied(permission, resource)
}

// Service answers the authenticated requests of one Google service.
type Service interface {
	ServeGoogle(w http.ResponseWriter, r *Request)
}

// Error is an error as google.rpc.Status carries it (AIP-193, "Errors").
type Error struct {
	HTTP    int    // the HTTP status, also the code in the body
	Status  string // PERMISSION_DENIED, NOT_FOUND …
	Message string
	Details []any
}

func (e *Error) Error() string { return e.Status + ": " + e.Message }

// The statuses in use, with their HTTP codes: google.rpc.Code.
func InvalidArgument(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusBadRequest, Status: "INVALID_ARGUMENT", Message: fmt.Sprintf(format, args...)}
}

func FailedPrecondition(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusBadRequest, Status: "FAILED_PRECONDITION", Message: fmt.Sprintf(format, args...)}
}

func NotFound(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusNotFound, Status: "NOT_FOUND", Message: fmt.Sprintf(format, args...)}
}

func AlreadyExists(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusConflict, Status: "ALREADY_EXISTS", Message: fmt.Sprintf(format, args...)}
}

func Aborted(format string, args ...any) *Error {
	return &Error{HTTP: http.StatusConflict, Status: "ABORTED", Message: fmt.Sprintf(format, args...)}
}

// Unauthenticated is the answer to a missing, unknown or expired token.
func Unauthenticated() *Error {
	return &Error{HTTP: http.StatusUnauthorized, Status: "UNAUTHENTICATED",
		Message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."}
}

// PermissionDenied is IAM's refusal.
func PermissionDenied(permission, resource string) *Error {
	return &Error{
		HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED",
		Message: fmt.Sprintf("Permission '%s' denied on resource (or it may not exist).", permission),
		Details: []any{map[string]any{
			"@type":    "type.googleapis.com/google.rpc.ErrorInfo",
			"reason":   "IAM_PERMISSION_DENIED",
			"domain":   "iam.googleapis.com",
			"metadata": map[string]string{"permission": permission, "resource": resource},
		}},
	}
}

// Unknown is the answer to a path or method that no service here has.
func Unknown(r *http.Request) *Error {
	return NotFound("the sandbox has no method %s %s", r.Method, r.URL.Path)
}

// WriteError answers err; what is no *Error is an internal one.
func WriteError(w http.ResponseWriter, r *Request, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{HTTP: http.StatusInternalServerError, Status: "INTERNAL", Message: err.Error()}
	}
	r.Entry.Code = e.Status
	body := map[string]any{"code": e.HTTP, "message": e.Message, "status": e.Status}
	if len(e.Details) > 0 {
		body["details"] = e.Details
	}
	WriteJSON(w, e.HTTP, map[string]any{"error": body})
}

// WriteJSON answers v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a client that went away hears nothing
}

// maxBody is the largest JSON request that is read, in bytes.
const maxBody = 1 << 20

// ReadJSON decodes the request's body into v; an empty body leaves v as it is.
// A field that v does not have is refused by name, as Google's APIs do.
func ReadJSON(r *Request, v any) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return InvalidArgument("Request payload size exceeds the limit: %d bytes.", maxBody)
	}
	if len(data) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return InvalidArgument("Invalid JSON payload received. %v", err)
	}
	return nil
}

// Timestamp writes a time as Google's JSON does, without fractions.
func Timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
