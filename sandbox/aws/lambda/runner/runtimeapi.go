package runner

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Headers of "Using the Lambda runtime API for custom runtimes".
const (
	headerRequestID     = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline      = "Lambda-Runtime-Deadline-Ms"
	headerARN           = "Lambda-Runtime-Invoked-Function-Arn"
	headerTraceID       = "Lambda-Runtime-Trace-Id"
	headerClientContext = "Lambda-Runtime-Client-Context"
	headerErrorType     = "Lambda-Runtime-Function-Error-Type"
)

// runtimeAPI is the Runtime API of one environment. The runtime polls next; an
// invocation is over when it polls again.
type runtimeAPI struct {
	arn string

	ready    chan struct{}   // one value each time the runtime polls next
	next     chan assignment // what the poll is answered with
	closed   chan struct{}   // the environment is gone
	initOnce sync.Once
	initErr  chan errorDocument // a failed initialization, as the runtime reports it

	mu       sync.Mutex
	current  string // the request id in progress
	answered bool
	answer   answer
}

type assignment struct {
	Invocation
	deadline time.Time
}

// answer is what the runtime posted for an invocation.
type answer struct {
	payload   []byte
	failed    bool
	errorType string
	tooLarge  bool
}

// errorDocument is an error as functions and Lambda write it.
type errorDocument struct {
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
	raw          []byte
}

func newRuntimeAPI(arn string) *runtimeAPI {
	return &runtimeAPI{arn: arn, ready: make(chan struct{}, 1), next: make(chan assignment), closed: make(chan struct{}), initErr: make(chan errorDocument, 1)}
}

func (a *runtimeAPI) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.serveNext)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.serveResponse)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.serveError)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.serveInitError)
	return mux
}

func (a *runtimeAPI) serveNext(w http.ResponseWriter, r *http.Request) {
	select {
	case a.ready <- struct{}{}:
	default: // a poll that was broken off is polled again
	}
	select {
	case in := <-a.next:
		a.mu.Lock()
		a.current, a.answered, a.answer = in.RequestID, false, answer{}
		a.mu.Unlock()
		h := w.Header()
		h.Set(headerRequestID, in.RequestID)
		h.Set(headerDeadline, strconv.FormatInt(in.deadline.UnixMilli(), 10))
		h.Set(headerARN, cmp.Or(in.ARN, a.arn))
		h.Set(headerTraceID, in.TraceID)
		if in.ClientContext != "" {
			h.Set(headerClientContext, in.ClientContext)
		}
		h.Set("Content-Type", "application/json")
		_, _ = w.Write(in.Payload) // a runtime that is gone is noticed by its exit
	case <-a.closed:
	case <-r.Context().Done():
	}
}

func (a *runtimeAPI) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, responseLimit+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	result := answer{payload: body}
	// The handler failed after it had begun to answer.
	if kind := r.Trailer.Get(headerErrorType); kind != "" {
		result.failed, result.errorType = true, kind
	}
	if len(body) > responseLimit {
		result = answer{tooLarge: true, failed: true, errorType: "Function.ResponseSizeTooLarge"}
	}
	if !a.accept(r.PathValue("id"), result) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	if result.tooLarge {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (6291556 bytes).")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (a *runtimeAPI) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, responseLimit))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	kind := r.Header.Get(headerErrorType)
	var d errorDocument
	if json.Unmarshal(body, &d) == nil && kind == "" {
		kind = d.ErrorType
	}
	if !a.accept(r.PathValue("id"), answer{payload: body, failed: true, errorType: kind}) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (a *runtimeAPI) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, responseLimit))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	d := errorDocument{ErrorType: r.Header.Get(headerErrorType), raw: body}
	if json.Unmarshal(body, &d) != nil || d.ErrorType == "" {
		d.ErrorType = "Runtime.Unknown"
	}
	a.initOnce.Do(func() { a.initErr <- d })
	w.WriteHeader(http.StatusAccepted)
}

// accept takes the first answer to the invocation in progress.
func (a *runtimeAPI) accept(id string, result answer) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if id != a.current || a.answered {
		return false
	}
	a.answered, a.answer = true, result
	return true
}

// result is what was posted, if anything was.
func (a *runtimeAPI) result() (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answer, a.answered
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	body, _ := json.Marshal(errorDocument{ErrorType: kind, ErrorMessage: message}) // strings only: cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
