package denials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// Run asks rows one after the other in clouds that last, local or real: it makes a
// federation of its own there, undoes what a row changes, and leaves nothing.
//
// Changes of policies take time to have effect. While they might not have it yet, an
// answer that is not the table's is asked for again.
type Run struct {
	// Access reaches the clouds as their owner. Its names are those of what Run makes;
	// account, project and both buckets must exist, and the buckets must be empty.
	Access sandboxtest.Access
	// Mark is in the name of everything that a row makes: lower-case letters and digits,
	// 8 at most, different for each run.
	Mark string
	// Patience is how long a change of a policy takes at most: on AWS, and on Google.
	// "Access change propagation" (IAM documentation) says seven minutes or more.
	AWSPatience, GooglePatience time.Duration
	// Between is the time between two askings, and at most a second between two looks at an
	// operation of Google's; zero is 5 seconds.
	Between time.Duration
	// Only limits the rows to those whose "section/name" matches; nil is all.
	Only *regexp.Regexp

	undoing undoing
	unasked string // why the row that was ended cannot be asked
}

// interrupted is why rows after an interruption are not asked.
const interrupted = "the run was interrupted"

// Answer is what the clouds answered to one row.
type Answer struct {
	Section, Name string
	Ours, Theirs  Refusal // with the names of the table
	Same          bool
	Unasked       string // why the row was not asked; the rest is empty then
	position      int    // in the table
}

// Refusal is how a request was refused. A status below 300 with no code is an answer
// that is no refusal.
type Refusal struct {
	Status        int
	Code, Message string
}

// String is the refusal in a line.
func (r Refusal) String() string { return fmt.Sprintf("%d %s: %s", r.Status, r.Code, r.Message) }

// Ask asks the rows, as subtests, until ctx ends. It returns an answer for each row,
// also after a failure.
func (r *Run) Ask(ctx context.Context, t *testing.T) Report {
	t.Helper()
	if r.Between == 0 {
		r.Between = 5 * time.Second
	}
	report := Report{rows: denials()}
	c := &Clouds{Access: r.Access, run: r, t: t}
	c.Trusted = `"AWS":"` + c.Names.Account + `"`
	r.undoing.prepare(&c.Access, r.again, r.Between)
	made := ctx.Err() == nil && t.Run("set up", func(t *testing.T) {
		c.SetUpAWS(t)
		c.SetUpGoogle(t)
	})
	setUp := r.undoing.keep()
	for i, row := range report.rows {
		a := Answer{Section: row.section, Name: row.name, Ours: Refusal{row.status, row.code, row.message}, position: i}
		switch id := row.section + "/" + row.name; {
		case r.Only != nil && !r.Only.MatchString(id):
			continue
		case ctx.Err() != nil:
			a.Unasked = interrupted
		case !made:
			a.Unasked = "the federation could not be made"
		default:
			r.ask(ctx, t, c, row, &a)
			if left := r.undoing.undo(); len(left) > 0 {
				t.Errorf("%s: what the row changed could not be undone: %v", id, errors.Join(left...))
				report.Left = append(report.Left, left...)
			}
		}
		report.Answers = append(report.Answers, a)
	}
	report.Left = append(report.Left, r.undoing.undoThese(setUp)...)
	return report
}

// ask asks one row.
func (r *Run) ask(ctx context.Context, t *testing.T, lasting *Clouds, row denial, a *Answer) {
	t.Helper()
	c := *lasting
	c.suffix = fmt.Sprintf("-%s-%03d", r.Mark, a.position)
	r.unasked = ""
	var got refusal
	done := false
	t.Run(row.section+"/"+row.name, func(t *testing.T) {
		c.t = t
		r.undoing.begin(&c)
		cloud := "aws"
		if a.position >= len(awsDenials()) {
			cloud = "google"
		}
		for {
			r.undoing.asking()
			err := row.do(t, &c)
			switch seen, ok := refusalOf(err); {
			case err == nil:
				got = refusal{status: http.StatusOK, message: "It was not refused."}
			case !ok:
				t.Fatalf("the client says %v (%T), which is no answer of a cloud", err, err)
			default:
				got = refusal{seen.status, seen.code, c.ofTable(seen.message)}
			}
			done = true
			if row.holds(got) || !r.again(ctx, cloud) {
				return
			}
		}
	})
	switch {
	case r.unasked != "":
		a.Unasked = r.unasked
	case !done:
		a.Unasked = "what it needs could not be made"
	case row.holds(got):
		a.Same, a.Theirs = true, a.Ours
	case ctx.Err() != nil: // it might have been the table's in the end
		a.Unasked = interrupted
	default:
		a.Theirs = Refusal{got.status, got.code, varying.ReplaceAllString(got.message, "…")}
	}
}

// again waits, if what was answered may be due to a change that has no effect yet. What
// a call of Google's answers may be due to changes in both clouds.
func (r *Run) again(ctx context.Context, cloud string) bool {
	until := r.undoing.changed("aws").Add(r.AWSPatience)
	if late := r.undoing.changed("google").Add(r.GooglePatience); cloud == "google" && late.After(until) {
		until = late
	}
	return time.Now().Before(until) && pause(ctx, r.Between) == nil
}

// Report is what a run found.
type Report struct {
	Answers []Answer
	Left    []error // what could not be taken down

	rows []denial
}

// Different are the answers that differ from the table.
func (r Report) Different() []Answer {
	return slices.DeleteFunc(slices.Clone(r.Answers), func(a Answer) bool { return a.Same || a.Unasked != "" })
}

// Write writes how many rows were asked, which were not and why, and what is left.
func (r Report) Write(w io.Writer) error {
	var out strings.Builder
	why, reasons := map[string]int{}, []string{}
	asked := 0
	for _, a := range r.Answers {
		if a.Unasked == "" {
			asked++
			continue
		}
		if why[a.Unasked] == 0 {
			reasons = append(reasons, a.Unasked)
		}
		why[a.Unasked]++
	}
	different := len(r.Different())
	fmt.Fprintf(&out, "%d rows of %d were asked: %d answers are the table's, %d differ.\n", asked, len(r.Answers), asked-different, different)
	if unasked := len(r.Answers) - asked; unasked > 0 {
		fmt.Fprintf(&out, "%d rows were not asked:\n", unasked)
	}
	for _, reason := range reasons {
		fmt.Fprintf(&out, "%5d  %s\n", why[reason], reason)
		for _, a := range r.Answers {
			if a.Unasked == reason {
				fmt.Fprintf(&out, "         %s: %s\n", a.Section, a.Name)
			}
		}
	}
	for _, err := range r.Left {
		fmt.Fprintf(&out, "left over: %v\n", err)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Patch is a patch of docs/denials.md that makes it say what was answered, on a day in
// UTC; it is empty if nothing differs.
func (r Report) Patch(day time.Time) string {
	theirs := slices.Clone(r.rows)
	for _, a := range r.Different() {
		row := &theirs[a.position]
		row.status, row.code, row.message = a.Theirs.Status, a.Theirs.Code, a.Theirs.Message
		row.source = "answered on " + day.UTC().Format(time.DateOnly)
	}
	return unified("docs/denials.md", strings.SplitAfter(page(r.rows), "\n"), strings.SplitAfter(page(theirs), "\n"))
}

// around is how many lines a patch shows around what differs.
const around = 3

// unified is the unified diff of two texts of as many lines.
func unified(name string, ours, theirs []string) string {
	var out strings.Builder
	for i := 0; i < len(ours); i++ {
		if ours[i] == theirs[i] {
			continue
		}
		if out.Len() == 0 {
			fmt.Fprintf(&out, "--- a/%s\n+++ b/%[1]s\n", name)
		}
		last := i // that differs, in this hunk
		for j := i; j < len(ours) && j <= last+2*around; j++ {
			if ours[j] != theirs[j] {
				last = j
			}
		}
		from, to := max(i-around, 0), min(last+around+1, len(ours))
		if to == len(ours) && ours[to-1] == "" { // behind the last line's end
			to--
		}
		fmt.Fprintf(&out, "@@ -%d,%d +%[1]d,%[2]d @@\n", from+1, to-from)
		for j := from; j < to; {
			if ours[j] == theirs[j] {
				out.WriteString(" " + ours[j])
				j++
				continue
			}
			end := j
			for end < to && ours[end] != theirs[end] {
				end++
			}
			out.WriteString("-" + strings.Join(ours[j:end], "-"))
			out.WriteString("+" + strings.Join(theirs[j:end], "+"))
			j = end
		}
		i = to - 1
	}
	return out.String()
}

// Names are the names of the federation that a run with a mark makes, in place of those
// that are given; the account, the project and the buckets stay.
func Names(n sandboxtest.Names, mark string) sandboxtest.Names {
	n.Role, n.Function, n.ServiceAccount = "denials-role-"+mark, "denials-"+mark, "denials-reader-"+mark
	n.Pool, n.Provider = "denials-pool-"+mark, "denials-aws-"+mark
	return n
}
