package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
)

func newUp(getenv func(string) string) *cobra.Command {
	var yes, plan, asJSON, verbose, local, noDoctor, noVerify bool
	cmd := &cobra.Command{
		Use:   "up [NAME]",
		Short: "Bring an environment up in both clouds",
		Long: `Looks at everything that the environment needs, as doctor does; shows what would
change (cdk diff, pulumi preview) and asks; then runs cdk deploy for the role, pulumi
up for the federation and cdk deploy for the function, and proves that it copies, as
verify does. It may be interrupted and run again: what is there already is not made
again.`,
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
			if !noDoctor {
				if err := d.examine(ctx, cmd.ErrOrStderr()); err != nil {
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
				_ = result.Verification.Write(cmd.OutOrStdout()) // there is nobody to tell
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "\nThe environment %s is up. Try it: gcs-to-s3 invoke %[1]s\n", d.Env.Name)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "neither show what would change nor ask")
	cmd.Flags().BoolVar(&plan, "plan", false, "show what would change, and change nothing")
	cmd.Flags().BoolVar(&noDoctor, "no-doctor", false, "do not look before, and go on whatever is wrong")
	cmd.Flags().BoolVar(&noVerify, "no-verify", false, "do not prove that it copies")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print all that the commands print")
	cmd.Flags().BoolVar(&local, "sandbox", false, "do it in local clouds, which stay until Ctrl-C; NAME's settings are taken, except for account, region, project and endpoints")
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

// examine looks at what the environment needs before anything is changed.
func (d deployment) examine(ctx context.Context, w io.Writer) error {
	report, err := doctor.Run(ctx, doctor.Options{Environment: d.Env, Root: d.Root, AWS: d.Clouds.AWS, Google: d.Clouds.Google, Progress: d.Progress})
	if err != nil {
		return again(err, "up", d.Env.Name)
	}
	preventing := report.Preventing()
	if len(preventing) == 0 {
		return nil
	}
	_ = report.Write(w) // there is nobody to tell
	var titles []string
	for _, c := range preventing {
		titles = append(titles, c.Title)
	}
	return fmt.Errorf("nothing was changed: what the environment %s needs is not in order: %s; hint: the table tells what to do; --no-doctor goes on all the same", d.Env.Name, strings.Join(titles, ", "))
}

// verify proves that the environment copies.
func (d deployment) verify(ctx context.Context) (*verify.Report, error) {
	report, err := verify.Run(ctx, verify.Options{Environment: d.Env, AWS: d.Clouds.AWS, Google: d.Clouds.Google, Progress: d.Progress})
	if err == nil {
		err = report.Err()
	}
	return &report, err
}

// again tells how to go on after a failure.
func again(err error, verb, name string) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted; to go on: gcs-to-s3 %s %s", verb, name)
	}
	return fmt.Errorf("%w\nto go on: gcs-to-s3 %s %s; what is done already is not done again", err, verb, name)
}

// agree shows the plan, and asks unless only the plan is wanted.
func (d deployment) agree(ctx context.Context, cmd *cobra.Command, planOnly bool) (bool, error) {
	if !planOnly && !interactive(cmd.InOrStdin()) {
		return false, errors.New("there is nobody to ask; hint: --yes goes on without asking, --plan shows what would change")
	}
	forget, err := d.Plan(ctx, cmd.OutOrStdout())
	if err != nil {
		return false, err
	}
	if planOnly {
		return false, forget(ctx)
	}
	agreed, err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), fmt.Sprintf("Bring the environment %s up in AWS account %s and Google project %s?", d.Env.Name, d.Env.AWSAccount, d.Env.GoogleProject))
	if agreed || err != nil {
		return agreed, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "Nothing is changed.")
	return false, forget(ctx)
}

// interactive tells whether somebody can answer.
func interactive(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// confirm asks a question; only yes is yes.
func confirm(in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprintf(out, "%s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}
