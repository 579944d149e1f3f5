package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// The values of x-amz-content-sha256 that are not a hash; see "Authenticating
// Requests: Using the Authorization Header (AWS Signature Version 4)".
const (
	unsignedPayload          = "UNSIGNED-PAYLOAD"
	streamingPayload         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingTrailer         = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

// maxBufferedBody bounds the bodies of all services but S3. The largest that
// AWS takes is a Lambda deployment of 50 MB in base64; see "Lambda quotas".
const maxBufferedBody = 100 << 20

const contentHash = "X-Amz-Content-Sha256"

// streamingECDSA are the values that SigV4a has, which is not modelled.
const streamingECDSA = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER"

// checkContentHash checks what the header of a signed request to S3 says of its body.
func checkContentHash(r *api.Request) error {
	declared := r.Header.Get(contentHash)
	switch declared {
	case "":
		return api.Errorf(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	case unsignedPayload, streamingPayload, streamingTrailer, streamingUnsignedTrailer:
		return nil
	}
	if !isHash(declared) {
		return argument("x-amz-content-sha256 must be "+strings.Join([]string{unsignedPayload, streamingUnsignedTrailer, streamingPayload, streamingTrailer, streamingECDSA}, ", ")+
			" or a valid sha256 value.", "x-amz-content-sha256", declared)
	}
	return nil
}

func isHash(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) == sha256.Size
}

// payloadHash returns what stands for the body in the canonical request.
func payloadHash(r *api.Request, sig *signature) (string, error) {
	declared := r.Header.Get(contentHash)
	if r.Service == "s3" {
		if sig.presigned && declared == "" {
			return unsignedPayload, nil
		}
		return declared, nil
	}
	if r.Body == nil {
		return hexSHA256(nil), nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBufferedBody+1))
	if err != nil {
		return "", api.Errorf(http.StatusBadRequest, "SerializationException", "reading request body: %v", err)
	}
	if len(body) > maxBufferedBody {
		return "", api.Errorf(http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "Request must be smaller than %d bytes", maxBufferedBody)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return hexSHA256(body), nil
}

// wrapBody makes an S3 body that verifies itself while it is read. Its errors
// are *api.Error; a trailer is in the request's Trailer once the body is at
// its end.
func wrapBody(r *api.Request, sig *signature, payload string, signingKey []byte) error {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	switch payload {
	case unsignedPayload:
		return nil
	case streamingPayload, streamingTrailer, streamingUnsignedTrailer:
		length, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || length < 0 {
			return api.Errorf(http.StatusLengthRequired, "MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		r.Body = newChunked(r, sig, signingKey, payload, length)
		r.ContentLength = length
		return nil
	}
	if isHash(payload) { // what a presigned request declares need not be one
		r.Body = &hashedBody{body: r.Body, hash: sha256.New(), want: strings.ToLower(payload)}
	}
	return nil
}

// hashedBody checks x-amz-content-sha256 at its end.
type hashedBody struct {
	body io.ReadCloser
	hash hash.Hash
	want string
}

func (b *hashedBody) Close() error { return b.body.Close() }

func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.hash.Write(p[:n])
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		if got := hex.EncodeToString(b.hash.Sum(nil)); got != b.want {
			e := api.Errorf(http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
			e.Members = map[string]string{"ClientComputedContentSHA256": b.want, "S3ComputedContentSHA256": got}
			return n, e
		}
	}
	return n, err
}
