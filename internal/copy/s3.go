package copy

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// s3Service is S3's name in errors.
const s3Service = "S3"

// s3api makes requests to S3's REST API as the function's role, signed by the SDK's
// signer. The eight operations of a copy need no more than that; the SDK's client
// would add nine modules to the bundle, and CPU time to every small object.
type s3api struct {
	endpoint  *url.URL // nil: AWS's own
	region    string
	signer    *v4.Signer
	creds     aws.Credentials // they outlive the execution environment, so they are never refreshed
	transport http.RoundTripper
	hide      secrets
	patience  *patience
	pace      *pace
	now       func() time.Time
}

func newS3(s settings, p *patience) *s3api {
	return &s3api{
		endpoint:  s.aws.endpoint,
		region:    s.aws.region,
		signer:    v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // S3's paths are escaped once
		creds:     aws.Credentials{AccessKeyID: s.aws.accessKeyID, SecretAccessKey: s.aws.secretKey, SessionToken: s.aws.sessionToken},
		transport: newTransport(),
		hide:      s.secrets(),
		patience:  p,
		pace:      p.pace(s3Service),
		now:       time.Now,
	}
}

// unsigned stands for the digest of an unsigned payload; signing it would mean
// reading it first. TLS and its checksum protect it.
const unsigned = "UNSIGNED-PAYLOAD"

// expectable is the size from which S3 is asked whether it wants a body before any of
// it is sent: a refusal then costs no bytes of the source, and answers at once.
const expectable = 1 << 20

// request is a request about a key.
type request struct {
	method, bucket, key string
	query               string // encoded, with its parameters in order
	header              http.Header
	stream              *stream // the body, or
	document            []byte  // the body
	unsigned            bool    // the body is not signed, since it has a checksum
	trailer             bool    // that checksum follows the stream
	most                int64   // that is read of the answer, in bytes, which is a file then; 0 means maxAnswer, and a document
	patience            int     // how many times longer than usual nothing may move; 0 means 1
}

// answer is S3's response to a request.
type answer struct {
	header http.Header
	body   []byte
}

// do makes a request. An error response is an *AnswerError, even with status 200,
// which S3 sends before it knows how a completion ends. S3's response is what
// counts, even if it comes before the whole body is sent, unless the body failed first.
func (c *s3api) do(ctx context.Context, r request) (answer, error) {
	if err := c.pace.enter(ctx); err != nil {
		return answer{}, err
	}
	a, err := c.ask(ctx, r)
	c.pace.leave(err)
	return a, err
}

func (c *s3api) ask(ctx context.Context, r request) (answer, error) {
	ctx, dog := watch(ctx, 3*max(1, time.Duration(r.patience))*c.patience.stalled()) // longer than for the source, which the body may wait for
	defer dog.stop()
	req, err := c.request(ctx, r)
	if err != nil {
		return answer{}, err
	}
	var body *sending
	if r.stream != nil {
		body = r.stream.send(ctx, dog)
		req.Body, req.ContentLength = body, r.stream.size()
		if r.trailer {
			req.Body, req.ContentLength = newFramed(body)
		}
	}
	MeterOf(ctx).asked(s3Service, r.method)
	a, err := c.exchange(req, dog, r.most)
	if body != nil {
		failed := body.failed.Load()
		body.settle()
		var answered *AnswerError
		switch {
		case err != nil && failed && !errors.As(err, &answered):
			return answer{}, because(ctx, body.err)
		case err == nil && body.next < body.end:
			err = &brokenError{errors.New("S3 answered before it had all bytes")}
		}
	}
	return a, because(ctx, err)
}

// exchange sends a request and reads the response.
func (c *s3api) exchange(req *http.Request, dog *watchdog, most int64) (answer, error) {
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, &brokenError{err}
	}
	resp.Body = watched{resp.Body, dog}
	data, err := readUpTo(resp, cmp.Or(most, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	if resp.StatusCode >= http.StatusMultipleChoices || most == 0 && bytes.Contains(data, []byte("<Error")) {
		e := answerError(s3Service, resp, data, c.hide)
		// Amazon S3 API Reference, "HeadBucket".
		if region := resp.Header.Get("X-Amz-Bucket-Region"); region != c.region {
			e.Region = region
		}
		return answer{}, e
	}
	return answer{resp.Header, data}, nil
}

// request returns a signed request for r, without its stream.
func (c *s3api) request(ctx context.Context, r request) (*http.Request, error) {
	req := (&http.Request{Method: r.method, URL: c.url(r.bucket, r.key), Header: make(http.Header, len(r.header)+5), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	req.URL.RawQuery = r.query
	maps.Copy(req.Header, r.header)
	req.Header["User-Agent"] = userAgent
	if len(r.document) > 0 {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.document)), nil }
		req.Body, _ = req.GetBody() // it never fails
	}
	digest := unsigned
	switch {
	case r.trailer:
		digest = unsignedTrailer
		req.Header["Content-Encoding"] = []string{"aws-chunked"}
		req.Header["X-Amz-Decoded-Content-Length"] = []string{strconv.FormatInt(r.stream.size(), 10)}
		req.Header["X-Amz-Trailer"] = []string{trailerName}
	case !r.unsigned:
		sum := sha256.Sum256(r.document)
		digest = hex.EncodeToString(sum[:])
	}
	req.Header["X-Amz-Content-Sha256"] = []string{digest}
	if err := c.signer.SignHTTP(ctx, c.creds, req, digest, "s3", c.region, c.now()); err != nil {
		return nil, fmt.Errorf("signing a request of S3: %w", err)
	}
	// Set after signing, since the length needs no signature: without it a small
	// object has eight headers, as many as a map holds before it grows.
	req.ContentLength = int64(len(r.document))
	if r.stream != nil && r.stream.size() >= expectable {
		req.Header["Expect"] = []string{"100-continue"}
	}
	return req, nil
}

// url returns a key's URL: Amazon S3 User Guide, "Virtual hosting of general
// purpose buckets". A bucket with dots has no certificate for its own host, and a
// custom endpoint need not support hosts for buckets.
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
	u.RawPath = u.EscapedPath() + escape(key, false)
	u.Path += key
	return &u
}
