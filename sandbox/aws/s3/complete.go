package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// completion is the document that completes an upload.
type completion struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Parts   []struct {
		PartNumber int
		ETag       string
		checksumXML
	} `xml:"Part"`
}

func (c *call) completeMultipartUpload() error {
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	u, err := c.findUpload()
	if err != nil {
		return err
	}
	// The key is needed for checksums alone: CompleteMultipartUpload (Amazon S3 API
	// Reference).
	if _, sum, err := c.sentKey(); err != nil || sum != "" || u.chosen {
		if err := c.unlockUpload(u.headers); err != nil {
			return err
		}
	}
	// S3 reads the encrypted parts to put them together.
	if err := c.decrypt(u.headers); err != nil {
		return err
	}
	// The checksum headers are about the object here and not about the document.
	sum, err := c.objectChecksum(u)
	if err != nil {
		return err
	}
	var in completion
	if body, err := c.readDocument(); err != nil {
		return err
	} else if err := read(body, &in); err != nil || len(in.Parts) == 0 {
		return malformedXML()
	}
	w, err := c.condition()
	if err != nil {
		return err
	}
	c.s.mu.RLock()
	parts, err := u.choose(in, c.s.MinPart)
	c.s.mu.RUnlock()
	if err != nil {
		return err
	}
	o, err := u.assemble(parts)
	if err != nil {
		return err
	}
	if err := c.checkAssembled(o, u, sum); err != nil {
		o.blob.Release()
		return err
	}
	if err := c.commit(o, w, u); err != nil {
		return err
	}
	if u.headers[customerKeyMD5] == "" { // of customers' keys, the answer says nothing
		showEncryption(c.w.Header(), u.headers)
	}
	return c.xml(struct {
		XMLName      xml.Name `xml:"CompleteMultipartUploadResult"`
		XMLNS        string   `xml:"xmlns,attr"`
		Location     api.Text
		Bucket       string
		Key          api.Text
		ETag         string
		ChecksumType string `xml:",omitempty"`
		checksumXML
	}{
		XMLNS: namespaceXML, Location: api.Text("http://" + c.Host + c.URL.EscapedPath()), Bucket: c.bucket, Key: api.Text(c.key),
		ETag: quote(o.etag), ChecksumType: o.checksum.kind, checksumXML: o.checksum.xml(),
	})
}

// readDocument reads the body of a request whose checksum headers are about
// something else.
func (c *call) readDocument() ([]byte, error) {
	header := c.Header.Clone()
	defer func() { c.Header = header }()
	c.Header = header.Clone()
	for _, a := range algorithms() {
		c.Header.Del(checksumHeader + string(a))
	}
	c.Header.Del("x-amz-sdk-checksum-algorithm")
	return c.readBody()
}

// objectChecksum reads the checksum that the whole object is claimed to have.
func (c *call) objectChecksum(u *upload) (string, error) {
	if kind := c.Header.Get("x-amz-checksum-type"); kind != "" && kind != u.kind {
		return "", invalidRequest("The upload was created using the %s checksum mode. The complete request must use the same checksum mode.", u.kind)
	}
	value := ""
	for _, a := range algorithms() {
		v := c.Header.Get(checksumHeader + string(a))
		switch {
		case v == "":
			continue
		case value != "":
			return "", invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		case a != u.checksum:
			return "", invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", u.checksum, a)
		}
		plain, _, _ := strings.Cut(v, "-")
		if !validChecksum(a, plain) {
			return "", invalidRequest("Value for %s%s header is invalid.", checksumHeader, a)
		}
		value = v
	}
	return value, nil
}

// choose finds the parts that the document names. The caller holds the lock.
func (u *upload) choose(in completion, smallest int64) ([]*part, error) {
	for i, p := range in.Parts {
		if i > 0 && p.PartNumber <= in.Parts[i-1].PartNumber {
			return nil, api.Errorf(http.StatusBadRequest, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")
		}
	}
	var out []*part
	for i, p := range in.Parts {
		have, ok := u.parts[p.PartNumber]
		if !ok || unquote(p.ETag) != have.etag {
			return nil, invalidPart(u, p.PartNumber, p.ETag)
		}
		for _, a := range algorithms() {
			claimed := *p.field(a)
			switch {
			case claimed == "" && a == u.checksum && u.chosen && u.kind == composite:
				return nil, invalidRequest("The upload was created using a %s checksum. The complete request must include the checksum for each part. It was missing for part %d in the request.", a, p.PartNumber)
			case claimed != "" && (a != u.checksum || claimed != have.checksum.value) && (a != have.sent.algorithm || claimed != have.sent.value):
				return nil, invalidPart(u, p.PartNumber, p.ETag)
			}
		}
		if i < len(in.Parts)-1 && have.blob.Size < smallest {
			e := api.Errorf(http.StatusBadRequest, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
			e.Members = map[string]string{
				"ProposedSize": fmt.Sprint(have.blob.Size), "MinSizeAllowed": fmt.Sprint(smallest),
				"PartNumber": strconv.Itoa(have.number), "ETag": have.etag,
			}
			return nil, e
		}
		out = append(out, have)
	}
	for i, p := range out { // a hold of its own on each, which outlives the lock
		held := *p
		held.blob = p.blob.Share()
		out[i] = &held
	}
	return out, nil
}

func invalidPart(u *upload, number int, etag string) error {
	e := api.Errorf(http.StatusBadRequest, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
	e.Members = map[string]string{"UploadId": u.id, "PartNumber": strconv.Itoa(number), "ETag": unquote(etag)}
	return e
}

// assemble makes the object out of its parts, whose blobs it takes over.
func (u *upload) assemble(parts []*part) (*object, error) {
	o := &object{key: u.key, headers: u.headers}
	var blobs []*blob.Blob
	etags, sums := md5.New(), u.checksum.New()
	for _, p := range parts {
		blobs = append(blobs, p.blob)
		etag, err := hex.DecodeString(p.etag)
		if err != nil {
			return nil, fmt.Errorf("assembling %s: %w", u.key, err)
		}
		etags.Write(etag)
		sum, err := base64.StdEncoding.DecodeString(p.checksum.value)
		if err != nil {
			return nil, fmt.Errorf("assembling %s: %w", u.key, err)
		}
		sums.Write(sum)
		x := partXML{PartNumber: p.number, Size: p.blob.Size}
		if u.kind == composite {
			x.checksumXML = p.checksum.xml()
		}
		o.parts = append(o.parts, x)
	}
	o.blob = blob.Concat(blobs...)
	for _, b := range blobs {
		b.Release()
	}
	o.etag = fmt.Sprintf("%x-%d", etags.Sum(nil), len(parts))
	o.checksum = checksumOf(u.checksum, o.blob.Sums)
	if u.kind == composite {
		o.checksum = checksum{u.checksum, fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(sums.Sum(nil)), len(parts)), composite}
	}
	return o, nil
}

// checkAssembled compares the object with what the request says about it.
func (c *call) checkAssembled(o *object, u *upload, sum string) error {
	if sum != "" && sum != o.checksum.value && !(u.kind == composite && strings.HasPrefix(o.checksum.value, sum+"-")) {
		return badChecksum(u.checksum)
	}
	if text := c.Header.Get("x-amz-mp-object-size"); text != "" && text != strconv.FormatInt(o.blob.Size, 10) {
		return invalidRequest("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", text, o.blob.Size)
	}
	return nil
}

// partXML is a part in ListParts and GetObjectAttributes.
type partXML struct {
	PartNumber   int
	LastModified string `xml:",omitempty"`
	ETag         string `xml:",omitempty"`
	Size         int64
	checksumXML
}

// partPage cuts a page of parts after a number.
func partPage(parts []partXML, after, limit int) (page []partXML, truncated bool, next int) {
	start := slices.IndexFunc(parts, func(p partXML) bool { return p.PartNumber > after })
	if start < 0 {
		return nil, false, 0
	}
	page = parts[start:]
	if len(page) > limit {
		page, truncated = page[:limit], limit > 0
	}
	if len(page) > 0 {
		next = page[len(page)-1].PartNumber
	}
	return page, truncated, next
}
