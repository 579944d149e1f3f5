package storage

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// The rules of chunks and sessions: Cloud Storage documentation, "Resumable
// uploads". chunkUnit, in bytes, is what every chunk but the last is a multiple of.
const (
	chunkUnit   = 256 << 10
	sessionLife = 7 * 24 * time.Hour
)

// session is a resumable upload.
type session struct {
	target
	into    *bucket
	started time.Time
	length  int64 // as its client announced it, or -1

	mu    sync.Mutex // held by the request that continues it, its body included
	parts []*blob.Blob
	size  int64 // received so far
	done  *reply
}

// startUpload opens a session, whose URI is the right to continue it.
func (s *Storage) startUpload(r *api.Request, t target) (reply, error) {
	if err := t.read(r.Body); err != nil {
		return reply{}, err
	}
	if t.resource.ContentType == "" {
		t.resource.ContentType = r.Header.Get("X-Upload-Content-Type")
	}
	length := int64(-1)
	if text := r.Header.Get("X-Upload-Content-Length"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return reply{}, invalid("Invalid value for X-Upload-Content-Length: " + text)
		}
		length = n
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.check(r, t)
	if err != nil {
		return reply{}, err
	}
	id := rand.Text() + rand.Text()
	s.uploads[id] = &session{target: t, into: b, started: s.opts.Now(), length: length}
	return reply{status: http.StatusOK, header: http.Header{
		"Location":             {s.opts.URL + "/upload/storage/v1/b/" + t.bucket + "/o?uploadType=resumable&upload_id=" + id},
		"X-Guploader-Uploadid": {id},
	}}, nil
}

// session finds the session of a request and locks it; whoever has it gives it
// back with Unlock.
func (s *Storage) session(r *api.Request) (string, *session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.URL.Query().Get("upload_id")
	u := s.uploads[id]
	if u == nil || s.opts.Now().After(u.started.Add(sessionLife)) {
		return "", nil, &fault{http.StatusNotFound, "notFound", "NoSuchUpload", "Not Found", "The requested upload was not found."}
	}
	if !u.mu.TryLock() {
		return "", nil, unavailable("Another request continues this upload.")
	}
	return id, u, nil
}

// continueUpload takes a chunk, or answers how far the upload has come.
func (s *Storage) continueUpload(r *api.Request, _ []string) (reply, error) {
	id, u, err := s.session(r)
	if err != nil {
		return reply{}, err
	}
	defer u.mu.Unlock()
	if u.done != nil {
		return *u.done, nil
	}
	span, err := parseContentRange(r.Header.Get("Content-Range"))
	if err != nil {
		return reply{}, err
	}
	if !span.status {
		if err := s.take(r, u, &span); err != nil {
			return reply{}, err
		}
	}
	if span.total >= 0 && u.size == span.total {
		return s.completeUpload(r, id, u)
	}
	a := reply{status: http.StatusPermanentRedirect, header: http.Header{}}
	if u.size > 0 {
		a.header.Set("Range", fmt.Sprintf("bytes=0-%d", u.size-1))
	}
	// Clients whose transports would follow a redirect ask for a status of another
	// kind.
	if r.Header.Get("X-Guploader-No-308") == "yes" {
		a.status = http.StatusOK
		a.header.Set("X-Http-Status-Code-Override", "308")
	}
	return a, nil
}

// take adds a chunk to the session, or nothing of it.
func (s *Storage) take(r *api.Request, u *session, span *contentRange) error {
	if span.start > u.size {
		return unavailable(fmt.Sprintf("Invalid request.  According to the Content-Range header, the upload offset is %d byte(s), which exceeds already uploaded size of %d byte(s).", span.start, u.size))
	}
	// What is there already comes once more when an answer was lost.
	repeated, err := io.CopyN(io.Discard, r.Body, u.size-span.start)
	if err != nil && err != io.EOF {
		return invalid("The upload ended early: " + err.Error())
	}
	chunk, err := s.opts.Blobs.Put(r.Body, blob.CRC32C, blob.MD5)
	if err != nil {
		return invalid("The upload ended early: " + err.Error())
	}
	received, end := repeated+chunk.Size, u.size+chunk.Size
	if span.absent {
		span.total = end // this is all
	}
	switch final := end == span.total; {
	case span.length >= 0 && received != span.length:
		err = invalid(fmt.Sprintf("Invalid request.  There were %d byte(s) in the request body.  There should have been %d byte(s) (starting at offset %d and ending at offset %d) according to the Content-Range header.", received, span.length, span.start, span.start+span.length-1))
	case span.total >= 0 && (end > span.total || u.length >= 0 && u.length != span.total):
		err = invalid(fmt.Sprintf("Invalid request.  The upload has %d byte(s), announced were %d.", max(end, span.total), max(u.length, span.total)))
	case !final && chunk.Size%chunkUnit != 0:
		err = invalid(fmt.Sprintf("Invalid request.  The number of bytes uploaded is required to be equal or greater than %d, except for the final request (it's recommended to be the exact multiple of %d).  The received request contained %d bytes, which does not meet this requirement.", chunkUnit, chunkUnit, received))
	}
	if err != nil || chunk.Size == 0 {
		chunk.Release()
		return err
	}
	u.parts = append(u.parts, chunk)
	u.size = end
	return nil
}

// completeUpload puts the chunks together. The MD5 of several is of the whole, so
// they are read once more. A session that ends well goes on to give its answer.
func (s *Storage) completeUpload(r *api.Request, id string, u *session) (reply, error) {
	whole := blob.Concat(u.parts...)
	u.release()
	if whole.Sums[blob.MD5] == nil {
		body := whole.Reader(0, whole.Size)
		content, err := s.opts.Blobs.Put(body, blob.CRC32C, blob.MD5)
		_ = body.Close() // it was only read
		whole.Release()
		if err != nil {
			return reply{}, err
		}
		whole = content
	}
	a, err := s.finish(r, u.target, u.into, whole)
	if err != nil {
		s.forget(id)
		return reply{}, err
	}
	u.done = &a
	return a, nil
}

func (u *session) release() {
	for _, p := range u.parts {
		p.Release()
	}
	u.parts = nil
}

func (s *Storage) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, id)
}

// statusCanceled is what Cloud Storage answers to a cancellation.
const statusCanceled = 499

func (s *Storage) cancelUpload(r *api.Request, _ []string) (reply, error) {
	id, u, err := s.session(r)
	if err != nil {
		return reply{}, err
	}
	defer u.mu.Unlock()
	u.release()
	s.forget(id)
	return reply{status: statusCanceled}, nil
}

// contentRange is the header of a chunk, "bytes FIRST-LAST/TOTAL", in which each
// part may be open; "bytes */TOTAL" only asks for the state.
type contentRange struct {
	start, length int64 // length is -1 where the header does not tell
	total         int64 // -1 where it is not known
	status        bool
	absent        bool
}

func parseContentRange(header string) (contentRange, error) {
	c := contentRange{length: -1, total: -1, absent: header == ""}
	if c.absent {
		return c, nil
	}
	bad := invalid("Failed to parse Content-Range header: " + header)
	text, ok := strings.CutPrefix(header, "bytes ")
	span, size, slash := strings.Cut(text, "/")
	if !ok || !slash {
		return c, bad
	}
	var err error
	if size != "*" {
		if c.total, err = strconv.ParseInt(size, 10, 64); err != nil || c.total < 0 {
			return c, bad
		}
	}
	if span == "*" {
		c.status = true
		return c, nil
	}
	first, last, _ := strings.Cut(span, "-")
	if c.start, err = strconv.ParseInt(first, 10, 64); err != nil || c.start < 0 {
		return c, bad
	}
	if last == "*" { // as long as the body
		return c, nil
	}
	end, err := strconv.ParseInt(last, 10, 64)
	if err != nil || end < c.start {
		return c, bad
	}
	c.length = end - c.start + 1
	return c, nil
}
