package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"regexp"
)

// maxPut is the largest object that one PutObject takes: Amazon S3 User Guide,
// "Amazon S3 multipart upload limits", bytes.
const maxPut = 5 << 30

// maxName is the longest object name and S3 key: Cloud Storage documentation,
// "Object names", and Amazon S3 User Guide, "Naming Amazon S3 objects", bytes.
const maxName = 1024

// transfer is one copy.
type transfer struct {
	from *gcs
	to   *s3Bucket

	sourceBucket, object string
	targetBucket, key    string
	generation           int64 // 0 for the live one
}

// copied is what a transfer found and wrote.
type copied struct {
	size       int64
	generation int64
	crc32c     string
}

func (t transfer) source() string      { return "gs://" + t.sourceBucket + "/" + t.object }
func (t transfer) destination() string { return "s3://" + t.targetBucket + "/" + t.key }

// TransferError is a copy that failed; nothing was written. Lambda reports its
// type's name as the error's type and its text as the message.
type TransferError struct {
	Operation   string // planning, reading, verifying, writing
	Source      string
	Destination string
	Err         error
}

func (e *TransferError) Error() string {
	return fmt.Sprintf("%s: copying %s to %s: %v", e.Operation, e.Source, e.Destination, e.Err)
}

func (e *TransferError) Unwrap() error { return e.Err }

// bucketPattern is what both clouds' bucket names have in common; it keeps an
// event from reaching into another path of an endpoint.
var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

// check refuses what no request should be made for.
func (t transfer) check() *TransferError {
	var errs []error
	for _, bucket := range [][2]string{{"sourceBucket", t.sourceBucket}, {"destinationBucket", t.targetBucket}} {
		if !bucketPattern.MatchString(bucket[1]) {
			errs = append(errs, fmt.Errorf("%s: %q: must be a bucket's name; hint: give the name alone, without gs:// or s3://", bucket[0], bucket[1]))
		}
	}
	for _, name := range [][2]string{{"object", t.object}, {"key", t.key}} {
		if n := len(name[1]); n == 0 || n > maxName {
			errs = append(errs, fmt.Errorf("%s: must have 1 to %d bytes, has %d", name[0], maxName, n))
		}
	}
	if t.generation < 0 {
		errs = append(errs, fmt.Errorf("generation: %d: must not be negative", t.generation))
	}
	if len(errs) > 0 {
		return &TransferError{"planning", t.source(), t.destination(), errors.Join(errs...)}
	}
	return nil
}

// run streams the object's bytes from the response of one cloud into the request
// of the other. They are proven twice: S3 is told Cloud Storage's own CRC32C and
// refuses other bytes, and the sum is computed here on the way through.
func (t transfer) run(ctx context.Context) (copied, *TransferError) {
	fail := func(operation string, err error) (copied, *TransferError) {
		return copied{}, &TransferError{operation, t.source(), t.destination(), err}
	}
	obj, err := t.from.open(ctx, t.sourceBucket, t.object, t.generation)
	if err != nil {
		return fail("reading", err)
	}
	defer obj.Close()
	if obj.size > maxPut {
		return fail("writing", fmt.Errorf("the object has %d bytes; one put takes at most %d", obj.size, int64(maxPut)))
	}
	body := &verifier{source: obj, sum: crc32.New(crc32.MakeTable(crc32.Castagnoli)), size: obj.size, want: obj.crc32c}
	if err := t.to.put(ctx, t.targetBucket, t.key, obj.header, body); err != nil {
		// A body that failed is the cause of the request that failed with it.
		if body.err != nil {
			return fail(body.operation, body.err)
		}
		return fail("writing", err)
	}
	return copied{obj.size, obj.generation, obj.crc32c}, nil
}

// verifier passes an object's bytes on and refuses to end well unless they were
// as many as announced and have the announced sum.
type verifier struct {
	source io.Reader
	sum    hash.Hash32
	size   int64
	want   string // base64
	read   int64

	operation string // set with err: what failed
	err       error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.source.Read(p)
	v.sum.Write(p[:n])
	v.read += int64(n)
	switch {
	case v.read > v.size:
		return 0, v.fail("verifying", fmt.Errorf("the source sent more than the %d bytes it announced", v.size))
	case v.read == v.size && v.crc32c() != v.want:
		// Held back before the last byte is passed on: the request cannot complete.
		return 0, v.fail("verifying", fmt.Errorf("CRC32C of the bytes read is %s, the source announced %s", v.crc32c(), v.want))
	case err != nil && !errors.Is(err, io.EOF):
		return n, v.fail("reading", err)
	case errors.Is(err, io.EOF) && v.read < v.size:
		return n, v.fail("reading", fmt.Errorf("the source ended after %d of %d bytes: %w", v.read, v.size, io.ErrUnexpectedEOF))
	}
	return n, err
}

func (v *verifier) fail(operation string, err error) error {
	v.operation, v.err = operation, err
	return err
}

func (v *verifier) crc32c() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, v.sum.Sum32()))
}
