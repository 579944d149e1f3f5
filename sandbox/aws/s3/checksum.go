package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// The two ways in which a multipart object has a checksum; see "Checking object
// integrity for data uploads in Amazon S3".
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

const checksumHeader = "x-amz-checksum-"

// algorithms are those that a client may choose.
func algorithms() []blob.Algorithm {
	return []blob.Algorithm{blob.CRC32, blob.CRC32C, blob.CRC64NVME, blob.SHA1, blob.SHA256}
}

// parseAlgorithm reads CRC32C and the like; empty is none.
func parseAlgorithm(header, name string) (blob.Algorithm, error) {
	a := blob.Algorithm(strings.ToLower(name))
	if name != "" && !slices.Contains(algorithms(), a) {
		return "", invalidRequest("Value for %s header is invalid.", header)
	}
	return a, nil
}

func isCRC(a blob.Algorithm) bool {
	return a == blob.CRC32 || a == blob.CRC32C || a == blob.CRC64NVME
}

// checksum is an object's or part's checksum.
type checksum struct {
	algorithm blob.Algorithm
	value     string // base64; a composite one ends in -N
	kind      string
}

func checksumOf(a blob.Algorithm, sums blob.Sums) checksum {
	return checksum{algorithm: a, value: base64.StdEncoding.EncodeToString(sums[a]), kind: fullObject}
}

func (k checksum) header(h http.Header) {
	if k.algorithm != "" {
		h.Set(checksumHeader+string(k.algorithm), k.value)
		h.Set(checksumHeader+"type", k.kind)
	}
}

// checksumXML is a checksum in a document.
type checksumXML struct {
	ChecksumCRC32     string `xml:",omitempty"`
	ChecksumCRC32C    string `xml:",omitempty"`
	ChecksumCRC64NVME string `xml:",omitempty"`
	ChecksumSHA1      string `xml:",omitempty"`
	ChecksumSHA256    string `xml:",omitempty"`
}

// field is the algorithm's member.
func (x *checksumXML) field(a blob.Algorithm) *string {
	switch a {
	case blob.CRC32:
		return &x.ChecksumCRC32
	case blob.CRC32C:
		return &x.ChecksumCRC32C
	case blob.CRC64NVME:
		return &x.ChecksumCRC64NVME
	case blob.SHA1:
		return &x.ChecksumSHA1
	case blob.SHA256:
		return &x.ChecksumSHA256
	}
	return new(string)
}

func (k checksum) xml() (x checksumXML) {
	*x.field(k.algorithm) = k.value
	return x
}

// expected is what a request says about the digests of its body.
type expected struct {
	md5       []byte
	algorithm blob.Algorithm // "" when there is no checksum
	value     string         // base64; empty while it is still to come in the trailer
	trailer   bool
}

// expected reads Content-MD5 and the checksum headers.
func (c *call) expected() (expected, error) {
	var e expected
	if text := c.Header.Get("Content-MD5"); text != "" || c.Header.Values("Content-MD5") != nil {
		sum, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(sum) != md5.Size {
			err := api.Errorf(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
			err.Members = map[string]string{"Content-MD5": text}
			return e, err
		}
		e.md5 = sum
	}
	var trailers []string
	for name := range strings.SplitSeq(strings.ToLower(strings.Join(c.Header.Values("X-Amz-Trailer"), ",")), ",") {
		if name = strings.TrimSpace(name); name != "" {
			trailers = append(trailers, name)
		}
	}
	for _, name := range trailers {
		if a := strings.TrimPrefix(name, checksumHeader); a == name || !slices.Contains(algorithms(), blob.Algorithm(a)) {
			return e, invalidRequest("The value specified in the x-amz-trailer header is not supported")
		}
	}
	for _, a := range algorithms() {
		header := checksumHeader + string(a)
		value := c.Header.Get(header)
		inTrailer := slices.Contains(trailers, header)
		if value == "" && !inTrailer {
			continue
		}
		if e.algorithm != "" {
			return e, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		if value != "" && !validChecksum(a, value) {
			return e, invalidRequest("Value for %s header is invalid.", header)
		}
		e.algorithm, e.value, e.trailer = a, value, value == ""
	}
	chosen, err := parseAlgorithm("x-amz-sdk-checksum-algorithm", c.Header.Get("x-amz-sdk-checksum-algorithm"))
	if err != nil {
		return e, err
	}
	if chosen != "" && c.route.operation != "CreateMultipartUpload" {
		if e.algorithm == "" {
			return e, invalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		}
		if e.algorithm != chosen {
			return e, invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	return e, nil
}

// needDigest refuses a document without a digest, for operations that need one.
func (c *call) needDigest() error {
	e, err := c.expected()
	if err == nil && len(e.algorithms()) == 0 {
		err = invalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return err
}

func validChecksum(a blob.Algorithm, value string) bool {
	sum, err := base64.StdEncoding.DecodeString(value)
	return err == nil && len(sum) == a.New().Size()
}

// algorithms are the digests to compute for verifying.
func (e expected) algorithms() []blob.Algorithm {
	var out []blob.Algorithm
	if e.md5 != nil {
		out = append(out, blob.MD5)
	}
	if e.algorithm != "" {
		out = append(out, e.algorithm)
	}
	return out
}

// verify compares the digests of what arrived with those that were sent.
func (e expected) verify(sums blob.Sums, trailer http.Header) error {
	if e.md5 != nil && !bytes.Equal(e.md5, sums[blob.MD5]) {
		err := api.Errorf(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		err.Members = map[string]string{"ExpectedDigest": fmt.Sprintf("%x", e.md5), "CalculatedDigest": base64.StdEncoding.EncodeToString(sums[blob.MD5])}
		return err
	}
	if e.algorithm == "" {
		return nil
	}
	value := e.value
	if e.trailer {
		header := checksumHeader + string(e.algorithm)
		if value = trailer.Get(header); !validChecksum(e.algorithm, value) {
			return invalidRequest("Value for %s trailing header is invalid.", header)
		}
	}
	if value != base64.StdEncoding.EncodeToString(sums[e.algorithm]) {
		return badChecksum(e.algorithm)
	}
	return nil
}

func badChecksum(a blob.Algorithm) error {
	return api.Errorf(http.StatusBadRequest, "BadDigest", "The %s you specified did not match the calculated checksum.", strings.ToUpper(string(a)))
}

// bodyError turns an error of reading the body into S3's.
func (c *call) bodyError(err error) error {
	var e *api.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return api.Errorf(http.StatusBadRequest, "IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	case c.Context().Err() != nil, errors.Is(err, os.ErrDeadlineExceeded):
		return api.Errorf(http.StatusBadRequest, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.")
	}
	return err
}

// receive stores the body as an object or part, and checks its length and
// digests.
func (c *call) receive(e expected, also ...blob.Algorithm) (*blob.Blob, error) {
	if c.ContentLength < 0 {
		return nil, api.Errorf(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if c.ContentLength > maxPutSize {
		err := api.Errorf(http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
		err.Members = map[string]string{"ProposedSize": fmt.Sprint(c.ContentLength), "MaxSizeAllowed": fmt.Sprint(int64(maxPutSize))}
		return nil, err
	}
	want := append([]blob.Algorithm{blob.MD5}, e.algorithms()...)
	b, err := c.s.Store.Put(c.Body, append(want, also...)...)
	if err != nil {
		return nil, c.bodyError(err)
	}
	if err := e.verify(b.Sums, c.Trailer); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}
