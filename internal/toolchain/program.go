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

// Program is a program of this module. It is built through the go command's build
// cache, which keeps linked executables for `go run` but not for `go build`: what did
// not change is neither compiled nor linked again.
type Program struct {
	dir     string   // of its sources
	environ []string // NAME=value, besides the process's own
	flags   []string
}

// Function is the Lambda as it is deployed, for an architecture in Go's words.
//
// Nothing of the building machine goes into the binary: no paths, no symbols, no
// revision. lambda.norpc leaves out the interface of the go1.x runtime, as the Lambda
// Developer Guide advises for provided.al2023.
func Function(root, goarch string) Program {
	return Program{
		dir:     filepath.Join(root, "function"),
		environ: []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + goarch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0"},
		flags:   []string{"-trimpath", "-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"},
	}
}

// Build builds the program into a file.
func (p Program) Build(ctx context.Context, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return p.run(ctx, "cp", file)
}

// warm builds the program into the build cache alone.
func (p Program) warm(ctx context.Context) error { return p.run(ctx, "true") }

// run runs a command with the program's executable and further arguments.
func (p Program) run(ctx context.Context, command string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"run", "-exec", command}, p.flags...), append([]string{"."}, args...)...)...)
	cmd.Dir = p.dir
	cmd.Env = append(cmd.Environ(), p.environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", filepath.Base(p.dir), err, bytes.TrimSpace(out))
	}
	return nil
}

// Programs compiles the CDK app, the Pulumi program and the function, so that the
// engines find them compiled and fetch nothing.
func (t Toolchain) Programs(ctx context.Context) (detail string, err error) {
	programs := []Program{{dir: filepath.Join(t.Root, "cmd", "stacks")}, {dir: filepath.Join(t.Root, "cmd", "infra")}, Function(t.Root, runtime.GOARCH)}
	var names []string
	for _, p := range programs {
		if err := p.warm(ctx); err != nil {
			return "", err
		}
		names = append(names, filepath.Base(p.dir))
	}
	return strings.Join(names, ", "), nil
}
