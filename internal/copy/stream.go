package copy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// enoughProgress is the number of bytes after which earlier breaks of a
// stream no longer count.
const enoughProgress = 1 << 20

// stream reads a range of one generation of an object as the body of a request.
// It resumes a broken download where it broke off, sums the bytes on their way,
// and withholds the last ones if the sum is wrong, so that the request they
// belong to cannot complete.
type stream struct {
	from   *gcs
	object *object
	tally  *tally

	start, end int64
	next       int64 // the next byte's position
	sum        crc32c
	breaks     int   // since the count was last reset
	broke      int64 // where the stream last broke
	err        error // why reading ended

	ctx  context.Context // of the request that sends the stream
	body io.ReadCloser   // open at next, or nil
	dog  *watchdog       // of the request that sends the stream, or nil
}

// tally counts the work that a copy had to repeat; its streams share it.
type tally struct {
	retries atomic.Int64
	reread  atomic.Int64 // bytes that were read more than once
	parts   atomic.Int64 // parts stored
	reached atomic.Int64 // bytes that a request has taken: in a single put, those sent; in parts, those stored
}

func (s *stream) size() int64 { return s.end - s.start }

// whole reports whether the stream is the whole object, whose checksum is known.
func (s *stream) whole() bool { return s.size() == s.object.size }

// rewind restarts the stream. A body that has not been read stays open.
func (s *stream) rewind() {
	if s.next > s.start {
		s.close()
		s.tally.reread.Add(s.next - s.start)
	}
	s.next, s.sum, s.breaks, s.broke, s.err = s.start, 0, 0, s.start, nil
}

func (s *stream) close() {
	if s.body != nil {
		s.body.Close()
		s.body = nil
	}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.err == nil && s.next == s.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.end-s.next)]
	for s.err == nil {
		if s.dog != nil {
			s.dog.move()
		}
		n, err := s.readBody(p)
		if n > 0 {
			s.next += int64(n)
			s.sum = s.sum.add(p[:n])
			MeterOf(s.ctx).read(s.ctx, n)
			if s.next < s.end || s.check() == nil {
				return n, nil
			}
		} else if err != nil {
			s.takeUp(err)
		}
	}
	return 0, s.err
}

// readBody reads from the open response, or opens one.
func (s *stream) readBody(p []byte) (n int, err error) {
	if s.body == nil {
		if s.body, err = s.from.read(s.ctx, s.object, s.next, s.end); err != nil {
			return 0, err
		}
	}
	n, err = s.body.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // matters only before the last byte
	}
	if err != nil && n == 0 {
		err = &brokenError{fmt.Errorf("reading on at byte %d of %d: %w", s.next, s.object.size, err)}
	}
	return n, err
}

// takeUp waits until a broken stream can be resumed, or ends it.
func (s *stream) takeUp(err error) {
	s.close()
	if s.next-s.broke >= enoughProgress {
		s.breaks = 0
	}
	s.breaks, s.broke = s.breaks+1, s.next
	if err := s.from.patience.again(s.ctx, s.breaks, err); err != nil {
		s.err = &OperationError{"reading", err}
		return
	}
	s.tally.retries.Add(1)
}

// check closes the stream at its end and, for a whole object, compares the sum.
func (s *stream) check() error {
	s.close()
	if want := s.object.crc32c; s.whole() && s.sum != want {
		s.err = &OperationError{"verifying", &SpoiledError{fmt.Errorf("CRC32C of the bytes read is %v, the source announced %v", s.sum, want)}}
	}
	return s.err
}

// readAll reads the whole stream before anything is sent.
func (s *stream) readAll(ctx context.Context) ([]byte, error) {
	s.rewind()
	s.ctx = ctx
	data := make([]byte, s.size())
	if len(data) == 0 && s.check() != nil { // with no bytes, Read never checks the sum
		return nil, s.err
	}
	_, err := io.ReadFull(s, data)
	return data, err
}

// sending is a stream while it is the body of one request. An HTTP client may
// still read the body of a failed request until it closes it; only then can the
// stream be used again.
type sending struct {
	*stream
	opened io.ReadCloser // the response that was open before the request, or nil
	detach func() bool   // lets it outlive the request
	cancel context.CancelFunc
	once   sync.Once
	closed chan struct{}
	failed atomic.Bool // reading has failed
}

// Read implements io.Reader.
func (b *sending) Read(p []byte) (int, error) {
	n, err := b.stream.Read(p)
	if err != nil && err != io.EOF {
		b.failed.Store(true)
	}
	return n, err
}

// send makes the stream, from its start, the body of a request.
func (s *stream) send(ctx context.Context, dog *watchdog) *sending {
	s.rewind()
	b := &sending{stream: s, opened: s.body, closed: make(chan struct{})}
	s.ctx, b.cancel = context.WithCancel(ctx)
	s.dog = dog
	b.detach = context.AfterFunc(s.ctx, func() {
		if open, ok := b.opened.(watched); ok {
			open.dog.cancel(context.Canceled)
		}
	})
	return b
}

// Close is called by the HTTP client.
func (b *sending) Close() error {
	b.once.Do(func() { close(b.closed) })
	return nil
}

// settle makes the client let go of the body, and waits until it has. A response
// that was open before the request and has not been read stays open.
func (b *sending) settle() {
	select {
	case <-b.closed:
		b.detach()
		b.cancel()
		if b.body == b.opened {
			return
		}
	default:
		b.cancel()
		<-b.closed
	}
	b.close()
}
