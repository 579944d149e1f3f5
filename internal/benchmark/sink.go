package benchmark

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Sink responds as S3 does to the requests of a copy. It sums what arrives,
// compares single puts with the checksum sent along, and keeps only lengths.
type Sink struct {
	mu      sync.Mutex
	lengths map[string]int64 // of objects, and of unfinished uploads by id
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
	s.lengths = nil
	return bytes, wrong
}

func (s *Sink) add(name string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lengths == nil {
		s.lengths = map[string]int64{}
	}
	s.lengths[name] += n
	s.bytes += n
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

func (s *Sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := query.Get("uploadId")
	w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef-1"`)
	switch {
	case r.Method == http.MethodPut:
		n, sum, err := read(r.Body)
		if err != nil {
			http.Error(w, "short", http.StatusBadRequest)
			return
		}
		if id != "" {
			s.add(id, n)
			return
		}
		s.add(r.URL.Path, n)
		if want := r.Header.Get("X-Amz-Checksum-Crc32c"); want != "" && want != base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum)) {
			s.mu.Lock()
			s.wrong++
			s.mu.Unlock()
		}
	case r.Method == http.MethodPost && query.Has("uploads"):
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>k</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, Bucket, strings.ReplaceAll(r.URL.Path, "/", "_"))
	case r.Method == http.MethodPost:
		_, _ = io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		if s.lengths == nil {
			s.lengths = map[string]int64{}
		}
		s.lengths[r.URL.Path] = s.lengths[id]
		s.mu.Unlock()
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
	case r.Method == http.MethodGet:
		fmt.Fprintf(w, `<ListBucketResult><Name>%s</Name><IsTruncated>false</IsTruncated></ListBucketResult>`, Bucket)
	}
}
