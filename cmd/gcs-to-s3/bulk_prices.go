package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/jobs"
)

// prices are the prices that jobs are reckoned with.
type prices struct{ file string }

func (p *prices) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "prices", "", "reckon with the prices in this file instead of the list prices: internal/bulk/prices.json shows its form")
}

// openPriced opens the jobs of the environment that the flag names, or args, and reads the prices.
func (b *bulkCommands) openPriced(ctx context.Context, args []string, p prices) (environment.Environment, jobs.Jobs, bulk.Prices, error) {
	table, err := p.read()
	if err != nil {
		return environment.Environment{}, jobs.Jobs{}, table, err
	}
	env, j, err := b.open(ctx, args)
	return env, j, table, err
}

func (p *prices) read() (bulk.Prices, error) {
	if p.file == "" {
		return bulk.ListPrices(), nil
	}
	data, err := os.ReadFile(p.file)
	if err != nil {
		return bulk.Prices{}, fmt.Errorf("prices: %w", err)
	}
	read, err := bulk.ParsePrices(data)
	if err != nil {
		return bulk.Prices{}, fmt.Errorf("%s: %w", p.file, err)
	}
	return read, nil
}

// terms are the settings of an environment that a job's price and time depend on.
func terms(env environment.Environment, p bulk.Plan, limits bulk.Limits) bulk.Options {
	return bulk.Options{
		Region: env.AWSRegion, Architecture: string(env.Architecture), MemoryMB: env.BulkMemoryMB, Concurrency: limits.Concurrency, MaxRate: limits.MaxRate, Objects: env.Concurrency,
		Compare: p.Request.Compare, Shards: p.Shards, ShardObjects: p.Request.ShardObjects, ShardBytes: p.Request.ShardBytes, KMS: env.KMSKey != "",
		Listed: p.Request.List != nil,
	}
}

// showCost prints what a job is estimated to cost, and how long it takes.
func showCost(w io.Writer, c bulk.Cost) error {
	fmt.Fprintf(w, "\nEstimated price: USD %.2f, by the prices of %s for %s\n", c.Estimated, c.Date, c.Region)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, item := range c.Items {
		if item.Estimated >= 0.005 {
			fmt.Fprintf(t, "%.2f\t  \t%s (%s)\t\n", item.Estimated, item.Name, item.Cloud)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "Estimated time of copying: %s", (time.Duration(c.Seconds) * time.Second).Round(time.Second))
	for _, b := range c.Bounds {
		if b.Binds {
			fmt.Fprintf(w, ", bound by %s", b.Name)
		}
	}
	fmt.Fprintln(w)
	for _, a := range c.Advice {
		if a.Saves >= 0.01*c.Estimated && a.Saves >= 1 {
			fmt.Fprintf(w, "Saves up to USD %.2f: %s\n", a.Saves, a.Title)
		}
	}
	for _, warning := range c.Warnings {
		fmt.Fprintf(w, "Mind: %s\n", warning)
	}
	return nil
}
