package copy

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// refuser is an S3 that refuses one method: it answers when it has read so many bytes of
// the body, and closes the connection at once.
type refuser struct {
	method  string
	after   int64
	status  int
	code    string
	refused atomic.Int64
	next    string // host of the S3 for everything else
}

// onward has connections of its own: httptest.Server.Close closes those of
// http.DefaultTransport.
var onward = http.DefaultTransport.(*http.Transport).Clone()

func (f *refuser) serve(t *testing.T, conn net.Conn) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if strings.EqualFold(r.Header.Get("Expect"), "100-continue") && (f.after > 0 || r.Method != f.method) {
			fmt.Fprint(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		if r.Method == f.method {
			f.refused.Add(1)
			_, _ = io.CopyN(io.Discard, r.Body, f.after)
			document := fmt.Sprintf("<Error><Code>%s</Code><Message>refused</Message></Error>", f.code)
			fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", f.status, http.StatusText(f.status), len(document), document)
			return
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", f.next, ""
		r.Header.Del("Expect")
		resp, err := onward.RoundTrip(r)
		if err != nil {
			t.Errorf("passing on %s %s: %v", r.Method, r.URL, err)
			return
		}
		_ = resp.Write(conn)
		resp.Body.Close()
	}
}

// refuse puts f in front of S3.
func (l *stand) refuse(t *testing.T, f *refuser, encrypted bool) {
	t.Helper()
	f.next = strings.TrimPrefix(l.AWSURL, "http://")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.env["AWS_ENDPOINT_URL_S3"] = "http://" + f.next[:strings.LastIndexByte(f.next, ':')] + listener.Addr().String()[strings.LastIndexByte(listener.Addr().String(), ':'):]
	if encrypted {
		server := httptest.NewUnstartedServer(nil)
		server.StartTLS() // for its certificate
		server.Close()
		listener = tls.NewListener(listener, server.TLS)
		l.env["AWS_ENDPOINT_URL_S3"] = "https" + strings.TrimPrefix(l.env["AWS_ENDPOINT_URL_S3"], "http")
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f.serve(t, conn)
		}
	}()
}

// counted counts the bytes that are read of responses.
type counted struct {
	http.RoundTripper
	read atomic.Int64
}

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = &countedBody{resp.Body, c}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	by *counted
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.by.read.Add(int64(n))
	return n, err
}

// Case C3: S3's refusal is the error, whenever it comes; what happens to the body after it
// is its consequence. Permanent refusals are not tried again.
func TestS3sRefusalIsTheError(t *testing.T) {
	for _, tt := range []struct {
		name      string
		size      int
		parts     bool
		refusal   *refuser
		attempts  int
		want      string
		mostBytes int64 // read from the source
	}{
		{"at once, small", 300_000, false, &refuser{method: "PUT", status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied: refused", 300_000},
		{"at once", 2_000_000, false, &refuser{method: "PUT", status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied: refused", 0},
		{"at once, large", 8 << 20, false, &refuser{method: "PUT", status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied: refused", 0},
		{"in the middle", 8 << 20, false, &refuser{method: "PUT", after: 1 << 20, status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied: refused", 8<<20 - 1},
		{"in the middle, small", 300_000, false, &refuser{method: "PUT", after: 100_000, status: 400, code: "ExpiredToken"}, 1, "S3 answered 400 ExpiredToken", 300_000},
		{"at the end", 2_000_000, false, &refuser{method: "PUT", after: 2_000_000, status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied", 2_000_000},
		{"for now", 2_000_000, false, &refuser{method: "PUT", status: 503, code: "SlowDown"}, 6, "6 attempts failed, the last: S3 answered 503 SlowDown: refused", 0},
		{"another region", 2_000_000, false, &refuser{method: "PUT", status: 301, code: "PermanentRedirect"}, 1, "S3 answered 301 PermanentRedirect", 0},
		{"a part, at once", 8 << 20, true, &refuser{method: "PUT", status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied: refused", 0},
		{"a part, in the middle", 8 << 20, true, &refuser{method: "PUT", after: 500_000, status: 403, code: "AccessDenied"}, 1, "S3 answered 403 AccessDenied: refused", 8<<20 - 1},
		{"a creation", 8 << 20, true, &refuser{method: "POST", status: 403, code: "AccessDenied"}, 1, "creating the upload: S3 answered 403 AccessDenied: refused", 0},
	} {
		for _, encrypted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", tt.name, encrypted), func(t *testing.T) {
				l := newStand(t)
				refusal := &refuser{method: tt.refusal.method, after: tt.refusal.after, status: tt.refusal.status, code: tt.refusal.code}
				l.refuse(t, refusal, encrypted)
				h := l.start(t)
				if transport := h.target.transport.(*http.Transport); encrypted {
					transport.TLSClientConfig.InsecureSkipVerify = true
				}
				h.large = large{threshold: 64 << 20, part: 2 << 20, streams: 1, turn: make(chan struct{}, 1)}
				if tt.parts {
					h.large.threshold = 1 << 20
				}
				l.put(t, "object", tt.size)
				l.fail(t, "google/storage GET: rate=20000000")
				source := &counted{RoundTripper: h.source.transport}
				h.source.transport = source
				t.Cleanup(source.RoundTripper.(*http.Transport).CloseIdleConnections)
				tr := h.plan(invocation.Event{}, invocation.Item{Object: "object"}, time.Now())
				tr.tidying = func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
				_, err := tr.run(context.Background())
				var failed *TransferError
				if !errors.As(err, &failed) || failed.Operation != "writing" || !strings.Contains(err.Error(), tt.want) || failed.Attempts != tt.attempts {
					t.Errorf("run() = %v\nwant writing, %q in %d attempts", err, tt.want, tt.attempts)
				}
				if n := refusal.refused.Load(); n != int64(tt.attempts) {
					t.Errorf("S3 was asked %d times, want %d", n, tt.attempts)
				}
				if n := source.read.Load(); n > tt.mostBytes {
					t.Errorf("%d bytes were read of the source, want at most %d", n, tt.mostBytes)
				}
			})
		}
	}
}

// A failure of the body itself is the error, although the request then fails as well.
func TestABodyThatFailsIsTheError(t *testing.T) {
	l := newStand(t)
	h := l.start(t)
	l.put(t, "object", 5_000_000)
	l.fail(t, "google/storage GET: cut=400000 times=1", "google/storage GET: status=403 code=AccessDenied")
	_, err := copyOne(h, invocation.Event{Object: "object"})
	var failed *TransferError
	if !errors.As(err, &failed) || failed.Operation != "reading" || !strings.Contains(err.Error(), "Cloud Storage answered 403 AccessDenied") {
		t.Errorf("Handle() = %v, want the source's refusal", err)
	}
}
