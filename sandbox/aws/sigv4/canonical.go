package sigv4

import (
	"cmp"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest builds the text whose hash is signed; see "Create a signed
// AWS API request".
func canonicalRequest(r *http.Request, sig *signature, payload string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r, sig) + "\n" + canonicalQuery(r.URL.RawQuery) + "\n")
	for _, h := range sig.signedHeaders {
		value := headerValue(r, h)
		if sig.service == "s3" {
			value = latin1(value)
		}
		b.WriteString(h + ":" + value + "\n")
	}
	b.WriteString("\n" + strings.Join(sig.signedHeaders, ";") + "\n" + payload)
	return b.String()
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	case "transfer-encoding":
		return strings.Join(r.TransferEncoding, ",")
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = trimmed(v)
	}
	return strings.Join(values, ",")
}

// latin1 reads bytes as S3 reads those of headers, one character each, so that a
// client that signs UTF-8 as it sends it has signed something else. Believed, after
// fog/fog, issues 2942 and 3344.
func latin1(value string) string {
	if !strings.ContainsFunc(value, func(r rune) bool { return r > '~' }) {
		return value
	}
	runes := make([]rune, len(value))
	for i := range len(value) {
		runes[i] = rune(value[i])
	}
	return string(runes)
}

// trimmed makes one space of several, and none at the ends. Only spaces count:
// other white space is part of a value, be it a character of a language.
func trimmed(v string) string {
	return strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ' ' }), " ")
}

// canonicalPath encodes S3's path once as it is. Any other service's is encoded
// as the client sent it, and normalized.
func canonicalPath(r *http.Request, sig *signature) string {
	if sig.service == "s3" {
		return cmp.Or(encode(r.URL.Path, true), "/")
	}
	wire := r.URL.EscapedPath()
	if strings.HasPrefix(r.RequestURI, "/") {
		wire, _, _ = strings.Cut(r.RequestURI, "?") // EscapedPath would encode what the client did not
	}
	if !sig.plainPath {
		wire = normalized(wire)
	}
	return cmp.Or(encode(wire, true), "/")
}

// normalized takes empty and dot segments out of a path; see RFC 3986, section
// 5.2.4.
func normalized(p string) string {
	clean := path.Clean("/" + p)
	if clean != "/" && (strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")) {
		clean += "/"
	}
	return clean
}

func canonicalQuery(raw string) string {
	type pair struct{ k, v string }
	var pairs []pair
	for _, part := range strings.Split(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		if k, v = unescape(k), unescape(v); k != "X-Amz-Signature" {
			pairs = append(pairs, pair{encode(k, false), encode(v, false)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.k, b.k); c != 0 {
			return c
		}
		return strings.Compare(a.v, b.v)
	})
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p.k + "=" + p.v
	}
	return strings.Join(out, "&")
}

// unescape decodes a query component; what is not valid stays as it is, and
// then the signature does not match.
func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

const upperHex = "0123456789ABCDEF"

// encode is the signature's own percent-encoding: everything but unreserved
// characters, and the slash where it separates.
func encode(s string, keepSlash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 || c == '/' && keepSlash {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}
