package denials

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// presigned are what is wrong with a presigned URL of S3.
func presigned() []denial {
	row := func(name string, lifetime time.Duration, change func(t *testing.T, c *Clouds, url string) string, status int, code, message, source string) denial {
		return denial{"Presigned URLs of S3", name, func(t *testing.T, c *Clouds) error {
			client := s3.NewPresignClient(s3.NewFromConfig(c.Configure(c.Owner)), s3.WithPresignExpires(lifetime))
			signed, err := client.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.Names.DestinationBucket, Key: aws.String("sample.txt")})
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.NewRequestWithContext(t.Context(), signed.Method, change(t, c, signed.URL), nil)
			if err != nil {
				t.Fatal(err)
			}
			return send(t, r)
		}, status, code, message, source}
	}
	replace := func(old, with string) func(*testing.T, *Clouds, string) string {
		return func(t *testing.T, _ *Clouds, url string) string {
			if !strings.Contains(url, old) {
				t.Fatalf("%s has no %s", url, old)
			}
			return strings.Replace(url, old, with, 1)
		}
	}
	const malformed = "AuthorizationQueryParametersError"
	const six = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
	return []denial{
		row("expired", time.Minute, func(_ *testing.T, c *Clouds, url string) string {
			c.Advance(time.Minute + 2*time.Second)
			return url
		}, 403, "AccessDenied", "Request has expired", measuredS3),
		row("not valid yet", time.Minute, func(_ *testing.T, c *Clouds, url string) string {
			c.Advance(-16 * time.Minute)
			return url
		}, 403, "AccessDenied", "Request is not yet valid", measuredS3),
		row("for more than seven days", time.Hour, replace("X-Amz-Expires=3600", "X-Amz-Expires=604801"), 400, malformed,
			"X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds", measuredS3),
		row("for less than no time", time.Hour, replace("X-Amz-Expires=3600", "X-Amz-Expires=-1"), 400, malformed, "X-Amz-Expires must be non-negative", measuredS3),
		row("for a longer time than was signed", time.Hour, replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"), 403, "SignatureDoesNotMatch", noMatchS3, s3Errors),
		row("for another object", time.Hour, replace("sample.txt", "other.txt"), 403, "SignatureDoesNotMatch", noMatchS3, s3Errors),
		row("without a date", time.Hour, replace("X-Amz-Date=", "X-Amz-Other="), 400, malformed, six, measuredS3),
		row("without a lifetime", time.Hour, replace("X-Amz-Expires=", "X-Amz-Other="), 400, malformed, six, measuredS3),
		row("without a credential", time.Hour, replace("X-Amz-Credential=", "X-Amz-Other="), 400, malformed, six, measuredS3),
		row("with a date of another form", time.Hour, replace("X-Amz-Date=", "X-Amz-Date=x"), 400, malformed, `X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`, measuredS3),
		row("by another algorithm", time.Hour, replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), 400, malformed, `X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"`, measuredS3),
		row("for another region", time.Hour, func(t *testing.T, c *Clouds, url string) string {
			return replace(c.Names.Region, "eu-nowhere-1")(t, c, url)
		}, 400, malformed,
			"Error parsing the X-Amz-Credential parameter; the region 'eu-nowhere-1' is wrong; expecting 'ap-northeast-1'", measuredS3),
		row("for another day", time.Hour, func(t *testing.T, c *Clouds, url string) string {
			return replace(c.Now().UTC().Format("20060102")+"%2F", "20130524%2F")(t, c, url)
		}, 400, malformed, `Invalid credential date "20130524". This date is not the same as X-Amz-Date: "…".`, measuredS3),
	}
}

// send makes a request that no SDK makes, and reads S3's answer.
func send(t *testing.T, r *http.Request) error {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode < http.StatusBadRequest {
		return nil
	}
	var answer struct{ Code, Message string }
	if err := xml.Unmarshal(body, &answer); err != nil {
		t.Fatalf("S3 answered %q: %v", body, err)
	}
	return &refusal{response.StatusCode, answer.Code, answer.Message}
}

// streams are what is wrong with the body of an upload to S3.
func streams() []denial {
	// upload puts a body in chunks whose hash is of the given kind.
	upload := func(name, kind, trailer string, body func(creds api.Credentials, seed, date string) string, status int, code, message, source string) denial {
		return denial{"Payloads of S3", name, func(t *testing.T, c *Clouds) error {
			r, err := http.NewRequestWithContext(t.Context(), "PUT", c.S3URL+"/"+c.Names.DestinationBucket+"/chunked", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Content-Sha256", kind)
			r.Header.Set("Content-Encoding", "aws-chunked")
			r.Header.Set("X-Amz-Decoded-Content-Length", "5")
			if trailer != "" {
				r.Header.Set("X-Amz-Trailer", trailer)
			}
			creds := c.Owner
			key := aws.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey}
			plain := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }
			if err := v4.NewSigner(plain).SignHTTP(t.Context(), key, r, kind, "s3", c.Names.Region, time.Now()); err != nil {
				t.Fatal(err)
			}
			h := r.Header.Get("Authorization")
			text := body(creds, h[len(h)-64:], r.Header.Get("X-Amz-Date"))
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
			return send(t, r)
		}, status, code, message, source}
	}
	const (
		signed, trailing, unsigned = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
		crc                        = "x-amz-checksum-crc32"
		incomplete                 = "The request body terminated unexpectedly"
	)
	return []denial{
		upload("a tampered chunk", signed, "", func(c api.Credentials, seed, date string) string {
			first := chunkSignature(c, seed, date, "hello")
			return "5;chunk-signature=" + first + "\r\nhallo\r\n0;chunk-signature=" + chunkSignature(c, first, date, "") + "\r\n\r\n"
		}, 403, "SignatureDoesNotMatch", noMatchS3, s3Errors),
		upload("a chunk's tampered signature", signed, "", func(c api.Credentials, seed, date string) string {
			return "5;chunk-signature=" + strings.Repeat("0", 64) + "\r\nhello\r\n0;chunk-signature=" + strings.Repeat("0", 64) + "\r\n\r\n"
		}, 403, "SignatureDoesNotMatch", noMatchS3, s3Errors),
		upload("no last chunk", signed, "", func(c api.Credentials, seed, date string) string {
			return "5;chunk-signature=" + chunkSignature(c, seed, date, "hello") + "\r\nhello\r\n"
		}, 400, "IncompleteBody", incomplete, "versity/versitygw and other implementations; no answer of the service was seen"),
		upload("a tampered trailer", trailing, crc, func(c api.Credentials, seed, date string) string {
			first := chunkSignature(c, seed, date, "hello")
			return "5;chunk-signature=" + first + "\r\nhello\r\n0;chunk-signature=" + chunkSignature(c, first, date, "") + "\r\n" +
				crc + ":NhCmhg==\r\nx-amz-trailer-signature:" + strings.Repeat("0", 64) + "\r\n\r\n"
		}, 403, "SignatureDoesNotMatch", noMatchS3, s3Errors),
		upload("an unsigned trailer with another checksum", unsigned, crc, func(api.Credentials, string, string) string {
			return "5\r\nhello\r\n0\r\n" + crc + ":AAAAAA==\r\n\r\n"
		}, 400, "BadDigest", "The CRC32 you specified did not match the calculated checksum.", reported),
		upload("an unsigned trailer that was not declared", unsigned, crc, func(api.Credentials, string, string) string {
			return "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:mnG7TA==\r\n\r\n"
		}, 400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.", s3Errors),
		{"Payloads of S3", "another body than was hashed", func(t *testing.T, c *Clouds) error {
			other := signer{tamper: func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("hallo")) }}
			_, err := s3.NewFromConfig(other.config(c), withoutChecksums).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &c.Names.DestinationBucket, Key: aws.String("k"), Body: strings.NewReader("hello")})
			return err
		}, 400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", s3Errors},
		{"Payloads of S3", "a hash that is none", func(t *testing.T, c *Clouds) error {
			r, err := http.NewRequestWithContext(t.Context(), "GET", c.S3URL+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Amz-Content-Sha256", "none")
			creds := c.Owner
			key := aws.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey}
			if err := v4.NewSigner().SignHTTP(t.Context(), key, r, "none", "s3", c.Names.Region, time.Now()); err != nil {
				t.Fatal(err)
			}
			return send(t, r)
		}, 400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.", measuredS3},
	}
}

// withoutChecksums leaves the body's hash as the only one.
func withoutChecksums(o *s3.Options) {
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
}

// chunkSignature signs a chunk after the signature before it.
func chunkSignature(c api.Credentials, previous, date, data string) string {
	sign := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	hash := func(text string) string { s := sha256.Sum256([]byte(text)); return hex.EncodeToString(s[:]) }
	key := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{date[:8], sandbox.Region, "s3", "aws4_request"} {
		key = sign(key, part)
	}
	scope := fmt.Sprintf("%s/%s/s3/aws4_request", date[:8], sandbox.Region)
	return hex.EncodeToString(sign(key, strings.Join([]string{"AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, hash(""), hash(data)}, "\n")))
}
