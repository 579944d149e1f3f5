package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
)

// pricedReport is what `bulk report --json` prints.
type pricedReport struct {
	bulk.Report
	Cost bulk.Cost `json:"cost"`
}

// maxMissed is how many objects that were missed a report for people names.
const maxMissed = 20

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
	if r.Progress.Newer.Objects > 0 {
		row("newer at the destination than planned", r.Progress.Newer)
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
	if r.Missed != nil {
		fmt.Fprintf(w, "missed by continuous replication: %d objects\n", r.Missed.Counts.Sum().Objects)
		for i, m := range r.Missed.Objects {
			if i == maxMissed {
				fmt.Fprintf(w, "  and more; --json has up to 10,000\n")
				break
			}
			fmt.Fprintf(w, "  %s: %q\n", m.Reason, m.Object)
		}
	}
	if r.Limits.MaxRate > 0 {
		fmt.Fprintf(w, "held to %s/s\n", size(r.Limits.MaxRate))
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
			env, j, list, err := b.openPriced(cmd.Context(), nil, table)
			if err != nil {
				return err
			}
			r, err := bulk.MakeReport(cmd.Context(), j.Files, args[0])
			if err != nil {
				return err
			}
			cost := bulk.Spent(list, r.Progress, r.Plan.Tally, terms(env, r.Plan, r.Limits))
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
			_, err = fmt.Fprintln(cmd.OutOrStdout(), spentLine(cost))
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
