// Package longtest keeps tests of minutes out of quick runs: those that walk through whole
// lives of environments in many ways. .ci/run runs them all.
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
	switch asked := os.Getenv(Variable); asked {
	case "1":
	case "":
		t.Skipf("a long test; %s=1 go test runs it, and so does .ci/run", Variable)
	default:
		t.Fatalf("%s: %q: must be 1, or not be set", Variable, asked)
	}
}
