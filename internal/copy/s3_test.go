package copy

import (
	"net/url"
	"testing"
)

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
