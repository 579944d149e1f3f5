package runner

import (
	"errors"
	"os"
	"sync"
)

// ErrClosed is the answer of a pool whose function was changed or deleted.
var ErrClosed = errors.New("the function's environments are closed")

// Pool keeps the execution environments of one version of a function. An idle
// environment serves the next invocation; a busy pool starts another.
type Pool struct {
	f *Function

	mu     sync.Mutex
	closed bool
	all    map[*environment]bool
	idle   []*environment
	busy   sync.WaitGroup
}

// NewPool makes a pool. The function's code is at f.Root, which the pool removes
// when it is closed.
func NewPool(f *Function) *Pool { return &Pool{f: f, all: map[*environment]bool{}} }

// Invoke runs one invocation. Its error is that of the sandbox or of the role;
// what the function does wrong is in the result.
func (p *Pool) Invoke(in Invocation) (Result, error) {
	e, err := p.take()
	if s, ok := errors.AsType[*startError](err); ok {
		e.output.start(in.RequestID, e.f.Version)
		return e.finish(in, outcome{status: "error", document: s.document}, 0, 0), nil
	}
	if err != nil {
		return Result{}, err
	}
	defer p.busy.Done()
	result, reusable := e.invoke(in)
	p.put(e, reusable)
	return result, nil
}

func (p *Pool) take() (*environment, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	for len(p.idle) > 0 {
		e := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if e.alive() {
			p.busy.Add(1)
			return e, nil
		}
		delete(p.all, e)
		e.stop()
	}
	e, err := start(p.f)
	if err != nil {
		return e, err
	}
	p.all[e] = true
	p.busy.Add(1)
	return e, nil
}

func (p *Pool) put(e *environment, reusable bool) {
	p.mu.Lock()
	if reusable && !p.closed && !e.gone() {
		p.idle = append(p.idle, e)
		p.mu.Unlock()
		return
	}
	delete(p.all, e)
	p.mu.Unlock()
	e.stop()
}

// Retire lets the pool take no more invocations, and closes it when the running
// ones are over.
func (p *Pool) Retire() error {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, e := range idle {
		e.stop()
	}
	p.busy.Wait()
	return os.RemoveAll(p.f.Root)
}

// Close kills all environments, busy ones too, and removes the code.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	all := p.all
	p.all, p.idle = map[*environment]bool{}, nil
	p.mu.Unlock()
	for e := range all {
		e.stop()
	}
	p.busy.Wait()
	return os.RemoveAll(p.f.Root)
}
