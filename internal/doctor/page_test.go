package doctor

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write doctor's part of docs/troubleshooting.md")

// page has doctor's part behind the marker; the part before it is verify's.
const (
	page   = "../../docs/troubleshooting.md"
	marker = "\n<!-- doctor -->\n"
)

// TestPage holds the page to the table of checks.
func TestPage(t *testing.T) {
	t.Parallel()
	want := strings.Builder{}
	want.WriteString(marker + `
# What doctor checks

` + "`gcs-to-s3 doctor` runs these checks, in this order. Each is ok, a warning, an error or skipped, and says what was found and, if it is not ok, what to do. `gcs-to-s3 up` runs them first, and continues unless one of the errors would prevent the deployment; those marked * are about what is deployed, and a deployment fixes them." + `

| check | what is checked |
| --- | --- |
`)
	ids := map[string]bool{}
	for _, c := range checks() {
		star := ""
		for _, id := range ofDeployed {
			if c.id == id {
				star = " *"
			}
		}
		if c.about == "" || ids[c.id] {
			t.Errorf("the check %s says nothing of itself, or is there twice", c.id)
		}
		ids[c.id] = true
		fmt.Fprintf(&want, "| %s%s | %s |\n", c.title, star, c.about)
	}
	for _, id := range ofDeployed {
		if !ids[id] {
			t.Errorf("there is no check %s", id)
		}
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, part, _ := strings.Cut(string(data), marker)
	if *update {
		if err := os.WriteFile(page, []byte(before+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), marker+part); diff != "" {
		t.Errorf("docs/troubleshooting.md (-want +got); go test ./internal/doctor -run TestPage -update writes it:\n%s", diff)
	}
}
