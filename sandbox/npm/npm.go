//go:build unix

// Package npm finds what a package-lock.json pins, for tests that judge the sandbox by
// programs of others. It changes nothing in the repository.
package npm

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Modules returns the node_modules that the package.json and package-lock.json in dir
// pin. Where npm has not installed there what they say, or not yet, it is installed in
// the user's cache, so that no test installs under another's feet.
func Modules(t *testing.T, dir string) string {
	t.Helper()
	const modules = "node_modules"
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	record, err := os.Stat(filepath.Join(dir, modules, ".package-lock.json"))
	if err == nil && !record.ModTime().Before(lock.ModTime()) {
		return filepath.Join(dir, modules)
	}
	return filepath.Join(install(t, dir), modules)
}

// install makes a folder of the user's cache with what is pinned. It appears whole or
// not at all, and of tests that want it at the same time one makes it.
func install(t *testing.T, dir string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("finding the cache folder: %v; run npm ci in the repository's root instead", err)
	}
	pinned := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		if pinned[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		sum.Write(pinned[name])
	}
	installed := filepath.Join(cache, "gcs-to-s3", "tools", fmt.Sprintf("npm-%x", sum.Sum(nil)[:6]))
	if err := os.MkdirAll(filepath.Dir(installed), 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := os.OpenFile(installed+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock.Close() // ends the lock
	if err := syscall.Flock(int(unlock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("locking %s: %v", unlock.Name(), err)
	}
	if _, err := os.Stat(installed); err == nil {
		return installed
	}
	temp, err := os.MkdirTemp(filepath.Dir(installed), ".npm-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	for name, data := range pinned {
		if err := os.WriteFile(filepath.Join(temp, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	command.Dir = temp
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("installing what %s pins: %v\n%s", filepath.Join(dir, "package-lock.json"), err, out)
	}
	if err := os.Rename(temp, installed); err != nil {
		t.Fatal(err)
	}
	return installed
}
