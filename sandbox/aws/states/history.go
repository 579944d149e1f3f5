package states

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// event is one event of an execution's history.
type event struct {
	id, previous int
	kind         string
	at           time.Time
	field        string // of the details: stateEnteredEventDetails …
	details      any
}

// MarshalJSON writes the event as GetExecutionHistory does.
func (e event) MarshalJSON() ([]byte, error) {
	m := map[string]any{"id": e.id, "previousEventId": e.previous, "type": e.kind, "timestamp": api.Timestamp(e.at)}
	if e.field != "" {
		m[e.field] = e.details
	}
	return json.Marshal(m)
}

// truncated stands beside every piece of data: nothing is, through the API.
type truncated struct {
	Truncated bool `json:"truncated"`
}

type entered struct {
	Name         string    `json:"name"`
	Input        string    `json:"input"`
	InputDetails truncated `json:"inputDetails"`
}

type exited struct {
	Name          string    `json:"name"`
	Output        string    `json:"output"`
	OutputDetails truncated `json:"outputDetails"`
}

type failed struct {
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

type executionStarted struct {
	Input        string    `json:"input"`
	InputDetails truncated `json:"inputDetails"`
	RoleArn      string    `json:"roleArn"`
}

type executionSucceeded struct {
	Output        string    `json:"output"`
	OutputDetails truncated `json:"outputDetails"`
}

type taskDetails struct {
	ResourceType string `json:"resourceType"`
	Resource     string `json:"resource"`
	failed
	Region        string     `json:"region,omitempty"`
	Parameters    string     `json:"parameters,omitempty"`
	Timeout       int64      `json:"timeoutInSeconds,omitempty"`
	Output        string     `json:"output,omitempty"`
	OutputDetails *truncated `json:"outputDetails,omitempty"`
}

type mapStarted struct {
	Length int `json:"length"`
}

type mapRunEvent struct {
	MapRunArn string `json:"mapRunArn,omitempty"`
	failed
	RedriveCount int `json:"redriveCount,omitempty"`
}

type redriven struct {
	RedriveCount int `json:"redriveCount"`
}

// errHistory ends an execution whose history is full; see "Avoid reaching the history
// quota" (AWS Step Functions Developer Guide).
var errHistory = &failure{name: "States.Runtime", cause: "The execution reached the maximum number of history events (25000).",
	runtime: true}

// add records an event and returns its id. The last place is kept for the end of the
// execution, so that any other event fails it.
func (e *execution) add(previous int, kind, field string, details any) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count >= maxEvents-1 {
		return 0, errHistory
	}
	return e.record(previous, kind, field, details), nil
}

// record records an event. The caller holds the lock.
func (e *execution) record(previous int, kind, field string, details any) int {
	e.count++
	one := event{id: e.count, previous: previous, kind: kind, at: e.server.Now(), field: field, details: details}
	e.events = append(e.events, one)
	e.log(one)
	return e.count
}

// history are the events, in the order of their ids.
func (e *execution) history(reverse, data bool) []event {
	e.mu.Lock()
	events := slices.Clone(e.events)
	e.mu.Unlock()
	if reverse {
		slices.Reverse(events)
	}
	if !data {
		for i, one := range events {
			events[i].details = withoutData(one.details)
		}
	}
	return events
}

// withoutData leaves out what states and tasks read and write.
func withoutData(details any) any {
	switch d := details.(type) {
	case entered:
		return struct {
			Name string `json:"name"`
		}{d.Name}
	case exited:
		return struct {
			Name string `json:"name"`
		}{d.Name}
	case executionStarted:
		return struct {
			RoleArn string `json:"roleArn"`
		}{d.RoleArn}
	case executionSucceeded:
		return struct{}{}
	case taskDetails:
		d.Parameters, d.Output, d.OutputDetails = "", "", nil
		return d
	}
	return details
}
