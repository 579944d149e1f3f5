package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func newInvoke(getenv func(string) string) *cobra.Command {
	var object, prefix, file string
	var tail, asJSON bool
	cmd := &cobra.Command{
		Use:   "invoke [NAME]",
		Short: "Invoke the deployed function",
		Long: `Invokes the deployed function with your AWS credentials, waits for it, and prints its
answer. Without flags it copies the environment's object.`,
		Example: `  gcs-to-s3 invoke
  gcs-to-s3 invoke prod --object reports/2026.csv
  gcs-to-s3 invoke prod --prefix reports/ --log
  echo '{"objects": ["a.csv", "b.csv"]}' | gcs-to-s3 invoke prod --event -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			event, err := readEvent(cmd.InOrStdin(), object, prefix, file)
			if err != nil {
				return err
			}
			f, err := openFunction(cmd.Context(), args, getenv)
			if err != nil {
				return err
			}
			got, err := f.Invoke(cmd.Context(), event)
			if err != nil {
				return err
			}
			if asJSON {
				return errors.Join(writeJSON(cmd.OutOrStdout(), got), got.Err())
			}
			if tail || got.Failed {
				fmt.Fprint(cmd.ErrOrStderr(), got.Log)
			}
			if got.Failed {
				return got.Err()
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n", got.Payload)
			return nil
		},
	}
	cmd.Flags().StringVar(&object, "object", "", "copy this object instead of the environment's")
	cmd.Flags().StringVar(&prefix, "prefix", "", "copy every object with this prefix")
	cmd.Flags().StringVar(&file, "event", "", "send the event in this file; - reads it from stdin")
	cmd.MarkFlagsMutuallyExclusive("object", "prefix", "event")
	cmd.Flags().BoolVar(&tail, "log", false, "print the end of the invocation's log (4 KB)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the answer, the log and the time as JSON")
	return cmd
}

// readEvent returns the event that the flags ask for.
func readEvent(stdin io.Reader, object, prefix, file string) ([]byte, error) {
	switch {
	case object != "":
		return json.Marshal(invocation.Event{Object: object})
	case prefix != "":
		return json.Marshal(invocation.Event{Prefix: &prefix})
	case file == "":
		return json.Marshal(invocation.Event{})
	}
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	if _, err := invocation.ParseEvent(data); err != nil {
		return nil, fmt.Errorf("reading the event in %s: %w; hint: an event is a JSON object such as {\"object\": \"reports/2026.csv\"}", file, err)
	}
	return data, nil
}

// writeJSON prints a result for other programs.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
