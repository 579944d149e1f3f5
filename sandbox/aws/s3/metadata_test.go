package s3_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// What counts of user-defined metadata is the UTF-8 of names and values, decoded as S3
// stores them: "Working with object metadata" (Amazon S3 User Guide); that names count
// without their prefix, treeverse/lakeFS, pull request 9909.
func TestMetadataSize(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	encoded := func(n int) string { return "=?UTF-8?B?" + strings.Repeat("w6TDpMOk", n) + "?=" } // of 3 ä, 6 bytes, each
	for _, test := range []struct {
		name     string
		metadata map[string]string
		size     string // of what is refused
	}{
		{"all", map[string]string{"name": strings.Repeat("a", 2044)}, ""},
		{"a byte more", map[string]string{"name": strings.Repeat("a", 2045)}, "2049"},
		{"two", map[string]string{"one": strings.Repeat("a", 1021), "two": strings.Repeat("a", 1021)}, ""},
		{"two and a byte more", map[string]string{"one": strings.Repeat("a", 1022), "two": strings.Repeat("a", 1021)}, "2049"},
		{"more bytes encoded than they are", map[string]string{"name": encoded(340)}, ""},
		{"more, decoded", map[string]string{"name": encoded(341)}, "2050"},
	} {
		header := http.Header{}
		for k, v := range test.metadata {
			header.Set("X-Amz-Meta-"+k, v)
		}
		for _, path := range []string{"/k", "/k?uploads="} {
			method := "PUT"
			if path != "/k" {
				method = "POST"
			}
			status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: method, Path: "/" + bucket + path, Header: header})
			var e struct{ Code, Size, MaxSizeAllowed string }
			if status != 200 {
				if err := xml.Unmarshal([]byte(body), &e); err != nil {
					t.Fatal(err)
				}
			}
			want := e
			if want.Code, want.Size, want.MaxSizeAllowed = "", "", ""; test.size != "" {
				want.Code, want.Size, want.MaxSizeAllowed = "MetadataTooLarge", test.size, "2048"
			}
			if e != want {
				t.Errorf("%s of %s: got %+v, want %+v", test.name, path, e, want)
			}
		}
	}
	// It is stored decoded, and encoded again in answers.
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: ptr(bucket), Key: ptr("k"), Metadata: map[string]string{"title": "=?UTF-8?Q?=C3=9Cbersicht?=", "plain": "a b"},
	}); err != nil {
		t.Fatal(err)
	}
	if got := s.S3().Objects(bucket)[0].Metadata; got["title"] != "Übersicht" {
		t.Errorf("stored: got %v", got)
	}
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"title": "=?UTF-8?b?w5xiZXJzaWNodA==?=", "plain": "a b"}, head.Metadata); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
}

// The header section of a request has 8 KiB: "Working with object metadata" says it of
// PUT requests, and it is so of all: versity/versitygw, pull request 1931.
func TestHeaderSection(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	for _, method := range []string{"PUT", "GET"} {
		send := func(n int) (int, string) {
			header := http.Header{"X-Filler": {strings.Repeat("a", n)}}
			return s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: method, Path: "/" + bucket + "/k", Header: header})
		}
		if status, body := send(7 << 10); status != 200 {
			t.Errorf("%s with 7 KiB: got %d %s", method, status, body)
		}
		status, body := send(8 << 10)
		want := awstest.Refused(400, "RequestHeaderSectionTooLarge", "Your request header section exceeds the maximum allowed size.")
		if diff := cmp.Diff(want, refusal(t, status, body)); diff != "" || !strings.Contains(body, "<MaxSizeAllowed>8192</MaxSizeAllowed>") {
			t.Errorf("%s with 8 KiB: %s (-want +got):\n%s", method, body, diff)
		}
	}
}

// The word of S3's own protocol is not stored, however the body was sent: rclone/rclone,
// issue 8724; versity/versitygw, issue 2398.
func TestChunkedIsNotStored(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	for sent, want := range map[string]string{"aws-chunked": "", "gzip,aws-chunked": "gzip", "AWS-Chunked, br": "br", "gzip": "gzip"} {
		for hash, body := range map[string]string{"UNSIGNED-PAYLOAD": "v", "STREAMING-UNSIGNED-PAYLOAD-TRAILER": "1\r\nv\r\n0\r\n\r\n"} {
			header := http.Header{"Content-Encoding": {sent}}
			if hash != "UNSIGNED-PAYLOAD" {
				header.Set("X-Amz-Decoded-Content-Length", "1")
			}
			status, answer := s.Do(t, awstest.Call{
				Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + "/k", Header: header, Body: body, PayloadHash: hash,
			})
			if status != 200 {
				t.Fatalf("%s: got %d %s", sent, status, answer)
			}
			head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
			if err != nil {
				t.Fatal(err)
			}
			if got := head.ContentEncoding; (got == nil) != (want == "") || got != nil && *got != want {
				t.Errorf("%s of %s: got %v, want %q", sent, hash, got, want)
			}
		}
	}
}

// S3 writes characters that XML 1.0 does not have as references, which no XML parser
// reads: boto/botocore, issue 3496. With encoding-type=url it writes the percent sign.
func TestControlCharactersInAnswers(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	const key, reference, encoded = "dir\x01/test\x07.txt", "dir&#x1;/test&#x7;.txt", "dir%01/test%07.txt"
	escaped := "/" + bucket + "/" + (&url.URL{Path: key}).EscapedPath()
	do := func(method, path, body string) string {
		t.Helper()
		header := http.Header{}
		if strings.HasSuffix(path, "?delete=") {
			header.Set("X-Amz-Checksum-Crc32c", crc32c([]byte(body)))
		}
		status, answer := s.Do(t, awstest.Call{
			Credentials: s.Admin(), Service: "s3", Method: method, Path: path, Body: body, Header: header,
		})
		if status >= 500 {
			t.Fatalf("%s %s: got %d %s", method, path, status, answer)
		}
		return answer
	}
	contains := func(what, answer, want string) {
		t.Helper()
		if !strings.Contains(answer, want) || strings.Contains(answer, "\uFFFD") {
			t.Errorf("%s: got %s, want in it %s", what, answer, want)
		}
	}
	do("PUT", escaped, "v")
	begun := do("POST", escaped+"?uploads=", "")
	contains("beginning an upload", begun, "<Key>"+reference+"</Key>")
	_, id, _ := strings.Cut(begun, "<UploadId>")
	id, _, _ = strings.Cut(id, "<")
	for _, list := range []string{"list-type=2", "", "versions=", "uploads="} {
		contains(list, do("GET", "/"+bucket+"?"+list, ""), "<Key>"+reference+"</Key>")
		contains(list+" encoded", do("GET", "/"+bucket+"?encoding-type=url&"+list, ""), "<Key>"+encoded+"</Key>")
		contains(list+" by prefix", do("GET", "/"+bucket+"?prefix=dir%01&delimiter=/&"+list, ""), "<CommonPrefixes><Prefix>dir&#x1;/</Prefix>")
		contains(list+" by prefix", do("GET", "/"+bucket+"?prefix=dir%01&delimiter=/&"+list, ""), "<Prefix>dir&#x1;</Prefix>")
	}
	contains("parts", do("GET", escaped+"?uploadId="+id, ""), "<Key>"+reference+"</Key>")
	contains("what is not there", do("GET", escaped+"2", ""), "<Key>"+reference+"2</Key>")
	part, err := c.UploadPart(t.Context(), &s3.UploadPartInput{
		Bucket: ptr(bucket), Key: ptr(key), UploadId: &id, PartNumber: ptr(int32(1)), Body: strings.NewReader("v"),
	})
	if err != nil {
		t.Fatal(err)
	}
	document := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + *part.ETag + "</ETag></Part></CompleteMultipartUpload>"
	contains("completing", do("POST", escaped+"?uploadId="+id, document), "<Key>"+reference+"</Key>")
	// Go's parser reads none of them, as the SDK's clients of S3 do not.
	_, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: ptr(bucket)})
	if err == nil || !strings.Contains(err.Error(), "illegal character code U+0001") {
		t.Errorf("the SDK reads the list: %v", err)
	}
}

// Objects with the key soap are not supported by virtual-hosted requests: "Naming
// Amazon S3 objects"; the answer is believed.
func TestSoap(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	put(t, c, "soap", "v") // path-style
	put(t, c, "dir/soap", "v")
	host := bucket + ".s3.us-east-1.amazonaws.com"
	for path, want := range map[string]int{"/soap": 405, "/dir/soap": 200} {
		for _, method := range []string{"GET", "PUT"} {
			status, body := s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "s3", Method: method, Host: host, Path: path})
			if status != want {
				t.Errorf("%s %s: got %d %s, want %d", method, path, status, body, want)
			}
		}
	}
}

// A header of other characters than ASCII's is refused where it is signed as UTF-8, and
// taken where it is signed as S3 reads it: believed, after fog/fog, issues 2942 and 3344.
func TestHeadersAreLatin1(t *testing.T) {
	t.Parallel()
	s, c := start(t)
	const value = `attachment; filename="ä.pdf"`
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v"), ContentDisposition: ptr(value),
	})
	if got := awstest.RefusalOf(t, err); got.Status != 403 || got.Code != "SignatureDoesNotMatch" {
		t.Errorf("signed as UTF-8: got %v", got)
	}
	var latin1 []rune
	for _, b := range []byte(value) {
		latin1 = append(latin1, rune(b))
	}
	status, body := s.Do(t, awstest.Call{
		Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + "/k",
		Header: http.Header{"Content-Disposition": {string(latin1)}},
		Tamper: func(r *http.Request) { r.Header.Set("Content-Disposition", value) }, // what is sent
	})
	if status != 200 {
		t.Errorf("signed as Latin-1: got %d %s", status, body)
	}
}
