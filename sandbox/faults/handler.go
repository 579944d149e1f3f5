package faults

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Cloud is what faults are put before.
type Cloud interface {
	http.Handler
	// Service names the service that a request is for, as cloud/service.
	Service(*http.Request) string
	// Refuse answers a refusal in the form of that service.
	Refuse(http.ResponseWriter, *http.Request, Refusal)
}

// Handler serves a cloud, with the faults that choose chooses.
func Handler(c Cloud, choose Chooser) http.Handler {
	if choose == nil {
		return c
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := choose(c.Service(r), r)
		if f == nil {
			c.ServeHTTP(w, r)
			return
		}
		f.serve(w, r, c)
	})
}

func (f *Fault) serve(w http.ResponseWriter, r *http.Request, c Cloud) {
	wait(r, f.Delay)
	if f.Refuse != nil {
		f.Refuse.serve(w, r, c)
		return
	}
	r = r.WithContext(r.Context()) // its body may be replaced
	if f.Delivery != nil {
		r = r.WithContext(context.WithValue(r.Context(), delivery{}, *f.Delivery))
	}
	if f.DropRequest != nil {
		if *f.DropRequest == 0 { // before the service knows of it
			panic(http.ErrAbortHandler) // breaks the connection
		}
		r.Body = &shortened{r.Body, *f.DropRequest}
	}
	if f.CorruptRequest != nil {
		r.Body = &corrupted{r.Body, *f.CorruptRequest}
	}
	if f.LoseAnswer || f.DropRequest != nil {
		c.ServeHTTP(mute{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	}
	c.ServeHTTP(&answer{ResponseWriter: w, fault: f, request: r}, r)
}

// lingers is how long a client may send on after the answer that it should read.
const lingers = 5 * time.Second

func (refusal *Refusal) serve(w http.ResponseWriter, r *http.Request, c Cloud) {
	read, _ := io.CopyN(io.Discard, r.Body, refusal.After) // of a shorter one, all
	if !refusal.Close && (refusal.After == 0 || read < refusal.After || read == r.ContentLength) {
		c.Refuse(w, r, *refusal)
		return
	}
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex()                           // or net/http reads more of the body first
	whole := &held{ResponseWriter: w, status: http.StatusOK} // since it is sent before the handler ends
	c.Refuse(whole, r, *refusal)
	w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
	w.Header().Set("Connection", "close")
	w.WriteHeader(whole.status)
	_, _ = w.Write(whole.body.Bytes()) // a client that went away hears nothing
	_ = control.Flush()
	conn, _, err := control.Hijack()
	if err != nil {
		return
	}
	if !refusal.Close { // a close with bytes unread is a reset, which discards the answer too
		_ = conn.SetDeadline(time.Now().Add(lingers))
		_, _ = io.Copy(io.Discard, conn)
	}
	_ = conn.Close()
}

// held is an answer that is not sent yet, but for its header.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

// wait waits, as long as the client does.
func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// shortened is a body whose connection breaks.
type shortened struct {
	io.ReadCloser
	left int64
}

func (s *shortened) Read(p []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.ReadCloser.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// corrupted is a body that arrives changed.
type corrupted struct {
	io.ReadCloser
	before int64 // bytes before the changed one
}

func (c *corrupted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if 0 <= c.before && c.before < int64(n) {
		p[c.before] ^= 1
	}
	c.before -= int64(n)
	return n, err
}

// mute is an answer that is never sent.
type mute struct{ header http.Header }

func (m mute) Header() http.Header         { return m.header }
func (m mute) Write(p []byte) (int, error) { return len(p), nil }
func (m mute) WriteHeader(int)             {}

// answer is an answer to whose body something happens. It has no ReadFrom, so
// that every byte comes by.
type answer struct {
	http.ResponseWriter
	fault   *Fault
	request *http.Request
	sent    int64
	stalled bool
	begun   time.Time // when an answer of a limited rate began; stalls do not count
}

// piece is the most that an answer of a limited rate sends at once, in bytes.
const piece = 4 << 10

func (a *answer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n, err := a.part(p)
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// part sends as much of p as comes before the next thing that happens.
func (a *answer) part(p []byte) (int, error) {
	f := a.fault
	if f.AnswerRate > 0 {
		p = p[:min(len(p), piece)]
		if a.begun.IsZero() {
			a.begun = time.Now()
		}
	}
	if cut := f.CutAnswer; cut != nil {
		left := *cut - a.sent
		if left <= 0 {
			a.flush()
			panic(http.ErrAbortHandler)
		}
		p = p[:min(int64(len(p)), left)]
	}
	if stall := f.StallAnswer; stall != nil && !a.stalled {
		left := stall.At - a.sent
		if left <= 0 {
			a.stalled = true
			a.flush()
			wait(a.request, stall.For)
			a.begun = a.begun.Add(stall.For)
		} else {
			p = p[:min(int64(len(p)), left)]
		}
	}
	if at := f.CorruptAnswer; at != nil && *at >= a.sent && *at < a.sent+int64(len(p)) {
		p = append([]byte(nil), p...)
		p[*at-a.sent] ^= 1
	}
	n, err := a.ResponseWriter.Write(p)
	a.sent += int64(n)
	if f.AnswerRate > 0 && err == nil {
		a.flush()
		wait(a.request, ahead(time.Since(a.begun), a.sent, f.AnswerRate))
	}
	return n, err
}

// ahead is how much earlier than at a rate, in bytes a second, so many bytes were sent in a
// time. It goes by the whole answer: each wait takes longer than was asked for, and what is
// late sends the next piece at once.
func ahead(in time.Duration, sent, rate int64) time.Duration {
	return time.Duration(float64(sent)/float64(rate)*float64(time.Second)) - in
}

// flush sends what is buffered; a writer that cannot has sent it.
func (a *answer) flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController reach the real writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
