// Package states models AWS Step Functions: Standard state machines in the Amazon
// States Language with JSONPath, and executions that really run, in sessions of the
// state machine's role and on the cloud's clock.
//
// Modelled: Task on Lambda (arn:aws:states:::lambda:invoke), Map in distributed mode
// with Standard children, which reads JSON Lines from S3 or an array of its input and
// writes its results to S3, Choice, Wait, Pass, Succeed and Fail, Retry with jitter,
// Catch, the quotas of data, history, items, names and calls, and redrives.
//
// Not modelled, and refused by name: Express workflows, JSONata and variables,
// activities, other service integrations, task tokens, Parallel, inline Map, batches
// of items, readers of CSV, JSON and listings, versions, aliases, encryption keys,
// JSONPath beyond names and indexes, and intrinsic functions that intrinsic.go does
// not list. X-Ray tracing is accepted and traces nothing. A state's output has its
// members in the order of their names. A clock that jumps is noticed within tick.
//
// The calls of an execution need the role's rights, as "IAM policies for using Distributed
// Map states" lists them: lambda:InvokeFunction, s3:GetObject, s3:PutObject,
// s3:ListMultipartUploadParts and s3:AbortMultipartUpload, states:StartExecution on the
// state machine for every child, and states:RedriveExecution on every child that is
// redriven. The states:DescribeExecution that it lists as well names executions that are
// no children, and is not asked for.
//
// Of the children of a Map Run, data and histories are kept for the first
// keptChildren and for those that failed; the others say so when they are asked for.
package states

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// principal is the service that assumes a state machine's role.
const principal = "states.amazonaws.com"

// Quotas; see "Step Functions service quotas".
const (
	maxName       = 80
	maxDefinition = 1 << 20     // bytes
	maxData       = 256 << 10   // bytes of an input or output
	maxEvents     = 25_000      // of one history
	maxItems      = 100_000_000 // that one Map Run reads; it ignores the rest
	maxChildren   = 10_000      // that run at once in one Map Run
	maxTags       = 50          // of one resource
	retention     = 90 * 24 * time.Hour
	redrivable    = 14 * 24 * time.Hour // "Redriving state machine executions"
	maxDuration   = 365 * 24 * time.Hour
)

// Options say where the service is and what it relies on.
type Options struct {
	api.Options
	Dir string // where Map Runs keep their items and results; empty is the system's temporary folder
	// Ask decides about an action that no request asks for, as the identity of a key.
	Ask func(accessKeyID, action, resource string, keys map[string][]string) error
	// Log puts events into a log group, as the service that delivers logs does. It
	// reports whether there is such a group.
	Log func(group, stream string, messages []string) bool
}

// Server is the service. Make it with New, and Close it.
type Server struct {
	Options
	dir       string
	ctx       context.Context
	cancel    context.CancelFunc
	work      sync.WaitGroup // executions and Map Runs
	clock     clock
	throttles throttles
	transport *http.Transport // to Lambda

	mu         sync.Mutex
	machines   map[string]*stateMachine // by ARN
	executions map[string]*execution    // by ARN
	mapRuns    map[string]*mapRun       // by ARN
	sequence   int                      // of executions
}

// New makes the service.
func New(o Options) (*Server, error) {
	o.Options = o.Options.WithDefaults()
	dir, err := os.MkdirTemp(o.Dir, "states-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for Map Runs: %w", err)
	}
	s := &Server{
		Options: o, dir: dir, throttles: newThrottles(o.Region), transport: http.DefaultTransport.(*http.Transport).Clone(),
		machines: map[string]*stateMachine{}, executions: map[string]*execution{}, mapRuns: map[string]*mapRun{},
	}
	// Children of Map Runs invoke functions all at once.
	s.transport.MaxIdleConns, s.transport.MaxIdleConnsPerHost = maxChildren, maxChildren
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.clock = clock{now: o.Now, woken: make(chan struct{}, 1)}
	s.work.Go(func() { s.clock.run(s.ctx) })
	return s, nil
}

// Close stops all executions and removes what Map Runs kept.
func (s *Server) Close() error {
	s.cancel()
	s.work.Wait()
	s.transport.CloseIdleConnections()
	return os.RemoveAll(s.dir)
}

// Tick looks at the clock at once; it is for tests that move the clock.
func (s *Server) Tick() { s.clock.ring() }

// Service declares the Step Functions API.
func (s *Server) Service() api.Service {
	operations := map[string]api.Operation{
		"CreateStateMachine":               api.Do(s.createStateMachine),
		"UpdateStateMachine":               api.Do(s.updateStateMachine),
		"DeleteStateMachine":               api.Do(s.deleteStateMachine),
		"DescribeStateMachine":             api.Do(s.describeStateMachine),
		"DescribeStateMachineForExecution": api.Do(s.describeStateMachineForExecution),
		"ListStateMachines":                api.Do(s.listStateMachines),
		"ValidateStateMachineDefinition":   api.Do(s.validateDefinition),
		"StartExecution":                   api.Do(s.startExecution),
		"StopExecution":                    api.Do(s.stopExecution),
		"RedriveExecution":                 api.Do(s.redriveExecution),
		"DescribeExecution":                api.Do(s.describeExecution),
		"ListExecutions":                   api.Do(s.listExecutions),
		"GetExecutionHistory":              api.Do(s.getExecutionHistory),
		"DescribeMapRun":                   api.Do(s.describeMapRun),
		"ListMapRuns":                      api.Do(s.listMapRuns),
		"UpdateMapRun":                     api.Do(s.updateMapRun),
		"TagResource":                      api.Do(s.tagResource),
		"UntagResource":                    api.Do(s.untagResource),
		"ListTagsForResource":              api.Do(s.listTagsForResource),
	}
	for name, do := range operations {
		operations[name] = func(r *api.Request) (any, error) {
			switch {
			case s.ctx.Err() != nil:
				return nil, api.Errorf(http.StatusServiceUnavailable, "ServiceUnavailable", "The sandbox is closing.")
			case !s.throttles.allow(name, s.Now()):
				return nil, refuse("ThrottlingException", "Rate exceeded")
			}
			return do(r)
		}
	}
	return api.Service{Protocol: api.JSON{Target: "AWSStepFunctions"}, Operations: operations}
}

func refuse(code, format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, code, format, args...)
}

// invalid is the answer of the common validation to one bad member.
func invalid(value any, member, constraint string) error {
	return refuse("ValidationException", "1 validation error detected: Value '%v' at '%s' failed to satisfy constraint: %s", value,
		member, constraint)
}

// wrong is a ValidationException with its reason.
func wrong(reason, message string) error {
	return &api.Error{Status: http.StatusBadRequest, Code: "ValidationException", Message: message,
		Members: map[string]string{"reason": reason}}
}

// forbidden are the characters that names must not contain; see "Step Functions
// service quotas".
var forbidden = regexp.MustCompile("[\\s<>{}\\[\\]?*\"#%\\\\^|~`$&,;:/\\x00-\\x1f\\x7f-\\x9f]")

func checkName(name string) error {
	if name == "" || len([]rune(name)) > maxName || forbidden.MatchString(name) {
		return refuse("InvalidName", "Invalid Name: '%s'", name)
	}
	return nil
}

// resource reads the part of an ARN of this service behind its kind: stateMachine,
// execution or mapRun.
func (s *Server) resource(arn, kind string) (string, error) {
	parts := strings.SplitN(arn, ":", 7)
	switch {
	case len(parts) < 7 || parts[0] != "arn":
		return "", refuse("InvalidArn", "Invalid Arn: 'Invalid ARN prefix: %s'", arn)
	case parts[2] != "states":
		return "", refuse("InvalidArn", "Invalid Arn: 'ARN is not for service states: %s'", arn)
	case parts[5] != kind:
		return "", refuse("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: %s'", parts[5])
	}
	return parts[6], nil
}

// authorize reads an ARN and checks the right to do action on it.
func (s *Server) authorize(r *api.Request, action, arn, kind string) error {
	if _, err := s.resource(arn, kind); err != nil {
		return err
	}
	return r.Authorize("states:"+action, arn, nil)
}

// pages are how lists are cut; see "ListExecutions".
func pages(token string) api.Pages {
	return api.Pages{Size: 100, Most: 1000,
		BadSize: func(n int) error {
			if n < 0 {
				return invalid(n, "maxResults", "Member must have value greater than or equal to 0")
			}
			return invalid(n, "maxResults", "Member must have value less than or equal to 1000")
		},
		BadToken: func() error { return refuse("InvalidToken", "Invalid Token: 'Invalid token'") },
	}
}

// cut cuts a page out of a list. A size of 0 is the default.
func cut[T any](items []T, size *int, token string) (page []T, next string, err error) {
	if size != nil && *size == 0 {
		size = nil
	}
	page, next, err = api.Page(pages(token), items, size, token)
	if page == nil {
		page = []T{}
	}
	return page, next, err
}

// newestFirst sorts by time, and by the order of beginning within one instant.
func newestFirst(executions []*execution) {
	slices.SortFunc(executions, func(a, b *execution) int {
		return cmp.Or(b.start.Compare(a.start), cmp.Compare(b.number, a.number))
	})
}
