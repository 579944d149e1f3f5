// Package storage is Cloud Storage as far as clients of this project use it: the
// JSON API for buckets, their allow policies and objects (uploads simple,
// multipart and resumable), and the XML API for reading objects. Every request
// needs a permission, on the bucket or its project.
//
// Modelled: generations and preconditions, ranges, CRC32C and MD5, gzip-encoded
// objects with decompressive transcoding, uniform bucket-level access. Not
// modelled: object versioning and soft delete, ACLs, retention, composition,
// notifications, HMAC keys, signed URLs.
package storage

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/policy"
)

// Options configure the service.
type Options struct {
	ProjectID     string
	ProjectNumber string
	Now           func() time.Time
	Blobs         *blob.Store
	URL           string // this cloud's own, for links and upload sessions
	Known         func(email string) bool
}

// Storage is the service.
type Storage struct {
	opts Options

	mu      sync.Mutex
	buckets map[string]*bucket
	uploads map[string]*upload
	last    int64 // the last generation given out
}

// New makes the service.
func New(opts Options) *Storage {
	return &Storage{opts: opts, buckets: map[string]*bucket{}, uploads: map[string]*upload{}}
}

type route struct {
	method  string
	pattern *regexp.Regexp
	handle  func(s *Storage, w http.ResponseWriter, r *api.Request, args []string) error
}

// Object names stand percent-encoded in one segment of a path.
var routes = []route{
	{http.MethodPost, regexp.MustCompile(`^/storage/v1/b$`), (*Storage).insertBucket},
	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b$`), (*Storage).listBuckets},
	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)$`), (*Storage).getBucket},
	{http.MethodPatch, regexp.MustCompile(`^/storage/v1/b/([^/]+)$`), (*Storage).patchBucket},
	{http.MethodDelete, regexp.MustCompile(`^/storage/v1/b/([^/]+)$`), (*Storage).deleteBucket},
	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)/iam$`), (*Storage).getPolicy},
	{http.MethodPut, regexp.MustCompile(`^/storage/v1/b/([^/]+)/iam$`), (*Storage).setPolicy},
	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)/iam/testPermissions$`), (*Storage).testPermissions},

	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)/o$`), (*Storage).listObjects},
	{http.MethodGet, regexp.MustCompile(`^/(?:download/)?storage/v1/b/([^/]+)/o/([^/]+)$`), (*Storage).getObject},
	{http.MethodPatch, regexp.MustCompile(`^/storage/v1/b/([^/]+)/o/([^/]+)$`), (*Storage).patchObject},
	{http.MethodDelete, regexp.MustCompile(`^/storage/v1/b/([^/]+)/o/([^/]+)$`), (*Storage).deleteObject},
	{http.MethodPost, regexp.MustCompile(`^/(?:resumable/)?upload/storage/v1/b/([^/]+)/o$`), (*Storage).insertObject},
	{http.MethodPut, regexp.MustCompile(`^/(?:resumable/)?upload/storage/v1/b/([^/]+)/o$`), (*Storage).continueUpload},
	{http.MethodDelete, regexp.MustCompile(`^/(?:resumable/)?upload/storage/v1/b/([^/]+)/o$`), (*Storage).cancelUpload},
}

var xmlPattern = regexp.MustCompile(`^/([a-z0-9][a-z0-9._-]+)/(.+)$`)

// IsJSON tells whether a path is the JSON API's; what is nobody else's is read
// as the XML API's.
func IsJSON(path string) bool {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/resumable"), "/upload")
	return strings.HasPrefix(strings.TrimPrefix(path, "/download"), "/storage/v1/")
}

// ServeGoogle answers one request.
func (s *Storage) ServeGoogle(w http.ResponseWriter, r *api.Request) {
	path := r.URL.EscapedPath()
	if !IsJSON(path) {
		if err := s.serveXML(w, r); err != nil {
			writeXMLError(w, r, err)
		}
		return
	}
	for _, route := range routes {
		args := route.pattern.FindStringSubmatch(path)
		if args == nil || route.method != r.Method {
			continue
		}
		args, err := unescape(args[1:])
		if err == nil {
			err = route.handle(s, w, r, args)
		}
		if err != nil {
			writeJSONError(w, r, err)
		}
		return
	}
	writeJSONError(w, r, &fault{HTTP: http.StatusNotFound, Reason: "notFound", Message: "Not Found"})
}

// bucket is one bucket.
type bucket struct {
	name         string
	location     string
	storageClass string
	labels       map[string]string
	created      time.Time
	metagen      int64
	policy       policy.Policy
	objects      map[string]*object
}

func (b *bucket) resource() string { return "//storage.googleapis.com/projects/_/buckets/" + b.name }

func (b *bucket) objectResource(name string) string { return b.resource() + "/objects/" + name }

// Rename changes a member in every bucket's policy.
func (s *Storage) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.buckets {
		b.policy.Rename(from, to)
	}
}

// generation gives out object generations: microseconds, never twice.
func (s *Storage) generation() int64 {
	s.last = max(s.last+1, s.opts.Now().UnixMicro())
	return s.last
}
