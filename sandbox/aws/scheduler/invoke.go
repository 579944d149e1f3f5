package scheduler

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// sessionLength is how long the session of an invocation lasts.
const sessionLength = 15 * time.Minute

// invocationLimit bounds one invocation, which only hands an event over.
const invocationLimit = 10 * time.Second

// invocation is one schedule that is due.
type invocation struct {
	name   string
	target target
	due    time.Time
}

// Tick invokes the targets of all schedules that are due by the cloud's clock, and
// waits until they have their events. The service does so every second; tests that
// move the clock need not wait for that.
func (s *Server) Tick() {
	s.ticking.Lock() // also for what the service has begun by itself
	defer s.ticking.Unlock()
	s.mu.Lock()
	now := s.Now()
	var due []invocation
	for _, c := range s.schedules {
		if c.next.IsZero() || now.Before(c.next) {
			continue
		}
		if c.input.State == "ENABLED" {
			due = append(due, invocation{c.name, *c.input.Target, c.next})
		}
		c.next = c.when.next(c.created, now)
	}
	s.mu.Unlock()
	for _, i := range due {
		s.invoke(i)
	}
}

// invoke hands one event to its target. What is refused is in the journal, and
// reported nowhere else, since a schedule has no queue for it.
func (s *Server) invoke(i invocation) {
	retries := maxRetries
	if p := i.target.RetryPolicy; p != nil && p.MaximumRetryAttempts != nil {
		retries = *p.MaximumRetryAttempts
	}
	id := hex.EncodeToString(s.Bytes(16))
	for attempt := 1; attempt <= retries+1 && s.ctx.Err() == nil; attempt++ {
		if !s.attempt(i, id, attempt) {
			return
		}
	}
}

// attempt reports whether another may succeed.
func (s *Server) attempt(i invocation, id string, attempt int) bool {
	creds, err := s.ServiceRole(i.target.RoleArn, principal, id, sessionLength)
	if err != nil {
		return false
	}
	// "Adding context attributes": what an event may say of its own occasion.
	payload := strings.NewReplacer(
		"<aws.scheduler.schedule-arn>", s.arn(i.name),
		"<aws.scheduler.scheduled-time>", i.due.UTC().Format(time.RFC3339),
		"<aws.scheduler.execution-id>", id,
		"<aws.scheduler.attempt-number>", strconv.Itoa(attempt),
	).Replace(cmp.Or(i.target.Input, "{}"))
	ctx, cancel := context.WithTimeout(s.ctx, invocationLimit)
	defer cancel()
	if cfg := s.Config(creds); machineRule.MatchString(i.target.Arn) {
		_, err = sfn.NewFromConfig(cfg).StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: &i.target.Arn, Input: &payload})
	} else {
		_, err = lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: &i.target.Arn, InvocationType: types.InvocationTypeEvent, Payload: []byte(payload)})
	}
	var refused *smithyhttp.ResponseError
	if errors.As(err, &refused) {
		status := refused.HTTPStatusCode()
		return status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
	}
	return false
}
