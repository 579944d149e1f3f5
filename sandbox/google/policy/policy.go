// Package policy is Google's IAM allow policies: their JSON, the etags that guard
// their changes, and whether one of them grants a principal a permission. Roles are the predefined ones of roles.go; deny policies, custom
// roles, groups and domains as more than names, and audit configurations are not
// modelled.
package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// Policy is an allow policy: IAM API reference, "Policy". It is a value: its
// methods change no slice that another copy may share.
type Policy struct {
	Version  int       `json:"version,omitempty"` // 1, or 3 where a binding has a condition
	Bindings []Binding `json:"bindings,omitempty"`
	Etag     string    `json:"etag,omitempty"`
	// AuditConfigs is what some clients send empty; no policy here has any.
	AuditConfigs []any `json:"auditConfigs,omitempty"`
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

// conditional is the version of a policy whose bindings may have conditions.
const conditional = 3

// View is the policy as it is answered to a request for a version: with the etag of
// its content. Below version 3 the conditions are left out, and roles are marked
// so that their bindings do not look unconditional.
func (p Policy) View(version int) (Policy, error) {
	if version < 0 || version > conditional || version == 2 {
		return p, api.InvalidArgument("Requested policy version (%d) must be 0, 1 or 3.", version)
	}
	p.Etag = p.etag()
	if p.Version != conditional || version == conditional {
		return p, nil
	}
	p.Version, p.Bindings = 1, slices.Clone(p.Bindings)
	for i, b := range p.Bindings {
		if b.Condition != nil {
			sum := sha256.Sum256([]byte(b.Condition.Expression))
			p.Bindings[i] = Binding{Role: b.Role + "_withcond_" + hex.EncodeToString(sum[:10]), Members: b.Members}
		}
	}
	return p, nil
}

// emptyEtag is that of a policy without bindings.
const emptyEtag = "ACAB"

// etag is base64 of eight bytes, which clients decode and encode again; Google's
// begin with Bw as well.
func (p Policy) etag() string {
	if len(p.Bindings) == 0 {
		return emptyEtag
	}
	p.Etag = ""
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and ints alone: cannot happen
	}
	sum := sha256.Sum256(data)
	sum[0], sum[1] = 0x07, sum[1]&0x0f
	return base64.StdEncoding.EncodeToString(sum[:8])
}

// sameEtag compares the bytes of two etags: clients write them in base64's
// standard or URL alphabet, as JSON's bytes fields allow.
func sameEtag(a, b string) bool {
	return plain(a) == plain(b)
}

// plain is an etag in base64's standard alphabet without padding.
func plain(etag string) string { return strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(etag) }

// escaped is an etag as messages show it: its bytes, those that do not print in
// octal.
func escaped(etag string) string {
	data, err := base64.RawStdEncoding.DecodeString(plain(etag))
	if err != nil {
		return etag
	}
	var out strings.Builder
	for _, c := range data {
		if c < ' ' || c > '~' || strings.IndexByte(`'"\\`, c) >= 0 {
			fmt.Fprintf(&out, `\%03o`, c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// Rename replaces one member by another everywhere, as the deletion and
// the return of a service account do.
func (p Policy) Rename(from, to string) Policy {
	p.Bindings = slices.Clone(p.Bindings)
	for i, b := range p.Bindings {
		if j := slices.Index(b.Members, from); j >= 0 {
			p.Bindings[i].Members = slices.Clone(b.Members)
			p.Bindings[i].Members[j] = to
		}
	}
	return p
}

// Without is the policy without the members that keep refuses.
func (p Policy) Without(refused func(member string) bool) Policy {
	p.Bindings = slices.Clone(p.Bindings)
	for i, b := range p.Bindings {
		p.Bindings[i].Members = slices.DeleteFunc(slices.Clone(b.Members), refused)
	}
	return p
}

// Public reports whether a member includes everyone.
func Public(member string) bool { return member == "allUsers" || member == "allAuthenticatedUsers" }

// Grants reports whether the policy gives the principal a permission, and by which
// binding. Binding conditions see attrs.
func (p Policy) Grants(who api.Principal, permission string, attrs api.Attributes) (reason string, ok bool) {
	var failed []string
	for _, b := range p.Bindings {
		if !slices.Contains(rolePermissions[b.Role], permission) {
			continue
		}
		for _, m := range b.Members {
			if !matches(m, who) {
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

// conveniences are the members that stand for holders of a basic role on a
// project: Cloud Storage documentation, "Convenience values".
var conveniences = map[string]string{"roles/owner": "projectOwner:", "roles/editor": "projectEditor:", "roles/viewer": "projectViewer:"}

// Conveniences are the sets that a principal belongs to by the basic roles which
// this policy, a project's, gives it without a condition.
func (p Policy) Conveniences(who api.Principal, project string) []string {
	var sets []string
	for _, b := range p.Bindings {
		if prefix := conveniences[b.Role]; prefix != "" && b.Condition == nil && slices.ContainsFunc(b.Members, func(m string) bool { return matches(m, who) }) {
			sets = append(sets, prefix+project)
		}
	}
	return sets
}

// matches reports whether a policy's member is the principal or a set it is in. A
// deleted member keeps its unique id and matches no one.
func matches(member string, who api.Principal) bool {
	switch member {
	case "allUsers":
		return true
	case "allAuthenticatedUsers":
		return who.Member != ""
	}
	return member == who.Member || slices.Contains(who.Sets, member)
}
