// Package api is what the local Google services share: how a service declares its
// methods, the authenticated request that a method receives, the errors
// (google.rpc.Status in JSON), bodies, query parameters, pages and partial answers.
// It knows no service and decides nothing; the cloud looks up tokens, and package
// policy evaluates policies.
package api

import (
	"net/http"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// Principal is the identity behind a bearer token.
type Principal struct {
	// Member is the principal as policies write it: user:…, serviceAccount:…, or
	// principal://iam.googleapis.com/…/subject/…; empty for an anonymous caller.
	Member string
	// Sets are what else a policy may write for it: the principal sets of a
	// federated principal, and projectOwner:… and the like.
	Sets []string
	// UniqueID is a service account's; a re-created account is another principal.
	UniqueID string
	// Through are the identities that obtained this one, nearest first.
	Through []string
	// Scopes are the OAuth scopes of the token. A token without any is one that the
	// sandbox gave to its administrator, and unlimited.
	Scopes []string
}

// Request is one authenticated call of one service.
type Request struct {
	*http.Request
	ID        string
	Service   string // iam, sts, iamcredentials, cloudresourcemanager, storage
	Time      time.Time
	Principal Principal

	// Decide evaluates a resource's own policies and then those of what it belongs
	// to; Authorize calls it. The cloud sets it.
	Decide func(who Principal, permission, resource string, own []Granter) journal.Decision
	// Entry is the journal's line for this request.
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

// Granter is an allow policy. It reports whether it gives the principal the
// permission, and by which binding; or else what it would take.
type Granter interface {
	Grants(who Principal, permission string, attrs Attributes) (reason string, ok bool)
}

// Allowed asks for one permission on one resource, named by its full resource
// name and with its own policies, and records the decision.
func (r *Request) Allowed(permission, resource string, own ...Granter) bool {
	return r.AllowedTo(r.Principal, permission, resource, own...)
}

// AllowedTo is Allowed for another principal, on whose behalf the caller acts.
func (r *Request) AllowedTo(who Principal, permission, resource string, own ...Granter) bool {
	d := r.Decide(who, permission, resource, own)
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

// Timestamp writes a time as Google's JSON does, without fractions.
func Timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
