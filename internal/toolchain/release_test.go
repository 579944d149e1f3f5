package toolchain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
)

// TestRelease is case L23: which Go builds the function is written in go.mod, and not left
// to what is installed.
func TestRelease(t *testing.T) {
	root, bin := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	write := func(path, text string) { scripttest.Write(t, path, text) }
	write(filepath.Join(root, "go.mod"), "module m\n\ngo 1.26.0\n\ntoolchain go1.26.8\n")
	// A go command of a version, which can download others or not.
	goCommand := func(own string, downloads bool) {
		refuse := `echo "go: download $GOTOOLCHAIN for linux/amd64: toolchain not available" >&2; exit 1`
		if downloads {
			refuse = `own=$GOTOOLCHAIN`
		}
		write(filepath.Join(bin, "go"), "#!/bin/sh\nown="+own+"\ncase $GOTOOLCHAIN in go*) if [ $GOTOOLCHAIN != $own ]; then "+refuse+"; fi;; esac\n"+
			`shift; for name; do case $name in GOVERSION) echo $own;; GOTOOLCHAIN) echo "${GOTOOLCHAIN-auto}";; esac; done`+"\n")
	}
	for _, tt := range []struct {
		name, own string
		downloads bool
		setting   string // GOTOOLCHAIN
		used      string
		environ   string
	}{
		{"the pinned one", "go1.26.8", false, "auto", "go1.26.8", ""},
		{"the pinned one, and no other wanted", "go1.26.8", false, "local", "go1.26.8", ""},
		{"an older one that downloads", "go1.26.5", true, "auto", "go1.26.8", "GOTOOLCHAIN=go1.26.8"},
		{"a newer one that downloads", "go1.27.1", true, "auto", "go1.26.8", "GOTOOLCHAIN=go1.26.8"},
		{"an older one that cannot download", "go1.26.5", false, "auto", "go1.26.5", ""},
		{"an older one, and no other wanted", "go1.26.5", true, "local", "go1.26.5", ""},
	} {
		goCommand(tt.own, tt.downloads)
		t.Setenv("GOTOOLCHAIN", tt.setting)
		r, err := ReleaseOf(t.Context(), root)
		if err != nil || r.Used != tt.used || strings.Join(r.environ, " ") != tt.environ || r.Pinned != "go1.26.8" {
			t.Errorf("%s: got %+v, %v, want %s by %q", tt.name, r, err, tt.used, tt.environ)
		}
		if warned := r.Warning() != ""; warned != (tt.used != "go1.26.8") {
			t.Errorf("%s: the warning is %q", tt.name, r.Warning())
		}
	}
	write(filepath.Join(root, "go.mod"), "module m\n\ngo 1.26.0\n")
	if _, err := ReleaseOf(t.Context(), root); err == nil || !strings.Contains(err.Error(), "no toolchain line") {
		t.Errorf("without the line: %v", err)
	}
}
