package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

func (b *bulkCommands) run() *cobra.Command {
	var concurrency int
	var most float64
	var rate string
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
  gcs-to-s3 bulk run migration --yes --detach --concurrency 200
  gcs-to-s3 bulk run migration --max-rate 50MB/s`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			limits := bulk.Limits{Concurrency: concurrency, MaxCost: most}
			if rate != "" {
				var err error
				if limits.MaxRate, err = bulk.ParseRate(rate); err != nil {
					return fmt.Errorf("max-rate: %w", err)
				}
				if !cmd.Flags().Changed("concurrency") {
					limits.Concurrency = limits.Narrowest()
				}
			}
			if err := limits.Check(); err != nil {
				return err
			}
			env, j, list, err := b.openPriced(cmd.Context(), nil, table)
			if err != nil {
				return err
			}
			job := args[0]
			plan, there, err := bulk.LoadPlan(cmd.Context(), j.Files, job)
			if err != nil {
				return err
			}
			cost := bulk.Estimate(list, plan.Tally, terms(env, plan, limits))
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
			limits.Terms = terms(env, plan, limits)
			if table.file != "" {
				limits.Prices = &list
			}
			if err := j.Run(cmd.Context(), job, limits); err != nil {
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
	cmd.Flags().IntVar(&concurrency, "concurrency", 100, "how many shards are copied in parallel; fewer by default with a --max-rate of less than 1MiB/s for each")
	cmd.Flags().StringVar(&rate, "max-rate", "", maxRateUsage)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	cmd.Flags().Float64Var(&most, "max-cost", 0, "do not start a job that is estimated to cost more US dollars than this, and stop it when it has spent as much; 0 is no limit")
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
