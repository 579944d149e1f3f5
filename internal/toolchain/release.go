package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Release is the release of Go that builds the function. Its patch level is part of the
// function: it decides about the bytes, so about the bundle's hash, and about which known
// vulnerabilities of the standard library are in it.
type Release struct {
	Pinned string // as go.mod names it: go1.26.8
	Used   string
	// environ has the go command use another release than its own; empty where it need not.
	environ []string
}

// toolchainLine is the line of go.mod that names a release: "Go Toolchains" (go.dev).
var toolchainLine = regexp.MustCompile(`(?m)^toolchain (go[0-9.]+)$`)

// PinnedGo is the release of Go that a project's go.mod names.
func PinnedGo(root string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("reading which Go builds the function: %w", err)
	}
	m := toolchainLine.FindSubmatch(data)
	if m == nil {
		return "", fmt.Errorf("go.mod has no toolchain line; hint: `go get toolchain@latest`")
	}
	return string(m[1]), nil
}

// ReleaseOf finds the release of Go that builds the function of a project: the pinned one,
// where the go command is that one, or has it, or can download it. GOTOOLCHAIN=local forbids
// others than its own. A go command older than go.mod allows is an error.
func ReleaseOf(ctx context.Context, root string) (Release, error) {
	r := Release{}
	var err error
	if r.Pinned, err = PinnedGo(root); err != nil {
		return r, err
	}
	settings, err := goEnv(ctx, root, nil, "GOVERSION", "GOTOOLCHAIN")
	if err != nil {
		return r, err
	}
	if r.Used = settings[0]; r.Used == r.Pinned || settings[1] == "local" {
		return r, nil
	}
	environ := []string{"GOTOOLCHAIN=" + r.Pinned}
	if other, err := goEnv(ctx, root, environ, "GOVERSION"); err == nil && other[0] == r.Pinned {
		r.Used, r.environ = r.Pinned, environ
	}
	return r, nil // without the Internet it is the go command's own
}

// Warning is what is to be said of a release that is not the pinned one, or empty.
func (r Release) Warning() string {
	if r.Used == r.Pinned {
		return ""
	}
	return fmt.Sprintf("the function is built with %s, and go.mod names %s: "+
		"its bundle has another hash than others build, and other fixes of the standard library; "+
		"hint: install %[2]s, or let the go command download it: GOTOOLCHAIN=auto", r.Used, r.Pinned)
}

// goEnv asks the go command for settings.
func goEnv(ctx context.Context, dir string, environ []string, names ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"env"}, names...)...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), environ...)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking the go command for %s: %w", strings.Join(names, ", "), err)
	}
	values := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(values) != len(names) {
		return nil, fmt.Errorf("asking the go command for %s: it answered %q", strings.Join(names, ", "), out)
	}
	return values, nil
}
