package storage

import (
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// fault is an error of Cloud Storage, which each of its APIs writes in its own
// way (Cloud Storage documentation, "HTTP status and error codes" for JSON and
// for XML).
type fault struct {
	HTTP    int
	Reason  string // JSON: errors[].reason
	Code    string // XML: Code
	Message string // JSON: message; XML: Details
	Brief   string // XML: Message
}

func (f *fault) Error() string { return f.Reason + ": " + f.Message }

func noBucket() error {
	return &fault{http.StatusNotFound, "notFound", "NoSuchBucket", "The specified bucket does not exist.", "The specified bucket does not exist."}
}

func noObject(bucket, name string) error {
	return &fault{http.StatusNotFound, "notFound", "NoSuchKey", "No such object: " + bucket + "/" + name, "The specified key does not exist."}
}

func preconditionFailed() error {
	return &fault{http.StatusPreconditionFailed, "conditionNotMet", "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.", "At least one of the pre-conditions you specified did not hold."}
}

func notModelled(kind, name string) error {
	return invalid(unmodelled.Sentence(unmodelled.Google(kind, name)))
}

func invalid(message string) error {
	return &fault{http.StatusBadRequest, "invalid", "InvalidArgument", message, "Invalid argument."}
}

func unavailable(message string) error {
	return &fault{http.StatusServiceUnavailable, "backendError", "ServiceUnavailable", message, "Service unavailable."}
}

// authorize asks for a permission and refuses as Cloud Storage does: without a
// token by 401, with a token by 403, and both name the caller.
func authorize(r *api.Request, permission, resource string, own ...api.Granter) error {
	if !scoped(r.Principal.Scopes, permission) {
		return &fault{http.StatusForbidden, "forbidden", "AccessDenied", "Provided scope(s) are not authorized", "Access denied."}
	}
	if r.Allowed(permission, resource, own...) {
		return nil
	}
	return denied(r, permission, resource)
}

// denied is the refusal of a permission on a resource.
func denied(r *api.Request, permission, resource string) *fault {
	kind := "bucket"
	switch {
	case strings.HasPrefix(permission, "storage.objects.") && permission != "storage.objects.list":
		kind = "object"
	case strings.HasPrefix(resource, "//cloudresourcemanager.googleapis.com/"):
		kind = "project"
	}
	noun := map[string]string{"bucket": "Google Cloud Storage bucket", "object": "Google Cloud Storage object", "project": "Google Cloud project"}[kind]
	message := caller(r.Principal) + " does not have " + permission + " access to the " + noun + ". Permission '" + permission + "' denied on resource (or it may not exist)."
	if r.Principal.Member == "" {
		return &fault{http.StatusUnauthorized, "required", "AccessDenied", message, "Access denied."}
	}
	return &fault{http.StatusForbidden, "forbidden", "AccessDenied", message, "Access denied."}
}

// caller names a principal as Cloud Storage's messages do.
func caller(p api.Principal) string {
	if p.Member == "" {
		return "Anonymous caller"
	}
	if kind, email, ok := strings.Cut(p.Member, ":"); ok && (kind == "user" || kind == "serviceAccount") {
		return email
	}
	return "Caller" // a federated principal: facebookresearch/fbpcs, pull request 1942
}

// scoped reports whether a token's scopes cover a permission: Cloud Storage
// documentation, "OAuth 2.0 scopes". A token without scopes is one that the
// sandbox gave to its administrator.
func scoped(scopes []string, permission string) bool {
	if len(scopes) == 0 {
		return true
	}
	const prefix = "https://www.googleapis.com/auth/"
	enough := []string{"cloud-platform", "devstorage.full_control"}
	switch verb := permission[strings.LastIndex(permission, ".")+1:]; verb {
	case "get", "list":
		enough = append(enough, "devstorage.read_write", "devstorage.read_only", "cloud-platform.read-only")
	case "create", "delete", "update":
		enough = append(enough, "devstorage.read_write")
	}
	for _, scope := range scopes {
		for _, e := range enough {
			if scope == prefix+e {
				return true
			}
		}
	}
	return false
}

// of is any error as a fault.
func of(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	var e *api.Error
	if !errors.As(err, &e) {
		return &fault{http.StatusInternalServerError, "backendError", "InternalError", err.Error(), "We encountered an internal error. Please try again."}
	}
	switch e.Status {
	case "UNAUTHENTICATED": // a token that is unknown or has expired
		return &fault{e.HTTP, wrongToken, "AuthenticationRequired", "Invalid Credentials", "Authentication required."}
	case "PERMISSION_DENIED": // the API is not enabled; storage has refusals of its own for callers
		return &fault{e.HTTP, "accessNotConfigured", "AccessDenied", e.Message, "Access denied."}
	case "ABORTED": // a stale etag is a failed precondition here
		message, _, _ := strings.Cut(e.Message, " The request's ETag")
		return &fault{http.StatusPreconditionFailed, "conditionNotMet", "PreconditionFailed", message, "At least one of the pre-conditions you specified did not hold."}
	default:
		return &fault{http.StatusBadRequest, "invalid", "InvalidArgument", e.Message, "Invalid argument."}
	}
}

// challenge is the header of a refusal of a missing or wrong token.
func (f *fault) challenge(h http.Header) {
	switch {
	case f.HTTP != http.StatusUnauthorized:
	case f.Reason == wrongToken:
		h.Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
	default:
		h.Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/"`)
	}
}

// WriteError answers err in the language of the API that was asked.
func WriteError(w http.ResponseWriter, r *api.Request, err error) {
	if jsonPaths.MatchString(r.URL.EscapedPath()) {
		writeJSONError(w, r, err)
		return
	}
	writeXMLError(w, r, err)
}

func writeJSONError(w http.ResponseWriter, r *api.Request, err error) {
	f := of(err)
	r.Entry.Code = f.Reason
	if f.HTTP == http.StatusNotModified { // which has no body
		w.WriteHeader(f.HTTP)
		return
	}
	item := map[string]string{"message": f.Message, "domain": "global", "reason": f.Reason}
	if f.HTTP == http.StatusUnauthorized || f.Reason == "accountDisabled" {
		item["locationType"], item["location"] = "header", "Authorization"
	}
	f.challenge(w.Header())
	api.WriteJSON(w, f.HTTP, map[string]any{"error": map[string]any{"code": f.HTTP, "message": f.Message, "errors": []any{item}}})
}

func writeXMLError(w http.ResponseWriter, r *api.Request, err error) {
	f := of(err)
	r.Entry.Code = f.Code
	if f.HTTP == http.StatusNotModified {
		w.WriteHeader(f.HTTP)
		return
	}
	details := f.Message
	if details == f.Brief {
		details = ""
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
		Details string `xml:",omitempty"`
	}{Code: f.Code, Message: f.Brief, Details: details})
	if err != nil {
		body = nil
	}
	f.challenge(w.Header())
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(xmlHeader)+len(body)))
	w.WriteHeader(f.HTTP)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append([]byte(xmlHeader), body...))
	}
}

// Refuse answers that the service cannot now, in the language of the API that was
// asked.
func Refuse(w http.ResponseWriter, r *api.Request, status int, code, message string) {
	f := &fault{HTTP: status, Reason: "backendError", Code: "ServiceUnavailable", Message: "Backend Error", Brief: "Service unavailable."}
	switch status {
	case http.StatusTooManyRequests:
		f.Reason, f.Code, f.Message, f.Brief = "rateLimitExceeded", "SlowDown", "Rate limit exceeded.", "Please reduce your request rate."
	case http.StatusRequestTimeout:
		f.Reason, f.Code, f.Message, f.Brief = "uploadBrokenConnection", "RequestTimeout", "Request timeout", "Request timeout."
	case http.StatusInternalServerError:
		f.Reason, f.Code, f.Message, f.Brief = "internalError", "InternalError", "We encountered an internal error. Please try again.", "We encountered an internal error. Please try again."
	}
	if code != "" {
		f.Reason, f.Code = code, code
	}
	if message != "" {
		f.Message, f.Brief = message, message
	}
	WriteError(w, r, f)
}

// wrongToken is the reason of a refusal that a token causes.
const wrongToken = "authError"

const xmlHeader = "<?xml version='1.0' encoding='UTF-8'?>"
