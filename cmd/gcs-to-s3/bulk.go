package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
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

func (b *bulkCommands) plan() *cobra.Command {
	var job, since, compare string
	var include, exclude []string
	var prefix string
	var concurrency, shard int
	var detach, asJSON bool
	var table prices
	cmd := &cobra.Command{
		Use:   "plan [NAME]",
		Short: "Plan a job: list the source, compare, and say what would be copied",
		Long: `Lists the source bucket in parallel, leaves out what the flags exclude and what is at the
destination already, and freezes the rest: what is planned is what is copied, object by
object and generation by generation. Nothing is copied yet.`,
		Example: `  gcs-to-s3 bulk plan prod
  gcs-to-s3 bulk plan prod --job migration --prefix logs/ --exclude '*.tmp' --compare size`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			table, err := table.read()
			if err != nil {
				return err
			}
			env, j, err := b.open(cmd.Context(), args)
			if err != nil {
				return err
			}
			if job == "" {
				job = strings.ToLower(env.Name) + time.Now().UTC().Format("-20060102-150405")
			}
			r := j.Request(job)
			r.Prefix, r.Include, r.Exclude, r.Compare, r.ShardObjects = prefix, include, exclude, compare, shard
			if since != "" {
				if r.Since, err = parseTime(since); err != nil {
					return fmt.Errorf("since: %w", err)
				}
			}
			if err := j.Plan(cmd.Context(), r, concurrency); err != nil {
				return err
			}
			if detach {
				fmt.Fprintln(cmd.OutOrStdout(), job)
				return nil
			}
			if err := b.follow(cmd, j, job, "planning"); err != nil {
				return err
			}
			plan, there, err := bulk.LoadPlan(cmd.Context(), j.Files, job)
			if err != nil {
				return err
			}
			if !there {
				return fmt.Errorf("job: %q: was not planned; hint: `gcs-to-s3 bulk status %[1]s` says why", job)
			}
			cost := bulk.Estimate(table, plan.Tally, terms(env, plan, concurrency))
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), pricedPlan{plan, cost})
			}
			if err := showPlan(cmd.OutOrStdout(), plan); err != nil {
				return err
			}
			if err := showCost(cmd.OutOrStdout(), cost); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "\n`gcs-to-s3 bulk run %s` copies it.\n", job)
			return err
		},
	}
	cmd.Flags().StringVar(&job, "job", "", "name of the job; default: the environment's name and the time")
	cmd.Flags().StringVar(&prefix, "prefix", "", "only objects with this prefix")
	cmd.Flags().StringArrayVar(&include, "include", nil, "only objects that match this pattern; can be repeated; a pattern without a slash is about the last part of the name")
	cmd.Flags().StringArrayVar(&exclude, "exclude", nil, "no objects that match this pattern; can be repeated")
	cmd.Flags().StringVar(&since, "since", "", "only objects updated since this day or time, such as 2026-12-31 or 2026-12-31T18:00:00Z")
	cmd.Flags().StringVar(&compare, "compare", bulk.CompareNone, "leave out what is at the destination: none, by size, or by checksum")
	cmd.Flags().IntVar(&shard, "shard-objects", bulk.DefaultShardObjects, "the most objects of a shard, which one invocation copies")
	cmd.Flags().IntVar(&concurrency, "concurrency", 100, "how many ranges are listed in parallel")
	cmd.Flags().BoolVar(&detach, "detach", false, "print the job's name, and do not wait")
	table.flag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON")
	return cmd
}

func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: must be a day such as 2026-12-31, or a time such as 2026-12-31T18:00:00Z", text)
}

// showPlan prints a plan for people.
func showPlan(w io.Writer, p bulk.Plan) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, c bulk.Count, indent string) {
		fmt.Fprintf(t, "%d\t%s\t  \t", c.Objects, size(c.Bytes))
		fmt.Fprintf(t, "%s%s\n", indent, what)
	}
	r := p.Request
	fmt.Fprintf(w, "Job %s: gs://%s/%s to s3://%s/%s\n", r.Job, r.SourceBucket, r.Prefix, r.DestinationBucket, r.DestinationPrefix)
	row("found", p.Tally.Found(), "")
	row("to copy", p.Tally.ToCopy, "")
	for _, class := range p.Tally.Classes.Reasons() {
		row("of storage class "+class, p.Tally.Classes[class], "  ")
	}
	if p.Tally.Large.Objects > 0 {
		row("in parts", p.Tally.Large, "  ")
	}
	if p.Tally.Unchanged.Objects > 0 {
		row("at the destination already", p.Tally.Unchanged, "")
	}
	for _, reason := range p.Tally.Skipped.Reasons() {
		row("left out: "+reason, p.Tally.Skipped[reason], "")
	}
	for _, reason := range p.Tally.Failing.Reasons() {
		row("cannot be copied: "+reason, p.Tally.Failing[reason], "")
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, e := range p.Examples {
		fmt.Fprintf(w, "  %s: %q\n", e.Reason, e.Object)
	}
	if p.Colliding > 0 {
		fmt.Fprintf(w, "%d objects will fail, because their keys are also those of others; hint: keyTemplate with {object} tells them apart\n", p.Colliding)
	}
	_, err := fmt.Fprintf(w, "%d shards, digest %s\n", p.Shards, p.Tally.Digest)
	return err
}

// pricedPlan is what `bulk plan --json` prints.
type pricedPlan struct {
	bulk.Plan
	Cost bulk.Cost `json:"cost"`
}

// pricedReport is what `bulk report --json` prints.
type pricedReport struct {
	bulk.Report
	Cost bulk.Cost `json:"cost"`
}

func (b *bulkCommands) run() *cobra.Command {
	var concurrency int
	var most float64
	var yes, detach, asJSON bool
	var table prices
	cmd := &cobra.Command{
		Use:   "run JOB",
		Short: "Copy what a job has planned, or go on with it",
		Long: `Starts to copy what a job has planned, and follows it. The job does not need this
command: Ctrl-C leaves it running. Run again, a job that was stopped or failed goes on
where it was.

Exit code: 0 if everything that was planned is proven to be at the destination, 1 if not.`,
		Example: `  gcs-to-s3 bulk run migration
  gcs-to-s3 bulk run migration --yes --detach --concurrency 200`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			table, err := table.read()
			if err != nil {
				return err
			}
			env, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			job := args[0]
			plan, there, err := bulk.LoadPlan(cmd.Context(), j.Files, job)
			if err != nil {
				return err
			}
			cost := bulk.Estimate(table, plan.Tally, terms(env, plan, concurrency))
			if most > 0 && cost.Estimated > most {
				return fmt.Errorf("max-cost: the job is estimated to cost USD %.2f, which is more than %.2f; hint: `gcs-to-s3 bulk plan` says what it is made of", cost.Estimated, most)
			}
			if there && !yes {
				if err := canAsk(cmd, ""); err != nil {
					return err
				}
				c := plan.Tally.ToCopy
				if agreed, err := confirm(cmd, fmt.Sprintf("Copy %d objects, %s, for about USD %.2f?", c.Objects, size(c.Bytes), cost.Estimated)); !agreed {
					return err
				}
			}
			if err := j.Run(cmd.Context(), job, concurrency); err != nil {
				return err
			}
			if detach {
				return nil
			}
			if err := b.follow(cmd, j, job, "copying"); err != nil {
				return err
			}
			return b.conclude(cmd, j, job, asJSON)
		},
	}
	cmd.Flags().IntVar(&concurrency, "concurrency", 100, "how many shards are copied in parallel")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	cmd.Flags().Float64Var(&most, "max-cost", 0, "do not start a job that is estimated to cost more US dollars than this; 0 is no limit")
	table.flag(cmd)
	cmd.Flags().BoolVar(&detach, "detach", false, "do not wait")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// conclude prints the report of a job, and returns an error unless it is proven.
func (b *bulkCommands) conclude(cmd *cobra.Command, j jobs.Jobs, job string, asJSON bool) error {
	r, err := bulk.MakeReport(cmd.Context(), j.Files, job)
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), r)
	} else {
		err = showReport(cmd.OutOrStdout(), r)
	}
	failed := r.Progress.Failed.Sum().Objects + r.Plan.Tally.Failing.Sum().Objects
	switch {
	case err != nil:
		return err
	case !r.Complete && r.Progress.Stopped != "":
		return fmt.Errorf("the job stopped: %s", r.Progress.Stopped)
	case !r.Complete:
		return fmt.Errorf("not every object has an outcome yet; hint: `gcs-to-s3 bulk run %s` goes on", job)
	case !r.Proven:
		return errors.New("the digests of plan and destination differ")
	case failed > 0:
		return fmt.Errorf("%d objects failed; `gcs-to-s3 bulk report %s --failures` lists them", failed, job)
	}
	return nil
}

// showReport prints a report for people.
func showReport(w io.Writer, r bulk.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, c bulk.Count) {
		fmt.Fprintf(t, "%d\t%s\t  \t", c.Objects, size(c.Bytes))
		fmt.Fprintf(t, "%s\n", what)
	}
	unchanged := bulk.Count{Objects: r.Plan.Tally.Unchanged.Objects + r.Progress.Unchanged.Objects, Bytes: r.Plan.Tally.Unchanged.Bytes + r.Progress.Unchanged.Bytes}
	row("found", r.Plan.Tally.Found())
	row("copied", r.Progress.Copied)
	if unchanged.Objects > 0 {
		row("at the destination already", unchanged)
	}
	for _, reason := range r.Plan.Tally.Skipped.Reasons() {
		row("left out: "+reason, r.Plan.Tally.Skipped[reason])
	}
	for _, counts := range []bulk.Counts{r.Plan.Tally.Failing, r.Progress.Failed} {
		for _, cause := range counts.Reasons() {
			row("failed: "+cause, counts[cause])
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "expected digest  %s\ndigest in S3     %s\n", r.Expected, r.Progress.Digest)
	verdict := "Not every object has an outcome yet."
	switch {
	case r.Proven:
		verdict = "Proven: S3 has every object that did not fail, with the size and CRC32C that were planned."
	case r.Complete:
		verdict = "Not proven: the digests differ."
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
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

func (b *bulkCommands) status() *cobra.Command {
	var watch, asJSON bool
	cmd := &cobra.Command{
		Use:   "status JOB",
		Short: "Show how far a job has come",
		Long: `Shows whether a job is planned, running, stopped or done, and how many objects and bytes
have an outcome. While shards are being copied, the numbers are estimated from those that
are done.`,
		Example: `  gcs-to-s3 bulk status migration
  gcs-to-s3 bulk status migration --watch`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if watch {
				if err := b.follow(cmd, j, args[0], args[0]); err != nil {
					return err
				}
			}
			return showStatus(cmd, j, args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "follow it until it ends")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func (b *bulkCommands) set() *cobra.Command {
	var concurrency int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "set JOB --concurrency N",
		Short: "Change how many shards of a running job are copied in parallel",
		Long: `Changes how many shards of a running job are copied in parallel, from now to the end of
the round. Shards that are being copied are finished.`,
		Example: `  gcs-to-s3 bulk set migration --concurrency 20`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if err := j.Set(cmd.Context(), args[0], concurrency); err != nil {
				return err
			}
			return showStatus(cmd, j, args[0], asJSON)
		},
	}
	cmd.Flags().IntVar(&concurrency, "concurrency", 0, "the new number")
	_ = cmd.MarkFlagRequired("concurrency") // it exists
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the job's status as JSON")
	return cmd
}

func (b *bulkCommands) stop() *cobra.Command {
	var abort, asJSON bool
	cmd := &cobra.Command{
		Use:   "stop JOB",
		Short: "Stop a running job; `bulk run` goes on with it",
		Long: `Stops a running job. Shards that are being copied are cut off; what they had copied is
found when the job goes on, and not copied again. Objects that several invocations copy
have uploads whose parts S3 bills until they are done: --abort removes them, and these
objects fail if the job goes on.`,
		Example: `  gcs-to-s3 bulk stop migration
  gcs-to-s3 bulk stop migration --abort`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if err := j.Stop(cmd.Context(), args[0]); err != nil {
				return err
			}
			if abort {
				n, err := j.Abort(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "%d uploads are aborted.\n", n)
			}
			return showStatus(cmd, j, args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&abort, "abort", false, "abort the uploads of objects that several invocations copy")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the job's status as JSON")
	return cmd
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

func (b *bulkCommands) list() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the jobs",
		Long:    `Lists the jobs whose files are in the jobs bucket, with their states.`,
		Example: `  gcs-to-s3 bulk list --environment prod`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			names, err := j.List(cmd.Context())
			if err != nil {
				return err
			}
			list := []jobs.Status{}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range names {
				s, err := j.Status(cmd.Context(), name)
				if err != nil {
					return err
				}
				list = append(list, s)
				if !asJSON {
					fmt.Fprintf(t, "%s\t%s\n", name, statusLine(s))
				}
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), list)
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "There are none.")
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}

func (b *bulkCommands) report() *cobra.Command {
	var page string
	var failures, asJSON bool
	var table prices
	cmd := &cobra.Command{
		Use:   "report JOB",
		Short: "Report what became of a job, and prove it",
		Long: `Adds up what became of every object that was planned, and compares the digest of what was
planned, without what failed, with that of what S3 confirmed: names, sizes and CRC32C.`,
		Example: `  gcs-to-s3 bulk report migration
  gcs-to-s3 bulk report migration --html report.html
  gcs-to-s3 bulk report migration --failures`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			table, err := table.read()
			if err != nil {
				return err
			}
			env, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			r, err := bulk.MakeReport(cmd.Context(), j.Files, args[0])
			if err != nil {
				return err
			}
			cost := bulk.Spent(table, r.Progress, r.Plan.Tally, terms(env, r.Plan, 0))
			switch {
			case page != "":
				f, err := os.Create(page)
				if err != nil {
					return err
				}
				if err := errors.Join(bulk.WritePage(f, r, cost), f.Close()); err != nil {
					return fmt.Errorf("writing %s: %w", page, err)
				}
				return nil
			case failures:
				for f, err := range bulk.Failures(cmd.Context(), j.Files, args[0]) {
					if err != nil {
						return err
					}
					if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%q\t%s\t%s\n", f.Object, f.Cause, f.Error); err != nil {
						return err
					}
				}
				return nil
			case asJSON:
				return writeJSON(cmd.OutOrStdout(), pricedReport{r, cost})
			}
			if err := showReport(cmd.OutOrStdout(), r); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Spent about USD %.2f of USD %.2f that were estimated.\n", cost.Spent, cost.Estimated)
			return err
		},
	}
	cmd.Flags().StringVar(&page, "html", "", "write it as a page of HTML into this file")
	table.flag(cmd)
	cmd.Flags().BoolVar(&failures, "failures", false, "list the objects that failed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	cmd.MarkFlagsMutuallyExclusive("html", "failures", "json")
	return cmd
}

func (b *bulkCommands) verify() *cobra.Command {
	var concurrency int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify JOB",
		Short: "Check again that the destination has what a job has copied",
		Long: `Asks S3 for the size and CRC32C of every object that the job has planned, and compares
the digest of what is right with what the job had proven.

Exit code: 0 if everything is still there, 1 if not.`,
		Example: `  gcs-to-s3 bulk verify migration`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			job := args[0]
			run, err := j.Verify(cmd.Context(), job, concurrency)
			if err != nil {
				return err
			}
			if err := b.follow(cmd, j, job, "checking"); err != nil {
				return err
			}
			v, there, err := bulk.LoadVerification(cmd.Context(), j.Files, job, run)
			if err != nil {
				return err
			}
			if !there {
				s, err := j.Status(cmd.Context(), job)
				return errors.Join(fmt.Errorf("job: %q: was not checked: %s", job, s.Why), err)
			}
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), v)
			} else {
				for _, e := range v.Examples {
					fmt.Fprintf(cmd.OutOrStdout(), "%q\t%s\t%s\n", e.Object, e.Cause, e.Error)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d objects are as they were planned, %d are missing, %d are different\nexpected digest  %s\ndigest in S3     %s\n",
					v.Same.Objects, v.Missing.Objects, v.Different.Objects, v.Expected, v.Digest)
			}
			if err == nil && !v.Proven {
				err = errors.New("the destination is not what the job had proven")
			}
			return err
		},
	}
	cmd.Flags().IntVar(&concurrency, "concurrency", 100, "how many shards are checked in parallel")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	return cmd
}

// prices are the prices that jobs are reckoned with.
type prices struct{ file string }

func (p *prices) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "prices", "", "reckon with the prices in this file instead of the list prices: internal/bulk/prices.json shows its form")
}

func (p *prices) read() (bulk.Prices, error) {
	if p.file == "" {
		return bulk.ListPrices(), nil
	}
	data, err := os.ReadFile(p.file)
	if err != nil {
		return bulk.Prices{}, fmt.Errorf("prices: %w", err)
	}
	read, err := bulk.ParsePrices(data)
	if err != nil {
		return bulk.Prices{}, fmt.Errorf("%s: %w", p.file, err)
	}
	return read, nil
}

// terms are the settings of an environment that a job's price and time depend on.
func terms(env environment.Environment, p bulk.Plan, concurrency int) bulk.Options {
	return bulk.Options{
		Region: env.AWSRegion, Architecture: string(env.Architecture), MemoryMB: env.BulkMemoryMB, Concurrency: concurrency, Objects: env.Concurrency,
		Compare: p.Request.Compare, Shards: p.Shards, ShardObjects: p.Request.ShardObjects, ShardBytes: p.Request.ShardBytes, KMS: env.KMSKey != "",
	}
}

// showCost prints what a job is estimated to cost, and how long it takes.
func showCost(w io.Writer, c bulk.Cost) error {
	fmt.Fprintf(w, "\nEstimated price: USD %.2f, by the prices of %s for %s\n", c.Estimated, c.Date, c.Region)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, item := range c.Items {
		if item.Estimated >= 0.005 {
			fmt.Fprintf(t, "%.2f\t  \t%s (%s)\t\n", item.Estimated, item.Name, item.Cloud)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "Estimated time of copying: %s", (time.Duration(c.Seconds) * time.Second).Round(time.Second))
	for _, b := range c.Bounds {
		if b.Binds {
			fmt.Fprintf(w, ", bound by %s", b.Name)
		}
	}
	fmt.Fprintln(w)
	for _, a := range c.Advice {
		if a.Saves >= 0.01*c.Estimated && a.Saves >= 1 {
			fmt.Fprintf(w, "Saves up to USD %.2f: %s\n", a.Saves, a.Title)
		}
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "Mind: %s\n", warning)
	}
	return nil
}
