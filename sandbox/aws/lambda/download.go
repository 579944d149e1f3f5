package lambda

import (
	"net/http"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// downloadPath is where deployment packages are for a while. The real service
// presigns a URL of a bucket of its own.
const downloadPath = "/awslambda-code/"

// downloadLimit is how long: Lambda API Reference, "FunctionCodeLocation".
const downloadLimit = 10 * time.Minute

type download struct {
	code  []byte
	until time.Time
}

// offer makes an address of a function's deployment package. Server.mu must be held.
func (s *Server) offer(f *function) string {
	now := s.Now()
	for token, d := range s.downloads {
		if !now.Before(d.until) {
			delete(s.downloads, token)
		}
	}
	token := s.UUID()
	s.downloads[token] = download{f.code, now.Add(downloadLimit)}
	return s.URL + downloadPath + token
}

// IsDownload reports whether a request is for a deployment package. It carries no
// signature but in its address.
func IsDownload(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, downloadPath) }

// Download answers a request for a deployment package.
func (s *Server) Download(w http.ResponseWriter, r *api.Request) {
	r.Service, r.Entry.Service, r.Entry.Operation = "lambda", "lambda", "DownloadCode"
	s.mu.Lock()
	d, ok := s.downloads[strings.TrimPrefix(r.URL.Path, downloadPath)]
	s.mu.Unlock()
	if !ok || !s.Now().Before(d.until) || r.Method != http.MethodGet {
		api.WriteError(w, r, api.Errorf(http.StatusForbidden, "AccessDenied", "Request has expired"))
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	_, _ = w.Write(d.code) // a client that went away needs no answer
}
