// Package storage is Cloud Storage as far as clients of this project use it: the
// JSON API for buckets, their allow policies and objects (uploads simple,
// multipart and resumable), and the XML API for reading objects. Every request
// needs a permission, on the bucket or its project, and a scope for it.
//
// Modelled: generations and preconditions, object versioning, ranges, CRC32C and MD5,
// gzip-encoded objects with decompressive transcoding, partial responses, uniform
// bucket-level access, public access prevention, requester pays, notifications to Pub/Sub.
// Not modelled: soft delete, ACLs, retention and holds, customer-supplied keys, rewriting
// and composition, HMAC keys, signed URLs. A parameter, field or header that needs one of
// these is refused by name.
package storage

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// Options configure the service.
type Options struct {
	ProjectID     string
	ProjectNumber string
	Now           func() time.Time
	Blobs         *blob.Store
	URL           string                   // this cloud's own, for links and upload sessions
	Known         func(member string) bool // of a policy
	Delay         time.Duration            // until a change of a bucket's policy has effect
	Billed        func() bool              // the project has a billing account; nil is yes
	Appear        func(email string)       // called when the service agent begins to exist
	Topics        Topics                   // where notifications go
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
	media  *media // instead of body
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

// Send writes the answer.
func (a reply) Send(w http.ResponseWriter, r *api.Request) error {
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

// The query parameters of several methods. One written name=value has no other
// value here.
var (
	ofBucket = []string{"ifMetagenerationMatch", "ifMetagenerationNotMatch", "softDeleted=false"}
	ofObject = []string{"generation", "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch", "softDeleted=false"}
	ofList   = []string{"prefix", "maxResults", "pageToken", "softDeleted=false"}
)

// jsonPaths are those of the JSON API; all others are read as the XML API's.
var jsonPaths = regexp.MustCompile(`^/(download/|(resumable/)?upload/)?storage/v1/`)

// service is what the two APIs declare alike.
func service(paths *regexp.Regexp, unknown func(*http.Request) error, methods []api.Method) api.Service {
	return api.Service{
		Name: "storage", API: "storage.googleapis.com", Title: "Cloud Storage JSON API", Paths: paths,
		Escaped: true, Check: checkRequest, Unknown: unknown, WriteError: WriteError, Methods: methods,
	}
}

// JSON declares the JSON API. Object names stand percent-encoded in one segment of its
// paths.
func (s *Storage) JSON() api.Service {
	const buckets = `storage/v1/b`
	method := func(id, verb, path string, do func(*api.Request, []string) (reply, error), query ...string) api.Method {
		return api.Method{
			ID: "storage." + id, HTTP: verb, Path: regexp.MustCompile("^/" + strings.ReplaceAll(path, "{}", "([^/]+)") + "$"), Query: query,
			Do: func(r *api.Request, args []string) (any, error) { return do(r, args) },
		}
	}
	const object, content, upload = buckets + "/{}/o/{}", "(?:download/)?" + buckets + "/{}/o/{}", "(?:resumable/)?upload/" + buckets + "/{}/o"
	part := []string{"name", "uploadType", "upload_id"}
	return service(jsonPaths, unknownJSON, []api.Method{
		method("buckets.insert", "POST", buckets, s.insertBucket, "project", "enableObjectRetention=false"),
		method("buckets.list", "GET", buckets, s.listBuckets, append([]string{"project", "returnPartialSuccess"}, ofList...)...),
		method("buckets.get", "GET", buckets+"/{}", s.getBucket, ofBucket...),
		method("buckets.patch", "PATCH", buckets+"/{}", s.patchBucket, ofBucket...),
		method("buckets.delete", "DELETE", buckets+"/{}", s.deleteBucket, ofBucket...),
		method("buckets.getIamPolicy", "GET", buckets+"/{}/iam", s.getPolicy, "optionsRequestedPolicyVersion"),
		method("buckets.setIamPolicy", "PUT", buckets+"/{}/iam", s.setPolicy),
		method("buckets.testIamPermissions", "GET", buckets+"/{}/iam/testPermissions", s.testPermissions, "permissions"),
		method("buckets.getStorageLayout", "GET", buckets+"/{}/storageLayout", s.getLayout, "prefix"),
		method("managedFolders.list", "GET", buckets+"/{}/managedFolders", s.listFolders, "prefix", "pageSize", "pageToken"),

		method("notifications.insert", "POST", buckets+"/{}/notificationConfigs", s.insertNotification),
		method("notifications.list", "GET", buckets+"/{}/notificationConfigs", s.listNotifications),
		method("notifications.get", "GET", buckets+"/{}/notificationConfigs/{}", s.getNotification),
		method("notifications.delete", "DELETE", buckets+"/{}/notificationConfigs/{}", s.deleteNotification),
		method("projects.serviceAccount.get", "GET", "storage/v1/projects/{}/serviceAccount", s.getServiceAccount),

		// Without folders none is a prefix.
		method("objects.list", "GET", buckets+"/{}/o", s.listObjects,
			append([]string{"delimiter", "startOffset", "endOffset", "includeTrailingDelimiter", "versions", "includeFoldersAsPrefixes"}, ofList...)...),
		method("objects.get", "GET", content, s.getObject, ofObject...),
		method("objects.patch", "PATCH", object, s.patchObject, ofObject...),
		method("objects.delete", "DELETE", object, s.deleteObject, ofObject...),
		method("objects.insert", "POST", upload, s.insertObject, append(append([]string{"contentEncoding"}, part...), ofObject...)...),
		method("objects.insert", "PUT", upload, s.continueUpload, part...),
		method("objects.insert", "DELETE", upload, s.cancelUpload, part...),
	})
}

func unknownJSON(r *http.Request) error {
	return &fault{HTTP: http.StatusNotFound, Reason: "notFound", Message: "Not Found: " + unmodelled.Google("method", r.Method+" "+r.URL.Path)}
}

// XML declares the reading of objects by the XML API.
func (s *Storage) XML() api.Service {
	object := regexp.MustCompile(`^/([a-z0-9][a-z0-9._-]+)/(.+)$`)
	return service(regexp.MustCompile(""), unknownXML, []api.Method{
		{ID: "storage.objects.get", HTTP: "GET", Path: object, Query: []string{"generation"}, Do: s.readXML},
		{ID: "storage.objects.get", HTTP: "HEAD", Path: object, Query: []string{"generation"}, Do: s.readXML},
	})
}

func unknownXML(r *http.Request) error {
	message := unmodelled.Sentence(unmodelled.Google("XML API's", r.Method+" of "+r.URL.Path))
	return &fault{http.StatusBadRequest, "invalid", "UnsupportedOperation", message, "The operation is not supported."}
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
