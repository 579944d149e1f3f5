package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// Timeline is a policy as it is read, with what it was as long as that has effect:
// a change reaches the decisions only some time after it is made (IAM
// documentation, "Access change propagation"). It is a value, as Policy is.
type Timeline struct {
	Policy
	past []past // oldest first
}

// past is a policy that was replaced.
type past struct {
	policy Policy
	until  time.Time // it has effect
}

// Set replaces the policy; next has effect after delay.
func (t Timeline) Set(next Policy, now time.Time, delay time.Duration) Timeline {
	t.past = slices.DeleteFunc(slices.Clone(t.past), func(p past) bool { return !now.Before(p.until) })
	if delay > 0 {
		t.past = append(t.past, past{t.Policy, now.Add(delay)})
	}
	t.Policy = next
	return t
}

// Map changes the policy and all that it was, at once.
func (t Timeline) Map(change func(Policy) Policy) Timeline {
	t.Policy, t.past = change(t.Policy), slices.Clone(t.past)
	for i := range t.past {
		t.past[i].policy = change(t.past[i].policy)
	}
	return t
}

// Rename is Policy's, for all that it was.
func (t Timeline) Rename(from, to string) Timeline {
	return t.Map(func(p Policy) Policy { return p.Rename(from, to) })
}

// Grants asks the policy that has effect at the time of the question.
func (t Timeline) Grants(who api.Principal, permission string, attrs api.Attributes) (reason string, ok bool) {
	i := slices.IndexFunc(t.past, func(p past) bool { return attrs.Time.Before(p.until) })
	if i < 0 {
		return t.Policy.Grants(who, permission, attrs)
	}
	reason, ok = t.past[i].policy.Grants(who, permission, attrs)
	last := t.past[len(t.past)-1].until
	if coming, will := t.Policy.Grants(who, permission, attrs); will != ok {
		switch {
		case will:
			reason = fmt.Sprintf("%s, which has effect from %s", coming, api.Timestamp(last))
		default:
			reason = fmt.Sprintf("%s, which was taken away and has effect until %s", reason, api.Timestamp(last))
		}
	}
	return reason, ok
}
