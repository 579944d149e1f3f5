package storage_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

// lines asks for a path of the XML API and returns the answer's status line, header
// lines and body, as they are.
func lines(t *testing.T, s *googletest.Server, method, path string, header ...string) (status string, headers []string, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	request := method + " " + path + " HTTP/1.1\r\nHost: storage.googleapis.com\r\nConnection: close\r\n" +
		"Authorization: Bearer " + s.AdminToken() + "\r\n"
	if _, err := io.WriteString(conn, request+strings.Join(append(header, "", ""), "\r\n")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, headers)
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" {
			break
		}
		if status == "" {
			status = line
		} else {
			headers = append(headers, line)
		}
	}
	rest, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return status, headers, string(rest)
}

// Names of custom metadata that are no names of HTTP headers are sent as they are:
// googleapis/google-cloud-go, issue 5098. The JSON API keeps them, and sends none
// with an object's bytes: Reader.Metadata of cloud.google.com/go/storage.
func TestCustomMetadataOfAnyName(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	want := map[string]any{"v1.namespace/width": "2560", "my key": "a", "Case": "one", "case": "two", "ümlaut": "grüße", "plain": "x"}
	mustUpload(t, s, "o", "content")
	s.Must(t, "PATCH", objectPath("o"), map[string]any{"metadata": want})
	var out struct{ Metadata map[string]any }
	s.Admin(t, "GET", objectPath("o"), nil).Decode(t, &out)
	if diff := cmp.Diff(want, out.Metadata); diff != "" {
		t.Errorf("the resource (-want +got):\n%s", diff)
	}
	for _, method := range []string{"GET", "HEAD"} {
		status, headers, body := lines(t, s, method, "/"+bucket+"/o")
		if status != "HTTP/1.1 200 OK" || body != map[string]string{"GET": "content"}[method] {
			t.Errorf("%s answered %s with %q", method, status, body)
		}
		for name, value := range want {
			if line := fmt.Sprintf("x-goog-meta-%s: %s", name, value); !slices.Contains(headers, line) {
				t.Errorf("%s has no line %q: %q", method, line, headers)
			}
		}
		for _, line := range []string{"Content-Length: 7", "X-Goog-Stored-Content-Length: 7"} {
			if !slices.Contains(headers, line) {
				t.Errorf("%s has no line %q: %q", method, line, headers)
			}
		}
	}
	_, headers, body := lines(t, s, "GET", "/"+bucket+"/o", "Range: bytes=3-")
	if body != "tent" || !slices.Contains(headers, "Content-Range: bytes 3-6/7") {
		t.Errorf("a range is answered with %q and %q", headers, body)
	}
	for _, path := range []string{objectPath("o") + "?alt=media", "/download" + objectPath("o") + "?alt=media"} {
		a := s.Admin(t, "GET", path, nil)
		for name := range a.Header {
			if strings.HasPrefix(strings.ToLower(name), "x-goog-meta-") && name != "X-Goog-Metageneration" {
				t.Errorf("%s sends %s", path, name)
			}
		}
		if a.Status != 200 || a.Body != "content" || a.Header.Get("X-Goog-Generation") == "" {
			t.Errorf("%s answered %d: %s", path, a.Status, a.Body)
		}
	}
	// What Go's client makes of such an answer, which the report is about.
	r, err := http.NewRequest("GET", s.URL+"/"+bucket+"/o", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.AdminToken())
	resp, err := http.DefaultClient.Do(r)
	if err == nil {
		_ = resp.Body.Close()
		t.Error("net/http can read the answer")
	}
}

// An answer of a length that is not known is sent in chunks, also where net/http
// does not write it.
func TestCustomMetadataUnpacked(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	mustUpload(t, s, "o", packed(t, "content"))
	s.Must(t, "PATCH", objectPath("o"), map[string]any{"contentEncoding": "gzip", "metadata": map[string]any{"my/key": "a"}})
	_, headers, body := lines(t, s, "GET", "/"+bucket+"/o")
	if !slices.Contains(headers, "x-goog-meta-my/key: a") || !slices.Contains(headers, "Transfer-Encoding: chunked") {
		t.Errorf("got %q", headers)
	}
	if body != "7\r\ncontent\r\n0\r\n\r\n" {
		t.Errorf("got %q", body)
	}
}

// Who may keep an answer, where the object does not say it: XML API reference, "HTTP
// headers and common query string parameters", for what is public.
func TestDefaultCacheControl(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	mustUpload(t, s, "o", "content")
	mustUpload(t, s, "said", "content")
	s.Must(t, "PATCH", objectPath("said"), map[string]any{"cacheControl": "max-age=60"})
	get := func(path string) string { return s.Admin(t, "GET", path, nil).Header.Get("Cache-Control") }
	check := func(path, want string) {
		t.Helper()
		if got := get(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	check("/"+bucket+"/o", "private, max-age=0")                                          // believed
	check(objectPath("o")+"?alt=media", "no-cache, no-store, max-age=0, must-revalidate") // rclone/rclone, issue 2658
	s.Bind(t, "/storage/v1/b/"+bucket+"/iam", viewer, "allUsers")
	check("/"+bucket+"/o", "public, max-age=3600")
	check(objectPath("o")+"?alt=media", "public, max-age=3600")
	check("/"+bucket+"/said", "max-age=60")
	var out map[string]any
	s.Admin(t, "GET", objectPath("o"), nil).Decode(t, &out)
	if _, said := out["cacheControl"]; said {
		t.Error("the resource has a Cache-Control that nobody set")
	}
	s.Must(t, "PATCH", "/storage/v1/b/"+bucket, map[string]any{"iamConfiguration": map[string]any{"publicAccessPrevention": "enforced"}})
	check("/"+bucket+"/o", "private, max-age=0")
}

// Custom metadata has at most 8 KiB: Cloud Storage documentation, "Quotas and limits".
func TestCustomMetadataSize(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	mustUpload(t, s, "o", "content")
	for size, want := range map[int]int{8 << 10: 200, 8<<10 + 1: 400} {
		metadata := map[string]any{"one": strings.Repeat("ä", 2<<10), "two": strings.Repeat("a", size-4<<10-len("onetwo"))}
		patched := s.Admin(t, "PATCH", objectPath("o"), map[string]any{"metadata": metadata})
		begun := s.Admin(t, "POST", "/upload/storage/v1/b/"+bucket+"/o?uploadType=resumable&name=p", map[string]any{"metadata": metadata})
		for what, a := range map[string]googletest.Answer{"a patch": patched, "an upload": begun} {
			if a.Status != want {
				t.Errorf("%s of %d bytes is answered %d: %s", what, size, a.Status, a.Body)
			}
		}
	}
}
