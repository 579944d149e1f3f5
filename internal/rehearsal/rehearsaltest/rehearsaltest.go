// Package rehearsaltest opens local clouds for tests that run the command line and the
// engines in them.
package rehearsaltest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// Open starts clouds without any environment, until the test ends. root is the project's.
func Open(t *testing.T, options sandbox.Options) (s *rehearsal.Stand, root string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if root, err = toolchain.FindRoot(working); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err = rehearsal.Rehearsal{Root: root, Progress: progress.Plain(&log), Clouds: options}.Open(t.Context(), &rehearsal.Summary{})
	if s != nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return s, root
}

// CommandLine builds the command line and returns its path.
func CommandLine(t *testing.T, root string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gcs-to-s3")
	// Unlike "go build", "go run" keeps the linked executable in the build cache.
	if out, err := exec.Command("go", "run", "-exec", "cp", root+"/cmd/gcs-to-s3", binary).CombinedOutput(); err != nil {
		t.Fatalf("building the command line: %v\n%s", err, out)
	}
	return binary
}
