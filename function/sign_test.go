package main

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestSignaturesAreTheSDKs signs requests as the AWS SDK does.
func TestSignaturesAreTheSDKs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, token := range []string{"", "session token/+="} {
		c := newS3(settings{aws: awsSettings{region: "eu-central-1", accessKeyID: "AKIDEXAMPLE", secretKey: "secret/+", sessionToken: token}}, &patience{})
		c.now = func() time.Time { return now }
		sdk := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		for name, r := range map[string]request{
			"a put":      {method: "PUT", bucket: "bucket", key: "dir with space/ü+%&?#/../ファイル~.txt", unsigned: true, header: http.Header{"X-Amz-Meta-Spaced": {"  a   b  "}, "Content-Type": {"text/plain"}, "X-Amz-Checksum-Crc32c": {"AAAAAA=="}, "If-None-Match": {"*"}}},
			"a part":     {method: "PUT", bucket: "bucket", key: "key", unsigned: true, query: "partNumber=12&uploadId=" + escape("id+/=~ü", true)},
			"a creation": {method: "POST", bucket: "dotted.bucket", key: "key", query: "uploads="},
			"a document": {method: "POST", bucket: "bucket", key: "key", query: "uploadId=id", document: []byte("<a/>")},
			"a listing":  {method: "GET", bucket: "bucket", query: "prefix=" + escape("a b/c", true) + "&uploads="},
			"a look":     {method: "HEAD", bucket: "bucket", key: "key"},
		} {
			got := c.request(context.Background(), r)
			want := got.Clone(context.Background())
			want.Header.Del("Authorization")
			want.ContentLength = 0 // which the SDK signs, and the function leaves to HTTP
			digest := got.Header.Get("X-Amz-Content-Sha256")
			if err := sdk.SignHTTP(context.Background(), aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret/+", SessionToken: token}, want, digest, "s3", "eu-central-1", now); err != nil {
				t.Fatal(err)
			}
			if got, want := got.Header.Get("Authorization"), want.Header.Get("Authorization"); got != want {
				t.Errorf("%s, token %q:\n got %s\nwant %s", name, token, got, want)
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	own, err := url.Parse("https://localhost:9000/base/")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		endpoint          *url.URL
		bucket, key, want string
	}{
		{nil, "bucket", "a b/c", "https://bucket.s3.eu-central-1.amazonaws.com/a%20b/c"},
		{nil, "bucket", "", "https://bucket.s3.eu-central-1.amazonaws.com/"},
		{nil, "dotted.bucket", "a+b", "https://s3.eu-central-1.amazonaws.com/dotted.bucket/a%2Bb"},
		{own, "bucket", "/a//b", "https://localhost:9000/base/bucket//a//b"},
	} {
		c := &s3api{region: "eu-central-1", endpoint: tt.endpoint}
		if got := c.url(tt.bucket, tt.key).String(); got != tt.want {
			t.Errorf("url(%s, %s) = %s, want %s", tt.bucket, tt.key, got, tt.want)
		}
	}
}
