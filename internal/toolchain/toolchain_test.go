package toolchain

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestCDKIsInstalledOnce: npm runs only if what it installed is not what
// package-lock.json lists, whichever file is newer, and once for programs that need
// it at the same time.
func TestCDKIsInstalledOnce(t *testing.T) {
	root, bin := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	lock := filepath.Join(root, "package-lock.json")
	for file, text := range map[string]string{
		lock: `{"packages":{"":{"name":"x"},"node_modules/aws-cdk":{"version":"1.0.0","integrity":"sha512-one"}}}`,
		filepath.Join(bin, "npm"): "#!/bin/sh\nset -e\necho run >>runs\nmkdir -p node_modules\n" +
			`sed 's/"":{"name":"x"},//' package-lock.json >node_modules/.package-lock.json` + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	chain := Toolchain{Root: root}
	runs := func(want string) {
		t.Helper()
		if data, err := os.ReadFile(filepath.Join(root, "runs")); err != nil || string(data) != want {
			t.Errorf("npm ran %q, %v, want %q", data, err, want)
		}
	}
	_, tool := chain.CDK()
	if tool.Ready {
		t.Error("without node_modules the CDK is ready")
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := tool.Get(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	runs("run\n")

	later := time.Now().Add(time.Hour) // as a checkout leaves it
	if err := os.Chtimes(lock, later, later); err != nil {
		t.Fatal(err)
	}
	if _, tool := chain.CDK(); !tool.Ready {
		t.Error("with an unchanged lock file the CDK is not ready")
	}
	if err := os.WriteFile(lock, []byte(`{"packages":{"":{"name":"x"},"node_modules/aws-cdk":{"version":"2.0.0","integrity":"sha512-two"}}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, tool := chain.CDK(); tool.Ready {
		t.Error("with another version in the lock file the CDK is ready")
	} else if err := tool.Get(t.Context()); err != nil {
		t.Error(err)
	}
	runs("run\nrun\n")
}
