package rights

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Statement is one of an IAM policy.
type Statement struct {
	Effect   string
	Action   []string
	Resource []string
}

// Statements are a table as statements of an IAM policy: resources that need the same
// actions share one.
func Statements(table []Right) []Statement {
	actions := map[string][]string{} // by resource
	var order []string
	for _, r := range table {
		if actions[r.On] == nil {
			order = append(order, r.On)
		}
		actions[r.On] = append(actions[r.On], r.Actions...)
	}
	var out []Statement
	for _, on := range order {
		slices.Sort(actions[on])
		out = append(out, Statement{"Allow", slices.Compact(actions[on]), []string{on}})
	}
	return out
}

// Policy is the IAM policy for some commands, on lines of one statement each, with
// placeholders.
func Policy(commands ...Command) string { return document(of(AWS(), commands)) }

func document(table []Right) string {
	var lines []string
	for _, s := range Statements(table) {
		data, err := json.Marshal(s)
		if err != nil {
			panic(err) // strings alone: cannot happen
		}
		lines = append(lines, "  "+strings.NewReplacer(`,"`, `, "`, `":`, `": `).Replace(string(data)))
	}
	return fmt.Sprintf("{\"Version\": \"2012-10-17\", \"Statement\": [\n%s\n]}\n", strings.Join(lines, ",\n"))
}

// Fill replaces the placeholders of a policy. caller is the name of the role that has it.
func Fill(policy string, env environment.Environment, caller, stateBucket string) string {
	if env.JobsBucket != "" {
		policy = strings.ReplaceAll(policy, "JOBS_BUCKET", env.JobsBucket)
	}
	return strings.NewReplacer(
		"ACCOUNT", env.AWSAccount, "REGION", env.AWSRegion, "CALLER", caller,
		"DESTINATION_BUCKET", env.DestinationBucket, "STATE_BUCKET", stateBucket,
	).Replace(policy)
}
