package copy

import (
	"crypto/tls"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// newTransport returns a transport for many concurrent requests to one cloud. It
// speaks HTTP/1.1, since HTTP/2 would only cost CPU. It is used without a client,
// so no redirect is followed: a token is meant only for the host it was sent to.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.DisableCompression = true
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, invocation.MaxConcurrency
	// With many connections opened at once, shorter handshakes are worth it.
	transport.TLSClientConfig = &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	return transport
}

var userAgent = []string{"gcs-to-s3"}
