package s3

import (
	"encoding/base64"
	"encoding/xml"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// listing is one page of keys; ListObjects, ListObjectsV2, ListObjectVersions
// and ListMultipartUploads all cut it the same way.
type listing struct {
	prefix, delimiter string
	after             item // what stands up to and with this one is behind; without an id, all of its key
	limit             int
	found             []item
	prefixes          []string
	truncated         bool
	last              item // the item or prefix that ended the page
}

// item is one entry of a listing: a key, and the id of its version or upload
// where several of one key are listed.
type item struct{ key, id string }

// run goes through items that are sorted by key.
func (l *listing) run(items iter.Seq[item]) {
	for i := range items {
		key := i.key
		if !strings.HasPrefix(key, l.prefix) {
			if key > l.prefix {
				break
			}
			continue
		}
		if key < l.after.key || key == l.after.key && l.after.key != "" && l.behind(i.id) {
			continue
		}
		common := ""
		if l.delimiter != "" {
			if at := strings.Index(key[len(l.prefix):], l.delimiter); at >= 0 {
				common = key[:len(l.prefix)+at+len(l.delimiter)]
			}
		}
		if common != "" && (common == l.last.key || common == l.after.key) {
			continue // on this page, or on the one before
		}
		if len(l.found)+len(l.prefixes) >= l.limit {
			l.truncated = l.limit > 0
			return
		}
		if common != "" {
			l.prefixes, l.last = append(l.prefixes, common), item{key: common}
			continue
		}
		l.found, l.last = append(l.found, i), i
	}
}

// behind reports whether an item of the marker's key stands before the marker's
// id or is it. With the marker itself, the rest of its key is ahead.
func (l *listing) behind(id string) bool {
	if id == l.after.id {
		l.after.id = ahead
		return true
	}
	return l.after.id != ahead
}

// ahead stands for a marker's id that has been passed, or has gone since the
// page before: no id of a version or upload looks like it.
const ahead = "/"

// objects are the current objects of a bucket from a key on.
func (b *bucket) objects(from string) iter.Seq[item] {
	return func(yield func(item) bool) {
		start, _ := slices.BinarySearch(b.keys, from)
		for _, key := range b.keys[start:] {
			if b.live(key) != nil && !yield(item{key: key}) {
				return
			}
		}
	}
}

type prefixXML struct{ Prefix api.Text }

func (l *listing) commonPrefixes(encode func(string) api.Text) (out []prefixXML) {
	for _, p := range l.prefixes {
		out = append(out, prefixXML{encode(p)})
	}
	return out
}

type contentXML struct {
	Key               api.Text
	LastModified      string
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	Owner             *ownerXML `xml:",omitempty"`
	StorageClass      string
}

// listParameters reads what all listings have in common.
func (c *call) listParameters(limitName string, most int) (l listing, encode func(string) api.Text, err error) {
	l = listing{prefix: c.query.Get("prefix"), delimiter: c.query.Get("delimiter")}
	if encode, err = c.encoding(); err != nil {
		return l, nil, err
	}
	l.limit, err = c.number(limitName, most)
	return l, encode, err
}

// encoding is how the caller wants keys to be written.
func (c *call) encoding() (encode func(string) api.Text, err error) {
	switch v := c.query.Get("encoding-type"); v {
	case "":
		return func(s string) api.Text { return api.Text(s) }, nil
	case "url":
		return func(s string) api.Text { return api.Text(strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")) }, nil
	default:
		return nil, invalidArgument("encoding-type", v, "Invalid Encoding Method specified in Request")
	}
}

func (c *call) contents(b *bucket, found []item, encode func(string) api.Text, owner bool) []contentXML {
	var out []contentXML
	for _, i := range found {
		o := b.live(i.key)
		x := contentXML{
			Key: encode(i.key), LastModified: o.modified.Format(timestampXML), ETag: quote(o.etag), Size: o.blob.Size, StorageClass: standardClass,
			ChecksumAlgorithm: strings.ToUpper(string(o.checksum.algorithm)), ChecksumType: o.checksum.kind,
		}
		if owner {
			id := c.s.canonicalID()
			x.Owner = &id
		}
		out = append(out, x)
	}
	return out
}

func (c *call) listObjectsV2() error {
	if err := c.onBucket("s3:ListBucket"); err != nil {
		return err
	}
	if v := c.query.Get("list-type"); v != "2" {
		return invalidArgument("list-type", v, "Invalid List Type specified in Request")
	}
	l, encode, err := c.listParameters("max-keys", maxListKeys)
	if err != nil {
		return err
	}
	l.after.key = c.query.Get("start-after")
	if text := c.query.Get("continuation-token"); c.query.Has("continuation-token") {
		token, err := base64.URLEncoding.DecodeString(text)
		if err != nil || len(token) == 0 {
			return invalidArgument("continuation-token", text, "The continuation token provided is incorrect")
		}
		l.after.key = string(token)
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		XMLNS                 string   `xml:"xmlns,attr"`
		Name                  string
		Prefix                api.Text
		StartAfter            api.Text `xml:",omitempty"`
		ContinuationToken     string   `xml:",omitempty"`
		NextContinuationToken string   `xml:",omitempty"`
		KeyCount              int
		MaxKeys               int
		Delimiter             api.Text `xml:",omitempty"`
		EncodingType          string   `xml:",omitempty"`
		IsTruncated           bool
		Contents              []contentXML
		CommonPrefixes        []prefixXML
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	l.run(b.objects(max(l.prefix, l.after.key)))
	out.XMLNS, out.Name, out.MaxKeys, out.IsTruncated = namespaceXML, c.bucket, l.limit, l.truncated
	out.Prefix, out.Delimiter, out.StartAfter = encode(l.prefix), encode(l.delimiter), encode(c.query.Get("start-after"))
	out.ContinuationToken, out.EncodingType = c.query.Get("continuation-token"), c.query.Get("encoding-type")
	out.KeyCount = len(l.found) + len(l.prefixes)
	if l.truncated {
		out.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(l.last.key))
	}
	out.Contents = c.contents(b, l.found, encode, c.query.Get("fetch-owner") == "true")
	out.CommonPrefixes = l.commonPrefixes(encode)
	return c.xml(out)
}

func (c *call) listObjects() error {
	if err := c.onBucket("s3:ListBucket"); err != nil {
		return err
	}
	l, encode, err := c.listParameters("max-keys", maxListKeys)
	if err != nil {
		return err
	}
	l.after.key = c.query.Get("marker")
	var out struct {
		XMLName        xml.Name `xml:"ListBucketResult"`
		XMLNS          string   `xml:"xmlns,attr"`
		Name           string
		Prefix         api.Text
		Marker         api.Text
		NextMarker     api.Text `xml:",omitempty"`
		MaxKeys        int
		Delimiter      api.Text `xml:",omitempty"`
		EncodingType   string   `xml:",omitempty"`
		IsTruncated    bool
		Contents       []contentXML
		CommonPrefixes []prefixXML
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	l.run(b.objects(max(l.prefix, l.after.key)))
	out.XMLNS, out.Name, out.MaxKeys, out.IsTruncated = namespaceXML, c.bucket, l.limit, l.truncated
	out.Prefix, out.Delimiter, out.Marker, out.EncodingType = encode(l.prefix), encode(l.delimiter), encode(l.after.key), c.query.Get("encoding-type")
	if l.truncated && l.delimiter != "" { // without a delimiter the last key serves as the marker
		out.NextMarker = encode(l.last.key)
	}
	out.Contents, out.CommonPrefixes = c.contents(b, l.found, encode, true), l.commonPrefixes(encode)
	return c.xml(out)
}
