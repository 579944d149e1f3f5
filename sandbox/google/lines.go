package google

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Lines serves a cloud, or what stands before it, and sends all of its header lines.
// Cloud Storage sends custom metadata of any name (googleapis/google-cloud-go,
// issue 5098), while net/http leaves out names that are no tokens of RFC 9110,
// section 5.6.2. An answer with such a name is written here, on a connection of its
// own.
func Lines(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &lines{ResponseWriter: w, request: r}
		whole := false
		defer func() { a.end(whole) }()
		h.ServeHTTP(a, r)
		whole = true
	})
}

// lines is an answer that takes its connection over where it has to.
type lines struct {
	http.ResponseWriter
	request *http.Request
	begun   bool
	conn    net.Conn // when it has been taken over
	out     *bufio.Writer
	chunked bool
}

// WriteHeader begins the answer.
func (a *lines) WriteHeader(status int) {
	if a.begun || status < http.StatusOK || !leftOut(a.Header()) {
		a.begun = a.begun || status >= http.StatusOK
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.begun = true
	conn, buffers, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil { // HTTP/2, which the sandbox does not serve
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.conn, a.out = conn, buffers.Writer
	_ = conn.SetDeadline(time.Time{})
	h := a.Header()
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	h.Set("Connection", "close")
	if h.Get("Content-Length") == "" && a.request.Method != http.MethodHead {
		a.chunked = true
		h.Set("Transfer-Encoding", "chunked")
	}
	a.printf("HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	oneLine := strings.NewReplacer("\r", " ", "\n", " ")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			a.printf("%s: %s\r\n", oneLine.Replace(name), oneLine.Replace(value))
		}
	}
	a.printf("\r\n")
}

// printf writes to the connection; a client that went away hears nothing.
func (a *lines) printf(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format, args...) }

// Write writes a part of the body.
func (a *lines) Write(p []byte) (int, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	switch {
	case a.conn == nil:
		return a.ResponseWriter.Write(p)
	case len(p) == 0 || a.request.Method == http.MethodHead:
		return len(p), nil
	case !a.chunked:
		return a.out.Write(p)
	}
	a.printf("%x\r\n", len(p))
	n, err := a.out.Write(p)
	a.printf("\r\n")
	return n, err
}

// ReadFrom keeps the way from a file to the network that the real writer has.
func (a *lines) ReadFrom(r io.Reader) (int64, error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	if a.conn == nil {
		return io.Copy(a.ResponseWriter, r)
	}
	return io.Copy(writerOnly{a}, r)
}

// writerOnly hides ReadFrom.
type writerOnly struct{ io.Writer }

// FlushError sends what is buffered.
func (a *lines) FlushError() error {
	if a.conn != nil {
		return a.out.Flush()
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the real writer.
func (a *lines) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// end ends an answer whose connection was taken over, as a broken one unless it is
// whole.
func (a *lines) end(whole bool) {
	if a.conn == nil {
		return
	}
	if whole && a.chunked && a.request.Method != http.MethodHead {
		a.printf("0\r\n\r\n")
	}
	_ = a.out.Flush() // a client that went away hears nothing
	_ = a.conn.Close()
}

// leftOut reports whether net/http leaves out one of the names.
func leftOut(h http.Header) bool {
	for name := range h {
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(separators, r) }) {
			return true
		}
	}
	return false
}

// separators are the visible characters that tokens do not have.
const separators = "\"(),/:;<=>?@[\\]{}"
