package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

func newList(getenv func(string) string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [NAME]",
		Short: "List all environments in both clouds",
		Long: `Lists every environment that has resources in either cloud, by the marks on those
resources: environments of other people, and those whose file or state is lost, are
listed, too. It searches the accounts, regions and projects that the environment files
of this project name; with NAME, only those of that environment. What carries a mark but
is not an environment's is listed apart, with the reason.`,
		Example: `  gcs-to-s3 list
  gcs-to-s3 list prod --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := everywhere(cmd.Context(), args, getenv)
			if asJSON {
				return errors.Join(err, writeJSON(cmd.OutOrStdout(), all))
			}
			if err == nil || len(all) > 0 { // what cannot be seen may be an environment
				printList(cmd.OutOrStdout(), all, time.Now())
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

// listed is an environment in one account, region and project.
type listed struct {
	inventory.Found
	Account string `json:"account"`
	Region  string `json:"region"`
	Project string `json:"project"`
	File    bool   `json:"file"` // this project has its file

	place environment.Environment // some environment of the same account, region and project
	mine  environment.Environment // of the file, if there is one
}

// expired reports whether the environment has expired, by what both clouds say of it and
// by its file, if there is one: the later moment counts.
func (l listed) expired(now time.Time) bool {
	return l.Standing() && l.Expired(now) && (!l.File || l.mine.Mark().Expired(now))
}

// everywhere lists the environments of every place that an environment file names,
// or of the one that the argument's does.
func everywhere(ctx context.Context, args []string, getenv func(string) string) ([]listed, error) {
	root, err := projectRoot()
	if err != nil {
		return nil, err
	}
	envs, err := environmentFiles(root)
	if err != nil {
		return nil, err
	}
	places := slices.SortedFunc(maps.Values(envs), func(a, b environment.Environment) int { return strings.Compare(a.Name, b.Name) })
	if len(args) > 0 {
		one, err := environment.Load(root, args[0])
		if err != nil {
			return nil, err
		}
		places = []environment.Environment{one}
	}
	var all []listed
	var errs []error
	asked := map[[3]string]environment.GoogleAPIs{}
	for _, place := range places {
		at := [3]string{place.AWSAccount, place.AWSRegion, place.GoogleProject}
		if apis, ok := asked[at]; ok && apis == place.Google {
			continue
		}
		asked[at] = place.Google
		both, err := openClouds(ctx, place, getenv)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found, err := inventory.All(ctx, both, place)
		errs = append(errs, err)
		for _, f := range found {
			mine, ok := envs[f.Environment]
			all = append(all, listed{f, at[0], at[1], at[2], ok && mine.Mark().Same(f.Mark), place, mine})
		}
	}
	return all, errors.Join(errs...)
}

// environmentFiles are the environments of the project whose files are complete.
func environmentFiles(root string) (map[string]environment.Environment, error) {
	envs := map[string]environment.Environment{}
	var problems error
	for _, name := range environment.Names(root) {
		env, err := environment.Load(root, name)
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		envs[name] = env
	}
	if len(envs) == 0 {
		return nil, errors.Join(errors.New("no environment file gives an account and a project; hint: `gcs-to-s3 init dev` writes one"), problems)
	}
	return envs, nil
}

func printList(w io.Writer, all []listed, now time.Time) {
	all, others := own(all)
	defer func() { _ = inventory.Write(w, others) }() // best effort
	if len(all) == 0 {
		fmt.Fprintln(w, "No environments found.")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ENVIRONMENT\tOWNER\tAGE\tEXPIRES\tFILE\tAWS\tGOOGLE")
	for _, l := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", l.Environment, cmp.Or(l.Owner, "-"), age(l.Created, now), expiry(l.Mark, now), map[bool]string{true: "yes", false: "no"}[l.File], l.On("AWS"), l.On("Google"))
	}
	_ = table.Flush() // best effort
}

// own takes what only carries the mark of an environment out of the list.
func own(all []listed) (own []listed, others []inventory.Item) {
	for _, l := range all {
		if l.Any() {
			own = append(own, l)
		}
		others = append(others, inventory.Foreign(l.Items)...)
	}
	return own, others
}

// age is a duration in its largest unit.
func age(since, now time.Time) string {
	d := now.Sub(since)
	switch {
	case since.IsZero():
		return "-"
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func expiry(m environment.Mark, now time.Time) string {
	switch {
	case m.Expires.IsZero():
		return "never"
	case m.Expired(now):
		return "expired " + age(m.Expires, now) + " ago"
	}
	return "in " + age(now.Add(-m.Expires.Sub(now)), now)
}
