package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
)

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
