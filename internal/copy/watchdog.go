package copy

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

var errStalled error = &brokenError{errors.New("nothing moved for too long")}

// errFinished ends a watch that is no longer needed.
var errFinished = errors.New("finished")

// watchdog cancels a request in which nothing moves. It polls, so that a byte
// that moves costs an addition and no timer.
type watchdog struct {
	cancel context.CancelCauseFunc
	every  time.Duration
	timer  *time.Timer
	moved  atomic.Int64
	seen   int64 // of moved, by the timer's function alone
}

// watch returns a context that is cancelled when nothing moves for one to two
// times the limit. The watchdog must be stopped.
func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{cancel: cancel, every: limit}
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Reset(limit) // from here on: look uses w.timer
	return ctx, w
}

func (w *watchdog) look() {
	if moved := w.moved.Load(); moved != w.seen {
		w.seen = moved
		w.timer.Reset(w.every)
		return
	}
	w.cancel(errStalled)
}

func (w *watchdog) move() { w.moved.Add(1) }

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(errFinished)
}

// watched is a body whose reads feed a watchdog; closing it ends the watch.
type watched struct {
	io.ReadCloser
	dog *watchdog
}

func (b watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.dog.move()
	return n, err
}

func (b watched) Close() error {
	b.dog.stop()
	return b.ReadCloser.Close()
}

// because returns the reason why ctx ended instead of the error that this caused.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && cause != errFinished {
		return cause
	}
	return err
}
