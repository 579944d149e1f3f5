package bulk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Limits are what a job is held to while it runs. They are the same for all of its
// invocations, which look at them again every limitsFor, so that they can be changed.
type Limits struct {
	Concurrency int     `json:"concurrency"`       // shards that are copied at a time
	MaxRate     int64   `json:"maxRate,omitempty"` // bytes a second that they read together; 0 is no limit
	MaxCost     float64 `json:"maxCost,omitempty"` // US dollars; 0 is no limit

	// What MaxCost is reckoned with.
	Terms  Options `json:"terms"`
	Prices *Prices `json:"prices,omitempty"` // nil: the list prices
}

// MinShardRate is the least of MaxRate for each of the shards at a time, in bytes a second:
// the largest part of an object, 525 MiB, must fit into an invocation.
const MinShardRate = 1 << 20

// limitsFor is how long an invocation goes by the limits that it has read.
const limitsFor = 15 * time.Second

// Check rejects limits that cannot be held.
func (l Limits) Check() error {
	var errs []error
	if l.Concurrency < 1 || l.Concurrency > MaxConcurrency {
		errs = append(errs, fmt.Errorf(
			"concurrency: %d: must be from 1 to %d; hint: 0 would mean as many as there can be, and does not pause a job; `gcs-to-s3 bulk stop` does",
			l.Concurrency, MaxConcurrency))
	}
	switch {
	case l.MaxRate < 0 || l.MaxRate > 0 && l.MaxRate < MinShardRate:
		errs = append(errs, fmt.Errorf("max-rate: %d bytes/s: must be at least 1MiB/s; hint: 0 is no limit", l.MaxRate))
	case l.MaxRate > 0 && l.MaxRate/MinShardRate < int64(l.Concurrency):
		errs = append(errs, fmt.Errorf(
			"max-rate: %d bytes/s: must be at least 1MiB/s for each of the %d shards at a time; hint: set concurrency to %d or less",
			l.MaxRate, l.Concurrency, l.MaxRate/MinShardRate))
	}
	if l.MaxCost < 0 {
		errs = append(errs, fmt.Errorf("max-cost: %v: must not be negative; hint: 0 is no limit", l.MaxCost))
	}
	return errors.Join(errs...)
}

// Narrowest returns the concurrency, or as many shards as the rate is enough for if that is
// less.
func (l Limits) Narrowest() int {
	if l.MaxRate == 0 {
		return l.Concurrency
	}
	return int(max(1, min(int64(l.Concurrency), l.MaxRate/MinShardRate)))
}

// share returns the rate of each shard of a round with so many shards, in bytes a second.
func (l Limits) share(shards int) int64 {
	if l.MaxRate == 0 {
		return 0
	}
	return max(1, l.MaxRate/int64(max(1, min(l.Concurrency, shards))))
}

// rateUnits are the units of rates, in bytes.
var rateUnits = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseRate parses a rate such as 50MB/s, 400MiB/s, or a plain number of bytes a second.
func ParseRate(text string) (int64, error) {
	number, unit := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "/s")), 1.0
	for _, u := range rateUnits {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0) || f*unit > 1e15 {
		return 0, fmt.Errorf("%q: must be a number of bytes a second; hint: such as 50MB/s, 400MiB/s or 50000000, and not in bits", text)
	}
	return int64(f * unit), nil
}

func limitsKey(job string) string { return Folder + job + "/limits.json" }

// LoadLimits returns the limits of a job; there reports whether it has been run.
func LoadLimits(ctx context.Context, files Files, job string) (l Limits, there bool, err error) {
	return find[Limits](ctx, files, limitsKey(job))
}

// SetLimits sets the limits of a job.
func SetLimits(ctx context.Context, files Files, job string, l Limits) error {
	if err := l.Check(); err != nil {
		return err
	}
	return write(ctx, files, limitsKey(job), l)
}

// held are the limits of a shard that is being copied.
type held struct {
	worker *Worker
	ctx    context.Context
	job    string
	shards int // of the round

	mu      sync.Mutex
	limits  Limits
	read    time.Time
	reading bool
	work    sync.WaitGroup
}

// hold reads the limits of a job for a shard.
func (w *Worker) hold(ctx context.Context, job string, shards int) (*held, error) {
	limits, _, err := LoadLimits(ctx, w.Files, job)
	return &held{worker: w, ctx: ctx, job: job, shards: shards, limits: limits, read: w.Now()}, err
}

// rate returns the shard's rate, in bytes a second. It never waits: a request may do so
// that has to end before another begins.
func (h *held) rate() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.worker.Now(); !h.reading && now.Sub(h.read) >= limitsFor {
		h.reading = true
		h.work.Go(func() {
			limits, there, err := LoadLimits(h.ctx, h.worker.Files, h.job)
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.read, h.reading = now, false; err == nil && there {
				h.limits = limits
			}
		})
	}
	return h.limits.share(h.shards)
}

// objectTime is within how many seconds the objects that are copied at a time should arrive.
const objectTime = 300

// meter returns the meter of the copies of a shard's objects, and what ends its work. An
// object that is copied in one request is sent again as a whole if the deadline cuts it.
func (h *held) meter(entries []entry) (m *copy.Meter, end func()) {
	m = &copy.Meter{Rate: h.rate, Now: h.worker.Now}
	if rate := h.rate(); rate > 0 {
		largest := int64(1)
		for _, e := range entries {
			if copy.Parts(e.Size) == 1 {
				largest = max(largest, e.Size)
			}
		}
		m.AtATime = int(max(1, min(objectTime*rate/largest, invocation.MaxConcurrency)))
	}
	return m, h.work.Wait
}
