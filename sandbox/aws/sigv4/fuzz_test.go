package sigv4

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

var signedAt = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

const (
	fuzzID     = "AKIAIOSFODNN7EXAMPLE"
	fuzzSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

func fuzzVerifier() Verifier {
	return Verifier{
		Now:    func() time.Time { return signedAt },
		Lookup: func(id string) (Key, bool) { return Key{Secret: fuzzSecret}, id == fuzzID },
	}
}

// received is a request as a server gets it, or nil when it cannot be sent.
func received(r *http.Request) *api.Request {
	var wire bytes.Buffer
	if r.Write(&wire) != nil {
		return nil
	}
	got, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil
	}
	return &api.Request{Request: got, Entry: &journal.Entry{}}
}

// signedRequest is signed by the SDK, in the header or the query.
func signedRequest(t *testing.T, method, path, query, value, body string, s3, inQuery bool) *http.Request {
	t.Helper()
	service, hash := "lambda", hexSHA256([]byte(body))
	if s3 {
		service = "s3"
	}
	// The SDK's clients escape paths as strictly as signatures do.
	address := &url.URL{Scheme: "http", Host: "localhost", Path: "/" + path, RawPath: encode("/"+path, true), RawQuery: query}
	r := &http.Request{Method: method, URL: address, Header: http.Header{}}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("X-Amz-Meta-Value", value)
	if s3 && inQuery {
		hash = unsignedPayload
	}
	if s3 {
		r.Header.Set(contentHash, hash)
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s3 })
	credentials := sdk.Credentials{AccessKeyID: fuzzID, SecretAccessKey: fuzzSecret}
	if !inQuery {
		if signer.SignHTTP(context.Background(), credentials, r, hash, service, "us-east-1", signedAt) != nil {
			return nil
		}
		return r
	}
	q := r.URL.Query()
	q.Set("X-Amz-Expires", "60")
	r.URL.RawQuery = q.Encode()
	text, header, err := signer.PresignHTTP(context.Background(), credentials, r, hash, service, "us-east-1", signedAt)
	if err != nil {
		return nil
	}
	if r.URL, err = url.Parse(text); err != nil {
		t.Fatal(err)
	}
	// What the signer keeps in the query must not come as a header too.
	r.Header = header
	r.Header.Del("Host")
	return r
}

// What the SDK's signer signs is accepted, and refused with any change.
func FuzzSigned(f *testing.F) {
	f.Add("GET", "bucket/key", "list-type=2&prefix=a b", "plain", "", true, false, uint16(0), byte(1))
	f.Add("PUT", "bucket/ü %2F+//x", "a=b&a=a&c", " two  words ", "body", true, true, uint16(3), byte(32))
	f.Add("PUT", "bucket/key", "", "a\u3000b\u00a0c  d\te", "x", false, false, uint16(2), byte(0)) // only spaces are collapsed
	f.Add("PUT", "bucket/key", "", "\u00e4", "x", true, false, uint16(0), byte(0))
	f.Add("POST", "2015-03-31/functions/f:1/invocations", "Qualifier=$LATEST", "~-._", "{}", false, false, uint16(7), byte(255))
	f.Add("POST", "", "Action=GetCallerIdentity&Version=2011-06-15", "", "", false, true, uint16(1), byte(2))
	f.Fuzz(func(t *testing.T, method, path, query, value, body string, s3, inQuery bool, at uint16, with byte) {
		if strings.Contains(query, ";") || strings.Contains(strings.ToLower(query), "x-amz-") || strings.Contains(query, "Signature") || strings.Contains(query, "AWSAccessKeyId") {
			t.Skip("url.Values does not read it, or it speaks of another signature")
		}
		if _, err := url.ParseQuery(query); err != nil {
			t.Skip("the SDK's signer drops what it cannot read")
		}
		if method == "" || strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' }) || method == "CONNECT" {
			t.Skip("not a method")
		}
		if strings.ContainsAny(value, "\r\n") || value != strings.Trim(value, "\t") {
			t.Skip("net/http sends another value than was signed")
		}
		if !s3 && normalized("/"+path) != "/"+path {
			t.Skip("the SDK's signer does not normalize paths, though AWS does")
		}
		sign := func() *api.Request {
			r := signedRequest(t, method, path, query, value, body, s3, inQuery)
			if r == nil {
				return nil
			}
			return received(r)
		}
		accepts := func(r *api.Request) error {
			v := fuzzVerifier()
			if _, err := v.Verify(r); err != nil {
				return err
			}
			_, err := io.ReadAll(r.Body)
			return err
		}
		r := sign()
		if r == nil {
			t.Skip("it cannot be sent")
		}
		err := accepts(r)
		if s3 && latin1(value) != value { // S3 reads another text than the SDK signs
			if err == nil {
				t.Errorf("accepted though %q was signed as UTF-8", value)
			}
			return
		}
		if err != nil {
			t.Fatalf("%s %s: %v", method, r.RequestURI, err)
		}
		changed := func(text string) (string, bool) {
			if text == "" || with == 0 {
				return text + "x", true
			}
			b := []byte(text)
			b[int(at)%len(b)] ^= with
			return string(b), true
		}
		for what, change := range map[string]func(*http.Request) bool{
			"method": func(r *http.Request) bool { r.Method += "X"; return true },
			"path": func(r *http.Request) bool {
				r.URL.Path, _ = changed(r.URL.Path)
				r.RequestURI, r.URL.RawPath = "", ""
				return s3 || normalized(r.URL.EscapedPath()) != normalized((&url.URL{Path: "/" + path}).EscapedPath())
			},
			"query": func(r *http.Request) bool { r.URL.RawQuery += "&x=" + url.QueryEscape(string(with)); return true },
			"header": func(r *http.Request) bool {
				was := trimmed(r.Header.Get("X-Amz-Meta-Value"))
				now, _ := changed(r.Header.Get("X-Amz-Meta-Value"))
				r.Header.Set("X-Amz-Meta-Value", now)
				return trimmed(now) != was
			},
			"body": func(r *http.Request) bool {
				now, _ := changed(body)
				r.Body = io.NopCloser(strings.NewReader(now))
				return !(s3 && inQuery) // which says nothing of the body
			},
			"host": func(r *http.Request) bool { r.Host += "x"; return true },
			"signature": func(r *http.Request) bool {
				if inQuery {
					q := r.URL.Query()
					now, _ := changed(q.Get("X-Amz-Signature"))
					q.Set("X-Amz-Signature", now)
					r.URL.RawQuery = q.Encode()
					return true
				}
				h := r.Header.Get("Authorization")
				now, _ := changed(h[len(h)-64:])
				r.Header.Set("Authorization", h[:len(h)-64]+now)
				return strings.TrimSpace(now) != h[len(h)-64:]
			},
		} {
			if r := sign(); change(r.Request) && accepts(r) == nil {
				t.Errorf("accepted with another %s: %s %q, at %d with %d", what, method, r.RequestURI, at, with)
			}
		}
	})
}

// No request makes the verifier panic or is accepted without the secret.
func FuzzUnsigned(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: s3.amazonaws.com\r\nX-Amz-Date: 20250601T120000Z\r\nX-Amz-Content-Sha256: UNSIGNED-PAYLOAD\r\nAuthorization: AWS4-HMAC-SHA256 Credential=" + fuzzID + "/20250601/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=00\r\n\r\n")
	f.Add("POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + fuzzID + "%2F20250601%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20250601T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00 HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n")
	f.Add("GET /b/k?AWSAccessKeyId=" + fuzzID + "&Expires=1748779300&Signature=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		hr, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Skip("not HTTP")
		}
		v := fuzzVerifier()
		if id, err := v.Verify(&api.Request{Request: hr, Entry: &journal.Entry{}}); err == nil {
			t.Errorf("accepted as %s: %q", id, text)
		}
	})
}

// Of all bodies, only the one that was signed is read to its end as it is.
func FuzzChunks(f *testing.F) {
	short := func(r, s string) string { return strings.Replace(r, s, "", 1) }
	f.Add(plain(), false)
	f.Add(trailing(), true)
	f.Add(short(plain(), "\r\n"), false)
	f.Add(short(trailing(), "x-amz-checksum-crc32c:sOO8/Q==\r\n"), true)
	f.Fuzz(func(t *testing.T, body string, trailer bool) {
		kind, signed := streamingPayload, plain()
		if trailer {
			kind, signed = streamingTrailer, trailing()
		}
		r := example(kind, body)
		v := verifier()
		if _, err := v.Verify(r); err != nil {
			t.Fatal(err) // the head is signed, whatever the body is
		}
		if got, err := io.ReadAll(r.Body); err == nil && (len(got) != 66560 || strings.Trim(string(got), "a") != "") {
			t.Errorf("read %d bytes of a body that was not signed; the signed one has %d", len(got), len(signed))
		}
	})
}
