package s3

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// source finds the object of x-amz-copy-source, with a hold on its contents.
func (c *call) source() (*object, *blob.Blob, error) {
	text, query, _ := strings.Cut(c.Header.Get("x-amz-copy-source"), "?")
	path, err := url.PathUnescape(text)
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err != nil || !ok || key == "" {
		return nil, nil, invalidArgument("x-amz-copy-source", text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	// A read of its own, with the source's names and the source's conditions.
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, nil, invalidArgument("x-amz-copy-source", query, "Invalid copy source")
	}
	from := *c
	from.bucket, from.key, from.query, from.w = name, key, url.Values{}, discarded{http.Header{}}
	if id := values.Get("versionId"); id != "" {
		from.query.Set("versionId", id)
	}
	o, content, err := from.find("s3:GetObject")
	if err != nil {
		return nil, nil, from.explain(err)
	}
	if err := c.sourceCondition(o); err != nil {
		content.Release()
		return nil, nil, err
	}
	return o, content, nil
}

// discarded takes the headers that a read as part of a copy would answer.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header         { return d.header }
func (d discarded) Write(p []byte) (int, error) { return len(p), nil }
func (d discarded) WriteHeader(int)             {}

func (c *call) sourceCondition(o *object) error {
	header := func(name string) string { return c.Header.Get("x-amz-copy-source-if-" + name) }
	since := func(name string) (time.Time, bool) {
		t, err := http.ParseTime(header(name))
		return t, err == nil
	}
	failed := ""
	if v := header("match"); v != "" && unquote(v) != o.etag {
		failed = "match"
	}
	if v := header("none-match"); v != "" && unquote(v) == o.etag {
		failed = "none-match"
	}
	if t, ok := since("unmodified-since"); ok && header("match") == "" && o.modified.After(t) {
		failed = "unmodified-since"
	}
	if t, ok := since("modified-since"); ok && header("none-match") == "" && !o.modified.After(t) {
		failed = "modified-since"
	}
	if failed != "" {
		return preconditionFailed("x-amz-copy-source-If-" + failed)
	}
	return nil
}

func (c *call) copyObject() error {
	from, content, err := c.source()
	if err != nil {
		return err
	}
	defer content.Release()
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	headers, err := c.objectHeaders()
	if err != nil {
		return err
	}
	replace := c.Header.Get("x-amz-metadata-directive") == "REPLACE"
	if !replace {
		encryption, err := c.encryption()
		if err != nil {
			return err
		}
		headers = maps.Clone(from.headers)
		maps.DeleteFunc(headers, func(name, _ string) bool { return strings.HasPrefix(name, encryptionHeader) })
		maps.Copy(headers, encryption)
	}
	if v := c.Header.Get("x-amz-tagging-directive"); v != "" && v != "COPY" {
		return notImplemented("Header", "x-amz-tagging-directive")
	}
	if path, _ := url.PathUnescape(strings.TrimPrefix(c.Header.Get("x-amz-copy-source"), "/")); path == c.bucket+"/"+c.key && !replace && c.Header.Get(encryptionHeader) == "" {
		return invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")
	}
	if content.Size > maxPutSize {
		return invalidRequest("The specified copy source is larger than the maximum allowable size for a copy source: %d", int64(maxPutSize))
	}
	w, err := c.condition()
	if err != nil {
		return err
	}
	algorithm, err := parseAlgorithm("x-amz-checksum-algorithm", c.Header.Get("x-amz-checksum-algorithm"))
	if err != nil {
		return err
	}
	o, err := c.duplicate(from, content, algorithm)
	if err != nil {
		return err
	}
	o.key, o.headers = c.key, headers
	if err := c.commit(o, w, nil); err != nil {
		return err
	}
	showEncryption(c.w.Header(), headers)
	return c.xml(struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		XMLNS        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
		ChecksumType string `xml:",omitempty"`
		checksumXML
	}{XMLNS: namespaceXML, LastModified: o.modified.Format(timestampXML), ETag: quote(o.etag), ChecksumType: o.checksum.kind, checksumXML: o.checksum.xml()})
}

// duplicate makes an object of another's contents. They are read only when a
// digest is needed that is not known: a copy has one whole, also of a multipart
// upload.
func (c *call) duplicate(from *object, content *blob.Blob, algorithm blob.Algorithm) (*object, error) {
	if algorithm == "" {
		algorithm = from.checksum.algorithm
	}
	if len(from.parts) == 0 && from.checksum.algorithm == algorithm && from.checksum.kind == fullObject {
		return &object{etag: from.etag, checksum: from.checksum, blob: content.Share()}, nil
	}
	in := content.Reader(0, content.Size)
	defer func() { _ = in.Close() }()
	stored, err := c.s.options.Store.Put(in, blob.MD5, algorithm)
	if err != nil {
		return nil, err
	}
	return &object{etag: etagOf(stored), checksum: checksumOf(algorithm, stored.Sums), blob: stored}, nil
}

func (c *call) uploadPartCopy() error {
	n, err := c.partNumber()
	if err != nil {
		return err
	}
	_, content, err := c.source()
	if err != nil {
		return err
	}
	defer content.Release()
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	offset, length, err := copyRange(c.Header.Get("x-amz-copy-source-range"), content.Size)
	if err != nil {
		return err
	}
	u, err := c.findUpload()
	if err != nil {
		return err
	}
	in := content.Reader(offset, length)
	defer func() { _ = in.Close() }()
	stored, err := c.s.options.Store.Put(in, blob.MD5, u.checksum)
	if err != nil {
		return err
	}
	p := &part{number: n, blob: stored, etag: etagOf(stored), checksum: checksumOf(u.checksum, stored.Sums), modified: c.s.now()}
	if err := c.addPart(p); err != nil {
		return err
	}
	out := struct {
		XMLName      xml.Name `xml:"CopyPartResult"`
		XMLNS        string   `xml:"xmlns,attr"`
		LastModified string
		ETag         string
		checksumXML
	}{XMLNS: namespaceXML, LastModified: p.modified.Format(timestampXML), ETag: quote(p.etag)}
	out.checksumXML = p.shown(u).xml()
	return c.xml(out)
}

// copyRange reads bytes=first-last, which must lie within the source.
func copyRange(text string, size int64) (offset, length int64, err error) {
	if text == "" {
		return 0, size, nil
	}
	var from, to int64
	wrong := invalidArgument("x-amz-copy-source-range", text, "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	if from, to, err = parseRange(text); err != nil || to < from {
		return 0, 0, wrong
	}
	if to >= size {
		return 0, 0, api.Errorf(http.StatusBadRequest, "InvalidArgument", "Range specified is not valid for source object of size: %d", size)
	}
	return from, to - from + 1, nil
}
