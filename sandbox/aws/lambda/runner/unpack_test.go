package runner

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func archive(t *testing.T, name, content string, mode fs.FileMode) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{Name: name}
	h.SetMode(mode)
	w, err := z.CreateHeader(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, content string
		mode                fs.FileMode
		want                string // part of the error
	}{
		{"executable", "bootstrap", "x", 0o755, ""},
		{"in a folder", "a/b/c", "x", 0o644, ""},
		{"link", "a/link", "../bootstrap", fs.ModeSymlink | 0o777, ""},
		{"up and out", "../evil", "x", 0o644, `"../evil" points outside it`},
		{"absolute", "/evil", "x", 0o644, `"/evil" points outside it`},
		{"link out", "link", "../../etc/passwd", fs.ModeSymlink | 0o777, `its target "../../etc/passwd" points outside the package`},
		{"absolute link", "link", "/etc/passwd", fs.ModeSymlink | 0o777, `its target "/etc/passwd" points outside the package`},
		{"device", "dev", "", fs.ModeDevice | 0o644, "is not that of a file, folder or link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			err := Unpack(archive(t, tt.file, tt.content, tt.mode), dir)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got %v, want %q in the error", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(filepath.Join(dir, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != tt.mode {
				t.Errorf("got mode %v, want %v", info.Mode(), tt.mode)
			}
		})
	}
}
