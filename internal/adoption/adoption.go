// Package adoption finds what exists under an environment's names and was made by hand, and
// decides what of it the environment can take over without deleting, replacing or
// interrupting anything. It says how each thing differs from the environment's file, and
// for what cannot be taken over, why. It changes nothing: package lifecycle does.
//
// Whose a thing is, package ownership decides.
package adoption

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
)

// State is what adoption makes of a thing.
type State string

const (
	Absent  State = "absent"  // the deployment creates it
	Ours    State = "ours"    // the environment has it, and it is what the file says
	Adopt   State = "adopt"   // it can be taken over
	Refused State = "refused" // it cannot, because of its problems
)

// Thing is one thing under one of the environment's names.
type Thing struct {
	Cloud       string       `json:"cloud"` // AWS or Google
	Kind        string       `json:"kind"`
	Name        string       `json:"name"`
	State       State        `json:"state"`
	Problems    []Problem    `json:"problems,omitempty"`
	Differences []Difference `json:"differences,omitempty"`
	Left        []string     `json:"left,omitempty"` // what it has beyond the environment's, and keeps
}

// Problem is a reason why a thing cannot be taken over.
type Problem struct {
	Why  string `json:"why"`
	Hint string `json:"hint"`
}

// Difference is a setting in which a thing differs from the environment's file. Values of
// variables that are not the environment's are not shown: they may be secret.
type Difference struct {
	Setting string `json:"setting"`
	Found   string `json:"found"`
	Wanted  string `json:"wanted"`
}

func (t *Thing) refuse(hint, format string, args ...any) {
	t.Problems = append(t.Problems, Problem{fmt.Sprintf(format, args...), hint})
}

func (t *Thing) differs(setting, found, wanted string) {
	if found != wanted {
		t.Differences = append(t.Differences, Difference{setting, found, wanted})
	}
}

func (t *Thing) leave(format string, args ...any) {
	t.Left = append(t.Left, fmt.Sprintf(format, args...))
}

// settle sets the state of a thing that is there; ours is that the environment has it.
func (t *Thing) settle(ours bool) {
	switch {
	case len(t.Problems) > 0:
		t.State = Refused
	case ours && len(t.Differences) == 0:
		t.State = Ours
	default:
		t.State = Adopt
	}
}

// Plan is what can be taken over of an environment, and how.
type Plan struct {
	Things []Thing

	// Role, Function and Logs are to be imported into the stacks as they are; nil if they are
	// absent, or in their stacks.
	Role, Function, Logs *engine.Existing

	// HandOver is that the function is there and runs code that is not the environment's.
	HandOver bool

	Detach []string // ARNs of policies that the environment's own replace
}

// add adds a thing whose state is set.
func (p *Plan) add(t Thing) { p.Things = append(p.Things, t) }

// Empty reports whether there is nothing to take over.
func (p Plan) Empty() bool {
	return !slices.ContainsFunc(p.Things, func(t Thing) bool { return t.State == Adopt || t.State == Refused })
}

// Found reports whether there is anything at all.
func (p Plan) Found() bool {
	return slices.ContainsFunc(p.Things, func(t Thing) bool { return t.State != Absent })
}

// Err says what cannot be taken over, and why; nil if there is no such thing.
func (p Plan) Err() error {
	var lines []string
	for _, t := range p.Things {
		for _, problem := range t.Problems {
			lines = append(lines, fmt.Sprintf("  the %s %s %s; hint: %s", t.Kind, t.Name, problem.Why, problem.Hint))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("nothing was changed, because not all of it can be taken over:\n%s", strings.Join(lines, "\n"))
}

// words say a state for people.
var words = map[State]string{
	Absent:  "does not exist; it will be created",
	Ours:    "is the environment's",
	Adopt:   "can be taken over",
	Refused: "cannot be taken over",
}

// Write writes the plan for people.
func (p Plan) Write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, t := range p.Things {
		fmt.Fprintf(table, "%s %s %s %s\n", t.Cloud, t.Kind, t.Name, words[t.State])
		for _, problem := range t.Problems {
			fmt.Fprintf(table, "  ✗ it %s\n    hint: %s\n", problem.Why, problem.Hint)
		}
		if len(t.Differences) > 0 {
			fmt.Fprintf(table, "    setting\tfound\twanted\n")
		}
		for _, d := range t.Differences {
			fmt.Fprintf(table, "    %s\t%s\t%s\n", d.Setting, cmp.Or(d.Found, "none"), cmp.Or(d.Wanted, "none"))
		}
		for _, left := range t.Left {
			fmt.Fprintf(table, "    left alone: %s\n", left)
		}
	}
	return table.Flush()
}
