package copy

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func TestBackOff(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	for _, tt := range []struct {
		name         string
		attempts     int
		err          error
		left         time.Duration // until the deadline; 0 for none
		least, most  time.Duration // bounds of the wait
		none         bool          // no other attempt
		wantDeadline bool
	}{
		{"first", 1, &AnswerError{Status: 503}, 0, 50 * time.Millisecond, 100 * time.Millisecond, false, false},
		{"fourth", 4, &brokenError{errors.New("reset")}, 0, 0, 2700 * time.Millisecond, false, false},
		{"last but one", 5, &AnswerError{Status: 500}, 0, 0, 8100 * time.Millisecond, false, false},
		{"last", 6, &AnswerError{Status: 500}, time.Hour, 0, 0, true, false},
		{"last, of a service that asks to slow down", 6, &AnswerError{Status: 429}, time.Hour, 50 * time.Millisecond, 100 * time.Millisecond, false, false},
		{"last, without a deadline", 6, &AnswerError{Status: 429}, 0, 0, 0, true, false},
		{"asked to wait", 1, &AnswerError{Status: 503, RetryAfter: 3 * time.Second}, 0, 3 * time.Second, 3 * time.Second, false, false},
		{"asked to wait too long", 1, &AnswerError{Status: 503, RetryAfter: time.Hour}, 0, maxRetryAfter, maxRetryAfter, false, false},
		{"asked to wait beyond the deadline", 1, &AnswerError{Status: 503, RetryAfter: 3 * time.Second}, 2 * time.Second, 0, 0, true, true},
		{"an answer that stays", 1, &AnswerError{Status: 403}, 0, 0, 0, true, false},
		{"S3's code tells", 1, &AnswerError{Status: 400, Code: "RequestTimeout"}, 0, 0, 100 * time.Millisecond, false, false},
		{"a certificate", 1, &brokenError{&tls.CertificateVerificationError{Err: errors.New("unknown authority")}}, 0, 0, 0, true, false},
		{"our own mistake", 1, errors.New("planning"), 0, 0, 0, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			waited := time.Duration(-1)
			p := &patience{now: func() time.Time { return start }, sleep: func(_ context.Context, d time.Duration) error { waited = d; return nil }}
			ctx := context.Background()
			if tt.left > 0 {
				// The context's own timer uses the machine's clock: it must
				// not fire by itself.
				ctx = deadlined{ctx, start.Add(tt.left)}
			}
			err := p.again(ctx, tt.attempts, tt.err)
			if (err != nil) != tt.none || errors.Is(err, ErrDeadline) != tt.wantDeadline {
				t.Errorf("again() = %v", err)
			}
			if err != nil && !errors.Is(err, tt.err) {
				t.Errorf("again() = %v, which hides %v", err, tt.err)
			}
			if err == nil && (waited < tt.least || waited > tt.most) {
				t.Errorf("waited %v, want from %v to %v", waited, tt.least, tt.most)
			}
		})
	}
}

// deadlined is a context with a deadline that never fires.
type deadlined struct {
	context.Context
	at time.Time
}

func (d deadlined) Deadline() (time.Time, bool) { return d.at, true }

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "99999999999": time.Hour, "999999": time.Hour, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		if got := retryAfter(http.Header{"Retry-After": {text}}); got != want {
			t.Errorf("Retry-After %q: %v, want %v", text, got, want)
		}
	}
}

// TestConnectionsThatFail: failed name resolution and failed connections are retried.
func TestConnectionsThatFail(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"no such host", &net.DNSError{Err: "no such host", Name: "storage.googleapis.com", IsNotFound: true}},
		{"refused", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}},
		{"TLS breaks", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newStand(t)
			h := l.start(t)
			dialed := 0
			transports := []*http.Transport{h.source.transport.(*http.Transport), h.target.transport.(*http.Transport)}
			for _, transport := range transports {
				dial := transport.DialContext
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if dialed++; dialed%2 == 1 {
						return nil, tt.err
					}
					return dial(ctx, network, address)
				}
			}
			if _, err := copyOne(h, invocation.Event{}); err != nil {
				t.Error(err)
			}
			for _, transport := range transports {
				transport.CloseIdleConnections()
				transport.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, tt.err }
			}
			if _, err := copyOne(h, invocation.Event{}); err == nil || !strings.Contains(err.Error(), tt.err.Error()) || !strings.Contains(err.Error(), "6 attempts failed") {
				t.Errorf("Handle() = %v, want %v", err, tt.err)
			}
		})
	}
}

func TestUnknownCertificatesAreNotTriedAgain(t *testing.T) {
	l := newStand(t)
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	l.env[invocation.EnvStorageEndpoint] = server.URL
	_, err := copyOne(l.start(t), invocation.Event{})
	var failed *TransferError
	if !errors.As(err, &failed) || failed.Attempts != 1 || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Handle() = %v, want one attempt and the certificate named", err)
	}
}
