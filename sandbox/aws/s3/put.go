package s3

import (
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// condition is that of a conditional write or deletion; see "How to prevent object
// overwrites with conditional writes" and "How to perform conditional deletes".
type condition struct {
	ifNoneMatch bool
	ifMatch     string // an ETag, "" for none
	deletions   int    // of the key, when the request came in
}

// condition reads the headers of a conditional request. One with an ETag needs the right
// to read the object.
func (c *call) condition() (condition, error) {
	var w condition
	switch c.Header.Get("If-None-Match") {
	case "":
	case "*":
		w.ifNoneMatch = true
	default:
		return w, notImplemented("Header", "If-None-Match")
	}
	if w.ifMatch = unquote(c.Header.Get("If-Match")); w.ifMatch != "" {
		if w.ifNoneMatch || w.ifMatch == "*" {
			return w, notImplemented("Header", "If-Match")
		}
		if err := c.onObject("s3:GetObject"); err != nil {
			return w, err
		}
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return w, err
	}
	w.deletions = b.deletions[c.key]
	return w, nil
}

// holds checks the condition against the bucket as it is now.
func (w condition) holds(b *bucket, key string) error {
	if !w.ifNoneMatch && w.ifMatch == "" {
		return nil
	}
	if b.deletions[key] != w.deletions {
		e := api.Errorf(http.StatusConflict, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation against this resource.")
		e.Members = map[string]string{"Condition": w.header(), "Key": key}
		return e
	}
	o := b.live(key)
	switch {
	case w.ifNoneMatch && o != nil:
		return preconditionFailed(w.header())
	case w.ifMatch != "" && o == nil:
		return noSuchKey()
	case w.ifMatch != "" && o.etag != w.ifMatch:
		return preconditionFailed(w.header())
	}
	return nil
}

func (w condition) header() string {
	if w.ifNoneMatch {
		return "If-None-Match"
	}
	return "If-Match"
}

func preconditionFailed(condition string) error {
	e := api.Errorf(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	e.Members = map[string]string{"Condition": condition}
	return e
}

func noSuchKey() *api.Error {
	return api.Errorf(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
}

// commit makes o the current version of its key, if the condition holds. It
// takes the blob over, also when it fails. When o is what an upload makes, that
// ends with it: of several completions at the same time one succeeds.
func (c *call) commit(o *object, w condition, u *upload) error {
	version := c.s.token()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.bucket(c.bucket)
	if err == nil && u != nil && c.s.uploads[u.id] != u {
		err = noSuchUpload()
	}
	if err == nil {
		err = w.holds(b, o.key)
	}
	if err != nil {
		o.blob.Release()
		return err
	}
	if u != nil {
		u.release()
		delete(c.s.uploads, u.id)
	}
	o.modified = c.s.now()
	o.retention = b.lock.retain(o.modified)
	b.add(o, version)
	if b.versioning == "Enabled" {
		c.w.Header().Set("x-amz-version-id", o.version)
	}
	return nil
}

func (c *call) putObject() error {
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	headers, err := c.objectHeaders()
	if err != nil {
		return err
	}
	e, err := c.expected()
	if err != nil {
		return err
	}
	if err := c.needLockDigest(e, "Object"); err != nil {
		return err
	}
	w, err := c.condition()
	if err != nil {
		return err
	}
	algorithm := e.algorithm
	if algorithm == "" {
		algorithm = blob.CRC64NVME // what S3 computes when the client sends none
	}
	content, err := c.receive(e, algorithm)
	if err != nil {
		return err
	}
	o := &object{
		key: c.key, etag: c.etag(headers, content.Sums[blob.MD5]), headers: headers, blob: content, checksum: checksumOf(algorithm, content.Sums),
	}
	if err := c.commit(o, w, nil); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("ETag", quote(o.etag))
	o.checksum.header(h)
	showEncryption(h, headers)
	c.empty(http.StatusOK)
	return nil
}
