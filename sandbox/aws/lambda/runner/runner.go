// Package runner runs deployed functions: the zip that was uploaded, as child
// processes of this one, behind the Lambda Runtime API.
//
// Modelled: the OS-only runtimes (a bootstrap executable); cold and warm
// starts, with idle environments kept; the Runtime API of version 2018-06-01 on
// a loopback listener of each environment's own; timeouts, exits, failed starts
// and too large responses with the errors that Lambda makes of them; START, END
// and REPORT lines in text or JSON; the peak of resident memory, and the kill
// of a process that exceeds its setting; the environment variables that Lambda
// sets, and no others of the host's.
//
// Not modelled: the freezing of idle environments, extensions and layers, the
// file system of Lambda (the task root is a temporary folder, /tmp is the
// host's), CPU shares, response streaming, a restart of an initialization that
// takes longer than ten seconds (it goes on, at the invocation's expense).
//
// A child cannot be kept from opening sockets without privileges that a test
// machine seldom grants. Instead its proxy variables point at a closed loopback
// port and AWS_ENDPOINT_URL at the local cloud, so that nothing that honours
// them leaves the machine.
//
// Children run in process groups of their own, which are killed whole, and on
// Linux the kernel kills them when this process dies. A function that starts a
// session of its own (setsid) escapes both.
package runner

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Limits of "Lambda quotas".
const (
	MaxPayload  = 6 << 20          // request or response, synchronous
	MaxUnzipped = 250 << 20        // deployment package with layers
	initLimit   = 10 * time.Second // the initialization phase, before it counts as an invocation's own
)

// responseLimit is the figure that Lambda itself names in the error: the
// payload's limit with its framing.
const responseLimit = 6_291_556

// Function is one version of a function: its code and configuration.
type Function struct {
	ARN, Name, Version string
	Region             string
	Handler            string
	Architecture       string
	MemoryMB           int
	Timeout            time.Duration
	Variables          map[string]string
	LogGroup           string
	JSONLogs           bool
	Root               string // where the code is unpacked

	Endpoint string // the cloud's URL
	// Credentials makes a session of the function's role.
	Credentials func() (api.Credentials, error)
	// Deliver hands log lines over, with the credentials of the environment that
	// wrote them, and reports whether they arrived. It is called once an invocation,
	// before its result is returned.
	Deliver func(LogBatch) bool

	Now    func() time.Time // nil is time.Now
	Random io.Reader        // nil is crypto/rand
}

// LogBatch is what one environment wrote during one invocation.
type LogBatch struct {
	Group, Stream string
	New           bool // nothing of this stream has arrived before
	Credentials   api.Credentials
	Lines         []LogLine
}

// LogLine is one log event.
type LogLine struct {
	Time    time.Time
	Message string
}

// Invocation is one request to a function.
type Invocation struct {
	RequestID     string
	TraceID       string
	ClientContext string // JSON
	ARN           string // that was called; empty is the function's
	Payload       []byte
}

// Result is what came of an invocation.
type Result struct {
	Payload   []byte
	Failed    bool   // the payload is an error document
	ErrorType string // of a failure: Runtime.ExitError …
	Log       string // all lines of this invocation
}

func (f *Function) now() time.Time {
	if f.Now == nil {
		return time.Now()
	}
	return f.Now()
}

// hex gives n random bytes in hexadecimal digits.
func (f *Function) hex(n int) string {
	r := f.Random
	if r == nil {
		r = rand.Reader
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		panic("reading randomness: " + err.Error())
	}
	return hex.EncodeToString(b)
}
