package s3

import (
	"cmp"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// upload is a multipart upload that is not complete.
type upload struct {
	id, bucket, key string
	initiated       time.Time
	initiator       ownerXML
	headers         map[string]string
	chosen          bool // the client chose an algorithm
	checksum        blob.Algorithm
	kind            string // FULL_OBJECT or COMPOSITE
	parts           map[int]*part
}

type part struct {
	number   int
	blob     *blob.Blob
	etag     string
	checksum checksum // by the upload's algorithm
	sent     checksum // by the client's, where the upload has none chosen
	modified time.Time
}

// initiator identifies the caller who begins an upload: a user, and as is known from S3's
// answers also a role's session, by its ARN, and the account itself by its canonical id
// (Amazon S3 API Reference, "Initiator").
func (c *call) initiator() ownerXML {
	if c.Caller.Type != api.User && c.Caller.Type != api.AssumedRole {
		return c.s.canonicalID()
	}
	_, name, _ := strings.Cut(c.Caller.ARN, "/")
	return ownerXML{ID: c.Caller.ARN, DisplayName: name}
}

// shown is the part's checksum in answers, if it has one there.
func (p *part) shown(u *upload) checksum {
	if u.chosen {
		return p.checksum
	}
	return p.sent
}

func etagOf(b *blob.Blob) string { return hex.EncodeToString(b.Sums[blob.MD5]) }

func (u *upload) release() {
	for _, p := range u.parts {
		p.blob.Release()
	}
}

// numbers are the part numbers in order.
func (u *upload) numbers() []int {
	out := make([]int, 0, len(u.parts))
	for n := range u.parts {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// checksumMode reads which checksum a new upload is to have; see "Checking
// object integrity for data uploads in Amazon S3".
func (c *call) checksumMode() (a blob.Algorithm, kind string, chosen bool, err error) {
	name := c.Header.Get("x-amz-checksum-algorithm")
	if name == "" {
		name = c.Header.Get("x-amz-sdk-checksum-algorithm")
	}
	if a, err = parseAlgorithm("x-amz-checksum-algorithm", name); err != nil {
		return "", "", false, err
	}
	kind = c.Header.Get("x-amz-checksum-type")
	if a == "" {
		if kind != "" {
			return "", "", false, invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return blob.CRC64NVME, fullObject, false, nil
	}
	switch kind {
	case "":
		kind = composite
		if a == blob.CRC64NVME {
			kind = fullObject
		}
	case fullObject, composite:
	default:
		return "", "", false, invalidRequest("Value for x-amz-checksum-type header is invalid.")
	}
	if kind == fullObject && !isCRC(a) || kind == composite && a == blob.CRC64NVME {
		return "", "", false, invalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", kind, a)
	}
	return a, kind, true, nil
}

func (c *call) createMultipartUpload() error {
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	headers, err := c.objectHeaders()
	if err != nil {
		return err
	}
	u := &upload{bucket: c.bucket, key: c.key, headers: headers, parts: map[int]*part{}, initiated: c.s.now(), initiator: c.initiator()}
	if u.checksum, u.kind, u.chosen, err = c.checksumMode(); err != nil {
		return err
	}
	u.id = c.s.token()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if _, err := c.s.bucket(c.bucket); err != nil {
		return err
	}
	c.s.sweep()
	c.s.uploads[u.id] = u
	c.showAbortion(u)
	showEncryption(c.w.Header(), headers)
	if u.chosen {
		c.w.Header().Set("x-amz-checksum-algorithm", strings.ToUpper(string(u.checksum)))
		c.w.Header().Set("x-amz-checksum-type", u.kind)
	}
	return c.xml(struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		XMLNS    string   `xml:"xmlns,attr"`
		Bucket   string
		Key      api.Text
		UploadID string `xml:"UploadId"`
	}{XMLNS: namespaceXML, Bucket: c.bucket, Key: api.Text(c.key), UploadID: u.id})
}

// findUpload finds the call's upload.
func (c *call) findUpload() (*upload, error) {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	return c.upload()
}

// upload is findUpload for a caller that holds the lock.
func (c *call) upload() (*upload, error) {
	u, ok := c.s.uploads[c.query.Get("uploadId")]
	if !ok || u.bucket != c.bucket || u.key != c.key || !c.s.lives(u) {
		return nil, noSuchUpload()
	}
	return u, nil
}

func noSuchUpload() error {
	return api.Errorf(http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
}

func (c *call) partNumber() (int, error) {
	text := c.query.Get("partNumber")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxParts {
		return 0, invalidArgument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive")
	}
	return n, nil
}

func (c *call) uploadPart() error {
	n, err := c.partNumber()
	if err != nil {
		return err
	}
	if err := c.onObject("s3:PutObject"); err != nil {
		return err
	}
	u, err := c.findUpload()
	if err != nil {
		return err
	}
	if err := c.unlockUpload(u.headers); err != nil {
		return err
	}
	e, err := c.expected()
	if err != nil {
		return err
	}
	if err := c.needLockDigest(e, "Part"); err != nil {
		return err
	}
	if err := u.accepts(e); err != nil {
		return err
	}
	if err := c.decrypt(u.headers); err != nil {
		return err
	}
	content, err := c.receive(e, u.checksum)
	if err != nil {
		return err
	}
	p := &part{number: n, blob: content, etag: etagOf(content), checksum: checksumOf(u.checksum, content.Sums), modified: c.s.now()}
	if !u.chosen && e.algorithm != "" {
		p.sent = checksumOf(e.algorithm, content.Sums)
	}
	if err := c.addPart(p); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("ETag", quote(p.etag))
	if sum := p.shown(u); sum.algorithm != "" {
		h.Set(checksumHeader+string(sum.algorithm), sum.value)
	}
	showEncryption(h, u.headers)
	c.empty(http.StatusOK)
	return nil
}

// accepts checks a part's checksum against the upload's. Parts of a full-object
// upload may come without one, parts of a composite one must not. An upload
// without a chosen algorithm takes any, since boto3 adds CRC32 to every part.
func (u *upload) accepts(e expected) error {
	if !u.chosen || e.algorithm == u.checksum || e.algorithm == "" && u.kind == fullObject {
		return nil
	}
	return invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", u.checksum, cmp.Or(e.algorithm, "null"))
}

// addPart stores a part and replaces an older one with its number. It takes
// the blob over, also when it fails.
func (c *call) addPart(p *part) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	u, err := c.upload()
	if err != nil {
		p.blob.Release()
		return err
	}
	if old := u.parts[p.number]; old != nil {
		old.blob.Release()
	}
	u.parts[p.number] = p
	return nil
}

func (c *call) abortMultipartUpload() error {
	if err := c.onObject("s3:AbortMultipartUpload"); err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	u, err := c.upload()
	if err != nil {
		return err
	}
	u.release()
	delete(c.s.uploads, u.id)
	c.empty(http.StatusNoContent)
	return nil
}
