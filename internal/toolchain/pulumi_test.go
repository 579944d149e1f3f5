package toolchain

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
)

// TestPulumi: Pulumi's npm package, the real one, downloads the command line; if that
// fails, in whatever way, it is compiled, and nothing of the download is left.
func TestPulumi(t *testing.T) {
	const fallback = "compiled, because it could not be downloaded: "
	for _, tt := range []struct {
		name      string
		installer string // without one, there is no network
		patience  time.Duration
		want      string // begins the detail
		files     []string
	}{
		{"downloaded", brings, patience, "downloaded", []string{"pulumi", "pulumi-language-go"}},
		{"no network", "", patience, fallback + "pulumi: fetch failed", []string{"pulumi"}},
		{"the installer fails halfway", brings + "exit 1", patience, fallback + "pulumi: Command failed: /bin/sh ", []string{"pulumi"}},
		{"the installer brings another version", strings.ReplaceAll(brings, "v3", "v4"), patience,
			fallback + `the installer brought "v4.217.0" instead of v3.217.0`, []string{"pulumi"}},
		{"the installer brings nothing", "true", patience, fallback, []string{"pulumi"}},
		{"it takes too long", brings, time.Nanosecond, fallback + "it took more than 1ns", []string{"pulumi"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chain := offline(t, tt.installer)
			chain.patience = tt.patience
			set, err := chain.pinned()
			if err != nil || len(set.Tools) != 2 || set.Tools[1].Ready {
				t.Fatalf("pinned() = %+v, %v, want Pulumi as the second tool, which has to be got", set, err)
			}
			if detail, err := set.Tools[1].Get(t.Context()); err != nil || !strings.HasPrefix(detail, tt.want) {
				t.Errorf("Get() = %q, %v, want %q", detail, err, tt.want)
			}
			bin := filepath.Dir(set.Pulumi)
			if got := names(t, bin); !cmp.Equal(got, tt.files) {
				t.Errorf("%s has %q, want %q", bin, got, tt.files)
			}
			if set, err := chain.pinned(); err != nil || len(set.Tools) != 3 || !set.Tools[1].Ready || !set.Tools[2].Ready || filepath.Dir(set.GoHost) == bin != (len(tt.files) > 1) {
				t.Errorf("afterwards: %+v, %v, want all to be ready", set, err)
			}
			for _, name := range names(t, chain.Cache) {
				standIn := strings.HasPrefix(name, "go-stand-in-")
				if standIn && len(tt.files) > 1 || !standIn && name != filepath.Base(filepath.Dir(bin)) && !strings.HasSuffix(name, ".lock") {
					t.Errorf("the cache has %s", name)
				}
			}
		})
	}
}

// TestPulumiInterrupted: whoever interrupts the download leaves no process behind, and
// nothing is compiled instead.
func TestPulumiInterrupted(t *testing.T) {
	begun, never := filepath.Join(t.TempDir(), "begun"), filepath.Join(t.TempDir(), "never")
	for _, fifo := range []string{begun, never} {
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	chain := offline(t, "exec 3<>"+never+"\necho >"+begun+"\ncat <&3")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = os.ReadFile(begun) // once the installer has opened it
		cancel()
	}()
	dir, tool, err := chain.Pulumi()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tool.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Get() = %v, want that it was cancelled", err)
	}
	if _, err := os.OpenFile(never, os.O_WRONLY|syscall.O_NONBLOCK, 0); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("the installer still runs: opening what it reads: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "pulumi")); !os.IsNotExist(err) {
		t.Errorf("there is a command line: %v", err)
	}
}

// brings is what Pulumi's installer does, for a test: $dir is where it installs to.
const brings = `for name in pulumi pulumi-language-go; do printf '#!/bin/sh\necho v3.217.0\n' >"$dir/$name"; chmod +x "$dir/$name"; done
`

// offline returns the project's toolchain with an empty cache and Pulumi's real npm
// package, which is given this installer for the one of its lib/download.js. The go
// command "compiles" without reading anything.
func offline(t *testing.T, installer string) Toolchain {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	chain := Toolchain{Root: root, Cache: t.TempDir(), patience: patience}
	if err := chain.install(t.Context()); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	scripttest.Write(t, filepath.Join(bin, "go"), "#!/bin/sh\necho compiled >\"$3\"\n")
	for _, name := range []string{"sh", "node", "npm", "mkdir", "chmod", "cat"} { // no pulumi-language-go
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	fetch := `throw new TypeError("fetch failed");`
	if installer != "" {
		fetch = `if (url === "https://get.pulumi.com/install.sh") return new Response(process.env.INSTALLER);
throw new Error(url);`
	}
	preload := filepath.Join(t.TempDir(), "fetch.cjs")
	if err := os.WriteFile(preload, []byte("globalThis.fetch = async url => {\n"+fetch+"\n};\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NODE_OPTIONS", "--require="+preload)
	t.Setenv("INSTALLER", `[ "$*" = "--no-edit-path --install-root $PULUMI_HOME/versions/3.217.0 --version 3.217.0" ] || exit 9
dir=$3/bin; mkdir -p "$dir"
`+installer)
	return chain
}

// names returns the names in a folder, sorted.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}
