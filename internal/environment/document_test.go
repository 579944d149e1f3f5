package environment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocument writes environments and reads them back like any other.
func TestDocument(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{
		"dev":  {"awsAccount": "000123456789", "googleProject": "my-project"},
		"pr-7": {"awsAccount": "123456789012", "googleProject": "my-project", "suffix": "-pr-7", "timeoutSeconds": "60", "allowLoopbackEndpoints": "true", "destinationPrefix": "in coming/", "object": "true"},
	} {
		dir := t.TempDir()
		text := Document(name, values)
		if err := os.WriteFile(filepath.Join(dir, FileName(name)), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir, name)
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		want, err := Parse(name, values)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, s := range Settings() {
			if n := strings.Count(text, Namespace+":"+s.Key+":"); n != 1 {
				t.Errorf("%s: the file has %s %d times, want once", name, s.Key, n)
			}
		}
	}
}

// TestDocumentsComments uncomments the defaults, after which the file
// sets them explicitly.
func TestDocumentsComments(t *testing.T) {
	t.Parallel()
	values := map[string]string{"awsAccount": "123456789012", "googleProject": "my-project"}
	dir := t.TempDir()
	text := strings.ReplaceAll(Document("dev", values), "  # "+Namespace+":", "  "+Namespace+":")
	if err := os.WriteFile(filepath.Join(dir, FileName("dev")), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir, "dev")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want, err := Parse("dev", values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the settings in comments (-want +got):\n%s", diff)
	}
}
