package toolchain

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
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
		scripttest.Write(t, file, text)
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
			if _, err := tool.Get(t.Context()); err != nil {
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
	} else if _, err := tool.Get(t.Context()); err != nil {
		t.Error(err)
	}
	runs("run\nrun\n")
}

// TestMissingToolsAreGotAtTheSameTime: each waits here until the others have begun.
func TestMissingToolsAreGotAtTheSameTime(t *testing.T) {
	t.Parallel()
	var begun sync.WaitGroup
	begun.Add(3)
	together := func(context.Context) (string, error) {
		begun.Done()
		begun.Wait()
		return "", nil
	}
	alongside := progress.Act{Name: "three", Run: together}
	ready := Tool{Name: "ready", Ready: true, Get: func(context.Context) (string, error) { return "", errors.New("it was there") }}
	set := Set{Tools: []Tool{{Name: "one", Get: together}, ready, {Name: "two", Get: together}}}
	steps, err := set.Get(t.Context(), progress.Plain(io.Discard), alongside)
	if err != nil || len(steps) != 3 {
		t.Errorf("Get() = %v, %v, want three steps", steps, err)
	}
	if steps, err := (Set{Tools: []Tool{ready}}).Get(t.Context(), progress.Plain(io.Discard), alongside); err != nil || len(steps) > 0 {
		t.Errorf("Get() = %v, %v, want no step when all is ready", steps, err)
	}
}

// TestToolsAreBuiltOneAtATime: their builds would compile the same packages twice.
func TestToolsAreBuiltOneAtATime(t *testing.T) {
	root, bin := t.TempDir(), t.TempDir()
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err := os.Mkdir(filepath.Join(root, "tools"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A folder can be made by one at a time.
	const script = "#!/bin/sh\nset -e\nmkdir building\necho \"$@\" >>builds\necho made >\"$3\"\nrmdir building\n"
	scripttest.Write(t, filepath.Join(bin, "go"), script)
	chain := Toolchain{Root: root, Cache: t.TempDir()}
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "a"} {
		tool := chain.build(name, filepath.Join(chain.Cache, name, "tool"), "./"+name)
		all.Go(func() {
			if _, err := tool.Get(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	data, err := os.ReadFile(filepath.Join(root, "tools", "builds"))
	if err != nil || strings.Count(string(data), "\n") != 3 {
		t.Errorf("the builds were\n%s%v, want each tool built once", data, err)
	}
}
