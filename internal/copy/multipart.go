package copy

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Limits from Amazon S3 User Guide, "Amazon S3 multipart upload limits".
const (
	maxParts = 10_000
	minPart  = 5 << 20
)

// large configures which objects are copied in parts, and how.
type large struct {
	threshold int64         // larger objects are copied in parts
	part      int64         // the size of a part, unless there would be too many
	streams   int           // in parallel
	turn      chan struct{} // held by the object that is being copied in parts
}

// partSize returns the smallest size that keeps the number of parts allowed.
func (l large) partSize(size int64) int64 {
	const mib = 1 << 20
	needed := (size + maxParts - 1) / maxParts
	if needed <= l.part {
		return l.part
	}
	return (needed + mib - 1) / mib * mib
}

// multipart is an upload whose parts are read from ranges of the source in
// parallel. Parts are not buffered: bytes go straight from one cloud's response
// into the request to the other.
type multipart struct {
	*transfer
	object  *object
	size    int64 // of a part
	id      string
	parts   []part
	started time.Time
	strays  bool // the answer to a creation was lost: there may be an upload with an unknown id
}

type part struct {
	etag string
	sum  crc32c
}

// inParts copies an object in parts. S3 compares the checksum of the whole with
// Cloud Storage's own before it makes the object visible. The first part's stream
// is already open.
func (t *transfer) inParts(ctx context.Context, o *object, header http.Header, first *stream) error {
	select { // one object at a time, to bound memory
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	m := &multipart{transfer: t, object: o, size: t.partSize(o.size), started: t.to.now()}
	m.parts = make([]part, (o.size+m.size-1)/m.size)
	err := m.run(ctx, header, first)
	if err != nil || m.strays {
		t.warning = m.tidy(ctx, err != nil)
	}
	return err
}

func (m *multipart) run(ctx context.Context, header http.Header, first *stream) error {
	if err := m.create(ctx, header); err != nil {
		return fmt.Errorf("creating the upload: %w", err)
	}
	if err := m.copyParts(ctx, first); err != nil {
		return err
	}
	var sum crc32c
	for i, p := range m.parts {
		from, to := m.bounds(i)
		sum = sum.join(p.sum, to-from)
	}
	if sum != m.object.crc32c {
		return &OperationError{"verifying", &SpoiledError{fmt.Errorf("CRC32C of the parts read is %v, the source announced %v", sum, m.object.crc32c)}}
	}
	if err := m.complete(ctx); err != nil {
		return fmt.Errorf("completing the upload: %w", err)
	}
	return nil
}

// about returns a request about the upload.
func (m *multipart) about(method, query string) request {
	return request{method: method, bucket: m.targetBucket, key: m.key, query: query, header: http.Header{}}
}

func (m *multipart) create(ctx context.Context, header http.Header) error {
	header.Set("X-Amz-Checksum-Algorithm", "CRC32C")
	header.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	m.encrypt(header)
	r := m.about(http.MethodPost, "uploads=")
	r.header = header
	// The deadline does not interrupt a creation, since the upload's id is only
	// in its response: S3 might still be creating it when strays are looked for.
	patient, cancel := m.tidying(ctx)
	defer cancel()
	return m.attempt(ctx, func() error {
		a, err := m.to.do(patient, r)
		var refused *AnswerError
		if err != nil {
			m.strays = m.strays || !errors.As(err, &refused) || refused.Status >= http.StatusInternalServerError
			return err
		}
		var result struct {
			UploadID string `xml:"UploadId"`
		}
		if err := xml.Unmarshal(a.body, &result); err != nil || result.UploadID == "" {
			m.strays = true
			return &brokenError{fmt.Errorf("the answer has no upload id: %w", err)}
		}
		m.id = escape(result.UploadID, true)
		return nil
	})
}

func (m *multipart) bounds(i int) (from, to int64) {
	from = int64(i) * m.size
	return from, min(from+m.size, m.object.size)
}

// copyParts copies all parts, several in parallel; the first failure stops the others.
func (m *multipart) copyParts(ctx context.Context, first *stream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(m.streams, len(m.parts)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(m.parts) {
					return
				}
				from, to := m.bounds(i)
				s := &stream{from: m.from, object: m.object, tally: &m.tally, start: from, end: to, next: from}
				if i == 0 {
					s = first
					s.end = to
				}
				err := m.copyPart(ctx, i, s)
				s.close()
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

func (m *multipart) copyPart(ctx context.Context, i int, s *stream) error {
	r := m.about(http.MethodPut, "partNumber="+strconv.Itoa(i+1)+"&uploadId="+m.id)
	r.stream, r.unsigned = s, true
	err := m.attempt(ctx, func() error {
		a, err := m.to.do(ctx, r)
		if err != nil {
			return err
		}
		if sum := a.header.Get("X-Amz-Checksum-Crc32c"); sum != "" && sum != s.sum.String() {
			return &brokenError{fmt.Errorf("S3 has CRC32C %s of the part, sent was %v", sum, s.sum)}
		}
		if m.parts[i] = (part{a.header.Get("Etag"), s.sum}); m.parts[i].etag == "" {
			return &brokenError{errors.New("the answer has no ETag")}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("part %d: %w", i+1, err)
	}
	m.tally.reached.Add(s.size())
	return nil
}

func (m *multipart) complete(ctx context.Context) error {
	type partXML struct {
		ETag       string
		PartNumber int
	}
	document := struct {
		XMLName xml.Name  `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUpload"`
		Part    []partXML `xml:"Part"`
	}{Part: make([]partXML, len(m.parts))}
	for i, p := range m.parts {
		document.Part[i] = partXML{p.etag, i + 1}
	}
	r := m.about(http.MethodPost, "uploadId="+m.id)
	var err error
	if r.document, err = xml.Marshal(document); err != nil {
		return err
	}
	r.patience = completionPatience
	r.header.Set("Content-Type", "application/xml")
	r.header.Set("X-Amz-Checksum-Crc32c", m.object.crc32c.String())
	r.header.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	r.header.Set("X-Amz-Mp-Object-Size", strconv.FormatInt(m.object.size, 10))
	m.protect(r.header)
	doubtful := false
	return m.attempt(ctx, func() error {
		a, err := m.to.do(ctx, r)
		if err == nil {
			var result struct {
				XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			}
			if err = xml.Unmarshal(a.body, &result); err != nil {
				err = &brokenError{fmt.Errorf("reading the answer: %w", err)}
			}
		}
		err = m.settled(ctx, m.object, err, &doubtful)
		var refused *AnswerError
		if errors.As(err, &refused) && (refused.Code == "BadDigest" || refused.Code == "ConditionalRequestConflict") {
			return &SpoiledError{err} // retrying the completion would not help
		}
		return err
	})
}

// completionPatience allows for the minutes that S3 may need to assemble the
// parts before it answers (Amazon S3 API Reference, "CompleteMultipartUpload").
const completionPatience = 10

// tidy leaves no parts behind that would cost money, even after the
// deadline for copying.
func (m *multipart) tidy(ctx context.Context, failed bool) error {
	ctx, cancel := m.tidying(ctx)
	defer cancel()
	var errs []error
	if failed && m.id != "" {
		errs = append(errs, m.abort(ctx, m.id))
	}
	if m.strays {
		errs = append(errs, m.abortStrays(ctx))
	}
	return errors.Join(errs...)
}

// abort aborts an upload; one that has already ended is not an error.
func (m *multipart) abort(ctx context.Context, id string) error {
	err := m.attempt(ctx, func() error {
		_, err := m.to.do(ctx, m.about(http.MethodDelete, "uploadId="+id))
		return err
	})
	var answer *AnswerError
	if err == nil || errors.As(err, &answer) && answer.Code == "NoSuchUpload" {
		return nil
	}
	return fmt.Errorf("aborting the upload %s, which is left behind: %w", id, err)
}

// abortStrays aborts uploads that were created without our learning their ids:
// those of this key, started since this copy began, that are not ours. If one
// belongs to another copy of the same object that started within the same
// seconds, that copy starts over.
func (m *multipart) abortStrays(ctx context.Context) error {
	var list struct {
		Upload []struct {
			Key       string
			UploadID  string `xml:"UploadId"`
			Initiated time.Time
		}
	}
	err := m.attempt(ctx, func() error {
		a, err := m.to.do(ctx, request{method: http.MethodGet, bucket: m.targetBucket, query: "prefix=" + escape(m.key, true) + "&uploads="})
		if err == nil {
			err = xml.Unmarshal(a.body, &list)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("looking for uploads that may be left behind: %w", err)
	}
	var errs []error
	for _, u := range list.Upload {
		if id := escape(u.UploadID, true); u.Key == m.key && id != m.id && u.Initiated.After(m.started.Add(-clockSkew)) {
			errs = append(errs, m.abort(ctx, id))
		}
	}
	return errors.Join(errs...)
}

// clockSkew is how far S3's clock may be behind this machine's.
const clockSkew = 5 * time.Second
