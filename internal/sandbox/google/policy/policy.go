// Package policy is Google's IAM allow policies: their JSON, the etags that guard
// their changes, and the question whether one of them grants a principal a
// permission. Roles are the predefined ones of roles.go; deny policies and custom
// roles are not modelled.
package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
)

// Policy is an allow policy: IAM API reference, "Policy".
type Policy struct {
	Version  int       `json:"version,omitempty"` // 1, or 3 where a binding has a condition
	Bindings []Binding `json:"bindings,omitempty"`
	Etag     string    `json:"etag,omitempty"`
}

// Binding grants one role to its members.
type Binding struct {
	Role      string     `json:"role"`
	Members   []string   `json:"members"`
	Condition *Condition `json:"condition,omitempty"`
}

// Condition is a CEL expression over request and resource.
type Condition struct {
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Expression  string `json:"expression"`
}

// maxMembers is the number of principals that one policy may hold: IAM
// documentation, "Quotas and limits".
const maxMembers = 1500

// WithEtag is the policy as it is answered: with the etag of its content.
func (p Policy) WithEtag() Policy {
	p.Etag = p.etag()
	return p
}

func (p Policy) etag() string {
	p.Etag = ""
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and ints alone: cannot happen
	}
	sum := sha256.Sum256(data)
	return "Bw" + base64.StdEncoding.EncodeToString(sum[:7])
}

// Replace is what setIamPolicy does: next in the place of p, if next's etag is
// that of p or none, and if every part of it is valid. exists tells whether a
// service account of this cloud does.
func (p Policy) Replace(next Policy, exists func(email string) bool) (Policy, error) {
	if next.Etag != "" && next.Etag != p.etag() {
		return p, api.Aborted("There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.")
	}
	var out Policy
	members := 0
	for _, b := range next.Bindings {
		if len(b.Members) == 0 {
			continue
		}
		if _, known := rolePermissions[b.Role]; !known {
			return p, api.InvalidArgument("Role %s is not supported for this resource.", b.Role)
		}
		for _, m := range b.Members {
			if err := checkMember(m); err != nil {
				return p, err
			}
			if email, ok := strings.CutPrefix(m, "serviceAccount:"); ok && !exists(email) {
				return p, api.InvalidArgument("Service account %s does not exist.", email)
			}
		}
		if b.Condition != nil {
			if next.Version != 3 {
				return p, api.InvalidArgument("Specified policy version (%d) cannot contain conditions.", next.Version)
			}
			if err := b.Condition.check(); err != nil {
				return p, err
			}
			out.Version = 3
		}
		out.add(b)
		members += len(b.Members)
	}
	if members > maxMembers {
		return p, api.InvalidArgument("The number of members in the policy (%d) is larger than the maximum allowed size %d.", members, maxMembers)
	}
	if out.Version == 0 {
		out.Version = 1
	}
	return out, nil
}

// Rename puts one member in the place of another everywhere, as the deletion and
// the return of a service account do.
func (p *Policy) Rename(from, to string) {
	for _, b := range p.Bindings {
		for i, m := range b.Members {
			if m == from {
				b.Members[i] = to
			}
		}
	}
}

// add merges a binding with one of the same role and condition.
func (p *Policy) add(b Binding) {
	for i, have := range p.Bindings {
		if have.Role == b.Role && sameCondition(have.Condition, b.Condition) {
			for _, m := range b.Members {
				if !slices.Contains(have.Members, m) {
					p.Bindings[i].Members = append(p.Bindings[i].Members, m)
				}
			}
			return
		}
	}
	b.Members = slices.Clone(b.Members)
	p.Bindings = append(p.Bindings, b)
}

func sameCondition(a, b *Condition) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Grants tells whether the policy gives the principal a permission, and by which
// binding. Binding conditions see attrs.
func (p Policy) Grants(who api.Principal, permission string, attrs api.Attributes) (reason string, ok bool) {
	var failed []string
	for _, b := range p.Bindings {
		if !rolePermissions[b.Role].has(permission) {
			continue
		}
		for _, m := range b.Members {
			if !Matches(m, who) {
				continue
			}
			if b.Condition != nil {
				if holds, err := b.Condition.holds(attrs); err != nil || !holds {
					failed = append(failed, fmt.Sprintf("%s for %s only under condition %q", b.Role, m, b.Condition.Expression))
					continue
				}
			}
			return fmt.Sprintf("%s for %s", b.Role, m), true
		}
	}
	return strings.Join(failed, "; "), false
}

// Matches tells whether a policy's member is the principal or a set it is in.
func Matches(member string, who api.Principal) bool {
	switch member {
	case "allUsers":
		return true
	case "allAuthenticatedUsers":
		return who.Member != ""
	}
	// A member that was deleted keeps its unique id and stands for nobody.
	if strings.HasPrefix(member, "deleted:") {
		return false
	}
	return member == who.Member || slices.Contains(who.Sets, member)
}

// Clone is a copy that shares nothing with p.
func (p Policy) Clone() Policy {
	p.Bindings = slices.Clone(p.Bindings)
	for i := range p.Bindings {
		p.Bindings[i].Members = slices.Clone(p.Bindings[i].Members)
	}
	return p
}
