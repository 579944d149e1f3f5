package policy

import (
	"slices"
	"time"
)

// Timeline is something that policies say, as it is read, with what it was as
// long as that has effect: a change reaches the decisions some time after it is
// made; see "Troubleshoot IAM: Changes that I make are not always immediately
// visible". Before the first change has effect, there is T's zero value.
type Timeline[T any] struct {
	now  T
	past []past[T] // oldest first
}

type past[T any] struct {
	was   T
	until time.Time
}

// Set replaces what there is; next has effect after delay.
func (t *Timeline[T]) Set(next T, at time.Time, delay time.Duration) {
	t.past = slices.DeleteFunc(t.past, func(p past[T]) bool { return !at.Before(p.until) })
	if delay > 0 {
		t.past = append(t.past, past[T]{t.now, at.Add(delay)})
	}
	t.now = next
}

// At is what has effect at a time.
func (t *Timeline[T]) At(at time.Time) T {
	for _, p := range t.past {
		if at.Before(p.until) {
			return p.was
		}
	}
	return t.now
}
