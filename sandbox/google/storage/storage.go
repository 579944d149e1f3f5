// Package storage is Cloud Storage as far as clients of this project use it: the
// JSON API for buckets, their allow policies and objects (uploads simple,
// multipart and resumable), and the XML API for reading objects. Every request
// needs a permission, on the bucket or its project, and a scope for it.
//
// Modelled: generations and preconditions, ranges, CRC32C and MD5, gzip-encoded
// objects with decompressive transcoding, partial responses, uniform bucket-level
// access, public access prevention. Not modelled: object versioning and soft
// delete, ACLs, retention and holds, customer-supplied keys, rewriting and
// composition, notifications, HMAC keys, signed URLs. A parameter, field or header
// that would ask for one of these is refused by name.
package storage

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// Options configure the service.
type Options struct {
	ProjectID     string
	ProjectNumber string
	Now           func() time.Time
	Blobs         *blob.Store
	URL           string // this cloud's own, for links and upload sessions
	Known         func(email string) bool
	Delay         time.Duration // until a change of a bucket's policy has effect
}

// Storage is the service.
type Storage struct {
	opts Options

	mu      sync.Mutex
	buckets map[string]*bucket
	uploads map[string]*session
	last    int64 // the last generation given out
}

// New makes the service.
func New(opts Options) *Storage {
	return &Storage{opts: opts, buckets: map[string]*bucket{}, uploads: map[string]*session{}}
}

// reply is an answer that is ready to be sent without the service's lock.
type reply struct {
	status int
	header http.Header
	body   []byte
	media  *media // in the place of body
}

// answer makes a reply of what the request asks of a JSON value.
func answer(r *api.Request, v any) (reply, error) {
	v, err := api.Select(r, v)
	if err != nil {
		return reply{}, err
	}
	body, err := api.Encode(v)
	return reply{status: http.StatusOK, header: http.Header{"Content-Type": {api.ContentType}}, body: body}, err
}

func (a reply) send(w http.ResponseWriter, r *api.Request) error {
	if a.media != nil {
		return a.media.serve(w, r)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away hears nothing
	return nil
}

// route is one method of the JSON API. Object names stand percent-encoded in one
// segment of its path; query names the parameters that it takes.
type route struct {
	method  string
	pattern *regexp.Regexp
	handle  func(s *Storage, r *api.Request, args []string) (reply, error)
	query   []string
}

var (
	buckets = regexp.MustCompile(`^/storage/v1/b$`)
	single  = regexp.MustCompile(`^/storage/v1/b/([^/]+)$`)
	allowed = regexp.MustCompile(`^/storage/v1/b/([^/]+)/iam$`)
	objects = regexp.MustCompile(`^/storage/v1/b/([^/]+)/o$`)
	named   = regexp.MustCompile(`^/storage/v1/b/([^/]+)/o/([^/]+)$`)
	content = regexp.MustCompile(`^/(?:download/)?storage/v1/b/([^/]+)/o/([^/]+)$`)
	uploads = regexp.MustCompile(`^/(?:resumable/)?upload/storage/v1/b/([^/]+)/o$`)
)

// The query parameters of several methods. One written name=value has no other
// value here.
var (
	ofBucket = []string{"ifMetagenerationMatch", "ifMetagenerationNotMatch", "softDeleted=false"}
	ofObject = []string{"generation", "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch", "softDeleted=false"}
	ofList   = []string{"prefix", "maxResults", "pageToken", "softDeleted=false"}
)

var routes = []route{
	{http.MethodPost, buckets, (*Storage).insertBucket, []string{"project", "enableObjectRetention=false"}},
	{http.MethodGet, buckets, (*Storage).listBuckets, append([]string{"project", "returnPartialSuccess"}, ofList...)},
	{http.MethodGet, single, (*Storage).getBucket, ofBucket},
	{http.MethodPatch, single, (*Storage).patchBucket, ofBucket},
	{http.MethodDelete, single, (*Storage).deleteBucket, ofBucket},
	{http.MethodGet, allowed, (*Storage).getPolicy, []string{"optionsRequestedPolicyVersion"}},
	{http.MethodPut, allowed, (*Storage).setPolicy, nil},
	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)/iam/testPermissions$`), (*Storage).testPermissions, []string{"permissions"}},

	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)/storageLayout$`), (*Storage).getLayout, []string{"prefix"}},
	{http.MethodGet, regexp.MustCompile(`^/storage/v1/b/([^/]+)/managedFolders$`), (*Storage).listFolders, []string{"prefix", "pageSize", "pageToken"}},

	// Without versioning all versions are the live ones, and without folders none is a prefix.
	{http.MethodGet, objects, (*Storage).listObjects, append([]string{"delimiter", "startOffset", "endOffset", "includeTrailingDelimiter", "versions", "includeFoldersAsPrefixes"}, ofList...)},
	{http.MethodGet, content, (*Storage).getObject, ofObject},
	{http.MethodPatch, named, (*Storage).patchObject, ofObject},
	{http.MethodDelete, named, (*Storage).deleteObject, ofObject},
	{http.MethodPost, uploads, (*Storage).insertObject, append([]string{"name", "uploadType", "upload_id", "contentEncoding"}, ofObject...)},
	{http.MethodPut, uploads, (*Storage).continueUpload, []string{"name", "uploadType", "upload_id"}},
	{http.MethodDelete, uploads, (*Storage).cancelUpload, []string{"name", "uploadType", "upload_id"}},
}

var xmlPattern = regexp.MustCompile(`^/([a-z0-9][a-z0-9._-]+)/(.+)$`)

// isJSON tells whether a path is the JSON API's; what is nobody else's is read
// as the XML API's.
func isJSON(path string) bool {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "/resumable"), "/upload")
	return strings.HasPrefix(strings.TrimPrefix(path, "/download"), "/storage/v1/")
}

// ServeGoogle answers one request.
func (s *Storage) ServeGoogle(w http.ResponseWriter, r *api.Request) {
	serve := s.serveXML
	if isJSON(r.URL.EscapedPath()) {
		serve = s.serveJSON
	}
	a, err := serve(r)
	if err == nil {
		err = a.send(w, r)
	}
	if err != nil {
		WriteError(w, r, err)
	}
}

func (s *Storage) serveJSON(r *api.Request) (reply, error) {
	path := r.URL.EscapedPath()
	for _, route := range routes {
		args := route.pattern.FindStringSubmatch(path)
		if args == nil || route.method != r.Method {
			continue
		}
		args, err := unescape(args[1:])
		if err != nil {
			return reply{}, err
		}
		if err := checkRequest(r, route.query); err != nil {
			return reply{}, err
		}
		return route.handle(s, r, args)
	}
	return reply{}, &fault{HTTP: http.StatusNotFound, Reason: "notFound", Message: "Not Found: the sandbox has no method " + r.Method + " " + r.URL.Path}
}

// Rename changes a member in every bucket's policy.
func (s *Storage) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.buckets {
		b.policy = b.policy.Rename(from, to)
	}
}

// generation gives out object generations: microseconds, never twice.
func (s *Storage) generation() int64 {
	s.last = max(s.last+1, s.opts.Now().UnixMicro())
	return s.last
}
