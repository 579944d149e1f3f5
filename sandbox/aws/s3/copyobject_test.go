package s3_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestCopyObject: a copy has the content and the metadata of its source, and needs the
// right to read the one and to write the other.
func TestCopyObject(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: ptr(bucket), Key: ptr("a b"), Body: strings.NewReader("v"), ContentType: ptr("text/plain"), Metadata: map[string]string{"m": "1"},
	}); err != nil {
		t.Fatal(err)
	}
	copied, err := c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: ptr(bucket), Key: ptr("l"), CopySource: ptr(bucket + "/a%20b")})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("l")})
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(got.Body)
	if err != nil || string(content) != "v" || *got.ContentType != "text/plain" || got.Metadata["m"] != "1" || *got.ETag != *copied.CopyObjectResult.ETag {
		t.Errorf("the copy is %q, %s, %v, %s, %v", content, *got.ContentType, got.Metadata, *got.ETag, err)
	}
	reader := s3.NewFromConfig(s.Config(awstest.Session(t, s, "reader", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`, time.Hour)))
	writer := s3.NewFromConfig(s.Config(awstest.Session(t, s, "writer", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`, time.Hour)))
	for name, tt := range map[string]struct {
		as        *s3.Client
		key, from string
		want      awstest.Refusal
	}{
		"without the source": {c, "l", bucket + "/none", awstest.Refused(404, "NoSuchKey", "The specified key does not exist.")},
		"onto itself": {c, "a b", bucket + "/a%20b", awstest.Refused(400, "InvalidRequest",
			"This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.")},
		"without the right to write": {reader, "m", bucket + "/a%20b", denied("reader", "s3:PutObject", "arn:aws:s3:::"+bucket+"/m", "because no identity-based policy allows the s3:PutObject action")},
		"without the right to read":  {writer, "m", bucket + "/a%20b", denied("writer", "s3:GetObject", "arn:aws:s3:::"+bucket+"/a b", "because no identity-based policy allows the s3:GetObject action")},
	} {
		_, err := tt.as.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: ptr(bucket), Key: &tt.key, CopySource: &tt.from})
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
