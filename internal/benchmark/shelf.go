package benchmark

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// JobsBucket is the name of the bucket whose objects the destination keeps, for the files of
// bulk jobs.
const JobsBucket = "benchmark-jobs"

// shelf responds as S3 does for the bucket that it keeps, and leaves all others to the sink.
type shelf struct {
	sink *Sink

	mu    sync.Mutex
	files map[string][]byte
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, kept := strings.CutPrefix(r.URL.Path, "/"+JobsBucket+"/")
	if !kept {
		s.sink.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data, there := s.files[key]
	switch {
	case r.Method == http.MethodGet && key == "":
		s.list(w, r.URL.Query().Get("prefix"))
	case r.Method == http.MethodGet && there:
		_, _ = w.Write(data) // a client that is gone needs no answer
	case r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
	case r.Header.Get("If-None-Match") != "" && there:
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = io.WriteString(w, "<Error><Code>PreconditionFailed</Code></Error>")
	default:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if s.files == nil {
			s.files = map[string][]byte{}
		}
		s.files[key] = data
	}
}

// list lists the files with a prefix in one page.
func (s *shelf) list(w http.ResponseWriter, prefix string) {
	type content struct {
		Key  string
		Size int
	}
	var page struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []content
	}
	for _, key := range slices.Sorted(maps.Keys(s.files)) {
		if strings.HasPrefix(key, prefix) {
			page.Contents = append(page.Contents, content{url.QueryEscape(key), len(s.files[key])})
		}
	}
	_ = xml.NewEncoder(w).Encode(page) // a client that is gone needs no answer
}

// file returns a file that is kept.
func (s *shelf) file(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[key]
}

// put keeps a file.
func (s *shelf) put(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string][]byte{}
	}
	s.files[key] = data
}
