package main

import (
	"github.com/spf13/cobra"
)

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
