package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
)

func newDoctor(getenv func(string) string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [NAME]",
		Short: "Check everything an environment needs",
		Long: `Checks tools, credentials, account and project, APIs, organization policies, buckets,
names that are already taken, the CDK bootstrap and stacks, and that both clouds and
the deployed bundle agree with each other. It changes nothing. What is not deployed
yet is skipped, so you can run it before the first deployment.`,
		Example: `  gcs-to-s3 doctor prod
  gcs-to-s3 doctor prod --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, err := projectRoot()
			if err != nil {
				return err
			}
			env, err := environmentOf(args, getenv)
			if err != nil {
				return err
			}
			o := doctor.Options{Environment: env, Root: root, Progress: reporter(cmd.ErrOrStderr(), getenv)}
			o.AWS, o.AWSProblem = clouds.OpenAWS(cmd.Context(), env)
			o.Google, o.GoogleProblem = clouds.OpenGoogle(cmd.Context(), env, getenv)
			report, err := doctor.Run(cmd.Context(), o)
			if err != nil {
				return errors.New("interrupted")
			}
			if asJSON {
				return errors.Join(writeJSON(cmd.OutOrStdout(), report), report.Err())
			}
			return errors.Join(report.Write(cmd.OutOrStdout()), report.Err())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
