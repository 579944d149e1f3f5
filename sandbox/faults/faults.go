// Package faults injects faults into requests to the local clouds, as networks and
// clouds under load cause them: late answers, refusals with 429 or 503, connections
// that break before, within or after a body, answers that stall, crawl or arrive
// changed. It stands in front of a cloud, and of the cloud it knows only how its
// services word a refusal.
package faults

import (
	"context"
	"math"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Fault is what happens to one request. The zero value does nothing; several
// fields may be set at once, and take effect in this order.
type Fault struct {
	Delay time.Duration // wait before the request is looked at

	// Refuse answers instead of the service, in its own form. The status 200
	// answers an error's body as a success, as S3 may do for long operations.
	Refuse *Refusal

	DropRequest    *int64 // break the connection when so many bytes of the request's body are read; at 0, before anybody looks at it
	CorruptRequest *int64 // flip a bit of the request's body, of the byte at this offset
	LoseAnswer     bool   // do what was asked, and break the connection instead of answering

	CutAnswer     *int64 // break the connection when so many bytes of the answer's body are sent
	CorruptAnswer *int64 // flip a bit of the answer's body, of the byte at this offset
	StallAnswer   *Stall
	AnswerRate    int64 // bytes of the answer's body a second; 0 is no limit

	Delivery *Delivery // what a queue does with the request, of services that deliver messages
}

// Delivery is what a service that delivers at least once does wrong, as such services are
// allowed to.
type Delivery struct {
	Duplicate bool   // messages that are received can be received again at once
	Shuffle   uint64 // the seed of an order at random in which messages are received; 0 keeps theirs
	Forget    bool   // an acknowledgement, or a change of a deadline, is answered and has no effect
}

// delivery is the key of a Delivery in a request's context.
type delivery struct{}

// DeliveryOf is how a service should deliver in answer to a request of this context.
func DeliveryOf(ctx context.Context) Delivery {
	d, _ := ctx.Value(delivery{}).(Delivery)
	return d
}

// Refusal is an error of a service.
type Refusal struct {
	Status     int           // of HTTP
	Code       string        // default: what the service calls errors of this status
	Message    string        // default: what it says of them
	RetryAfter time.Duration // the header of that name, in whole seconds; 0 sends none

	// After is how many bytes of the request's body are read before the answer, which
	// then does not wait for the rest; WholeBody reads it all. The service is not asked.
	// Without After, net/http answers as it does any refusal: a rest of less than
	// 256 KiB is read before.
	After int64
	// Close answers without waiting for more of the body and closes the connection with
	// the answer: a client that still sends may meet a reset before it reads the answer.
	Close bool
}

// WholeBody is more than any request's body has.
const WholeBody = math.MaxInt64

// Stall is a pause in an answer's body.
type Stall struct {
	At  int64 // bytes sent before
	For time.Duration
}

// At is an offset, in bytes.
func At(offset int64) *int64 { return &offset }

// Chooser decides what happens to a request; nil lets it pass. It is called
// once a request, from several at a time. service is cloud/service: aws/s3,
// google/iamcredentials.
type Chooser func(service string, r *http.Request) *Fault

// Rule lets a fault happen to the requests that it matches.
type Rule struct {
	Service string // pattern of cloud/service, or of service alone; empty matches all
	Method  string // empty matches all
	Path    string // pattern of the URL's path or, with a ?, of path and query, in which * is any text; empty matches all
	Skip    int    // of those that match, how many pass first
	Times   int    // and how many fail then; 0 is all
	Fault   Fault
}

// First is the fault of the first chooser that has one; a nil chooser has none.
func First(choosers ...Chooser) Chooser {
	return func(service string, r *http.Request) *Fault {
		for _, choose := range choosers {
			if choose == nil {
				continue
			}
			if f := choose(service, r); f != nil {
				return f
			}
		}
		return nil
	}
}

// Rules choose by the first rule that matches and is not used up.
func Rules(rules ...Rule) Chooser {
	var mu sync.Mutex
	seen := make([]int, len(rules))
	return func(service string, r *http.Request) *Fault {
		mu.Lock()
		defer mu.Unlock()
		for i, rule := range rules {
			if !rule.matches(service, r) {
				continue
			}
			seen[i]++
			if seen[i] > rule.Skip && (rule.Times == 0 || seen[i] <= rule.Skip+rule.Times) {
				return &rules[i].Fault
			}
		}
		return nil
	}
}

func (rule Rule) matches(service string, r *http.Request) bool {
	name := rule.Service
	if name != "" && !strings.Contains(name, "/") {
		name = "*/" + name
	}
	if ok, err := path.Match(name, service); name != "" && (err != nil || !ok) {
		return false
	}
	if rule.Method != "" && !strings.EqualFold(rule.Method, r.Method) {
		return false
	}
	asked := r.URL.Path
	if strings.Contains(rule.Path, "?") {
		asked += "?" + r.URL.RawQuery
	}
	return rule.Path == "" || glob(rule.Path, asked)
}

// glob matches a pattern whose * is any text, slashes too.
func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok || len(parts) == 1 {
		return ok && text == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}
