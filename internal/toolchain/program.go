package toolchain

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Program is a program of this module. It is built with `go run`, since the build
// cache keeps linked executables for `go run` but not for `go build`: unchanged
// code is neither compiled nor linked again.
type Program struct {
	dir     string   // with its sources
	environ []string // NAME=value, in addition to the process's own
	flags   []string
	root    string // of the project whose go.mod names the release of Go; empty uses the go command's own
}

// Function is the Lambda as deployed, for an architecture in Go's spelling.
//
// The binary contains nothing from the machine that built it: no paths, no
// symbols, no revision. lambda.norpc leaves out the interface of the go1.x
// runtime, as the Lambda Developer Guide advises for provided.al2023.
func Function(root, goarch string) Program {
	return Program{
		root:    root,
		dir:     filepath.Join(root, "function"),
		environ: []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + goarch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0"},
		flags:   []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"},
	}
}

// Build writes the program's executable to a file.
func (p Program) Build(ctx context.Context, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return p.run(ctx, "cp", file)
}

// warm builds the program into the build cache only.
func (p Program) warm(ctx context.Context) error { return p.run(ctx, "true") }

// run builds the program and runs a command with its executable and further arguments.
func (p Program) run(ctx context.Context, command string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"run", "-exec", command}, p.flags...), append([]string{"."}, args...)...)...)
	cmd.Dir = p.dir
	cmd.Env = append(cmd.Environ(), p.environ...)
	if p.root != "" {
		release, err := ReleaseOf(ctx, p.root)
		if err != nil {
			return fmt.Errorf("building %s: %w", filepath.Base(p.dir), err)
		}
		cmd.Env = append(cmd.Env, release.environ...)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", filepath.Base(p.dir), err, bytes.TrimSpace(out))
	}
	return nil
}

// Programs compiles the CDK app, the Pulumi program and the function, so that the
// engines need neither compile nor fetch anything.
func (t Toolchain) Programs(ctx context.Context) (detail string, err error) {
	return t.compile(ctx, t.program("stacks"), t.program("infra"), Function(t.Root, runtime.GOARCH))
}

// AWSPrograms compiles those of the programs that have hardly a package in common with
// the tools, so it can do so while they are built.
func (t Toolchain) AWSPrograms(ctx context.Context) (detail string, err error) {
	return t.compile(ctx, t.program("stacks"), Function(t.Root, runtime.GOARCH))
}

func (t Toolchain) program(name string) Program {
	return Program{dir: filepath.Join(t.Root, "cmd", name)}
}

func (t Toolchain) compile(ctx context.Context, programs ...Program) (detail string, err error) {
	var names []string
	for _, p := range programs {
		if err := p.warm(ctx); err != nil {
			return "", err
		}
		names = append(names, filepath.Base(p.dir))
	}
	return strings.Join(names, ", "), nil
}
