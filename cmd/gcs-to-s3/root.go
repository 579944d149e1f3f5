package main

import (
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// newRoot makes the command line. Results go to out, everything else to errors.
func newRoot(out io.Writer, errors io.Writer, getenv func(string) string) *cobra.Command {
	root := &cobra.Command{
		Use:           "gcs-to-s3",
		Short:         "Copy from Google Cloud Storage to S3 with a Lambda function that stores no key",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true, // main prints them
	}
	root.SetOut(out)
	root.SetErr(errors)
	root.AddCommand(
		newInit(getenv),
		newUp(getenv),
		newAdopt(getenv),
		newDown(getenv),
		newStatus(getenv),
		newList(getenv),
		newPrune(getenv),
		newDoctor(getenv),
		newVerify(getenv),
		newInvoke(getenv),
		newBulk(getenv),
		newUploads(getenv),
		newLogs(getenv),
		newSandbox(getenv),
	)
	for _, c := range root.Commands() {
		if strings.Contains(c.Use, "[NAME]") {
			c.ValidArgsFunction = completeEnvironment
		}
	}
	return root
}

// version is the module's version as the go command stamped it: a tag, or else the
// revision that was built, with the version of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown) " + runtime.Version()
	}
	return info.Main.Version + " " + info.GoVersion
}

// completeEnvironment completes the names of the project's environments.
func completeEnvironment(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if root, err := projectRoot(); err == nil && len(args) == 0 {
		names = environment.Names(root)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
