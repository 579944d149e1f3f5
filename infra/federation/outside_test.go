package federation_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
)

const module = "github.com/gcs-to-s3/gcs-to-s3"

// TestExamplesOutside compiles and runs the examples in a module of its own, as
// another program would use the component: nothing inside this module shows that an
// exported field has a type that others cannot name. The versions are those of this
// module, so that nothing is fetched.
func TestExamplesOutside(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"example_test.go", "mocks_test.go", "../../go.sum", "../../go.mod"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("mod", "edit", "-module=example.com/theirs", "-require="+module+"@v0.0.0", "-replace="+module+"="+root)
	got := run("test", "-v", "-run", "^Example", ".")
	for _, name := range []string{"Example_objectReading", "Example_bigQuery", "Example_pubSub"} {
		if !strings.Contains(got, "--- PASS: "+name+" ") {
			t.Errorf("%s did not pass:\n%s", name, got)
		}
	}
}

// TestLeaf: who uses the component gets Pulumi's packages, and nothing of the command
// line or of AWS's SDK.
func TestLeaf(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(context.Background(), "go", "list", "-deps", "-json=ImportPath", ".")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{module + "/infra/federation": true, module + "/internal/credential": true, module + "/internal/names": true}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p struct{ ImportPath string }
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, module+"/") {
			seen++
			if !allowed[p.ImportPath] {
				t.Errorf("the component depends on %s", p.ImportPath)
			}
		}
		if strings.HasPrefix(p.ImportPath, "github.com/aws/") {
			t.Errorf("the component depends on %s", p.ImportPath)
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d packages of this module were seen, want %d", seen, len(allowed))
	}
}

// TestExportedFields: others can name the type of every one.
func TestExportedFields(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	var look func(path string, typ reflect.Type)
	look = func(path string, typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if strings.Contains(typ.PkgPath()+"/", "/internal/") {
			t.Errorf("%s has the type %s of %s", path, typ, typ.PkgPath())
		}
		if typ.Kind() != reflect.Struct || seen[typ] || !strings.HasPrefix(typ.PkgPath(), module) {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() {
				look(path+"."+f.Name, f.Type)
			}
		}
	}
	look("Args", reflect.TypeFor[federation.Args]())
	look("Federation", reflect.TypeFor[federation.Federation]())
	if len(seen) != 7 {
		t.Errorf("%d types were looked at: %v", len(seen), seen)
	}
}
