package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

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

// Unauthenticated is the answer to an unknown or expired token.
func Unauthenticated() *Error {
	return unauthenticated("ACCESS_TOKEN_INVALID", "Request had invalid authentication credentials.")
}

// NoCredentials is the answer to a request without a token.
func NoCredentials() *Error {
	return unauthenticated("CREDENTIALS_MISSING", "Request is missing required authentication credential.")
}

func unauthenticated(reason, message string) *Error {
	return &Error{
		HTTP: http.StatusUnauthorized, Status: "UNAUTHENTICATED",
		Message: message + " Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
		Details: []any{errorInfo(reason, "googleapis.com", nil)},
	}
}

// InsufficientScopes is the answer to a token that was made for less.
func InsufficientScopes() *Error {
	return &Error{
		HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED",
		Message: "Request had insufficient authentication scopes.",
		Details: []any{errorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", nil)},
	}
}

// PermissionDenied is IAM's refusal; the Service Account Credentials API leaves
// the resource out of it.
func PermissionDenied(permission, resource string) *Error {
	about := map[string]string{"permission": permission}
	if resource != "" {
		about["resource"] = resource
	}
	return &Error{
		HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED",
		Message: fmt.Sprintf("Permission '%s' denied on resource (or it may not exist).", permission),
		Details: []any{errorInfo("IAM_PERMISSION_DENIED", "iam.googleapis.com", about)},
	}
}

// PermissionDeniedOn is PermissionDenied of services that name the resource in the
// message, too.
func PermissionDeniedOn(permission, service, resource string) *Error {
	e := PermissionDenied(permission, resource)
	e.Message = fmt.Sprintf("Permission '%s' denied on resource '//%s/%s' (or it may not exist).", permission, service, resource)
	return e
}

// errorInfo is google.rpc.ErrorInfo.
func errorInfo(reason, domain string, metadata map[string]string) any {
	info := map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": domain}
	if metadata != nil {
		info["metadata"] = metadata
	}
	return info
}

// ServiceDisabled is the answer of an API that a project has not enabled. title is
// what its console calls it.
func ServiceDisabled(service, title, project string) *Error {
	address := "https://console.developers.google.com/apis/api/" + service + "/overview?project=" + project
	message := title + " has not been used in project " + project + " before or it is disabled. Enable it by visiting " + address + " then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
	return &Error{
		HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED", Message: message,
		Details: []any{
			errorInfo("SERVICE_DISABLED", "googleapis.com", map[string]string{"service": service, "serviceTitle": title, "consumer": "projects/" + project, "containerInfo": project, "activationUrl": address}),
			map[string]any{"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message},
			map[string]any{"@type": "type.googleapis.com/google.rpc.Help", "links": []any{map[string]string{"description": "Google developers console API activation", "url": address}}},
		},
	}
}

// UserProjectDenied is the answer to a request that is to be counted on a project which
// its caller is not allowed to use, or which is not there: google.api.ErrorReason, and
// for the words google-github-actions/auth, issue 250.
func UserProjectDenied(service, project string) *Error {
	address := "https://console.developers.google.com/iam-admin/iam/project?project=" + project
	return &Error{
		HTTP: http.StatusForbidden, Status: "PERMISSION_DENIED",
		Message: "Caller does not have required permission to use project " + project + ". Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission, by visiting " + address + " and then retry. Propagation of the new permission may take a few minutes.",
		Details: []any{
			map[string]any{"@type": "type.googleapis.com/google.rpc.Help", "links": []any{map[string]string{"description": "Google developer console IAM admin", "url": address}}},
			errorInfo("USER_PROJECT_DENIED", "googleapis.com", map[string]string{"service": service, "consumer": "projects/" + project}),
		},
	}
}

// ResourceInfo is google.rpc.ResourceInfo of a resource by its name.
func ResourceInfo(name string) any {
	return map[string]any{"@type": "type.googleapis.com/google.rpc.ResourceInfo", "resourceName": name}
}

// Unknown is the answer to a path or method that no service here has.
func Unknown(r *http.Request) *Error {
	return NotFound("%s", unmodelled.Sentence(unmodelled.Google("method", r.Method+" "+r.URL.Path)))
}

// Unmodelled refuses something else that the real service has, by its kind and name.
func Unmodelled(kind, name string) *Error {
	return InvalidArgument("%s", unmodelled.Sentence(unmodelled.Google(kind, name)))
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
