// Package bulk copies whole buckets: it plans a job, copies it in shards on AWS's
// distributed engine (AWS Step Functions, "Using Map state in Distributed mode"), and
// proves what arrived.
//
// A job is a folder of files in a bucket of S3: what was asked, what was found, the shards,
// and the outcome of every object. Every file is written once, or again with the same
// content, so that the engine, the function and the command line can all end at any time
// and somebody can go on: what counts is in the bucket. Definition is the state machine,
// and Worker the function's side of its steps.
package bulk

import (
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// Ways to compare objects with the destination before they are copied.
const (
	CompareNone     = "none"     // copy everything
	CompareSize     = "size"     // leave out what has the same key and size
	CompareChecksum = "checksum" // leave out what has the same size and CRC32C
)

// Compares returns all ways to compare.
func Compares() []string { return []string{CompareNone, CompareSize, CompareChecksum} }

// Request is what a job is asked to do.
type Request struct {
	Version int       `json:"version"` // of the job's files
	Job     string    `json:"job"`
	Created time.Time `json:"created"` // the day of {date} in keys

	SourceBucket      string `json:"sourceBucket"`
	DestinationBucket string `json:"destinationBucket"`
	DestinationPrefix string `json:"destinationPrefix,omitempty"`
	KeyTemplate       string `json:"keyTemplate,omitempty"`

	Prefix  string    `json:"prefix,omitempty"`
	Include []string  `json:"include,omitempty"` // patterns of path.Match; an object must match one, if there are any
	Exclude []string  `json:"exclude,omitempty"` // and none of these
	Since   time.Time `json:"since,omitzero"`    // and be updated then or later
	Compare string    `json:"compare"`           // one of Compares
	List    *List     `json:"list,omitempty"`    // only these objects

	// Reconcile looks for what is missing at the destination, and copies that alone.
	Reconcile bool `json:"reconcile,omitempty"`

	// Limits of a shard; zero means the default.
	ShardObjects int   `json:"shardObjects,omitempty"`
	ShardBytes   int64 `json:"shardBytes,omitempty"`

	// GroupBytes is the size above which several invocations copy an object; zero means the
	// default.
	GroupBytes int64 `json:"groupBytes,omitempty"`
}

// Version is the version of the files of jobs.
const Version = 1

// Defaults of the limits of a shard: it takes one invocation, and a failed one costs no
// more than that.
const (
	DefaultShardObjects = 10_000
	DefaultShardBytes   = 8 << 30
	DefaultGroupBytes   = 32 << 30
)

// isJob matches names of jobs; they are part of keys and of names of executions, which have
// at most 80 characters (AWS Step Functions API Reference, "StartExecution").
var isJob = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,47}$`)

// CheckJob rejects a name that no job can have.
func CheckJob(name string) error {
	if !isJob.MatchString(name) {
		return fmt.Errorf("job: %q: must be up to 48 lower-case letters, digits and hyphens, and start with a letter or digit", name)
	}
	return nil
}

// Check rejects a request that cannot be carried out. Its error names every mistake.
func (r Request) Check() error {
	errs := []error{CheckJob(r.Job), invocation.CheckChoice("compare", r.Compare, Compares())}
	if r.Version != Version {
		errs = append(errs, fmt.Errorf("version: %d: must be %d; hint: the job was made by another version of gcs-to-s3", r.Version, Version))
	}
	for _, list := range []struct {
		field    string
		patterns []string
	}{{"include", r.Include}, {"exclude", r.Exclude}} {
		for _, pattern := range list.patterns {
			if _, err := path.Match(pattern, ""); err != nil {
				errs = append(errs, fmt.Errorf("%s: %q: %w; hint: * is any text without a slash, ? a character, [a-z] one of a range", list.field, pattern, err))
			}
		}
	}
	if r.Reconcile && r.Compare == CompareNone {
		errs = append(errs, fmt.Errorf("compare: %q: must be %s or %s to reconcile", r.Compare, CompareChecksum, CompareSize))
	}
	if r.Reconcile && strings.Contains(r.KeyTemplate, "{date}") {
		errs = append(errs, fmt.Errorf("keyTemplate: %q: must not have {date} to reconcile; hint: the keys of today say nothing about those of another day", r.KeyTemplate))
	}
	if r.List != nil && r.Prefix != "" {
		errs = append(errs, fmt.Errorf("prefix: %q: cannot be combined with a list; hint: --include has patterns", r.Prefix))
	}
	if r.ShardObjects < 0 || r.ShardObjects > DefaultShardObjects {
		errs = append(errs, fmt.Errorf("shardObjects: %d: must be from 1 to %d", r.ShardObjects, DefaultShardObjects))
	}
	for _, n := range []struct {
		field string
		value int64
	}{{"shardBytes", r.ShardBytes}, {"groupBytes", r.GroupBytes}} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %d: must not be negative", n.field, n.value))
		}
	}
	return errors.Join(errs...)
}

// template returns the template of the request's keys.
func (r Request) template() (objectkey.Template, error) {
	if r.KeyTemplate == "" {
		return objectkey.Template{}, nil
	}
	t, err := objectkey.Parse(r.KeyTemplate)
	if err != nil {
		return t, fmt.Errorf("keyTemplate: %q: %w", r.KeyTemplate, err)
	}
	return t, nil
}

// key returns the key of an object under the request's template.
func (r Request) key(t objectkey.Template, name string, generation int64) string {
	return r.DestinationPrefix + t.Key(objectkey.Object{Name: name, Generation: generation, Day: r.Created})
}

// Reasons why an object is not part of a plan.
const (
	SkippedByPattern   = "excluded by a pattern"
	SkippedByAge       = "not updated since"
	SkippedPlaceholder = "placeholder of a folder" // the template makes no name for it
)

// skips returns why the request leaves out an object, or nothing.
func (r Request) skips(o copy.Listed) string {
	matches := func(pattern string) bool {
		ok, _ := path.Match(pattern, o.Name) // Check has parsed it
		if !ok && !strings.Contains(pattern, "/") {
			ok, _ = path.Match(pattern, path.Base(o.Name))
		}
		return ok
	}
	switch {
	case len(r.Include) > 0 && !slices.ContainsFunc(r.Include, matches), slices.ContainsFunc(r.Exclude, matches):
		return SkippedByPattern
	case o.Updated.Before(r.Since):
		return SkippedByAge
	}
	return ""
}

// Count is a number of objects and their bytes.
type Count struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func (c *Count) add(other Count) {
	c.Objects += other.Objects
	c.Bytes += other.Bytes
}

// Counts are counts by reason.
type Counts map[string]Count

// Add adds a count.
func (c Counts) Add(reason string, count Count) {
	sum := c[reason]
	sum.add(count)
	c[reason] = sum
}

func (c Counts) join(other Counts) {
	for reason, count := range other {
		c.Add(reason, count)
	}
}

// Sum returns the sum of all.
func (c Counts) Sum() (sum Count) {
	for _, count := range c {
		sum.add(count)
	}
	return sum
}

// Reasons returns the reasons, those with most objects first.
func (c Counts) Reasons() []string {
	return slices.SortedFunc(maps.Keys(c), func(a, b string) int {
		if n := c[b].Objects - c[a].Objects; n != 0 {
			return int(max(-1, min(1, n)))
		}
		return strings.Compare(a, b)
	})
}

// Tally is what a listing found. Every object is in one of ToCopy, Unchanged, Skipped and
// Failing.
type Tally struct {
	ToCopy       Count   `json:"toCopy"`
	Unchanged    Count   `json:"unchanged"`    // at the destination already
	Skipped      Counts  `json:"skipped"`      // by reason
	Failing      Counts  `json:"failing"`      // that cannot be copied, by reason
	Sizes        []Count `json:"sizes"`        // of ToCopy: the count at i is of sizes with i binary digits
	Classes      Counts  `json:"classes"`      // of ToCopy: by storage class
	Large        Count   `json:"large"`        // of ToCopy: that are copied in parts
	Parts        int64   `json:"parts"`        // of these
	Groups       Count   `json:"groups"`       // of ToCopy: that several invocations copy
	LeftOut      int64   `json:"leftOut"`      // objects of ToCopy with metadata that S3 cannot hold
	Placeholders int64   `json:"placeholders"` // of ToCopy: empty objects with names of folders
	Digest       Digest  `json:"digest"`       // of ToCopy

	SourcePages      int64 `json:"sourcePages"`       // requests of the listing
	Lookups          int64 `json:"lookups,omitempty"` // requests for single objects of a list
	DestinationPages int64 `json:"destinationPages"`  // of the destination's listing
}

// NewTally returns an empty tally.
func NewTally() Tally {
	return Tally{Skipped: Counts{}, Failing: Counts{}, Classes: Counts{}, Sizes: make([]Count, 64)}
}

// Found returns how many objects the listing found.
func (t Tally) Found() Count {
	sum := t.ToCopy
	sum.add(t.Unchanged)
	sum.add(t.Skipped.Sum())
	sum.add(t.Failing.Sum())
	return sum
}

// Join adds another tally.
func (t *Tally) Join(other Tally) {
	t.ToCopy.add(other.ToCopy)
	t.Unchanged.add(other.Unchanged)
	t.Skipped.join(other.Skipped)
	t.Failing.join(other.Failing)
	t.Classes.join(other.Classes)
	for i, c := range other.Sizes {
		t.Sizes[i].add(c)
	}
	t.Large.add(other.Large)
	t.Parts += other.Parts
	t.LeftOut += other.LeftOut
	t.Groups.add(other.Groups)
	t.Placeholders += other.Placeholders
	t.Digest.Join(other.Digest)
	t.SourcePages += other.SourcePages
	t.Lookups += other.Lookups
	t.DestinationPages += other.DestinationPages
}

// toCopy adds an object that is to be copied.
func (t *Tally) toCopy(o copy.Listed) {
	one := Count{1, o.Size}
	t.ToCopy.add(one)
	t.Sizes[bits.Len64(uint64(o.Size))].add(one)
	t.Classes.Add(o.Class, one)
	if parts := copy.Parts(o.Size); parts > 1 {
		t.Large.add(one)
		t.Parts += parts
	}
	t.Digest.Add(o.Name, o.Size, o.CRC32C)
}

// Plan is a finished plan; nothing changes it any more.
type Plan struct {
	Request  Request   `json:"request"`
	Tally    Tally     `json:"tally"`
	Shards   int       `json:"shards"`
	Hash     string    `json:"hash"`     // SHA-256 of the shards' files, in their order
	Examples []Example `json:"examples"` // objects that cannot be copied or lose metadata
	Finished time.Time `json:"finished"`

	// Objects to copy whose keys are also those of others: they fail, since one would
	// overwrite the other.
	Colliding int64 `json:"colliding"`
}

// Example is an object that a plan warns of.
type Example struct {
	Object string `json:"object"`
	Reason string `json:"reason"`
}

// maxExamples is how many examples of a reason a plan has.
const maxExamples = 10

// Progress is how far a job has come. The objects of the plan are in Copied, Unchanged, Newer,
// Failed, or yet to be copied.
type Progress struct {
	Round     int       `json:"round"` // the rounds so far
	Run       int       `json:"run"`   // the execution that began the next
	At        time.Time `json:"at"`
	Copied    Count     `json:"copied"`
	Unchanged Count     `json:"unchanged"` // at the destination already, as found while copying
	Newer     Count     `json:"newer"`     // of which the destination has a newer generation than planned
	Failed    Counts    `json:"failed"`    // for good, by cause
	Digest    Digest    `json:"digest"`    // of what is at the destination, as S3 confirmed it
	Lost      Digest    `json:"lost"`      // of Failed and Newer, as they were planned
	Left      int64     `json:"left"`      // shards that need another round
	LeftOut   int64     `json:"leftOut"`   // objects with metadata that S3 could not hold
	Seconds   float64   `json:"seconds"`   // of invocations, together
	Used      copy.Used `json:"used"`      // by them; those that died say nothing
	Shards    int64     `json:"shards"`    // results of shards so far
	Stopped   string    `json:"stopped,omitempty"`
	Next      string    `json:"next,omitempty"` // the index of the next round
}

// Outcomes returns how many objects have an outcome.
func (p Progress) Outcomes() Count {
	sum := p.Copied
	sum.add(p.Unchanged)
	sum.add(p.Newer)
	sum.add(p.Failed.Sum())
	return sum
}

// Report is what became of a job.
type Report struct {
	Plan     Plan      `json:"plan"`
	Progress Progress  `json:"progress"`
	Complete bool      `json:"complete"`         // every planned object has an outcome
	Proven   bool      `json:"proven"`           // the digests of plan and destination agree, save for what failed
	Expected Digest    `json:"expected"`         // of the plan without what failed
	Ledger   string    `json:"ledger"`           // SHA-256 of the results, in their order
	Limits   Limits    `json:"limits"`           // of the last run
	Missed   *Missed   `json:"missed,omitempty"` // by continuous replication; of a reconciliation
	Rounds   []Moment  `json:"rounds"`
	Failures []Failure `json:"failures"` // the first of them
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
}

// Moment is how far a job had come after a round.
type Moment struct {
	At   time.Time `json:"at"`
	Done Count     `json:"done"`
}

// Failure is an object that is not at the destination.
type Failure struct {
	Object string `json:"object"`
	Key    string `json:"key,omitempty"`
	Bytes  int64  `json:"bytes"`
	Cause  string `json:"cause"`
	Error  string `json:"error,omitempty"`
}

// maxFailures is how many failures a report lists; the ledger has all.
const maxFailures = 10_000
