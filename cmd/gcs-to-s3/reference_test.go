package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write docs/commands.md")

// TestReference holds docs/commands.md to what the commands say of themselves.
func TestReference(t *testing.T) {
	root := newRoot(io.Discard, io.Discard, func(string) string { return "" })
	root.DisableAutoGenTag = true
	root.InitDefaultCompletionCmd()
	got := bytes.NewBufferString("# Commands\n\nWhat each command says with `--help`. In a clone of this repository, `go run ./cmd/gcs-to-s3` stands for `gcs-to-s3`; `go install ./cmd/gcs-to-s3` installs it.\n\n")
	var write func(c *cobra.Command)
	write = func(c *cobra.Command) {
		c.DisableAutoGenTag = true
		if err := doc.GenMarkdownCustom(c, got, func(file string) string {
			return "#" + strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "_", "-")
		}); err != nil {
			t.Fatal(err)
		}
		for _, child := range c.Commands() {
			if child.IsAvailableCommand() {
				write(child)
			}
		}
	}
	write(root)
	path := filepath.Join("..", "..", "docs", "commands.md")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("docs/commands.md differs (-want +got); run the test with -update:\n%s", diff)
	}
}

// TestEveryCommandIsComplete: each has JSON for programs, and help with an example for
// people.
func TestEveryCommandIsComplete(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			check(child)
		}
		if c.HasParent() && (c.Short == "" || c.Long == "" || strings.HasSuffix(c.Short, ".")) {
			t.Errorf("%s does not say what it is for: %q, %q", c.CommandPath(), c.Short, c.Long)
		}
		if c.HasSubCommands() {
			return
		}
		if c.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", c.CommandPath())
		}
		if !strings.HasPrefix(c.Example, "  "+c.CommandPath()) {
			t.Errorf("%s has no example that shows it: %q", c.CommandPath(), c.Example)
		}
	}
	check(newRoot(io.Discard, io.Discard, func(string) string { return "" }))
}
