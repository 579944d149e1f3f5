package google_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
)

// What stands before a cloud works on its body also where the lines are written
// here: an answer that breaks is not a whole one.
func TestLinesOfBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		length, want string
	}{
		"of a known length": {"7", "\r\n\r\ncon"},
		"in chunks":         {"", "\r\n\r\n3\r\ncon\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(google.Lines(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["x/y"] = []string{"a\nb"}
				if tt.length != "" {
					w.Header().Set("Content-Length", tt.length)
				}
				_, _ = w.Write([]byte("con"))
				panic(http.ErrAbortHandler)
			})))
			t.Cleanup(server.Close)
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasSuffix(string(got), tt.want) || !strings.Contains(string(got), "\r\nx/y: a b\r\n") {
				t.Errorf("got %q, %v, want it to end with %q", got, err, tt.want)
			}
		})
	}
}
