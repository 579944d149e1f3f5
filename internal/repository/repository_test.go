package repository

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

var update = flag.Bool("update", false, "write the tables of settings in docs/settings.md and README.md")

const root = "../.."

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "-f", "{{.ImportPath}}\t{{.Doc}}", "./...") {
		if path, doc, _ := strings.Cut(line, "\t"); doc == "" {
			t.Errorf("%s has no package comment", path)
		}
	}
}

// TestTheFunctionLinksNothingElse lists every module in the Lambda: each one more
// is weight at every cold start.
func TestTheFunctionLinksNothingElse(t *testing.T) {
	t.Parallel()
	var got []string
	for _, line := range goList(t, "-deps", "-tags", "lambda.norpc", "-f", "{{with .Module}}{{.Path}}{{end}}", "./function") {
		if line != "" && !slices.Contains(got, line) {
			got = append(got, line)
		}
	}
	slices.Sort(got)
	want := []string{
		"cloud.google.com/go/auth",
		"cloud.google.com/go/compute/metadata",
		"github.com/aws/aws-lambda-go",
		"github.com/aws/aws-sdk-go-v2",
		"github.com/aws/smithy-go",
		"github.com/gcs-to-s3/gcs-to-s3",
		"github.com/googleapis/enterprise-certificate-proxy",
		"github.com/googleapis/gax-go/v2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modules in the function (-want +got):\n%s", diff)
	}
	var own []string
	for _, path := range goList(t, "-deps", "-tags", "lambda.norpc", "./function") {
		if rest, ok := strings.CutPrefix(path, module); ok {
			own = append(own, rest)
		}
	}
	slices.Sort(own)
	if diff := cmp.Diff([]string{"function", "internal/bulk", "internal/copy", "internal/credential", "internal/events", "internal/invocation", "internal/objectkey"}, own); diff != "" {
		t.Errorf("own packages in the function (-want +got):\n%s", diff)
	}
}

const module = "github.com/gcs-to-s3/gcs-to-s3/"

// TestTheProductKnowsNoSandbox keeps the fakes out of what is deployed.
func TestTheProductKnowsNoSandbox(t *testing.T) {
	t.Parallel()
	for _, path := range goList(t, "-deps", "./stacks/...", "./infra/...", "./function", "./cmd/stacks", "./cmd/infra", "./internal/environment", "./internal/credential") {
		for _, not := range []string{"sandbox", "internal/rehearsal", "internal/integration"} {
			if path == module+not || strings.HasPrefix(path, module+not+"/") {
				t.Errorf("the product depends on %s", path)
			}
		}
	}
}

// TestTheSandboxKnowsNoProduct keeps the local clouds usable by other projects, and
// honest: what they answer does not come from the code that they judge. It holds for
// their tests, too.
func TestTheSandboxKnowsNoProduct(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, path := range goList(t, "-deps", "-test", "./sandbox/...") {
		path, _, _ = strings.Cut(path, " ") // without the test that it is built for
		rest, own := strings.CutPrefix(path, module)
		if !own {
			continue
		}
		seen++
		if rest != "sandbox" && rest != "sandbox.test" && !strings.HasPrefix(rest, "sandbox/") && rest != "sandbox_test" {
			t.Errorf("the sandbox depends on %s", path)
		}
	}
	if seen < 20 {
		t.Errorf("only %d packages of the sandbox were seen", seen)
	}
}

// TestTheSandboxesExampleIsCompiled holds the example of docs/sandbox.md to the test
// that runs it.
func TestTheSandboxesExampleIsCompiled(t *testing.T) {
	t.Parallel()
	_, code, found := strings.Cut(read(t, "sandbox/sandboxtest/example_test.go"), "func Test")
	if !found || !strings.Contains(read(t, "docs/sandbox.md"), "```go\nfunc Test"+code+"```\n") {
		t.Error("docs/sandbox.md does not show the test of sandbox/sandboxtest/example_test.go as it is")
	}
}

func TestEveryDirectDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range mod.Require {
		if !r.Indirect {
			want = append(want, r.Path)
		}
	}
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| .+ \\|$").FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/dependencies.md against go.mod (-go.mod +docs):\n%s", diff)
	}
}

const (
	tableStart = "<!-- settings -->\n"
	tableEnd   = "<!-- /settings -->\n"
)

// settingsTable returns the table of settings in a file, and what is around it.
func settingsTable(t *testing.T, name string) (before, table, after string) {
	t.Helper()
	before, rest, found := strings.Cut(read(t, name), tableStart)
	table, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no table of settings between its markers", name)
	}
	return before, table, after
}

// defaultCell is a setting's default as its table shows it, with the words for a
// value that must be given and for none.
func defaultCell(s environment.Setting, required, none string) string {
	switch {
	case s.Required():
		return "**" + required + "**"
	case s.Default == "":
		return none
	}
	return "`" + s.Default + "`"
}

// common are the settings that most people change, which the READMEs list.
// docs/settings.md has them all.
var common = []string{
	"awsAccount", "awsRegion", "googleProject", "suffix", "sourceBucket", "destinationBucket",
	"object", "destinationPrefix", "keyTemplate", "schedule",
}

// commonSettings returns the settings that common names, in the table's order.
func commonSettings(t *testing.T) []environment.Setting {
	t.Helper()
	var out []environment.Setting
	for _, s := range environment.Settings() {
		if slices.Contains(common, s.Key) {
			out = append(out, s)
		} else if s.Required() {
			t.Errorf("%s is required, and the READMEs do not list it; add it to common", s.Key)
		}
	}
	if len(out) != len(common) {
		t.Errorf("common has %d keys, and %d of them are settings; change it to match environment.Settings", len(common), len(out))
	}
	return out
}

// TestTheDocumentsListTheSettings compares both English tables with the settings:
// all of them in docs/settings.md, the common ones in README.md.
func TestTheDocumentsListTheSettings(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]environment.Setting{
		"docs/settings.md": environment.Settings(),
		"README.md":        commonSettings(t),
	} {
		var want strings.Builder
		want.WriteString("| key | default | meaning |\n| --- | --- | --- |\n")
		for _, s := range settings {
			fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s.Key, defaultCell(s, "required", "none"), s.Meaning)
		}
		before, got, after := settingsTable(t, name)
		if *update {
			if err := os.WriteFile(filepath.Join(root, name), []byte(before+tableStart+want.String()+tableEnd+after), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want.String(), got); diff != "" {
			t.Errorf("settings in %s (-want +got); go test ./internal/repository -run TestTheDocumentsListTheSettings -update writes them:\n%s", name, diff)
		}
	}
}

var (
	block          = regexp.MustCompile("(?ms)^```([a-z]*)\n.*?^```$")
	consoleComment = regexp.MustCompile(`(?m) +#.*$`)
	mermaidNote    = regexp.MustCompile(`(?m)^( *Note [^:\n]+:).*$`)
	heading        = regexp.MustCompile(`(?m)^#+ `)
	settingRow     = regexp.MustCompile("(?m)^(\\| `[A-Za-z]+` \\| [^|]+ \\|) [^|]+ \\|$")
)

// codeBlocks returns a text's code blocks without what is translated in them.
func codeBlocks(text string) []string {
	var blocks []string
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		switch code := m[0]; m[1] {
		case "console":
			blocks = append(blocks, consoleComment.ReplaceAllString(code, ""))
		case "mermaid":
			blocks = append(blocks, mermaidNote.ReplaceAllString(code, "$1"))
		default:
			blocks = append(blocks, code)
		}
	}
	return blocks
}

// headingLevels returns the marks of a text's headings, outside its code blocks.
func headingLevels(text string) []string {
	return heading.FindAllString(block.ReplaceAllString(text, ""), -1)
}

// TestTheJapaneseReadmeSaysTheSame holds README.ja.md to README.md in all but
// prose: settings, headings and code blocks.
func TestTheJapaneseReadmeSaysTheSame(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	want.WriteString("| キー | デフォルト | 意味 |\n| --- | --- | --- |\n")
	for _, s := range commonSettings(t) {
		fmt.Fprintf(&want, "| `%s` | %s |\n", s.Key, defaultCell(s, "必須", "なし"))
	}
	_, table, _ := settingsTable(t, "README.ja.md")
	if diff := cmp.Diff(want.String(), settingRow.ReplaceAllString(table, "$1")); diff != "" {
		t.Errorf("README.ja.md's settings without their meanings (-want +got); change its rows, and write each new key's meaning in Japanese:\n%s", diff)
	}

	english, japanese := read(t, "README.md"), read(t, "README.ja.md")
	if diff := cmp.Diff(headingLevels(english), headingLevels(japanese)); diff != "" {
		t.Errorf("levels of headings (-README.md +README.ja.md); give README.ja.md the sections of README.md, in its order:\n%s", diff)
	}
	if diff := cmp.Diff(codeBlocks(english), codeBlocks(japanese)); diff != "" {
		t.Errorf("code blocks without comments and notes (-README.md +README.ja.md); copy the changed lines into README.ja.md, and translate only comments and the diagram's notes:\n%s", diff)
	}
}

// TestLongTestsRun: .ci/run asks for the long tests before it runs any, and both pages for
// newcomers say how to.
func TestLongTestsRun(t *testing.T) {
	t.Parallel()
	ask := longtest.Variable + "=1"
	before, _, found := strings.Cut(read(t, ".ci/run"), "go test -")
	if !found || !strings.Contains(before, "\nexport "+ask+" ") {
		t.Errorf(".ci/run does not export %s before its tests", ask)
	}
	for _, page := range []string{"README.md", "CONTRIBUTING.md"} {
		if !strings.Contains(read(t, page), ask+" go test ") {
			t.Errorf("%s does not say that %s runs the long tests", page, ask)
		}
	}
}

// TestContributingNamesEveryUpdate compares the commands that CONTRIBUTING.md gives
// for generated files with the tests that have an -update flag.
func TestContributingNamesEveryUpdate(t *testing.T) {
	t.Parallel()
	tests := map[string]string{} // the sources of each package's tests, by its folder
	for _, file := range goList(t, "-f", `{{range .TestGoFiles}}{{$.ImportPath}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$.ImportPath}}/{{.}}{{"\n"}}{{end}}`, "./...") {
		if file = strings.TrimPrefix(file, module); file != "" {
			tests["./"+path.Dir(file)] += read(t, file)
		}
	}
	want := map[string]bool{}
	for folder, source := range tests {
		if strings.Contains(source, `= flag.Bool("update"`) {
			want[folder] = true
		}
	}
	got := map[string]bool{}
	for _, m := range regexp.MustCompile("`go test (\\./\\S+)(?: -run (\\S+))? -update`").FindAllStringSubmatch(read(t, "CONTRIBUTING.md"), -1) {
		got[m[1]] = true
		if m[2] != "" && !strings.Contains(tests[m[1]], "func "+m[2]+"(") {
			t.Errorf("CONTRIBUTING.md: %s: there is no %s in %s", m[0], m[2], m[1])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages with an -update flag (-tests +CONTRIBUTING.md):\n%s", diff)
	}
}

// Links inside the repository: the file, and the part of it if there is one.
var (
	link      = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	title     = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchor    = regexp.MustCompile(`<a id="([^"]+)">`)
	notInSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// slug is the anchor that GitHub gives a heading.
func slug(title string) string {
	return strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

// TestEveryLinkLeadsSomewhere follows the relative links of all documents, to the
// file and to the heading.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, document := range append(documents, top...) {
		name, err := filepath.Rel(root, document)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(read(t, name), "\n<<<<<<< ") {
			t.Errorf("%s has a conflict of a merge in it", name)
		}
		for _, m := range link.FindAllStringSubmatch(block.ReplaceAllString(read(t, name), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			seen++
			target := name
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(name), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
				continue
			}
			if m[2] == "" {
				continue
			}
			var anchors []string
			text := block.ReplaceAllString(read(t, target), "")
			for _, h := range title.FindAllStringSubmatch(text, -1) {
				anchors = append(anchors, slug(h[1]))
			}
			for _, a := range anchor.FindAllStringSubmatch(text, -1) {
				anchors = append(anchors, a[1])
			}
			if !slices.Contains(anchors, m[2]) {
				t.Errorf("%s links to %s#%s, which does not exist", name, m[1], m[2])
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d links were seen", seen)
	}
}

// TestTheLicenseIsWhole compares LICENSE with the text that the Apache Software
// Foundation publishes as LICENSE-2.0.txt.
func TestTheLicenseIsWhole(t *testing.T) {
	t.Parallel()
	const published = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, "LICENSE")))); got != published {
		t.Errorf("LICENSE has the SHA-256 %s, not that of the Apache License 2.0", got)
	}
}

// TestWorkflowsPinActionsByCommit: a tag can be moved to other code, a commit cannot.
func TestWorkflowsPinActionsByCommit(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	uses := regexp.MustCompile(`(?m)uses: *(\S+)(.*)$`)
	pinned := regexp.MustCompile(`^[^@]+@[0-9a-f]{40}$`)
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range uses.FindAllStringSubmatch(read(t, name), -1) {
			if !pinned.MatchString(m[1]) || !strings.HasPrefix(m[2], " # v") {
				t.Errorf("%s uses %s; write the action's commit, and its version as a comment", name, m[1])
			}
		}
	}
}

// TestTheToolsArePinnedOnce holds the versions that the toolchain names to the
// ones that are built.
func TestTheToolsArePinnedOnce(t *testing.T) {
	t.Parallel()
	source := read(t, "internal/toolchain/toolchain.go")
	for name, pin := range map[string]struct{ file, pattern string }{
		"PulumiVersion": {"tools/go.mod", `github.com/pulumi/pulumi/pkg/v3 (v[0-9.]+)`},
		"GCPVersion":    {"go.mod", `github.com/pulumi/pulumi-gcp/sdk/v7 (v[0-9.]+)`},
	} {
		m := regexp.MustCompile(pin.pattern).FindStringSubmatch(read(t, pin.file))
		if m == nil || !strings.Contains(source, name+` = "`+m[1]+`"`) {
			t.Errorf("toolchain.%s is not the version in %s: %v", name, pin.file, m)
		}
	}
	// The Pulumi program and the tools have one SDK, which is then compiled once.
	sdk := regexp.MustCompile(`github.com/pulumi/pulumi/sdk/v3 v[0-9.]+`)
	if program, tools := sdk.FindString(read(t, "go.mod")), sdk.FindString(read(t, "tools/go.mod")); program == "" || program != tools {
		t.Errorf("go.mod has %q, tools/go.mod %q", program, tools)
	}
	m := regexp.MustCompile(`github.com/pulumi/pulumi-gcp/sdk/v7 v([0-9.]+)`).FindStringSubmatch(read(t, "go.mod"))
	if m == nil || !strings.Contains(read(t, "infra/federation/grants.go"), `const SDKVersion = "`+m[1]+`"`) {
		t.Errorf("federation.SDKVersion is not the version in go.mod: %v", m)
	}
}
