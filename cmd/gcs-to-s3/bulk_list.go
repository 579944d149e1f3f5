package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

func (b *bulkCommands) list() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the jobs",
		Long:    `Lists the jobs whose files are in the jobs bucket, with their states.`,
		Example: `  gcs-to-s3 bulk list --environment prod`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, j, err := b.open(cmd.Context(), nil)
			if err != nil {
				return err
			}
			names, err := j.List(cmd.Context())
			if err != nil {
				return err
			}
			list := []jobs.Status{}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range names {
				s, err := j.Status(cmd.Context(), name)
				if err != nil {
					return err
				}
				list = append(list, s)
				if !asJSON {
					fmt.Fprintf(t, "%s\t%s\n", name, statusLine(s))
				}
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), list)
			}
			if len(list) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "There are none.")
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}
