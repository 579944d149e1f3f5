package rights_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
)

var update = flag.Bool("update", false, "write the section on rights of docs/operations.md")

// page has the section between the markers.
const (
	page  = "../../docs/operations.md"
	begin = "<!-- rights: go test ./internal/rights -run TestPage -update -->\n"
	end   = "<!-- end of rights -->\n"
)

// TestPage holds the page to the tables.
func TestPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), begin)
	got, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no markers %q and %q", page, begin, end)
	}
	want := section()
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/operations.md (-want +got); go test ./internal/rights -run TestPage -update writes it:\n%s", diff)
	}
}

func section() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	names := func(commands []rights.Command) string {
		var out []string
		for _, c := range commands {
			out = append(out, "`"+string(c)+"`")
		}
		return strings.Join(out, ", ")
	}
	operate := slices.DeleteFunc(rights.Grants(rights.All()...), conditional)
	look := slices.DeleteFunc(rights.Grants(rights.Looking()...), conditional)

	p("On AWS, a role or user with this policy can run every command:\n\n```json\n%s```\n\n", rights.Policy(rights.All()...))
	p("One who only looks (%s) needs this:\n\n```json\n%s```\n\n", names(rights.Looking()), rights.Policy(rights.Looking()...))
	p("`adopt` needs this besides; on Google Cloud, it needs the roles of `up`:\n\n```json\n%s```\n\n", rights.Policy(rights.Adopt))
	p("On Google Cloud, these roles are enough for every command, and those below for one who only looks. `roles/orgpolicy.policyViewer` is optional. ")
	p("With `viewerScope: project` add `roles/resourcemanager.projectIamAdmin`, with `events` `roles/pubsub.admin`, or `roles/pubsub.viewer` for one who only looks.\n\n")
	p("```console\n%s```\n\n```console\n%s```\n\n", commands(operate), commands(look))
	p("The CDK works with the roles of its bootstrap, and CloudFormation makes the resources with `cdk-hnb659fds-%s-ACCOUNT-REGION`. ", rights.Execution)
	p("By default a bootstrap makes that an administrator. `cdk bootstrap --cloudformation-execution-policies` gives it another policy, which needs at least this; that it is enough on the real AWS is believed:\n\n```json\n%s```\n\n", rights.ExecutionPolicy())

	p("What each right is for:\n\n| right | on | commands | why |\n| --- | --- | --- | --- |\n")
	for _, r := range slices.Concat(rights.AWS(), rights.Google()) {
		why := r.Why
		if r.When != "" {
			why = r.When + ": " + why
		}
		if r.Optional {
			why += " (without it, this is skipped)"
		}
		on := r.On
		if strings.HasPrefix(on, "arn:") || on == "*" {
			on = "`" + on + "`"
		}
		which := names(r.For)
		p("| `%s` | %s | %s | %s |\n", strings.Join(r.Actions, "`, `"), on, which, why)
	}
	p("\nThe roles of the CDK's bootstrap are used for:\n\n| role | right | on |\n| --- | --- | --- |\n")
	for _, r := range rights.CDK() {
		on := "`" + r.On + "`"
		if r.When != "" {
			on += ", if " + r.When
		}
		p("| `%s` | `%s` | %s |\n", r.Role, strings.Join(r.Actions, "`, `"), on)
	}
	return b.String()
}

// conditional reports whether a role is only needed with a setting.
func conditional(g rights.Grant) bool {
	return slices.Contains([]string{"roles/resourcemanager.projectIamAdmin", "roles/pubsub.admin", "roles/pubsub.viewer"}, g.Role)
}

// commands are the commands that grant some roles.
func commands(grants []rights.Grant) string {
	var b strings.Builder
	for _, on := range []string{rights.Project, rights.SourceBucket} {
		var roles []string
		for _, g := range grants {
			if g.On == on {
				roles = append(roles, g.Role)
			}
		}
		command := "gcloud projects add-iam-policy-binding PROJECT --condition=None"
		if on == rights.SourceBucket {
			command = "gcloud storage buckets add-iam-policy-binding gs://SOURCE_BUCKET"
		}
		fmt.Fprintf(&b, "$ for role in %s; do\n    %s --member=MEMBER --role=$role; done\n", strings.Join(roles, " "), command)
	}
	return b.String()
}
