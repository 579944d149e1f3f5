// Package longtest keeps long tests out of quick runs: those that walk through lives of
// environments in many ways, and those that run other programs again and again.
package longtest

import (
	"os"
	"testing"
)

// Variable asks for the long tests.
const Variable = "LONG_TESTS"

// Skip skips a long test where none was asked for.
func Skip(t *testing.T) {
	t.Helper()
	if !Asked(t) {
		t.Skipf("a long test; %s=1 go test runs it, and so does .ci/run", Variable)
	}
}

// Asked reports whether long tests were asked for.
func Asked(t *testing.T) bool {
	t.Helper()
	asked := os.Getenv(Variable)
	if asked != "" && asked != "1" {
		t.Fatalf("%s: %q: must be 1, or not be set", Variable, asked)
	}
	return asked == "1"
}
