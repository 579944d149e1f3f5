package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/deployed"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

func newInvoke(getenv func(string) string) *cobra.Command {
	var object, prefix, file, cursor string
	var tail, asJSON, once bool
	cmd := &cobra.Command{
		Use:   "invoke [NAME]",
		Short: "Invoke the deployed function until its work is done",
		Long: `Invokes the deployed function with your AWS credentials, waits for it, and prints its
answer. Without flags it copies the environment's object.

Work that needs more than one invocation is continued, until all of it is done: many
objects, or an object too large for one. The answer is then the sum of all invocations,
and lists the objects that failed. Ctrl-C stops, and says how to continue.

Exit code: 0 if everything is done, 1 if anything failed, 3 if there is more to do.`,
		Example: `  gcs-to-s3 invoke
  gcs-to-s3 invoke prod --object reports/2026.csv
  gcs-to-s3 invoke prod --prefix reports/ --log
  gcs-to-s3 invoke prod --prefix ""       # the whole bucket
  echo '{"objects": ["a.csv", "b.csv"]}' | gcs-to-s3 invoke prod --event -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var named *string
			if cmd.Flags().Changed("prefix") {
				named = &prefix
			}
			event, err := readEvent(cmd.InOrStdin(), object, named, file)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("cursor") {
				event.Cursor = cursor
			}
			env, err := environmentOf(args, getenv)
			if err != nil {
				return err
			}
			f, err := deployed.Open(cmd.Context(), env)
			if err != nil {
				return err
			}
			w := follower{env: env, event: event, once: once, reporter: reporter(cmd.ErrOrStderr(), getenv), getenv: getenv}
			work, err := w.follow(cmd.Context(), f)
			if err != nil && cmd.Context().Err() == nil {
				return err
			}
			if work.Invocations > 0 {
				if err := show(cmd, work, tail, asJSON); err != nil {
					return err
				}
			}
			return conclude(cmd, args, work, event.Cursor)
		},
	}
	cmd.Flags().StringVar(&object, "object", "", "copy this object instead of the environment's")
	cmd.Flags().StringVar(&prefix, "prefix", "", "copy every object with this prefix; an empty one is the whole bucket")
	cmd.Flags().StringVar(&file, "event", "", "send the event in this file; - reads it from stdin")
	cmd.MarkFlagsMutuallyExclusive("object", "prefix", "event")
	cmd.Flags().StringVar(&cursor, "cursor", "", "continue where an earlier invocation of the same event ended")
	cmd.Flags().BoolVar(&once, "once", false, "invoke once, even if there is more to do")
	cmd.Flags().BoolVar(&tail, "log", false, "print the end of the last invocation's log (4 KB)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer, the log and the time as JSON")
	return cmd
}

// readEvent returns the event that the flags ask for.
func readEvent(stdin io.Reader, object string, prefix *string, file string) (invocation.Event, error) {
	switch {
	case object != "":
		return invocation.Event{Object: object}, nil
	case prefix != nil:
		return invocation.Event{Prefix: prefix}, nil
	case file == "":
		return invocation.Event{}, nil
	}
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return invocation.Event{}, fmt.Errorf("reading the event: %w", err)
	}
	event, err := invocation.ParseEvent(data)
	if err != nil {
		return invocation.Event{}, fmt.Errorf(
			"reading the event in %s: %w; hint: an event is a JSON object such as {\"object\": \"reports/2026.csv\"}",
			file,
			err,
		)
	}
	return event, nil
}

// show prints the answer, or the sum of several.
func show(cmd *cobra.Command, work deployed.Work, tail, asJSON bool) error {
	got := work.Last
	if work.Many && !got.Failed {
		sum, err := json.Marshal(work.Sum)
		if err != nil {
			return err
		}
		got.Payload = sum
	}
	got.Seconds = time.Since(work.Started).Seconds()
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), got)
	}
	if tail || got.Failed {
		fmt.Fprint(cmd.ErrOrStderr(), got.Log)
	}
	if !got.Failed {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", got.Payload)
	}
	return nil
}

// unfinishedCode is the exit code of work that stopped before it was complete.
const unfinishedCode = 3

// conclude returns the error that the work ends with, which says how to continue from
// further on than begin, the cursor with which it began.
func conclude(cmd *cobra.Command, args []string, work deployed.Work, begin string) error {
	err := work.Last.Err()
	if work.Sum.Failed > 0 {
		err = fmt.Errorf("%d of the objects failed; the answer lists them", work.Sum.Failed)
	}
	if work.Sum.Error != "" {
		err = errors.Join(err, errors.New(work.Sum.Error))
	}
	if work.Complete() || work.Cursor == begin && cmd.Context().Err() == nil {
		return err
	}
	again := append([]string{"gcs-to-s3", "invoke"}, args...)
	for _, name := range []string{"object", "prefix", "event"} {
		if f := cmd.Flags().Lookup(name); f.Changed {
			again = append(again, "--"+name, shellQuote(f.Value.String()))
		}
	}
	if work.Cursor != "" {
		again = append(again, "--cursor", work.Cursor)
	}
	stopped := fmt.Errorf("there is more to do; to continue: %s", strings.Join(again, " "))
	if cmd.Context().Err() != nil {
		stopped = fmt.Errorf(
			"stopped; the invocation that was under way ends by itself, and what it copies counts as unchanged or is copied again; to continue: %s",
			strings.Join(again, " "),
		)
	}
	if err != nil {
		return errors.Join(err, stopped)
	}
	return exitError{unfinishedCode, stopped}
}

// shellQuote quotes a value for a shell.
func shellQuote(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:@%+,") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// follower shows how work proceeds.
type follower struct {
	env      environment.Environment
	event    invocation.Event
	once     bool
	reporter *progress.Reporter
	getenv   func(string) string
	total    atomic.Int64 // objects to copy, once they are counted
}

func (w *follower) follow(ctx context.Context, f deployed.Function) (work deployed.Work, err error) {
	run := func() (string, error) {
		work, err = f.Follow(ctx, w.event, w.once, func(now deployed.Work) {
			if !now.Complete() {
				w.reporter.Milestone(w.progress(now))
			}
		})
		if err != nil {
			return "", err
		}
		return w.progress(work), work.Last.Err()
	}
	if !w.event.Many() {
		_, _ = run()
		return work, err
	}
	if !w.once {
		counting, cancel := context.WithCancel(ctx)
		defer cancel()
		go w.count(counting)
	}
	_, _ = w.reporter.Step("copying", run)
	return work, err
}

// count counts the objects, for the time that is left: with the caller's own Google
// credentials, if they allow it.
func (w *follower) count(ctx context.Context) {
	if w.event.Prefix == nil {
		w.total.Store(int64(len(w.event.Objects)))
		return
	}
	google, err := clouds.OpenGoogle(ctx, w.env, w.getenv)
	if err != nil {
		return
	}
	if n, err := google.CountObjects(ctx, cmp.Or(w.event.SourceBucket, w.env.SourceBucket), *w.event.Prefix); err == nil {
		w.total.Store(n)
	}
}

// progress says how far the work has come: objects, bytes, rate, failures, and the time
// that is left where it can be known.
func (w *follower) progress(now deployed.Work) string {
	passed := time.Since(now.Started)
	var done, total, bytes int64
	var text string
	if now.Many {
		s := now.Sum
		done, total, bytes = int64(s.Copied+s.Unchanged+s.Skipped+s.Failed), w.total.Load(), s.Bytes+s.Reached
		text = fmt.Sprintf("%d objects", done)
		if total >= done && total > 0 {
			text = fmt.Sprintf("%d of %d objects", done, total)
		}
		text += ", " + size(bytes)
	} else {
		if done = now.One.Reached; now.Complete() {
			done = now.One.Bytes
		}
		total, bytes = now.One.Bytes, done
		text = size(done) + " of " + size(total)
	}
	if passed > 0 {
		text += fmt.Sprintf(", %s/s", size(int64(float64(bytes)/passed.Seconds())))
	}
	if now.Sum.Failed > 0 {
		text += fmt.Sprintf(", %d failed", now.Sum.Failed)
	}
	if left := total - done; !now.Complete() && left > 0 && done > 0 {
		text += ", about " + (time.Duration(float64(passed) / float64(done) * float64(left))).Round(time.Second).String() + " left"
	}
	return text
}

// size writes bytes for people, in powers of 1000.
func size(bytes int64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes), -1
	for value >= 1000 && unit < 4 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.3g %cB", value, "kMGTP"[unit])
}

// writeJSON prints a result for other programs.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
