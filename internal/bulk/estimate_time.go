package bulk

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bound is a limit on how fast a job copies.
type Bound struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"` // at the start of the copying
	Unit     string  `json:"unit"`
	Grows    string  `json:"grows,omitempty"` // how, if it does
	Seconds  float64 `json:"seconds"`         // of the copying, if nothing else bound it
	Binds    bool    `json:"binds"`           // it is the one that the job waits for
	Source   string  `json:"source"`
	Believed bool    `json:"believed,omitempty"`

	work   float64 // in the unit, without its "/s"
	double float64 // seconds after which the value has doubled; zero: it stays
}

// Limits of both clouds. See each bound's source for the page that states it.
const (
	partitionRate  = 3500    // writes a second that a partition of S3's key space takes
	partitionSplit = 60 * 60 // seconds until S3 has twice as many partitions, under load
	readRate       = 5000    // reads a second that a bucket of Cloud Storage takes at first
	readDouble     = 20 * 60 // seconds until it takes twice as many
	exchangeRate   = 100     // exchanges of a token a second, in a Google project: a cold start needs one
	roundSeconds   = 60      // of a round that are not copying: the start, the collection, the check
)

// transitionRate returns how many transitions a second Step Functions makes in a region (AWS
// Step Functions Developer Guide, "Step Functions service quotas").
func transitionRate(region string) float64 {
	switch region {
	case "us-east-1", "us-west-2", "eu-west-1":
		return 5000
	}
	return 800
}

// bounds returns the limits on copying what a tally has.
func (o Options) bounds(t Tally, u usage) []Bound {
	var reads float64
	for _, n := range u.reads {
		reads += n
	}
	shards := float64(o.shards(t))
	total, latency, network := t.copySeconds(o)
	// The functions are as fast as what limits most of their work.
	functions := min(float64(o.Concurrency), shards)
	objects := float64(t.ToCopy.Objects)
	bounds := []Bound{
		{
			Name: "S3 writes", Value: partitionRate * float64(o.Partitions), Unit: "requests/s", work: u.writes, double: partitionSplit,
			Grows:    fmt.Sprintf("starts with %d of the key space's partitions; S3 splits them under load, about once an hour", o.Partitions),
			Source:   "Amazon S3 User Guide, Best practices design patterns: optimizing Amazon S3 performance",
			Believed: true, // how fast it splits is not stated
		},
		{
			Name: "Cloud Storage reads", Value: readRate, Unit: "requests/s", work: reads, double: readDouble,
			Grows:  "doubles every 20 minutes",
			Source: "Cloud Storage, Request rate and access distribution guidelines",
		},
		{
			Name: "requests of the functions", Value: functions * float64(o.Objects) / objectSeconds, Unit: "objects/s",
			work: objects * share(latency, total), Source: fmt.Sprintf(
				"%.0f invocations at a time, %d objects each, %.0f ms an object", functions, o.Objects, objectSeconds*1000,
			), Believed: true,
		},
		{
			Name: "network of the functions", Value: functions * functionRate / (1 << 20), Unit: "MiB/s",
			work: network * functionRate / (1 << 20), Source: fmt.Sprintf(
				"%.0f invocations at a time, %d MiB/s each", functions, functionRate>>20,
			), Believed: true,
		},
		{
			Name: "starts of shards", Value: transitionRate(o.Region) / transitions, Unit: "shards/s", work: shards,
			Source: "AWS Step Functions Developer Guide, Step Functions service quotas",
		},
		{
			Name: "token exchanges", Value: exchangeRate, Unit: "cold starts/s", work: functions,
			Source: "Google Cloud, IAM quotas and limits",
		},
	}
	if o.MaxRate > 0 {
		bounds = append(bounds, Bound{
			Name: "the job's own rate", Value: float64(o.MaxRate) / (1 << 20), Unit: "MiB/s", work: float64(t.ToCopy.Bytes) / (1 << 20),
			Source: "--max-rate",
		})
	}
	if size := t.largest(); size > o.ShardBytes {
		bounds = slices.Insert(bounds, 0, Bound{
			Name: "largest object", Value: functionRate / (1 << 20), Unit: "MiB/s", work: float64(min(size, DefaultGroupBytes)) / (1 << 20),
			Source: fmt.Sprintf("one invocation copies an object of up to %d GiB, at %d MiB/s", DefaultGroupBytes>>30, functionRate>>20), Believed: true,
		})
	}
	return slices.DeleteFunc(bounds, func(b Bound) bool { return b.work <= 0 || b.Value <= 0 })
}

// largest returns about how large the largest objects are.
func (t Tally) largest() (size int64) {
	for _, count := range t.sizes() {
		if count.Objects > 0 {
			size = count.Bytes / count.Objects
		}
	}
	return size
}

// rate returns the bound's value some seconds after the start. It grows in steps, so it is
// never more than what the cloud allows.
func (b Bound) rate(after float64) float64 {
	if b.double == 0 {
		return b.Value
	}
	return b.Value * math.Exp2(math.Floor(after/b.double))
}

// together returns how long the bounds' work takes when at every moment the slowest of them
// decides, and which one decided longest.
func together(bounds []Bound) (seconds float64, binding int) {
	if len(bounds) == 0 {
		return 0, -1
	}
	decided := make([]float64, len(bounds))
	for left := 1.0; ; {
		slowest, rate, until := 0, math.Inf(1), math.Inf(1)
		for i, b := range bounds {
			if r := b.rate(seconds) / b.work; r < rate {
				slowest, rate = i, r
			}
			if b.double > 0 {
				until = min(until, (math.Floor(seconds/b.double)+1)*b.double)
			}
		}
		step := min(left/rate, until-seconds)
		decided[slowest] += step
		if left/rate <= until-seconds {
			binding = slices.Index(decided, slices.Max(decided))
			return seconds + step, binding
		}
		left, seconds = left-step*rate, until
	}
}

// time fills in the bounds and how long the copying takes.
func (c *Cost) time(t Tally, u usage, o Options) {
	bounds := o.bounds(t, u)
	if len(bounds) == 0 {
		return
	}
	total, _, _ := t.copySeconds(o)
	shards := float64(o.shards(t))
	// At the end, functions wait for the last of the shards.
	tail := roundSeconds + total/max(1, shards)/2
	if shards <= float64(o.Concurrency) {
		tail = roundSeconds
	}
	seconds, binding := together(bounds)
	bounds[binding].Binds = true
	fixed := slices.Clone(bounds)
	for i := range bounds {
		bounds[i].Seconds, _ = together(bounds[i : i+1])
		if fixed[i].Name == "S3 writes" {
			fixed[i].double = 0
		}
	}
	slowest, _ := together(fixed)
	c.Seconds, c.Slowest = seconds+tail, slowest+tail
	slices.SortStableFunc(bounds, func(a, b Bound) int {
		if a.Binds != b.Binds {
			if a.Binds {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Seconds, a.Seconds)
	})
	c.Bounds = bounds
}
