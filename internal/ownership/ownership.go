// Package ownership decides whether a thing in a cloud is an environment's. It is the
// only place that does: up, down, prune, status, list and doctor ask here, so that the
// way out decides as the way in.
//
// A thing is an environment's if it carries the environment's mark and has the form of
// what this program makes; or if the state of the environment's own engine records this
// very thing; or if it is part of something that is the environment's. A name, a label
// alone, or the absence of a mark is no authority. What would take something along that
// is not the environment's is left alone, too.
//
// It asks no cloud: what is there, what is absent and what cannot be seen is said by
// package clouds, and only about what is there can it be asked whose it is.
package ownership

import (
	"fmt"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Verdict is whose a thing is. The zero value is that it is the environment's.
type Verdict struct {
	foreign string
}

// Ours reports whether the thing is the environment's.
func (v Verdict) Ours() bool { return v.foreign == "" }

// Why is the reason why the thing is not the environment's, or empty.
func (v Verdict) Why() string { return v.foreign }

func foreign(format string, args ...any) Verdict { return Verdict{fmt.Sprintf(format, args...)} }

// Evidence is what is known of a thing that is there.
type Evidence struct {
	Mark   environment.Mark
	Marked bool
	// Form says how the thing differs from what this program makes; it is empty if it
	// does not.
	Form string
	// Recorded is that the environment's engine has recorded this very thing, by an id
	// that no later thing of its name can have.
	Recorded bool
	// Part is the verdict on what the thing is part of, or hangs on; nil if that is
	// nothing.
	Part *Verdict
	// Bare is that things of its kind carry no mark: a grant, a schedule.
	Bare bool
	// Holds are the things that would go with it and are not the environment's.
	Holds []string
}

// Decide decides whether a thing belongs to the environment with the mark own.
func Decide(own environment.Mark, e Evidence) Verdict {
	switch part := e.Part != nil; {
	case e.Marked && !e.Mark.Same(own):
		return another(own, e.Mark)
	case part && !e.Part.Ours():
		return *e.Part
	case e.Form != "" && e.Marked:
		return foreign("carries the environment's mark, but %s", e.Form)
	case e.Form != "":
		return foreign("does not have the form of the environment's: %s", e.Form)
	case e.Marked || e.Recorded || part && e.Bare:
		if len(e.Holds) > 0 {
			return foreign("holds what is not the environment's: %s", strings.Join(e.Holds, "; "))
		}
		return Verdict{}
	case part:
		return foreign("carries no mark of an environment: somebody made it again under its name")
	}
	return foreign("carries no mark of an environment")
}

// Adopt decides whether something that is there may become the environment's, which somebody
// wants: it may if it carries no mark, or the environment's. stack is what it is part of, if
// that is another stack than the environment's. It decides only that, and nothing else may
// take it for the environment's before it is marked.
func Adopt(own environment.Mark, e Evidence, stack string) Verdict {
	switch {
	case e.Marked && !e.Mark.Same(own):
		return another(own, e.Mark)
	case stack != "":
		return foreign("is part of the stack %s", stack)
	}
	return Verdict{}
}

// another is the verdict on what carries the mark of another environment.
func another(own, mark environment.Mark) Verdict {
	who := "the environment " + mark.Environment
	if mark.Environment == own.Environment {
		who = fmt.Sprintf(
			"another environment of the name %s, whose account, region, project or suffix is not that of the file",
			mark.Environment,
		)
	}
	if mark.Owner != "" {
		who += ", of " + mark.Owner
	}
	return foreign("belongs to %s", who)
}

// Tags are the evidence of AWS's tags.
func Tags(tags map[string]string) Evidence {
	mark, marked := environment.MarkOf(tags)
	return Evidence{Mark: mark, Marked: marked}
}
