package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// The oldest Node.js on which the CDK's command line runs (its package.json,
// "engines"), and the oldest that the CDK supports.
const minNode, supportedNode = "18", "20"

// version is a tool's: numbers with dots.
var version = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)+`)

// older reports whether a version is before another.
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return x < y
		}
	}
	return false
}

// tool asks a tool for its version.
func (e *examination) tool(ctx context.Context, install, name string, args ...string) (string, finding, bool) {
	out, err := e.Command(ctx, name, args...)
	if errors.Is(err, exec.ErrNotFound) {
		return "", wrong(install, "%s is not installed", name), false
	}
	v := version.FindString(out)
	if err != nil || v == "" {
		return "", wrong(install, "%s does not print its version: %v %s", name, err, out), false
	}
	return v, finding{}, true
}

// pinned reads what a file of the project says of a version; pattern's first group
// is the version.
func (e *examination) pinned(file, pattern string) (string, error) {
	data, err := os.ReadFile(filepath.Join(e.Root, file))
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(pattern).FindSubmatch(data)
	if m == nil {
		return "", fmt.Errorf("%s names no version that matches %s", file, pattern)
	}
	return string(m[1]), nil
}

func lookGo(ctx context.Context, e *examination) finding {
	want, err := e.pinned("go.mod", `(?m)^go ([0-9.]+)$`)
	if err != nil {
		return unseen(err)
	}
	const install = "https://go.dev/dl"
	got, f, ok := e.tool(ctx, install, "go", "version")
	switch {
	case !ok:
		return f
	case older(got, want):
		return wrong(install, "%s; %s or newer is needed", got, want)
	}
	pinned, err := toolchain.PinnedGo(e.Root)
	switch {
	case err != nil:
		return unseen(err)
	case "go"+got != pinned:
		return warn("install "+pinned+" from "+install+", or let the go command download it: GOTOOLCHAIN=auto; `npx cdk deploy` says which one it used",
			"%s; go.mod names %s for the function, whose bundle has another hash with any other", got, strings.TrimPrefix(pinned, "go"))
	}
	return good("%s", got)
}

func lookNode(ctx context.Context, e *examination) finding {
	const install = "https://nodejs.org"
	got, f, ok := e.tool(ctx, install, "node", "--version")
	switch {
	case !ok:
		return f
	case older(got, minNode):
		return wrong(install, "%s; %s or newer is needed", got, supportedNode)
	case older(got, supportedNode):
		return warn(install, "%s, which the CDK does not support any more; %s or newer is recommended", got, supportedNode)
	}
	return good("%s", got)
}

func lookNPM(ctx context.Context, e *examination) finding {
	got, f, ok := e.tool(ctx, "it comes with Node.js: https://nodejs.org", "npm", "--version")
	if !ok {
		return f
	}
	return good("%s", got)
}

func (e *examination) toolchain() (toolchain.Toolchain, error) { return toolchain.New(e.Root) }

// packageVersion reads a version out of a package's file.
func packageVersion(file string) string {
	var p struct{ Version string }
	if data, err := os.ReadFile(file); err != nil || json.Unmarshal(data, &p) != nil {
		return ""
	}
	return p.Version
}

func lookCDK(_ context.Context, e *examination) finding {
	want, err := e.pinned("package-lock.json", `"node_modules/aws-cdk": \{\s*"version": "([^"]+)"`)
	if err != nil {
		return unseen(err)
	}
	const install = "`npm ci`"
	got := packageVersion(filepath.Join(e.Root, "node_modules", "aws-cdk", "package.json"))
	switch {
	case got == "":
		return warn(install+"; gcs-to-s3 runs it by itself", "not installed in this folder; package-lock.json pins %s", want)
	case got != want:
		return wrong(install, "%s is installed; package-lock.json pins %s", got, want)
	}
	return good("%s, as package-lock.json pins it", got)
}

func lookPulumi(ctx context.Context, e *examination) finding {
	chain, err := e.toolchain()
	if err != nil {
		return unseen(err)
	}
	want, err := e.pinned("go.mod", `github.com/pulumi/pulumi/sdk/v3 v([0-9.]+)`)
	if err != nil {
		return unseen(err)
	}
	const install = "https://www.pulumi.com/docs/install"
	out, err := e.Command(ctx, "pulumi", "version")
	if errors.Is(err, exec.ErrNotFound) {
		_, tool, err := chain.Pulumi()
		switch {
		case err != nil:
			return unseen(err)
		case tool.Ready:
			return good("%s, which gcs-to-s3 has got by itself; pulumi is not on the PATH", toolchain.PulumiVersion)
		}
		return warn(install, "not installed; gcs-to-s3 downloads %s when it needs it, or compiles it if that is not possible, which takes several minutes", toolchain.PulumiVersion)
	}
	got := version.FindString(out)
	switch {
	case err != nil || got == "":
		return wrong(install, "pulumi does not print its version: %v %s", err, out)
	case older(got, want):
		return wrong(install, "%s; the program's SDK is %s, and an older command line may fail to run it", got, want)
	}
	return good("%s", got)
}

func lookGoHost(_ context.Context, e *examination) finding {
	chain, err := e.toolchain()
	if err != nil {
		return unseen(err)
	}
	path, tool, err := chain.GoHost()
	switch {
	case err != nil:
		return unseen(err)
	case strings.HasPrefix(tool.Name, "use "):
		return good("%s", path)
	case tool.Ready:
		return good("this repository's stand-in")
	}
	return warn("it comes with Pulumi's own installation", "not on the PATH; gcs-to-s3 builds this repository's stand-in")
}

func lookGCP(_ context.Context, e *examination) finding {
	chain, err := e.toolchain()
	if err != nil {
		return unseen(err)
	}
	path, standIn, tool, err := chain.GCP()
	switch {
	case err != nil:
		return unseen(err)
	case !standIn:
		return good("%s", path)
	case !e.Environment.AllowLoopbackEndpoints:
		return warn("`pulumi plugin install resource gcp "+toolchain.GCPVersion+"`", "not installed; Pulumi downloads %s by itself, unless that is disabled", toolchain.GCPVersion)
	case tool.Ready:
		return good("this repository's stand-in for %s", toolchain.GCPVersion)
	}
	return warn("", "not installed; the sandbox builds this repository's stand-in for %s", toolchain.GCPVersion)
}
