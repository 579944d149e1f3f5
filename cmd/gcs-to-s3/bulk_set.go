package main

import (
	"github.com/spf13/cobra"
)

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
