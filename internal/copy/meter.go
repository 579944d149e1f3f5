package copy

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Used is what copies have used of both clouds, in the units of their bills. What was
// repeated is counted again.
type Used struct {
	Reads  int64 `json:"reads"`  // requests to Cloud Storage
	Bytes  int64 `json:"bytes"`  // read from it
	Writes int64 `json:"writes"` // PUT and POST requests to S3
	Looks  int64 `json:"looks"`  // GET and HEAD requests to S3
}

// Add adds what others have used.
func (u *Used) Add(other Used) {
	u.Reads += other.Reads
	u.Bytes += other.Bytes
	u.Writes += other.Writes
	u.Looks += other.Looks
}

// Meter counts what the copies of a context use, and holds the rate at which they read
// their sources together. The zero value counts, and holds no rate.
type Meter struct {
	Rate  func() int64                               // bytes a second; 0 is no limit; nil: none
	Now   func() time.Time                           // nil: the machine's clock
	Sleep func(context.Context, time.Duration) error // nil: on the machine's clock

	// AtATime is how many objects are copied at a time at most; 0 leaves it to the settings. At
	// a low rate, many at a time would all be cut off by the deadline.
	AtATime int

	mu   sync.Mutex
	used Used
	due  time.Time // when everything that was read would have been read at the rate
}

type meterKey struct{}

// Metered returns a context whose copies are counted and held by a meter.
func Metered(ctx context.Context, m *Meter) context.Context {
	return context.WithValue(ctx, meterKey{}, m)
}

// MeterOf returns the meter of a context, or nil.
func MeterOf(ctx context.Context) *Meter {
	m, _ := ctx.Value(meterKey{}).(*Meter)
	return m
}

// Used returns what was used so far.
func (m *Meter) Used() Used {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// enoughTime is within how many seconds the parts that are copied at a time should arrive, at
// the rate of their meter. An invocation has 900.
const enoughTime = 600

// streams returns how many parts of a size to copy at a time, at most so many. A nil meter
// holds no rate.
func (m *Meter) streams(size int64, most int) int {
	if m == nil || m.Rate == nil {
		return most
	}
	rate := m.Rate()
	if rate <= 0 {
		return most
	}
	return int(max(1, min(int64(most), enoughTime*rate/max(1, size))))
}

// objects returns how many objects to copy at a time, at most so many.
func (m *Meter) objects(most int) int {
	if m == nil || m.AtATime == 0 {
		return most
	}
	return min(most, m.AtATime)
}

// asked counts a request to a service; a nil meter counts nothing. Deletions are free of
// charge in S3 (Amazon S3 pricing, "Requests & data retrievals").
func (m *Meter) asked(service, method string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case service == storageService:
		m.used.Reads++
	case method == http.MethodPut, method == http.MethodPost:
		m.used.Writes++
	case method == http.MethodGet, method == http.MethodHead:
		m.used.Looks++
	}
}

// read counts bytes that were read, and waits until more may be. A nil meter does not.
func (m *Meter) read(ctx context.Context, n int) {
	if m == nil {
		return
	}
	var rate int64
	if m.Rate != nil {
		rate = m.Rate()
	}
	now, sleep := time.Now, pause
	if m.Now != nil {
		now = m.Now
	}
	if m.Sleep != nil {
		sleep = m.Sleep
	}
	m.mu.Lock()
	m.used.Bytes += int64(n)
	if rate <= 0 {
		m.mu.Unlock()
		return
	}
	at := now()
	if m.due.Before(at) {
		m.due = at
	}
	m.due = m.due.Add(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	wait := m.due.Sub(at)
	m.mu.Unlock()
	_ = sleep(ctx, wait) // the next read fails if the context has ended
}
