package copy

import (
	"io"
	"strconv"
	"strings"
)

// unsignedTrailer stands for the digest of a payload that is not signed and is
// followed by its checksum: Amazon S3 User Guide, "Checking object integrity".
const (
	unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	trailerName     = "x-amz-checksum-crc32c"
)

// framed is a body in the form that S3 calls aws-chunked: one chunk with all bytes,
// and then their checksum, which is not known before. S3 compares it before it takes
// a part, and a bucket with Object Lock takes no part without a checksum (Amazon S3
// API Reference, "UploadPart").
type framed struct {
	*sending
	before, after string // what is still to be sent around the bytes
	done          bool
}

// newFramed returns the body and its length.
func newFramed(b *sending) (*framed, int64) {
	f := &framed{sending: b, before: strconv.FormatInt(b.size(), 16) + "\r\n"}
	return f, int64(len(f.before)) + b.size() + int64(len(frameEnd(0)))
}

func frameEnd(sum crc32c) string {
	return "\r\n0\r\n" + trailerName + ":" + sum.String() + "\r\n\r\n"
}

// Read implements io.Reader.
func (f *framed) Read(p []byte) (int, error) {
	if f.before != "" {
		return f.take(p, &f.before)
	}
	if !f.done {
		n, err := f.sending.Read(p)
		if n > 0 || err != io.EOF {
			return n, err
		}
		f.done, f.after = true, frameEnd(f.sum)
	}
	if f.after == "" {
		return 0, io.EOF
	}
	return f.take(p, &f.after)
}

func (f *framed) take(p []byte, text *string) (int, error) {
	n, err := strings.NewReader(*text).Read(p)
	*text = (*text)[n:]
	return n, err
}
