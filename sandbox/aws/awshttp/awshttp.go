// Package awshttp is the HTTP client with which the AWS SDK talks to the local AWS
// without losing answers.
package awshttp

import (
	"bytes"
	"io"
	"net/http"
)

// Client returns a client that keeps a request's body in memory. The SDK closes the
// body as soon as the answer begins; while net/http still checks whether more of it
// comes, the closed body of smithy-go 1.28 makes net/http close the connection in the
// middle of the answer. The SDK retries that, unless retries are off.
func Client() *http.Client { return &http.Client{Transport: transport{}} }

// largest is the largest body that is kept, in bytes.
const largest = 1 << 20

type transport struct{}

// RoundTrip implements http.RoundTripper.
func (transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength >= 0 && r.ContentLength < largest {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultTransport.RoundTrip(r)
}
