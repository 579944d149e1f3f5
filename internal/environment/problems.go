package environment

import (
	"fmt"
	"strings"
)

// Problem is one mistake in an environment.
type Problem struct {
	Field string // the setting's key
	Value string // the given value; empty for none
	Rule  string // what the value must be, with the source of the rule
	Hint  string // what to do about it
}

func (p Problem) String() string {
	s := fmt.Sprintf("%s: %q: %s", p.Field, p.Value, p.Rule)
	if p.Hint != "" {
		s += "\n      hint: " + p.Hint
	}
	return s
}

// Problems are all mistakes in an environment. It is the error that Load and
// Parse return for invalid values.
type Problems struct {
	Environment string
	List        []Problem
}

func (p *Problems) Error() string {
	var b strings.Builder
	noun := "problems"
	if len(p.List) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(&b, "environment %q has %d %s; nothing was touched", p.Environment, len(p.List), noun)
	for _, one := range p.List {
		b.WriteString("\n  - " + one.String())
	}
	return b.String()
}
