package storage

import (
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// object is one version of an object.
type object struct {
	metadata
	name       string
	generation int64
	metagen    int64
	created    time.Time
	updated    time.Time
	replaced   time.Time // when it became noncurrent; zero while it is live
	content    *blob.Blob
}

// metadata is what a client may set.
type metadata struct {
	ContentType        string            `json:"contentType,omitempty"`
	ContentEncoding    string            `json:"contentEncoding,omitempty"`
	ContentLanguage    string            `json:"contentLanguage,omitempty"`
	ContentDisposition string            `json:"contentDisposition,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"`
}

func (m *metadata) fields() map[string]*string {
	return map[string]*string{
		"contentType": &m.ContentType, "contentEncoding": &m.ContentEncoding, "contentLanguage": &m.ContentLanguage,
		"contentDisposition": &m.ContentDisposition, "cacheControl": &m.CacheControl,
	}
}

// maxCustom is the most that custom metadata has, names and values together, in bytes:
// Cloud Storage documentation, "Quotas and limits", objects.
const maxCustom = 8 << 10

// check refuses custom metadata that is too large; the words are believed.
func (m *metadata) check() error {
	size := 0
	for name, value := range m.Metadata {
		size += len(name) + len(value)
	}
	if size > maxCustom {
		return invalid("The custom metadata has " + strconv.Itoa(size) + " bytes. It must have at most " + strconv.Itoa(maxCustom) + ".")
	}
	return nil
}

func (o *object) crc32c() string {
	return base64.StdEncoding.EncodeToString(o.content.Sums[blob.CRC32C])
}

func (o *object) md5() string { return base64.StdEncoding.EncodeToString(o.content.Sums[blob.MD5]) }

// md5Hex is what the XML API calls the object's etag.
func (o *object) md5Hex() string { return hex.EncodeToString(o.content.Sums[blob.MD5]) }

// etag is what the JSON API calls so. An object that is absent has none.
func (o *object) etag() string {
	if o == nil {
		return ""
	}
	return etag(o.generation, o.metagen)
}

// etag makes one of numbers.
func etag(of ...int64) string {
	var text []byte
	for _, n := range of {
		text = append(strconv.AppendInt(text, n, 36), '/')
	}
	return base64.StdEncoding.EncodeToString(text)
}

func (s *Storage) objectJSON(b *bucket, o *object) map[string]any {
	generation := strconv.FormatInt(o.generation, 10)
	path := "/b/" + b.name + "/o/" + url.PathEscape(o.name)
	out := map[string]any{
		"kind": "storage#object", "id": b.name + "/" + o.name + "/" + generation,
		"selfLink":  s.opts.URL + "/storage/v1" + path,
		"mediaLink": s.opts.URL + "/download/storage/v1" + path + "?generation=" + generation + "&alt=media",
		"name":      o.name, "bucket": b.name, "generation": generation, "metageneration": strconv.FormatInt(o.metagen, 10),
		"storageClass": b.storageClass, "size": strconv.FormatInt(o.content.Size, 10),
		"md5Hash": o.md5(), "crc32c": o.crc32c(), "etag": o.etag(),
		"timeCreated": stamp(o.created), "updated": stamp(o.updated), "timeStorageClassUpdated": stamp(o.created), "timeFinalized": stamp(o.created),
	}
	if !o.replaced.IsZero() {
		out["timeDeleted"] = stamp(o.replaced)
	}
	for key, value := range o.fields() {
		if *value != "" {
			out[key] = *value
		}
	}
	if len(o.Metadata) > 0 {
		out["metadata"] = o.Metadata
	}
	return out
}

// lookup finds an object for a caller with a permission on it. Only callers that may
// list the bucket learn that it does not exist.
func (s *Storage) lookup(r *api.Request, bucketName, name, permission, generation string) (*bucket, *object, error) {
	b, err := s.bucket(r, bucketName)
	if err != nil {
		return nil, nil, err
	}
	if err := authorize(r, permission, b.objectResource(name), b.grants()); err != nil {
		return nil, nil, err
	}
	if o := b.version(name, generation); o != nil {
		return b, o, nil
	}
	if err := authorize(r, "storage.objects.list", b.resource(), b.grants()); err != nil {
		return nil, nil, err
	}
	return nil, nil, noObject(bucketName, name)
}

// version is an object's version of a generation, or its live one; nil if there is none.
func (b *bucket) version(name, generation string) *object {
	live := b.objects[name]
	if generation == "" {
		return live
	}
	for _, o := range b.noncurrent[name] {
		if generation == strconv.FormatInt(o.generation, 10) {
			return o
		}
	}
	if live != nil && generation == strconv.FormatInt(live.generation, 10) {
		return live
	}
	return nil
}

// retire takes the live version of an object away, and tells of it. Where the bucket keeps
// versions it becomes a noncurrent one (Cloud Storage documentation, "Object Versioning").
// more are attributes of the notification.
func (s *Storage) retire(b *bucket, o *object, more ...string) {
	if b.versioning == nil || !*b.versioning {
		s.notify(b, o, deleted, more...)
		o.content.Release()
		return
	}
	o.replaced = s.opts.Now()
	b.noncurrent[o.name] = append(b.noncurrent[o.name], o)
	s.notify(b, o, archived, more...)
}

// lookupIf is lookup under the preconditions of a JSON request.
func (s *Storage) lookupIf(r *api.Request, args []string, permission string) (*bucket, *object, error) {
	query := r.URL.Query()
	cond, err := jsonConditions(r.Header, query.Get)
	if err != nil {
		return nil, nil, err
	}
	b, o, err := s.lookup(r, args[0], args[1], permission, query.Get("generation"))
	if err != nil {
		return nil, nil, err
	}
	return b, o, cond.check(o, o.etag(), r.Method == http.MethodGet)
}

func (s *Storage) getObject(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookupIf(r, args, "storage.objects.get")
	if err != nil {
		return reply{}, err
	}
	switch alt := r.URL.Query().Get("alt"); alt {
	case "media":
		return reply{media: s.media(r, b, o, false)}, nil
	case "", "json":
		return answer(r, s.objectJSON(b, o))
	default:
		return reply{}, invalid("Invalid value for alt: " + alt)
	}
}

// answered are the fields of an object that clients send back, which no patch
// changes.
var answered = map[string]bool{
	"kind": true, "id": true, "selfLink": true, "mediaLink": true, "name": true, "bucket": true, "generation": true, "metageneration": true,
	"storageClass": true, "size": true, "md5Hash": true, "crc32c": true, "etag": true,
	"timeDeleted": true, "timeCreated": true, "updated": true, "timeStorageClassUpdated": true, "timeFinalized": true,
}

// patched is the metadata with the changes of a patch, in which null removes.
func (m metadata) patched(changes map[string]any) (metadata, error) {
	m.Metadata = maps.Clone(m.Metadata)
	fields := m.fields()
	for name, value := range changes {
		entries, isMap := value.(map[string]any)
		text, isText := value.(string)
		switch field := fields[name]; {
		case name == "metadata" && value == nil:
			m.Metadata = nil
		case name == "metadata" && isMap:
			for key, value := range entries {
				text, isText := value.(string)
				switch {
				case value == nil:
					delete(m.Metadata, key)
				case !isText:
					return m, invalid("Invalid value for metadata." + key)
				default:
					if m.Metadata == nil {
						m.Metadata = map[string]string{}
					}
					m.Metadata[key] = text
				}
			}
		case field != nil && (isText || value == nil):
			*field = text
		case field != nil || name == "metadata":
			return m, invalid("Invalid value for " + name)
		case !answered[name]:
			return m, invalid("Invalid JSON payload received. Unknown name \"" + name + "\": Cannot find field.")
		}
	}
	return m, nil
}

func (s *Storage) patchObject(r *api.Request, args []string) (reply, error) {
	var changes map[string]any
	if err := api.ReadJSON(r, &changes); err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookupIf(r, args, "storage.objects.update")
	if err != nil {
		return reply{}, err
	}
	changed, err := o.patched(changes)
	if err == nil {
		err = changed.check()
	}
	if err != nil {
		return reply{}, err
	}
	o.metadata = changed
	o.metagen++
	o.updated = s.opts.Now()
	s.notify(b, o, metadataUpdated)
	return answer(r, s.objectJSON(b, o))
}

func (s *Storage) deleteObject(r *api.Request, args []string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookupIf(r, args, "storage.objects.delete")
	if err != nil {
		return reply{}, err
	}
	switch {
	case !o.replaced.IsZero():
		b.noncurrent[o.name] = slices.DeleteFunc(b.noncurrent[o.name], func(v *object) bool { return v == o })
		if len(b.noncurrent[o.name]) == 0 {
			delete(b.noncurrent, o.name)
		}
	default:
		delete(b.objects, o.name)
		if r.URL.Query().Get("generation") == "" {
			s.retire(b, o)
			return reply{status: http.StatusNoContent}, nil
		}
	}
	// A version that is named by its generation is gone for good.
	s.notify(b, o, deleted)
	o.content.Release()
	return reply{status: http.StatusNoContent}, nil
}
