package awstest

import (
	"bytes"
	"io"
	"net/http"
)

// HTTPClient is what the SDK's clients send requests with. A request's body is
// in memory, because the SDK closes it as soon as an answer begins, and where
// net/http still looks whether more of it comes, the closed body of smithy-go
// 1.28 makes it close the connection in the middle of the answer.
func HTTPClient() *http.Client { return &http.Client{Transport: transport{}} }

type transport struct{}

func (transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength >= 0 && r.ContentLength < 1<<20 {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultTransport.RoundTrip(r)
}
