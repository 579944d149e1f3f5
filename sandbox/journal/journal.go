// Package journal is the sandbox's record of what its clouds were asked and what
// they decided: one entry per request, with the name of its operation and every
// authorization decision that it needed. Proofs ("who read the object, and as which
// identity") and audits read it. It holds no token, key or body.
package journal

import (
	"slices"
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

// Journal collects entries. The zero value works; all methods are safe for
// concurrent use, and a nil *Journal discards what it is given.
type Journal struct {
	mu       sync.Mutex
	entries  []Entry
	follower func(Entry)
}

// Record adds one entry.
func (j *Journal) Record(e Entry) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if j.follower != nil {
		j.follower(e)
	}
}

// Follow calls f with every entry there is and, until stop is called, with every
// one to come, in their order and one at a time. There is one follower at a time;
// f must not call the journal.
func (j *Journal) Follow(f func(Entry)) (stop func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.entries {
		f(e)
	}
	j.follower = f
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.follower = nil
	}
}

// Entries returns a copy of all entries in the order they were recorded.
func (j *Journal) Entries() []Entry {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}
