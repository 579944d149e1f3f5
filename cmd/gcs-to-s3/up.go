package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
)

func newUp(getenv func(string) string) *cobra.Command {
	var yes, plan, asJSON, verbose, local, noDoctor, noVerify bool
	var unlockAfter time.Duration
	cmd := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Deploy an environment in both clouds",
		Long: `Checks everything the environment needs, as doctor does; shows what would change
(pulumi preview, cdk diff) and asks for confirmation; then runs pulumi up for the
federation and cdk deploy for the role and the function, and copies a test object, as
verify does. It goes by what both clouds have: what was removed or changed outside of
pulumi and cdk is made again. You can interrupt it and run it again: it continues where it
stopped.`,
		Example: `  gcs-to-s3 up
  gcs-to-s3 up prod --plan
  gcs-to-s3 up pr-7 --yes --json
  gcs-to-s3 up prod --sandbox`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if local {
				return upInSandbox(cmd, args, getenv, verbose)
			}
			d, err := openDeployment(ctx, cmd, args, getenv, verbose)
			if err != nil {
				return err
			}
			d.UnlockAfter = unlockAfter
			if !noDoctor {
				if err := d.examine(ctx, cmd.ErrOrStderr()); err != nil {
					return err
				}
				if err := d.allowed(ctx); err != nil {
					return err
				}
			}
			if !yes || plan {
				agreed, err := d.agree(ctx, cmd, plan)
				if err != nil || !agreed {
					return err
				}
			}
			result := upResult{Environment: d.Env.Name}
			if result.Steps, err = d.Up(ctx); err == nil && !noVerify {
				result.Verification, err = d.verify(ctx)
			}
			if result.Up = err == nil; err != nil {
				err = again(err, "up", d.Env.Name)
			}
			if asJSON {
				return errors.Join(err, writeJSON(cmd.OutOrStdout(), result))
			}
			if result.Verification != nil {
				fmt.Fprintln(cmd.OutOrStdout())
				_ = result.Verification.Write(cmd.OutOrStdout()) // best effort
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "\nThe environment %s is up. Try it: gcs-to-s3 invoke %[1]s\n", d.Env.Name)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not show what would change, and do not ask for confirmation")
	cmd.Flags().BoolVar(&plan, "plan", false, "only show what would change")
	cmd.Flags().BoolVar(&noDoctor, "no-doctor", false, "skip the checks of doctor")
	cmd.Flags().BoolVar(&noVerify, "no-verify", false, "do not copy a test object afterwards")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the steps as JSON")
	unlockFlag(cmd, &unlockAfter)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print the output of the commands that it runs")
	cmd.Flags().BoolVar(&local, "sandbox", false, "deploy to local clouds, which run until Ctrl-C, with NAME's settings except for account, region, project and endpoints")
	cmd.MarkFlagsMutuallyExclusive("yes", "plan")
	return cmd
}

// upResult is what `up --json` prints.
type upResult struct {
	Environment  string          `json:"environment"`
	Steps        []progress.Step `json:"steps"`
	Verification *verify.Report  `json:"verification,omitempty"`
	Up           bool            `json:"up"`
}

// doctor runs the checks of doctor.
func (d deployment) doctor(ctx context.Context) (doctor.Report, error) {
	return doctor.Run(ctx, doctor.Options{Environment: d.Env, Root: d.Root, AWS: d.Clouds.AWS, Google: d.Clouds.Google, Progress: d.Progress})
}

// examine checks what the environment needs before anything is changed. Checks with the
// ids of but do not matter.
func (d deployment) examine(ctx context.Context, w io.Writer, but ...string) error {
	report, err := d.doctor(ctx)
	if err != nil {
		return again(err, "up", d.Env.Name)
	}
	preventing := slices.DeleteFunc(report.Preventing(), func(c doctor.Result) bool { return slices.Contains(but, c.ID) })
	if len(preventing) == 0 {
		return nil
	}
	_ = report.Write(w) // best effort
	var titles []string
	for _, c := range preventing {
		titles = append(titles, c.Title)
	}
	return fmt.Errorf("nothing was changed: the environment %s fails these checks: %s; hint: the table says what to do; pass --no-doctor to continue anyway", d.Env.Name, strings.Join(titles, ", "))
}

// allowed checks the rights that a deployment needs.
func (d deployment) allowed(ctx context.Context) error {
	return rights.Check(ctx, d.Clouds, rights.Up, rights.Scope{
		Environment: d.Env, Stacks: []string{d.Env.RoleStack(), d.Env.FunctionStack()}, Buckets: []string{d.Env.SourceBucket},
		OnProject: d.Env.ViewerScope == environment.ViewProject,
	}, d.Progress.Say)
}

// verify checks that the environment copies.
func (d deployment) verify(ctx context.Context) (*verify.Report, error) {
	report, err := verify.Run(ctx, verify.Options{Environment: d.Env, AWS: d.Clouds.AWS, Google: d.Clouds.Google, Progress: d.Progress})
	if err == nil {
		err = report.Err()
	}
	return &report, err
}

// again says how to continue after a failure.
func again(err error, verb, name string) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted; to continue: gcs-to-s3 %s %s", verb, name)
	}
	return fmt.Errorf("%w\nto continue: gcs-to-s3 %s %s; completed steps are not repeated", err, verb, name)
}

// agree shows the plan, and asks unless only the plan is wanted.
func (d deployment) agree(ctx context.Context, cmd *cobra.Command, planOnly bool) (bool, error) {
	if !planOnly {
		if err := canAsk(cmd, ", or --plan to see what would change"); err != nil {
			return false, err
		}
	}
	forget, err := d.Plan(ctx, cmd.OutOrStdout())
	if err != nil {
		return false, err
	}
	if planOnly {
		return false, forget(ctx)
	}
	agreed, err := confirm(cmd, fmt.Sprintf("Deploy the environment %s to AWS account %s and Google project %s?", d.Env.Name, d.Env.AWSAccount, d.Env.GoogleProject))
	if agreed || err != nil {
		return agreed, err
	}
	return false, forget(ctx)
}
