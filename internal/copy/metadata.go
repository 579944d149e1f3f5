package copy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxMetadata is the maximum total size of the names and values of an S3 object's
// user-defined metadata, in bytes: Amazon S3 User Guide, "Working with object
// metadata". Cloud Storage allows 8 KiB.
const maxMetadata = 2 << 10

const (
	sourcePrefix = "X-Goog-Meta-"
	targetPrefix = "X-Amz-Meta-"

	// What the copy records about its source.
	recordedGeneration = targetPrefix + "Gcs-Generation"
	recordedCRC32C     = targetPrefix + "Gcs-Crc32c"
)

// unset are the values of Cache-Control that Cloud Storage sends for objects without one
// of their own, private and public (Cloud Storage documentation, "Cache-Control"; that of
// private objects is known from its answers).
var unset = []string{"private, max-age=0", "public, max-age=3600"}

// metadata returns the headers that give the copy the metadata of its source, and the
// names of custom metadata that S3 cannot hold.
func metadata(o *object) (header http.Header, leftOut []string, err error) {
	header = http.Header{}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control"} {
		v := o.header.Get(name)
		if v == "" || name == "Cache-Control" && slices.Contains(unset, v) {
			continue
		}
		if v, err = inASCII(name, v); err != nil {
			return nil, nil, err
		}
		header.Set(name, v)
	}
	if stored := o.header.Get("X-Goog-Stored-Content-Encoding"); stored == "gzip" && header.Get("Content-Encoding") == "" {
		return nil, nil, errUnpacked
	}
	size := 0
	record := func(name, value string) {
		size += len(name) + len(value)
		// Other characters as required by Amazon S3 User Guide, "Working with object metadata".
		header[targetPrefix+name] = []string{mime.BEncoding.Encode("UTF-8", value)}
	}
	generation, sum := strings.TrimPrefix(recordedGeneration, targetPrefix), strings.TrimPrefix(recordedCRC32C, targetPrefix)
	for _, name := range slices.Sorted(maps.Keys(o.custom)) {
		canonical := http.CanonicalHeaderKey(name)
		_, taken := header[targetPrefix+canonical]
		if !isToken(name) || taken || canonical == generation || canonical == sum {
			leftOut = append(leftOut, name)
			continue
		}
		record(canonical, o.custom[name])
	}
	record(generation, strconv.FormatInt(o.generation, 10))
	record(sum, o.crc32c.String())
	if size > maxMetadata {
		return nil, nil, fmt.Errorf("custom metadata: has %d bytes with what the copy records; S3 takes at most %d", size, maxMetadata)
	}
	return header, leftOut, nil
}

// isToken reports whether a name can be part of a header's name: RFC 9110, section 5.6.2.
func isToken(name string) bool {
	const marks, digits, letters = "!#$%&'*+-.^_`|~", "0123456789", "abcdefghijklmnopqrstuvwxyz"
	return name != "" && strings.Trim(strings.ToLower(name), marks+digits+letters) == ""
}

// errUnpacked says that the bytes that come are not those that the object's sums are of:
// Cloud Storage documentation, "Transcoding of gzip-compressed files".
var errUnpacked = errors.New("the object was unpacked by Cloud Storage on its way, and its sums are of the packed bytes: " +
	"its content type says that it is packed, as does its content encoding; " +
	"hint: `gcloud storage objects update` with --cache-control=no-transform makes Cloud Storage send it as stored")

// inASCII returns a header's value without other characters, which do not survive the
// signature of a request to S3 (believed). Parameters, such as the name of a file, have a
// form for them: RFC 8187.
func inASCII(name, value string) (string, error) {
	if strings.IndexFunc(value, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return value, nil
	}
	if kind, parameters, err := mime.ParseMediaType(value); err == nil && utf8.ValidString(value) {
		if encoded := mime.FormatMediaType(kind, parameters); encoded != "" {
			return encoded, nil
		}
	}
	return "", fmt.Errorf(
		"%s: %q: has characters that are not ASCII, which S3 does not take there; hint: change it with `gcloud storage objects update`",
		name,
		value,
	)
}

// found is the object at the destination.
type found struct {
	size       int64
	sum        string // CRC32C of the whole, base64
	generation int64  // recorded by the copy that wrote it; 0 for none
	etag       string // with its quotes
	header     http.Header
}

func (f *found) String() string {
	if f.size < 0 {
		return "S3 does not say how many bytes it has: it may be encrypted with a customer's own key"
	}
	if f.sum == "" {
		return fmt.Sprintf("%d bytes, CRC32C unknown", f.size)
	}
	return fmt.Sprintf("%d bytes, CRC32C %s", f.size, f.sum)
}

// exists returns the error that an object at the destination must stay.
func (f *found) exists() error {
	return &ExistsError{Found: f.String(), Unknown: f.sum == ""}
}

// is reports whether the destination has the same bytes; a missing object is
// never the same.
func (f *found) is(o *object) bool {
	return f != nil && f.size == o.size && f.sum == o.crc32c.String()
}

// find looks at the destination. It returns nil if there is no object or none that the
// role may see: without s3:ListBucket, S3 answers 403 for a missing object. Of an object
// that a customer's own key encrypts S3 says nothing without that key, not even its size:
// Amazon S3 User Guide, "Using server-side encryption with customer-provided keys".
func (t *transfer) find(ctx context.Context) (f *found, err error) {
	err = t.attempt(ctx, func() error {
		a, err := t.to.do(
			ctx,
			request{method: http.MethodHead, bucket: t.targetBucket, key: t.key, header: http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}}},
		)
		var answer *AnswerError
		if errors.As(err, &answer) && (answer.Status == http.StatusNotFound || answer.Status == http.StatusForbidden) {
			if t.denied = nil; answer.Status == http.StatusForbidden {
				t.denied = answer
			}
			return nil
		}
		if errors.As(err, &answer) && answer.Status == http.StatusBadRequest && answer.Region == "" {
			f = &found{size: -1}
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking at the destination: %w", err)
		}
		f = &found{sum: a.header.Get("X-Amz-Checksum-Crc32c"), etag: a.header.Get("Etag"), header: a.header}
		if a.header.Get("X-Amz-Checksum-Type") == "COMPOSITE" {
			f.sum = "" // a checksum of checksums
		}
		if f.sum == "" && a.header.Get("X-Amz-Checksum-Type") == "" { // recorded by the copy that wrote the object
			f.sum = a.header.Get(recordedCRC32C)
		}
		f.generation, _ = strconv.ParseInt(a.header.Get(recordedGeneration), 10, 64)
		f.size, err = strconv.ParseInt(a.header.Get("Content-Length"), 10, 64)
		return err
	})
	return f, err
}
