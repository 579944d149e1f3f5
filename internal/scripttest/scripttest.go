// Package scripttest makes stand-ins for the programs that a test starts.
package scripttest

import (
	"os"
	"syscall"
	"testing"
)

// Write writes an executable file. A program that another goroutine starts meanwhile
// would inherit the file, open for writing, and until it has gone over to its own code nobody
// could execute the file ("text file busy"): so no program is started while it is written.
// Source: the Go issue "os/exec: fork/exec ... text file busy" (golang/go 22315).
func Write(t testing.TB, path, text string) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}
