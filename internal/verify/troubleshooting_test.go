package verify

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

var update = flag.Bool("update", false, "write docs/troubleshooting.md")

// troubleshootingPage is the page that is generated from the tables.
const troubleshootingPage = "../../docs/troubleshooting.md"

// doctorsPart begins the part of the page that internal/doctor writes.
const doctorsPart = "\n<!-- doctor -->\n"

var allHops = []string{HopSource, HopFunction, invocation.HopSession, invocation.HopPrincipal, invocation.HopAccount, invocation.HopRead, invocation.HopWritten, HopChecked, HopRemoved}

var placeholder = regexp.MustCompile(`\{([a-zA-Z]+)\}`)

// TestTheTableIsWhole holds rows and causes to each other.
func TestTheTableIsWhole(t *testing.T) {
	t.Parallel()
	names, ids := diagnosis.Placeholders(), diagnosis.IDs()
	used := map[string]bool{"not-yet": true}
	last := map[string]symptom{}
	for _, s := range symptoms {
		last[s.hop] = s
		if len(s.causes) == 0 {
			t.Errorf("the row %+v names no cause", s)
		}
		for _, id := range s.causes {
			used[id] = true
			if !slices.Contains(ids, id) {
				t.Errorf("the row %+v names the cause %s, which there is not", s, id)
			}
		}
	}
	for _, hop := range allHops {
		if s := last[hop]; s.status != 0 || s.code != "" || s.part != "" {
			t.Errorf("the last row of %s does not match all: %+v", hop, s)
		}
	}
	for _, id := range ids {
		c := diagnosis.Template(id)
		if !used[id] {
			t.Errorf("no row names the cause %s", id)
		}
		for _, text := range []string{c.Text, c.Check, c.Remedy} {
			if text == "" {
				t.Errorf("the cause %s lacks a text, a check or a remedy", id)
			}
			for _, name := range placeholder.FindAllString(text, -1) {
				if !slices.Contains(names, name) {
					t.Errorf("the cause %s has %s, which stands for nothing", id, name)
				}
			}
		}
	}
}

// TestTroubleshootingPage holds the page to the table.
func TestTroubleshootingPage(t *testing.T) {
	t.Parallel()
	page := writeTroubleshooting()
	data, err := os.ReadFile(troubleshootingPage)
	if err != nil {
		t.Fatal(err)
	}
	have, doctors, _ := strings.Cut(string(data), doctorsPart)
	if *update {
		if err := os.WriteFile(troubleshootingPage, []byte(page+doctorsPart+doctors), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != page {
		t.Error("docs/troubleshooting.md is not what the table says; go test ./internal/verify -run TestTroubleshootingPage -update writes it")
	}
}

// introductions explain the hops.
var introductions = map[string]string{
	HopSource:               "You upload a probe to the source bucket, or look up the object that `--object` names.",
	HopFunction:             "You invoke the function, and it starts.",
	invocation.HopSession:   "The function asks AWS for its identity. Copying does not need that; it shows whose session Google will see.",
	invocation.HopPrincipal: "Google's STS exchanges the signed request for a token of the federated principal.",
	invocation.HopAccount:   "The federated principal becomes the service account.",
	invocation.HopRead:      "The function reads the object from Cloud Storage.",
	invocation.HopWritten:   "The function writes the object to S3.",
	HopChecked:              "You read the copy, and compare it with the function's answer and with the probe.",
	HopRemoved:              "You remove the probe and the copy.",
}

var asked = map[asking]string{
	askNothing: "no", askPasses: "yes: `verify` waits up to a minute", askProvider: "perhaps: `verify` checks the pool and the provider", askBinding: "perhaps: `verify` checks the service account and its policy", askRequest: "perhaps: `verify` checks the service account, its policy and the organization's about lifetimes",
	askViewer: "perhaps: `verify` checks the policies of bucket and project", askWriter: "perhaps: AWS simulates the write", askVariables: "no: `verify` checks whether the role is newer than the function", askTrust: "perhaps: `verify` checks the role's trust policy", askAPI: "perhaps: `verify` checks whether the API is enabled", askAccount: "no: `verify` checks which account your credentials belong to",
}

func writeTroubleshooting() string {
	upper := func(text string) string {
		text = placeholder.ReplaceAllStringFunc(text, func(name string) string {
			return strings.ToUpper(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(strings.Trim(name, "{}"), "${1}_$2"))
		})
		return strings.ReplaceAll(text, "|", `\|`)
	}
	var out strings.Builder
	out.WriteString(`# Troubleshooting

` + "`gcs-to-s3 verify` copies a probe hop by hop and names the hop that failed. These are the tables with which it explains a failure, generated from `internal/verify` and `internal/diagnosis`. For each hop the first row that matches counts; causes are listed with the most likely first. A denial can be a mistake or a change that has not taken effect yet, so `verify` asks the clouds: if what is needed is granted, it waits, for seven minutes by default; if not, it says at once what is missing.\n\nRows match words of a message only where a public report or the documentation shows them. Everywhere else status and code decide, and `verify` asks both clouds. What cannot be told apart, it lists as several causes, each with the check that tells.\n\n`gcs-to-s3 doctor` checks everything without copying, also before anything is deployed. Names in capitals stand for the environment's own; `verify` prints the commands with the names filled in.\n")
	for _, hop := range allHops {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n\n| answer | temporary? | causes |\n| --- | --- | --- |\n", strings.ToUpper(hop[:1])+hop[1:], introductions[hop])
		for _, s := range symptoms {
			if s.hop != hop {
				continue
			}
			var answer []string
			if s.status != 0 {
				answer = append(answer, fmt.Sprint(s.status))
			}
			if s.code != "" {
				answer = append(answer, "`"+s.code+"`")
			}
			if s.part != "" {
				answer = append(answer, "with “"+s.part+"”")
			}
			if len(answer) == 0 {
				answer = []string{"anything else"}
			}
			var links []string
			for _, id := range s.causes {
				links = append(links, fmt.Sprintf("[%s](#%s)", id, id))
			}
			fmt.Fprintf(&out, "| %s | %s | %s |\n", strings.Join(answer, " "), asked[s.asks], strings.Join(links, ", "))
		}
	}
	out.WriteString("\n## Causes\n\n| cause | what is wrong | how to check | what to do |\n| --- | --- | --- | --- |\n")
	for _, id := range diagnosis.IDs() {
		c := diagnosis.Template(id)
		fmt.Fprintf(&out, "| <a id=%q></a>%s | %s | `%s` | %s |\n", id, id, upper(c.Text), upper(c.Check), upper(c.Remedy))
	}
	out.WriteString(quotaProject)
	return out.String()
}

// quotaProject is the page's part on what a quota project is.
const quotaProject = "\n## Quota project\n\n" +
	"Google counts the requests of your own credentials against a project, their quota project. It need not be the environment's: it is the `quota_project_id` in the file of your Application Default Credentials, or `GOOGLE_CLOUD_QUOTA_PROJECT` in your shell. " +
	"Every API that you use must be enabled in the quota project, too, and you need `serviceusage.services.use` on it, as in `roles/serviceusage.serviceUsageConsumer`. " +
	"Otherwise Google answers 403 to everything, also to questions about the environment's project, where all may be well.\n\n" +
	"`doctor`, `status`, `list` and `verify` name the project that such an answer is about. What they cannot see they show as unknown, and they fail; nothing that cannot be seen counts as absent.\n\n" +
	"| answer | what is wrong | what to do |\n| --- | --- | --- |\n" +
	"| an API “has not been used in project NUMBER”, and the number is not the environment's | the API is disabled in the quota project | `gcloud auth application-default set-quota-project PROJECT`, or enable it there: `gcloud services enable API --project NUMBER` |\n" +
	"| “Caller does not have required permission to use project” | you are not allowed to use the quota project | the same, or have `roles/serviceusage.serviceUsageConsumer` granted to you on it |\n" +
	"| “requires a quota project, which is not set by default” | your credentials name none | the same |\n\n" +
	"The function's own requests have no quota project: they count against the environment's.\n"
