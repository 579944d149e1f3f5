package states_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/npm"
)

// TestAnotherValidator holds definitions that run here to asl-validator, which knows the
// language by schemas and rules of its own, and shows that it refuses what is wrong.
func TestAnotherValidator(t *testing.T) {
	t.Parallel()
	longtest.Skip(t)
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skipf("npm is not installed: %v", err)
	}
	program := filepath.Join(npm.Modules(t, "../../../tools/asl-validator"), ".bin", "asl-validator")
	const catch = `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C","ResultPath":"$.caught"}],"End":true`
	good := map[string]string{
		"map": one(mapState(passing,
			fromS3+toS3+`,"ItemSelector":{"item.$":"$$.Map.Item.Value"},"ResultPath":"$.copied","End":true`)),
		"tolerance": one(mapState(failing,
			fromS3+`,"MaxConcurrencyPath":"$.n","ToleratedFailurePercentagePath":"$.p","ToleratedFailureCountPath":"$.c","End":true`)),
		"array": one(mapState(waiting, `,"ItemsPath":"$.list","MaxConcurrency":5,"ToleratedFailureCount":3,"End":true`)),
		"task":  one(task(`{"do":"echo","value.$":"$.v"}`, `,"ResultPath":"$.out","TimeoutSeconds":60,"End":true`)),
		"catch": `{"StartAt":"S","States":{"S":` + task(`1`, catch) + `,"C":{"Type":"Pass","OutputPath":"$.caught","End":true}}}`,
		"retry": one(task(`1`,
			`,"Retry":[{"ErrorEquals":["A","B"],"IntervalSeconds":2,"MaxAttempts":3,"BackoffRate":1.5,"MaxDelaySeconds":5,"JitterStrategy":"FULL"},{"ErrorEquals":["States.ALL"]}],"End":true`)),
		"choice":      `{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"And":[{"Variable":"$.a","IsPresent":true},{"Not":{"Variable":"$.a","StringEquals":"x"}}],"Next":"Y"}],"Default":"Y"},"Y":{"Type":"Succeed"}}}`,
		"wait, limit": `{"TimeoutSeconds":60,"StartAt":"S","States":{"S":{"Type":"Wait","Seconds":3600,"End":true}}}`,
	}
	for _, name := range []string{"parameters", "format", "merge", "fail by path", "succeed"} { // it takes half a second for each
		good[name] = stateCases()[name].definition
	}
	bad := map[string]string{
		"no target":           `{"StartAt":"a","States":{"a":{"Type":"Pass","Next":"c"}}}`,
		"a path that is none": one(`{"Type":"Pass","InputPath":"a","End":true}`),
	}
	dir := t.TempDir()
	for kind, definitions := range map[string]map[string]string{"good": good, "bad": bad} {
		var args []string
		names := map[string]string{}
		for name, definition := range definitions {
			path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", kind, len(names)))
			if err := os.WriteFile(path, []byte(definition), 0o644); err != nil {
				t.Fatal(err)
			}
			names[path], args = name, append(args, "--json-path", path)
		}
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if valid := strings.Count(string(out),
			"is valid"); kind == "good" && (err != nil || valid != len(good)) || kind == "bad" && (err == nil || valid != 0) {
			t.Errorf("%s definitions: %v\n%s\nof %v", kind, err, out, names)
		}
	}
}
