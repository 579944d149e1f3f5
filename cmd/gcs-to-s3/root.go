package main

import (
	"io"

	"github.com/spf13/cobra"
)

// newRoot makes the command line. Results go to out, everything else to errors.
func newRoot(out io.Writer, errors io.Writer, getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:           "gcs-to-s3",
		Short:         "Copy from Google Cloud Storage to S3 with a Lambda that stores no key",
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	root.SetOut(out)
	root.SetErr(errors)
	root.AddCommand(newInit(getenv), newUp(getenv), newDown(getenv), newStatus(getenv), newList(getenv), newPrune(getenv), newInvoke(getenv), newLogs(getenv), newSandbox(getenv))
	return root
}
