package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

func (b *bulkCommands) plan() *cobra.Command {
	var job, since, compare string
	var include, exclude []string
	var prefix string
	var concurrency, shard int
	var detach, asJSON bool
	var table prices
	var names jobs.Names
	cmd := &cobra.Command{
		Use:   "plan [NAME]",
		Short: "Plan a job: list the source, compare, and say what would be copied",
		Long: `Lists the source bucket in parallel, leaves out what the flags exclude and what is at the
destination already, and freezes the rest: what is planned is what is copied, object by
object and generation by generation. Nothing is copied yet.

With --list only the objects are planned that a file names: one name on each line, or
lines of JSON such as {"object": "a/b.txt", "generation": "1700000000000000"} if the file
ends in .jsonl. With --inventory they are those of an inventory report of Cloud Storage as
CSV with a header; what it says is planned without asking again. Files are local or
s3://BUCKET/KEY, and may end in .gz. Objects that do not exist are failures of the plan.`,
		Example: `  gcs-to-s3 bulk plan prod
  gcs-to-s3 bulk plan prod --job migration --prefix logs/ --exclude '*.tmp' --compare size
  gcs-to-s3 bulk plan prod --job some --list names.txt
  gcs-to-s3 bulk plan prod --job all --inventory report_0.csv --inventory report_1.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, j, list, err := b.openPriced(cmd.Context(), args, table)
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
			if err := j.Plan(cmd.Context(), r, names, concurrency); err != nil {
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
				s, err := j.Status(cmd.Context(), job)
				return errors.Join(fmt.Errorf("job: %q: was not planned: %s", job, s.Why), err)
			}
			cost := bulk.Estimate(list, plan.Tally, terms(env, plan, bulk.Limits{Concurrency: concurrency}))
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
	cmd.Flags().StringArrayVar(&names.Lists, "list", nil, "only the objects that this file names; can be repeated")
	cmd.Flags().StringArrayVar(&names.Inventories, "inventory", nil, "only the objects of this inventory report; can be repeated")
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
	cmd.MarkFlagsMutuallyExclusive("list", "inventory", "prefix")
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
	if l := r.List; l != nil {
		fmt.Fprintf(t, "%d\t\t  \tnamed by %s, and %d a second time\n", l.Names, strings.Join(l.From, ", "), l.Duplicates)
	}
	row("found", p.Tally.Found(), "")
	row("to copy", p.Tally.ToCopy, "")
	for _, class := range p.Tally.Classes.Reasons() {
		row("of storage class "+class, p.Tally.Classes[class], "  ")
	}
	if p.Tally.Large.Objects > 0 {
		row("in parts", p.Tally.Large, "  ")
	}
	if p.Tally.Groups.Objects > 0 {
		row("by several invocations each", p.Tally.Groups, "  ")
	}
	if p.Tally.Placeholders > 0 {
		row("placeholders of folders", bulk.Count{Objects: p.Tally.Placeholders}, "  ")
	}
	if p.Tally.LeftOut > 0 {
		fmt.Fprintf(t, "%d\t\t  \t  lose metadata that S3 cannot hold\n", p.Tally.LeftOut)
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
