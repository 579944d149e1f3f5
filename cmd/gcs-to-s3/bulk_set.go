package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

func (b *bulkCommands) set() *cobra.Command {
	var concurrency int
	var rate string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "set JOB",
		Short: "Change how fast a running job copies",
		Long: `Changes how many shards of a running job are copied in parallel, or how many bytes a
second they read together, until the run ends. Shards that are being copied are finished;
they keep to a new rate within seconds.`,
		Example: `  gcs-to-s3 bulk set migration --concurrency 20
  gcs-to-s3 bulk set migration --max-rate 50MB/s`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change jobs.Change
			if cmd.Flags().Changed("concurrency") {
				change.Concurrency = &concurrency
			}
			if cmd.Flags().Changed("max-rate") {
				n, err := bulk.ParseRate(rate)
				if err != nil {
					return fmt.Errorf("max-rate: %w", err)
				}
				change.MaxRate = &n
			}
			if change == (jobs.Change{}) {
				return errors.New("there is nothing to change; hint: pass --concurrency or --max-rate")
			}
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			if err := j.Set(cmd.Context(), args[0], change); err != nil {
				return err
			}
			return showStatus(cmd, j, args[0], asJSON)
		},
	}
	cmd.Flags().IntVar(&concurrency, "concurrency", 0, "the new number of shards that are copied in parallel")
	cmd.Flags().StringVar(&rate, "max-rate", "", maxRateUsage)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the job's status as JSON")
	return cmd
}

const maxRateUsage = "the most bytes a second that all shards together read, such as 50MB/s or 400MiB/s; 0 is no limit"
