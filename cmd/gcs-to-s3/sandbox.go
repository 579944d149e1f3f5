package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

func newSandbox(getenv func(string) string) *cobra.Command {
	var keep, empty, asJSON, audit bool
	var delay time.Duration
	var rules []string
	var bulk, events int
	cmd := &cobra.Command{
		Use:   "sandbox",
		Short: "Deploy, run, check and destroy everything in local clouds",
		Long: `Starts an AWS and a Google Cloud in this process, deploys the federation with Pulumi and
the role and the function with cdk, invokes the deployed function, checks the copy,
destroys everything with the same engines and checks that nothing is left. It needs no
cloud account; Go, Node.js and npm must be installed.`,
		Example: `  gcs-to-s3 sandbox
  gcs-to-s3 sandbox --empty
  gcs-to-s3 sandbox --keep --audit
  gcs-to-s3 sandbox --bulk 2000
  gcs-to-s3 sandbox --events
  gcs-to-s3 sandbox --iam-delay 30s --fault "google/storage GET /s3-gcs-connect/*: cut=10 times=2"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := projectRoot()
			if err != nil {
				return err
			}
			choose, err := chooser(rules)
			if err != nil {
				return err
			}
			r := rehearsal.Rehearsal{
				Root: root, Progress: reporter(cmd.ErrOrStderr(), getenv), Empty: empty,
				Clouds: sandbox.Options{Faults: choose, IAMDelay: delay}, Audit: audit && !keep, Bulk: bulk, Events: events,
			}
			if keep || empty {
				return runKept(cmd, r, audit)
			}
			summary, err := r.Run(cmd.Context())
			if cmd.Context().Err() != nil {
				return errors.New("interrupted; the local clouds were stopped and their files removed")
			}
			if asJSON {
				return errors.Join(err, writeJSON(cmd.OutOrStdout(), summary))
			}
			print(cmd.OutOrStdout(), summary, err)
			return err
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "keep everything running until Ctrl-C, and print how to point aws, cdk, pulumi and gcloud at it")
	cmd.Flags().BoolVar(&empty, "empty", false, "like --keep, but deploy nothing: only the buckets, the sample and a CDK bootstrap exist, so that you can try the other commands")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the summary as JSON")
	cmd.Flags().BoolVar(&audit, "audit", false, "print every request to the clouds with who sent it, every access decision, and the statement or binding that decided; with --keep as they arrive")
	cmd.Flags().IntVar(&bulk, "bulk", 0, "also make this many objects, and copy them in a bulk job that is stopped on the way")
	cmd.Flags().IntVar(&events, "events", 0, "also write, overwrite and delete objects this often, while events in disorder, kills and faults come in between")
	cmd.Flags().Lookup("events").NoOptDefVal = "300"
	cmd.MarkFlagsMutuallyExclusive("bulk", "events", "empty")
	cmd.Flags().DurationVar(&delay, "iam-delay", 0, "delay the effect of policy changes in both clouds; Google's take about 2m, 7m at worst")
	cmd.Flags().StringArrayVar(&rules, "fault", nil, "inject faults into requests (repeatable): "+faults.Syntax)
	return cmd
}

// chooser makes the faults that rules ask for; none where there are none.
func chooser(rules []string) (faults.Chooser, error) {
	if len(rules) == 0 {
		return nil, nil
	}
	var parsed []faults.Rule
	for _, text := range rules {
		rule, err := faults.Parse(text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, rule)
	}
	return faults.Rules(parsed...), nil
}

// reporter shows progress on w, live where it is a terminal.
func reporter(w io.Writer, getenv func(string) string) *progress.Reporter {
	if f, ok := w.(*os.File); ok {
		return progress.New(f, getenv)
	}
	return progress.Plain(w)
}

// print writes the summary for people.
func print(w io.Writer, s rehearsal.Summary, err error) {
	if len(s.Enforced) > 0 {
		fmt.Fprintln(w, "\nThe local clouds rejected:")
		for _, what := range s.Enforced {
			fmt.Fprintf(w, "  - %s\n", what)
		}
	}
	if len(s.Proofs) > 0 {
		fmt.Fprintln(w, "\nChecked with the clouds' own answers:")
		for _, p := range s.Proofs {
			mark := "✓"
			if !p.Holds {
				mark = "✗"
			}
			fmt.Fprintf(w, "  %s %s\n      %s\n", mark, p.Claim, p.Seen)
		}
	}
	if len(s.Audit) > 0 {
		fmt.Fprintln(w, "\nEvery request to the local clouds:")
		for _, e := range s.Audit {
			_ = e.Write(w) // best effort
		}
	}
	fmt.Fprintf(w, "\nPulumi ran with %s.\n", s.Plugin)
	if err == nil {
		fmt.Fprintf(w, "Every check passed, and nothing is left. (%.1fs)\n", s.Seconds)
	}
}

// errReleased ends a kept sandbox.
var errReleased = errors.New("released")

// runKept performs a rehearsal that stays up until Ctrl-C.
func runKept(cmd *cobra.Command, r rehearsal.Rehearsal, audit bool) error {
	r.Hold = func(ctx context.Context, s *rehearsal.Stand) error {
		return hold(ctx, cmd.OutOrStdout(), s, r.Empty, audit)
	}
	_, err := r.Run(cmd.Context())
	if errors.Is(err, errReleased) || cmd.Context().Err() != nil {
		return nil
	}
	return err
}

// upInSandbox brings an environment's settings up in local clouds.
func upInSandbox(cmd *cobra.Command, args []string, getenv func(string) string, verbose bool) error {
	root, err := projectRoot()
	if err != nil {
		return err
	}
	p := reporter(cmd.ErrOrStderr(), getenv)
	if verbose {
		p = p.Verbose()
	}
	r := rehearsal.Rehearsal{Root: root, Progress: p}
	if len(args) > 0 {
		r.Of = args[0]
	}
	return runKept(cmd, r, false)
}

// hold writes the settings to a file, says how to use them, and waits; meanwhile
// an audit prints what the clouds are asked.
func hold(ctx context.Context, w io.Writer, s *rehearsal.Stand, empty, audit bool) error {
	file := filepath.Join(s.Dir, "environment.sh")
	if err := os.WriteFile(file, []byte(s.Shell()), 0o600); err != nil {
		return err
	}
	env := s.Env
	fmt.Fprintf(w, "\nThe sandbox is up. In another shell, in the repository's root:\n\n  source %s\n", file)
	if empty {
		fmt.Fprintf(w, `
  go run ./cmd/gcs-to-s3 doctor
  go run ./cmd/gcs-to-s3 up
  go run ./cmd/gcs-to-s3 verify
  go run ./cmd/gcs-to-s3 status
  go run ./cmd/gcs-to-s3 down

They use the environment %s, whose settings are in %s.
`, env.Name, environment.FileName(env.Name))
	} else {
		fmt.Fprintf(w, `
  go run ./cmd/gcs-to-s3 verify
  go run ./cmd/gcs-to-s3 status
  aws lambda invoke --function-name %[1]s /dev/stdout
  aws s3 cp s3://%[2]s/%[3]s -
  gcloud iam workload-identity-pools describe %[4]s --location global
  gcloud storage cat gs://%[5]s/%[3]s

Change a setting in %[6]s, then run

  pulumi up && cdk deploy --all

or go run ./cmd/gcs-to-s3 up, which does the same. To take it down:
go run ./cmd/gcs-to-s3 down, or pulumi destroy && cdk destroy --all.
`, env.Function, env.DestinationBucket, env.Object, env.Pool, env.SourceBucket, environment.FileName(env.Name))
	}
	fmt.Fprintln(w, "\nPress Ctrl-C here to stop the local clouds and remove their files.")
	if audit {
		fmt.Fprintln(w, "Every request to the local clouds:")
		defer s.Sandbox.Journal.Follow(0, func(e journal.Entry) { _ = e.Write(w) })()
	}
	<-ctx.Done()
	return errReleased
}
