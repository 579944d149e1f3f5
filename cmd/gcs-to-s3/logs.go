package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/deployed"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func newLogs(getenv func(string) string) *cobra.Command {
	var since time.Duration
	var follow, asJSON bool
	var which string
	cmd := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Print the log of an environment's function",
		Long: `Prints the log of the function that copies objects, oldest lines first, with your AWS
credentials. With --function it prints the log of the function for bulk jobs or for
events. With --follow it keeps printing new lines until Ctrl-C.`,
		Example: `  gcs-to-s3 logs prod --since 24h
  gcs-to-s3 logs prod --function events --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := environmentOf(args, getenv)
			if err != nil {
				return err
			}
			function, err := loggedFunction(env, which)
			if err != nil {
				return err
			}
			f, err := deployed.Open(cmd.Context(), env)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			each := func(l deployed.Line) error {
				_, err := fmt.Fprintf(out, "%s %s\n", l.Time.UTC().Format(time.RFC3339), strings.TrimRight(l.Message, "\n"))
				return err
			}
			if asJSON {
				enc := json.NewEncoder(out)
				enc.SetEscapeHTML(false)
				each = func(l deployed.Line) error { return enc.Encode(l) }
			}
			return f.Logs(cmd.Context(), function, time.Now().Add(-since), follow, each)
		},
	}
	cmd.Flags().DurationVar(&since, "since", time.Hour, "how far back to start")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep printing new lines")
	cmd.Flags().StringVar(&which, "function", "copy", "whose log: copy, bulk or events")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each line as a JSON object")
	return cmd
}

// loggedFunction returns the name of the function of an environment that --function names.
func loggedFunction(env environment.Environment, which string) (string, error) {
	name, known := map[string]string{"copy": env.Function, "bulk": env.Jobs(), "events": env.Drain()}[which]
	if !known {
		return "", fmt.Errorf("function: %q: must be copy, bulk or events", which)
	}
	if !slices.Contains(env.Functions(), name) {
		return "", fmt.Errorf("function: %q: the environment %s has no such function; hint: docs/%s.md says how to turn it on", which, env.Name, which)
	}
	return name, nil
}
