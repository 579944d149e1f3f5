package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

func newPrune(getenv func(string) string) *cobra.Command {
	var yes, dry, asJSON bool
	cmd := &cobra.Command{
		Use:   "prune [NAME]",
		Short: "Remove expired environments",
		Long: `Removes every environment that gcs-to-s3 list shows as expired. If this project has
its file, it is removed as by gcs-to-s3 down; if the file is lost, CloudFormation deletes
the stacks, and Google's side is removed through its APIs. With NAME, it searches only
the account, region and project of that environment.`,
		Example: `  gcs-to-s3 prune --dry-run
  gcs-to-s3 prune --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			all, err := everywhere(ctx, args, getenv)
			if err != nil {
				return err // what cannot be seen cannot be taken for expired
			}
			now := time.Now()
			expired := []listed{}
			for _, l := range all {
				if l.Expired(now) && l.Standing() {
					expired = append(expired, l)
				}
			}
			if dry || len(expired) == 0 {
				if asJSON {
					return writeJSON(cmd.OutOrStdout(), expired)
				}
				if len(expired) == 0 {
					fmt.Fprintln(cmd.OutOrStdout(), "No environment has expired.")
					return nil
				}
				printList(cmd.OutOrStdout(), expired, now)
				return nil
			}
			if !yes {
				if !interactive(cmd.InOrStdin()) {
					return errors.New("cannot ask for confirmation: stdin is not a terminal; pass --yes, or --dry-run to see what has expired")
				}
				printList(cmd.ErrOrStderr(), expired, now)
				agreed, err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), "Remove them?")
				if err != nil || !agreed {
					fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was changed.")
					return err
				}
			}
			results := []pruned{}
			var errs []error
			for _, l := range expired {
				err := l.prune(ctx, cmd, getenv)
				result := pruned{l.Environment, err == nil, ""}
				if err != nil {
					result.Error = err.Error()
					errs = append(errs, fmt.Errorf("removing %s: %w", l.Environment, err))
				} else if !asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is gone.\n", l.Environment)
				}
				results = append(results, result)
			}
			if asJSON {
				errs = append(errs, writeJSON(cmd.OutOrStdout(), results))
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only show what has expired")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return cmd
}

// pruned is what `prune --json` prints of an environment.
type pruned struct {
	Environment string `json:"environment"`
	Down        bool   `json:"down"`
	Error       string `json:"error,omitempty"`
}

func (l listed) prune(ctx context.Context, cmd *cobra.Command, getenv func(string) string) error {
	if l.File {
		d, err := openDeployment(ctx, cmd, []string{l.Environment}, getenv, false)
		if err != nil {
			return err
		}
		_, _, err = d.takeDown(ctx)
		return err
	}
	both, err := openClouds(ctx, l.place, getenv)
	if err != nil {
		return err
	}
	p := reporter(cmd.ErrOrStderr(), getenv)
	_, err = p.Step("remove "+l.Environment+", whose file is lost", func() (string, error) {
		return "", inventory.RemoveLost(ctx, both, l.place, l.Found, func(i inventory.Item) { p.Say("removing the " + i.String()) })
	})
	return err
}
