package s3

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// copySource names the object that a PUT copies: Amazon S3 API Reference, "CopyObject".
const copySource = "x-amz-copy-source"

// copyObject makes an object of another one, with its content and its metadata. Copies
// with new metadata, of a version, under a condition, and of objects that were uploaded in
// parts are not modelled.
func (c *call) copyObject() error {
	source := c.Header.Get(copySource)
	path, err := url.PathUnescape(source)
	if err != nil {
		return invalidArgument(copySource, source, "The x-amz-copy-source header is not URL-encoded")
	}
	if _, _, version := strings.Cut(source, "?"); version {
		return notImplemented("Parameter", "versionId")
	}
	from := *c
	name, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if from.bucket, from.key = name, key; !ok || name == "" || key == "" {
		return invalidArgument(copySource, source, "Invalid copy source object key")
	}
	// The source is read before the destination is written: "CopyObject", permissions.
	from.w, from.query = noAnswer{http.Header{}}, url.Values{}
	o, content, err := from.find("s3:GetObject")
	if err != nil {
		return err
	}
	defer content.Release()
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	if from.bucket == c.bucket && from.key == c.key {
		return invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
			"metadata, storage class, website redirect location or encryption attributes.")
	}
	if len(o.parts) > 0 {
		return notImplemented("Header", copySource)
	}
	encryption, err := c.encryption()
	if err != nil {
		return err
	}
	headers := maps.Clone(o.headers)
	maps.DeleteFunc(headers, func(name, _ string) bool { return strings.HasPrefix(strings.ToLower(name), encryptionHeader) })
	maps.Copy(headers, encryption)
	made := &object{
		key: c.key, etag: c.etag(headers, content.Sums[blob.MD5]), headers: headers, blob: content.Share(), checksum: o.checksum,
	}
	if err := c.commit(made, condition{}, nil); err != nil {
		return err
	}
	showEncryption(c.w.Header(), headers)
	return c.xml(struct {
		XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyObjectResult"`
		LastModified string
		ETag         string
	}{LastModified: made.modified.Format(timestampXML), ETag: quote(made.etag)})
}

// noAnswer is where the headers of an object that is not answered go.
type noAnswer struct{ header http.Header }

func (n noAnswer) Header() http.Header       { return n.header }
func (noAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (noAnswer) WriteHeader(int)             {}
