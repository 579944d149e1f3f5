package copy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

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
		if err := parseXML(a.body, &result); err != nil || result.UploadID == "" {
			m.strays = true
			return &brokenError{fmt.Errorf("the answer has no upload id: %w", err)}
		}
		m.id = escape(result.UploadID, true)
		return nil
	})
}

// resume continues the upload of an earlier invocation. The generation that its parts
// are of must still exist.
func (t *transfer) resume(ctx context.Context) (copied, error) {
	u := t.upload
	o := &object{bucket: t.sourceBucket, name: t.object, size: u.Size, generation: u.Generation, crc32c: u.CRC32C}
	t.key, t.pieces, t.leftOut, t.looked, t.carried = u.Key, true, u.LeftOut, false, nil
	m := &multipart{transfer: t, object: o, size: u.Part, id: u.ID, before: u.Done, sum: u.Sum, started: t.to.now()}
	m.parts = make([]part, (o.size+m.size-1)/m.size)
	t.tally.reached.Store(u.reached())
	outcome, err := m.inTurn(ctx, func() (string, error) {
		if done, err := m.outdated(ctx); done || err != nil {
			return invocation.OutcomeUnchanged, err
		}
		if err := m.recall(ctx, u); err != nil {
			return m.vanished(ctx, err)
		}
		outcome, err := m.finish(ctx, nil)
		if err != nil {
			return m.vanished(ctx, err)
		}
		return outcome, nil
	})
	if err == nil && outcome == invocation.OutcomeCopied {
		err = t.recheck(ctx, o)
	}
	return o.copied(outcome), err
}

// vanished judges an error that may mean that the upload no longer exists. If an earlier
// invocation has completed it, whose answer was lost, the object is there.
func (m *multipart) vanished(ctx context.Context, err error) (outcome string, _ error) {
	var answer *AnswerError
	if !errors.As(err, &answer) || answer.Code != "NoSuchUpload" {
		return "", err
	}
	found, looking := m.find(ctx)
	if looking == nil && found.is(m.object) && found.generation == m.object.generation {
		return invocation.OutcomeCopied, nil
	}
	m.id = ""
	return "", err
}

// recall learns from S3 which parts it has (Amazon S3 API Reference, "ListParts"). Parts
// that the cursor does not have are copied again.
func (m *multipart) recall(ctx context.Context, u *upload) error {
	known := map[int]crc32c{}
	for _, l := range u.Later {
		known[l.Index] = l.Sum
	}
	marker := "0"
	for marker != "" {
		var list struct {
			IsTruncated          bool
			NextPartNumberMarker string
			Part                 []struct {
				PartNumber int
				ETag       string
				Size       int64
			}
		}
		err := m.attempt(ctx, func() error {
			a, err := m.to.do(ctx, m.about(http.MethodGet, "part-number-marker="+marker+"&uploadId="+m.id))
			if err == nil {
				if err = parseXML(a.body, &list); err != nil {
					err = &brokenError{fmt.Errorf("reading the answer: %w", err)}
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("listing the parts of the upload: %w", err)
		}
		for _, p := range list.Part {
			i := p.PartNumber - 1
			sum, later := known[i]
			if i < 0 || i >= len(m.parts) || i >= m.before && !later {
				continue
			}
			if from, to := m.bounds(i); p.Size == to-from {
				m.parts[i] = part{p.ETag, sum}
			}
		}
		if marker = ""; list.IsTruncated {
			if marker = list.NextPartNumberMarker; marker == "" {
				return &brokenError{errors.New("listing the parts of the upload: the answer says that there are more, and not where")}
			}
		}
	}
	for i := range m.before {
		if m.parts[i].etag == "" {
			return &SpoiledError{fmt.Errorf("S3 no longer has part %d of the upload", i+1)}
		}
	}
	return nil
}

// keep returns the state of the upload for the next invocation, or nil if S3 has no
// part of it.
func (m *multipart) keep() *upload {
	u := &upload{
		ID:         m.id,
		Key:        m.key,
		Generation: m.object.generation,
		Size:       m.object.size,
		CRC32C:     m.object.crc32c,
		Part:       m.size,
		Done:       m.before,
		Sum:        m.sum,
		LeftOut:    m.leftOut,
	}
	for ; u.Done < len(m.parts) && m.parts[u.Done].etag != ""; u.Done++ {
		from, to := m.bounds(u.Done)
		u.Sum = u.Sum.join(m.parts[u.Done].sum, to-from)
	}
	for i := u.Done + 1; i < len(m.parts) && len(u.Later) < maxLater; i++ {
		if m.parts[i].etag != "" {
			u.Later = append(u.Later, late{i, m.parts[i].sum})
		}
	}
	m.progress = m.tally.parts.Load() > 0
	if !m.progress && m.upload != nil {
		return m.upload // perhaps before S3's parts were listed
	}
	if u.Done == 0 && len(u.Later) == 0 {
		return nil
	}
	return u
}

// reached returns how many bytes S3 has of the upload; without one, none.
func (u *upload) reached() int64 {
	if u == nil {
		return 0
	}
	n := min(int64(u.Done)*u.Part, u.Size)
	for _, l := range u.Later {
		from := int64(l.Index) * u.Part
		n += min(from+u.Part, u.Size) - from
	}
	return n
}

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

// persist retries do as long as there is time.
func (m *multipart) persist(ctx context.Context, do func() error) error {
	for attempts := 1; ; attempts++ {
		err := do()
		if err == nil {
			return nil
		}
		if _, limited := ctx.Deadline(); limited {
			attempts = min(attempts, maxAttempts-1)
		}
		if err := m.to.patience.again(ctx, attempts, err); err != nil {
			return err
		}
	}
}

// abort aborts an upload; one that has already ended is not an error.
func (m *multipart) abort(ctx context.Context, id string) error {
	err := m.persist(ctx, func() error {
		_, err := m.to.do(ctx, m.about(http.MethodDelete, "uploadId="+id))
		return err
	})
	var answer *AnswerError
	if err == nil || errors.As(err, &answer) && answer.Code == "NoSuchUpload" {
		return nil
	}
	m.left = append(m.left, id)
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
	err := m.persist(ctx, func() error {
		a, err := m.to.do(
			ctx,
			request{method: http.MethodGet, bucket: m.targetBucket, query: "encoding-type=url&prefix=" + escape(m.key, true) + "&uploads="},
		)
		if err == nil {
			err = parseXML(a.body, &list)
		}
		return err
	})
	if err != nil {
		m.left = append(m.left, "unknown")
		return fmt.Errorf("looking for uploads that may be left behind: %w", err)
	}
	var errs []error
	for _, u := range list.Upload {
		key, err := url.QueryUnescape(u.Key)
		if id := escape(u.UploadID, true); err == nil && key == m.key && id != m.id && u.Initiated.After(m.started.Add(-clockSkew)) {
			errs = append(errs, m.abort(ctx, id))
		}
	}
	return errors.Join(errs...)
}

// clockSkew is how far S3's clock may be behind this machine's.
const clockSkew = 5 * time.Second
