package lambda

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/lambda/runner"
)

const (
	maxEvent   = 1 << 20 // an asynchronous payload, "Lambda quotas"
	maxLogTail = 4 << 10 // X-Amz-Log-Result, "Invoke"
	maxRetries = 2       // of a failed asynchronous invocation, by default
)

func (s *Server) invoke(c *api.Request) (any, error) {
	s.mu.Lock()
	f, qualifier, err := s.qualified(c, "InvokeFunction")
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	kind := c.Header.Get("X-Amz-Invocation-Type")
	limit := runner.MaxPayload
	if kind == "Event" {
		limit = maxEvent
	}
	payload, err := io.ReadAll(io.LimitReader(c.Body, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("reading the payload: %w", err)
	}
	if len(payload) > limit {
		return nil, api.Errorf(http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than %d bytes for the InvokeFunction operation", limit)
	}
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	if !json.Valid(payload) {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json")
	}
	clientContext, err := base64.StdEncoding.DecodeString(c.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		return nil, api.Errorf(http.StatusBadRequest, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
	}
	in := runner.Invocation{RequestID: c.ID, TraceID: s.trace(), Payload: payload, ClientContext: string(clientContext)}
	if qualifier != "" {
		in.ARN = s.arn(f.name) + ":" + qualifier
	}
	switch kind {
	case "", "RequestResponse":
		return s.invokeNow(c, f, in)
	case "Event":
		s.events.Go(func() { s.invokeLater(f, in) })
		c.Writer.WriteHeader(http.StatusAccepted)
		return api.Written, nil
	case "DryRun":
		c.Writer.WriteHeader(http.StatusNoContent)
		return api.Written, nil
	}
	return nil, constraint(kind, "invocationType", "satisfy enum value set: [Event, RequestResponse, DryRun]")
}

func (s *Server) invokeNow(c *api.Request, f *function, in runner.Invocation) (any, error) {
	result, err := s.run(f, in)
	if err != nil {
		return nil, err
	}
	h := c.Writer.Header()
	h.Set("X-Amz-Executed-Version", cmp.Or(f.version, latest))
	if result.Failed {
		h.Set("X-Amz-Function-Error", "Unhandled")
		c.Entry.Code = result.ErrorType
	}
	if c.Header.Get("X-Amz-Log-Type") == "Tail" {
		tail := result.Log
		if len(tail) > maxLogTail {
			tail = tail[len(tail)-maxLogTail:]
		}
		h.Set("X-Amz-Log-Result", base64.StdEncoding.EncodeToString([]byte(tail)))
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(result.Payload)))
	h.Set("X-Amzn-Requestid", c.ID)
	h.Set("X-Amzn-Trace-Id", in.TraceID)
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(result.Payload) // a caller that is gone needs no answer
	return api.Written, nil
}

// throttled says why a function cannot run once more; it is empty if it can. Server.mu
// must be held.
func (s *Server) throttled(f *function) string {
	switch {
	case f.reserved != nil && f.running >= *f.reserved:
		return "ReservedFunctionConcurrentInvocationLimitExceeded"
	case f.reserved == nil && s.unreserved >= s.unreservedLimit(f):
		return "ConcurrentInvocationLimitExceeded"
	}
	return ""
}

// run runs one invocation within the function's concurrency and that of the account.
func (s *Server) run(f *function, in runner.Invocation) (runner.Result, error) {
	whole := f.main()
	for {
		s.mu.Lock()
		if reason := s.throttled(whole); reason != "" {
			s.mu.Unlock()
			return runner.Result{}, &api.Error{Status: http.StatusTooManyRequests, Code: "TooManyRequestsException", Message: "Rate Exceeded.",
				Members: map[string]string{"Reason": reason}}
		}
		pool, err := s.ready(f)
		if err != nil {
			s.mu.Unlock()
			return runner.Result{}, err
		}
		whole.running++
		shared := whole.reserved == nil
		if shared {
			s.unreserved++
		}
		s.mu.Unlock()
		result, err := pool.Invoke(in)
		s.mu.Lock()
		whole.running--
		if shared {
			s.unreserved--
		}
		close(s.ended)
		s.ended = make(chan struct{})
		again := errors.Is(err, runner.ErrClosed) && s.functions[f.name] == whole && !s.closed
		s.mu.Unlock()
		if again { // it was changed meanwhile, and has a new pool
			continue
		}
		if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code != "KMSAccessDeniedException" { // by IAM, for the role
			return result, api.Errorf(http.StatusForbidden, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.")
		}
		return result, err
	}
}

// invokeLater runs an asynchronous invocation, again if it fails, and sends what
// failed for good to the dead-letter queue. Other results go nowhere: destinations
// are not modelled.
func (s *Server) invokeLater(f *function, in runner.Invocation) {
	retries, oldest := maxRetries, maxEventAge
	s.mu.Lock()
	if a := f.main().asynchronous; f.of == nil && a != nil {
		if a.MaximumRetryAttempts != nil {
			retries = *a.MaximumRetryAttempts
		}
		if a.MaximumEventAgeInSeconds != nil {
			oldest = time.Duration(*a.MaximumEventAgeInSeconds) * time.Second
		}
	}
	s.mu.Unlock()
	expires := s.Now().Add(oldest)
	var result runner.Result
	var err error
	for range retries + 1 {
		if s.ctx.Err() != nil {
			return
		}
		if result, err = s.runInTime(f, in, expires); err == nil && !result.Failed {
			return
		}
	}
	s.bury(f, in, result, err)
}

// maxEventAge is how long an event waits by default: see "How Lambda handles errors and
// retries with asynchronous invocation".
const maxEventAge = 6 * time.Hour

// glance is how often the clock is looked at while an event waits.
const glance = 100 * time.Millisecond

// runInTime runs an invocation. As long as the function cannot run once more the event
// waits, which is none of its attempts, until it is too old by the cloud's clock.
func (s *Server) runInTime(f *function, in runner.Invocation, expires time.Time) (runner.Result, error) {
	for {
		s.mu.Lock()
		ended := s.ended
		s.mu.Unlock()
		result, err := s.run(f, in)
		refused, ok := errors.AsType[*api.Error](err)
		if !ok || refused.Status != http.StatusTooManyRequests || !s.Now().Before(expires) {
			return result, err
		}
		select {
		case <-ended:
		case <-time.After(glance):
		case <-s.ctx.Done():
			return result, err
		}
	}
}

// trace makes a trace id that is not sampled.
func (s *Server) trace() string {
	id := s.UUID()
	return fmt.Sprintf("Root=1-%08x-%s%s%s;Parent=%s%s;Sampled=0", s.Now().Unix(), id[:8], id[9:13], id[24:36], id[14:18], id[24:36])
}

// Settle waits until no asynchronous invocation is under way; it is for tests.
func (s *Server) Settle(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		s.events.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
