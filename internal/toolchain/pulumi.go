package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Pulumi returns a folder with the Pulumi command line in bin.
//
// Pulumi's own npm package, "pulumi", downloads it: that has Pulumi's Go language host
// beside it. Where it cannot be downloaded, it is compiled from the module in tools/.
func (t Toolchain) Pulumi() (dir string, tool Tool, err error) {
	key, err := t.key("go.mod", "go.sum")
	if err != nil {
		return "", Tool{}, err
	}
	dir = filepath.Join(t.Cache, "pulumi-"+PulumiVersion+"-"+key)
	executable := filepath.Join(dir, "bin", "pulumi")
	compile := t.build("", executable,
		"-ldflags", "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version="+PulumiVersion,
		"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi")
	return dir, Tool{
		Name:  "get the Pulumi command line " + PulumiVersion + " (once; takes minutes if it has to be compiled)",
		Ready: compile.Ready,
		Get: func(ctx context.Context) (string, error) {
			if err := os.MkdirAll(t.Cache, 0o755); err != nil {
				return "", err
			}
			unlock, err := lock(ctx, dir+".lock")
			if err != nil {
				return "", err
			}
			defer unlock()
			if _, err := os.Stat(executable); err == nil {
				return "", nil // another program got it in the meantime
			}
			failed := t.download(ctx, dir)
			if failed == nil {
				return "downloaded", nil
			}
			if _, err := compile.Get(ctx); err != nil {
				return "", errors.Join(failed, err)
			}
			return "compiled, because it could not be downloaded: " + lastLine(failed), nil
		},
	}, nil
}

// download has Pulumi's npm package install the command line into dir, in one piece or
// not at all. PULUMI_VERSION and PULUMI_HOME tell it which one and where. Source: the
// package's README and lib/resolve.js.
func (t Toolchain) download(ctx context.Context, dir string) error {
	if err := t.install(ctx); err != nil {
		return err
	}
	home, err := os.MkdirTemp(t.Cache, ".download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	ctx, cancel := context.WithTimeoutCause(ctx, t.patience, fmt.Errorf("it took more than %s", t.patience))
	defer cancel()
	number := strings.TrimPrefix(PulumiVersion, "v")
	npmPackage := filepath.Join(t.Root, "node_modules", ".bin", "pulumi")
	// The installer leaves files in TMPDIR when it is killed.
	if err := run(ctx, home, []string{"PULUMI_HOME=" + home, "PULUMI_VERSION=" + number, "PULUMI_SKIP_UPDATE_CHECK=true", "TMPDIR=" + home}, npmPackage, "version"); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	installed := filepath.Join(home, "versions", number)
	out, err := exec.CommandContext(ctx, filepath.Join(installed, "bin", "pulumi"), "version").Output()
	if got := strings.TrimSpace(string(out)); err == nil && got != PulumiVersion {
		err = fmt.Errorf("the installer brought %q instead of %s", got, PulumiVersion)
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil { // an empty folder of an interrupted build
		return err
	}
	return os.Rename(installed, dir)
}

// patience is how long a download may take: about as long as compiling takes.
const patience = 3 * time.Minute

// lastLine returns an error's last line, where a command says why it failed.
func lastLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return lines[len(lines)-1]
}

// GoHost returns Pulumi's language host for Go: the real one if it is on the PATH or was
// downloaded with the command line, otherwise the stand-in.
func (t Toolchain) GoHost() (path string, tool Tool, err error) {
	const name = "pulumi-language-go"
	use := func(path string) (string, Tool, error) { return path, Tool{Name: "use " + path, Ready: true}, nil }
	if path, err := exec.LookPath(name); err == nil {
		return use(path)
	}
	dir, _, err := t.Pulumi()
	if err != nil {
		return "", Tool{}, err
	}
	if path, err := exec.LookPath(filepath.Join(dir, "bin", name)); err == nil {
		return use(path)
	}
	return t.own("go-stand-in", name, "build the stand-in for Pulumi's Go language host (once)")
}

// withHost gets the command line and then its Go host, if none has come with it.
func (t Toolchain) withHost(get func(context.Context) (string, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		detail, err := get(ctx)
		if err != nil {
			return "", err
		}
		_, host, err := t.GoHost()
		if err == nil && !host.Ready {
			_, err = host.Get(ctx)
		}
		return detail, err
	}
}
