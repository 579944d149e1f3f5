package runner

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// invoke runs one invocation. reusable says that the environment may serve
// another one.
func (e *environment) invoke(in Invocation) (result Result, reusable bool) {
	var initDuration time.Duration
	begun := time.Now()
	timeout := time.NewTimer(e.f.Timeout)
	defer timeout.Stop()
	ready := e.runtime.ready
	if e.cold {
		e.cold = false
		outcome, ok := e.initialize()
		initDuration = time.Since(e.started)
		if !ok {
			e.output.start(in.RequestID, e.f.Version)
			return e.finish(in, outcome, 0, initDuration), false
		}
		begun = time.Now()
		timeout.Reset(e.f.Timeout)
		// The poll that ended the initialization also waits for the invocation.
	} else {
		<-ready // the poll that ended the last invocation
	}
	e.output.start(in.RequestID, e.f.Version)
	deadline := begun.Add(e.f.Timeout)
	select {
	case e.runtime.next <- assignment{Invocation: in, deadline: deadline}:
	case <-e.exited:
		return e.finish(in, e.exitOutcome(), time.Since(begun), initDuration), false
	}
	watch := time.NewTicker(memoryWatch)
	defer watch.Stop()
	for {
		select {
		case <-ready:
			if _, ok := e.runtime.result(); !ok {
				continue // it polls before it has answered; the real API waits, too
			}
			// The environment's next invocation expects the poll.
			e.runtime.ready <- struct{}{}
			return e.finish(in, outcome{}, time.Since(begun), initDuration), true
		case <-e.exited:
			return e.finish(in, e.exitOutcome(), time.Since(begun), initDuration), false
		case <-timeout.C:
			e.stop()
			return e.finish(in, timedOut(e.f.Timeout), e.f.Timeout, initDuration), false
		case <-watch.C:
			e.checkMemory()
		}
	}
}

// outcome is how an invocation ended, other than by an answer.
type outcome struct {
	document errorDocument
	status   string // error or timeout
}

func (e *environment) exitOutcome() outcome {
	e.server.Close()
	return outcome{status: "error", document: errorDocument{ErrorType: "Runtime.ExitError", ErrorMessage: e.exitMessage()}}
}

func timedOut(d time.Duration) outcome {
	return outcome{status: "timeout", document: errorDocument{ErrorType: "Sandbox.Timedout", ErrorMessage: fmt.Sprintf("Task timed out after %.2f seconds", d.Seconds())}}
}

// initialize waits for the runtime's first poll.
func (e *environment) initialize() (outcome, bool) {
	limit := time.NewTimer(initLimit + e.f.Timeout)
	defer limit.Stop()
	watch := time.NewTicker(memoryWatch)
	defer watch.Stop()
	for {
		select {
		case <-e.runtime.ready:
			return outcome{}, true
		case d := <-e.runtime.initErr:
			e.stop()
			return outcome{status: "error", document: d}, false
		case <-e.exited:
			select {
			case d := <-e.runtime.initErr: // it said why before it went
				return outcome{status: "error", document: d}, false
			default:
			}
			return e.exitOutcome(), false
		case <-limit.C:
			e.stop()
			return timedOut(e.f.Timeout), false
		case <-watch.C:
			e.checkMemory()
		}
	}
}

// checkMemory kills a process that has more memory than the function.
func (e *environment) checkMemory() {
	if now, _ := memory(e.command.Process.Pid); now > int64(e.f.MemoryMB)<<20 {
		e.exceeded = true
		e.killGroup()
	}
}

// finish makes the result and writes the last lines of the log.
func (e *environment) finish(in Invocation, o outcome, duration, initDuration time.Duration) Result {
	posted, answered := e.runtime.result()
	result := Result{Payload: posted.payload, Failed: posted.failed, ErrorType: posted.errorType}
	status := "success"
	switch {
	case o.status != "" && (!answered || o.status == "timeout"):
		// An environment that dies after it has answered still has answered.
		status = o.status
		result = failure(in.RequestID, o.document)
	case posted.tooLarge:
		result = Result{Failed: true, ErrorType: posted.errorType, Payload: mustJSON(errorDocument{ErrorType: posted.errorType,
			ErrorMessage: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", responseLimit)})}
	}
	if result.Failed && status == "success" {
		status = "error"
	}
	e.output.drain()
	if o.status == "timeout" {
		e.output.add(fmt.Sprintf("%s %s %s\n\n", e.f.now().UTC().Format("2006-01-02T15:04:05.000Z"), in.RequestID, o.document.ErrorMessage))
	} else if o.status != "" && o.document.raw == nil {
		e.output.add(fmt.Sprintf("RequestId: %s Error: %s\n%s\n", in.RequestID, o.document.ErrorMessage, o.document.ErrorType))
	}
	r := report{requestID: in.RequestID, status: status, duration: duration, initDuration: initDuration, memoryMB: e.f.MemoryMB, peakMB: e.peakMB()}
	if o.status != "" {
		r.errorType = result.ErrorType
	}
	if e.exceeded {
		r.peakMB = e.f.MemoryMB
	}
	e.output.end(r)
	result.Log = e.deliver()
	return result
}

// failure is Lambda's own error document.
func failure(requestID string, d errorDocument) Result {
	if d.raw != nil {
		return Result{Failed: true, ErrorType: d.ErrorType, Payload: d.raw}
	}
	d.ErrorMessage = "RequestId: " + requestID + " Error: " + d.ErrorMessage
	return Result{Failed: true, ErrorType: d.ErrorType, Payload: mustJSON(d)}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("marshalling strings: " + err.Error())
	}
	return b
}

// deliver hands over the lines written since the last time, and returns them.
func (e *environment) deliver() string {
	lines := e.output.take()
	if e.f.Deliver != nil && len(lines) > 0 {
		arrived := e.f.Deliver(LogBatch{Group: e.f.LogGroup, Stream: e.stream, New: !e.delivered, Credentials: e.credentials, Lines: lines})
		e.delivered = e.delivered || arrived
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Message)
	}
	return b.String()
}
