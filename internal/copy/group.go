package copy

import (
	"context"
	"errors"
	"fmt"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Upload is an upload in parts of one object that several invocations share.
type Upload struct {
	ID                string   `json:"id"`
	SourceBucket      string   `json:"sourceBucket"`
	Object            string   `json:"object"`
	DestinationBucket string   `json:"destinationBucket"`
	Key               string   `json:"key"`
	Generation        int64    `json:"generation,string"`
	Size              int64    `json:"size"`   // of the object, in bytes
	CRC32C            string   `json:"crc32c"` // of the object
	PartSize          int64    `json:"partSize"`
	LeftOut           []string `json:"leftOut,omitempty"` // names of metadata that S3 cannot hold
	Same              bool     `json:"same,omitempty"`    // there is no upload: the same bytes were at the destination already
}

// Part is a part of an upload that S3 has.
type Part struct {
	ETag   string `json:"etag"`
	CRC32C string `json:"crc32c"`
}

// BeginUpload begins an upload of the object that an event names with its generation and
// key. Its error is a *TransferError.
func (h *Handler) BeginUpload(ctx context.Context, event invocation.Event) (Upload, error) {
	t := h.plan(event, single(event), h.now())
	t.tidying = h.tidyingIn(ctx)
	if err := t.check(); err != nil {
		return Upload{}, t.fail(err)
	}
	o, body, err := t.openSource(ctx)
	if err != nil {
		return Upload{}, t.fail(&OperationError{"reading", err})
	}
	_ = body.Close()
	header, leftOut, err := metadata(o)
	if err != nil {
		return Upload{}, t.fail(&OperationError{"planning", err})
	}
	u := Upload{
		SourceBucket: t.sourceBucket, Object: t.object, DestinationBucket: t.targetBucket, Key: t.key,
		Generation: o.generation, Size: o.size, CRC32C: o.crc32c.String(), PartSize: t.partSize(o.size), LeftOut: leftOut,
	}
	if u.Same, err = t.same(ctx, o); u.Same || err != nil {
		return u, t.failed(err)
	}
	m := &multipart{transfer: t, object: o, size: u.PartSize, started: h.now()}
	if err := m.create(ctx, header); err != nil {
		if m.strays {
			err = errors.Join(err, m.tidy(ctx, true))
		}
		return Upload{}, t.fail(fmt.Errorf("creating the upload: %w", err))
	}
	u.ID = m.id
	return u, nil
}

// failed is fail for an error that may be nil.
func (t *transfer) failed(err error) error {
	if err == nil {
		return nil
	}
	return t.fail(err)
}

// tidyingIn returns what makes contexts for cleaning up before the invocation ends.
func (h *Handler) tidyingIn(ctx context.Context) func(context.Context) (context.Context, context.CancelFunc) {
	_, cancel, tidying := within(ctx, h.now())
	cancel()
	return tidying
}

// multipart returns an upload to work on.
func (h *Handler) multipart(ctx context.Context, u Upload) (*multipart, error) {
	event := invocation.Event{SourceBucket: u.SourceBucket, DestinationBucket: u.DestinationBucket}
	t := h.plan(event, invocation.Item{Object: u.Object, Key: u.Key, Generation: u.Generation}, h.now())
	t.tidying = h.tidyingIn(ctx)
	sum, err := parseCRC32C(u.CRC32C)
	if err != nil {
		return nil, t.fail(err)
	}
	if err := t.check(); err != nil {
		return nil, t.fail(err)
	}
	o := &object{bucket: t.sourceBucket, name: u.Object, size: u.Size, generation: u.Generation, crc32c: sum}
	m := &multipart{transfer: t, object: o, size: u.PartSize, id: u.ID, started: h.now()}
	m.parts = make([]part, (o.size+m.size-1)/m.size)
	return m, nil
}

// CopyParts copies the parts of an upload from one to before another, without those that S3
// has already, and returns all that S3 then has of them, by number from 0, also if it fails.
// Its error is a *TransferError.
func (h *Handler) CopyParts(ctx context.Context, u Upload, from, to int, have map[int]Part) (map[int]Part, error) {
	ctx, cancel, _ := within(ctx, h.now())
	defer cancel()
	m, err := h.multipart(ctx, u)
	if err != nil {
		return have, err
	}
	if from < 0 || to > len(m.parts) {
		return have, m.fail(fmt.Errorf("the upload has %d parts, and not %d to %d", len(m.parts), from, to-1))
	}
	for i, p := range have {
		sum, err := parseCRC32C(p.CRC32C)
		if err != nil || i < from || i >= to {
			return have, m.fail(fmt.Errorf("part %d: is not one of these: %w", i, err))
		}
		m.parts[i] = part{p.ETag, sum}
	}
	parts := m.parts
	m.before, m.parts = from, parts[:to]
	err = m.copyParts(ctx, nil)
	done := map[int]Part{}
	for i := from; i < to; i++ {
		if parts[i].etag != "" {
			done[i] = Part{parts[i].etag, parts[i].sum.String()}
		}
	}
	return done, m.failed(err)
}

// CompleteUpload joins all parts of an upload to the object. S3 compares the CRC32C of the
// whole before it makes it visible. Its error is a *TransferError.
func (h *Handler) CompleteUpload(ctx context.Context, u Upload, parts []Part) error {
	m, err := h.multipart(ctx, u)
	if err != nil {
		return err
	}
	if len(parts) != len(m.parts) {
		return m.fail(fmt.Errorf("the upload has %d parts, and not %d", len(m.parts), len(parts)))
	}
	var sum crc32c
	for i, p := range parts {
		s, err := parseCRC32C(p.CRC32C)
		if err != nil {
			return m.fail(fmt.Errorf("part %d: %w", i+1, err))
		}
		m.parts[i] = part{p.ETag, s}
		from, to := m.bounds(i)
		sum = sum.join(s, to-from)
	}
	if sum != m.object.crc32c {
		return m.fail(&OperationError{"verifying", fmt.Errorf("CRC32C of the parts read is %v, the source announced %v", sum, m.object.crc32c)})
	}
	outcome, err := m.complete(ctx)
	if err == nil && outcome == invocation.OutcomeUnchanged {
		err = m.abort(ctx, u.ID)
	} else if err != nil {
		// Another invocation may have completed it, whose answer was lost.
		_, err = m.vanished(ctx, err)
	}
	if err != nil {
		return m.fail(fmt.Errorf("completing the upload: %w", err))
	}
	return nil
}

// AbortUpload removes an upload with its parts; one that has ended is not an error.
func (h *Handler) AbortUpload(ctx context.Context, u Upload) error {
	m, err := h.multipart(ctx, u)
	if err != nil {
		return err
	}
	return m.failed(m.abort(ctx, u.ID))
}
