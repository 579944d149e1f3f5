package s3

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/blob"
)

// object is one version of a key.
type object struct {
	key          string
	version      string // nullVersion outside of versioned buckets
	deleteMarker bool
	modified     time.Time
	etag         string // without quotes
	headers      map[string]string
	checksum     checksum
	blob         *blob.Blob
	parts        []partXML // of a multipart upload
	retention    retention
}

// current is the newest version of a key, which may be a delete marker; nil
// when there is none.
func (b *bucket) current(key string) *object {
	v := b.versions[key]
	if len(v) == 0 {
		return nil
	}
	return v[len(v)-1]
}

// live is the current version unless that is a delete marker.
func (b *bucket) live(key string) *object {
	if o := b.current(key); o != nil && !o.deleteMarker {
		return o
	}
	return nil
}

func (b *bucket) version(key, id string) *object {
	for _, o := range b.versions[key] {
		if o.version == id {
			return o
		}
	}
	return nil
}

// add makes o the current version. Outside of an enabled versioning it takes
// the place of the null version.
func (b *bucket) add(o *object, newVersion string) {
	o.version = nullVersion
	if b.versioning == "Enabled" {
		o.version = newVersion
	} else {
		b.drop(o.key, nullVersion)
	}
	if len(b.versions[o.key]) == 0 {
		at, _ := slices.BinarySearch(b.keys, o.key)
		b.keys = slices.Insert(b.keys, at, o.key)
	}
	b.versions[o.key] = append(b.versions[o.key], o)
}

// drop removes one version for good and returns it.
func (b *bucket) drop(key, id string) *object {
	at := slices.IndexFunc(b.versions[key], func(o *object) bool { return o.version == id })
	if at < 0 {
		return nil
	}
	o := b.versions[key][at]
	b.versions[key] = slices.Delete(b.versions[key], at, at+1)
	if len(b.versions[key]) == 0 {
		delete(b.versions, key)
		if i, ok := slices.BinarySearch(b.keys, key); ok {
			b.keys = slices.Delete(b.keys, i, i+1)
		}
	}
	if o.blob != nil {
		o.blob.Release()
	}
	return o
}

// objectHeaders reads what is kept with an object: the system metadata, the
// user metadata and the labels of encryption.
func (c *call) objectHeaders() (map[string]string, error) {
	h := map[string]string{}
	for _, name := range []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"} {
		if v := c.Header.Get(name); v != "" {
			h[name] = v
		}
	}
	if h["Content-Type"] == "" {
		h["Content-Type"] = "binary/octet-stream"
	}
	if h["Content-Encoding"] = withoutChunked(c.Header.Values("Content-Encoding")); h["Content-Encoding"] == "" {
		delete(h, "Content-Encoding")
	}
	if err := c.userMetadata(h); err != nil {
		return nil, err
	}
	encryption, err := c.encryption()
	if err != nil {
		return nil, err
	}
	maps.Copy(h, encryption)
	switch c.Header.Get("x-amz-acl") {
	case "", "private", "bucket-owner-full-control":
	default:
		return nil, api.Errorf(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
	}
	if v := c.Header.Get("x-amz-storage-class"); v != "" && v != standardClass {
		return nil, notImplemented("Header", "x-amz-storage-class")
	}
	return h, nil
}
