// Package progress shows long work on a person's terminal or in a log.
//
// The rules of the terminal, for the whole command line: results go to stdout,
// everything else to stderr. On a terminal, a running step shows its elapsed time
// and latest message; in a pipe, each step is one plain line when it starts and
// one when it ends. NO_COLOR and TERM=dumb turn colours off.
package progress

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Reporter shows steps, each when it starts and when it ends.
type Reporter struct {
	out     io.Writer
	live    bool // a terminal: the running step's line is rewritten
	color   bool
	width   func() int // of the terminal, in columns; nil if unknown
	verbose bool       // keep all messages of a step

	mu      sync.Mutex    // guards the fields below and out
	running []string      // names of the running steps
	since   time.Time     // when the first of them started
	said    string        // their latest message
	ended   chan struct{} // closed when they have ended
}

// New returns a reporter that writes to f.
func New(f *os.File, getenv func(string) string) *Reporter {
	live := term.IsTerminal(int(f.Fd())) && getenv("TERM") != "dumb"
	return &Reporter{out: f, live: live, color: live && getenv("NO_COLOR") == "", width: func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return width
	}}
}

// Verbose makes the reporter keep all messages of steps, line by line.
func (r *Reporter) Verbose() *Reporter {
	r.verbose, r.live = true, false
	return r
}

// Plain returns a reporter that writes plain lines to w.
func Plain(w io.Writer) *Reporter { return &Reporter{out: w} }

const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
	erase = "\r\x1b[K"
)

func (r *Reporter) paint(color, text string) string {
	if !r.color {
		return text
	}
	return color + text + reset
}

// Note prints one line between steps.
func (r *Reporter) Note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, format+"\n", args...)
}

// Say shows what the running step is doing. On a terminal the text follows the
// step's name until the next message; in a pipe it is not shown.
func (r *Reporter) Say(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.verbose {
		fmt.Fprintf(r.out, "  %s\n", r.paint(dim, text))
		return
	}
	r.said = text
}

// Milestone shows how far the running step has come. On a terminal it is like Say; in a
// pipe it is a line.
func (r *Reporter) Milestone(text string) {
	if r.live || r.verbose {
		r.Say(text)
		return
	}
	r.Note("  %s", text)
}

// line returns a terminal's line for a running step, within its width.
func (r *Reporter) line(name string, took time.Duration) string {
	shown := fmt.Sprintf("… %s %s", name, seconds(took))
	room := 0
	if r.width != nil {
		room = r.width() - 1 - len([]rune(shown)) - 1
	}
	if text := []rune(strings.TrimSpace(r.said)); room > 1 && len(text) > 0 {
		if len(text) > room {
			text = append(text[:room-1], '…')
		}
		return fmt.Sprintf("… %s %s %s", name, r.paint(dim, seconds(took)), r.paint(dim, string(text)))
	}
	return fmt.Sprintf("… %s %s", name, r.paint(dim, seconds(took)))
}

// tick is how often a running step's time is updated.
const tick = 100 * time.Millisecond

// Step shows a step while run executes, and how it ended: with run's detail, or
// with its error. It returns how long run took, and its error. Steps may run in
// parallel; a terminal shows them on one line until they end.
func (r *Reporter) Step(name string, run func() (detail string, err error)) (time.Duration, error) {
	start := time.Now()
	r.begin(name, start)
	detail, err := run()
	took := time.Since(start)
	mark := r.paint(green, "✓")
	switch {
	case err != nil:
		mark, detail = r.paint(red, "✗"), ""
	case detail != "":
		detail = ": " + detail
	}
	r.end(name, fmt.Sprintf("%s %s%s %s\n", mark, name, detail, r.paint(dim, seconds(took))))
	return took, err
}

// begin records a step that starts now.
func (r *Reporter) begin(name string, start time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.running) == 0 {
		r.said, r.since = "", start
	}
	r.running = append(r.running, name)
	switch {
	case !r.live:
		fmt.Fprintf(r.out, "… %s\n", name)
	case len(r.running) == 1:
		r.animate()
	}
}

// end replaces the line of the running steps with the result of one.
func (r *Reporter) end(name, result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.running, name)
	r.running = slices.Delete(r.running, i, i+1)
	if r.live {
		if len(r.running) == 0 {
			close(r.ended)
		}
		fmt.Fprint(r.out, erase)
	}
	fmt.Fprint(r.out, result)
}

// animate redraws the line of the running steps until ended is closed.
func (r *Reporter) animate() {
	ended := make(chan struct{})
	r.ended = ended
	draw := func() {
		fmt.Fprint(r.out, erase+r.line(strings.Join(r.running, ", "), time.Since(r.since)))
	}
	draw()
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ticker.C:
			}
			r.mu.Lock()
			if len(r.running) > 0 && r.ended == ended {
				draw()
			}
			r.mu.Unlock()
		}
	}()
}

func seconds(d time.Duration) string { return fmt.Sprintf("(%.1fs)", d.Seconds()) }
