package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

// pricedStatus is what `bulk status --json` prints.
type pricedStatus struct {
	jobs.Status
	Cost *bulk.Cost `json:"cost,omitempty"` // once there is a plan
}

// spentLine says in a line what a job has spent.
func spentLine(c bulk.Cost) string {
	return fmt.Sprintf("Spent about USD %.2f of USD %.2f that were estimated.", c.Spent, c.Estimated)
}

func (b *bulkCommands) status() *cobra.Command {
	var watch, asJSON bool
	var table prices
	cmd := &cobra.Command{
		Use:   "status JOB",
		Short: "Show how far a job has come",
		Long: `Shows whether a job is planned, running, stopped or done, and how many objects and bytes
have an outcome. While shards are being copied, the numbers are estimated from those that
are done. What was spent is reckoned from the requests and bytes that these have counted.`,
		Example: `  gcs-to-s3 bulk status migration
  gcs-to-s3 bulk status migration --watch`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, j, list, err := b.openPriced(cmd.Context(), nil, table)
			if err != nil {
				return err
			}
			if watch {
				if err := b.follow(cmd, j, args[0], args[0]); err != nil {
					return err
				}
			}
			s, err := j.Status(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			priced := pricedStatus{Status: s}
			plan, there, err := bulk.LoadPlan(cmd.Context(), j.Files, args[0])
			if err != nil {
				return err
			}
			if there {
				p, counted, err := bulk.Meanwhile(cmd.Context(), j.Files, args[0], s.Progress)
				if err != nil {
					return err
				}
				limits, _, err := bulk.LoadLimits(cmd.Context(), j.Files, args[0])
				if err != nil {
					return err
				}
				cost := bulk.Spent(list, p, plan.Tally, terms(env, plan, limits))
				cost.Counted = counted
				priced.Cost = &cost
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), priced)
			}
			fmt.Fprintln(cmd.OutOrStdout(), statusLine(s))
			if priced.Cost != nil {
				fmt.Fprintln(cmd.OutOrStdout(), spentLine(*priced.Cost))
			}
			return nil
		},
	}
	table.flag(cmd)
	cmd.Flags().BoolVar(&watch, "watch", false, "follow it until it ends")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}
