package benchmark

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bucket is the name of the source and of the destination.
const Bucket = "benchmark"

const generation = "1700000000000000"

// Object returns the name of an object of the given size; objects in different
// folders have the same bytes.
func Object(folder string, number int, size int64) string {
	return fmt.Sprintf("%s/%06d-%d", folder, number, size)
}

// Small is the number of Object's objects in a listed folder.
const Small = 2000

// origin responds as Google's services do to the requests of a copy: the token
// exchange, objects by the XML API, listings and objects by the JSON API. It has
// every object whose name ends in its size.
type origin struct {
	url  string
	sums sync.Map // CRC32C in base64, by size
	queue
}

// block is repeated to make up all objects.
var block = func() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b) // it never fails
	return b
}()

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/v1/token":
		answer(w, map[string]any{"access_token": "federated", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer", "expires_in": 3600})
	case strings.HasSuffix(path, ":generateAccessToken"):
		answer(w, map[string]any{"accessToken": "impersonated", "expireTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	case strings.HasPrefix(path, "/v1/projects/benchmark/"):
		o.queue.ServeHTTP(w, r)
	case path == "/storage/v1/b/"+Bucket+"/o":
		o.list(w, r.URL.Query())
	case strings.HasPrefix(path, "/storage/v1/b/"+Bucket+"/o/"):
		name := strings.TrimPrefix(path, "/storage/v1/b/"+Bucket+"/o/")
		if size, ok := sizeOf(name); ok && r.URL.Query().Get("alt") != "media" {
			answer(w, o.resource(name, size))
			return
		}
		o.media(w, r, name)
	default:
		o.media(w, r, strings.TrimPrefix(path, "/"+Bucket+"/"))
	}
}

func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document) // a client that is gone needs no answer
}

func sizeOf(name string) (int64, bool) {
	_, text, ok := strings.Cut(name[strings.LastIndex(name, "/")+1:], "-")
	size, err := strconv.ParseInt(text, 10, 64)
	return size, ok && err == nil
}

// sum returns the CRC32C of an object of the given size.
func (o *origin) sum(size int64) string {
	if sum, ok := o.sums.Load(size); ok {
		return sum.(string)
	}
	var sum uint32
	for left := size; left > 0; left -= int64(len(block)) {
		sum = crc32.Update(sum, castagnoli, block[:min(left, int64(len(block)))])
	}
	text := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
	o.sums.Store(size, text)
	return text
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// resource has no MD5, like composite objects, so rclone does not compute one either.
func (o *origin) resource(name string, size int64) map[string]any {
	return map[string]any{
		"kind": "storage#object", "name": name, "bucket": Bucket, "generation": generation, "size": strconv.FormatInt(size, 10), "crc32c": o.sum(size),
		"contentType": "application/octet-stream", "updated": "2026-01-02T03:04:05Z", "timeCreated": "2026-01-02T03:04:05Z", "storageClass": "STANDARD",
		"mediaLink": o.url + "/storage/v1/b/" + Bucket + "/o/" + url.PathEscape(name) + "?alt=media",
	}
}

// list returns the small objects of a folder, 1000 a page, with only the fields
// asked for (Cloud Storage documentation, "Performance tips", partial responses).
func (o *origin) list(w http.ResponseWriter, query url.Values) {
	folder := strings.TrimSuffix(query.Get("prefix"), "/")
	if strings.Contains(folder, "-") || folder == "" { // a single object, not a folder
		answer(w, map[string]any{"kind": "storage#objects"})
		return
	}
	from, _ := strconv.Atoi(query.Get("pageToken"))
	to := min(from+1000, Small)
	page := map[string]any{"kind": "storage#objects"}
	items := make([]any, 0, 1000)
	_, rest, partial := strings.Cut(query.Get("fields"), "items(")
	asked, _, _ := strings.Cut(rest, ")")
	fields := strings.Split(asked, ",")
	for i := from; i < to; i++ {
		item := o.resource(Object(folder, i, 1024), 1024)
		maps.DeleteFunc(item, func(field string, _ any) bool { return partial && !slices.Contains(fields, field) })
		items = append(items, item)
	}
	page["items"] = items
	if to < Small {
		page["nextPageToken"] = strconv.Itoa(to)
	}
	answer(w, page)
}

func (o *origin) media(w http.ResponseWriter, r *http.Request, name string) {
	size, ok := sizeOf(name)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Goog-Generation", generation)
	h.Set("X-Goog-Hash", "crc32c="+o.sum(size))
	h.Set("X-Goog-Stored-Content-Length", strconv.FormatInt(size, 10))
	from, to, status := int64(0), size, http.StatusOK
	if text, ranged := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ranged {
		first, last, _ := strings.Cut(text, "-")
		from, _ = strconv.ParseInt(first, 10, 64)
		if last != "" {
			to, _ = strconv.ParseInt(last, 10, 64)
			to++
		}
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
		status = http.StatusPartialContent
	}
	h.Set("Content-Length", strconv.FormatInt(to-from, 10))
	w.WriteHeader(status)
	for from < to {
		start := from % int64(len(block))
		n, err := w.Write(block[start:min(int64(len(block)), start+to-from)])
		if err != nil {
			return
		}
		from += int64(n)
	}
}
