package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/lifecycle"
)

func newStatus(getenv func(string) string) *cobra.Command {
	var drift, asJSON bool
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show what both clouds have of an environment",
		Long: `Asks both clouds, with your credentials, for everything that belongs to the
environment. With --drift it also asks both engines whether what is there is what the
environment's file says (cdk diff, pulumi preview --refresh), and fails if it is not.`,
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
			}
			var drifted error
			for _, d := range drifts {
				if d.Differs {
					drifted = errors.Join(drifted, fmt.Errorf("%s is not as %s says", d.What, "the environment"))
				}
			}
			if asJSON {
				return errors.Join(unasked, drifted, writeJSON(cmd.OutOrStdout(), statusResult{env.Name, items, drifts}))
			}
			out := cmd.OutOrStdout()
			if len(items) == 0 && unasked == nil {
				fmt.Fprintf(out, "There is nothing of the environment %s in AWS account %s and Google project %s.\n", env.Name, env.AWSAccount, env.GoogleProject)
			}
			_ = inventory.Write(out, items) // there is nobody to tell
			for _, d := range drifts {
				fmt.Fprintln(out, d)
			}
			return errors.Join(unasked, drifted)
		},
	}
	cmd.Flags().BoolVar(&drift, "drift", false, "ask both engines whether anything differs from the environment's file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// statusResult is what `status --json` prints.
type statusResult struct {
	Environment string            `json:"environment"`
	Items       []inventory.Item  `json:"items"`
	Drift       []lifecycle.Drift `json:"drift,omitempty"`
}
