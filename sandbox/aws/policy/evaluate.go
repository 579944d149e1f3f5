package policy

import (
	"fmt"
	"strings"
)

// Request is the call that is decided.
type Request struct {
	Caller   Caller
	Action   string // s3:PutObject
	Resource string // an ARN, or "*" for actions without one
	Context  map[string][]string
}

// values looks a condition key up; keys do not regard case.
func (q *Request) values(key string) []string {
	if v, ok := q.Context[key]; ok {
		return v
	}
	for k, v := range q.Context {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}

// Named is a document with the name that decisions call it by.
type Named struct {
	Name     string // AdministratorAccess, or an inline policy's name
	ARN      string // of a managed policy, which a refusal by it names
	Document *Document
}

// SourceType is how IAM's simulations call a managed policy's kind; other
// policies have none here.
func (n Named) SourceType() string {
	switch {
	case n.ARN == "":
		return ""
	case strings.HasPrefix(n.ARN, "arn:aws:iam::aws:"):
		return "aws-managed"
	}
	return "user-managed"
}

// Set is every policy that has a say about a call.
type Set struct {
	Identity []Named
	Resource []Named
	// Trust says that Resource is a role's trust policy: it has to name the
	// caller or its account, whatever the identity policies allow.
	Trust bool
	// Key says that Resource is the policy of a KMS key, which has to allow the
	// caller or its account likewise.
	Key bool
	// Boundary is a permissions boundary; when there is one, it has to allow the
	// call too.
	Boundary []Named
	// Session holds session policies; when there are any, one of them has to
	// allow the call too.
	Session []Named
}

// Decision is what the policies say.
type Decision struct {
	Allowed bool
	Denied  bool // by an explicit deny
	// Untrusted says that a role's trust policy does not name the caller, which
	// STS does not tell.
	Untrusted bool
	// Clause ends AWS's message about a refusal: "because no identity-based
	// policy allows the s3:PutObject action".
	Clause string
	// By names the statement and policy that decided; empty when none did.
	By     string
	Policy Named // that of By
}

// Reason is the decision in words, for a journal.
func (d Decision) Reason() string {
	switch {
	case d.Allowed:
		return "allowed by " + d.By
	case d.By != "":
		return d.Clause + ": " + d.By
	default:
		return d.Clause
	}
}

// Evaluate decides q under the policies of set.
func Evaluate(q Request, set Set) Decision {
	groups := []struct {
		policies []Named
		article  string
	}{{set.Identity, "an identity-based policy"}, {set.Resource, "a resource-based policy"}, {set.Boundary, "a permissions boundary"}, {set.Session, "a session policy"}}
	if set.Trust {
		groups[1].article = "the role trust policy"
	}
	for _, g := range groups {
		if by, m := find(q, g.policies, true); m != noMatch {
			clause := "with an explicit deny in " + g.article
			if by.policy.ARN != "" {
				clause += ": " + by.policy.ARN
			}
			return Decision{Denied: true, Clause: clause, By: by.String(), Policy: by.policy}
		}
	}
	by, identity := find(q, set.Identity, false)
	byResource, resource := find(q, set.Resource, false)
	if set.Trust && resource == noMatch {
		return Decision{Clause: fmt.Sprintf("because no role trust policy allows the %s action", q.Action), Untrusted: true}
	}
	if set.Key && resource == noMatch {
		return Decision{Clause: fmt.Sprintf("because no resource-based policy allows the %s action", q.Action)}
	}
	if resource == sessionMatch {
		return Decision{Allowed: true, By: byResource.String(), Policy: byResource.policy}
	}
	if resource == callerMatch && (identity == noMatch || set.Trust || set.Key) {
		by, identity = byResource, callerMatch
	}
	if identity == noMatch {
		return Decision{Clause: fmt.Sprintf("because no identity-based policy allows the %s action", q.Action)}
	}
	// A role that a resource's policy names keeps within its boundary; a user that
	// it names does not have to (IAM User Guide, "Permissions boundaries for IAM
	// entities"). Without roles, a caller has one ARN.
	if len(set.Boundary) > 0 && (byResource.statement == nil || by != byResource || len(q.Caller.ARNs) > 1) {
		if _, m := find(q, set.Boundary, false); m == noMatch {
			return Decision{Clause: fmt.Sprintf("because no permissions boundary allows the %s action", q.Action)}
		}
	}
	if len(set.Session) > 0 {
		if _, m := find(q, set.Session, false); m == noMatch {
			return Decision{Clause: fmt.Sprintf("because no session policy allows the %s action", q.Action)}
		}
	}
	return Decision{Allowed: true, By: by.String(), Policy: by.policy}
}

// deciding is the statement that decided.
type deciding struct {
	statement *Statement
	policy    Named
}

func (d deciding) String() string {
	return fmt.Sprintf("statement %s of policy %s", d.statement.Name(), d.policy.Name)
}

// find returns the statement that fits the call best, of those that deny or of
// those that allow.
func find(q Request, policies []Named, deny bool) (by deciding, best match) {
	for _, p := range policies {
		for i := range p.Document.Statements {
			s := &p.Document.Statements[i]
			if s.Deny != deny {
				continue
			}
			if m := s.fits(&q); m > best {
				by, best = deciding{s, p}, m
			}
		}
	}
	return by, best
}

func (s *Statement) fits(q *Request) match {
	m := s.caller(q.Caller)
	if m == noMatch || !s.action(q.Action) || !s.resource(q) {
		return noMatch
	}
	for i := range s.Conditions {
		if !s.Conditions[i].holds(s, q) {
			return noMatch
		}
	}
	return m
}
