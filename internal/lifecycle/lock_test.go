package lifecycle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
)

// lockedPulumi stands in for a Pulumi command line whose state somebody locked, until the
// lock is cancelled: Pulumi's own words of it.
const lockedPulumi = `#!/bin/sh
case "$*" in
cancel*) rm %[1]s/lock ;;
destroy*) if [ -e %[1]s/lock ]; then
  echo "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete the lock file with 'pulumi cancel'." >&2
  echo "  file:///state/.pulumi/locks/organization/gcs-to-s3/dev/0000.json: created by $(cat %[1]s/lock)" >&2
  exit 255
fi ;;
esac
`

// TestLocksOfOtherMachines: a lock of another machine is removed only where somebody says
// from which age on it must be abandoned, and a person is told how old it is.
func TestLocksOfOtherMachines(t *testing.T) { // not in parallel: a program that is being written cannot be run
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, host  string
		age         time.Duration
		unlockAfter time.Duration
		removed     bool
		hint        string
	}{
		{"another machine's", "runner-7", 25 * time.Hour, 0, false, "pass --unlock-after"},
		{"another machine's, old enough", "runner-7", 25 * time.Hour, 2 * time.Hour, true, ""},
		{"another machine's, too young", "runner-7", time.Hour, 2 * time.Hour, false, "pass --unlock-after"},
		{"a living process's of this machine", host, 25 * time.Hour, 2 * time.Hour, false, "pulumi cancel --stack dev"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			holder := fmt.Sprintf("alice@%s (pid %d) at %s", tt.host, os.Getpid(), time.Now().Add(-tt.age).Format(time.RFC3339))
			for file, text := range map[string]string{"pulumi": fmt.Sprintf(lockedPulumi, dir), "lock": holder} {
				scripttest.Write(t, filepath.Join(dir, file), text)
			}
			env := environment.Environment{Name: "dev"}
			l := Lifecycle{Env: env, UnlockAfter: tt.unlockAfter, Progress: progress.Plain(io.Discard),
				Pulumi: engine.Pulumi{Path: filepath.Join(dir, "pulumi"), Root: dir, Env: env, Environ: os.Environ()}}
			err := l.unlocked(t.Context(), func() error { return l.Pulumi.Destroy(t.Context()) })
			if tt.removed {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var locked *engine.LockedError
			if !errors.As(err, &locked) || !strings.Contains(err.Error(), "for "+tt.age.String()) ||
				!strings.Contains(hint(err, env), tt.hint) {
				t.Errorf("got %v; hint: %s", err, hint(err, env))
			}
			if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
				t.Errorf("the lock is removed: %v", err)
			}
		})
	}
}
