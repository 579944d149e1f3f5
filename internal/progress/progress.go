// Package progress shows long work on a person's terminal or in a log.
//
// The rules of the terminal, for the whole command line: results go to stdout,
// everything else to stderr. On a terminal a running step shows the time it has
// taken and the last that is known of it; in a pipe each step is one plain line
// when it starts and one when it ends. NO_COLOR and TERM=dumb take the colours away.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Reporter shows steps one after the other.
type Reporter struct {
	out     io.Writer
	live    bool // a terminal: the running step's line is rewritten
	color   bool
	width   func() int // of the terminal, in columns; nil where it is not known
	verbose bool       // everything that is said of a step stays

	mu   sync.Mutex
	said string // the last of the running step
}

// New makes a reporter that writes to f.
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

// Verbose lets everything stay that is said of steps, line by line.
func (r *Reporter) Verbose() *Reporter {
	r.verbose, r.live = true, false
	return r
}

// Plain makes a reporter that writes lines to w.
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
	fmt.Fprintf(r.out, format+"\n", args...)
}

// Say tells what the running step is at. On a terminal it stands behind the step's
// name until something else is said; in a pipe it is not shown.
func (r *Reporter) Say(text string) {
	if r.verbose {
		fmt.Fprintf(r.out, "  %s\n", r.paint(dim, text))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = text
}

// line is what a terminal shows of a running step, within its width.
func (r *Reporter) line(name string, took time.Duration) string {
	r.mu.Lock()
	said := r.said
	r.mu.Unlock()
	shown := fmt.Sprintf("… %s %s", name, seconds(took))
	room := 0
	if r.width != nil {
		room = r.width() - 1 - len([]rune(shown)) - 1
	}
	if text := []rune(strings.TrimSpace(said)); room > 1 && len(text) > 0 {
		if len(text) > room {
			text = append(text[:room-1], '…')
		}
		return fmt.Sprintf("… %s %s %s", name, r.paint(dim, seconds(took)), r.paint(dim, string(text)))
	}
	return fmt.Sprintf("… %s %s", name, r.paint(dim, seconds(took)))
}

// tick is how often a running step's time is shown.
const tick = 100 * time.Millisecond

// Step shows a step while run does it, and how it ended: with run's detail, or
// with its error. It returns how long run took, and its error.
func (r *Reporter) Step(name string, run func() (detail string, err error)) (time.Duration, error) {
	start := time.Now()
	r.mu.Lock()
	r.said = ""
	r.mu.Unlock()
	stop := func() {}
	if r.live {
		stop = r.animate(name, start)
	} else {
		fmt.Fprintf(r.out, "… %s\n", name)
	}
	detail, err := run()
	took := time.Since(start)
	stop()
	if err != nil {
		fmt.Fprintf(r.out, "%s %s %s\n", r.paint(red, "✗"), name, r.paint(dim, seconds(took)))
		return took, err
	}
	if detail != "" {
		detail = ": " + detail
	}
	fmt.Fprintf(r.out, "%s %s%s %s\n", r.paint(green, "✓"), name, detail, r.paint(dim, seconds(took)))
	return took, nil
}

// animate rewrites the step's line until the returned function is called.
func (r *Reporter) animate(name string, start time.Time) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			fmt.Fprint(r.out, erase+r.line(name, time.Since(start)))
			select {
			case <-done:
				fmt.Fprint(r.out, erase)
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("(%.1fs)", d.Seconds()) }
