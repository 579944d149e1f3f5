package copy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// patience is the retry policy: what is retried, how often, and with what
// back-off. The zero value is the policy in production.
type patience struct {
	now   func() time.Time                           // nil: the machine's clock
	sleep func(context.Context, time.Duration) error // nil: on the machine's clock
	stall time.Duration                              // how long nothing may move before a request counts as broken; 0: stallLimit
	brief bool                                       // a service that asks to slow down is asked no more often than others

	mu    sync.Mutex
	paces map[string]*pace // by service
}

// pace returns the pace of a service.
func (p *patience) pace(service string) *pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paces == nil {
		p.paces = map[string]*pace{}
	}
	if p.paces[service] == nil {
		p.paces[service] = &pace{patience: p}
	}
	return p.paces[service]
}

func (p *patience) clock() time.Time {
	if p.now == nil {
		return time.Now()
	}
	return p.now()
}

func (p *patience) pause(ctx context.Context, d time.Duration) error {
	if p.sleep == nil {
		return pause(ctx, d)
	}
	return p.sleep(ctx, d)
}

const (
	// maxAttempts is how often one request is attempted: each attempt may cost the
	// bytes of its body once more. A service that asks to slow down is asked again
	// as long as the deadline allows: see pace.
	maxAttempts = 6

	// Back-off is exponential with full jitter: AWS Builders' Library, "Timeouts,
	// retries, and backoff with jitter".
	firstBackOff  = 100 * time.Millisecond
	backOffFactor = 3
	maxBackOff    = 20 * time.Second

	// maxRetryAfter limits the wait that a server may ask for with Retry-After.
	maxRetryAfter = 20 * time.Second

	stallLimit = 10 * time.Second
)

// attempt retries do until it succeeds or another attempt is pointless, and calls retried
// before each attempt but the first.
func (p *patience) attempt(ctx context.Context, do func() error, retried func()) error {
	for attempts := 1; ; attempts++ {
		err := do()
		if err == nil {
			return nil
		}
		if err := p.again(ctx, attempts, err); err != nil {
			return err
		}
		retried()
	}
}

// again waits before the next attempt, after the given number of attempts, the
// last of which failed with err. It returns an error if there should be no other.
func (p *patience) again(ctx context.Context, attempts int, err error) error {
	if ctx.Err() != nil {
		return ended(ctx, err)
	}
	if !transient(err) {
		return err
	}
	var answer *AnswerError
	throttled := errors.As(err, &answer) && answer.throttles()
	deadline, limited := ctx.Deadline()
	if attempts >= maxAttempts && (p.brief || !throttled || !limited) {
		return &ExhaustedError{attempts, err}
	}
	var wait time.Duration
	if throttled {
		wait = p.pace(answer.Service).slow(answer)
	} else {
		limit := firstBackOff
		for range attempts - 1 {
			limit = min(backOffFactor*limit, maxBackOff)
		}
		wait = rand.N(limit)
		if answer != nil && answer.RetryAfter > wait {
			wait = min(answer.RetryAfter, maxRetryAfter)
		}
	}
	if limited && deadline.Sub(p.clock()) <= wait {
		return fmt.Errorf("%w: no time for attempt %d: %w", ErrDeadline, attempts+1, err)
	}
	if p.pause(ctx, wait) != nil {
		return ended(ctx, err)
	}
	return nil
}

// ended returns the reason why ctx ended, together with err, the failure before
// or because of it.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// stalled returns how long nothing may move.
func (p *patience) stalled() time.Duration {
	if p.stall == 0 {
		return stallLimit
	}
	return p.stall
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// ExhaustedError reports that a request has used up its attempts. Operations that
// depend on it are not retried either.
type ExhaustedError struct {
	Attempts int
	Err      error // of the last attempt
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("%d attempts failed, the last: %v", e.Attempts, e.Err)
}

func (e *ExhaustedError) Unwrap() error { return e.Err }

// brokenError is an exchange with a cloud that broke off or was corrupted in transit.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// transient reports whether a retry may succeed after err: the network failed, or
// a cloud reported a temporary error.
func transient(err error) bool {
	var (
		answer      *AnswerError
		certificate *tls.CertificateVerificationError
		network     *url.Error
		broken      *brokenError
		spoiled     *SpoiledError
		exhausted   *ExhaustedError
		contested   *contestedError
	)
	switch {
	case errors.As(err, &spoiled), errors.As(err, &exhausted):
		return false
	case errors.As(err, &contested):
		return true
	case errors.As(err, &answer):
		return answer.transient()
	case errors.As(err, &certificate):
		return false
	}
	return errors.As(err, &broken) || errors.As(err, &network)
}

// passing are S3's codes that ask for a retry even where their status does not:
// Amazon S3 API Reference, "Error responses". A wrong digest is among them: the
// bytes were right when they were sent.
var passing = []string{"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentChecksumMismatch", "OperationAborted", "ConditionalRequestConflict"}

// throttles reports whether the service asks to slow down: Amazon S3 User Guide, "Best
// practices design patterns"; Cloud Storage documentation, "Request rate and access
// distribution guidelines".
func (e *AnswerError) throttles() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable || e.Code == "SlowDown"
}

func (e *AnswerError) transient() bool {
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError || slices.Contains(passing, e.Code)
}

// retryAfter parses the header of RFC 9110, section 10.2.3: seconds, or a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(seconds, int(time.Hour/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
