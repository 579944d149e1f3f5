package invocation

import "fmt"

// Transferred is the body of the answer to a successful copy.
const Transferred = "File transferred successfully"

// Status codes of answers, modelled on those of HTTP. An answer whose work is not
// complete never has StatusDone.
const (
	StatusDone    = 200 // everything that was asked is done
	StatusPartial = 206 // nothing failed, but there is more to do: see the cursor
	StatusFailed  = 207 // an object failed, or the listing broke off
)

// Outcomes of an object.
const (
	OutcomeCopied      = "copied"
	OutcomeUnchanged   = "unchanged"   // the same bytes were there already or, with OverwriteNewer, a newer generation
	OutcomeSkipped     = "skipped"     // a folder's placeholder, for which the template makes no name, or an object that is gone
	OutcomeDeleted     = "deleted"     // the source has no such object any more, and the copy was removed
	OutcomeFailed      = "failed"      // see the error
	OutcomeInterrupted = "interrupted" // stopped by the deadline; the cursor has it
)

// Result is the answer to a copy of one object. A failed copy has none: it is an
// error of the invocation. A copy that needs further invocations is not complete,
// and continues from the cursor.
type Result struct {
	StatusCode  int      `json:"statusCode"`        // StatusDone or StatusPartial
	Body        string   `json:"body"`              // Transferred, or how far the copy has come
	Complete    bool     `json:"complete"`          // whether the object is at the destination
	Source      string   `json:"source"`            // gs://BUCKET/OBJECT
	Destination string   `json:"destination"`       // s3://BUCKET/KEY
	Outcome     string   `json:"outcome"`           // copied, unchanged or interrupted
	Bytes       int64    `json:"bytes"`             // the object's size
	Reached     int64    `json:"reached,omitempty"` // bytes that S3 has, if interrupted
	Generation  int64    `json:"generation,string"` // the copied one
	CRC32C      string   `json:"crc32c"`            // base64 of the big-endian sum, as in both clouds
	DurationMS  int64    `json:"durationMs"`
	LeftOut     []string `json:"leftOut,omitempty"` // names of metadata that S3 cannot hold
	Cursor      string   `json:"cursor,omitempty"`  // for the next event, if the copy is not complete
}

// ManyResult is the answer to an event that names many objects. Failed objects
// are part of it: they are not an error of the invocation. Its counts are of this
// invocation; an object is counted in one of those that a cursor connects, and as
// interrupted in those before.
type ManyResult struct {
	StatusCode  int            `json:"statusCode"` // StatusDone, StatusPartial or StatusFailed
	Body        string         `json:"body"`
	Complete    bool           `json:"complete"`    // whether every object that was asked for has an outcome: there is no cursor
	Source      string         `json:"source"`      // gs://BUCKET/PREFIX
	Destination string         `json:"destination"` // s3://BUCKET/PREFIX
	Copied      int            `json:"copied"`
	Unchanged   int            `json:"unchanged"`
	Skipped     int            `json:"skipped"`
	Failed      int            `json:"failed"`
	Interrupted int            `json:"interrupted"`
	Bytes       int64          `json:"bytes"`   // of the objects copied
	Reached     int64          `json:"reached"` // bytes that S3 has of the objects interrupted
	DurationMS  int64          `json:"durationMs"`
	Cursor      string         `json:"cursor,omitempty"` // for the next event, if the work is not complete
	Error       string         `json:"error,omitempty"`  // from the listing
	Objects     []ObjectResult `json:"objects"`
}

// Summary says in words what the counts say.
func (r ManyResult) Summary() string {
	noun := "objects"
	if r.Copied == 1 {
		noun = "object"
	}
	text := fmt.Sprintf("%d %s transferred, %d unchanged, %d failed", r.Copied, noun, r.Unchanged, r.Failed)
	if r.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped", r.Skipped)
	}
	if r.Interrupted > 0 {
		text += fmt.Sprintf(", %d interrupted", r.Interrupted)
	}
	if !r.Complete {
		text += "; there is more to do: see the cursor"
	}
	return text
}

// ObjectResult is the outcome of one of many objects.
type ObjectResult struct {
	Object     string   `json:"object"`
	Key        string   `json:"key"`
	Outcome    string   `json:"outcome"`
	Bytes      int64    `json:"bytes"`
	Reached    int64    `json:"reached,omitempty"` // bytes that S3 has, if interrupted
	Generation int64    `json:"generation,string,omitempty"`
	CRC32C     string   `json:"crc32c,omitempty"`
	LeftOut    []string `json:"leftOut,omitempty"` // names of metadata that S3 cannot hold
	Error      string   `json:"error,omitempty"`
	Cause      string   `json:"cause,omitempty"`     // the kind of the error: the service, status and code of a refusal, or a few words
	Transient  bool     `json:"transient,omitempty"` // another attempt may succeed
}

// TraceResult is the answer to an event with trace: what happened at each hop. A
// failed copy is not an error of the invocation then, so that the caller sees
// where it failed.
type TraceResult struct {
	StatusCode  int    `json:"statusCode"` // 200, or 502 if the copy failed
	Body        string `json:"body"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Outcome     string `json:"outcome"`
	Bytes       int64  `json:"bytes"`
	Generation  int64  `json:"generation,string,omitempty"`
	CRC32C      string `json:"crc32c,omitempty"`
	DurationMS  int64  `json:"durationMs"`
	Trace       []Hop  `json:"trace"` // the hops reached, in order
}

// The hops of a copy, in order.
const (
	HopSession   = "role session"        // the function's identity for AWS
	HopPrincipal = "federated principal" // its identity for Google
	HopAccount   = "service account"     // the account it impersonates; not with direct access
	HopRead      = "object read"
	HopWritten   = "object written"
)

// Hops returns all hops, in order.
func Hops() []string {
	return []string{HopSession, HopPrincipal, HopAccount, HopRead, HopWritten}
}

// Hop is what happened at a hop. Error, Status and Code are those of its last
// attempt, and absent if that succeeded.
type Hop struct {
	Hop        string `json:"hop"`
	Identity   string `json:"identity"` // the identity assumed, or what was read or written
	DurationMS int64  `json:"durationMs"`
	Attempts   int    `json:"attempts"`
	Status     int    `json:"status,omitempty"` // HTTP status; 0 without a response
	Code       string `json:"code,omitempty"`
	Error      string `json:"error,omitempty"`
}

// Identity returns the identity of a hop, or an empty string if it was not reached.
func (r TraceResult) Identity(hop string) string {
	for _, h := range r.Trace {
		if h.Hop == hop {
			return h.Identity
		}
	}
	return ""
}

// EventsResult is the answer of the events function: what it did with the messages that it
// got. A message counts as often as it came.
type EventsResult struct {
	StatusCode            int    `json:"statusCode"` // StatusDone, StatusPartial or StatusFailed
	Body                  string `json:"body"`
	Complete              bool   `json:"complete"` // there was no message left
	Events                int    `json:"events"`   // messages
	Copied                int    `json:"copied"`   // objects, as are the following
	Unchanged             int    `json:"unchanged"`
	Skipped               int    `json:"skipped"`
	Deleted               int    `json:"deleted"`
	Failed                int    `json:"failed"`                // and messages that cannot be understood
	Interrupted           int    `json:"interrupted"`           // by the deadline; they come again
	Bytes                 int64  `json:"bytes"`                 // of the objects copied
	DeadLetters           int    `json:"deadLetters"`           // messages that were given up, as far as they were seen
	OldestEventAgeSeconds int64  `json:"oldestEventAgeSeconds"` // of the events that came
	DurationMS            int64  `json:"durationMs"`
}

// Summary says in words what the counts say.
func (r EventsResult) Summary() string {
	text := fmt.Sprintf("%d events: %d objects copied, %d unchanged, %d deleted, %d failed", r.Events, r.Copied, r.Unchanged+r.Skipped, r.Deleted, r.Failed)
	if r.Interrupted > 0 {
		text += fmt.Sprintf(", %d interrupted", r.Interrupted)
	}
	return text
}
