package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/deployed"
)

func newLogs(getenv func(string) string) *cobra.Command {
	var since time.Duration
	var follow, asJSON bool
	cmd := &cobra.Command{
		Use:   "logs [NAME]",
		Short: "Print the log of an environment's function",
		Long: `Prints the function's log, oldest lines first, with your AWS credentials. With
--follow it keeps printing new lines until Ctrl-C.`,
		Example: `  gcs-to-s3 logs prod --since 24h
  gcs-to-s3 logs prod --follow`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := openFunction(cmd.Context(), args, getenv)
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
			return f.Logs(cmd.Context(), time.Now().Add(-since), follow, each)
		},
	}
	cmd.Flags().DurationVar(&since, "since", time.Hour, "how far back to start")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep printing new lines")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each line as a JSON object")
	return cmd
}
