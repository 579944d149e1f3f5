package s3_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestUnmodelled: what S3 has and the local AWS has not is refused by its name.
func TestUnmodelled(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "k", "v")
	ctx := t.Context()
	_, copied := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: ptr(bucket), Key: ptr("l"), CopySource: ptr(bucket + "/k?versionId=1")})
	_, part := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: ptr(bucket), Key: ptr("l"), CopySource: ptr(bucket + "/k"), PartNumber: ptr(int32(1)), UploadId: ptr("u")})
	_, website := c.GetBucketWebsite(ctx, &s3.GetBucketWebsiteInput{Bucket: ptr(bucket)})
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a copy of a version": {copied, "The local AWS does not model the parameter versionId."},
		"UploadPartCopy":      {part, "The local AWS does not model the header x-amz-copy-source."},
		"a website":           {website, "The local AWS does not model the parameter website."},
	} {
		if diff := cmp.Diff(awstest.Refused(501, "NotImplemented", tt.want), awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	unsigned := func(r *http.Request) { r.Header = http.Header{} }
	for name, tt := range map[string]struct {
		call awstest.Call
		want string
	}{
		"a form":              {awstest.Call{Method: "POST", Path: "/" + bucket, Body: "x"}, "The local AWS does not model the operation PostObject."},
		"Signature Version 2": {awstest.Call{Method: "GET", Path: "/" + bucket + "/k?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1&Signature=x", Tamper: unsigned}, "The local AWS does not model the parameter AWSAccessKeyId."},
	} {
		tt.call.Credentials, tt.call.Service = s.Admin(), "s3"
		status, body := s.Do(t, tt.call)
		if diff := cmp.Diff(awstest.Refused(501, "NotImplemented", tt.want), refusal(t, status, body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
