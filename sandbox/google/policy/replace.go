package policy

import (
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// maxMembers is the number of principals that one policy may hold: IAM
// documentation, "Quotas and limits".
const maxMembers = 1500

// Update is the body of setIamPolicy.
type Update struct {
	Policy     Policy `json:"policy"`
	UpdateMask string `json:"updateMask"`
}

// Request is the body of getIamPolicy.
type Request struct {
	Options struct {
		Version int `json:"requestedPolicyVersion"`
	} `json:"options"`
}

// Apply is Replace with the update's policy, after a look at its mask: only
// bindings, etag and version are here to be updated, and clients that always name
// the audit configuration send none.
func (u Update) Apply(to Policy, on Resource, exists func(member string) bool) (Policy, error) {
	for field := range strings.SplitSeq(u.UpdateMask, ",") {
		if field != "" && !slices.Contains([]string{"bindings", "etag", "version", "auditConfigs", "audit_configs"}, field) {
			return to, api.InvalidArgument("Invalid update mask: %q.", field)
		}
	}
	if u.UpdateMask != "" && !slices.Contains(strings.Split(u.UpdateMask, ","), "bindings") {
		return to, api.Unmodelled("update mask", u.UpdateMask+" of policies, without their bindings")
	}
	return to.Replace(u.Policy, on, exists)
}

// Replace is what setIamPolicy does: it returns next instead of p, if next's etag is
// that of p or none, and if every part of it is valid. exists reports whether a
// service account or a pool of this cloud does.
func (p Policy) Replace(next Policy, on Resource, exists func(member string) bool) (Policy, error) {
	if next.Etag != "" && !sameEtag(next.Etag, p.etag()) {
		return p, api.Aborted("There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. The request's ETag '%s' did not match the current policy's ETag '%s'.", escaped(next.Etag), escaped(p.etag()))
	}
	if next.Version < 0 || next.Version > conditional || next.Version == 2 {
		return p, api.InvalidArgument("Specified policy version (%d) must be 0, 1 or 3.", next.Version)
	}
	if len(next.AuditConfigs) > 0 {
		return p, api.Unmodelled("field", "auditConfigs of policies")
	}
	var out Policy
	var had []string
	for _, b := range p.Bindings {
		had = append(had, b.Members...)
	}
	members := 0
	for _, b := range next.Bindings {
		if len(b.Members) == 0 {
			continue
		}
		if !grantable(b.Role, on) {
			return p, api.InvalidArgument("Role %s is not supported for this resource.", b.Role)
		}
		for _, m := range b.Members {
			if err := checkMember(m); err != nil {
				return p, err
			}
			ofPool := PoolOf(m) != "" && !slices.Contains(had, m)
			if (ofPool || strings.HasPrefix(m, "serviceAccount:")) && !exists(m) {
				return p, unknown(m)
			}
		}
		if b.Condition != nil {
			if next.Version != conditional {
				return p, api.InvalidArgument("Specified policy version (%d) cannot contain conditions.", next.Version)
			}
			if err := b.Condition.check(); err != nil {
				return p, err
			}
			out.Version = conditional
		}
		out.add(b)
		members += len(b.Members)
	}
	if members > maxMembers {
		return p, api.InvalidArgument("The number of members in the policy (%d) is larger than the maximum allowed size %d.", members, maxMembers)
	}
	if out.Version == 0 && len(out.Bindings) > 0 {
		out.Version = 1
	}
	return out, nil
}

// Added are the members that an update would newly grant a role.
func (p Policy) Added(next Policy) []string {
	var added []string
	for _, b := range next.Bindings {
		for _, m := range b.Members {
			if !slices.ContainsFunc(p.Bindings, func(have Binding) bool { return have.Role == b.Role && slices.Contains(have.Members, m) }) {
				added = append(added, m)
			}
		}
	}
	return added
}

// add merges a binding with one of the same role and condition.
func (p *Policy) add(b Binding) {
	i := slices.IndexFunc(p.Bindings, func(have Binding) bool {
		return have.Role == b.Role && sameCondition(have.Condition, b.Condition)
	})
	if i < 0 {
		i = len(p.Bindings)
		p.Bindings = append(p.Bindings, Binding{Role: b.Role, Condition: b.Condition})
	}
	for _, m := range b.Members {
		if !slices.Contains(p.Bindings[i].Members, m) {
			p.Bindings[i].Members = append(p.Bindings[i].Members, m)
		}
	}
}

func sameCondition(a, b *Condition) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
