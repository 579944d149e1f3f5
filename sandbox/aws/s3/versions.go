package s3

import (
	"encoding/xml"
	"iter"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

type versionXML struct {
	XMLName      xml.Name // Version or DeleteMarker
	Key          api.Text
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	StorageClass string `xml:",omitempty"`
	Owner        ownerXML
}

// all are the versions and delete markers of a bucket, of each key the newest
// first.
func (b *bucket) all(from string) iter.Seq[item] {
	return func(yield func(item) bool) {
		start, _ := slices.BinarySearch(b.keys, from)
		for _, key := range b.keys[start:] {
			for _, o := range slices.Backward(b.versions[key]) {
				if !yield(item{key, o.version}) {
					return
				}
			}
		}
	}
}

func (c *call) listObjectVersions() error {
	if err := c.onBucket("s3:ListBucketVersions"); err != nil {
		return err
	}
	l, encode, err := c.listParameters("max-keys", maxListKeys)
	if err != nil {
		return err
	}
	l.after = item{c.query.Get("key-marker"), c.query.Get("version-id-marker")}
	if l.after.key == "" && l.after.id != "" {
		return invalidArgument("version-id-marker", l.after.id, "A version-id marker cannot be specified without a key marker.")
	}
	var out struct {
		XMLName             xml.Name `xml:"ListVersionsResult"`
		XMLNS               string   `xml:"xmlns,attr"`
		Name                string
		Prefix              api.Text
		KeyMarker           api.Text
		VersionIDMarker     string   `xml:"VersionIdMarker"`
		NextKeyMarker       api.Text `xml:",omitempty"`
		NextVersionIDMarker string   `xml:"NextVersionIdMarker,omitempty"`
		MaxKeys             int
		Delimiter           api.Text `xml:",omitempty"`
		EncodingType        string   `xml:",omitempty"`
		IsTruncated         bool
		Versions            []versionXML
		CommonPrefixes      []prefixXML
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	out.XMLNS, out.Name, out.MaxKeys, out.EncodingType = namespaceXML, c.bucket, l.limit, c.query.Get("encoding-type")
	out.Prefix, out.Delimiter, out.KeyMarker, out.VersionIDMarker = encode(l.prefix), encode(l.delimiter), encode(l.after.key), l.after.id
	if l.after.id != "" && b.version(l.after.key, l.after.id) == nil {
		l.after.id = ahead
	}
	l.run(b.all(max(l.prefix, l.after.key)))
	if out.IsTruncated = l.truncated; l.truncated {
		out.NextKeyMarker, out.NextVersionIDMarker = encode(l.last.key), l.last.id
	}
	for _, i := range l.found {
		o := b.version(i.key, i.id)
		x := versionXML{
			XMLName: xml.Name{Local: "DeleteMarker"}, Key: encode(i.key), VersionID: o.version, IsLatest: o == b.current(i.key),
			LastModified: o.modified.Format(timestampXML), Owner: c.s.canonicalID(),
		}
		if !o.deleteMarker {
			x.XMLName.Local, x.ETag, x.Size, x.StorageClass = "Version", quote(o.etag), &o.blob.Size, standardClass
		}
		out.Versions = append(out.Versions, x)
	}
	out.CommonPrefixes = l.commonPrefixes(encode)
	return c.xml(out)
}
