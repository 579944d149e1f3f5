package bulk

import (
	"slices"
	"strings"
	"testing"
)

func TestTheBoundThatBinds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		tally   Tally
		o       Options
		binds   string
		seconds float64 // of the copying alone
	}{
		{
			// 12.6, 25.2, … million writes an hour, until the functions are the slowest.
			name: "many small objects", tally: tallyOf(1e9, 10e3, "STANDARD"), o: Options{Concurrency: 1000}, binds: "S3 writes",
			seconds: 6*3600 + (1e9-63*12.6e6)/160e3,
		},
		{
			name: "many small objects, a divided key space", tally: tallyOf(1e8, 10e3, "STANDARD"),
			o: Options{Partitions: 1000, Concurrency: 1000}, binds: "Cloud Storage reads",
			// 6, 12, 24 and 48 million reads in each 20 minutes.
			seconds: 4*1200 + (1e8-90e6)/80e3,
		},
		{
			name: "few functions", tally: tallyOf(1e6, 10e3, "STANDARD"),
			o: Options{Concurrency: 10, Partitions: 1000}, binds: "requests of the functions",
			seconds: 1e6 / (10 * 16 / 0.1),
		},
		{
			name: "large objects", tally: tallyOf(10_000, 1<<30, "STANDARD"), o: Options{Concurrency: 100}, binds: "network of the functions",
			seconds: 10_000.0 * (1 << 30) / (100 * (75 << 20)),
		},
		{
			name: "huge objects", tally: tallyOf(10, 5e12, "STANDARD"), binds: "network of the functions",
			seconds: 50e12 / (100 * (75 << 20)), // in slices
		},
		{
			name: "an object of one invocation", tally: tallyOf(1, 20<<30, "STANDARD"), binds: "largest object",
			seconds: float64(20<<30) / (75 << 20),
		},
		{
			name: "tiny shards", tally: tallyOf(1e6, 10, "STANDARD"),
			o: Options{ShardObjects: 1, Partitions: 1000, Concurrency: 10_000, Region: "eu-central-1"}, binds: "starts of shards",
			seconds: 1e6 / 400,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := tt.o.filled()
			bounds := o.bounds(tt.tally, tt.tally.usage(o))
			seconds, binding := together(bounds)
			if bounds[binding].Name != tt.binds || !near(seconds, tt.seconds, 0.001) {
				t.Errorf("%s binds, %.0f s; want %s, %.0f s", bounds[binding].Name, seconds, tt.binds, tt.seconds)
			}
			c := Estimate(ListPrices(), tt.tally, tt.o)
			if c.Seconds < seconds || c.Seconds > seconds*1.2+900 || c.Slowest < c.Seconds {
				t.Errorf("the job takes %.0f s, at the slowest %.0f s; its copying %.0f s", c.Seconds, c.Slowest, seconds)
			}
			for i, b := range c.Bounds {
				if b.Binds != (i == 0) || b.Seconds <= 0 || b.Seconds > c.Seconds+1 || b.Source == "" {
					t.Errorf("bound %d: %+v", i, b)
				}
			}
			if c.Seconds >= 600 && !slices.ContainsFunc(c.Advice, func(a Advice) bool { return a.Saves == 0 && a.Title != "" }) {
				t.Errorf("there is no advice about the time: %+v", c.Advice)
			}
		})
	}
}

func TestAdviceSavesWhatItSays(t *testing.T) {
	t.Parallel()
	find := func(c Cost, title string) *Advice {
		i := slices.IndexFunc(c.Advice, func(a Advice) bool { return strings.HasPrefix(a.Title, title) })
		if i < 0 {
			return nil
		}
		return &c.Advice[i]
	}
	billion := Estimate(ListPrices(), tallyOf(1e9, 10e3, "STANDARD"), Options{})
	pack := find(billion, "Pack")
	packed := Estimate(ListPrices(), tallyOf(10_000_000_000_000/packed+1, packed, "STANDARD"), Options{})
	if pack == nil || !near(pack.Saves, billion.Estimated-packed.Estimated, 0.01) {
		t.Errorf("packing: got %+v, want about $%.0f", pack, billion.Estimated-packed.Estimated)
	}
	if leave := find(billion, "Ask Google"); leave == nil || leave.Saves != billion.item("egress").Estimated {
		t.Errorf("leaving: got %+v", leave)
	}
	if found := find(billion, "Connect"); found != nil {
		t.Errorf("a connection is advised for 10 TB: %+v", found)
	}
	huge := Estimate(ListPrices(), tallyOf(200, 5e12, "STANDARD"), Options{})
	const gib = 1e15 / (1 << 30)
	if found, want := find(huge, "Connect"), huge.item("egress").Estimated-gib*0.02-720*11.4; found == nil || !near(found.Saves, want, 0.001) {
		t.Errorf("a connection for 1 PB: got %+v, want $%.0f", found, want)
	}
	if found := find(huge, "Pack"); found != nil {
		t.Errorf("packing is advised for 200 objects: %+v", found)
	}
	if found, want := find(huge, "Negotiate"), gib/100; found == nil || !near(found.Saves, want, 1e-9) {
		t.Errorf("a contract: got %+v, want $%.0f", found, want)
	}
	if found := find(Estimate(ListPrices(), tallyOf(200, 5e12, "STANDARD"), Options{EgressPerGiB: 0.02}), "Negotiate"); found != nil {
		t.Errorf("a contract is advised to somebody who has one: %+v", found)
	}
	keyed := Estimate(ListPrices(), tallyOf(1e9, 10e3, "STANDARD"), Options{KMS: true})
	if found, want := find(keyed, "Turn on"), 0.99*1e9/10_000*0.03; found == nil || !near(found.Saves, want, 1e-9) {
		t.Errorf("a bucket key: got %+v, want $%.0f", found, want)
	}
	for _, c := range []Cost{billion, huge, keyed} {
		for _, a := range c.Advice {
			if a.Text == "" || a.Saves < 0 || a.Saves > c.Estimated {
				t.Errorf("advice %+v of a job of $%.0f", a, c.Estimated)
			}
		}
	}
	if small := Estimate(ListPrices(), tallyOf(10, 10, "STANDARD"), Options{}); len(small.Advice) != 0 {
		t.Errorf("advice for a job of nothing: %+v", small.Advice)
	}
}
