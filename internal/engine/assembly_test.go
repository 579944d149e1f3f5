package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// TestImport runs a stand-in for cdk, which shows what it is given: the stack's template with
// what exists, described as it is, and what identifies it.
func TestImport(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const template = `{"Resources":{
		"Logs1":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Delete","UpdateReplacePolicy":"Delete","Properties":{"LogGroupName":"l","RetentionInDays":30}},
		"Function1":{"Type":"AWS::Lambda::Function","DependsOn":["Logs1"],"Properties":{"FunctionName":"f"},"Metadata":{"aws:cdk:path":"p"}}}}`
	c := CDK{Root: root, Env: environment.Environment{Name: "dev"}, Path: tool(t, `
case "$1" in
synth) cat > $OUT/s.template.json <<'T'
`+template+`
T
echo '{"files":{"a":{"source":{"path":"s.template.json","packaging":"file"}},"b":{"source":{"path":"asset.1","packaging":"zip"}}}}' > $OUT/s.assets.json ;;
import) cp $OUT/s.template.json $OUT/s.mapping.json `+root+` && echo "$*" > `+root+`/args ;;
esac`)}
	out := filepath.Join(root, "out", "dev")
	c.Path = tool(t, `for last; do case "$before" in --output) export OUT="$last";; esac; before="$last"; done; exec `+c.Path+` "$@"`)
	a, err := c.Synth(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err := a.Bundle("s"); err != nil || dir != filepath.Join(a.dir, "asset.1") {
		t.Errorf("Bundle() = %s, %v", dir, err)
	}
	if err := a.Import(t.Context(), "s", Existing{"AWS::Lambda::Function", "FunctionName", "f", map[string]any{"FunctionName": "f", "Timeout": 3}}); err != nil {
		t.Fatal(err)
	}
	read := func(file string, v any) {
		t.Helper()
		content, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(content, v)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var got struct{ Resources map[string]any }
	read(filepath.Join(root, "s.template.json"), &got)
	want := map[string]any{
		"Type": "AWS::Lambda::Function", "DeletionPolicy": "Retain", "Properties": map[string]any{"FunctionName": "f", "Timeout": 3.0},
		"Metadata": map[string]any{"aws:cdk:path": "p", "gcs-to-s3:mark": c.Env.Mark().String()},
	}
	if diff := cmp.Diff(want, got.Resources["Function1"]); diff != "" {
		t.Errorf("the function in the template (-want +got):\n%s", diff)
	}
	var mapping map[string]map[string]string
	read(filepath.Join(root, "s.mapping.json"), &mapping)
	if diff := cmp.Diff(map[string]map[string]string{"Function1": {"FunctionName": "f"}}, mapping); diff != "" {
		t.Errorf("the mapping (-want +got):\n%s", diff)
	}
	args, err := os.ReadFile(filepath.Join(root, "args"))
	if want := "import --resource-mapping " + filepath.Join(a.dir, "s.mapping.json") + " --force s --app " + a.dir + " "; err != nil ||
		!strings.HasPrefix(string(args), want) {
		t.Errorf("it runs cdk %s, %v; want %s", args, err, want)
	}
	var after, before any
	read(filepath.Join(a.dir, "s.template.json"), &after)
	if err := json.Unmarshal([]byte(template), &before); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the template is not as before (-before +after):\n%s", diff)
	}
	if err := a.Import(t.Context(), "s", Existing{"AWS::IAM::Role", "RoleName", "r", nil}); err == nil ||
		!strings.Contains(err.Error(), "importing into the stack s: the template has no AWS::IAM::Role r") {
		t.Errorf("what the template does not have: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) > 0 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
