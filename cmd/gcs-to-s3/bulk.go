package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

// bulkCommands are the commands about jobs; all but plan take a job, and their environment
// from a flag.
type bulkCommands struct {
	getenv func(string) string
	name   string // of the environment
}

func newBulk(getenv func(string) string) *cobra.Command {
	b := &bulkCommands{getenv: getenv}
	cmd := &cobra.Command{
		Use:   "bulk",
		Short: "Copy whole buckets in bulk jobs: plan, run, prove",
		Long: `Copies whole buckets, of any number and size of objects, on AWS Step Functions. A job is
planned, which changes nothing, and then run; it goes on without this command, and ends
with a report that proves what arrived. The environment needs the settings bulk and
jobsBucket.`,
		Args: cobra.NoArgs,
	}
	cmd.PersistentFlags().StringVar(&b.name, "environment", "", "the environment of the job; default: that of PULUMI_STACK, or dev")
	cmd.AddCommand(b.plan(), b.run(), b.status(), b.set(), b.stop(), b.list(), b.report(), b.verify())
	return cmd
}

// open opens the jobs of the environment that the flag names, or args.
func (b *bulkCommands) open(ctx context.Context, args []string) (environment.Environment, jobs.Jobs, error) {
	if b.name != "" {
		args = []string{b.name}
	}
	env, err := environmentOf(args, b.getenv)
	if err != nil {
		return env, jobs.Jobs{}, err
	}
	j, err := jobs.Open(ctx, env)
	return env, j, err
}

// follow shows how a job goes on until its execution ends.
func (b *bulkCommands) follow(cmd *cobra.Command, j jobs.Jobs, job, what string) error {
	r := reporter(cmd.ErrOrStderr(), b.getenv)
	_, err := r.Step(what, func() (string, error) {
		last := ""
		// AWS allows one DescribeMapRun a second for all callers of an account: AWS Step
		// Functions Developer Guide, "Quotas". Small jobs are done sooner.
		for wait := 200 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
			s, err := j.Status(cmd.Context(), job)
			if err != nil {
				return "", err
			}
			text := statusLine(s)
			if s.State != jobs.StatePlanning && s.State != jobs.StateRunning && s.State != jobs.StateVerifying {
				return text, nil
			}
			if text != last {
				r.Milestone(text)
				last = text
			}
			select {
			case <-cmd.Context().Done():
				return "", fmt.Errorf("the job goes on without this command; hint: `gcs-to-s3 bulk status %s --watch` follows it, `gcs-to-s3 bulk stop %[1]s` stops it", job)
			case <-time.After(wait):
			}
		}
	})
	return err
}

// statusLine says in a line how far a job has come.
func statusLine(s jobs.Status) string {
	text := s.State
	switch {
	case s.State == jobs.StatePlanning && s.Map != nil:
		text += fmt.Sprintf(": %d of %d ranges listed", s.Map.Succeeded, s.Map.Total)
	case s.Planned.Objects > 0 && s.State != jobs.StatePlanned:
		text += fmt.Sprintf(": %d of %d objects, %s of %s", s.Done.Objects, s.Planned.Objects, size(s.Done.Bytes), size(s.Planned.Bytes))
		for _, cause := range s.Progress.Failed.Reasons() {
			text += fmt.Sprintf(", %d failed: %s", s.Progress.Failed[cause].Objects, cause)
		}
		passed := time.Since(s.Started)
		if s.State == jobs.StateRunning && s.Done.Bytes > 0 && passed > 0 {
			text += fmt.Sprintf(", %s/s", size(int64(float64(s.Done.Bytes)/passed.Seconds())))
		}
		if left := s.Planned.Objects - s.Done.Objects; s.State == jobs.StateRunning && left > 0 && s.Done.Objects > 0 {
			text += ", about " + time.Duration(float64(passed)/float64(s.Done.Objects)*float64(left)).Round(time.Second).String() + " left"
		}
	}
	if s.Why != "" {
		text += " (" + s.Why + ")"
	}
	return text
}

// showStatus prints how far a job has come.
func showStatus(cmd *cobra.Command, j jobs.Jobs, job string, asJSON bool) error {
	s, err := j.Status(cmd.Context(), job)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), s)
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), statusLine(s))
	return err
}
