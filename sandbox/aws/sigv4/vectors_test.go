package sigv4

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// A vector is one form of one case of the test suite in testdata/v4.
type vector struct {
	name      string
	signed    string // the request in HTTP
	canonical string
	verifier  Verifier
}

// notVerifiable are the vectors that no verifier for AWS's usual services can
// accept, each with its reason.
func notVerifiable() map[string]string {
	return map[string]string{
		"post-sts-header-after/query": "the session token stands in the query and is left out of the signature, " +
			"which AWS IoT alone takes; every other service signs the whole query",
	}
}

func vectors(t *testing.T) []vector {
	t.Helper()
	contexts, err := filepath.Glob("testdata/v4/*/context.json")
	if err != nil || len(contexts) == 0 {
		t.Fatalf("found no vectors (%v)", err)
	}
	var out []vector
	for _, file := range contexts {
		var context struct {
			Credentials struct {
				ID     string `json:"access_key_id"`
				Secret string `json:"secret_access_key"`
				Token  string
			}
			Normalize bool
			Timestamp time.Time
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &context); err != nil {
			t.Fatal(err)
		}
		verifier := Verifier{
			Now: func() time.Time { return context.Timestamp }, anyHost: true, plainPath: !context.Normalize,
			Lookup: func(id string) (Key, bool) {
				return Key{Secret: context.Credentials.Secret, SessionToken: context.Credentials.Token}, id == context.Credentials.ID
			},
		}
		dir := filepath.Dir(file)
		name := filepath.Base(dir)
		forms := map[string][2]string{
			"header": {"header-signed-request.txt", "header-canonical-request.txt"},
			"query":  {"query-signed-request.txt", "query-canonical-request.txt"},
		}
		if _, err := os.Stat(filepath.Join(dir, name+".sreq")); err == nil { // of the older suite, which signs headers only
			forms = map[string][2]string{"header": {name + ".sreq", name + ".creq"}}
		}
		for form, files := range forms {
			v := vector{name: name + "/" + form, verifier: verifier}
			for i, to := range []*string{&v.signed, &v.canonical} {
				text, err := os.ReadFile(filepath.Join(dir, files[i]))
				if err != nil {
					t.Fatal(err)
				}
				*to = strings.ReplaceAll(string(text), "\r\n", "\n")
			}
			out = append(out, v)
		}
	}
	return out
}

// read reads the request as a server would, but for what no HTTP parser lets
// through and the suite has all the same: spaces in the target.
func (v vector) read(t *testing.T) *api.Request {
	t.Helper()
	head, body, _ := strings.Cut(v.signed, "\n\n")
	head = regexp.MustCompile(`\n[ \t]+`).ReplaceAllString(head, " ") // a header that goes on in the next line
	lines := strings.Split(head, "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	target = strings.TrimSuffix(target, " HTTP/1.1")
	p, query, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(p)
	if err != nil {
		t.Fatal(err)
	}
	r := &http.Request{
		Method: method, URL: &url.URL{Path: decoded, RawQuery: query}, RequestURI: target, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); {
		case !ok:
			t.Fatalf("not a header: %q", line)
		case name == "Host":
			r.Host = value
		default:
			r.Header.Add(name, value)
		}
	}
	return &api.Request{Request: r, Entry: &journal.Entry{}}
}

// tamperings are changes to a signed request, every one of which must be seen.
// One that returns false has nothing to change in this request.
func tamperings() map[string]func(*http.Request) bool {
	flip := func(s string) string {
		if s == "" {
			return s
		}
		if strings.HasSuffix(s, "0") {
			return s[:len(s)-1] + "1"
		}
		return s[:len(s)-1] + "0"
	}
	parameter := func(r *http.Request, name, value string) bool {
		q := r.URL.Query()
		if !q.Has(name) {
			return false
		}
		q.Set(name, value)
		r.URL.RawQuery = q.Encode()
		return true
	}
	header := func(r *http.Request, name, value string) bool {
		had := r.Header.Get(name) != ""
		if had {
			r.Header.Set(name, value)
		}
		return had
	}
	return map[string]func(*http.Request) bool{
		"method": func(r *http.Request) bool { r.Method = "PUT"; return true },
		"path":   func(r *http.Request) bool { r.RequestURI = "/other"; return true },
		"query":  func(r *http.Request) bool { r.URL.RawQuery += "&a=b"; return true },
		"host":   func(r *http.Request) bool { r.Host = "other.amazonaws.com"; return true },
		"body": func(r *http.Request) bool {
			r.Body = io.NopCloser(strings.NewReader("other"))
			return true
		},
		"date": func(r *http.Request) bool {
			const later = "20150830T123601Z"
			return parameter(r, "X-Amz-Date", later) || header(r, "X-Amz-Date", later)
		},
		"lifetime": func(r *http.Request) bool { return parameter(r, "X-Amz-Expires", "3601") },
		"token": func(r *http.Request) bool {
			return parameter(r, "X-Amz-Security-Token", "other") || header(r, "X-Amz-Security-Token", "other")
		},
		"key": func(r *http.Request) bool {
			if parameter(r, "X-Amz-Credential", "AKIDOTHER/20150830/us-east-1/service/aws4_request") {
				return true
			}
			return header(r, "Authorization", strings.Replace(r.Header.Get("Authorization"), "AKIDEXAMPLE", "AKIDOTHER", 1))
		},
		"region": func(r *http.Request) bool {
			if parameter(r, "X-Amz-Credential", "AKIDEXAMPLE/20150830/us-east-2/service/aws4_request") {
				return true
			}
			return header(r, "Authorization", strings.Replace(r.Header.Get("Authorization"), "us-east-1", "us-east-2", 1))
		},
		"signature": func(r *http.Request) bool {
			return parameter(r, "X-Amz-Signature", flip(r.URL.Query().Get("X-Amz-Signature"))) || header(r, "Authorization", flip(r.Header.Get("Authorization")))
		},
		"first header": func(r *http.Request) bool { return header(r, "My-Header1", "other") },
		"second value": func(r *http.Request) bool {
			if r.Header.Get("My-Header1") == "" {
				return false
			}
			r.Header.Add("My-Header1", "value4")
			return true
		},
		"type": func(r *http.Request) bool { return header(r, "Content-Type", "text/plain") },
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	reasons := notVerifiable()
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			_, err := v.verifier.Verify(v.read(t))
			if reason, ok := reasons[v.name]; ok {
				if err == nil {
					t.Errorf("accepted, though %s", reason)
				}
				return
			}
			if err != nil {
				r := v.read(t)
				sig, _ := parse(r)
				sig.plainPath = v.verifier.plainPath
				payload, _ := payloadHash(r, sig)
				t.Fatalf("%v; canonical request (-want +got):\n%s", err, cmp.Diff(v.canonical, canonicalRequest(r.Request, sig, payload)))
			}
			for what, change := range tamperings() {
				r := v.read(t)
				if !change(r.Request) {
					continue
				}
				if _, err := v.verifier.Verify(r); err == nil {
					t.Errorf("accepted with another %s", what)
				}
			}
		})
	}
}
