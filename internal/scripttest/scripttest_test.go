package scripttest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestWrite: a script can be executed while others are written and started.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 40 {
				path := filepath.Join(dir, fmt.Sprintf("%d-%d", i, n))
				Write(t, path, "#!/bin/sh\nexit 0\n")
				if err := exec.CommandContext(t.Context(), path).Run(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
