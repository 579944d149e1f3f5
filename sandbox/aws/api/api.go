// Package api is what the local AWS services share: how a service declares its
// operations, the wire protocols that decode and answer them, the authenticated
// request that an operation receives, and what every service needs (options, ids,
// tags, pages). It knows no service and decides nothing; signatures are checked by
// sigv4 and policies by policy before or while an operation runs.
package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// PrincipalType is the kind of caller, as the policy variable aws:PrincipalType
// names it.
type PrincipalType string

const (
	Anonymous   PrincipalType = "Anonymous"
	Account     PrincipalType = "Account" // the root user
	User        PrincipalType = "User"
	AssumedRole PrincipalType = "AssumedRole"
)

// Principal is an authenticated caller.
type Principal struct {
	Type    PrincipalType
	Account string // 12 digits
	ARN     string // what GetCallerIdentity answers: arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION
	UserID  string // AIDA…, or AROA…:SESSION
	RoleARN string // for an assumed role, the role's own IAM ARN with its path

	AccessKeyID string // the key the call was signed with; it leads to the session and its policies
}

// Request is one authenticated call of one service.
type Request struct {
	*http.Request
	ID      string // the request id that the answer carries
	Service string // the service of the credential scope: sts, iam, s3, cloudformation …
	Region  string
	Account string // the account this cloud is
	Time    time.Time
	Caller  Principal

	// Evaluate evaluates the caller's policies, and the resource policies in set
	// beside them. The cloud sets it.
	Evaluate func(action, resource string, keys map[string][]string, set policy.Set) policy.Decision
	// Entry is the journal's line for this request.
	Entry *journal.Entry
	// Writer is where an operation writes its answer that does not return a result.
	Writer http.ResponseWriter

	protocol Protocol // of the service
}

// Authorize checks that the caller may do action on resource. keys are the
// request's condition context beyond the global keys (s3:prefix and the like).
// A refusal is AWS's AccessDenied error with its usual message.
func (r *Request) Authorize(action, resource string, keys map[string][]string) error {
	return r.AuthorizeWith(action, resource, keys, policy.Set{})
}

// AuthorizeWith is Authorize with the resource policies of set.
func (r *Request) AuthorizeWith(action, resource string, keys map[string][]string, set policy.Set) error {
	d := r.Evaluate(action, resource, keys, set)
	r.Record(action, resource, d)
	return r.Denied(action, resource, d)
}

// Denied is AWS's AccessDenied error with its usual message, or nil where d
// allows. Services differ in how they show the resource.
func (r *Request) Denied(action, resource string, d policy.Decision) error {
	if d.Allowed {
		return nil
	}
	return Errorf(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s %s", r.Caller.ARN, action, resource, d.Clause)
}

// Record puts a decision of Evaluate into the journal.
func (r *Request) Record(action, resource string, d policy.Decision) {
	r.Entry.Decisions = append(r.Entry.Decisions, journal.Decision{Action: action, Resource: resource, Allowed: d.Allowed, Reason: d.Reason()})
}

// Error is an error as an AWS service answers it.
type Error struct {
	Status  int    // the HTTP status
	Code    string // AccessDenied, NoSuchEntity, ValidationError …
	Message string
	Members map[string]string // further members of the error's shape: S3's BucketName, Lambda's Reason
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Errorf makes an Error with a formatted message.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
