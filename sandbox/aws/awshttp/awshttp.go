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
//
// It also waits for the 100 Continue that the SDK expects before a large body: the
// requests of smithy-go 1.28 name no version of HTTP, and net/http waits in 1.1 only.
// What is sent to a server that refused and closed loses the refusal.
func Client() *http.Client { return &http.Client{Transport: transport{}} }

// largest is the largest body that is kept, in bytes.
const largest = 1 << 20

// connections are apart from those of http.DefaultTransport, whose idle ones are closed
// whenever a test's server ends.
var connections = http.DefaultTransport.(*http.Transport).Clone()

type transport struct{}

// RoundTrip implements http.RoundTripper.
func (transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength >= 0 && r.ContentLength < largest {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return connections.RoundTrip(r)
}

// CloseIdleConnections implements the interface that http.Client looks for.
func (transport) CloseIdleConnections() { connections.CloseIdleConnections() }
