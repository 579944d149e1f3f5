package copy

import (
	"crypto/tls"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// newTransport is for many requests to one cloud at a time. HTTP/1.1: HTTP/2 would
// only cost CPU. It is used without a client: no redirect is followed, since a
// token is for who was asked.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	transport.DisableCompression = true
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, invocation.MaxConcurrency
	// The handshakes of many connections at once are worth shortening.
	transport.TLSClientConfig = &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	return transport
}

var userAgent = []string{"gcs-to-s3"}
