// Package doctor checks everything an environment needs, before and after it is
// deployed: tools, credentials, the project and the account, organization policies,
// buckets, names that are already taken, the CDK's bootstrap and stacks, and whether
// both clouds and the deployed bundle still agree. No check changes anything, and none
// proves that a copy works: that is what verify does.
//
// A check is skipped, with the reason, if nothing is deployed yet or if it cannot be
// made; one that fails says what was found and what to do.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

// Status is the outcome of a check.
type Status string

const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, or will, but should be known
	Error   Status = "error"   // it does not work, or will not
	Skipped Status = "skipped" // it could not be checked
)

// Result is what a check found.
type Result struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Status Status `json:"status"`
	Seen   string `json:"seen"`
	Hint   string `json:"hint,omitempty"` // what to do about it
}

// Report is what all checks found, in the order of the table.
type Report struct {
	Environment string   `json:"environment"`
	OK          bool     `json:"ok"` // no check is an error
	Checks      []Result `json:"checks"`
}

// Options are what an examination is made with. Environment and Root must be given.
type Options struct {
	Environment environment.Environment
	Root        string // the project's

	// The clients of both clouds, or why there are none; then checks that need them
	// are skipped, and one says why.
	AWS           aws.Config
	AWSProblem    error
	Google        *clouds.Google
	GoogleProblem error

	Progress *progress.Reporter // nil shows nothing
	// Command runs a tool and returns what it prints; nil runs it on this machine.
	// That there is no such tool is an exec.ErrNotFound.
	Command func(ctx context.Context, name string, args ...string) (string, error)
	HTTP    *http.Client // fetches the deployed bundle; nil is one with a timeout
}

// atOnce is how many checks run in parallel.
const atOnce = 12

// fetching limits the download of the bundle.
const fetching = time.Minute

// Run runs all checks. What they find is no error; the error says that they were not
// completed.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Progress == nil {
		o.Progress = progress.Plain(io.Discard)
	}
	if o.Command == nil {
		o.Command = command
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: fetching}
	}
	if o.Google == nil && o.GoogleProblem == nil {
		o.GoogleProblem = errors.New("there are no Google clients")
	}
	e := newExamination(o)
	table := checks()
	report := Report{Environment: o.Environment.Name, OK: true, Checks: make([]Result, len(table))}
	_, _ = o.Progress.Step(fmt.Sprintf("run %d checks", len(table)), func() (string, error) {
		turns := make(chan struct{}, atOnce)
		var all sync.WaitGroup
		for i, c := range table {
			all.Go(func() {
				turns <- struct{}{}
				defer func() { <-turns }()
				f := e.make(ctx, c)
				report.Checks[i] = Result{c.id, c.title, f.status, f.seen, f.hint}
			})
		}
		all.Wait()
		for _, r := range report.Checks {
			report.OK = report.OK && r.Status != Error
		}
		return report.summary(), context.Cause(ctx)
	})
	return report, context.Cause(ctx)
}

// command runs a tool of this machine.
func command(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// Get is the result of a check by its id.
func (r Report) Get(id string) Result {
	for _, c := range r.Checks {
		if c.ID == id {
			return c
		}
	}
	return Result{}
}

// ofDeployed are the checks of what is deployed: a deployment replaces that.
var ofDeployed = []string{"role-stack", "function-stack", "configuration", "bundle", "function-settings", "function-role", "trust", "binding", "viewer", "writer"}

// Deployed are the results about what is deployed.
func (r Report) Deployed() []Result {
	var out []Result
	for _, c := range r.Checks {
		if slices.Contains(ofDeployed, c.ID) {
			out = append(out, c)
		}
	}
	return out
}

// Preventing are the errors that would prevent a deployment, or that it would not
// fix.
func (r Report) Preventing() []Result {
	var out []Result
	for _, c := range r.Checks {
		if c.Status == Error && !slices.Contains(ofDeployed, c.ID) {
			out = append(out, c)
		}
	}
	return out
}

func (r Report) summary() string {
	counts := map[Status]int{}
	for _, c := range r.Checks {
		counts[c.Status]++
	}
	return fmt.Sprintf("%d ok, %d warnings, %d errors, %d skipped", counts[OK], counts[Warning], counts[Error], counts[Skipped])
}

// Err is the report as an error, or nil.
func (r Report) Err() error {
	if r.OK {
		return nil
	}
	var wrong []string
	for _, c := range r.Checks {
		if c.Status == Error {
			wrong = append(wrong, c.ID)
		}
	}
	return fmt.Errorf("checks of the environment %s failed: %s", r.Environment, strings.Join(wrong, ", "))
}

var marks = map[Status]string{OK: "✓", Warning: "!", Error: "✗", Skipped: "-"}

// Write writes the report for people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(table, "%s %s\t%s\t%s\n", marks[c.Status], c.Title, c.Status, strings.ReplaceAll(c.Seen, "\n", " "))
		if c.Hint != "" {
			fmt.Fprintf(table, "\t\t  hint: %s\n", c.Hint)
		}
	}
	table.Flush() // into memory
	fmt.Fprintf(&b, "\n%s\n", r.summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// MarshalJSON writes the counts, too.
func (r Report) MarshalJSON() ([]byte, error) {
	type plain Report
	return json.Marshal(struct {
		plain
		Summary string `json:"summary"`
	}{plain(r), r.summary()})
}
