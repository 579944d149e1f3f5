package states

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// The states of executions and Map Runs.
const (
	statusRunning        = "RUNNING"
	statusSucceeded      = "SUCCEEDED"
	statusFailed         = "FAILED"
	statusTimedOut       = "TIMED_OUT"
	statusAborted        = "ABORTED"
	statusPendingRedrive = "PENDING_REDRIVE"
)

// execution is one execution of a state machine, or a child of a Map Run.
type execution struct {
	server   *Server
	arn, id  string // its name
	number   int    // in the order of beginning
	revision *revision
	workflow *workflow
	session  *session
	run      *mapRun // of a child
	index    int     // of a child's item
	text     string  // input
	start    time.Time

	mu         sync.Mutex
	status     string
	stop       time.Time
	input      any
	output     string
	failure    failure
	events     []event
	count      int // of events, kept or not
	dropped    bool
	redrives   int
	redriven   time.Time
	token      string  // of the call that redrove it
	point      point   // where a redrive goes on
	mapRun     *mapRun // of the present state
	resumes    bool    // a redrive goes on within that state
	cancel     context.CancelCauseFunc
	done       chan struct{} // closed at its end
	errorCause failed        // of StopExecution
}

// point is a state and what it was entered with.
type point struct {
	state    string
	input    any
	text     string
	entered  int       // id of the event
	at       time.Time // when it was entered
	previous int       // id of the event before
}

// Why an execution ends early.
var (
	errAborted  = errors.New("the execution was stopped")
	errTimedOut = errors.New("the execution took too long")
)

func (e *execution) running() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status == statusRunning
}

type startInput struct {
	StateMachineArn, Name, TraceHeader string
	Input                              *string
}

type executionStart struct {
	ExecutionArn string        `json:"executionArn"`
	StartDate    api.Timestamp `json:"startDate"`
}

func (s *Server) startExecution(r *api.Request, in *startInput) (any, error) {
	if err := s.authorize(r, "StartExecution", in.StateMachineArn, "stateMachine"); err != nil {
		return nil, err
	}
	if in.Name == "" {
		in.Name = s.UUID()
	}
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if in.TraceHeader != "" {
		return nil, api.NotModelled("traceHeader")
	}
	if strings.Contains(in.StateMachineArn, "/") {
		return nil, wrong("API_DOES_NOT_SUPPORT_LABELED_ARNS",
			"StartExecution does not support state machine ARNs qualified with labels: '"+in.StateMachineArn+"'")
	}
	text := "{}"
	if in.Input != nil {
		text = *in.Input
	}
	if len(text) > maxData {
		return nil, invalid("…", "input", "Member must have length less than or equal to 262144")
	}
	input, err := parse([]byte(text))
	if err != nil {
		return nil, refuse("InvalidExecutionInput", "Invalid State Machine Execution Input: '%s'", syntax([]byte(text), err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	arn := s.ARN("states", "execution:"+m.name+":"+in.Name)
	if old := s.executions[arn]; old != nil {
		old.mu.Lock()
		defer old.mu.Unlock()
		switch {
		case old.status == statusRunning && old.text == text:
			return executionStart{arn, api.Timestamp(old.start)}, nil
		case old.status == statusRunning || s.Now().Sub(old.stop) < retention:
			return nil, refuse("ExecutionAlreadyExists", "Execution Already Exists: '%s'", arn)
		}
	}
	e := &execution{
		server: s, arn: arn, id: in.Name, revision: m.revision, workflow: m.workflow, session: &session{server: s, machine: m.arn, role: m.role},
		text: text, input: input,
	}
	s.begin(e)
	return executionStart{arn, api.Timestamp(e.start)}, nil
}

// begin begins an execution. The caller holds the lock.
func (s *Server) begin(e *execution) {
	s.sequence++
	e.number, e.start, e.status = s.sequence, s.Now(), statusRunning
	e.point = point{state: e.workflow.startAt, input: e.input, text: e.text}
	s.executions[e.arn] = e
	e.mu.Lock()
	e.record(0, "ExecutionStarted", "executionStartedEventDetails", executionStarted{Input: e.text, RoleArn: e.revision.role})
	e.mu.Unlock()
	s.launch(e, true)
}

// launch runs an execution on, from its point.
func (s *Server) launch(e *execution, enter bool) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	done := make(chan struct{})
	e.mu.Lock()
	e.cancel, e.done = cancel, done
	e.mu.Unlock()
	limit := maxDuration
	if e.workflow.timeout > 0 {
		limit = e.workflow.timeout
	}
	giveUp := s.clock.at(s.Now().Add(limit), func() { cancel(errTimedOut) })
	s.work.Go(func() {
		defer giveUp()
		e.end(e.follow(ctx, enter))
		cancel(nil)
		close(done)
		if e.run != nil {
			e.run.ended(e)
			return
		}
		s.mu.Lock()
		s.sweep(e.revision.arn)
		s.mu.Unlock()
	})
}

// end records how an execution ended.
func (e *execution) end(output string, last int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server.ctx.Err() != nil {
		return // the service ends, not the execution
	}
	e.stop = e.server.Now()
	f, isFailure := errors.AsType[*failure](err)
	switch {
	case err == nil:
		e.status, e.output = statusSucceeded, output
		e.record(last, "ExecutionSucceeded", "executionSucceededEventDetails", executionSucceeded{Output: output})
	case errors.Is(err, errAborted):
		e.status, e.failure = statusAborted, failure{name: e.errorCause.Error, cause: e.errorCause.Cause}
		e.record(0, "ExecutionAborted", "executionAbortedEventDetails", e.errorCause)
	case errors.Is(err, errTimedOut):
		e.status, e.failure = statusTimedOut, failure{name: "States.Timeout"}
		e.record(0, "ExecutionTimedOut", "executionTimedOutEventDetails", failed{})
	case isFailure:
		e.status, e.failure = statusFailed, *f
		e.record(last, "ExecutionFailed", "executionFailedEventDetails", failed{f.name, f.cause})
	default:
		e.status, e.failure = statusFailed, failure{name: "States.Runtime", cause: err.Error()}
		e.record(last, "ExecutionFailed", "executionFailedEventDetails", failed{"States.Runtime", err.Error()})
	}
}

// execution authorizes a call about an execution and finds it.
func (s *Server) execution(r *api.Request, action, arn string) (*execution, error) {
	if err := s.authorize(r, action, arn, "execution"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.executions[arn]
	if e == nil || e.expired() {
		return nil, refuse("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	return e, nil
}

// expired reports whether the execution is no longer kept.
func (e *execution) expired() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status != statusRunning && e.server.Now().Sub(e.stop) >= retention
}

// stopExecution stops an execution that runs; of one that has ended, it tells when.
func (s *Server) stopExecution(r *api.Request, in *struct{ ExecutionArn, Error, Cause string }) (any, error) {
	e, err := s.execution(r, "StopExecution", in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	e.abort(failed{in.Error, in.Cause})
	e.mu.Lock()
	defer e.mu.Unlock()
	return map[string]any{"stopDate": api.Timestamp(e.stop)}, nil
}

// interrupt ends an execution early, if it has begun.
func (e *execution) interrupt(why error) {
	e.mu.Lock()
	cancel := e.cancel
	e.mu.Unlock()
	if cancel != nil {
		cancel(why)
	}
}

// abort stops an execution and waits for its end.
func (e *execution) abort(why failed) {
	e.mu.Lock()
	if e.status == statusRunning {
		e.errorCause = why
	}
	done := e.done
	e.mu.Unlock()
	e.interrupt(errAborted)
	<-done
}

type executionShape struct {
	ExecutionArn        string         `json:"executionArn"`
	StateMachineArn     string         `json:"stateMachineArn"`
	Name                string         `json:"name"`
	Status              string         `json:"status"`
	StartDate           api.Timestamp  `json:"startDate"`
	StopDate            *api.Timestamp `json:"stopDate,omitempty"`
	Input               string         `json:"input,omitempty"`
	InputDetails        *included      `json:"inputDetails,omitempty"`
	Output              string         `json:"output,omitempty"`
	OutputDetails       *included      `json:"outputDetails,omitempty"`
	MapRunArn           string         `json:"mapRunArn,omitempty"`
	Error               string         `json:"error,omitempty"`
	Cause               string         `json:"cause,omitempty"`
	RedriveCount        int            `json:"redriveCount"`
	RedriveDate         *api.Timestamp `json:"redriveDate,omitempty"`
	RedriveStatus       string         `json:"redriveStatus,omitempty"`
	RedriveStatusReason string         `json:"redriveStatusReason,omitempty"`
}

type included struct {
	Included bool `json:"included"`
}

// item is an execution as ListExecutions shows it. The caller holds the lock.
func (e *execution) item() executionShape {
	shape := executionShape{ExecutionArn: e.arn, StateMachineArn: e.revision.arn, Name: e.id, Status: e.status,
		StartDate: api.Timestamp(e.start), RedriveCount: e.redrives}
	if !e.stop.IsZero() && e.status != statusRunning {
		at := api.Timestamp(e.stop)
		shape.StopDate = &at
	}
	if !e.redriven.IsZero() {
		at := api.Timestamp(e.redriven)
		shape.RedriveDate = &at
	}
	if e.run != nil {
		shape.StateMachineArn, shape.MapRunArn = e.run.machineARN(), e.run.arn
	}
	return shape
}

// shape is an execution as DescribeExecution shows it.
func (e *execution) shape() executionShape {
	e.mu.Lock()
	defer e.mu.Unlock()
	shape := e.item()
	shape.Input, shape.InputDetails = e.text, &included{!e.dropped}
	switch e.status {
	case statusSucceeded:
		shape.Output, shape.OutputDetails = e.output, &included{!e.dropped}
	case statusFailed, statusAborted, statusTimedOut:
		shape.Error, shape.Cause = e.failure.name, e.failure.cause
	}
	shape.RedriveStatus = "REDRIVABLE"
	if shape.RedriveStatusReason = e.notRedrivable(); shape.RedriveStatusReason != "" {
		shape.RedriveStatus = "NOT_REDRIVABLE"
	}
	return shape
}

type executionInput struct{ ExecutionArn, IncludedData string }

func (s *Server) describeExecution(r *api.Request, in *executionInput) (any, error) {
	e, err := s.execution(r, "DescribeExecution", in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if in.IncludedData != "" && in.IncludedData != "ALL_DATA" {
		return nil, api.NotModelled("includedData " + in.IncludedData)
	}
	return e.shape(), nil
}

type listExecutionsInput struct {
	StateMachineArn, MapRunArn, StatusFilter, RedriveFilter, NextToken string
	MaxResults                                                         *int
}

func (s *Server) listExecutions(r *api.Request, in *listExecutionsInput) (any, error) {
	if (in.StateMachineArn == "") == (in.MapRunArn == "") {
		return nil, wrong("MISSING_REQUIRED_PARAMETER", "Must specify only one of StateMachineArn or MapRunArn")
	}
	arn, kind := in.StateMachineArn, "stateMachine"
	if arn == "" {
		arn, kind = in.MapRunArn, "mapRun"
	}
	if err := s.authorize(r, "ListExecutions", arn, kind); err != nil {
		return nil, err
	}
	statuses := []string{statusSucceeded, statusTimedOut, statusPendingRedrive, statusAborted, statusFailed, statusRunning}
	if in.StatusFilter != "" && !slices.Contains(statuses, in.StatusFilter) {
		return nil, invalid(in.StatusFilter, "statusFilter", "Member must satisfy enum value set: ["+strings.Join(statuses, ", ")+"]")
	}
	if in.RedriveFilter != "" && in.RedriveFilter != "REDRIVEN" && in.RedriveFilter != "NOT_REDRIVEN" {
		return nil, invalid(in.RedriveFilter, "redriveFilter", "Member must satisfy enum value set: [REDRIVEN, NOT_REDRIVEN]")
	}
	s.mu.Lock()
	var all []*execution
	switch {
	case kind == "mapRun" && s.mapRuns[arn] == nil:
		s.mu.Unlock()
		return nil, refuse("ResourceNotFound", "Resource not found: '%s'", arn)
	case kind == "stateMachine" && s.machines[arn] == nil:
		s.mu.Unlock()
		return nil, refuse("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
	}
	for _, e := range s.executions {
		if kind == "mapRun" && e.run != nil && e.run.arn == arn || kind == "stateMachine" && e.run == nil && e.revision.arn == arn {
			all = append(all, e)
		}
	}
	s.mu.Unlock()
	newestFirst(all)
	items := []executionShape{}
	for _, e := range all {
		e.mu.Lock()
		item, kept := e.item(), e.status == statusRunning || s.Now().Sub(e.stop) < retention
		e.mu.Unlock()
		redriven := in.RedriveFilter == "" || (item.RedriveCount > 0) == (in.RedriveFilter == "REDRIVEN")
		if kept && redriven && (in.StatusFilter == "" || item.Status == in.StatusFilter) {
			items = append(items, item)
		}
	}
	page, next, err := cut(items, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return struct {
		Executions []executionShape `json:"executions"`
		NextToken  string           `json:"nextToken,omitempty"`
	}{page, next}, nil
}

type historyInput struct {
	ExecutionArn, NextToken string
	MaxResults              *int
	ReverseOrder            bool
	IncludeExecutionData    *bool
}

func (s *Server) getExecutionHistory(r *api.Request, in *historyInput) (any, error) {
	e, err := s.execution(r, "GetExecutionHistory", in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	dropped := e.dropped
	e.mu.Unlock()
	if dropped {
		return nil, api.Unmodelled("history of", "successful children of a Map Run beyond the first "+itoa(keptChildren))
	}
	data := in.IncludeExecutionData == nil || *in.IncludeExecutionData
	page, next, err := cut(e.history(in.ReverseOrder, data), in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return struct {
		Events    []event `json:"events"`
		NextToken string  `json:"nextToken,omitempty"`
	}{page, next}, nil
}

// notRedrivable says why the execution cannot be redriven; see "Redriving state
// machine executions". The caller holds the lock.
func (e *execution) notRedrivable() string {
	switch {
	case e.status == statusRunning || e.status == statusSucceeded || e.status == statusPendingRedrive:
		return "Execution is " + e.status + " and cannot be redriven"
	case e.count >= maxEvents-1:
		return "Execution history event limit exceeded"
	case e.server.Now().Sub(e.stop) >= redrivable:
		return "Execution redrivable period exceeded"
	case e.server.Now().Sub(e.start) >= maxDuration:
		return "Execution has exceeded the max execution time"
	}
	return ""
}

// redriveExecution runs an execution on from the state that it failed in. The same call
// again, by its token, redrives it once.
func (s *Server) redriveExecution(r *api.Request, in *struct{ ExecutionArn, ClientToken string }) (any, error) {
	e, err := s.execution(r, "RedriveExecution", in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if e.run != nil {
		return nil, refuse("ExecutionNotRedrivable", "Execution '%s' was started by a Map Run and cannot be redriven: redrive its parent",
			e.arn)
	}
	s.mu.Lock()
	_, err = s.machine(e.revision.arn)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	why, done := e.notRedrivable(), e.done
	if in.ClientToken != "" && in.ClientToken == e.token {
		at := e.redriven
		e.mu.Unlock()
		return map[string]any{"redriveDate": api.Timestamp(at)}, nil
	}
	e.mu.Unlock()
	if why != "" {
		return nil, refuse("ExecutionNotRedrivable", "%s", why)
	}
	<-done
	at := e.redrive(in.ClientToken)
	return map[string]any{"redriveDate": api.Timestamp(at)}, nil
}

// redrive runs an execution on that failed.
func (e *execution) redrive(token string) time.Time {
	e.mu.Lock()
	e.token = token
	e.redrives++
	e.redriven, e.status, e.failure, e.errorCause = e.server.Now(), statusRunning, failure{}, failed{}
	e.point.previous = e.record(e.count, "ExecutionRedriven", "executionRedrivenEventDetails", redriven{e.redrives})
	at := e.redriven
	e.mu.Unlock()
	e.resumes = e.point.entered != 0
	e.server.launch(e, !e.resumes)
	return at
}
