// Package journal is the sandbox's record of what its clouds were asked and what
// they decided: one entry per request, with the name of its operation and every
// authorization decision that it needed. Proofs ("who read the object, and as which
// identity") and audits read it. It holds no token, key or body, and of the entries
// the newest.
package journal

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Decision is one authorization decision within a request.
type Decision struct {
	Action   string `json:"action"`   // s3:PutObject, storage.objects.get
	Resource string `json:"resource"` // the ARN, or Google's full resource name
	Allowed  bool   `json:"allowed"`
	Reason   string `json:"reason"` // the statement or binding that decided, or why none did
}

// Entry is one request to a local cloud.
type Entry struct {
	Time      time.Time  `json:"time"`
	Cloud     string     `json:"cloud"`     // "aws" or "google"
	Service   string     `json:"service"`   // sts, s3, storage, iamcredentials …
	Operation string     `json:"operation"` // GetCallerIdentity, storage.objects.get …
	Principal string     `json:"principal,omitempty"`
	Through   []string   `json:"through,omitempty"` // identities behind the principal, nearest first: the federated principal behind a service account
	Status    int        `json:"status"`
	Code      string     `json:"code,omitempty"`     // the error code that was answered
	Injected  bool       `json:"injected,omitempty"` // the answer is an injected fault
	RequestID string     `json:"requestId"`
	Decisions []Decision `json:"decisions,omitempty"`
}

// DefaultLimit is how many entries a journal keeps where nothing else is said: some
// 50 MB of them.
const DefaultLimit = 1 << 16

// Journal collects entries. The zero value works; all methods are safe for
// concurrent use, and a nil *Journal discards what it is given.
type Journal struct {
	// Limit is how many entries are kept, the newest; zero is DefaultLimit.
	Limit int

	mu       sync.Mutex
	entries  []Entry // those that are kept, and some before them
	dropped  int     // how many stood before
	follower func(Entry)
}

// Record adds one entry.
func (j *Journal) Record(e Entry) {
	if j == nil {
		return
	}
	// Parts of a request's header would keep all of it.
	e.Service, e.Operation = strings.Clone(e.Service), strings.Clone(e.Operation)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if limit := j.limit(); len(j.entries) >= 2*limit { // seldom, since what is kept is copied
		j.dropped += len(j.entries) - limit
		j.entries = slices.Clone(j.entries[len(j.entries)-limit:])
	}
	if j.follower != nil {
		j.follower(e)
	}
}

func (j *Journal) limit() int {
	if j.Limit == 0 {
		return DefaultLimit
	}
	return j.Limit
}

// Follow calls f with the entries from a position on, as Since returns them, and, until
// stop is called, with every one to come, in their order and one at a time. There is
// one follower at a time; f must not call the journal.
func (j *Journal) Follow(position int, f func(Entry)) (stop func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.since(position) {
		f(e)
	}
	j.follower = f
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.follower = nil
	}
}

// Entries returns the entries that are kept, in the order they were recorded.
func (j *Journal) Entries() []Entry { return j.Since(0) }

// Position is where the next entry will stand: how many there have been.
func (j *Journal) Position() int {
	if j == nil {
		return 0
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.dropped + len(j.entries)
}

// Since returns the entries from a position on, in the order they were recorded, as
// far as they are kept.
func (j *Journal) Since(position int) []Entry {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.since(position))
}

// since is Since for a caller that holds the lock.
func (j *Journal) since(position int) []Entry {
	from := max(position-j.dropped, len(j.entries)-j.limit(), 0)
	return j.entries[min(from, len(j.entries)):]
}
