package copy

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Batch copies the objects of an event as Handle does, for a caller in the same process:
// the answer lists every object, and the log has those that failed only. each is called
// with every outcome, by several goroutines; once it returns false, no more copies are
// started, and the cursor has the rest.
func (h *Handler) Batch(ctx context.Context, event invocation.Event, each func(invocation.ObjectResult) bool) (invocation.ManyResult, error) {
	if err := event.Check(); err != nil {
		return invocation.ManyResult{}, err
	}
	batch := *h
	batch.room = math.MaxInt
	log := newLogger(ctx, h)
	log.brief = true
	return batch.copyMany(ctx, event, log, each)
}

// Listed is an object of a bucket of Cloud Storage, as a listing shows it.
type Listed struct {
	Name        string
	Generation  int64
	Size        int64  // in bytes
	CRC32C      string // base64 of the big-endian sum; empty if the object has none
	Class       string // STANDARD, NEARLINE, COLDLINE, ARCHIVE, or an older one
	Updated     time.Time
	Metadata    map[string]string
	Header      http.Header // Content-Type and the like; nil for none
	CustomerKey bool        // a customer-supplied key encrypts the object
}

// MaxKey is the longest key of S3, in bytes.
const MaxKey = maxName

// CheckMetadata returns the names of an object's custom metadata that S3 cannot hold, and
// why the object cannot be copied for its metadata, if that is so.
func CheckMetadata(o Listed) (leftOut []string, reason string) {
	of := &object{custom: o.Metadata, generation: o.Generation, header: o.Header}
	if o.Header.Get("Content-Encoding") == "gzip" && packedTypes[o.Header.Get("Content-Type")] && !strings.Contains(o.Header.Get("Cache-Control"), "no-transform") {
		return nil, "Cloud Storage unpacks it on its way: both its type and its encoding say that it is packed"
	}
	for name := range of.header {
		if _, err := inASCII(name, of.header.Get(name)); err != nil {
			return nil, "its " + name + " has characters that S3 does not take"
		}
	}
	_, leftOut, err := metadata(of)
	if err != nil {
		return nil, "more custom metadata than S3 takes"
	}
	return leftOut, ""
}

// packedTypes are the types of packed content that Cloud Storage unpacks though the client
// takes gzip: GoogleCloudPlatform/gsutil, issue 480.
var packedTypes = map[string]bool{
	"application/gzip": true, "application/x-gzip": true, "application/x-compress": true, "application/x-compressed": true,
}

// PageObjects is how many objects a page of a listing has at most, in both clouds.
const PageObjects = 1000

// Range names a part of a bucket: the keys with a prefix that come after one and before
// another. Empty bounds are none.
type Range struct {
	Prefix string `json:"prefix,omitempty"`
	From   string `json:"from,omitempty"` // or from this one on; of Cloud Storage only
	After  string `json:"after,omitempty"`
	Before string `json:"before,omitempty"`
}

// List lists a range of a bucket of Cloud Storage in the order of its names, which is that
// of their bytes. The sequence ends with the first error.
func (h *Handler) List(ctx context.Context, bucket string, r Range) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		l := &listing{
			from: h.source, attempt: h.attempt, bucket: bucket, prefix: r.Prefix, start: r.From, after: r.After, before: r.Before,
			fields: plannedFields,
		}
		for {
			o, err := l.next(ctx)
			if err != nil {
				yield(Listed{}, err)
				return
			}
			if o == nil {
				return
			}
			if !yield(o.shown(), nil) {
				return
			}
		}
	}
}

// plannedFields are the fields that Listed has.
const plannedFields = neededFields + ",storageClass,updated,metadata,customerEncryption(encryptionAlgorithm)" +
	",contentType,contentEncoding,contentLanguage,contentDisposition,cacheControl"

// shown returns what a listing shows of an object.
func (o *object) shown() Listed {
	item := Listed{
		Name: o.name, Generation: o.generation, Size: o.size, Class: o.class, Updated: o.updated, Metadata: o.custom, Header: o.header,
		CustomerKey: o.customerKey,
	}
	if o.summed {
		item.CRC32C = o.crc32c.String()
	}
	return item
}

// Look returns an object of a bucket of Cloud Storage as a listing shows it; generation 0 is
// the live one. It costs a request. there reports whether the object exists.
func (h *Handler) Look(ctx context.Context, bucket, name string, generation int64) (o Listed, there bool, err error) {
	query := url.Values{"fields": {plannedFields}}
	if generation != 0 {
		query.Set("generation", strconv.FormatInt(generation, 10))
	}
	err = h.attempt(ctx, func() error {
		resp, err := h.source.do(ctx, h.source.jsonURL(bucket, name, query), h.source.plain(), http.StatusOK)
		var answer *AnswerError
		if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
			o, there = Listed{}, false
			return nil
		}
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		var resource listedJSON
		if err := json.NewDecoder(io.LimitReader(resp.Body, maxPage)).Decode(&resource); err != nil {
			return &brokenError{fmt.Errorf("reading the answer: %w", err)}
		}
		o, there = resource.object(bucket).shown(), true
		return nil
	})
	if err != nil {
		return Listed{}, false, fmt.Errorf("looking at gs://%s/%s: %w", bucket, name, err)
	}
	return o, there, nil
}

// Region returns the function's region of AWS.
func (h *Handler) Region() string { return h.target.region }

// Overwrite returns the environment's policy for objects that are at the destination.
func (h *Handler) Overwrite() string { return h.settings.overwrite }

// attempt retries do until it succeeds or another attempt is pointless.
func (h *Handler) attempt(ctx context.Context, do func() error) error {
	return h.patience.attempt(ctx, do, func() {})
}

// Stored is an object of a bucket of S3, as a listing shows it.
type Stored struct {
	Key  string
	Size int64 // in bytes
}

// Stored lists a range of a bucket of S3 in the order of its keys, which is that of their
// bytes (Amazon S3 API Reference, "ListObjectsV2"). The sequence ends with the first error.
func (h *Handler) Stored(ctx context.Context, bucket string, r Range) iter.Seq2[Stored, error] {
	return func(yield func(Stored, error) bool) {
		after, token := r.After, ""
		for {
			var page struct {
				XMLName               xml.Name `xml:"ListBucketResult"`
				IsTruncated           bool
				NextContinuationToken string
				Contents              []struct {
					Key  string
					Size int64
				}
			}
			query := ""
			if token != "" {
				query = "continuation-token=" + escape(token, true) + "&"
			}
			query += "encoding-type=url&list-type=2"
			if r.Prefix != "" {
				query += "&prefix=" + escape(r.Prefix, true)
			}
			if after != "" && token == "" {
				query += "&start-after=" + escape(after, true)
			}
			err := h.attempt(ctx, func() error {
				a, err := h.target.do(ctx, request{method: http.MethodGet, bucket: bucket, query: query, most: maxPage})
				if err == nil {
					if err = parseXML(a.body, &page); err != nil {
						err = &brokenError{fmt.Errorf("reading the answer: %w", err)}
					}
				}
				return err
			})
			if err != nil {
				yield(Stored{}, fmt.Errorf("listing s3://%s/%s: %w", bucket, r.Prefix, err))
				return
			}
			for _, c := range page.Contents {
				key, err := url.QueryUnescape(c.Key)
				if err != nil {
					yield(Stored{}, fmt.Errorf("listing s3://%s/%s: key %q: %w", bucket, r.Prefix, c.Key, err))
					return
				}
				if r.Before != "" && key >= r.Before {
					return
				}
				if !yield(Stored{key, c.Size}, nil) {
					return
				}
			}
			if token = page.NextContinuationToken; !page.IsTruncated || token == "" {
				return
			}
		}
	}
}

// Checksum returns the size in bytes and the CRC32C, base64, of an object of S3, as S3
// tells them ("HeadObject"), and the generation that the copy recorded. The checksum is
// empty if S3 has none of the whole object; there reports whether there is an object. One
// that is hidden from the role is an error: a listing tells it from one that is absent.
func (h *Handler) Checksum(ctx context.Context, bucket, key string) (size int64, crc32c string, generation int64, there bool, err error) {
	t := &transfer{to: h.target, targetBucket: bucket, key: key}
	f, err := t.find(ctx)
	if err != nil {
		return 0, "", 0, false, err
	}
	if f != nil {
		return f.size, f.sum, f.generation, true, nil
	}
	if t.denied != nil {
		for o, err := range h.Stored(ctx, bucket, Range{Prefix: key}) {
			if err == nil && o.Key == key {
				err = fmt.Errorf("looking at s3://%s/%s: S3 lists it, and denies access to it", bucket, key)
			}
			return 0, "", 0, false, err
		}
	}
	return 0, "", 0, false, nil
}

// Files keeps files in a bucket of S3, as the function's role.
type Files struct {
	handler *Handler
	bucket  string
}

// Files returns the files of a bucket.
func (h *Handler) Files(bucket string) *Files { return &Files{h, bucket} }

// maxFile is the most that is read of a file, in bytes.
const maxFile = 64 << 20

// Get reads a file; there reports whether it exists.
func (f *Files) Get(ctx context.Context, key string) (data []byte, there bool, err error) {
	err = f.handler.attempt(ctx, func() error {
		a, err := f.handler.target.do(ctx, request{method: http.MethodGet, bucket: f.bucket, key: key, most: maxFile})
		if is(err, http.StatusNotFound, "NoSuchKey") {
			data, there = nil, false
			return nil
		}
		data, there = a.body, err == nil
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("reading s3://%s/%s: %w", f.bucket, key, err)
	}
	return data, there, nil
}

// Put writes a file, or replaces it.
func (f *Files) Put(ctx context.Context, key string, data []byte) error {
	_, err := f.write(ctx, key, data, http.Header{})
	return err
}

// Create writes a file unless it exists: Amazon S3 User Guide, "How to prevent object
// overwrites with conditional writes". It reports whether it wrote it; after a lost answer
// it does not, though it may have.
func (f *Files) Create(ctx context.Context, key string, data []byte) (created bool, err error) {
	return f.write(ctx, key, data, http.Header{"If-None-Match": {"*"}})
}

func (f *Files) write(ctx context.Context, key string, data []byte, header http.Header) (written bool, err error) {
	header.Set("Content-Type", "application/octet-stream")
	header.Set("X-Amz-Checksum-Crc32c", crc32c(0).add(data).String())
	err = f.handler.attempt(ctx, func() error {
		_, err := f.handler.target.do(ctx, request{method: http.MethodPut, bucket: f.bucket, key: key, header: header, document: data})
		if is(err, http.StatusPreconditionFailed, "PreconditionFailed") {
			written = false
			return nil
		}
		written = err == nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("writing s3://%s/%s: %w", f.bucket, key, err)
	}
	return written, nil
}

// Keys lists the files with a prefix.
func (f *Files) Keys(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for item, err := range f.handler.Stored(ctx, f.bucket, Range{Prefix: prefix}) {
			if !yield(item.Key, err) || err != nil {
				return
			}
		}
	}
}
