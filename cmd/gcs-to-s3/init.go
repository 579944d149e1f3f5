package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func newInit(_ func(string) string) *cobra.Command {
	var replace, asJSON bool
	var ttl time.Duration
	settings := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write the file of an environment",
		Long: `Writes Pulumi.NAME.yaml, which cdk and pulumi both read. On a terminal it asks for what
no flag gives, and suggests the account and region that "aws" is configured for and the
project of "gcloud". For a name other than dev it suggests -NAME as the suffix of all
names, so that several environments fit into one account. The file holds no secrets,
and lists every setting that is left at its default as a comment.

With --ttl the environment is temporary: the file says when gcs-to-s3 prune can remove
it and who owns it, and the suffix is random, since Google keeps the names of deleted
resources for 30 days.`,
		Example: `  gcs-to-s3 init dev
  gcs-to-s3 init prod --aws-account 123456789012 --google-project my-project
  gcs-to-s3 init pr-7 --ttl 72h`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, err := projectRoot()
			if err != nil {
				return err
			}
			given := map[string]string{}
			for key, value := range settings {
				if cmd.Flags().Changed(flagOf(key)) {
					given[key] = *value
				}
			}
			name := args[0]
			if err := environment.CheckName(name); err != nil {
				return err
			}
			path := filepath.Join(root, environment.FileName(name))
			if _, err := os.Stat(path); err == nil && !replace {
				return fmt.Errorf("%s exists; hint: pass --replace to overwrite it", environment.FileName(name))
			}
			proposals := propose(cmd.Context(), name)
			if ttl < 0 {
				return fmt.Errorf("--ttl: %q: must not be negative; hint: 72h is three days", ttl)
			}
			if ttl > 0 {
				temporary(proposals, name, time.Now().Add(ttl))
			} else {
				delete(proposals, "owner") // only a temporary one needs an owner
			}
			if stdin, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(stdin.Fd())) {
				if err := ask(stdin, cmd.ErrOrStderr(), given, proposals); err != nil {
					return err
				}
			} else {
				for key, value := range proposals {
					if _, ok := given[key]; !ok && value != "" {
						given[key] = value
					}
				}
			}
			if err := write(path, name, given); err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), map[string]any{"environment": name, "file": environment.FileName(name), "settings": given})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s.\n\nNext:\n\n  gcs-to-s3 doctor %[2]s\n  gcs-to-s3 up %[2]s\n", environment.FileName(name), name)
			return nil
		},
	}
	for _, s := range environment.Settings() {
		settings[s.Key] = cmd.Flags().String(flagOf(s.Key), "", strings.ReplaceAll(s.Meaning, "`", "\""))
	}
	cmd.Flags().DurationVar(&ttl, "ttl", 0, "make the environment temporary: prune can remove it after this time, such as 72h")
	cmd.Flags().BoolVar(&replace, "replace", false, "overwrite an existing file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was written as JSON")
	cmd.Flags().SortFlags = false
	return cmd
}

// Words of a key in camel case begin where a capital follows a small letter, or
// ends a row of capitals.
var (
	wordBegins   = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	capitalsEnds = regexp.MustCompile(`([A-Z])([A-Z][a-z])`)
)

// flagOf is the flag of a setting: awsAccount is --aws-account.
func flagOf(key string) string {
	return strings.ToLower(capitalsEnds.ReplaceAllString(wordBegins.ReplaceAllString(key, "$1-$2"), "$1-$2"))
}

// asked are the settings that init asks for, in this order.
var asked = []string{"awsAccount", "awsRegion", "googleProject", "suffix", "sourceBucket", "destinationBucket", "object"}

// patience bounds the commands that are asked for defaults.
const patience = 10 * time.Second

// propose asks the command lines of both clouds for defaults. One that is not
// installed or not logged in has none.
func propose(ctx context.Context, name string) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	run := func(command ...string) string {
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
		if text := strings.TrimSpace(string(out)); err == nil && text != "None" && text != "(unset)" {
			return text
		}
		return ""
	}
	proposals := map[string]string{
		"awsAccount":    run("aws", "sts", "get-caller-identity", "--query", "Account", "--output", "text"),
		"awsRegion":     run("aws", "configure", "get", "region"),
		"googleProject": run("gcloud", "config", "get-value", "project"),
		"owner":         run("git", "config", "user.email"),
	}
	if name != environment.Default {
		proposals["suffix"] = "-" + name
	}
	return proposals
}

// fresh is how many random letters a temporary suffix has.
const fresh = 4

// temporary adds the defaults of a temporary environment.
func temporary(proposals map[string]string, name string, expires time.Time) {
	proposals["expires"] = expires.UTC().Format(time.RFC3339)
	proposals["suffix"] = "-" + name + "-" + strings.ToLower(rand.Text()[:fresh])
}

// ask asks for the settings that are not given. An empty answer takes the default.
func ask(in io.Reader, out io.Writer, given, proposals map[string]string) error {
	lines := bufio.NewScanner(in)
	for _, s := range environment.Settings() {
		if _, ok := given[s.Key]; ok {
			continue
		}
		if !slices.Contains(asked, s.Key) {
			if proposals[s.Key] != "" {
				given[s.Key] = proposals[s.Key]
			}
			continue
		}
		proposal := cmp.Or(proposals[s.Key], s.Default)
		fmt.Fprintf(out, "%s (%s) [%s]: ", s.Key, s.Meaning, proposal)
		if !lines.Scan() {
			return errors.Join(errors.New("the questions were not answered; nothing was written"), lines.Err())
		}
		answer := cmp.Or(strings.TrimSpace(lines.Text()), proposal)
		if answer != s.Default {
			given[s.Key] = answer
		}
	}
	return nil
}

// write checks the settings and writes the file, whole or not at all.
func write(path, name string, given map[string]string) error {
	if _, err := environment.Parse(name, given); err != nil {
		var missing []string
		for _, s := range environment.Settings() {
			if s.Required() && given[s.Key] == "" {
				missing = append(missing, "--"+flagOf(s.Key))
			}
		}
		if len(missing) > 0 {
			err = fmt.Errorf("%w\nhint: give %s", err, strings.Join(missing, " and "))
		}
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".environment-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	_, err = temporary.WriteString(environment.Document(name, maps.Clone(given)))
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		if gone := os.Remove(temporary.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
