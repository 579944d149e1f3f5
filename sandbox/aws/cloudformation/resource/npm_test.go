package resource

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// root holds the package.json that pins the CDK command line.
const root = "../../../.."

// databasePath is the CDK command line's database of CloudFormation. Where npm has
// not installed what package-lock.json says, or not yet, it is installed beside the
// repository's other tools, so that no test installs under another's feet.
func databasePath(t *testing.T) string {
	t.Helper()
	lock, err := os.Stat(filepath.Join(root, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	inPackage := filepath.Join("node_modules", "aws-cdk", "db.json.gz")
	if record, err := os.Stat(filepath.Join(root, "node_modules", ".package-lock.json")); err == nil && !record.ModTime().Before(lock.ModTime()) {
		return filepath.Join(root, inPackage)
	}
	dir := npmInstalled(t)
	return filepath.Join(dir, inPackage)
}

// npmInstalled is a folder of the user's cache with what package-lock.json pins. It
// appears whole or not at all, and of tests that want it at the same time one makes it.
func npmInstalled(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatalf("finding the cache folder: %v; run npm ci in the repository's root instead", err)
	}
	pinned := map[string][]byte{}
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		if pinned[name], err = os.ReadFile(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
		sum.Write(pinned[name])
	}
	dir := filepath.Join(cache, "gcs-to-s3", "tools", fmt.Sprintf("npm-%x", sum.Sum(nil)[:6]))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	unlock, err := os.OpenFile(dir+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock.Close() // ends the lock
	if err := syscall.Flock(int(unlock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("locking %s: %v", unlock.Name(), err)
	}
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), ".npm-")
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
		t.Fatalf("installing what package-lock.json pins: %v\n%s\nthis test reads the CDK command line's database; run npm ci in the repository's root", err, out)
	}
	if err := os.Rename(temp, dir); err != nil {
		t.Fatal(err)
	}
	return dir
}
