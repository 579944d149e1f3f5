package bulk

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/npm"
)

// A validator that is not ours finds nothing wrong with the state machine.
func TestDefinitionIsValid(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skipf("npm is not installed: %v", err)
	}
	program := filepath.Join(npm.Modules(t, "../../tools/asl-validator"), ".bin", "asl-validator")
	definition := Definition(Machine{Function: "arn:aws:lambda:eu-west-1:111122223333:function:gcs-to-s3-bulk", Bucket: "jobs"})
	for _, test := range []struct{ from, to, want string }{
		{"", "", "is valid"},
		{`"Next":"Shards"`, `"Next":"Shares"`, "Shares"}, // and it finds what is wrong
	} {
		file := filepath.Join(t.TempDir(), "definition.json")
		if err := os.WriteFile(file, []byte(strings.Replace(definition, test.from, test.to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), program, "--json-path", file).CombinedOutput()
		if (err == nil) != (test.from == "") || !strings.Contains(string(out), test.want) {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// Every step that the machine asks for is one that the worker does, and no map can have a
// concurrency of its own making.
func TestDefinitionAsksForSteps(t *testing.T) {
	t.Parallel()
	definition := Definition(Machine{})
	for _, step := range Steps() {
		if !strings.Contains(definition, `"step":"`+step+`"`) {
			t.Errorf("the machine never asks for %s", step)
		}
	}
	if strings.Count(definition, `"Type":"Map"`) != 3 || strings.Count(definition, `"MaxConcurrencyPath":"$.concurrency"`) != 2 ||
		strings.Count(definition, `"MaxConcurrencyPath":"$.last.answer.concurrency"`) != 1 {
		t.Error("a map is bounded by nothing: without a number it has 10,000 children")
	}
	var parsed struct{ States map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(definition), &parsed); err != nil || len(parsed.States) < 15 {
		t.Errorf("%d states, %v", len(parsed.States), err)
	}
}
