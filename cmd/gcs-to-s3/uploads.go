package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

// listedUpload is what `uploads --json` prints of an upload.
type listedUpload struct {
	Bucket  string    `json:"bucket"`
	Key     string    `json:"key"`
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	Aborted bool      `json:"aborted"`
}

func newUploads(getenv func(string) string) *cobra.Command {
	var abort, yes, asJSON bool
	var older time.Duration
	cmd := &cobra.Command{
		Use:   "uploads [NAME]",
		Short: "List incomplete uploads, or abort them",
		Long: `Lists the function's incomplete uploads to the S3 bucket. S3 keeps their parts, and
bills them, until an upload is completed or aborted: an object that takes several
invocations has one until it is done, and a function that was killed leaves one behind.
With --abort, those that are older than --older are aborted; a copy that would have
continued such an upload starts over.`,
		Example: `  gcs-to-s3 uploads prod
  gcs-to-s3 uploads prod --abort --older 48h`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := environmentOf(args, getenv)
			if err != nil {
				return err
			}
			cfg, err := clouds.OpenAWS(cmd.Context(), env)
			if err != nil {
				return err
			}
			all := inventory.Uploads(cmd.Context(), cfg, env)
			if all.Absent() {
				return fmt.Errorf("the bucket s3://%s does not exist", env.DestinationBucket)
			}
			if err := all.Err(); err != nil {
				return err
			}
			chosen, list := all.Thing, []listedUpload{}
			if abort {
				chosen = inventory.Older(chosen, time.Now().Add(-older))
			}
			for _, u := range chosen {
				list = append(list, listedUpload{env.DestinationBucket, u.Key, u.ID, u.Started, false})
			}
			if !asJSON || abort && !yes && len(list) > 0 {
				out := cmd.OutOrStdout()
				if asJSON {
					out = cmd.ErrOrStderr()
				}
				t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
				for _, u := range list {
					fmt.Fprintf(t, "%s\t%s\ts3://%s/%s\n", u.Started.UTC().Format(time.RFC3339), u.ID, u.Bucket, u.Key)
				}
				if err := t.Flush(); err != nil {
					return err
				}
			}
			if len(list) == 0 && !asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), "There are none.")
			}
			if abort && len(chosen) > 0 {
				if !yes {
					if err := canAsk(cmd, ""); err != nil {
						return err
					}
					if agreed, err := confirm(cmd, "Abort them?"); !agreed {
						return err
					}
				}
				if err := inventory.AbortUploads(cmd.Context(), cfg, env, chosen); err != nil {
					return err
				}
				for i := range list {
					list[i].Aborted = true
				}
				fmt.Fprintln(cmd.ErrOrStderr(), "They are aborted.")
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), list)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&abort, "abort", false, "abort them")
	cmd.Flags().DurationVar(&older, "older", inventory.UploadAge, "abort only those that were begun so long ago")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}
