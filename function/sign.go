package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// signer signs requests of S3: Amazon S3 API Reference, "Authenticating Requests:
// Using the Authorization Header (AWS Signature Version 4)". All headers are
// signed but User-Agent. The SDK's signer took a tenth of the CPU that a small
// object's copy takes.
type signer struct {
	accessKeyID, secretKey, sessionToken string
	region                               string

	mu  sync.Mutex
	day string // of the key
	key []byte // derived from the secret key for a day
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	stamp     = "20060102T150405Z"
)

// sign signs a request whose path and query are escaped and in order as S3 wants
// them; digest is that of its body.
func (s *signer) sign(r *http.Request, digest string, now time.Time) {
	at := now.UTC().Format(stamp)
	scope := at[:8] + "/" + s.region + "/s3/aws4_request"
	r.Header["X-Amz-Date"] = []string{at}
	r.Header["X-Amz-Content-Sha256"] = []string{digest}
	if s.sessionToken != "" {
		r.Header["X-Amz-Security-Token"] = []string{s.sessionToken}
	}
	names := make([]string, 1, 1+len(r.Header))
	names[0] = "Host"
	for name := range r.Header {
		if name != "User-Agent" && name != "Authorization" { // which a proxy may change, and the outcome
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareFolded)
	text := make([]byte, 0, 1<<10)
	text = append(text, r.Method+"\n"+r.URL.EscapedPath()+"\n"+r.URL.RawQuery+"\n"...)
	signed := make([]byte, 0, 256)
	for _, name := range names {
		value := r.URL.Host
		if name != "Host" {
			value = folded(strings.Join(r.Header[name], ","))
		}
		start := len(signed)
		signed = append(signed, name...)
		for i := start; i < len(signed); i++ {
			signed[i] = lower(signed[i])
		}
		text = append(append(append(append(text, signed[start:]...), ':'), value...), '\n')
		signed = append(signed, ';')
	}
	signed = signed[:len(signed)-1]
	text = append(append(append(append(text, '\n'), signed...), '\n'), digest...)
	sum := sha256.Sum256(text)
	toSign := algorithm + "\n" + at + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
	signature := hex.EncodeToString(sha256MAC(s.keyOf(at[:8]), toSign))
	r.Header["Authorization"] = []string{algorithm + " Credential=" + s.accessKeyID + "/" + scope + ", SignedHeaders=" + string(signed) + ", Signature=" + signature}
}

// keyOf derives a day's key once.
func (s *signer) keyOf(day string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.day != day {
		key := []byte("AWS4" + s.secretKey)
		for _, text := range []string{day, s.region, "s3", "aws4_request"} {
			key = sha256MAC(key, text)
		}
		s.day, s.key = day, key
	}
	return s.key
}

func sha256MAC(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// folded is a header's value with single spaces.
func folded(value string) string {
	value = strings.TrimSpace(value)
	for strings.Contains(value, "  ") {
		value = strings.ReplaceAll(value, "  ", " ")
	}
	return value
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// compareFolded compares names as if they were in lower case.
func compareFolded(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := lower(a[i]), lower(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

// escape escapes what the signature wants escaped: all but unreserved characters
// and, in paths, slashes.
func escape(text string, slashes bool) string {
	const hexadecimal = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~', c == '/' && !slashes:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexadecimal[c>>4], hexadecimal[c&15]})
		}
	}
	return b.String()
}
