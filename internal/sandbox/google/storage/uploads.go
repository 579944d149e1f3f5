package storage

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
)

// maxObjectName is the longest object name: Cloud Storage documentation, "Object
// names", bytes.
const maxObjectName = 1024

// target is where an upload goes, with what its client says of it.
type target struct {
	bucket     string
	conditions conditions
	resource   struct {
		metadata
		Name   string `json:"name"`
		Bucket string `json:"bucket"`
		Crc32c string `json:"crc32c"`
		MD5    string `json:"md5Hash"`
	}
}

// upload is a resumable upload.
type upload struct {
	target
	principal string
	parts     []*blob.Blob
	size      int64 // received so far
}

func (s *Storage) insertObject(w http.ResponseWriter, r *api.Request, args []string) error {
	query := r.URL.Query()
	t := target{bucket: args[0]}
	t.resource.Name = query.Get("name")
	var err error
	if t.conditions, err = readConditions(query.Get, jsonConditions); err != nil {
		return err
	}
	switch kind := query.Get("uploadType"); kind {
	case "media":
		t.resource.ContentType = r.Header.Get("Content-Type")
		return s.receive(w, r, t, r.Body)
	case "multipart":
		return s.insertMultipart(w, r, t)
	case "resumable":
		return s.startUpload(w, r, t)
	default:
		return invalid("Invalid upload request: uploadType " + strconv.Quote(kind))
	}
}

// insertMultipart reads the object's resource and its content from one body.
func (s *Storage) insertMultipart(w http.ResponseWriter, r *api.Request, t target) error {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return invalid("Invalid multipart request with no boundary.")
	}
	parts := multipart.NewReader(r.Body, params["boundary"])
	first, err := parts.NextPart()
	if err != nil {
		return invalid("Invalid multipart request with 0 mime parts.")
	}
	if err := t.read(first); err != nil {
		return err
	}
	second, err := parts.NextPart()
	if err != nil {
		return invalid("Invalid multipart request with 1 mime parts.")
	}
	if t.resource.ContentType == "" {
		t.resource.ContentType = second.Header.Get("Content-Type")
	}
	return s.receive(w, r, t, second)
}

func (t *target) read(r io.Reader) error {
	name := t.resource.Name
	if err := json.NewDecoder(r).Decode(&t.resource); err != nil && !errors.Is(err, io.EOF) {
		return invalid("Invalid JSON payload received. " + err.Error())
	}
	if name != "" {
		t.resource.Name = name
	}
	return nil
}

// check holds a caller and a name to what an upload needs.
func (s *Storage) check(r *api.Request, t target) error {
	name := t.resource.Name
	if name == "" || len(name) > maxObjectName || !utf8.ValidString(name) || strings.ContainsAny(name, "\r\n") || name == "." || name == ".." {
		return invalid("Invalid object name: " + strconv.Quote(name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(t.bucket)
	if err != nil {
		return err
	}
	if err := authorize(r, "storage.objects.create", b.objectResource(name), b.policy); err != nil {
		return err
	}
	if b.objects[name] != nil {
		if err := authorize(r, "storage.objects.delete", b.objectResource(name), b.policy); err != nil {
			return err
		}
	}
	return t.conditions.check(b.objects[name], false)
}

// receive stores a content that comes in one piece.
func (s *Storage) receive(w http.ResponseWriter, r *api.Request, t target, body io.Reader) error {
	if err := s.check(r, t); err != nil {
		return err
	}
	content, err := s.opts.Blobs.Put(body, blob.CRC32C, blob.MD5)
	if err != nil {
		return invalid("The upload ended early: " + err.Error())
	}
	return s.finish(w, r, t, content)
}

// finish makes an upload's content the live object, if the sums that the client
// gave are right and nothing changed under it.
func (s *Storage) finish(w http.ResponseWriter, r *api.Request, t target, content *blob.Blob) error {
	for name, pair := range map[string][2]string{
		"CRC32C":   {t.resource.Crc32c, base64.StdEncoding.EncodeToString(content.Sums[blob.CRC32C])},
		"MD5 hash": {t.resource.MD5, base64.StdEncoding.EncodeToString(content.Sums[blob.MD5])},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			content.Release()
			return invalid(fmt.Sprintf("Provided %s %q doesn't match calculated %s %q.", name, pair[0], name, pair[1]))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(t.bucket)
	if err == nil {
		err = t.conditions.check(b.objects[t.resource.Name], false)
	}
	if err != nil {
		content.Release()
		return err
	}
	now := s.opts.Now()
	o := &object{metadata: t.resource.metadata, name: t.resource.Name, generation: s.generation(), metagen: 1, created: now, updated: now, content: content}
	if old := b.objects[o.name]; old != nil {
		old.content.Release()
	}
	b.objects[o.name] = o
	h := w.Header()
	h.Add("X-Goog-Hash", "crc32c="+o.crc32c())
	h.Add("X-Goog-Hash", "md5="+o.md5())
	api.WriteJSON(w, http.StatusOK, s.objectJSON(b, o))
	return nil
}

// startUpload opens a resumable session, whose URI is the right to continue it.
func (s *Storage) startUpload(w http.ResponseWriter, r *api.Request, t target) error {
	if err := t.read(r.Body); err != nil {
		return err
	}
	if t.resource.ContentType == "" {
		t.resource.ContentType = r.Header.Get("X-Upload-Content-Type")
	}
	if err := s.check(r, t); err != nil {
		return err
	}
	id := rand.Text() + rand.Text()
	s.mu.Lock()
	s.uploads[id] = &upload{target: t, principal: r.Principal.Member}
	s.mu.Unlock()
	w.Header().Set("Location", s.opts.URL+"/upload/storage/v1/b/"+t.bucket+"/o?uploadType=resumable&upload_id="+id)
	w.Header().Set("X-Guploader-Uploadid", id)
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *Storage) session(r *api.Request) (string, *upload, error) {
	id := r.URL.Query().Get("upload_id")
	u := s.uploads[id]
	if u == nil {
		return "", nil, &fault{http.StatusNotFound, "notFound", "NoSuchUpload", "Not Found", "Not Found"}
	}
	return id, u, nil
}

// chunkUnit is what every chunk but the last is a multiple of: Cloud Storage
// documentation, "Resumable uploads", bytes.
const chunkUnit = 256 << 10

// continueUpload takes a chunk, or tells how far the upload has come.
func (s *Storage) continueUpload(w http.ResponseWriter, r *api.Request, _ []string) error {
	s.mu.Lock()
	id, u, err := s.session(r)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	start, total, status, err := parseContentRange(r.Header.Get("Content-Range"))
	if err != nil {
		return err
	}
	if !status {
		if start != u.size {
			return &fault{http.StatusServiceUnavailable, "backendError", "ServiceUnavailable", fmt.Sprintf("Invalid request. The upload is at byte %d.", u.size), "Service unavailable."}
		}
		chunk, err := s.opts.Blobs.Put(r.Body, blob.CRC32C)
		if err != nil {
			return invalid("The upload ended early: " + err.Error())
		}
		u.parts = append(u.parts, chunk)
		u.size += chunk.Size
		if total < 0 && r.Header.Get("Content-Range") == "" {
			total = u.size
		}
		if u.size != total && chunk.Size%chunkUnit != 0 {
			return invalid(fmt.Sprintf("Invalid request. There were %d byte(s) in the request body. All chunks but the last must be multiples of %d.", chunk.Size, chunkUnit))
		}
	}
	if total >= 0 && u.size == total {
		return s.completeUpload(w, r, id, u)
	}
	if u.size > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", u.size-1))
	}
	w.Header().Set("X-Http-Status-Code-Override", "308")
	w.WriteHeader(http.StatusPermanentRedirect)
	return nil
}

// completeUpload puts the chunks together. Their MD5 is of the whole, so they
// are read once more.
func (s *Storage) completeUpload(w http.ResponseWriter, r *api.Request, id string, u *upload) error {
	s.mu.Lock()
	delete(s.uploads, id)
	s.mu.Unlock()
	whole := blob.Concat(u.parts...)
	for _, p := range u.parts {
		p.Release()
	}
	defer whole.Release()
	body := whole.Reader(0, whole.Size)
	defer body.Close()
	content, err := s.opts.Blobs.Put(body, blob.CRC32C, blob.MD5)
	if err != nil {
		return err
	}
	return s.finish(w, r, u.target, content)
}

func (s *Storage) cancelUpload(w http.ResponseWriter, r *api.Request, _ []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, u, err := s.session(r)
	if err != nil {
		return err
	}
	delete(s.uploads, id)
	for _, p := range u.parts {
		p.Release()
	}
	w.WriteHeader(499) // what Cloud Storage answers to a cancellation
	return nil
}

// parseContentRange reads "bytes FIRST-LAST/TOTAL", in which each may be open;
// "bytes */TOTAL" only asks for the state. total is -1 where it is not known.
func parseContentRange(header string) (start, total int64, status bool, err error) {
	if header == "" {
		return 0, -1, false, nil
	}
	bad := invalid("Invalid Content-Range: " + header)
	text, ok := strings.CutPrefix(header, "bytes ")
	span, size, slash := strings.Cut(text, "/")
	if !ok || !slash {
		return 0, 0, false, bad
	}
	total = -1
	if size != "*" {
		if total, err = strconv.ParseInt(size, 10, 64); err != nil {
			return 0, 0, false, bad
		}
	}
	if span == "*" {
		return 0, total, true, nil
	}
	first, _, dash := strings.Cut(span, "-")
	if start, err = strconv.ParseInt(first, 10, 64); err != nil || !dash {
		return 0, 0, false, bad
	}
	return start, total, false, nil
}
