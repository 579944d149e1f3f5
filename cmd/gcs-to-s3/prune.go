package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
)

func newPrune(getenv func(string) string) *cobra.Command {
	var yes, dry, asJSON bool
	var unlockAfter time.Duration
	cmd := &cobra.Command{
		Use:   "prune [NAME]",
		Short: "Remove expired environments",
		Long: `Removes every environment that gcs-to-s3 list shows as expired, after showing all that
it would remove. If this project has its file, it is removed as by gcs-to-s3 down, and the
file must say that it has expired, too; if the file is lost, CloudFormation deletes the
stacks, Google's side is removed through its APIs, and the stack in Pulumi's state is
removed if it can be reached. A mark alone is not enough: names and content must be those
of an environment, and both clouds must agree. With NAME, it searches only the account,
region and project of that environment.`,
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
			expired := slices.DeleteFunc(all, func(l listed) bool { return !l.expired(now) && l.Any() })
			if dry || !slices.ContainsFunc(expired, listed.Any) {
				if own, _ := own(expired); asJSON {
					return writeJSON(cmd.OutOrStdout(), append([]listed{}, own...))
				}
				printExpired(cmd.OutOrStdout(), expired, now)
				return nil
			}
			if !yes {
				if err := canAsk(cmd, ", or --dry-run to see what has expired"); err != nil {
					return err
				}
			}
			results := []pruned{}
			var errs []error
			note := func(l listed, err error) {
				result := pruned{l.Environment, err == nil, ""}
				if err != nil {
					result.Error = err.Error()
					errs = append(errs, fmt.Errorf("removing %s: %w", l.Environment, err))
				} else if !asJSON {
					fmt.Fprintf(cmd.OutOrStdout(), "%s is gone.\n", l.Environment)
				}
				results = append(results, result)
			}
			_, others := own(expired)
			_ = inventory.Write(cmd.ErrOrStderr(), others) // the question would fail, too
			var removals []removal
			for _, l := range expired {
				if !l.Any() {
					continue
				}
				r, err := l.prepare(ctx, cmd, getenv, unlockAfter)
				if err != nil {
					note(l, err)
					continue
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "The environment %s, %s, has:\n", l.Environment, expiry(l.Mark, now))
				_ = inventory.Write(cmd.ErrOrStderr(), r.items)
				removals = append(removals, r)
			}
			if len(removals) > 0 && !yes {
				if agreed, err := confirm(cmd, "Remove all of this?"); !agreed {
					return err
				}
			}
			for _, r := range removals {
				note(r.listed, r.remove(ctx))
			}
			if asJSON {
				errs = append(errs, writeJSON(cmd.OutOrStdout(), results))
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask for confirmation")
	unlockFlag(cmd, &unlockAfter)
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

// removal is what is removed of an expired environment, and how.
type removal struct {
	listed
	items  []inventory.Item
	remove func(context.Context) error
}

// prepare finds out what an expired environment has, and changes nothing.
func (l listed) prepare(ctx context.Context, cmd *cobra.Command, getenv func(string) string, unlockAfter time.Duration) (removal, error) {
	if l.File {
		d, err := openDeployment(ctx, cmd, []string{l.Environment}, getenv, false)
		if err != nil {
			return removal{}, err
		}
		d.UnlockAfter = unlockAfter
		found, err := d.Survey(ctx)
		return removal{l, found.Items, func(ctx context.Context) error {
			_, _, err := d.takeDown(ctx, found)
			return err
		}}, err
	}
	both, err := openClouds(ctx, l.place, getenv)
	if err != nil {
		return removal{}, err
	}
	items, err := inventory.Lost(ctx, both, l.place, l.Found)
	p := reporter(cmd.ErrOrStderr(), getenv)
	if err == nil {
		place := l.place
		place.Name, place.Role = l.Environment, "" // the file's own is another one
		scope := inventory.Scope(place, items)
		scope.Lost = true
		err = rights.Check(ctx, both, rights.Prune, scope, p.Say)
	}
	return removal{l, items, func(ctx context.Context) error {
		_, err := p.Step("remove "+l.Environment+", whose file is lost", func() (string, error) {
			return "", inventory.RemoveLost(ctx, both, items, func(i inventory.Item) { p.Say("removing the " + i.String()) })
		})
		if err == nil {
			_, err = p.Step("remove the state of "+l.Environment, func() (string, error) {
				env := l.place
				env.Name = l.Environment
				return forgetState(ctx, env, l.Mark, both, p, unlockAfter)
			})
		}
		return err
	}}, err
}

// printExpired prints expired environments with all that is known of them.
func printExpired(w io.Writer, expired []listed, now time.Time) {
	all, others := own(expired)
	if len(all) == 0 {
		fmt.Fprintln(w, "No environment has expired.")
	} else {
		printList(w, all, now)
	}
	for _, l := range all {
		fmt.Fprintf(w, "%s:\n", l.Environment)
		_ = inventory.Write(w, inventory.Left(l.Items)) // best effort
	}
	_ = inventory.Write(w, others)
}
