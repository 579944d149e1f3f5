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

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
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
	smallest  int64         // the smallest size of a part that S3 takes
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

// networkRate is the rate in bytes a second that Lambda's network is believed to reach: an
// object that makes no progress at this rate makes none at all.
const networkRate = 75 << 20

// multipart is an upload whose parts are read from ranges of the source in
// parallel. Parts are not buffered: bytes go straight from one cloud's response
// into the request to the other.
type multipart struct {
	*transfer
	object  *object
	size    int64 // of a part
	id      string
	parts   []part
	before  int    // how many parts earlier invocations have stored, from the first
	sum     crc32c // of these
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
func (t *transfer) inParts(ctx context.Context, o *object, header http.Header, first *stream) (outcome string, err error) {
	t.pieces = true
	size := t.partSize(o.size)
	if t.idle > 0 {
		size = large{part: t.smallest}.partSize(o.size)
	}
	if err := t.feasible(ctx, o, size); err != nil {
		return "", &OperationError{"planning", err}
	}
	m := &multipart{transfer: t, object: o, size: size, started: t.to.now()}
	m.parts = make([]part, (o.size+m.size-1)/m.size)
	return m.inTurn(ctx, func() (string, error) {
		if err := m.create(ctx, header); err != nil {
			return "", fmt.Errorf("creating the upload: %w", err)
		}
		return m.finish(ctx, first)
	})
}

// feasible rejects an object of which not even one part fits into the time left.
func (t *transfer) feasible(ctx context.Context, o *object, part int64) error {
	deadline, ok := ctx.Deadline()
	left := deadline.Sub(t.to.now())
	needed := time.Duration(float64(part) / networkRate * float64(time.Second))
	if !ok || needed <= left {
		return nil
	}
	return fmt.Errorf(
		"size: %d bytes cannot make progress: S3 takes at most %d parts, so a part has %d bytes, which take %v even at %d MiB/s, and this invocation has %v left; hint: increase the function's timeout",
		o.size,
		maxParts,
		part,
		needed.Round(time.Millisecond),
		networkRate>>20,
		left.Round(time.Millisecond),
	)
}

// inTurn copies in parts one object at a time, to bound memory. What it cannot finish
// it keeps for the next invocation, or removes.
func (m *multipart) inTurn(ctx context.Context, do func() (string, error)) (outcome string, err error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		m.waited, m.kept = true, m.upload
		return "", context.Cause(ctx)
	}
	outcome, err = do()
	if errors.Is(err, ErrDeadline) && m.keeps && m.id != "" && !m.strays {
		m.kept = m.keep()
	}
	if err != nil && m.kept == nil || m.strays || outcome == invocation.OutcomeUnchanged {
		m.upload = nil
		m.warning = m.tidy(ctx, err != nil || outcome == invocation.OutcomeUnchanged)
	}
	return outcome, err
}

// finish copies the parts that S3 does not have, and completes the upload.
func (m *multipart) finish(ctx context.Context, first *stream) (outcome string, err error) {
	if err := m.copyParts(ctx, first); err != nil {
		return "", err
	}
	sum := m.sum
	for i, p := range m.parts[m.before:] {
		from, to := m.bounds(m.before + i)
		sum = sum.join(p.sum, to-from)
	}
	if sum != m.object.crc32c {
		return "", &OperationError{
			"verifying",
			&SpoiledError{fmt.Errorf("CRC32C of the parts read is %v, the source announced %v", sum, m.object.crc32c)},
		}
	}
	outcome, err = m.complete(ctx)
	if err != nil {
		return "", fmt.Errorf("completing the upload: %w", err)
	}
	return outcome, nil
}

// about returns a request about the upload.
func (m *multipart) about(method, query string) request {
	return request{method: method, bucket: m.targetBucket, key: m.key, query: query, header: http.Header{}}
}

func (m *multipart) bounds(i int) (from, to int64) {
	from = int64(i) * m.size
	return from, min(from+m.size, m.object.size)
}

// copyParts copies all parts, several in parallel; the first failure stops the others.
func (m *multipart) copyParts(ctx context.Context, first *stream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var missing []int
	for i := m.before; i < len(m.parts); i++ {
		if m.parts[i].etag == "" {
			missing = append(missing, i)
		}
	}
	streams := MeterOf(ctx).streams(m.size, min(m.streams, len(missing)))
	if m.idle > 0 { // one part that arrives is worth more than several that do not
		streams = min(streams, 1)
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range streams {
		workers.Go(func() {
			for ctx.Err() == nil {
				n := int(next.Add(1)) - 1
				if n >= len(missing) {
					return
				}
				i := missing[n]
				from, to := m.bounds(i)
				s := &stream{from: m.from, object: m.object, tally: &m.tally, start: from, end: to, next: from}
				if i == 0 && first != nil {
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
	r.stream, r.unsigned, r.trailer = s, true, true
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
	m.tally.parts.Add(1)
	return nil
}

func (m *multipart) complete(ctx context.Context) (outcome string, err error) {
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
	if r.document, err = xml.Marshal(document); err != nil {
		return "", err
	}
	r.patience = completionPatience
	r.header.Set("Content-Type", "application/xml")
	r.header.Set("X-Amz-Checksum-Crc32c", m.object.crc32c.String())
	r.header.Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	r.header.Set("X-Amz-Mp-Object-Size", strconv.FormatInt(m.object.size, 10))
	if m.overwrite == invocation.OverwriteNewer && !m.looked {
		// An earlier invocation began the upload.
		if same, err := m.same(ctx, m.object); same || err != nil {
			return invocation.OutcomeUnchanged, err
		}
	}
	err = m.attempt(ctx, func() error {
		m.protect(r.header)
		a, err := m.to.do(ctx, r)
		if err == nil {
			var result struct {
				XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			}
			if err = parseXML(a.body, &result); err != nil {
				err = &brokenError{fmt.Errorf("reading the answer: %w", err)}
			}
		}
		outcome, err = m.settled(ctx, m.object, err)
		var refused *AnswerError
		if errors.As(err, &refused) && (refused.Code == "BadDigest" || refused.Code == "ConditionalRequestConflict") {
			return &SpoiledError{err} // retrying the completion would not help
		}
		return err
	})
	return outcome, err
}

// completionPatience allows for the minutes that S3 may need to assemble the
// parts before it answers (Amazon S3 API Reference, "CompleteMultipartUpload").
const completionPatience = 10

// Parts returns in how many parts an object of a size in bytes is copied; 1 is one request.
func Parts(size int64) int64 {
	if size <= defaultThreshold {
		return 1
	}
	part := large{part: defaultPart}.partSize(size)
	return (size + part - 1) / part
}
