// Package toolchain gets the tools that the command line runs, each in a pinned
// version, without a package manager of the machine: the CDK command line from
// npm, the Pulumi command line from Pulumi's installer or built from the module in
// tools/, and the stand-ins for two of its plugins built from that module. Tools
// other than npm's are kept in the user's cache folder, under a name that changes
// with everything they were built from.
package toolchain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// PulumiVersion is the version of the Pulumi command line that tools/go.mod pins.
const PulumiVersion = "v3.217.0"

// GCPVersion is the version of the Google Cloud plugin that matches the
// pulumi-gcp SDK in go.mod.
const GCPVersion = "v7.38.0"

// Toolchain is where tools come from and where they are kept.
type Toolchain struct {
	Root  string // the project's root
	Cache string // folder for downloaded and built tools

	patience time.Duration // how long a download may take
}

// Tool is a tool: its name, and how to get it. Ready is true if there is nothing to
// do. Get's detail is how it was got, where there are several ways.
type Tool struct {
	Name  string
	Ready bool
	Get   func(ctx context.Context) (detail string, err error)
}

// New returns a toolchain that keeps its tools in the user's cache folder.
func New(root string) (Toolchain, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Toolchain{}, fmt.Errorf("finding the cache folder: %w; hint: set HOME or XDG_CACHE_HOME", err)
	}
	return Toolchain{root, filepath.Join(cache, "gcs-to-s3", "tools"), patience}, nil
}

// CDK returns the CDK command line, which npm installs according to package-lock.json.
func (t Toolchain) CDK() (path string, tool Tool) {
	path = filepath.Join(t.Root, "node_modules", ".bin", "cdk")
	return path, Tool{
		Name:  "install the CDK command line from npm",
		Ready: t.installed(),
		Get:   func(ctx context.Context) (string, error) { return "", t.install(ctx) },
	}
}

// install installs what package-lock.json lists.
func (t Toolchain) install(ctx context.Context) error {
	unlock, err := lock(ctx, filepath.Join(t.Root, "package-lock.json"))
	if err != nil {
		return err
	}
	defer unlock()
	if t.installed() {
		return nil // another program installed it in the meantime
	}
	return run(ctx, t.Root, nil, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
}

// installed reports whether npm has installed what package-lock.json lists: npm
// keeps a record of the same form. Times do not tell: a checkout changes them.
func (t Toolchain) installed() bool {
	listed, err := packages(filepath.Join(t.Root, "package-lock.json"))
	if err != nil {
		return false
	}
	installed, err := packages(filepath.Join(t.Root, "node_modules", ".package-lock.json"))
	return err == nil && maps.Equal(listed, installed)
}

// packages returns the hashes of the packages in a lock file, by folder.
func packages(file string) (map[string]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var lock struct {
		Packages map[string]struct {
			Integrity string
			Optional  bool // npm may leave it out on this platform
		}
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return nil, err
	}
	hashes := map[string]string{}
	for folder, p := range lock.Packages {
		if folder != "" && !p.Optional { // "" is the project itself
			hashes[folder] = p.Integrity
		}
	}
	return hashes, nil
}

// GCP returns Pulumi's Google Cloud plugin: the real one if the user has it
// installed, otherwise the stand-in.
func (t Toolchain) GCP() (path string, standIn bool, tool Tool, err error) {
	if home, err := os.UserHomeDir(); err == nil {
		real := filepath.Join(home, ".pulumi", "plugins", "resource-gcp-"+GCPVersion, "pulumi-resource-gcp")
		if _, err := os.Stat(real); err == nil {
			return real, false, Tool{Name: "use the Google Cloud plugin " + GCPVersion, Ready: true}, nil
		}
	}
	path, tool, err = t.StandIn()
	return path, true, tool, err
}

// StandIn returns this repository's stand-in for Pulumi's Google Cloud plugin.
func (t Toolchain) StandIn() (path string, tool Tool, err error) {
	return t.own("gcp-stand-in", "pulumi-resource-gcp", "build the stand-in for Pulumi's Google Cloud plugin (once)")
}

// Set is the set of tools that a deployment needs.
type Set struct {
	CDK     string // the executable
	Pulumi  string // the executable
	GoHost  string // Pulumi's language host for Go, unless there is one beside Pulumi
	GCP     string // Pulumi's Google Cloud plugin; empty if Pulumi gets it itself
	StandIn bool   // GCP is this repository's stand-in
	Tools   []Tool // to get first
}

// Path returns path with the tools' folders in front.
func (s Set) Path(path string) string {
	return strings.Join([]string{filepath.Dir(s.Pulumi), filepath.Dir(s.GoHost), filepath.Dir(s.CDK), path}, string(os.PathListSeparator))
}

// Get gets the missing tools, each as a step, at the same time: one downloads while
// another compiles. If any is missing, the acts alongside are performed with them.
func (s Set) Get(ctx context.Context, p *progress.Reporter, alongside ...progress.Act) ([]progress.Step, error) {
	var acts []progress.Act
	for _, tool := range s.Tools {
		if !tool.Ready {
			acts = append(acts, progress.Act{Name: tool.Name, Run: tool.Get})
		}
	}
	if len(acts) == 0 {
		return nil, nil
	}
	return p.Perform(ctx, append(acts, alongside...))
}

// Deployment returns the tools for the real clouds: the machine's Pulumi command
// line, or else the pinned one. Pulumi gets the Google Cloud plugin itself.
func (t Toolchain) Deployment() (Set, error) {
	if path, err := exec.LookPath("pulumi"); err == nil {
		return t.set(path, Tool{Name: "use " + path, Ready: true})
	}
	return t.pinned()
}

// Sandbox returns the tools for local clouds: the pinned ones, and the Google
// Cloud plugin from GCP.
func (t Toolchain) Sandbox() (Set, error) {
	s, err := t.pinned()
	if err != nil {
		return Set{}, err
	}
	var tool Tool
	s.GCP, s.StandIn, tool, err = t.GCP()
	s.Tools = append(s.Tools, tool)
	return s, err
}

func (t Toolchain) pinned() (Set, error) {
	dir, tool, err := t.Pulumi()
	if err != nil {
		return Set{}, err
	}
	return t.set(filepath.Join(dir, "bin", "pulumi"), tool)
}

func (t Toolchain) set(pulumi string, tool Tool) (Set, error) {
	cdk, cdkTool := t.CDK()
	host, hostTool, err := t.GoHost()
	s := Set{CDK: cdk, Pulumi: pulumi, GoHost: host, Tools: []Tool{cdkTool, tool}}
	if tool.Ready {
		s.Tools = append(s.Tools, hostTool)
	} else {
		s.Tools[1].Get = t.withHost(tool.Get)
	}
	return s, err
}

// own returns a tool whose sources are in a folder of tools/.
func (t Toolchain) own(folder, name, what string) (path string, tool Tool, err error) {
	files := []string{"go.mod", "go.sum"}
	for _, dir := range []string{folder, "lifeline"} {
		sources, err := filepath.Glob(filepath.Join(t.Root, "tools", dir, "*.go"))
		if err != nil {
			return "", Tool{}, err
		}
		for _, source := range sources {
			files = append(files, filepath.Join(dir, filepath.Base(source)))
		}
	}
	key, err := t.key(files...)
	if err != nil {
		return "", Tool{}, err
	}
	path = filepath.Join(t.Cache, folder+"-"+key, name)
	return path, t.build(what, path, "./"+folder), nil
}

// key returns a name for what is built from files of tools/ with this Go version.
func (t Toolchain) key(files ...string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	slices.Sort(files)
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(t.Root, "tools", file))
		if err != nil {
			return "", fmt.Errorf("reading the sources of the tools: %w", err)
		}
		fmt.Fprintln(h, file, len(data))
		h.Write(data)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}

// build returns a tool that `go build` makes in tools/. It appears in one piece or not
// at all. Only one tool is built at a time: they have most of their packages in
// common, and several programs may need the same one.
func (t Toolchain) build(name, path string, args ...string) Tool {
	_, err := os.Stat(path)
	return Tool{Name: name, Ready: err == nil, Get: func(ctx context.Context) (string, error) {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		unlock, err := lock(ctx, filepath.Join(t.Cache, "build.lock"))
		if err != nil {
			return "", err
		}
		defer unlock()
		if _, err := os.Stat(path); err == nil {
			return "", nil // another program built it in the meantime
		}
		temp, err := os.MkdirTemp(filepath.Dir(path), ".build-")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(temp)
		made := filepath.Join(temp, filepath.Base(path))
		if err := run(ctx, filepath.Join(t.Root, "tools"), nil, "go", append([]string{"build", "-o", made}, args...)...); err != nil {
			return "", err
		}
		return "", os.Rename(made, path)
	}}
}

// between is the interval between attempts to get a lock.
const between = 200 * time.Millisecond

// lock waits for a file's lock, which is released when this process
// ends at the latest.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), file.Close())
		case <-time.After(between):
		}
	}
}

// run runs a command with further variables (NAME=value); its output is part of the
// error. When ctx is done, the command is killed with all that it has started.
func run(ctx context.Context, dir string, environ []string, name string, args ...string) error {
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("running %s: it is not installed; hint: install Go, Node.js and npm", name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("running %s %s: %w\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// FindRoot walks up from dir to the project's root.
func FindRoot(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		_, err := os.Stat(filepath.Join(at, "cdk.json"))
		if err == nil {
			_, err = os.Stat(filepath.Join(at, "Pulumi.yaml"))
		}
		if err == nil {
			return at, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no project found in %s or above; hint: run this inside the repository, which has cdk.json and Pulumi.yaml", dir)
		}
	}
}
