package storage

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/google/api"
)

// object is one live object.
type object struct {
	metadata
	name       string
	generation int64
	metagen    int64
	created    time.Time
	updated    time.Time
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

func (o *object) crc32c() string {
	return base64.StdEncoding.EncodeToString(o.content.Sums[blob.CRC32C])
}

func (o *object) md5() string { return base64.StdEncoding.EncodeToString(o.content.Sums[blob.MD5]) }

func (s *Storage) objectJSON(b *bucket, o *object) map[string]any {
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
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
	for key, value := range map[string]string{
		"contentType": o.ContentType, "contentEncoding": o.ContentEncoding, "contentLanguage": o.ContentLanguage,
		"contentDisposition": o.ContentDisposition, "cacheControl": o.CacheControl,
	} {
		if value != "" {
			out[key] = value
		}
	}
	if len(o.Metadata) > 0 {
		out["metadata"] = o.Metadata
	}
	return out
}

func (o *object) etag() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.FormatInt(o.generation, 36) + "/" + strconv.FormatInt(o.metagen, 36)))
}

// conditions are the preconditions of a request: Cloud Storage documentation,
// "Request preconditions".
type conditions map[string]int64

// readConditions takes them from a query or from the headers of the XML API.
func readConditions(get func(string) string, names map[string]string) (conditions, error) {
	c := conditions{}
	for key, name := range names {
		text := get(name)
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, invalid("Invalid value for " + name + ": " + text)
		}
		c[key] = n
	}
	return c, nil
}

var (
	jsonConditions = map[string]string{"generation": "ifGenerationMatch", "notGeneration": "ifGenerationNotMatch", "metageneration": "ifMetagenerationMatch", "notMetageneration": "ifMetagenerationNotMatch"}
	xmlConditions  = map[string]string{"generation": "x-goog-if-generation-match", "metageneration": "x-goog-if-metageneration-match"}
)

// check holds an object, which may be absent, to the preconditions. For a read,
// an unchanged object under a not-match is answered 304.
func (c conditions) check(o *object, read bool) error {
	var generation, metagen int64
	if o != nil {
		generation, metagen = o.generation, o.metagen
	}
	for key, want := range c {
		have := generation
		if strings.Contains(strings.ToLower(key), "metageneration") {
			have = metagen
		}
		switch negative := strings.HasPrefix(key, "not"); {
		case !negative && have != want:
			return preconditionFailed()
		case negative && have == want && read:
			return &fault{http.StatusNotModified, "notModified", "NotModified", "Not Modified", "Not Modified"}
		case negative && have == want:
			return preconditionFailed()
		}
	}
	return nil
}

// lookup finds an object for a caller who has a permission on it. That it does
// not exist is told to those who may list the bucket.
func (s *Storage) lookup(r *api.Request, bucketName, name, permission, generation string) (*bucket, *object, error) {
	b, err := s.find(bucketName)
	if err != nil {
		return nil, nil, err
	}
	if err := authorize(r, permission, b.objectResource(name), b.policy); err != nil {
		return nil, nil, err
	}
	o := b.objects[name]
	if o != nil && (generation == "" || generation == strconv.FormatInt(o.generation, 10)) {
		return b, o, nil
	}
	if err := authorize(r, "storage.objects.list", b.resource(), b.policy); err != nil {
		return nil, nil, err
	}
	return nil, nil, noObject(bucketName, name)
}

func (s *Storage) getObject(w http.ResponseWriter, r *api.Request, args []string) error {
	query := r.URL.Query()
	cond, err := readConditions(query.Get, jsonConditions)
	if err != nil {
		return err
	}
	s.mu.Lock()
	b, o, err := s.lookup(r, args[0], args[1], "storage.objects.get", query.Get("generation"))
	if err == nil {
		err = cond.check(o, true)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if query.Get("alt") != "media" {
		defer s.mu.Unlock()
		api.WriteJSON(w, http.StatusOK, s.objectJSON(b, o))
		return nil
	}
	m := s.media(b, o)
	s.mu.Unlock()
	return m.serve(w, r)
}

func (s *Storage) patchObject(w http.ResponseWriter, r *api.Request, args []string) error {
	query := r.URL.Query()
	cond, err := readConditions(query.Get, jsonConditions)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookup(r, args[0], args[1], "storage.objects.update", query.Get("generation"))
	if err != nil {
		return err
	}
	if err := cond.check(o, false); err != nil {
		return err
	}
	changed := o.metadata
	changed.Metadata = maps.Clone(changed.Metadata)
	if err := api.ReadJSON(r, &changed); err != nil {
		return err
	}
	o.metadata = changed
	o.metagen++
	o.updated = s.opts.Now()
	api.WriteJSON(w, http.StatusOK, s.objectJSON(b, o))
	return nil
}

func (s *Storage) deleteObject(w http.ResponseWriter, r *api.Request, args []string) error {
	query := r.URL.Query()
	cond, err := readConditions(query.Get, jsonConditions)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookup(r, args[0], args[1], "storage.objects.delete", query.Get("generation"))
	if err != nil {
		return err
	}
	if err := cond.check(o, false); err != nil {
		return err
	}
	delete(b.objects, o.name)
	o.content.Release()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// maxPage is the most that one page of a listing holds: Objects: list.
const maxPage = 1000

func (s *Storage) listObjects(w http.ResponseWriter, r *api.Request, args []string) error {
	query := r.URL.Query()
	page := maxPage
	if text := query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return invalid("Invalid value for maxResults: " + text)
		}
		if n > 0 {
			page = min(n, maxPage)
		}
	}
	after, err := base64.URLEncoding.DecodeString(query.Get("pageToken"))
	if err != nil {
		return invalid("Invalid value for pageToken: " + query.Get("pageToken"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.objects.list")
	if err != nil {
		return err
	}
	prefix, delimiter := query.Get("prefix"), query.Get("delimiter")
	items, prefixes := []any{}, []string{}
	next := ""
	for _, name := range slices.Sorted(maps.Keys(b.objects)) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || name < query.Get("startOffset") || (query.Get("endOffset") != "" && name >= query.Get("endOffset")) {
			continue
		}
		entry := name
		if delimiter != "" {
			if head, _, found := strings.Cut(rest, delimiter); found {
				entry = prefix + head + delimiter
			}
		}
		if entry <= string(after) && len(after) > 0 || slices.Contains(prefixes, entry) {
			continue
		}
		if len(items)+len(prefixes) == page {
			break
		}
		if entry == name {
			items = append(items, s.objectJSON(b, b.objects[name]))
		} else {
			prefixes = append(prefixes, entry)
		}
		next = entry
	}
	out := map[string]any{"kind": "storage#objects"}
	if len(items) > 0 {
		out["items"] = items
	}
	if len(prefixes) > 0 {
		out["prefixes"] = prefixes
	}
	if len(items)+len(prefixes) == page {
		out["nextPageToken"] = base64.URLEncoding.EncodeToString([]byte(next))
	}
	api.WriteJSON(w, http.StatusOK, out)
	return nil
}
