package s3

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

func quote(etag string) string { return `"` + etag + `"` }

func unquote(etag string) string { return strings.Trim(etag, `"`) }

// find returns a version of the call's object for reading, with a hold on its
// contents that has to be released. A key that does not exist is a secret to
// without permission to list the bucket.
func (c *call) find(action string) (*object, *blob.Blob, error) {
	id := c.query.Get("versionId")
	if id != "" {
		action += "Version"
	}
	if err := c.onObject(action); err != nil {
		return nil, nil, err
	}
	c.s.mu.RLock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		c.s.mu.RUnlock()
		return nil, nil, err
	}
	o := b.current(c.key)
	if id != "" {
		o = b.version(c.key, id)
	}
	var shared *blob.Blob
	if o != nil && !o.deleteMarker {
		shared = o.blob.Share()
	}
	versioned := b.versioning != ""
	c.s.mu.RUnlock()
	h := c.w.Header()
	if o != nil && versioned {
		h.Set("x-amz-version-id", o.version)
	}
	switch {
	case shared != nil:
		if err := c.readable(o); err != nil {
			shared.Release()
			return nil, nil, err
		}
		return o, shared, nil
	case o != nil && id != "":
		h.Set("x-amz-delete-marker", "true")
		return nil, nil, methodNotAllowed()
	case id != "":
		e := api.Errorf(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
		e.Members = map[string]string{"Key": c.key, "VersionId": id}
		return nil, nil, e
	case o != nil:
		h.Set("x-amz-delete-marker", "true")
	}
	if err := c.allowed("s3:ListBucket", bucketARN(c.bucket), c.bucket); err != nil {
		return nil, nil, err
	}
	return nil, nil, noSuchKey()
}

// readable checks that the caller has the key of an object. One of KMS is not needed
// for what a HEAD tells, but for the checksum: HeadObject (Amazon S3 API Reference).
func (c *call) readable(o *object) error {
	if err := c.unlock(o.headers); err != nil {
		return err
	}
	if c.Method == http.MethodHead && !c.wantsChecksum() {
		return nil
	}
	return c.decrypt(o.headers)
}

func (c *call) wantsChecksum() bool {
	return strings.EqualFold(c.Header.Get("x-amz-checksum-mode"), "ENABLED")
}

func (c *call) getObject() error {
	o, content, err := c.find("s3:GetObject")
	if err != nil {
		return err
	}
	defer content.Release()
	h := c.w.Header()
	h.Set("ETag", quote(o.etag))
	h.Set("Last-Modified", o.modified.Format(http.TimeFormat))
	if err := c.precondition(o); err != nil {
		return err
	}
	offset, length, status, err := c.window(o)
	if err != nil {
		return err
	}
	for name, value := range o.headers {
		// Not h.Set: clients take the rest of x-amz-meta- as it is written, and S3
		// writes it in lower case.
		h[name] = []string{shown(name, value)}
	}
	c.showRetention(o)
	for q := range c.query {
		if name, ok := strings.CutPrefix(q, "response-"); ok {
			if c.Caller.Type == api.Anonymous {
				return invalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
			}
			h.Set(name, c.query.Get(q))
		}
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	if status == http.StatusPartialContent {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+length-1, content.Size))
	}
	if c.wantsChecksum() && length == content.Size {
		o.checksum.header(h)
	}
	if c.query.Has("partNumber") && len(o.parts) > 0 {
		h.Set("x-amz-mp-parts-count", strconv.Itoa(len(o.parts)))
	}
	c.w.WriteHeader(status)
	if c.Method == http.MethodHead {
		return nil
	}
	body := content.Reader(offset, length)
	defer func() { _ = body.Close() }()
	_, _ = io.Copy(c.w, body) // the status is sent; a caller that is gone sees the missing bytes
	return nil
}

// precondition evaluates the conditional headers of a read; see "GetObject".
func (c *call) precondition(o *object) error {
	match, none := c.Header.Get("If-Match"), c.Header.Get("If-None-Match")
	if match != "" && unquote(match) != o.etag && match != "*" {
		return preconditionFailed("If-Match")
	}
	if match == "" {
		if t, err := http.ParseTime(c.Header.Get("If-Unmodified-Since")); err == nil && o.modified.After(t) {
			return preconditionFailed("If-Unmodified-Since")
		}
	}
	notModified := api.Errorf(http.StatusNotModified, "NotModified", "Not Modified")
	if none != "" && (unquote(none) == o.etag || none == "*") {
		return notModified
	}
	if none == "" {
		if t, err := http.ParseTime(c.Header.Get("If-Modified-Since")); err == nil && !o.modified.After(t) && !t.After(c.s.now().Add(time.Second)) {
			return notModified
		}
	}
	return nil
}

// window is the part of the object that Range or partNumber asks for.
func (c *call) window(o *object) (offset, length int64, status int, err error) {
	size := o.blob.Size
	if text := c.query.Get("partNumber"); text != "" {
		if c.Header.Get("Range") != "" {
			return 0, 0, 0, invalidRequest("Cannot specify both Range header and partNumber query parameter")
		}
		return partWindow(o, text)
	}
	spec, ok := strings.CutPrefix(c.Header.Get("Range"), "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return 0, size, http.StatusOK, nil // S3 knows one range only and ignores what it cannot read
	}
	first, last, ok := strings.Cut(spec, "-")
	from, errFrom := strconv.ParseInt(first, 10, 64)
	to, errTo := strconv.ParseInt(last, 10, 64)
	switch {
	case !ok, first != "" && errFrom != nil, last != "" && errTo != nil, first == "" && last == "":
		return 0, size, http.StatusOK, nil
	case first == "":
		from, to = max(0, size-to), size-1
		if last == "0" || size == 0 {
			from = size
		}
	case last == "":
		to = size - 1
	case to < from:
		return 0, size, http.StatusOK, nil
	}
	if from >= size {
		e := api.Errorf(http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
		e.Members = map[string]string{"RangeRequested": c.Header.Get("Range"), "ActualObjectSize": strconv.FormatInt(size, 10)}
		c.w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return 0, 0, 0, e
	}
	to = min(to, size-1)
	return from, to - from + 1, http.StatusPartialContent, nil
}

func partWindow(o *object, text string) (offset, length int64, status int, err error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxParts {
		return 0, 0, 0, invalidArgument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive")
	}
	if len(o.parts) == 0 && n == 1 {
		if o.blob.Size == 0 {
			return 0, 0, http.StatusOK, nil
		}
		return 0, o.blob.Size, http.StatusPartialContent, nil
	}
	if n > len(o.parts) {
		return 0, 0, 0, api.Errorf(http.StatusRequestedRangeNotSatisfiable, "InvalidPartNumber", "The requested partnumber is not satisfiable")
	}
	for _, p := range o.parts[:n-1] {
		offset += p.Size
	}
	return offset, o.parts[n-1].Size, http.StatusPartialContent, nil
}
