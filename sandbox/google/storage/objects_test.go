package storage_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

func TestNames(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	for _, name := range []string{"plain.txt", "a/b/c", "a//b", "./x", "../x", "spaces and  more", "näme-名前-🗎", "#?&=+%41;:@$,!'()*[]", `back\slash`, "tab\tname", "/leading", "trailing/", "iam", "o"} {
		object := mustUpload(t, s, name, "content of "+name)
		if object["name"] != name {
			t.Errorf("the upload of %q made %q", name, object["name"])
		}
		segments := strings.Split(name, "/")
		for i := range segments {
			segments[i] = url.PathEscape(segments[i])
		}
		link, _ := object["mediaLink"].(string)
		for _, path := range []string{objectPath(name) + "?alt=media", "/download" + objectPath(name) + "?alt=media", "/" + bucket + "/" + strings.Join(segments, "/"), "/" + bucket + "/" + url.PathEscape(name), strings.TrimPrefix(link, s.URL)} {
			if a := s.Admin(t, "GET", path, nil); a.Status != 200 || a.Body != "content of "+name {
				t.Errorf("GET %s answered %d: %s", path, a.Status, a.Body)
			}
		}
		s.Must(t, "DELETE", objectPath(name), nil)
	}
}

func TestPatchObject(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	made := mustUpload(t, s, "x", "content")
	s.Must(t, "PATCH", objectPath("x"), map[string]any{"contentType": "text/html", "cacheControl": "no-store", "metadata": map[string]any{"a": "1", "b": "2"}})
	got := s.Must(t, "PATCH", objectPath("x"), map[string]any{"cacheControl": nil, "metadata": map[string]any{"a": nil, "c": "3"}, "name": "x", "size": "9"})
	if got["contentType"] != "text/html" || got["cacheControl"] != nil || got["metageneration"] != "3" || got["generation"] != made["generation"] || got["size"] != "7" {
		t.Errorf("the object patched is %v", got)
	}
	if diff := cmp.Diff(map[string]any{"b": "2", "c": "3"}, got["metadata"]); diff != "" {
		t.Errorf("the metadata patched (-want +got):\n%s", diff)
	}
	if got := s.Must(t, "PATCH", objectPath("x"), map[string]any{"metadata": nil}); got["metadata"] != nil {
		t.Errorf("the metadata removed is %v", got["metadata"])
	}
	for body, want := range map[string]string{
		`{"acl":[]}`:              `400 invalid: Invalid JSON payload received. Unknown name "acl": Cannot find field.`,
		`{"contentType":1}`:       "400 invalid: Invalid value for contentType",
		`{"metadata":"x"}`:        "400 invalid: Invalid value for metadata",
		`{"metadata":{"a":true}}`: "400 invalid: Invalid value for metadata.a",
	} {
		if got := s.Admin(t, "PATCH", objectPath("x"), body).Error(t); got != want {
			t.Errorf("%s answered\n%s\nwant\n%s", body, got, want)
		}
	}
}

func TestPreconditions(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	object := mustUpload(t, s, "x", "content")
	g, etag := object["generation"].(string), object["etag"].(string)
	sum := md5.Sum([]byte("content"))
	const failed = "412 conditionNotMet: At least one of the pre-conditions you specified did not hold."
	path := objectPath("x")
	header := func(k, v string) map[string]string { return map[string]string{k: v} }
	for _, tt := range []struct {
		name, method, path string
		header             map[string]string
		status             int
	}{
		{"this generation", "GET", path + "?ifGenerationMatch=" + g, nil, 200},
		{"another generation", "GET", path + "?alt=media&ifGenerationMatch=1", nil, 412},
		{"not this generation", "GET", path + "?ifGenerationNotMatch=" + g, nil, 304},
		{"not another generation", "GET", path + "?ifGenerationNotMatch=1", nil, 200},
		{"this metageneration", "GET", path + "?ifMetagenerationMatch=1", nil, 200},
		{"another metageneration", "GET", path + "?ifMetagenerationMatch=2", nil, 412},
		{"not this metageneration", "GET", path + "?ifMetagenerationNotMatch=1", nil, 304},
		{"both, of which one fails", "GET", path + "?ifGenerationMatch=1&ifMetagenerationNotMatch=1", nil, 412},
		{"this version", "GET", path + "?generation=" + g, nil, 200},
		{"another version", "GET", path + "?generation=1", nil, 404},
		{"no number", "GET", path + "?ifGenerationMatch=x", nil, 400},
		{"this etag", "GET", path, header("If-Match", etag), 200},
		{"another etag", "GET", path, header("If-Match", "x"), 412},
		{"not this etag", "GET", path, header("If-None-Match", `"x", "`+etag+`"`), 304},
		{"a date", "GET", path, header("If-Modified-Since", "Mon, 23 Nov 2026 00:00:00 GMT"), 400},
		{"XML, this generation", "GET", "/my-bucket/x", header("x-goog-if-generation-match", g), 200},
		{"XML, another generation", "GET", "/my-bucket/x", header("x-goog-if-generation-match", "1"), 412},
		{"XML, another metageneration", "HEAD", "/my-bucket/x", header("x-goog-if-metageneration-match", "2"), 412},
		{"XML, this etag", "GET", "/my-bucket/x", header("If-None-Match", `"`+hex.EncodeToString(sum[:])+`"`), 304},
		{"XML, this version", "GET", "/my-bucket/x?generation=" + g, nil, 200},
		{"XML, another version", "GET", "/my-bucket/x?generation=1", nil, 404},
		{"XML, another question", "GET", "/my-bucket/x?acl", nil, 400},
		{"writing over", "POST", uploads + "?uploadType=media&name=x&ifGenerationMatch=0", nil, 412},
		{"writing what is there", "POST", uploads + "?uploadType=media&name=x&ifGenerationNotMatch=" + g, nil, 412},
		{"writing only over", "POST", uploads + "?uploadType=media&name=y&ifGenerationNotMatch=0", nil, 412},
		{"writing over a metageneration", "POST", uploads + "?uploadType=media&name=y&ifMetagenerationMatch=1", nil, 412},
		{"deleting another", "DELETE", path + "?ifGenerationMatch=1", nil, 412},
		{"deleting not this", "DELETE", path + "?ifGenerationNotMatch=" + g, nil, 412},
		{"patching another", "PATCH", path + "?ifMetagenerationMatch=7", nil, 412},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.Do(t, googletest.Request{Method: tt.method, Path: tt.path, Token: s.AdminToken(), Header: tt.header})
			if a.Status != tt.status {
				t.Fatalf("answered %d: %s, want %d", a.Status, a.Body, tt.status)
			}
			switch {
			case a.Status == 304 && a.Body != "":
				t.Errorf("304 has the body %s", a.Body)
			case a.Status == 412 && strings.HasPrefix(tt.path, "/my-bucket/"):
				if tt.method == "GET" && xmlError(t, a) != "PreconditionFailed: At least one of the pre-conditions you specified did not hold." {
					t.Errorf("answered %s", a.Body)
				}
			case a.Status == 412 && a.Error(t) != failed:
				t.Errorf("answered %s", a.Body)
			}
		})
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	object := mustUpload(t, s, "x", "0123456789")
	mustUpload(t, s, "empty", "")
	crc, hash := sums("0123456789")
	for _, tt := range []struct {
		header string
		status int
		body   string
		span   string
	}{
		{"", 200, "0123456789", ""},
		{"bytes=0-", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=2-4", 206, "234", "bytes 2-4/10"},
		{"bytes=8-100", 206, "89", "bytes 8-9/10"},
		{"bytes=-3", 206, "789", "bytes 7-9/10"},
		{"bytes=-30", 206, "0123456789", "bytes 0-9/10"},
		{"bytes=4-2", 200, "0123456789", ""},
		{"bytes=0-1,3-4", 200, "0123456789", ""},
		{"lines=1-2", 200, "0123456789", ""},
		{"bytes=10-", 416, "", "bytes */10"},
		{"bytes=-0", 416, "", "bytes */10"},
	} {
		for _, path := range []string{objectPath("x") + "?alt=media", "/my-bucket/x"} {
			header := map[string]string{"Accept-Encoding": "gzip"}
			if tt.header != "" {
				header["Range"] = tt.header
			}
			a := s.Do(t, googletest.Request{Method: "GET", Path: path, Token: s.AdminToken(), Header: header})
			if a.Status != tt.status || a.Header.Get("Content-Range") != tt.span || tt.status != 416 && a.Body != tt.body {
				t.Errorf("%s of %s answered %d, %q: %s", tt.header, path, a.Status, a.Header.Get("Content-Range"), a.Body)
			}
			if tt.status == 416 {
				if a.Header.Get("X-Goog-Hash") != "" {
					t.Errorf("%s of %s answered with the object's headers: %v", tt.header, path, a.Header)
				}
				continue
			}
			want := map[string]string{
				"Content-Length": fmt.Sprint(len(tt.body)), "X-Goog-Generation": object["generation"].(string), "X-Goog-Metageneration": "1",
				"X-Goog-Stored-Content-Length": "10", "X-Goog-Stored-Content-Encoding": "identity", "X-Goog-Storage-Class": "STANDARD", "Accept-Ranges": "bytes",
				"X-Goog-Hash": "crc32c=" + crc + " md5=" + hash,
			}
			got := map[string]string{}
			for name := range want {
				got[name] = strings.Join(a.Header.Values(name), " ")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the headers of %s of %s (-want +got):\n%s", tt.header, path, diff)
			}
		}
	}
	head := s.Do(t, googletest.Request{Method: "HEAD", Path: "/my-bucket/x", Token: s.AdminToken()})
	sum := md5.Sum([]byte("0123456789"))
	if head.Status != 200 || head.Body != "" || head.Header.Get("Content-Length") != "10" || head.Header.Get("Etag") != `"`+hex.EncodeToString(sum[:])+`"` {
		t.Errorf("HEAD answered %d %v: %s", head.Status, head.Header, head.Body)
	}
	if a := s.Admin(t, "GET", "/my-bucket/empty", nil); a.Status != 200 || a.Body != "" || a.Header.Get("Content-Length") != "0" {
		t.Errorf("an empty object is answered %d %v", a.Status, a.Header)
	}
	if got := s.Admin(t, "GET", objectPath("x")+"?alt=xml", nil).Error(t); got != "400 invalid: Invalid value for alt: xml" {
		t.Errorf("alt=xml answered %s", got)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	packed := packed(t, "unpacked")
	for name, metadata := range map[string]map[string]any{
		"packed": {"contentEncoding": "gzip"},
		"kept":   {"contentEncoding": "gzip", "cacheControl": "no-transform"},
		"plain":  {},
		// What is packed by its type, too: GoogleCloudPlatform/gsutil, issue 480.
		"twice":          {"contentEncoding": "gzip", "contentType": "application/gzip"},
		"twice and kept": {"contentEncoding": "gzip", "contentType": "application/x-gzip", "cacheControl": "no-transform"},
	} {
		mustUpload(t, s, name, packed)
		s.Must(t, "PATCH", objectPath(name), metadata)
	}
	mustUpload(t, s, "wrong", "not packed")
	s.Must(t, "PATCH", objectPath("wrong"), map[string]any{"contentEncoding": "gzip"})
	for _, tt := range []struct{ name, accept, span, body, encoding string }{
		{"packed", "", "", "unpacked", ""},
		{"packed", "identity", "bytes=0-2", "unpacked", ""},
		{"packed", "gzip", "", packed, "gzip"},
		{"packed", "gzip", "bytes=0-2", packed[:3], "gzip"},
		{"kept", "", "", packed, "gzip"},
		{"plain", "", "", packed, ""},
		{"twice", "", "", "unpacked", ""},
		{"twice", "gzip", "", "unpacked", ""},
		{"twice", "gzip", "bytes=0-2", "unpacked", ""},
		{"twice and kept", "gzip", "", packed, "gzip"},
	} {
		a := s.Do(t, googletest.Request{Method: "GET", Path: objectPath(tt.name) + "?alt=media", Token: s.AdminToken(), Header: map[string]string{"Accept-Encoding": tt.accept, "Range": tt.span}})
		if a.Body != tt.body || a.Header.Get("Content-Encoding") != tt.encoding {
			t.Errorf("%s for who accepts %q and asks for %q answered %d with the encoding %q: %q", tt.name, tt.accept, tt.span, a.Status, a.Header.Get("Content-Encoding"), a.Body)
		}
		transcoded := tt.body == "unpacked"
		if transcoded != (a.Header.Get("Warning") == "214 UploadServer gunzipped") || transcoded != (a.Header.Get("Content-Length") == "") {
			t.Errorf("%s answered with the headers %v", tt.name, a.Header)
		}
		if a.Header.Get("X-Goog-Stored-Content-Length") != fmt.Sprint(len(packed)) {
			t.Errorf("%s is said to have %s stored bytes", tt.name, a.Header.Get("X-Goog-Stored-Content-Length"))
		}
	}
	a := s.Do(t, googletest.Request{Method: "GET", Path: "/my-bucket/wrong", Token: s.AdminToken(), Header: map[string]string{"Accept-Encoding": ""}})
	if got, want := xmlError(t, a), "ServiceUnavailable: Service unavailable. The object is not gzip-compressed."; a.Status != 503 || got != want || a.Header.Get("Content-Encoding") != "" {
		t.Errorf("what is no gzip answered %d %v\n%s\nwant\n%s", a.Status, a.Header, got, want)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	for _, name := range []string{"a", "a-b", "a/", "a/1", "a/2/x", "a/2/y", "b/1", "c"} {
		mustUpload(t, s, name, "x")
	}
	for query, want := range map[string]string{
		"":                       "a a-b a/ a/1 a/2/x a/2/y b/1 c",
		"delimiter=/":            "a a-b c | a/ b/",
		"delimiter=/&prefix=a":   "a a-b | a/",
		"delimiter=/&prefix=a/":  "a/ a/1 | a/2/",
		"prefix=a/2":             "a/2/x a/2/y",
		"delimiter=2&prefix=a/":  "a/ a/1 | a/2",
		"startOffset=a/2":        "a/2/x a/2/y b/1 c",
		"endOffset=a/1":          "a a-b a/",
		"prefix=none":            "",
		"versions=True&prefix=c": "c",
		"delimiter=/&includeTrailingDelimiter=true": "a a-b a/ c | a/ b/",
		"delimiter=/&includeFoldersAsPrefixes=True": "a a-b c | a/ b/",
	} {
		for _, size := range []string{"", "1", "2", "3"} {
			if size != "" && strings.Contains(query, "includeTrailing") {
				continue
			}
			var items, prefixes []string
			token, pages := "", 0
			for {
				out := s.Must(t, "GET", "/storage/v1/b/my-bucket/o?"+query+"&maxResults="+size+"&fields=items/name,prefixes,nextPageToken&pageToken="+url.QueryEscape(token), nil)
				for _, item := range list(out["items"]) {
					items = append(items, item.(map[string]any)["name"].(string))
				}
				for _, prefix := range list(out["prefixes"]) {
					prefixes = append(prefixes, prefix.(string))
				}
				if pages++; out["nextPageToken"] == nil || pages > 20 {
					break
				}
				token = out["nextPageToken"].(string)
			}
			got := strings.Join(items, " ")
			if len(prefixes) > 0 {
				got += " | " + strings.Join(prefixes, " ")
			}
			if got != want {
				t.Errorf("the list of %q by %s has %s, want %s", query, size, got, want)
			}
			if n, _ := fmt.Sscan(size, new(int)); n == 1 && pages != max(1, (len(items)+len(prefixes)+int(size[0]-'0')-1)/int(size[0]-'0')) {
				t.Errorf("the list of %q by %s has %d pages for %d entries", query, size, pages, len(items)+len(prefixes))
			}
		}
	}
	for query, want := range map[string]string{
		"maxResults=-1":    "400 invalid: Invalid value for maxResults: -1",
		"pageToken=%25":    "400 invalid: Invalid value for pageToken: %",
		"matchGlob=**.txt": `400 invalid: Invalid JSON payload received. Unknown name "matchGlob": Cannot bind query parameter. Field 'matchGlob' could not be found in request message.`,
		"softDeleted=true": "400 invalid: Invalid value for softDeleted: the local Google Cloud does not model the value true",
		"fields=items(":    "400 invalid: Invalid field selection items(",
	} {
		if got := s.Admin(t, "GET", "/storage/v1/b/my-bucket/o?"+query, nil).Error(t); got != want {
			t.Errorf("the list of %s answered\n%s\nwant\n%s", query, got, want)
		}
	}
}

// A page has 1,000 objects however long their names are: JSON API reference,
// "Objects: list" (maxResults). A client must take an answer of several MiB.
func TestListOfLongNames(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	name := func(i int) string { return fmt.Sprintf("%04d", i) + strings.Repeat("é", 510) } // 1,024 bytes, the most
	for i := range 1001 {
		mustUpload(t, s, name(i), "")
	}
	path := "/storage/v1/b/" + bucket + "/o"
	for fields, least := range map[string]int{"": 5 << 20, "nextPageToken,items(name,generation)": 1 << 20} {
		token, seen := "", 0
		for _, size := range []int{1000, 1} {
			a := s.Admin(t, "GET", path+"?fields="+url.QueryEscape(fields)+"&pageToken="+url.QueryEscape(token), nil)
			var out struct {
				Items         []struct{ Name, Generation string }
				NextPageToken string
			}
			a.Decode(t, &out)
			if len(out.Items) != size || size == 1000 && len(a.Body) < least {
				t.Fatalf("with fields=%s, a page of %d bytes has %d objects, want %d and %d bytes", fields, len(a.Body), len(out.Items), size, least)
			}
			for _, item := range out.Items {
				if item.Name != name(seen) || item.Generation == "" {
					t.Errorf("object %d is %+v", seen, item)
				}
				seen++
			}
			token = out.NextPageToken
		}
		if token != "" {
			t.Errorf("with fields=%s, there is another page", fields)
		}
	}
}

func list(v any) []any {
	items, _ := v.([]any)
	return items
}
