package scheduler

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Limits of "RetryPolicy", and the values of one that is left out.
const (
	maxRetries     = 185
	minAge, maxAge = 60, 86400
)

// schedule is one schedule. Server.mu guards it.
type schedule struct {
	name     string
	input    input
	when     expression
	created  time.Time
	modified time.Time
	next     time.Time // zero when it is never due again
}

// input is what CreateSchedule and UpdateSchedule take.
type input struct {
	GroupName                  string
	Description                string
	ScheduleExpression         string
	ScheduleExpressionTimezone string
	State                      string
	FlexibleTimeWindow         *window
	Target                     *target
	ActionAfterCompletion      string
	ClientToken                string
}

type window struct{ Mode string }

type target struct {
	Arn         string
	RoleArn     string
	Input       string
	RetryPolicy *retryPolicy `json:",omitempty"`
}

type retryPolicy struct {
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	MaximumRetryAttempts     *int `json:",omitempty"`
}

var functionRule = regexp.MustCompile(`^arn:aws:lambda:([a-z0-9-]+):(\d{12}):function:([a-zA-Z0-9-_]+)(:[$a-zA-Z0-9-_]+)?$`)

var machineRule = regexp.MustCompile(`^arn:aws:states:([a-z0-9-]+):(\d{12}):stateMachine:[a-zA-Z0-9-_.]+$`)

// check checks an input against the rules, fills in the defaults and reads its expression.
func (in *input) check() (expression, error) {
	in.GroupName, in.State = cmp.Or(in.GroupName, defaultGroup), cmp.Or(in.State, "ENABLED")
	in.ScheduleExpressionTimezone, in.ActionAfterCompletion = cmp.Or(in.ScheduleExpressionTimezone, "UTC"), cmp.Or(in.ActionAfterCompletion, "NONE")
	switch {
	case in.GroupName != defaultGroup:
		return expression{}, api.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule group %s does not exist.", in.GroupName)
	case in.FlexibleTimeWindow == nil:
		return expression{}, invalid("1 validation error detected: Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null")
	case in.FlexibleTimeWindow.Mode != "OFF":
		return expression{}, api.NotModelled("FlexibleTimeWindow.Mode " + in.FlexibleTimeWindow.Mode)
	case in.ActionAfterCompletion != "NONE":
		return expression{}, api.NotModelled("ActionAfterCompletion " + in.ActionAfterCompletion)
	case in.State != "ENABLED" && in.State != "DISABLED":
		return expression{}, invalid("1 validation error detected: Value '%s' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]", in.State)
	case in.Target == nil:
		return expression{}, invalid("1 validation error detected: Value null at 'target' failed to satisfy constraint: Member must not be null")
	case !strings.HasPrefix(in.Target.Arn, "arn:"):
		return expression{}, invalid("Provided Arn is not in correct format. Provided Arn: %s", in.Target.Arn)
	case !functionRule.MatchString(in.Target.Arn) && !machineRule.MatchString(in.Target.Arn):
		return expression{}, api.NotModelled("Target.Arn " + in.Target.Arn)
	}
	if p := in.Target.RetryPolicy; p != nil {
		if n := p.MaximumRetryAttempts; n != nil && (*n < 0 || *n > maxRetries) {
			return expression{}, invalid("1 validation error detected: Value '%d' at 'target.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value between 0 and %d", *n, maxRetries)
		}
		if n := p.MaximumEventAgeInSeconds; n != nil && (*n < minAge || *n > maxAge) {
			return expression{}, invalid("1 validation error detected: Value '%d' at 'target.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value between %d and %d", *n, minAge, maxAge)
		}
	}
	zone, err := time.LoadLocation(in.ScheduleExpressionTimezone)
	if err != nil || in.ScheduleExpressionTimezone == "Local" {
		return expression{}, invalid("Provided ScheduleExpressionTimezone is invalid.")
	}
	when, err := parseExpression(in.ScheduleExpression, zone)
	if err != nil {
		return expression{}, invalid("Invalid Schedule Expression %s.", in.ScheduleExpression)
	}
	return when, nil
}

// read authorizes a call that makes or changes a schedule, holds its input to the
// rules, and checks that the caller may pass the role and that Scheduler may assume it.
func (s *Server) read(r *api.Request, action string, in *input) (name string, when expression, err error) {
	name = r.PathValue("name")
	if err := r.Authorize("scheduler:"+action, s.arn(name), nil); err != nil {
		return name, when, err
	}
	if !nameRule.MatchString(name) {
		return name, when, invalid("1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$", name)
	}
	if when, err = in.check(); err != nil {
		return name, when, err
	}
	if err := r.Authorize("iam:PassRole", in.Target.RoleArn, map[string][]string{"iam:PassedToService": {principal}}); err != nil {
		return name, when, err
	}
	if _, err := s.ServiceRole(in.Target.RoleArn, principal, name, sessionLength); err != nil {
		return name, when, invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
	}
	return name, when, nil
}

type arnOutput struct{ ScheduleArn string }

func (s *Server) create(r *api.Request, in *input) (any, error) {
	name, when, err := s.read(r, "CreateSchedule", in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.schedules[name] != nil {
		return nil, api.Errorf(http.StatusConflict, "ConflictException", "Schedule %s already exists.", name)
	}
	now := s.Now()
	s.schedules[name] = &schedule{name: name, input: *in, when: when, created: now, modified: now, next: when.next(now, now)}
	return arnOutput{s.arn(name)}, nil
}

func (s *Server) update(r *api.Request, in *input) (any, error) {
	name, when, err := s.read(r, "UpdateSchedule", in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.schedules[name]
	if c == nil {
		return nil, notFound(name)
	}
	now := s.Now()
	c.input, c.when, c.modified, c.next = *in, when, now, when.next(now, now)
	return arnOutput{s.arn(name)}, nil
}

// find authorizes a call about a schedule and finds it. The caller holds the lock.
func (s *Server) find(r *api.Request, action string) (*schedule, error) {
	name := r.PathValue("name")
	if err := r.Authorize("scheduler:"+action, s.arn(name), nil); err != nil {
		return nil, err
	}
	if group := r.URL.Query().Get("groupName"); group != "" && group != defaultGroup {
		return nil, api.Errorf(http.StatusNotFound, "ResourceNotFoundException", "Schedule group %s does not exist.", group)
	}
	c := s.schedules[name]
	if c == nil {
		return nil, notFound(name)
	}
	return c, nil
}

type shape struct {
	Arn                        string
	Name                       string
	GroupName                  string
	Description                string `json:",omitempty"`
	ScheduleExpression         string
	ScheduleExpressionTimezone string
	State                      string
	FlexibleTimeWindow         *window
	Target                     *target
	ActionAfterCompletion      string
	CreationDate               api.Timestamp
	LastModificationDate       api.Timestamp
}

func (s *Server) get(r *api.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(r, "GetSchedule")
	if err != nil {
		return nil, err
	}
	in := c.input
	return shape{
		Arn: s.arn(c.name), Name: c.name, GroupName: in.GroupName, Description: in.Description, ScheduleExpression: in.ScheduleExpression,
		ScheduleExpressionTimezone: in.ScheduleExpressionTimezone, State: in.State, FlexibleTimeWindow: in.FlexibleTimeWindow, Target: in.Target,
		ActionAfterCompletion: in.ActionAfterCompletion, CreationDate: api.Timestamp(c.created), LastModificationDate: api.Timestamp(c.modified),
	}, nil
}

func (s *Server) delete(r *api.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.find(r, "DeleteSchedule")
	if err != nil {
		return nil, err
	}
	delete(s.schedules, c.name)
	return struct{}{}, nil
}

type summary struct {
	Arn                  string
	Name                 string
	GroupName            string
	State                string
	Target               struct{ Arn string }
	CreationDate         api.Timestamp
	LastModificationDate api.Timestamp
}

func (s *Server) list(r *api.Request) (any, error) {
	if err := r.Authorize("scheduler:ListSchedules", "*", nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	out := []summary{}
	for _, name := range slices.Sorted(maps.Keys(s.schedules)) {
		c := s.schedules[name]
		if !strings.HasPrefix(name, q.Get("NamePrefix")) || q.Get("State") != "" && q.Get("State") != c.input.State {
			continue
		}
		out = append(out, summary{s.arn(name), name, c.input.GroupName, c.input.State, struct{ Arn string }{c.input.Target.Arn}, api.Timestamp(c.created), api.Timestamp(c.modified)})
	}
	return map[string]any{"Schedules": out}, nil
}
