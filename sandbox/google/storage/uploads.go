package storage

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// maxObjectName is the longest object name: Cloud Storage documentation, "Object
// names", bytes.
const maxObjectName = 1024

// target is where an upload goes, with what its client says of it.
type target struct {
	bucket     string
	conditions conditions
	resource   resource
}

// resource is an object as clients write it. What is only ever answered is read
// and ignored; any other field would need something that is not modelled.
type resource struct {
	metadata
	Name         string `json:"name"`
	Bucket       string `json:"bucket"`
	Crc32c       string `json:"crc32c"`
	MD5          string `json:"md5Hash"`
	StorageClass string `json:"storageClass"`

	Kind, ID, SelfLink, MediaLink, Etag, Generation, Metageneration any
	Size, TimeCreated, Updated, TimeFinalized                       any
}

func (s *Storage) insertObject(r *api.Request, args []string) (reply, error) {
	query := r.URL.Query()
	if query.Get("upload_id") != "" { // Google's Go client continues by POST
		return s.continueUpload(r, args)
	}
	t := target{bucket: args[0]}
	t.resource.Name = query.Get("name")
	t.resource.ContentEncoding = query.Get("contentEncoding")
	var err error
	if t.conditions, err = jsonConditions(r.Header, query.Get); err != nil {
		return reply{}, err
	}
	switch kind := query.Get("uploadType"); kind {
	case "media":
		t.resource.ContentType = r.Header.Get("Content-Type")
		return s.receive(r, t, r.Body, nil)
	case "multipart":
		return s.insertMultipart(r, t)
	case "resumable":
		return s.startUpload(r, t)
	default:
		return reply{}, invalid("Invalid upload request: uploadType " + strconv.Quote(kind))
	}
}

// boundaryPattern finds a multipart body's boundary. Google's Python clients put it
// between single quotes, which RFC 2045 does not have.
var boundaryPattern = regexp.MustCompile(`^multipart/[a-z]+\s*;.*\bboundary=(?:"([^"]+)"|'([^']+)'|([^\s;"']+))`)

// insertMultipart reads the object's resource and its content from one body.
func (s *Storage) insertMultipart(r *api.Request, t target) (reply, error) {
	m := boundaryPattern.FindStringSubmatch(r.Header.Get("Content-Type"))
	if m == nil {
		return reply{}, invalid("Invalid multipart request with no boundary.")
	}
	parts := multipart.NewReader(r.Body, m[1]+m[2]+m[3])
	first, err := parts.NextRawPart()
	if err != nil {
		return reply{}, invalid("Invalid multipart request with 0 mime parts.")
	}
	if err := t.read(first); err != nil {
		return reply{}, err
	}
	second, err := parts.NextRawPart()
	if err != nil {
		return reply{}, invalid("Invalid multipart request with 1 mime parts.")
	}
	if t.resource.ContentType == "" {
		t.resource.ContentType = second.Header.Get("Content-Type")
	}
	return s.receive(r, t, second, func() error {
		if _, err := parts.NextRawPart(); err != io.EOF {
			return invalid("Invalid multipart request: it must have 2 mime parts and end with its boundary.")
		}
		return nil
	})
}

// maxResource is the largest object resource that is read, in bytes.
const maxResource = 64 << 10

// read takes the client's object resource; the name in the query comes first.
func (t *target) read(r io.Reader) error {
	name := t.resource.Name
	if err := api.Decode(io.LimitReader(r, maxResource), &t.resource); err != nil {
		return err
	}
	if name != "" {
		t.resource.Name = name
	}
	if b := t.resource.Bucket; b != "" && b != t.bucket {
		return invalid("Value '" + b + "' in content does not agree with value '" + t.bucket + "'. This can happen when a value set through a parameter is inconsistent with a value set in the request.")
	}
	return nil
}

// check verifies a caller's rights and a name for an upload; the caller holds the lock.
func (s *Storage) check(r *api.Request, t target) (*bucket, error) {
	name := t.resource.Name
	if name == "" {
		return nil, &fault{http.StatusBadRequest, "required", "InvalidArgument", "Required", "Invalid argument."}
	}
	if len(name) > maxObjectName || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n") || name == "." || name == ".." || strings.HasPrefix(name, ".well-known/acme-challenge/") {
		return nil, invalid("Invalid object name: " + strconv.Quote(name))
	}
	if err := t.resource.check(); err != nil {
		return nil, err
	}
	b, err := s.bucket(r, t.bucket)
	if err != nil {
		return nil, err
	}
	if err := authorize(r, "storage.objects.create", b.objectResource(name), b.grants()); err != nil {
		return nil, err
	}
	o := b.objects[name]
	if o != nil {
		if err := authorize(r, "storage.objects.delete", b.objectResource(name), b.grants()); err != nil {
			return nil, err
		}
	}
	if class := t.resource.StorageClass; class != "" && class != b.storageClass {
		return nil, notModelled("storage class", class+" in a bucket of "+b.storageClass)
	}
	return b, t.conditions.check(o, o.etag(), false)
}

// receive stores a content that comes in one piece; rest reads what follows it.
func (s *Storage) receive(r *api.Request, t target, body io.Reader, rest func() error) (reply, error) {
	s.mu.Lock()
	b, err := s.check(r, t)
	s.mu.Unlock()
	if err != nil {
		return reply{}, err
	}
	content, err := s.opts.Blobs.Put(body, blob.CRC32C, blob.MD5)
	if err != nil {
		return reply{}, invalid("The upload ended early: " + err.Error())
	}
	if rest != nil {
		if err := rest(); err != nil {
			content.Release()
			return reply{}, err
		}
	}
	return s.finish(r, t, b, content)
}

// sums are the checksums that a client gave, in the resource or in X-Goog-Hash.
func (t target) sums(h http.Header) map[blob.Algorithm]string {
	sums := map[blob.Algorithm]string{blob.CRC32C: t.resource.Crc32c, blob.MD5: t.resource.MD5}
	for item := range strings.SplitSeq(strings.Join(h.Values("X-Goog-Hash"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		if a := blob.Algorithm(name); a == blob.CRC32C || a == blob.MD5 {
			sums[a] = value
		}
	}
	return sums
}

// finish makes an upload's content the live object, if the sums that the client
// gave are right and nothing changed under it. It takes the content over.
func (s *Storage) finish(r *api.Request, t target, into *bucket, content *blob.Blob) (reply, error) {
	given := t.sums(r.Header)
	for _, a := range []blob.Algorithm{blob.CRC32C, blob.MD5} {
		name := map[blob.Algorithm]string{blob.CRC32C: "CRC32C", blob.MD5: "MD5 hash"}[a]
		if have := base64.StdEncoding.EncodeToString(content.Sums[a]); given[a] != "" && given[a] != have {
			content.Release()
			return reply{}, invalid(fmt.Sprintf("Provided %s %q doesn't match calculated %s %q.", name, given[a], name, have))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(t.bucket)
	if err == nil && b != into { // deleted meanwhile, and another made
		err = noBucket()
	}
	var old *object
	if err == nil {
		old = b.objects[t.resource.Name]
		err = t.conditions.check(old, old.etag(), false)
	}
	if err != nil {
		content.Release()
		return reply{}, err
	}
	now := s.opts.Now()
	o := &object{metadata: t.resource.metadata, name: t.resource.Name, generation: s.generation(), metagen: 1, created: now, updated: now, content: content}
	b.objects[o.name] = o
	if old == nil {
		s.notify(b, o, finalized)
	} else {
		s.notify(b, o, finalized, "overwroteGeneration", strconv.FormatInt(old.generation, 10))
		s.retire(b, old, "overwrittenByGeneration", strconv.FormatInt(o.generation, 10))
	}
	a, err := answer(r, s.objectJSON(b, o))
	if err == nil {
		a.header["X-Goog-Hash"] = []string{"crc32c=" + o.crc32c(), "md5=" + o.md5()}
	}
	return a, err
}
