// Package lambda is AWS Lambda: its control plane, and invocations that run the
// deployed code. Package runner runs the functions.
//
// Modelled: functions of package type Zip on the OS-only runtimes, their code from
// the request or from S3, configuration, versions, tags, the resource policy of the
// function as a whole, reserved concurrency and the account's, settings for
// asynchronous invocation, the states that waiters watch, and invocation: synchronous,
// asynchronous and dry.
// An event whose retries are used up goes to the function's dead-letter queue, sent
// with the role's own rights.
//
// Not modelled, and refused by name: other runtimes, container images, layers,
// policies and settings of versions, aliases, VPCs, file systems, topics for dead
// letters, event sources, function URLs, code signing, encryption keys, response
// streaming, durable functions. X-Ray tracing is accepted and traces nothing. A failed
// asynchronous invocation is retried at once, not after one and two minutes. A function
// is active when CreateFunction answers.
package lambda

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// principal is the service that assumes a function's role.
const principal = "lambda.amazonaws.com"

// Options say where the service is and what it relies on.
type Options struct {
	api.Options
	Dir string // where functions are unpacked; empty is the system's temporary folder
	// May reports whether the identity of an access key may do something.
	May func(accessKeyID, action, resource string) bool
}

// Server is the service. Make it with New.
type Server struct {
	Options
	dir    string
	ctx    context.Context
	cancel context.CancelFunc
	events sync.WaitGroup // asynchronous invocations and retiring environments

	mu         sync.Mutex
	closed     bool
	unreserved int           // invocations that run, of functions without reserved concurrency
	ended      chan struct{} // closed, and made anew, when an invocation ends
	functions  map[string]*function
	downloads  map[string]download // by token
}

// New makes the service.
func New(opts Options) (*Server, error) {
	opts.Options = opts.WithDefaults()
	dir, err := os.MkdirTemp(opts.Dir, "lambda-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for functions: %w", err)
	}
	s := &Server{Options: opts, dir: dir, functions: map[string]*function{}, downloads: map[string]download{}, ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Close kills every function that runs and removes all code.
func (s *Server) Close() error {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	var first error
	for _, f := range s.functions {
		if err := f.discard(); err != nil && first == nil {
			first = err
		}
	}
	s.mu.Unlock()
	s.events.Wait()
	if err := os.RemoveAll(s.dir); err != nil && first == nil {
		first = err
	}
	return first
}

func invalid(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

func notFound(format string, args ...any) error {
	return api.Errorf(http.StatusNotFound, "ResourceNotFoundException", format, args...)
}
