package api

import (
	"io"
	"net/http"
)

// Service declares what a service of AWS can do: its operations by their names, and
// the protocol in which they are asked for. The cloud's door verifies a request's
// signature, finds the operation, journals its name and answers errors.
type Service struct {
	Protocol   Protocol
	Operations map[string]Operation
}

// An Operation answers one kind of request. It returns the operation's result
// structure, nil for an operation without one, or Written.
type Operation func(*Request) (any, error)

// Written is the result of an operation that has written its answer to the
// request's Writer itself.
var Written any = &struct{}{}

// Do is an operation with an input. The protocol decodes it by the names of In's
// fields; what In does not have is refused by name, since ignoring it could change
// what the call means.
func Do[In any](do func(*Request, *In) (any, error)) Operation {
	return func(r *Request) (any, error) {
		var in In
		if err := r.protocol.decode(r, &in); err != nil {
			return nil, err
		}
		return do(r, &in)
	}
}

// Protocol is how requests name their operation and how they are answered: Query,
// JSON, REST or XML.
type Protocol interface {
	// operation reads the name of the operation that a request asks for.
	operation(*Request) (string, error)
	// unknown is the refusal of an operation that the service does not have.
	unknown(r *Request, operation string) *Error
	decode(r *Request, in any) error
	write(w http.ResponseWriter, r *Request, operation string, result any)
	writeError(http.ResponseWriter, *Request, error)
}

// Serve answers an authenticated request.
func (s Service) Serve(w http.ResponseWriter, r *Request) {
	r.protocol, r.Writer = s.Protocol, w
	result, err := s.run(r)
	switch {
	case err != nil:
		s.Protocol.writeError(w, r, err)
	case result != Written:
		s.Protocol.write(w, r, r.Entry.Operation, result)
	}
}

// maxForm bounds the form that a refused request is named by, in bytes.
const maxForm = 64 << 10

// Name journals the operation of a request that is refused before it is served, if it
// can be told. The body is read only where a form names the operation.
func (s Service) Name(r *Request) {
	if s.Protocol == nil {
		return
	}
	limited, probe := *r.Request, *r
	limited.Body = io.NopCloser(io.LimitReader(r.Body, maxForm))
	probe.Request, probe.Writer = &limited, discarded{http.Header{}}
	if name, err := s.Protocol.operation(&probe); err == nil {
		r.Entry.Operation = name
	}
}

// discarded is an answer that is not sent.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header       { return d.header }
func (discarded) Write(b []byte) (int, error) { return len(b), nil }
func (discarded) WriteHeader(int)             {}

func (s Service) run(r *Request) (any, error) {
	name, err := s.Protocol.operation(r)
	if err != nil {
		return nil, err
	}
	r.Entry.Operation = name
	do, ok := s.Operations[name]
	if !ok {
		return nil, s.Protocol.unknown(r, name)
	}
	return do(r)
}
