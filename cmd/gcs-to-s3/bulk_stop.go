package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

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
