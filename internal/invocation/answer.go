package invocation

// Transferred is the body of the answer to a copy that succeeded.
const Transferred = "File transferred successfully"

// What became of an object.
const (
	OutcomeCopied      = "copied"
	OutcomeUnchanged   = "unchanged"   // the same bytes were there already
	OutcomeFailed      = "failed"      // the error says why
	OutcomeInterrupted = "interrupted" // the deadline cut it off; one of many only
)

// Result is the answer to a copy of one object. There is no other: a copy that
// failed is an error of the invocation.
type Result struct {
	StatusCode  int    `json:"statusCode"`        // 200
	Body        string `json:"body"`              // Transferred
	Source      string `json:"source"`            // gs://BUCKET/OBJECT
	Destination string `json:"destination"`       // s3://BUCKET/KEY
	Outcome     string `json:"outcome"`           // copied or unchanged
	Bytes       int64  `json:"bytes"`             // the object's size
	Generation  int64  `json:"generation,string"` // that was copied
	CRC32C      string `json:"crc32c"`            // base64 of the big-endian sum, as both clouds write it
	DurationMS  int64  `json:"durationMs"`
}

// ManyResult is the answer to an event that names many objects. Objects that failed
// are in it: they are not an error of the invocation.
type ManyResult struct {
	StatusCode  int            `json:"statusCode"` // 200; 207 when an object failed or the listing broke off
	Body        string         `json:"body"`
	Source      string         `json:"source"`      // gs://BUCKET/PREFIX
	Destination string         `json:"destination"` // s3://BUCKET/PREFIX
	Copied      int            `json:"copied"`
	Unchanged   int            `json:"unchanged"`
	Failed      int            `json:"failed"`
	Bytes       int64          `json:"bytes"` // of the objects copied
	DurationMS  int64          `json:"durationMs"`
	Cursor      string         `json:"cursor,omitempty"` // for the next event, when there is more to do
	Error       string         `json:"error,omitempty"`  // of the listing
	Objects     []ObjectResult `json:"objects"`
}

// ObjectResult is what became of one of many objects.
type ObjectResult struct {
	Object     string `json:"object"`
	Key        string `json:"key"`
	Outcome    string `json:"outcome"`
	Bytes      int64  `json:"bytes"`
	Generation int64  `json:"generation,string,omitempty"`
	CRC32C     string `json:"crc32c,omitempty"`
	Error      string `json:"error,omitempty"`
}

// TraceResult is the answer to an event with trace: what happened at each hop. A copy
// that failed is not an error of the invocation then, so that the caller sees where
// it failed.
type TraceResult struct {
	StatusCode  int    `json:"statusCode"` // 200, or 502 when the copy failed
	Body        string `json:"body"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
	Outcome     string `json:"outcome"`
	Bytes       int64  `json:"bytes"`
	Generation  int64  `json:"generation,string,omitempty"`
	CRC32C      string `json:"crc32c,omitempty"`
	DurationMS  int64  `json:"durationMs"`
	Trace       []Hop  `json:"trace"` // the hops that were reached, in order
}

// The hops of a copy, in their order.
const (
	HopSession   = "role session"        // who the function is for AWS
	HopPrincipal = "federated principal" // whom Google takes it for
	HopAccount   = "service account"     // whom it becomes; not with direct access
	HopRead      = "object read"
	HopWritten   = "object written"
)

// Hops are all hops, in their order.
func Hops() []string {
	return []string{HopSession, HopPrincipal, HopAccount, HopRead, HopWritten}
}

// Hop is what happened at one hop. Error, Status and Code are those of its last
// attempt, and absent when that succeeded.
type Hop struct {
	Hop        string `json:"hop"`
	Identity   string `json:"identity"` // who was become, or what was read or written
	DurationMS int64  `json:"durationMs"`
	Attempts   int    `json:"attempts"`
	Status     int    `json:"status,omitempty"` // of HTTP; 0 without an answer
	Code       string `json:"code,omitempty"`
	Error      string `json:"error,omitempty"`
}

// Identity is the identity of a hop that was reached, or empty.
func (r TraceResult) Identity(hop string) string {
	for _, h := range r.Trace {
		if h.Hop == hop {
			return h.Identity
		}
	}
	return ""
}
