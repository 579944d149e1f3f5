package awshttp

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// The end of another test's server disturbs no request. httptest.Server.Close closes the
// idle connections of http.DefaultTransport, and a connection is idle before the answer
// that it brought, if that has no body, has reached its caller: "http:
// CloseIdleConnections called".
func TestOtherServersCloseNoConnection(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	for range 5 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		httptest.NewServer(nil).Close()
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections, want 1", got)
	}
}
