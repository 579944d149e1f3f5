// Package scheduler models Amazon EventBridge Scheduler: schedules by rate, cron
// expression or point in time, in their time zones, that really invoke Lambda
// functions, asynchronously, or start executions of Step Functions' state machines, in a
// session of their role, when the cloud's clock says so: "Using templated targets in
// EventBridge Scheduler".
//
// A clock that jumps makes a schedule due once, no matter how many times were
// skipped. A temporary refusal is retried at once, up to the limit of the retry
// policy; a final one is not retried, which is believed of the real service.
//
// It does not model schedule groups other than "default" (and so no tags, which
// only groups have), flexible windows, start and end dates, keys of KMS,
// dead-letter queues of schedules, deletion after completion, and targets other
// than Lambda functions and state machines; they are refused by name.
package scheduler

import (
	"context"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// principal is the service that assumes a schedule's role.
const principal = "scheduler.amazonaws.com"

// defaultGroup is the one group that every account has.
const defaultGroup = "default"

// tick is how often the clock is looked at.
const tick = time.Second

var nameRule = regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`)

// Server is the service. Make it with New, and Close it.
type Server struct {
	api.Options
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	ticking   sync.Mutex // held while due schedules are invoked
	mu        sync.Mutex
	schedules map[string]*schedule
}

// New makes the service, which looks at its clock until it is closed.
func New(o api.Options) *Server {
	s := &Server{Options: o.WithDefaults(), schedules: map[string]*schedule{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.watch)
	return s
}

// Service declares the Scheduler API.
func (s *Server) Service() api.Service {
	return api.Service{
		Protocol: api.REST{Routes: []api.Route{
			{Pattern: "POST /schedules/{name}", Operation: "CreateSchedule"},
			{Pattern: "PUT /schedules/{name}", Operation: "UpdateSchedule"},
			{Pattern: "GET /schedules/{name}", Operation: "GetSchedule"},
			{Pattern: "DELETE /schedules/{name}", Operation: "DeleteSchedule"},
			{Pattern: "GET /schedules", Operation: "ListSchedules"},
		}},
		Operations: map[string]api.Operation{
			"CreateSchedule": api.Do(s.create),
			"UpdateSchedule": api.Do(s.update),
			"GetSchedule":    s.get,
			"DeleteSchedule": s.delete,
			"ListSchedules":  s.list,
		},
	}
}

// Close ends the service.
func (s *Server) Close() error {
	s.cancel()
	s.work.Wait()
	return nil
}

func (s *Server) watch() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			s.Tick()
		}
	}
}

func (s *Server) arn(name string) string {
	return s.ARN("scheduler", "schedule/"+defaultGroup+"/"+name)
}

func invalid(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "ValidationException", format, args...)
}

func notFound(name string) error {
	return api.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule %s does not exist.", name)
}
