package sigv4

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// The examples of AWS's own documentation: "Signature Calculations for the
// Authorization Header: Transferring Payload in Multiple Chunks", and the same
// "Including trailing headers".
const (
	plainSeed   = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
	trailerSeed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
)

func example(payload, body string) *api.Request {
	r, _ := http.NewRequest(http.MethodPut, "http://s3.amazonaws.com/examplebucket/chunkObject.txt", strings.NewReader(body))
	r.Header = http.Header{
		"X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}, "X-Amz-Content-Sha256": {payload},
		"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {"66560"},
	}
	signed, seed := "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", plainSeed
	r.ContentLength = 66824
	if payload != streamingPayload {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
		signed, seed = "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer", trailerSeed
	}
	r.Header.Set("Authorization", Algorithm+" Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders="+signed+",Signature="+seed)
	return &api.Request{Request: r, Entry: &journal.Entry{}}
}

func verifier() Verifier {
	return Verifier{
		Lookup: func(string) (Key, bool) { return Key{Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, true },
		Now:    func() time.Time { return time.Date(2013, 5, 24, 0, 1, 0, 0, time.UTC) },
	}
}

func chunk(size, signature, data string) string {
	return size + ";chunk-signature=" + signature + "\r\n" + data + "\r\n"
}

func plain() string {
	return chunk("10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", strings.Repeat("a", 65536)) +
		chunk("400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", strings.Repeat("a", 1024)) +
		chunk("0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", "")
}

func trailing() string {
	return chunk("10000", "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", strings.Repeat("a", 65536)) +
		chunk("400", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", strings.Repeat("a", 1024)) +
		"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
}

func read(t *testing.T, r *api.Request) (string, error) {
	t.Helper()
	v := verifier()
	if _, err := v.Verify(r); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r.Body)
	return string(b), err
}

func TestStreamingExamples(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("a", 66560)
	r := example(streamingPayload, plain())
	if got, err := read(t, r); err != nil || got != want {
		t.Errorf("plain: got %d bytes (%v)", len(got), err)
	}
	if r.ContentLength != 66560 {
		t.Errorf("got length %d", r.ContentLength)
	}
	r = example(streamingTrailer, trailing())
	if got, err := read(t, r); err != nil || got != want {
		t.Errorf("trailer: got %d bytes (%v)", len(got), err)
	}
	if diff := cmp.Diff(http.Header{"X-Amz-Checksum-Crc32c": {"sOO8/Q=="}}, r.Trailer); diff != "" {
		t.Errorf("trailer (-want +got):\n%s", diff)
	}
}

func TestStreamingRefusals(t *testing.T) {
	t.Parallel()
	const noMatch = "SignatureDoesNotMatch"
	for name, c := range map[string]struct {
		payload, body, want string
	}{
		"changed data":         {streamingPayload, strings.Replace(plain(), "aaa", "aab", 1), noMatch},
		"changed signature":    {streamingPayload, strings.Replace(plain(), "0055", "0056", 1), noMatch},
		"missing last chunk":   {streamingPayload, plain()[:65536+1024+200], "IncompleteBody"},
		"chunks out of order":  {streamingPayload, plain()[65536+90:], noMatch},
		"cut short":            {streamingPayload, plain()[:1000], "IncompleteBody"},
		"no signature":         {streamingPayload, "10000\r\n", "IncompleteBody"},
		"changed trailer":      {streamingTrailer, strings.Replace(trailing(), "sOO8", "sOO9", 1), noMatch},
		"other trailer":        {streamingTrailer, strings.Replace(trailing(), "crc32c:", "crc32:", 1), "MalformedTrailerError"},
		"trailer is not there": {streamingTrailer, strings.Replace(trailing(), "x-amz-checksum-crc32c:sOO8/Q==\r\n", "", 1), "MalformedTrailerError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, example(c.payload, c.body))
			var e *api.Error
			if !errors.As(err, &e) || e.Code != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// Chunks without signatures, with and without a trailer: aws/aws-sdk-js-v3 meets
// InvalidChunkSizeError in its middleware for flexible checksums, which sends these.
func TestUnsignedChunks(t *testing.T) {
	t.Parallel()
	const name, sum = "x-amz-checksum-crc32c", "x-amz-checksum-crc32c:AAAAAA==\r\n"
	part := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("a", n)) }
	for name, test := range map[string]struct {
		trailer, body string
		length        int
		want          string
	}{
		"one":               {name, part(10) + "0\r\n" + sum + "\r\n", 10, ""},
		"none":              {name, "0\r\n" + sum + "\r\n", 0, ""},
		"a small last one":  {name, part(8192) + part(1) + "0\r\n" + sum + "\r\n", 8193, ""},
		"a small first one": {name, part(8191) + part(1) + "0\r\n" + sum + "\r\n", 8192, "InvalidChunkSizeError"},
		"another length":    {name, part(10) + "0\r\n" + sum + "\r\n", 11, "IncompleteBody"},
		// versity/versitygw, issues 1632, 1600 and 1666.
		"without a trailer":         {"", part(10) + "0\r\n\r\n", 10, ""},
		"a trailer not announced":   {"", part(10) + "0\r\n" + sum + "\r\n", 10, "MalformedTrailerError"},
		"a trailer that is missing": {name, part(10) + "0\r\n\r\n", 10, "MalformedTrailerError"},
		"a trailer that ends early": {name, part(10) + "0\r\n" + sum, 10, "IncompleteBody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := example(streamingUnsignedTrailer, test.body)
			if r.Header.Set("X-Amz-Trailer", test.trailer); test.trailer == "" {
				r.Header.Del("X-Amz-Trailer")
			}
			got, err := io.ReadAll(newChunked(r, &signature{}, nil, streamingUnsignedTrailer, int64(test.length)))
			var e *api.Error
			switch {
			case test.want == "" && (err != nil || len(got) != test.length):
				t.Errorf("got %d bytes and %v, want %d", len(got), err, test.length)
			case test.want != "" && (!errors.As(err, &e) || e.Code != test.want):
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestUnsignedHeaderRefused(t *testing.T) {
	t.Parallel()
	r := example(streamingPayload, plain())
	r.Header.Set("X-Amz-Acl", "public-read")
	v := verifier()
	_, err := v.Verify(r)
	want := "AccessDenied: There were headers present in the request which were not signed"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestHostScope(t *testing.T) {
	t.Parallel()
	for host, want := range map[string][2]string{
		"127.0.0.1:4000":                    {},
		"localhost":                         {},
		"bucket.localhost":                  {},
		"sts.amazonaws.com":                 {"sts", "us-east-1"},
		"sts.eu-west-1.amazonaws.com":       {"sts", "eu-west-1"},
		"iam.amazonaws.com":                 {"iam", "us-east-1"},
		"b.s3.amazonaws.com":                {"s3", ""},
		"b.s3.eu-west-1.amazonaws.com":      {"s3", "eu-west-1"},
		"sts.us-east-1.amazonaws.com.evil":  {},
		"lambda.eu-central-1.amazonaws.com": {"lambda", "eu-central-1"},
	} {
		service, region := hostScope(host)
		if got := [2]string{service, region}; got != want {
			t.Errorf("%s: got %v, want %v", host, got, want)
		}
	}
}
