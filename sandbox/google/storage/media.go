package storage

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// media is an object's content on its way out; it holds the content, so that an
// object replaced meanwhile is still sent whole.
type media struct {
	object
	class   string
	etag    string
	xml     bool // for the XML API
	public  bool // everybody may read it
	now     time.Time
	content *blob.Blob
}

// media takes an object out of the service, for one of the APIs; the caller holds the
// lock.
func (s *Storage) media(r *api.Request, b *bucket, o *object, xml bool) *media {
	m := &media{object: *o, class: b.storageClass, xml: xml, content: o.content.Share(), etag: o.etag(), now: s.opts.Now()}
	if xml {
		m.etag = o.md5Hex()
	}
	everybody := r.Decide(api.Principal{}, "storage.objects.get", b.objectResource(o.name), []api.Granter{b.grants()})
	m.public = everybody.Allowed && !b.requesterPays
	return m
}

// transcoded reports whether a stored gzip is sent unpacked: Cloud Storage
// documentation, "Transcoding of gzip-compressed files". What is packed by its type,
// too, is unpacked also for who takes gzip: GoogleCloudPlatform/gsutil, issue 480.
func (m *media) transcoded(r *api.Request) bool {
	return m.ContentEncoding == "gzip" && !strings.Contains(m.CacheControl, "no-transform") &&
		(!strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") || packedTypes[m.ContentType])
}

// packedTypes are content types that Cloud Storage takes for compressed. It does not
// publish its list; these are believed.
var packedTypes = map[string]bool{
	"application/gzip": true, "application/x-gzip": true, "application/x-compress": true, "application/x-compressed": true,
	"application/zip": true, "application/x-zip-compressed": true,
}

// serve answers the content or a range of it. An error comes before any header.
func (m *media) serve(w http.ResponseWriter, r *api.Request) error {
	defer m.content.Release()
	if m.transcoded(r) {
		return m.transcode(w, r)
	}
	h := w.Header()
	start, length, partial, err := parseRange(r.Header.Get("Range"), m.content.Size)
	if err != nil {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", m.content.Size))
		return err
	}
	m.describe(h)
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, start+length-1, m.content.Size))
	}
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	body := m.content.Reader(start, length)
	defer body.Close()
	_, _ = io.Copy(w, body) // a client that went away ends the copy
	return nil
}

func (m *media) describe(h http.Header) {
	set := func(name, value string) {
		if value != "" {
			h.Set(name, value)
		}
	}
	stored := "identity"
	if m.ContentEncoding != "" {
		stored = m.ContentEncoding
	}
	set("Content-Type", m.ContentType)
	set("Content-Encoding", m.ContentEncoding)
	set("Content-Language", m.ContentLanguage)
	set("Content-Disposition", m.ContentDisposition)
	m.cached(set)
	set("Last-Modified", m.updated.UTC().Format(http.TimeFormat))
	set("Etag", `"`+m.etag+`"`)
	set("Accept-Ranges", "bytes")
	set("X-Goog-Generation", strconv.FormatInt(m.generation, 10))
	set("X-Goog-Metageneration", strconv.FormatInt(m.metagen, 10))
	set("X-Goog-Stored-Content-Encoding", stored)
	set("X-Goog-Stored-Content-Length", strconv.FormatInt(m.content.Size, 10))
	set("X-Goog-Storage-Class", m.class)
	h.Add("X-Goog-Hash", "crc32c="+m.crc32c())
	h.Add("X-Goog-Hash", "md5="+m.md5())
	if !m.xml { // custom metadata is in the object's resource alone: Reader.Metadata of cloud.google.com/go/storage
		return
	}
	for k, v := range m.Metadata {
		h["x-goog-meta-"+k] = []string{v} // as it is written, each on a line of its own
	}
}

// cached says who may keep the answer, and how long, where the object does not: of
// public objects XML API reference, "HTTP headers and common query string
// parameters"; of others believed, of the JSON API as in rclone/rclone, issue 2658.
func (m *media) cached(set func(name, value string)) {
	control, lifetime := "private, max-age=0", time.Duration(0)
	switch {
	case m.CacheControl != "":
		set("Cache-Control", m.CacheControl)
		return
	case m.public:
		control, lifetime = "public, max-age=3600", time.Hour
	case !m.xml:
		control = "no-cache, no-store, max-age=0, must-revalidate"
		set("Pragma", "no-cache")
	}
	set("Cache-Control", control)
	set("Expires", m.now.Add(lifetime).UTC().Format(http.TimeFormat))
}

// transcode sends the whole unpacked, of a length not known in advance, whatever
// range was asked for.
func (m *media) transcode(w http.ResponseWriter, r *api.Request) error {
	raw := m.content.Reader(0, m.content.Size)
	defer raw.Close()
	body, err := gzip.NewReader(raw)
	if err != nil {
		return unavailable("The object is not gzip-compressed.")
	}
	h := w.Header()
	m.describe(h)
	h.Del("Content-Encoding")
	h.Del("Accept-Ranges")
	h.Set("Warning", "214 UploadServer gunzipped")
	h.Set("Vary", "Accept-Encoding")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_ = http.NewResponseController(w).Flush() // or net/http would find out the length of a short one
		if _, err := io.Copy(w, body); err != nil {
			panic(http.ErrAbortHandler) // so that a client does not take a part for the whole
		}
	}
	return nil
}

// parseRange reads a Range header of one range; others are ignored, as RFC 9110,
// section 14.2, lets a server do.
func parseRange(header string, size int64) (start, length int64, partial bool, err error) {
	text, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	if !ok || !dash || strings.Contains(text, ",") {
		return 0, size, false, nil
	}
	unsatisfiable := &fault{http.StatusRequestedRangeNotSatisfiable, "requestedRangeNotSatisfiable", "InvalidRange", "The requested range cannot be satisfied.", "The requested range cannot be satisfied."}
	if first == "" { // the last so many bytes
		n, parse := strconv.ParseInt(last, 10, 64)
		if parse != nil {
			return 0, size, false, nil
		}
		if n = min(n, size); n == 0 {
			return 0, 0, false, unsatisfiable
		}
		return size - n, n, true, nil
	}
	start, parse := strconv.ParseInt(first, 10, 64)
	if parse != nil {
		return 0, size, false, nil
	}
	end := size - 1
	if last != "" {
		if end, parse = strconv.ParseInt(last, 10, 64); parse != nil || end < start {
			return 0, size, false, nil
		}
		end = min(end, size-1)
	}
	if start >= size {
		return 0, 0, false, unsatisfiable
	}
	return start, end - start + 1, true, nil
}
