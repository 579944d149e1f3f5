package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/lifecycle"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

func newDown(getenv func(string) string) *cobra.Command {
	var yes, asJSON, verbose bool
	var unlockAfter time.Duration
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Remove an environment from both clouds",
		Long: `Shows what the environment has in both clouds and asks for confirmation; then removes
the bindings, the function and the role, and the federation with pulumi destroy and
cdk destroy, and checks both clouds for leftovers. Objects and buckets are never
touched, and neither is anything that only has the environment's names: it is listed
with the reason. Nothing is removed that was not shown before. Google keeps the names of
a deleted pool and provider for 30 days; anything else of the environment that is left is
an error.`,
		Example: `  gcs-to-s3 down pr-7
  gcs-to-s3 down pr-7 --yes --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			d, err := openDeployment(ctx, cmd, args, getenv, verbose)
			if err != nil {
				return err
			}
			d.UnlockAfter = unlockAfter
			if !yes {
				if err := canAsk(cmd, ", or run `gcs-to-s3 status` to see what would be removed"); err != nil {
					return err
				}
			}
			found, err := d.Survey(ctx)
			if err != nil {
				return err
			}
			d.show(cmd.ErrOrStderr(), found.Items)
			if !yes {
				if agreed, err := confirm(cmd, "Remove it?"); !agreed {
					return err
				}
			}
			result := downResult{Environment: d.Env.Name}
			result.Steps, result.Left, err = d.takeDown(ctx, found)
			result.Down = err == nil
			if asJSON {
				return errors.Join(err, writeJSON(cmd.OutOrStdout(), result))
			}
			if err == nil {
				printLeft(cmd, d, result.Left)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done and what is left as JSON")
	unlockFlag(cmd, &unlockAfter)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print the output of the commands that it runs")
	return cmd
}

// downResult is what `down --json` prints.
type downResult struct {
	Environment string           `json:"environment"`
	Steps       []progress.Step  `json:"steps"`
	Left        []inventory.Item `json:"left"` // both clouds' answers; also what is not the environment's
	Down        bool             `json:"down"` // nothing is left but names that Google keeps
}

// show shows what the environment has, with whole names.
func (d deployment) show(w io.Writer, items []inventory.Item) {
	if len(inventory.Left(items)) == 0 {
		fmt.Fprintf(w, "The environment %s has nothing to remove.\n", d.Env.Name)
	} else {
		fmt.Fprintf(w, "The environment %s has:\n", d.Env.Name)
	}
	_ = inventory.Write(w, items) // the question would fail, too
}

// takeDown removes what was found of the environment and asks both clouds what is left,
// which is an error if it is more than names that Google keeps.
func (d deployment) takeDown(ctx context.Context, found lifecycle.Survey) (steps []progress.Step, left []inventory.Item, err error) {
	if steps, err = d.Down(ctx, found); err == nil {
		left, err = inventory.Of(ctx, d.Clouds, d.Env)
	}
	if err != nil {
		return steps, left, again(err, "down", d.Env.Name)
	}
	return steps, left, d.verdict(left)
}

// verdict is an error if more is left than is allowed.
func (d deployment) verdict(left []inventory.Item) error {
	var lines []string
	for _, i := range inventory.Doomed(left) {
		lines = append(lines, "  "+i.String())
	}
	if len(lines) == 0 {
		return nil
	}
	for _, i := range inventory.Foreign(left) {
		lines = append(lines, fmt.Sprintf("  %s, which %s", i, i.Foreign))
	}
	return fmt.Errorf(
		"%s is not completely removed:\n%s\nhint: run `gcs-to-s3 down %s` again; what holds somebody else's resources stays until those are gone",
		d.Env.Name,
		strings.Join(lines, "\n"),
		d.Env.Name,
	)
}

func printLeft(cmd *cobra.Command, d deployment, left []inventory.Item) {
	out := cmd.OutOrStdout()
	if len(left) == 0 {
		fmt.Fprintf(out, "\nThe environment %s is gone.\n", d.Env.Name)
		return
	}
	fmt.Fprintf(out, "\nThe environment %s is gone. What is left:\n", d.Env.Name)
	_ = inventory.Write(out, left) // best effort
}
