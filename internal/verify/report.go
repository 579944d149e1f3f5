package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/gcs-to-s3/gcs-to-s3/internal/diagnosis"
)

// The hops around those of package invocation, which the function reports after
// HopFunction and before HopChecked.
const (
	HopSource   = "source ready"
	HopFunction = "function"
	HopChecked  = "copy checked"
	HopRemoved  = "probe removed"
)

// The outcomes of a hop.
const (
	outcomeOK     = "ok"
	outcomeFailed = "failed"
	outcomeNote   = "failed, and not needed"
)

// Report is what a verification found.
type Report struct {
	Environment string   `json:"environment"`
	OK          bool     `json:"ok"` // the test object was copied, and everything was removed again
	Source      string   `json:"source"`
	Destination string   `json:"destination"`
	Hops        []Hop    `json:"hops"` // those that were reached
	Failure     *Failure `json:"failure,omitempty"`
	Attempts    int      `json:"attempts"` // invocations of the function
	Waited      float64  `json:"waitedSeconds"`
	Seconds     float64  `json:"seconds"`
	Left        []string `json:"left,omitempty"` // what could not be removed
}

// Hop is one step of the way from one bucket to the other.
type Hop struct {
	Hop          string `json:"hop"`
	Identity     string `json:"identity,omitempty"` // who acts from there on, or what was read or written
	Outcome      string `json:"outcome"`
	Milliseconds int64  `json:"durationMs"`
	Attempts     int    `json:"attempts"`
	Status       int    `json:"status,omitempty"`
	Code         string `json:"code,omitempty"`
	Error        string `json:"error,omitempty"`
}

func (h *Hop) fail(p problem) {
	h.Outcome, h.Status, h.Code, h.Error = outcomeFailed, p.status, p.code, p.message
}

// Failure is why an environment does not work.
type Failure struct {
	Hop      string            `json:"hop"`
	Status   int               `json:"status,omitempty"` // of HTTP; 0 when there was no answer
	Code     string            `json:"code,omitempty"`
	Error    string            `json:"error"`
	Found    string            `json:"found,omitempty"` // what the clouds say about it
	Patience bool              `json:"patienceEnded"`   // it was retried until the patience ended
	Causes   []diagnosis.Cause `json:"causes"`          // the most likely first
}

// Err is the failure as an error, or nil.
func (r Report) Err() error {
	switch {
	case r.OK:
		return nil
	case r.Failure == nil:
		return fmt.Errorf("the environment %s was not verified", r.Environment)
	}
	return fmt.Errorf("the environment %s does not work: %s: %s", r.Environment, r.Failure.Hop, problem{hop: r.Failure.Hop, status: r.Failure.Status, code: r.Failure.Code, message: r.Failure.Error}.short())
}

// Write writes the report for people.
func (r Report) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s\n\n", r.Source, r.Destination)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "hop\ttime\toutcome\tidentity")
	for _, h := range r.Hops {
		outcome := h.Outcome
		if h.Attempts > 1 {
			outcome += fmt.Sprintf(" (attempt %d)", h.Attempts)
		}
		fmt.Fprintf(table, "%s\t%d ms\t%s\t%s\n", h.Hop, h.Milliseconds, outcome, h.Identity)
	}
	table.Flush() // into memory
	if r.Failure != nil {
		b.WriteString("\n")
		r.Failure.write(&b)
	}
	for _, left := range r.Left {
		fmt.Fprintf(&b, "\nnot removed: %s\n", left)
	}
	if r.OK {
		fmt.Fprintf(&b, "\n%s works: the test object was copied. (%.1fs)\n", r.Environment, r.Seconds)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *Failure) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s\n", f.Hop, f.Error)
	if f.Found != "" {
		fmt.Fprintf(b, "  found: %s\n", f.Found)
	}
	if f.Patience {
		b.WriteString("  waiting did not help\n")
	}
	if len(f.Causes) > 0 {
		b.WriteString("\nPossible causes, the most likely first:\n")
	}
	for i, c := range f.Causes {
		mark := ""
		if c.Found {
			mark = "  ← found"
		}
		fmt.Fprintf(b, "  %d. %s%s\n     check:  %s\n     remedy: %s\n", i+1, c.Text, mark, c.Check, c.Remedy)
	}
}
