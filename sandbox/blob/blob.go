// Package blob stores the contents of objects for the local clouds: streams go
// to files, small ones stay in memory as long as there is room for them, and their
// checksums are computed on the way. Contents are immutable, so copies and concatenations share what is
// stored and only count it. No object is ever held in memory as a whole.
//
// It is a scratch store: nothing survives the process, and nothing is synced.
package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Contents stay in memory up to a size, and up to a size of them all.
const (
	memoryLimit = 64 << 10
	memoryRoom  = 64 << 20
)

const copyBuffer = 256 << 10

// Store keeps contents in a directory of its own.
type Store struct {
	dir     string
	buffers sync.Pool
	room    int64        // memoryRoom, but in tests
	held    atomic.Int64 // of it, by contents in memory
}

// Open makes a store in a new directory below dir, which is made if it does not
// exist; empty is the system's temporary directory.
func Open(dir string) (*Store, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the object store: %w", err)
		}
	}
	own, err := os.MkdirTemp(dir, "objects-")
	if err != nil {
		return nil, fmt.Errorf("making the object store: %w", err)
	}
	s := &Store{dir: own, room: memoryRoom}
	s.buffers.New = func() any { b := make([]byte, copyBuffer); return &b }
	return s, nil
}

// Close removes everything that is stored.
func (s *Store) Close() error { return os.RemoveAll(s.dir) }

// Blob is one object's contents. It has to be released once.
type Blob struct {
	Size     int64
	Sums     Sums // as far as they were asked for
	segments []segment
}

// segment is a run of bytes of one stored content.
type segment struct {
	content *content
	offset  int64
	length  int64
}

// content is stored bytes and how many segments use them.
type content struct {
	uses   atomic.Int64
	memory []byte
	held   *atomic.Int64 // what the store holds in memory
	path   string        // of the file, when they are not in memory
}

func (c *content) release() {
	switch {
	case c.uses.Add(-1) != 0:
	case c.path != "":
		_ = os.Remove(c.path) // Close removes what could not be removed now
	default:
		c.held.Add(-int64(len(c.memory)))
	}
}

// hold keeps contents in memory, if there is room.
func (s *Store) hold(contents []byte) (c *content, ok bool) {
	if size := int64(len(contents)); size > memoryLimit || s.held.Add(size) > s.room {
		if size <= memoryLimit {
			s.held.Add(-size)
		}
		return nil, false
	}
	return &content{memory: bytes.Clone(contents), held: &s.held}, true // without the room to grow of a buffer
}

// Put stores what r holds and computes the checksums asked for. On an error of
// r nothing stays.
func (s *Store) Put(r io.Reader, algorithms ...Algorithm) (*Blob, error) {
	sums := newSummer(algorithms)
	in := io.TeeReader(r, sums)
	head, err := io.ReadAll(io.LimitReader(in, memoryLimit+1))
	if err != nil {
		return nil, err
	}
	c, ok := s.hold(head)
	size := int64(len(head))
	if !ok {
		if c, size, err = s.file(head, in); err != nil {
			return nil, err
		}
	}
	c.uses.Store(1)
	return &Blob{Size: size, Sums: sums.sums(), segments: []segment{{content: c, length: size}}}, nil
}

func (s *Store) file(head []byte, rest io.Reader) (c *content, size int64, err error) {
	f, err := os.CreateTemp(s.dir, "")
	if err != nil {
		return nil, 0, fmt.Errorf("storing an object: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(f.Name()) // err says what matters
		}
	}()
	if _, err := f.Write(head); err != nil {
		return nil, 0, fmt.Errorf("storing an object: %w", err)
	}
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	n, err := io.CopyBuffer(writerOnly{f}, rest, *buffer)
	if err != nil {
		return nil, 0, err
	}
	return &content{path: f.Name()}, int64(len(head)) + n, nil
}

// writerOnly hides ReadFrom, which would bypass the pooled buffer.
type writerOnly struct{ io.Writer }

// Concat returns the contents of parts one after the other without copying
// them. Of the checksums it has the CRCs that every part has.
func Concat(parts ...*Blob) *Blob {
	out := &Blob{Sums: Sums{}}
	for i, p := range parts {
		if i == 0 {
			for a, sum := range p.Sums {
				if _, ok := combiner(a); ok || len(parts) == 1 {
					out.Sums[a] = sum
				}
			}
		} else {
			out.Sums.combine(p.Sums, p.Size)
		}
		out.Size += p.Size
		for _, s := range p.segments {
			s.content.uses.Add(1)
			out.segments = append(out.segments, s)
		}
	}
	return out
}

// Share returns another use of the same contents, with the same checksums.
func (b *Blob) Share() *Blob { return Concat(b) }

// Release gives up the contents; unused ones are removed. A read that
// is under way goes on.
func (b *Blob) Release() {
	for _, s := range b.segments {
		s.content.release()
	}
	b.segments = nil
}

// Reader reads length bytes from offset.
func (b *Blob) Reader(offset, length int64) io.ReadCloser {
	return &reader{segments: b.segments, skip: offset, left: min(length, b.Size-offset)}
}

// Bytes returns small contents whole; it refuses large ones.
func (b *Blob) Bytes() ([]byte, error) {
	if b.Size > memoryLimit {
		return nil, fmt.Errorf("reading an object of %d bytes into memory: the limit is %d", b.Size, memoryLimit)
	}
	r := b.Reader(0, b.Size)
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// reader walks through segments.
type reader struct {
	segments []segment
	skip     int64 // bytes before the first to read
	left     int64
	current  io.Reader
	file     *os.File
}

func (r *reader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// next opens the segment that holds the next byte.
func (r *reader) next() error {
	if err := r.Close(); err != nil {
		return err
	}
	r.current = nil
	for len(r.segments) > 0 && r.skip >= r.segments[0].length {
		r.skip -= r.segments[0].length
		r.segments = r.segments[1:]
	}
	if r.left == 0 || len(r.segments) == 0 {
		return io.EOF
	}
	s := r.segments[0]
	r.segments = r.segments[1:]
	from, n := s.offset+r.skip, min(s.length-r.skip, r.left)
	r.skip = 0
	r.left -= n
	if s.content.path == "" {
		r.current = bytes.NewReader(s.content.memory[from : from+n])
		return nil
	}
	f, err := os.Open(s.content.path)
	if err != nil {
		return fmt.Errorf("reading an object: %w", err)
	}
	r.file = f
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return fmt.Errorf("reading an object: %w", err)
	}
	// A LimitedReader over a file is what the kernel can send by itself.
	r.current = &io.LimitedReader{R: f, N: n}
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.current != nil {
			n, err := r.current.Read(p)
			if n > 0 || err != nil && !errors.Is(err, io.EOF) {
				return n, err
			}
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
}

// WriteTo hands each segment to w on its own, so that a network connection can
// take it straight from the file.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if r.current != nil {
			n, err := io.Copy(w, r.current)
			total += n
			if err != nil {
				return total, err
			}
		}
		if err := r.next(); errors.Is(err, io.EOF) {
			return total, nil
		} else if err != nil {
			return total, err
		}
	}
}
