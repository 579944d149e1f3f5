package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
)

func newVerify(getenv func(string) string) *cobra.Command {
	var object string
	var patience time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [NAME]",
		Short: "Copy a test object and check every hop on its way",
		Long: `Puts a test object into the source bucket, lets the deployed function copy it with
fresh credentials, checks the copy and removes both. If a hop fails, it finds out
whether an IAM change has not taken effect yet, and waits for it, or whether something
is wrong, and explains it. The test object is created, checked and removed with your
credentials.`,
		Example: `  gcs-to-s3 verify
  gcs-to-s3 verify prod --patience 15m
  gcs-to-s3 verify prod --object sample.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := environmentOf(args, getenv)
			if err != nil {
				return err
			}
			aws, err := clouds.OpenAWS(cmd.Context(), env)
			if err != nil {
				return err
			}
			google, err := clouds.OpenGoogle(cmd.Context(), env, getenv)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("patience") && patience == 0 {
				patience = -1 // none
			}
			report, err := verify.Run(cmd.Context(), verify.Options{
				Environment: env, AWS: aws, Google: google, Object: object, Patience: patience, Progress: reporter(cmd.ErrOrStderr(), getenv),
			})
			if asJSON {
				return errors.Join(writeJSON(cmd.OutOrStdout(), report), err, report.Err())
			}
			if err != nil {
				return errors.Join(errors.New("interrupted"), leftBehind(report))
			}
			return errors.Join(report.Write(cmd.OutOrStdout()), report.Err())
		},
	}
	cmd.Flags().StringVar(&object, "object", "", "copy this object of the source bucket instead of a test object, if you cannot write there")
	cmd.Flags().DurationVar(&patience, "patience", verify.DefaultPatience, "how long to wait for IAM changes to take effect")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// leftBehind says what an interrupted verification could not remove, if anything.
func leftBehind(r verify.Report) error {
	var errs []error
	for _, left := range r.Left {
		errs = append(errs, errors.New("left behind: "+left))
	}
	return errors.Join(errs...)
}
