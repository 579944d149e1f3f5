package copy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// This file is the policy invocation.OverwriteNewer: no older generation replaces a newer
// one, in whichever order copies begin and end. Every write names what it replaces, by the
// ETag that was found, or that it replaces nothing (Amazon S3 User Guide, "How to prevent
// object overwrites with conditional writes"). If that is no longer there, the destination
// is looked at again, and the copy decides by what is there then.
//
// An ETag is made of the bytes alone, unless a key of KMS encrypts them (Amazon S3 API
// Reference, "Object"). So a write cannot tell two generations with the same bytes apart:
// if one of them came after the look, it is replaced. For that case the source is asked
// after every replacement, and a generation that has become live in the meantime is copied.

// contestedError reports that something else is at the destination than a write was to
// replace. The next attempt names that.
type contestedError struct{ err error }

func (e *contestedError) Error() string {
	return fmt.Sprintf("the destination changed while the copy was made: %v", e.err)
}

func (e *contestedError) Unwrap() error { return e.err }

// overtakenError reports that the source has another generation than the one that was
// copied. The copy starts over.
type overtakenError struct {
	generation int64
	written    bool // to the destination
}

func (e *overtakenError) Error() string {
	if e.written {
		return fmt.Sprintf("generation %d was written, and is no longer the live one", e.generation)
	}
	return fmt.Sprintf("the source has changed: generation %d is no longer the live one", e.generation)
}

// holds reports whether what is at the destination stays: a newer generation, or the same
// one. If its metadata matter and are not known, the error is an *overtakenError: only
// reading the object tells them.
func (t *transfer) holds(f *found, o *object) (bool, error) {
	t.replaces, t.looked = f, true
	switch {
	case f == nil:
		return false, nil
	case f.etag == "":
		return false, f.exists() // without an ETag no write can name it
	case f.generation != o.generation:
		return f.generation > o.generation, nil
	case t.rewrites && t.carried == nil:
		return false, &overtakenError{generation: o.generation}
	case t.rewrites && !f.carries(t.carried):
		return false, nil
	}
	// The record may have come with other bytes, if somebody made the object from a copy.
	return f.size == o.size && (f.sum == "" || f.is(o)), nil
}

// contested reports whether S3 rejected a write because of its condition.
func (t *transfer) contested(answer *AnswerError) bool {
	return answer.Status == http.StatusPreconditionFailed ||
		answer.Status == http.StatusConflict && answer.Code == "ConditionalRequestConflict" ||
		answer.Status == http.StatusNotFound && answer.Code == "NoSuchKey" && t.replaces != nil
}

// again decides once more after a write was rejected because of its condition. The destination
// may have the object already, from an attempt whose answer was lost.
func (t *transfer) again(ctx context.Context, o *object, rejected error) (outcome string, _ error) {
	f, err := t.find(ctx)
	if err != nil {
		return "", err
	}
	if t.doubt == o && t.wrote(f, o) {
		t.doubt = nil
		return invocation.OutcomeCopied, nil
	}
	if same, err := t.holds(f, o); same || err != nil {
		t.doubt = nil
		return invocation.OutcomeUnchanged, err
	}
	return "", &contestedError{rejected}
}

// wrote reports whether what is at the destination is what this copy writes.
func (t *transfer) wrote(f *found, o *object) bool {
	return f.is(o) && f.generation == o.generation && (!t.rewrites || t.carried != nil && f.carries(t.carried))
}

// recheck asks the source whether it still has what was written. Its error is an
// *overtakenError if not.
func (t *transfer) recheck(ctx context.Context, o *object) error {
	if t.overwrite != invocation.OverwriteNewer || t.generation != 0 || t.replaces == nil && !t.rechecks && !t.rewrites {
		return nil
	}
	const unknown = "generation %d was written, and whether it is still the live one is not known: %w"
	live, err := t.live(ctx)
	if err != nil {
		return &OperationError{"verifying", fmt.Errorf(unknown, o.generation, err)}
	}
	if live == nil && !t.rechecks {
		return nil
	}
	if live != nil && live.generation == o.generation && (!t.rewrites || live.metageneration == o.metageneration) {
		return nil
	}
	t.written = true
	return &overtakenError{o.generation, true}
}

// outdated reports whether there is nothing left to do for an upload that an earlier
// invocation began. If the source has another generation by now, the error is an
// *overtakenError: the copy starts over with that one. The metadata of an upload are those
// of its beginning; recheck finds out whether they are still the object's.
func (m *multipart) outdated(ctx context.Context) (done bool, _ error) {
	if m.overwrite != invocation.OverwriteNewer {
		return false, nil
	}
	if m.transfer.generation == 0 {
		live, err := m.live(ctx)
		if err != nil {
			return false, &OperationError{"reading", err}
		}
		if live == nil || live.generation != m.object.generation {
			return false, &overtakenError{generation: m.object.generation}
		}
	}
	return m.same(ctx, m.object)
}

// current is the live generation of an object.
type current struct{ generation, metageneration, size int64 }

// live asks the source for the live generation, which is nil if there is none (Cloud
// Storage JSON API reference, "Objects: get").
func (t *transfer) live(ctx context.Context) (live *current, err error) {
	err = t.attempt(ctx, func() (err error) {
		live, err = t.from.live(ctx, t.sourceBucket, t.object)
		return err
	})
	return live, err
}

func (g *gcs) live(ctx context.Context, bucket, name string) (*current, error) {
	resp, err := g.do(ctx, g.jsonURL(bucket, name, url.Values{"fields": {"generation,metageneration,size"}}), g.plain(), http.StatusOK)
	var answer *AnswerError
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := readAnswer(resp)
	if err != nil {
		return nil, err
	}
	var c struct {
		Generation, Metageneration, Size int64 `json:",string"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, &brokenError{fmt.Errorf("reading the object's resource: %w", err)}
	}
	return &current{c.Generation, c.Metageneration, c.Size}, nil
}

// carries reports whether the object was written with these headers. They are compared
// themselves, and no number of the source's is recorded for that: copies made before, by a
// prefix or by a bulk job, have them too, and no byte of the 2 KiB for custom metadata is used.
func (f *found) carries(header http.Header) bool {
	kind := header.Get("Content-Type")
	if kind == "" {
		kind = "binary/octet-stream" // what S3 says of an object without one
	}
	if f.header.Get("Content-Type") != kind {
		return false
	}
	for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control"} {
		if f.header.Get(name) != header.Get(name) {
			return false
		}
	}
	count := 0
	for name, values := range header {
		if strings.HasPrefix(name, targetPrefix) {
			count++
			if plain(f.header.Get(name)) != plain(values[0]) {
				return false
			}
		}
	}
	for name := range f.header {
		if strings.HasPrefix(name, targetPrefix) {
			count--
		}
	}
	return count == 0
}

// plain returns a value of custom metadata without the encoding of characters that are not
// ASCII, which has several forms: RFC 2047.
func plain(value string) string {
	decoded, err := new(mime.WordDecoder).DecodeHeader(value)
	if err != nil {
		return value
	}
	return strings.TrimSpace(decoded)
}
