package benchmark

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Sink responds as S3 does to the requests of a copy. It sums what arrives,
// compares objects and parts with the checksums sent along, and keeps only lengths.
type Sink struct {
	mu      sync.Mutex
	lengths map[string]int64         // of objects
	uploads map[string]map[int]int64 // lengths of the parts of unfinished uploads, by id
	bytes   int64
	wrong   int
}

// Received returns how many bytes have arrived since the last call, and how many
// objects did not match their checksum.
func (s *Sink) Received() (bytes int64, wrong int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bytes, wrong = s.bytes, s.wrong
	s.bytes, s.wrong = 0, 0
	s.lengths, s.uploads = nil, nil
	return bytes, wrong
}

// add records an object, or with an upload's id a part of it.
func (s *Sink) add(name, id string, part int, n int64, right bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += n
	if !right {
		s.wrong++
	}
	if id == "" {
		s.object(name, n)
		return
	}
	if s.uploads == nil {
		s.uploads = map[string]map[int]int64{}
	}
	if s.uploads[id] == nil {
		s.uploads[id] = map[int]int64{}
	}
	s.uploads[id][part] = n
}

// cut records bytes of a body that broke off.
func (s *Sink) cut(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += n
}

func (s *Sink) object(name string, n int64) {
	if s.lengths == nil {
		s.lengths = map[string]int64{}
	}
	s.lengths[name] = n
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// read sums a body.
func read(body io.Reader) (n int64, sum uint32, err error) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		k, err := body.Read(*buf)
		n += int64(k)
		sum = crc32.Update(sum, castagnoli, (*buf)[:k])
		if err == io.EOF {
			return n, sum, nil
		}
		if err != nil {
			return n, sum, err
		}
	}
}

// chunk reads the body of a part: one chunk in the form that S3 calls aws-chunked, which
// its checksum follows, or the bytes alone.
func chunk(r *http.Request) (n int64, right bool, err error) {
	const announced = "X-Amz-Decoded-Content-Length"
	if r.Header.Get(announced) == "" {
		n, _, err := read(r.Body)
		return n, true, err
	}
	body := bufio.NewReaderSize(r.Body, 256<<10)
	if _, err := body.ReadString('\n'); err != nil {
		return 0, false, err
	}
	size, err := strconv.ParseInt(r.Header.Get(announced), 10, 64)
	if err != nil {
		return 0, false, err
	}
	n, sum, err := read(io.LimitReader(body, size))
	if err != nil || n < size {
		return n, false, io.ErrUnexpectedEOF
	}
	trailer, err := io.ReadAll(body)
	want := "\r\n0\r\nx-amz-checksum-crc32c:" + inBase64(sum) + "\r\n\r\n"
	return n, string(trailer) == want, err
}

func inBase64(sum uint32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// list lists the parts of an upload.
func (s *Sink) list(w http.ResponseWriter, id string, after int) {
	const page = 1000
	s.mu.Lock()
	defer s.mu.Unlock()
	numbers := slices.Sorted(maps.Keys(s.uploads[id]))
	numbers = slices.DeleteFunc(numbers, func(n int) bool { return n <= after })
	more := len(numbers) > page
	numbers = numbers[:min(len(numbers), page)]
	fmt.Fprint(w, "<ListPartsResult>")
	for _, n := range numbers {
		fmt.Fprintf(w, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag><Size>%d</Size></Part>", n, etag, s.uploads[id][n])
		after = n
	}
	fmt.Fprintf(w, "<IsTruncated>%v</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker></ListPartsResult>", more, after)
}

// complete makes an object of an upload's parts.
func (s *Sink) complete(name, id string, length string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for _, n := range s.uploads[id] {
		sum += n
	}
	s.object(name, sum)
	delete(s.uploads, id)
	return strconv.FormatInt(sum, 10) == length
}

const etag = `"0123456789abcdef0123456789abcdef-1"`

func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := query.Get("uploadId")
	w.Header().Set("ETag", etag)
	switch {
	case r.Method == http.MethodPut:
		if id != "" {
			n, right, err := chunk(r)
			if err != nil {
				s.cut(n)
				http.Error(w, "short", http.StatusBadRequest)
				return
			}
			part, _ := strconv.Atoi(query.Get("partNumber"))
			s.add("", id, part, n, right)
			return
		}
		n, sum, err := read(r.Body)
		if err != nil {
			http.Error(w, "short", http.StatusBadRequest)
			return
		}
		want := r.Header.Get("X-Amz-Checksum-Crc32c")
		s.add(r.URL.Path, "", 0, n, want == "" || want == inBase64(sum))
	case r.Method == http.MethodPost && query.Has("uploads"):
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>k</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, Bucket, strings.ReplaceAll(r.URL.Path, "/", "_"))
	case r.Method == http.MethodPost:
		_, _ = io.Copy(io.Discard, r.Body)
		if announced := r.Header.Get("X-Amz-Mp-Object-Size"); !s.complete(r.URL.Path, id, announced) && announced != "" {
			http.Error(w, "<Error><Code>InvalidRequest</Code><Message>the parts have another size</Message></Error>", http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>k</Key><ETag>"0123456789abcdef0123456789abcdef-1"</ETag></CompleteMultipartUploadResult>`, Bucket)
	case r.Method == http.MethodHead:
		s.mu.Lock()
		n, ok := s.lengths[r.URL.Path]
		s.mu.Unlock()
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(n))
		w.Header().Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
	case r.Method == http.MethodGet && id != "":
		after, _ := strconv.Atoi(query.Get("part-number-marker"))
		s.list(w, id, after)
	case r.Method == http.MethodGet:
		fmt.Fprintf(w, `<ListBucketResult><Name>%s</Name><IsTruncated>false</IsTruncated></ListBucketResult>`, Bucket)
	}
}
