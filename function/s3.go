package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// s3api makes signed requests of S3's REST API as the function's role. The seven
// operations of a copy need no more than that; the SDK's S3 client would add nine
// modules and 0.4 MB to the bundle.
type s3api struct {
	endpoint *url.URL // nil: AWS's own
	region   string
	creds    aws.Credentials // they outlive the execution environment: nothing refreshes them
	signer   *v4.Signer
	client   *http.Client
	hide     secrets
	patience *patience
	now      func() time.Time
}

func newS3(s settings, p *patience) *s3api {
	return &s3api{
		endpoint: s.aws.endpoint,
		region:   s.aws.region,
		creds:    aws.Credentials{AccessKeyID: s.aws.accessKeyID, SecretAccessKey: s.aws.secretKey, SessionToken: s.aws.sessionToken},
		signer:   v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // as S3 wants it
		client:   newClient(),
		hide:     s.secrets(),
		patience: p,
		now:      time.Now,
	}
}

// unsigned stands for the digest of a payload that is not signed, which would
// mean reading it twice; TLS and its checksum protect it.
const unsigned = "UNSIGNED-PAYLOAD"

// request is one request about a key.
type request struct {
	method, bucket, key string
	query               string // encoded, its parameters in order
	header              http.Header
	stream              *stream // the body, or
	document            []byte  // the body
	patience            int     // how many times longer than usual nothing may move; 0 is 1
}

// answer is S3's answer to a request.
type answer struct {
	header http.Header
	body   []byte
}

// do makes a request. An error answer is an *AnswerError, also when its status is
// 200, which S3 sends before it knows how a completion ends.
func (c *s3api) do(ctx context.Context, r request) (answer, error) {
	ctx, dog := watch(ctx, 3*max(1, time.Duration(r.patience))*c.patience.stalled()) // longer than the source is given, which the body may wait for
	defer dog.stop()
	req, err := c.request(ctx, r)
	if err != nil {
		return answer{}, err
	}
	var body *sending
	if r.stream != nil && r.stream.size() > 0 {
		body = r.stream.send(ctx, dog)
		req.Body, req.ContentLength = body, r.stream.size()
	}
	if err := c.sign(req, r); err != nil {
		return answer{}, err
	}
	a, err := c.exchange(req, dog)
	if body != nil {
		body.settle()
		switch {
		case body.err != nil && because(ctx, body.err) == body.err:
			return answer{}, body.err // the cause of the request's failing
		case err == nil && body.next < body.end:
			err = &brokenError{fmt.Errorf("S3 answered before it had all bytes")}
		}
	}
	return a, because(ctx, err)
}

// exchange sends a request and reads its answer.
func (c *s3api) exchange(req *http.Request, dog *watchdog) (answer, error) {
	resp, err := c.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	resp.Body = watched{resp.Body, dog}
	body, err := readAnswer(resp)
	if err != nil {
		return answer{}, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices || bytes.Contains(body, []byte("<Error")) {
		return answer{}, answerError("S3", resp, body, c.hide)
	}
	return answer{resp.Header, body}, nil
}

func (c *s3api) request(ctx context.Context, r request) (*http.Request, error) {
	req := (&http.Request{Method: r.method, URL: c.url(r.bucket, r.key), Header: http.Header{}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	req.URL.RawQuery = r.query
	req.Host = req.URL.Host
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.document != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.document)), int64(len(r.document))
	}
	return req, nil
}

func (c *s3api) sign(req *http.Request, r request) error {
	digest := unsigned
	if r.stream == nil {
		sum := sha256.Sum256(r.document)
		digest = hex.EncodeToString(sum[:])
	}
	req.Header.Set("X-Amz-Content-Sha256", digest)
	if err := c.signer.SignHTTP(req.Context(), c.creds, req, digest, "s3", c.region, c.now()); err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	return nil
}

// url is a key's address: Amazon S3 User Guide, "Virtual hosting of general
// purpose buckets". A bucket with dots has no certificate for its own host, and
// an endpoint of one's own need not know hosts for buckets.
func (c *s3api) url(bucket, key string) *url.URL {
	u := url.URL{Scheme: "https", Host: bucket + ".s3." + c.region + ".amazonaws.com", Path: "/"}
	switch {
	case c.endpoint != nil:
		u = *c.endpoint
		u.Path = strings.TrimSuffix(u.Path, "/") + "/" + bucket + "/"
	case strings.Contains(bucket, "."):
		u.Host = "s3." + c.region + ".amazonaws.com"
		u.Path = "/" + bucket + "/"
	}
	u.RawPath = u.EscapedPath() + escapeKey(key)
	u.Path += key
	return &u
}

// escapeKey escapes what Signature Version 4 wants escaped in S3's paths: all but
// unreserved characters and slashes.
func escapeKey(key string) string {
	const hexadecimal = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hexadecimal[c>>4], hexadecimal[c&15]})
		}
	}
	return b.String()
}
