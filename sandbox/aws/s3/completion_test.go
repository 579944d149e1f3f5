package s3_test

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// Each completion assembles the parts before it commits, so several could get
// as far as that.
func TestOneCompletionWins(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	if _, err := c.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: ptr(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	const rounds, at = 10, 8
	for range rounds {
		id := begin(t, c, s3.CreateMultipartUploadInput{ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		part := upload(t, c, id, 1, []byte("x"), types.ChecksumAlgorithmCrc32)
		var wait sync.WaitGroup
		codes := make([]string, at)
		for i := range codes {
			wait.Go(func() {
				_, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, part)
				codes[i] = awstest.RefusalOf(t, err).Code
			})
		}
		wait.Wait()
		got := map[string]int{}
		for _, code := range codes {
			got[code]++
		}
		if diff := cmp.Diff(map[string]int{"": 1, "NoSuchUpload": at - 1}, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	versions, err := c.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: ptr(bucket)})
	if err != nil || len(versions.Versions) != rounds || len(s.S3().Uploads(bucket)) != 0 {
		t.Errorf("got %d versions, %d uploads (%v)", len(versions.Versions), len(s.S3().Uploads(bucket)), err)
	}
}

// boto3 adds CRC32 to parts of uploads that have no algorithm. It is checked,
// and the object has the checksum that S3 itself chooses.
func TestPartsOfUploadWithoutAlgorithm(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	const path = "/" + bucket + "/big"
	status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: "POST", Path: path + "?uploads="})
	if status != 200 {
		t.Fatalf("got %d %s", status, body)
	}
	id := &s.S3().Uploads(bucket)[0]
	part := upload(t, c, id, 1, []byte("some"), types.ChecksumAlgorithmCrc32)
	if part.ChecksumCRC32 == nil {
		t.Fatal("the part's checksum is not answered")
	}
	wrong := part
	wrong.ChecksumCRC32 = ptr("AAAAAA==")
	_, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, wrong)
	if got := awstest.RefusalOf(t, err); got.Code != "InvalidPart" {
		t.Errorf("got %v, want InvalidPart", got)
	}
	out, err := complete(c, t, id, s3.CompleteMultipartUploadInput{}, part)
	if err != nil {
		t.Fatal(err)
	}
	if out.ChecksumCRC64NVME == nil || out.ChecksumCRC32 != nil || out.ChecksumType != types.ChecksumTypeFullObject {
		t.Errorf("got %+v", out)
	}
}
