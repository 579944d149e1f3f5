package copy

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
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

// unset is the Cache-Control that Cloud Storage is known to send for a non-public
// object without one of its own, though no page says so.
const unset = "private, max-age=0"

// metadata returns the headers that give the copy the metadata of its source.
func metadata(o *object) (http.Header, error) {
	header := http.Header{}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control"} {
		if v := o.header.Get(name); v != "" && (name != "Cache-Control" || v != unset) {
			header.Set(name, v)
		}
	}
	if stored := o.header.Get("X-Goog-Stored-Content-Encoding"); stored == "gzip" && header.Get("Content-Encoding") == "" {
		return nil, errors.New("the object was unpacked by Cloud Storage on its way, and its sums are of the packed bytes")
	}
	size := 0
	record := func(name, value string) {
		size += len(strings.TrimPrefix(name, targetPrefix)) + len(value)
		header[name] = []string{mime.BEncoding.Encode("UTF-8", value)} // non-ASCII as required by Amazon S3 User Guide, "Working with object metadata"
	}
	for name, values := range o.header {
		if own, ok := strings.CutPrefix(name, sourcePrefix); ok && own != "" {
			record(targetPrefix+own, strings.Join(values, ","))
		}
	}
	record(recordedGeneration, strconv.FormatInt(o.generation, 10))
	record(recordedCRC32C, o.crc32c.String())
	if size > maxMetadata {
		return nil, fmt.Errorf("custom metadata: has %d bytes with what the copy records; S3 takes at most %d", size, maxMetadata)
	}
	return header, nil
}

// found is the object at the destination.
type found struct {
	size       int64
	sum        string // CRC32C of the whole, base64
	generation int64  // recorded by the copy that wrote it; 0 for none
}

func (f *found) String() string {
	if f.sum == "" {
		return fmt.Sprintf("%d bytes, CRC32C unknown", f.size)
	}
	return fmt.Sprintf("%d bytes, CRC32C %s", f.size, f.sum)
}

// is reports whether the destination has the same bytes; a missing object is
// never the same.
func (f *found) is(o *object) bool {
	return f != nil && f.size == o.size && f.sum == o.crc32c.String()
}

// find looks at the destination. It returns nil if there is no object or none that the
// role may see: without s3:ListBucket, S3 answers 403 for a missing object.
func (t *transfer) find(ctx context.Context) (f *found, err error) {
	err = t.attempt(ctx, func() error {
		a, err := t.to.do(ctx, request{method: http.MethodHead, bucket: t.targetBucket, key: t.key, header: http.Header{"X-Amz-Checksum-Mode": {"ENABLED"}}})
		var answer *AnswerError
		if errors.As(err, &answer) && (answer.Status == http.StatusNotFound || answer.Status == http.StatusForbidden) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking at the destination: %w", err)
		}
		f = &found{sum: a.header.Get("X-Amz-Checksum-Crc32c")}
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
