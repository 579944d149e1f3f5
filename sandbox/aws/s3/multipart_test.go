package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

const partSize = 5 << 20

func begin(t *testing.T, c *s3.Client, in s3.CreateMultipartUploadInput) *string {
	t.Helper()
	in.Bucket, in.Key = ptr(bucket), ptr("big")
	out, err := c.CreateMultipartUpload(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	return out.UploadId
}

func upload(t *testing.T, c *s3.Client, id *string, n int32, data []byte, a types.ChecksumAlgorithm) types.CompletedPart {
	t.Helper()
	out, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id, PartNumber: &n, Body: bytes.NewReader(data), ChecksumAlgorithm: a})
	if err != nil {
		t.Fatal(err)
	}
	return types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C}
}

func complete(c *s3.Client, t *testing.T, id *string, in s3.CompleteMultipartUploadInput, parts ...types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
	in.Bucket, in.Key, in.UploadId, in.MultipartUpload = ptr(bucket), ptr("big"), id, &types.CompletedMultipartUpload{Parts: parts}
	return c.CompleteMultipartUpload(t.Context(), &in)
}

func bigParts() [][]byte {
	return [][]byte{bytes.Repeat([]byte("abcde"), partSize/5), bytes.Repeat([]byte("x"), partSize+3), []byte("tail")}
}

func TestMultipartFullObject(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	data := bytes.Join(bigParts(), nil)
	id := begin(t, c, s3.CreateMultipartUploadInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c, ChecksumType: types.ChecksumTypeFullObject, Metadata: map[string]string{"a": "b"}})
	var parts []types.CompletedPart
	etags := md5.New()
	for i, p := range bigParts() {
		parts = append(parts, upload(t, c, id, int32(i*10+1), p, types.ChecksumAlgorithmCrc32c))
		sum := md5.Sum(p)
		etags.Write(sum[:])
	}
	sum := crc32c(data)
	_, err := complete(c, t, id, s3.CompleteMultipartUploadInput{ChecksumCRC32C: ptr("AAAAAA=="), ChecksumType: types.ChecksumTypeFullObject}, parts...)
	if diff := cmp.Diff(awstest.Refused(400, "BadDigest", "The CRC32C you specified did not match the calculated checksum."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = complete(c, t, id, s3.CompleteMultipartUploadInput{MpuObjectSize: ptr(int64(7))}, parts...)
	if got := awstest.RefusalOf(t, err); got.Code != "InvalidRequest" {
		t.Errorf("size: got %v, want InvalidRequest", got)
	}
	out, err := complete(c, t, id, s3.CompleteMultipartUploadInput{ChecksumCRC32C: &sum, ChecksumType: types.ChecksumTypeFullObject, MpuObjectSize: ptr(int64(len(data))), IfNoneMatch: ptr("*")}, parts...)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.ETag, fmt.Sprintf(`"%x-3"`, etags.Sum(nil)); got != want {
		t.Errorf("etag: got %s, want %s", got, want)
	}
	if *out.ChecksumCRC32C != sum || out.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("got %s %s, want %s", *out.ChecksumCRC32C, out.ChecksumType, sum)
	}
	r, ok := s.S3().Read(bucket, "big")
	if !ok {
		t.Fatal("the object is not there")
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("got %d bytes (%v), want %d", len(got), err, len(data))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if left := s.S3().Uploads(bucket); len(left) != 0 {
		t.Errorf("uploads left: %v", left)
	}
	_, err = complete(c, t, id, s3.CompleteMultipartUploadInput{}, parts...)
	if got := awstest.RefusalOf(t, err); got.Code != "NoSuchUpload" || got.Status != 404 {
		t.Errorf("completing again: got %v", got)
	}
	part, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("big"), PartNumber: ptr(int32(3))})
	if err != nil || *part.PartsCount != 3 || *part.ContentLength != 4 {
		t.Errorf("got %+v (%v)", part, err)
	}
}

func TestMultipartComposite(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	id := begin(t, c, s3.CreateMultipartUploadInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
	var parts []types.CompletedPart
	sums := crc32.NewIEEE()
	for i, p := range bigParts() {
		parts = append(parts, upload(t, c, id, int32(i+1), p, types.ChecksumAlgorithmCrc32))
		h := crc32.NewIEEE()
		h.Write(p)
		sums.Write(h.Sum(nil))
	}
	out, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, parts...)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := *out.ChecksumCRC32, base64.StdEncoding.EncodeToString(sums.Sum(nil))+"-3"; got != want || out.ChecksumType != types.ChecksumTypeComposite {
		t.Errorf("got %s %s, want %s", got, out.ChecksumType, want)
	}
}

func TestMultipartRefusals(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	const noPart = "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
	id := begin(t, c, s3.CreateMultipartUploadInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
	first := upload(t, c, id, 1, []byte("small"), types.ChecksumAlgorithmCrc32)
	second := upload(t, c, id, 2, []byte("last"), types.ChecksumAlgorithmCrc32)
	wrong, bare := second, second
	wrong.ETag, bare.ChecksumCRC32 = first.ETag, nil
	for name, test := range map[string]struct {
		parts []types.CompletedPart
		want  awstest.Refusal
	}{
		"too small":    {[]types.CompletedPart{first, second}, awstest.Refused(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")},
		"order":        {[]types.CompletedPart{second, first}, awstest.Refused(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.")},
		"wrong etag":   {[]types.CompletedPart{wrong}, awstest.Refused(400, "InvalidPart", noPart)},
		"missing part": {[]types.CompletedPart{{PartNumber: ptr(int32(7)), ETag: first.ETag, ChecksumCRC32: first.ChecksumCRC32}}, awstest.Refused(400, "InvalidPart", noPart)},
		"no checksum":  {[]types.CompletedPart{bare}, awstest.Refused(400, "InvalidRequest", "The upload was created using a crc32 checksum. The complete request must include the checksum for each part. It was missing for part 2 in the request.")},
		"no parts":     {nil, awstest.Refused(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")},
	} {
		_, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, test.parts...)
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	_, err := c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id, PartNumber: ptr(int32(10_001)), Body: strings.NewReader("x")})
	if diff := cmp.Diff(awstest.Refused(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = c.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id, PartNumber: ptr(int32(3)), Body: strings.NewReader("x"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	if diff := cmp.Diff(awstest.Refused(400, "InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: crc32, actual checksum Type: sha256"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("big"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeFullObject})
	if got := awstest.RefusalOf(t, err); got.Code != "InvalidRequest" {
		t.Errorf("got %v, want InvalidRequest", got)
	}
	listed, err := c.ListParts(t.Context(), &s3.ListPartsInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id, MaxParts: ptr(int32(1))})
	if err != nil || len(listed.Parts) != 1 || !*listed.IsTruncated || *listed.NextPartNumberMarker != "1" || *listed.Parts[0].Size != 5 {
		t.Errorf("got %+v (%v)", listed, err)
	}
	uploads, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: ptr(bucket)})
	if err != nil || len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *id {
		t.Errorf("got %+v (%v)", uploads, err)
	}
	if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id}); err != nil {
		t.Error(err)
	}
	_, err = c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: ptr(bucket), Key: ptr("big"), UploadId: id})
	if got := awstest.RefusalOf(t, err); got.Code != "NoSuchUpload" {
		t.Errorf("got %v, want NoSuchUpload", got)
	}
}
