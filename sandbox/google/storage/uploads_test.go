package storage_test

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/googletest"
)

const (
	uploads = "/upload/storage/v1/b/" + bucket + "/o"
	unit    = 256 << 10
)

func sums(content string) (crc, hash string) {
	sum := md5.Sum([]byte(content))
	c := binary.BigEndian.AppendUint32(nil, crc32.Checksum([]byte(content), crc32.MakeTable(crc32.Castagnoli)))
	return base64.StdEncoding.EncodeToString(c), base64.StdEncoding.EncodeToString(sum[:])
}

// multipartBody is a resource and a content as Google's clients send them.
func multipartBody(resource, content string) string {
	return "--=b=\r\nContent-Type: application/json\r\n\r\n" + resource + "\r\n--=b=\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\n" + content + "\r\n--=b=--\r\n"
}

func TestOnePiece(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	crc, hash := sums("hello")
	send := func(query, contentType, body string, header map[string]string) googletest.Answer {
		h := map[string]string{"Content-Type": contentType}
		for k, v := range header {
			h[k] = v
		}
		return s.Do(t, googletest.Request{Method: "POST", Path: uploads + query, Token: s.AdminToken(), Header: h, Body: body})
	}
	quoted, single := `multipart/related; boundary="=b="`, `multipart/related; boundary='=b='`
	for name, a := range map[string]googletest.Answer{
		"media":                        send("?uploadType=media&name=x&contentEncoding=utf-8", "text/plain", "hello", map[string]string{"X-Goog-Hash": "crc32c=" + crc + ",md5=" + hash}),
		"multipart":                    send("?uploadType=multipart", quoted, multipartBody(`{"name":"x","bucket":"my-bucket","contentEncoding":"utf-8","crc32c":"`+crc+`","md5Hash":"`+hash+`"}`, "hello"), nil),
		"multipart of a Python client": send("?uploadType=multipart&name=x", single, multipartBody(`{"name":"ignored","contentEncoding":"utf-8"}`, "hello"), nil),
	} {
		var out map[string]any
		a.Decode(t, &out)
		for _, name := range []string{"generation", "id", "mediaLink", "etag", "timeCreated", "updated", "timeFinalized", "timeStorageClassUpdated"} {
			if out[name] == nil {
				t.Errorf("%s: the object has no %s", name, name)
			}
			delete(out, name)
		}
		want := map[string]any{
			"kind": "storage#object", "selfLink": s.URL + "/storage/v1/b/my-bucket/o/x", "name": "x", "bucket": "my-bucket", "metageneration": "1", "storageClass": "STANDARD",
			"size": "5", "md5Hash": hash, "crc32c": crc, "contentType": "text/plain", "contentEncoding": "utf-8",
		}
		if diff := cmp.Diff(want, out); diff != "" || a.Status != 200 {
			t.Errorf("%s answered %d (-want +got):\n%s", name, a.Status, diff)
		}
	}
	wrong, wrongHash := sums("other")
	for name, tt := range map[string]struct {
		a    googletest.Answer
		want string
	}{
		"a wrong CRC":         {send("?uploadType=multipart&name=y", quoted, multipartBody(`{"crc32c":"`+wrong+`"}`, "hello"), nil), fmt.Sprintf("400 invalid: Provided CRC32C %q doesn't match calculated CRC32C %q.", wrong, crc)},
		"a wrong MD5":         {send("?uploadType=media&name=y", "text/plain", "hello", map[string]string{"X-Goog-Hash": "md5=" + wrongHash}), fmt.Sprintf("400 invalid: Provided MD5 hash %q doesn't match calculated MD5 hash %q.", wrongHash, hash)},
		"no boundary":         {send("?uploadType=multipart&name=y", "multipart/related", "x", nil), "400 invalid: Invalid multipart request with no boundary."},
		"no parts":            {send("?uploadType=multipart&name=y", quoted, "x", nil), "400 invalid: Invalid multipart request with 0 mime parts."},
		"one part":            {send("?uploadType=multipart&name=y", quoted, "--=b=\r\n\r\n{}\r\n--=b=--\r\n", nil), "400 invalid: Invalid multipart request with 1 mime parts."},
		"an early end":        {send("?uploadType=multipart&name=y", quoted, strings.TrimSuffix(multipartBody(`{}`, "hello"), "\r\n--=b=--\r\n"), nil), "400 invalid: The upload ended early: unexpected EOF"},
		"three parts":         {send("?uploadType=multipart&name=y", quoted, strings.Replace(multipartBody(`{}`, "hello"), "--=b=--", "--=b=\r\n\r\nx\r\n--=b=--", 1), nil), "400 invalid: Invalid multipart request: it must have 2 mime parts and end with its boundary."},
		"another bucket":      {send("?uploadType=multipart&name=y", quoted, multipartBody(`{"bucket":"other-bucket"}`, "hello"), nil), "400 invalid: Value 'other-bucket' in content does not agree with value 'my-bucket'. This can happen when a value set through a parameter is inconsistent with a value set in the request."},
		"a hold":              {send("?uploadType=multipart&name=y", quoted, multipartBody(`{"temporaryHold":true}`, "hello"), nil), `400 invalid: Invalid JSON payload received. Unknown name "temporaryHold": Cannot find field.`},
		"another class":       {send("?uploadType=multipart&name=y", quoted, multipartBody(`{"storageClass":"NEARLINE"}`, "hello"), nil), "400 invalid: The local Google Cloud does not model the storage class NEARLINE in a bucket of STANDARD."},
		"a key of its own":    {send("?uploadType=media&name=y", "text/plain", "hello", map[string]string{"X-Goog-Encryption-Key": "x"}), "400 invalid: The local Google Cloud does not model the header X-Goog-Encryption-Key."},
		"an ACL":              {send("?uploadType=media&name=y&predefinedAcl=publicRead", "text/plain", "hello", nil), `400 invalid: Invalid JSON payload received. Unknown name "predefinedAcl": Cannot bind query parameter. Field 'predefinedAcl' could not be found in request message.`},
		"another upload type": {send("?uploadType=other&name=y", "text/plain", "hello", nil), `400 invalid: Invalid upload request: uploadType "other"`},
		"no name":             {send("?uploadType=media", "text/plain", "hello", nil), "400 required: Required"},
		"a line in its name":  {send("?uploadType=media&name=a%0Ab", "text/plain", "hello", nil), `400 invalid: Invalid object name: "a\nb"`},
		"a dot":               {send("?uploadType=media&name=.", "text/plain", "hello", nil), `400 invalid: Invalid object name: "."`},
		"no UTF-8":            {send("?uploadType=media&name=%ff", "text/plain", "hello", nil), `400 invalid: Invalid object name: "\xff"`},
		"a long name":         {send("?uploadType=media&name="+strings.Repeat("a", 1025), "text/plain", "hello", nil), `400 invalid: Invalid object name: "` + strings.Repeat("a", 1025) + `"`},
	} {
		if got := tt.a.Error(t); got != tt.want {
			t.Errorf("%s answered\n%s\nwant\n%s", name, got, tt.want)
		}
	}
	if a := s.Admin(t, "GET", objectPath("y"), nil); a.Status != 404 {
		t.Errorf("what was refused is there: %d %s", a.Status, a.Body)
	}
}

// resumable is one session as its client sees it.
type resumable struct {
	t        *testing.T
	s        *googletest.Server
	location string
}

func start(t *testing.T, s *googletest.Server, query, resource string, header map[string]string) resumable {
	t.Helper()
	a := s.Do(t, googletest.Request{Method: "POST", Path: uploads + "?uploadType=resumable" + query, Token: s.AdminToken(), Body: resource, Header: header})
	location := strings.TrimPrefix(a.Header.Get("Location"), s.URL)
	if a.Status != 200 || !strings.HasPrefix(location, uploads+"?uploadType=resumable&upload_id=") {
		t.Fatalf("the session answered %d with the location %s: %s", a.Status, location, a.Body)
	}
	return resumable{t, s, location}
}

// put sends a chunk, without a token: the location is enough.
func (u resumable) put(contentRange, chunk string) googletest.Answer {
	u.t.Helper()
	return u.s.Do(u.t, googletest.Request{Method: "PUT", Path: u.location, Body: chunk, Header: map[string]string{"Content-Range": contentRange}})
}

// state is an answer that asks for more: its status and range.
func state(a googletest.Answer) string { return fmt.Sprint(a.Status, " ", a.Header.Get("Range")) }

func TestResumable(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	first, second, third := strings.Repeat("a", unit), strings.Repeat("b", unit), "the rest"
	whole := first + second + third
	crc, hash := sums(whole)
	u := start(t, s, "&name=x", `{"contentType":"text/x","metadata":{"k":"v"},"md5Hash":"`+hash+`"}`, map[string]string{"X-Upload-Content-Type": "text/y", "X-Upload-Content-Length": fmt.Sprint(len(whole))})
	if got, want := state(u.put("bytes */*", "")), "308 "; got != want {
		t.Errorf("at first the state is %s, want %s", got, want)
	}
	if got, want := state(u.put(fmt.Sprintf("bytes 0-%d/*", unit-1), first)), "308 bytes=0-262143"; got != want {
		t.Errorf("after a chunk the state is %s, want %s", got, want)
	}
	for contentRange, want := range map[string]string{
		fmt.Sprintf("bytes %d-%d/*", 2*unit, 3*unit-1):        "503 backendError: Invalid request.  According to the Content-Range header, the upload offset is 524288 byte(s), which exceeds already uploaded size of 262144 byte(s).",
		fmt.Sprintf("bytes %d-%d/*", unit, 2*unit):            "400 invalid: Invalid request.  There were 262144 byte(s) in the request body.  There should have been 262145 byte(s) (starting at offset 262144 and ending at offset 524288) according to the Content-Range header.",
		fmt.Sprintf("bytes %d-%d/%d", unit, 2*unit-1, 2*unit): "400 invalid: Invalid request.  The upload has 524288 byte(s), announced were 524296.",
		"bytes x-1/*": "400 invalid: Failed to parse Content-Range header: bytes x-1/*",
		"octets 0-1":  "400 invalid: Failed to parse Content-Range header: octets 0-1",
	} {
		if got := u.put(contentRange, second).Error(t); got != want {
			t.Errorf("%s answered\n%s\nwant\n%s", contentRange, got, want)
		}
	}
	if got, want := u.put(fmt.Sprintf("bytes %d-%d/*", unit, unit+4), "short").Error(t), "400 invalid: Invalid request.  The number of bytes uploaded is required to be equal or greater than 262144, except for the final request (it's recommended to be the exact multiple of 262144).  The received request contained 5 bytes, which does not meet this requirement."; got != want {
		t.Errorf("a short chunk answered\n%s\nwant\n%s", got, want)
	}
	// A chunk whose answer was lost comes again with the next.
	if got, want := state(u.put(fmt.Sprintf("bytes 0-%d/%d", 2*unit-1, len(whole)), first+second)), "308 bytes=0-524287"; got != want {
		t.Errorf("after a repeated chunk the state is %s, want %s", got, want)
	}
	asked := s.Do(t, googletest.Request{Method: "POST", Path: u.location, Header: map[string]string{"Content-Range": "bytes */*", "X-Guploader-No-308": "yes"}})
	if got, want := state(asked)+" "+asked.Header.Get("X-Http-Status-Code-Override"), "200 bytes=0-524287 308"; got != want {
		t.Errorf("who wants no 308 is answered %s, want %s", got, want)
	}
	if a := s.Admin(t, "GET", objectPath("x"), nil); a.Status != 404 {
		t.Errorf("an unfinished object is answered %d: %s", a.Status, a.Body)
	}
	done := u.put(fmt.Sprintf("bytes %d-%d/%d", 2*unit, len(whole)-1, len(whole)), third)
	var object map[string]any
	done.Decode(t, &object)
	if done.Status != 200 || object["md5Hash"] != hash || object["crc32c"] != crc || object["size"] != fmt.Sprint(len(whole)) || object["contentType"] != "text/x" {
		t.Errorf("the last chunk answered %d: %s", done.Status, done.Body)
	}
	if again := u.put("bytes */*", ""); again.Status != 200 || again.Body != done.Body {
		t.Errorf("the finished session answered %d: %s", again.Status, again.Body)
	}
	if a := s.Admin(t, "GET", objectPath("x")+"?alt=media", nil); a.Body != whole {
		t.Errorf("%d bytes are read, %d were written", len(a.Body), len(whole))
	}
}

func TestResumableEnds(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	const gone = "404 notFound: Not Found"
	for name, tt := range map[string]struct {
		query  string
		finish func(u resumable) googletest.Answer
		want   string // empty where it works
		size   string
	}{
		"in one piece":    {"&name=a", func(u resumable) googletest.Answer { return u.put("bytes 0-4/5", "hello") }, "", "5"},
		"without a range": {"&name=b", func(u resumable) googletest.Answer { return u.put("", "hello") }, "", "5"},
		"empty":           {"&name=c", func(u resumable) googletest.Answer { return u.put("bytes */0", "") }, "", "0"},
		"of a length told at end": {"&name=d", func(u resumable) googletest.Answer {
			u.put("bytes 0-262143/*", strings.Repeat("a", unit))
			return u.put("bytes */262144", "")
		}, "", "262144"},
		"cancelled": {"&name=e", func(u resumable) googletest.Answer {
			u.put("bytes 0-262143/*", strings.Repeat("a", unit))
			if a := u.s.Do(u.t, googletest.Request{Method: "DELETE", Path: u.location}); a.Status != 499 {
				u.t.Errorf("the cancellation answered %d", a.Status)
			}
			return u.put("bytes */*", "")
		}, gone, ""},
		"under a precondition that fails meanwhile": {"&name=f&ifGenerationMatch=0", func(u resumable) googletest.Answer {
			mustUpload(u.t, u.s, "f", "meanwhile")
			return u.put("bytes 0-4/5", "hello")
		}, "412 conditionNotMet: At least one of the pre-conditions you specified did not hold.", ""},
		"in a bucket that went": {"&name=g", func(u resumable) googletest.Answer {
			other := strings.Replace(u.location, bucket, "other-bucket", 1)
			a := u.s.Do(u.t, googletest.Request{Method: "POST", Path: strings.Replace(uploads, bucket, "other-bucket", 1) + "?uploadType=resumable&name=g", Token: u.s.AdminToken()})
			if a.Status != 404 {
				u.t.Errorf("a session in no bucket answered %d at %s", a.Status, other)
			}
			makeBucket(u.t, u.s, "other-bucket")
			a = u.s.Do(u.t, googletest.Request{Method: "POST", Path: strings.Replace(uploads, bucket, "other-bucket", 1) + "?uploadType=resumable&name=g", Token: u.s.AdminToken()})
			u.location = strings.TrimPrefix(a.Header.Get("Location"), u.s.URL)
			u.s.Must(u.t, "DELETE", "/storage/v1/b/other-bucket", nil)
			makeBucket(u.t, u.s, "other-bucket")
			return u.put("bytes 0-4/5", "hello")
		}, "404 notFound: The specified bucket does not exist.", ""},
		"another session": {"&name=h", func(u resumable) googletest.Answer {
			u.location += "x"
			return u.put("bytes 0-4/5", "hello")
		}, gone, ""},
	} {
		u := start(t, s, tt.query, "", nil)
		a := tt.finish(u)
		if tt.want != "" {
			if got := a.Error(t); got != tt.want {
				t.Errorf("%s answered\n%s\nwant\n%s", name, got, tt.want)
			}
			continue
		}
		var out map[string]any
		a.Decode(t, &out)
		if a.Status != 200 || out["size"] != tt.size {
			t.Errorf("%s answered %d: %s", name, a.Status, a.Body)
		}
	}
	old := start(t, s, "&name=i", "", nil)
	s.Advance(7*24*time.Hour + time.Second)
	if got := old.put("bytes 0-4/5", "hello").Error(t); got != gone {
		t.Errorf("an old session answered\n%s\nwant\n%s", got, gone)
	}
}

// TestOneWinner lets many create one object at once, each if it is not there.
func TestOneWinner(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	var wg sync.WaitGroup
	statuses := make([]int, 16)
	for i := range statuses {
		wg.Go(func() {
			switch {
			case i%2 == 0:
				statuses[i] = upload(t, s, "x", "&ifGenerationMatch=0", fmt.Sprint(i)).Status
			default:
				statuses[i] = s.Do(t, googletest.Request{Method: "GET", Path: objectPath("x") + "?alt=media", Token: s.AdminToken()}).Status
			}
		})
	}
	wg.Wait()
	won := 0
	for i, status := range statuses {
		switch {
		case i%2 == 0 && status == 200:
			won++
		case i%2 == 0 && status != 412, i%2 == 1 && status != 404 && status != 200:
			t.Errorf("request %d was answered %d", i, status)
		}
	}
	if won != 1 {
		t.Errorf("%d of the uploads won, want 1", won)
	}
}

// TestOneSessionOneRequest sends the same chunk many times at once.
func TestOneSessionOneRequest(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	u := start(t, s, "&name=x", "", nil)
	chunk := strings.Repeat("a", unit)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			a := u.put(fmt.Sprintf("bytes 0-%d/%d", unit-1, 2*unit), chunk)
			if got := state(a); got != "308 bytes=0-262143" && a.Status != 503 {
				t.Errorf("answered %s: %s", got, a.Body)
			}
		})
	}
	wg.Wait()
	if got, want := state(u.put("bytes */*", "")), "308 bytes=0-262143"; got != want {
		t.Errorf("the state is %s, want %s", got, want)
	}
}

// TestSlowChunk holds a chunk back: its session is busy meanwhile, and nothing
// else waits.
func TestSlowChunk(t *testing.T) {
	t.Parallel()
	s := withBucket(t)
	u := start(t, s, "&name=x", "", nil)
	body, chunk := io.Pipe()
	req, err := http.NewRequest("PUT", s.URL+u.location, body)
	if err != nil {
		t.Fatal(err)
	}
	finished := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			finished <- 0
			return
		}
		finished <- resp.StatusCode
		_ = resp.Body.Close() // its status is all
	}()
	if _, err := chunk.Write([]byte("hel")); err != nil {
		t.Fatal(err)
	}
	busy := u.put("bytes */*", "")
	for deadline := time.Now().Add(10 * time.Second); busy.Status == 308 && time.Now().Before(deadline); { // it is on its way
		busy = u.put("bytes */*", "")
	}
	if got, want := busy.Error(t), "503 backendError: Another request continues this upload."; got != want {
		t.Errorf("meanwhile the session answered\n%s\nwant\n%s", got, want)
	}
	s.Must(t, "GET", "/storage/v1/b/"+bucket+"/o", nil)
	mustUpload(t, s, "y", "y")
	if _, err := chunk.Write([]byte("lo")); err != nil {
		t.Fatal(err)
	}
	if err := chunk.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-finished; got != 200 {
		t.Errorf("the chunk is answered %d", got)
	}
	if a := s.Admin(t, "GET", objectPath("x")+"?alt=media", nil); a.Body != "hello" {
		t.Errorf("the object is %d: %s", a.Status, a.Body)
	}
}
