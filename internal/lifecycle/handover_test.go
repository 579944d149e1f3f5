package lifecycle

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestBeside: a package keeps its files, and gets ours, which replace those of the same name
// and can be run.
func TestBeside(t *testing.T) {
	t.Parallel()
	var found bytes.Buffer
	z := zip.NewWriter(&found)
	for name, content := range map[string]string{"bootstrap": "theirs", "lambda_function.py": "handler", "lib/a.py": "a"} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	both, err := beside(found.Bytes(), fstest.MapFS{"bootstrap": {Data: []byte("ours"), Mode: 0o644}, "clientLibraryConfig.json": {Data: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(both), int64(len(both)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range r.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := got[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		if got[f.Name] = string(text); f.Name == "bootstrap" && f.Mode().Perm()&0o111 == 0 {
			t.Errorf("bootstrap has the mode %v", f.Mode())
		}
	}
	want := map[string]string{"bootstrap": "ours", "clientLibraryConfig.json": "{}", "lambda_function.py": "handler", "lib/a.py": "a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := beside([]byte("no zip"), fstest.MapFS{}); err == nil {
		t.Error("what is no zip is taken")
	}
}
