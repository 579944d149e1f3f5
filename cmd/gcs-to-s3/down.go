package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
)

func newDown(getenv func(string) string) *cobra.Command {
	var yes, asJSON, verbose bool
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Take an environment down in both clouds",
		Long: `Shows what both clouds have of the environment and asks; then removes the
bindings, the function, the federation and the role with pulumi destroy and cdk
destroy, and asks both clouds what is left. Objects and buckets are never touched.
Google keeps the names of a deleted pool and provider for 30 days; nothing else may
be left for it to succeed.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			d, err := openDeployment(ctx, cmd, args, getenv, verbose)
			if err != nil {
				return err
			}
			if !yes {
				if !interactive(cmd.InOrStdin()) {
					return errors.New("there is nobody to ask; hint: --yes goes on without asking, gcs-to-s3 status shows what is there")
				}
				found, err := inventory.Of(ctx, d.Clouds, d.Env)
				if err != nil {
					return fmt.Errorf("asking both clouds what there is of %s: %w", d.Env.Name, err)
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "What there is of the environment %s:\n", d.Env.Name)
				_ = inventory.Write(cmd.ErrOrStderr(), found) // the question would fail alike
				agreed, err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), "Take it down?")
				if err != nil || !agreed {
					fmt.Fprintln(cmd.ErrOrStderr(), "Nothing is changed.")
					return err
				}
			}
			result := downResult{Environment: d.Env.Name}
			result.Steps, result.Left, err = d.takeDown(ctx)
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
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done and what is left as JSON")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print all that the commands print")
	return cmd
}

// downResult is what `down --json` prints.
type downResult struct {
	Environment string           `json:"environment"`
	Steps       []progress.Step  `json:"steps"`
	Left        []inventory.Item `json:"left"` // both clouds' answers
	Down        bool             `json:"down"` // nothing is left but names that Google keeps
}

// takeDown takes the environment down and asks both clouds what is left, which is
// an error if it is more than may be.
func (d deployment) takeDown(ctx context.Context) (steps []progress.Step, left []inventory.Item, err error) {
	found, err := inventory.Of(ctx, d.Clouds, d.Env)
	if err != nil {
		return nil, nil, fmt.Errorf("asking both clouds what there is of %s: %w", d.Env.Name, err)
	}
	if steps, err = d.Down(ctx, found); err == nil {
		left, err = inventory.Of(ctx, d.Clouds, d.Env)
	}
	if err != nil {
		return steps, left, again(err, "down", d.Env.Name)
	}
	return steps, left, d.verdict(left)
}

// verdict is an error if more is left than may be.
func (d deployment) verdict(left []inventory.Item) error {
	var lines []string
	for _, i := range inventory.Left(left) {
		if !d.Keeps(i) {
			lines = append(lines, "  "+i.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("something of %s is left:\n%s\nhint: what the engines did not make may belong to somebody else; what they did goes with gcs-to-s3 down %s", d.Env.Name, strings.Join(lines, "\n"), d.Env.Name)
}

func printLeft(cmd *cobra.Command, d deployment, left []inventory.Item) {
	out := cmd.OutOrStdout()
	if len(left) == 0 {
		fmt.Fprintf(out, "\nNothing of the environment %s is left.\n", d.Env.Name)
		return
	}
	fmt.Fprintf(out, "\nNothing of the environment %s is left but\n", d.Env.Name)
	_ = inventory.Write(out, left) // there is nobody to tell
}
