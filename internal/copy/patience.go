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
	"time"
)

// patience says how failures are borne: what is tried again, how often, and how
// long is waited before. Its zero value is that of production.
type patience struct {
	now   func() time.Time                           // nil: the machine's clock
	sleep func(context.Context, time.Duration) error // nil: on the machine's clock
	stall time.Duration                              // nothing moves for so long: given up as broken; 0: stallLimit
}

const (
	// maxAttempts is how often one request is made.
	maxAttempts = 6

	// Back-off is exponential with full jitter: AWS Builders' Library, "Timeouts,
	// retries, and backoff with jitter".
	firstBackOff = 100 * time.Millisecond
	maxBackOff   = 5 * time.Second

	// maxRetryAfter bounds what a server may ask for in Retry-After.
	maxRetryAfter = 20 * time.Second

	stallLimit = 10 * time.Second
)

// again waits for the time of another attempt, after so many that failed, the
// last with err. It returns an error when there is to be none.
func (p *patience) again(ctx context.Context, attempts int, err error) error {
	if ctx.Err() != nil {
		return ended(ctx, err)
	}
	if !transient(err) {
		return err
	}
	if attempts >= maxAttempts {
		return &ExhaustedError{attempts, err}
	}
	wait := rand.N(min(maxBackOff, firstBackOff<<(attempts-1)))
	var answer *AnswerError
	if errors.As(err, &answer) && answer.RetryAfter > wait {
		wait = min(answer.RetryAfter, maxRetryAfter)
	}
	now, sleep := time.Now, pause
	if p.now != nil {
		now = p.now
	}
	if p.sleep != nil {
		sleep = p.sleep
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(now()) <= wait {
		return fmt.Errorf("%w: no time for attempt %d: %w", errDeadline, attempts+1, err)
	}
	if sleep(ctx, wait) != nil {
		return ended(ctx, err)
	}
	return nil
}

// ended is the reason for which ctx ended, and what failed before or by it.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// stalled is how long nothing may move.
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

// ExhaustedError says that a request was made as often as it may be. What depends
// on it is not tried again either.
type ExhaustedError struct {
	Attempts int
	Err      error // the last attempt's
}

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("%d attempts failed, the last: %v", e.Attempts, e.Err)
}

func (e *ExhaustedError) Unwrap() error { return e.Err }

// brokenError is an exchange with a cloud that broke off or went wrong on the way.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// transient tells whether another attempt may succeed where one failed with err:
// when the network failed or a cloud answered that it is for now.
func transient(err error) bool {
	var (
		answer      *AnswerError
		certificate *tls.CertificateVerificationError
		network     *url.Error
		broken      *brokenError
		spoiled     *SpoiledError
		exhausted   *ExhaustedError
	)
	switch {
	case errors.As(err, &spoiled), errors.As(err, &exhausted):
		return false
	case errors.As(err, &answer):
		return answer.transient()
	case errors.As(err, &certificate):
		return false
	}
	return errors.As(err, &broken) || errors.As(err, &network)
}

// passing are S3's codes that ask for another attempt, though their status may
// not: Amazon S3 API Reference, "Error responses". A wrong digest is among them:
// the bytes were right when they left.
var passing = []string{"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentChecksumMismatch", "OperationAborted", "ConditionalRequestConflict"}

func (e *AnswerError) transient() bool {
	return e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError || slices.Contains(passing, e.Code)
}

// retryAfter reads the header of RFC 9110, section 10.2.3: seconds, or a date.
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
