package copy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"

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
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &listening{Conn: conn, closed: make(chan struct{})}, nil
	}
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, invocation.MaxConcurrency
	// With many connections opened at once, shorter handshakes are worth it.
	transport.TLSClientConfig = &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	return transport
}

var userAgent = []string{"gcs-to-s3"}

// listening is a connection whose writes, once the other side takes no more, wait until
// the connection is closed. The transport gives up a request whose writing fails, even
// though a response is often already there: a server that refuses a request answers,
// and closes the connection without reading the rest. Reading then finds the response,
// or that there is none.
type listening struct {
	net.Conn
	once   sync.Once
	closed chan struct{}
}

// Write implements net.Conn.
func (c *listening) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		<-c.closed
	}
	return n, err
}

// Close implements net.Conn.
func (c *listening) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
