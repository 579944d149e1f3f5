package sigv4

import (
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// The examples of "Signature Calculations for the Authorization Header:
// Transferring Payload in a Single Chunk" and of "Authenticating Requests: Using
// Query Parameters", both in the Amazon S3 API Reference.
func TestSingleChunkExamples(t *testing.T) {
	t.Parallel()
	const credential = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
	for name, c := range map[string]struct {
		method, target, body string
		header               http.Header
		signed, signature    string // empty: it is in the query
	}{
		"GET Object": {
			method: "GET", target: "/test.txt", header: http.Header{"Range": {"bytes=0-9"}, "X-Amz-Content-Sha256": {emptyHash}, "X-Amz-Date": {"20130524T000000Z"}},
			signed: "host;range;x-amz-content-sha256;x-amz-date", signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		"PUT Object": {
			method: "PUT", target: "/test$file.text", body: "Welcome to Amazon S3.",
			header: http.Header{
				"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Date": {"20130524T000000Z"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"},
				"X-Amz-Content-Sha256": {"44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
			},
			signed: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		"GET Bucket Lifecycle": {
			method: "GET", target: "/?lifecycle", header: http.Header{"X-Amz-Content-Sha256": {emptyHash}, "X-Amz-Date": {"20130524T000000Z"}},
			signed: "host;x-amz-content-sha256;x-amz-date", signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		"Get Bucket (List Objects)": {
			method: "GET", target: "/?max-keys=2&prefix=J", header: http.Header{"X-Amz-Content-Sha256": {emptyHash}, "X-Amz-Date": {"20130524T000000Z"}},
			signed: "host;x-amz-content-sha256;x-amz-date", signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
		"presigned URL": {
			method: "GET", header: http.Header{},
			target: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := func() *api.Request {
				r, err := http.NewRequest(c.method, "http://examplebucket.s3.amazonaws.com"+c.target, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = c.header.Clone()
				if c.signature != "" {
					r.Header.Set("Authorization", Algorithm+" Credential="+credential+",SignedHeaders="+c.signed+",Signature="+c.signature)
				}
				return &api.Request{Request: r, Entry: &journal.Entry{}}
			}
			v := verifier()
			r := request()
			if _, err := v.Verify(r); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r.Body); err != nil || string(got) != c.body {
				t.Errorf("got body %q (%v), want %q", got, err, c.body)
			}
			for what, change := range map[string]func(*http.Request){
				"method":      func(r *http.Request) { r.Method = "DELETE" },
				"path":        func(r *http.Request) { r.URL.Path += "/" },
				"query":       func(r *http.Request) { r.URL.RawQuery += "&versionId=1" },
				"host":        func(r *http.Request) { r.Host = "other.s3.amazonaws.com" },
				"amz header":  func(r *http.Request) { r.Header.Set("X-Amz-Storage-Class", "STANDARD") },
				"second date": func(r *http.Request) { r.Header.Add("X-Amz-Date", "20130524T000000Z") },
			} {
				r := request()
				change(r.Request)
				if _, err := v.Verify(r); err == nil {
					t.Errorf("accepted with another %s", what)
				}
			}
			if c.signature == "" {
				return // a presigned URL does not cover the body
			}
			r = request()
			r.Body = io.NopCloser(strings.NewReader("other"))
			if _, err := v.Verify(r); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(r.Body); err == nil {
				t.Error("read another body to its end")
			}
		})
	}
}

// No page shows the signature of an unsigned payload with a trailer; this is the
// example of the signed one with its other value of x-amz-content-sha256, signed
// by hand.
func TestUnsignedTrailer(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("a", 66560)
	body := "10000\r\n" + want[:65536] + "\r\n400\r\n" + want[65536:] + "\r\n0\r\nx-amz-checksum-crc32c:sOO8/Q==\r\n\r\n"
	request := func(body string) *api.Request {
		r := example(streamingTrailer, body)
		r.Header.Set("X-Amz-Content-Sha256", streamingUnsignedTrailer)
		sig, err := parse(r)
		if err != nil {
			t.Fatal(err)
		}
		toSign := strings.Join([]string{Algorithm, sig.time.Format(timeFormat), sig.scope(), hexSHA256([]byte(canonicalRequest(r.Request, sig, streamingUnsignedTrailer)))}, "\n")
		signature := hmacSHA256(derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", sig), toSign)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), trailerSeed, hex.EncodeToString(signature), 1))
		return r
	}
	r := request(body)
	if got, err := read(t, r); err != nil || got != want || r.Trailer.Get("X-Amz-Checksum-Crc32c") != "sOO8/Q==" {
		t.Errorf("got %d bytes and trailer %v (%v)", len(got), r.Trailer, err)
	}
	for what, body := range map[string]string{
		"another trailer": strings.Replace(body, "crc32c:", "crc32:", 1),
		"no trailer":      strings.Replace(body, "x-amz-checksum-crc32c:sOO8/Q==\r\n", "", 1),
		"less":            strings.Replace(body, "aaa", "aa", 1),
		"no last chunk":   strings.Replace(body, "\r\n0\r\n", "\r\n", 1),
	} {
		if _, err := read(t, request(body)); err == nil {
			t.Errorf("accepted with %s", what)
		}
	}
	r = request(body)
	r.Header.Set("X-Amz-Content-Sha256", streamingTrailer)
	v := verifier()
	if _, err := v.Verify(r); err == nil {
		t.Error("accepted as another kind of payload")
	}
}
