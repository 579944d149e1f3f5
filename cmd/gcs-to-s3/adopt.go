package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
)

func newAdopt(getenv func(string) string) *cobra.Command {
	var yes, plan, asJSON, verbose, noDoctor, noVerify bool
	var unlockAfter time.Duration
	cmd := &cobra.Command{
		Use:   "adopt [NAME]",
		Short: "Take over what was made by hand under an environment's names",
		Long: `Shows what exists in both clouds under the environment's names, how it differs from the
environment's file, and what cannot be taken over, with the reason; asks for confirmation;
then imports the federation with Pulumi, and the role, the function and its log group with
cdk import, brings them to what the file says, creates what is missing, and copies a test
object, as verify does. Nothing is deleted, replaced or interrupted: if that is not
possible, nothing is changed. The function keeps its name and goes on working while its
code and settings are exchanged. From then on all of it is the environment's, for up and
down alike. You can interrupt it and run it again: it continues where it stopped.`,
		Example: `  gcs-to-s3 adopt --plan
  gcs-to-s3 adopt prod
  gcs-to-s3 adopt prod --yes --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			d, err := openDeployment(ctx, cmd, args, getenv, verbose)
			if err != nil {
				return err
			}
			d.UnlockAfter = unlockAfter
			if !yes && !plan {
				if err := canAsk(cmd, ", or --plan to see what would be taken over"); err != nil {
					return err
				}
			}
			found, err := d.Adoptable(ctx)
			if err != nil {
				return err
			}
			result := adoptResult{Environment: d.Env.Name, Things: found.Things}
			shown := cmd.OutOrStdout()
			if asJSON {
				shown = cmd.ErrOrStderr()
			}
			_ = found.Write(shown) // the question would fail, too
			finish := func(err error) error {
				if asJSON {
					return errors.Join(err, writeJSON(cmd.OutOrStdout(), result))
				}
				return err
			}
			if plan || found.Empty() || found.Err() != nil {
				result.Adopted = found.Found() && found.Empty()
				if !asJSON && found.Empty() {
					fmt.Fprintf(
						cmd.OutOrStdout(),
						"\nThere is nothing to take over. `gcs-to-s3 up %s` deploys the environment.\n",
						d.Env.Name,
					)
				}
				return finish(found.Err())
			}
			if !noDoctor {
				if err := d.examine(ctx, cmd.ErrOrStderr(), adoptable...); err != nil {
					return finish(err)
				}
			}
			if !yes {
				question := fmt.Sprintf("Take this over into the environment %s, and change it as shown?", d.Env.Name)
				if agreed, err := confirm(cmd, question); !agreed {
					return err
				}
			}
			if result.Steps, err = d.Adopt(ctx, found); err == nil && !noVerify {
				result.Verification, err = d.verify(ctx)
			}
			if result.Adopted = err == nil; err != nil {
				return finish(again(err, "adopt", d.Env.Name))
			}
			if !asJSON {
				if result.Verification != nil {
					fmt.Fprintln(cmd.OutOrStdout())
					_ = result.Verification.Write(cmd.OutOrStdout()) // best effort
				}
				fmt.Fprintf(
					cmd.OutOrStdout(),
					"\nThe environment %s has taken it over. From now on `gcs-to-s3 up` and `gcs-to-s3 down` work on it.\n",
					d.Env.Name,
				)
			}
			return finish(nil)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&plan, "plan", false, "only show what can be taken over, and how it differs")
	cmd.Flags().BoolVar(&noDoctor, "no-doctor", false, "skip the checks of doctor")
	cmd.Flags().BoolVar(&noVerify, "no-verify", false, "do not copy a test object afterwards")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found and the steps as JSON")
	unlockFlag(cmd, &unlockAfter)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print the output of the commands that it runs")
	cmd.MarkFlagsMutuallyExclusive("yes", "plan")
	return cmd
}

// adoptable are the checks of doctor that fail because of what is taken over.
var adoptable = []string{"role", "function", "log-group", "service-account", "pool", "provider", "stacks"}

// adoptResult is what `adopt --json` prints.
type adoptResult struct {
	Environment  string           `json:"environment"`
	Things       []adoption.Thing `json:"things"` // as they were before
	Steps        []progress.Step  `json:"steps,omitempty"`
	Verification *verify.Report   `json:"verification,omitempty"`
	Adopted      bool             `json:"adopted"` // all of it is the environment's
}
