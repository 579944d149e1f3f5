package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/lifecycle"
)

func newStatus(getenv func(string) string) *cobra.Command {
	var drift, asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show what an environment has in both clouds",
		Long: `Lists everything in both clouds that belongs to the environment, with your credentials.
With --drift it also runs cdk diff and pulumi preview --refresh to compare this with the
environment's file, and the checks of doctor on what is deployed, since cdk diff does not
see what was changed outside of CloudFormation; it fails if anything differs.`,
		Example: `  gcs-to-s3 status prod
  gcs-to-s3 status prod --drift`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			env, err := environmentOf(args, getenv)
			if err != nil {
				return err
			}
			both, err := openClouds(ctx, env, getenv)
			if err != nil {
				return err
			}
			items, unasked := inventory.Of(ctx, both, env)
			var drifts []lifecycle.Drift
			if drift && len(inventory.Left(items)) > 0 {
				d, err := openDeployment(ctx, cmd, args, getenv, false)
				if err != nil {
					return err
				}
				if drifts, err = d.Drift(ctx); err != nil {
					return err
				}
				report, err := d.doctor(ctx)
				if err != nil {
					return err
				}
				drifts = append(drifts, outside(report)...)
			}
			var drifted error
			for _, d := range drifts {
				if d.Differs {
					drifted = errors.Join(drifted, fmt.Errorf("%s differs from the environment's file", d.What))
				}
			}
			if asJSON {
				return errors.Join(unasked, drifted, writeJSON(cmd.OutOrStdout(), statusResult{env.Name, items, drifts}))
			}
			out := cmd.OutOrStdout()
			if len(items) == 0 && unasked == nil {
				fmt.Fprintf(out, "The environment %s has nothing in AWS account %s and Google project %s.\n", env.Name, env.AWSAccount, env.GoogleProject)
			}
			_ = inventory.Write(out, items) // best effort
			for _, d := range drifts {
				fmt.Fprintln(out, d)
			}
			return errors.Join(unasked, drifted)
		},
	}
	cmd.Flags().BoolVar(&drift, "drift", false, "compare both clouds with the environment's file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the status as JSON")
	return cmd
}

// outside are the differences that doctor finds in what is deployed. CloudFormation sees
// none that was made outside of it.
func outside(report doctor.Report) []lifecycle.Drift {
	var out []lifecycle.Drift
	for _, c := range report.Deployed() {
		if c.Status == doctor.Error {
			out = append(out, lifecycle.Drift{What: "the " + c.Title, Command: "gcs-to-s3 doctor " + report.Environment, Differs: true})
		}
	}
	return out
}

// statusResult is what `status --json` prints.
type statusResult struct {
	Environment string            `json:"environment"`
	Items       []inventory.Item  `json:"items"`
	Drift       []lifecycle.Drift `json:"drift,omitempty"`
}
