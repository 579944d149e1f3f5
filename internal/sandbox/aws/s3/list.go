package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
)

// listing is one page of keys; ListObjects, ListObjectsV2, ListObjectVersions
// and ListMultipartUploads all cut it the same way.
type listing struct {
	prefix, delimiter string
	after             string // keys up to and with this one are behind
	limit             int
	keys              []string
	prefixes          []string
	truncated         bool
	last              string // the key or prefix that ended the page
}

// run goes through sorted keys. take says whether a key counts.
func (l *listing) run(sorted []string, take func(key string) bool) {
	start, _ := slices.BinarySearch(sorted, max(l.prefix, l.after))
	for _, key := range sorted[start:] {
		if !strings.HasPrefix(key, l.prefix) {
			break
		}
		if key <= l.after || !take(key) {
			continue
		}
		common := ""
		if l.delimiter != "" {
			if at := strings.Index(key[len(l.prefix):], l.delimiter); at >= 0 {
				common = key[:len(l.prefix)+at+len(l.delimiter)]
			}
		}
		if common != "" && (common == l.last || common == l.after) {
			continue // on this page, or on the one before
		}
		if len(l.keys)+len(l.prefixes) >= l.limit {
			l.truncated = l.limit > 0
			return
		}
		if common != "" {
			l.prefixes, l.last = append(l.prefixes, common), common
			continue
		}
		l.keys, l.last = append(l.keys, key), key
	}
}

type prefixXML struct{ Prefix string }

func (l *listing) commonPrefixes(encode func(string) string) (out []prefixXML) {
	for _, p := range l.prefixes {
		out = append(out, prefixXML{encode(p)})
	}
	return out
}

type contentXML struct {
	Key               string
	LastModified      string
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	Owner             *ownerXML `xml:",omitempty"`
	StorageClass      string
}

// listParameters reads what all listings have in common.
func (c *call) listParameters(limitName string, most int) (l listing, encode func(string) string, err error) {
	l = listing{prefix: c.query.Get("prefix"), delimiter: c.query.Get("delimiter")}
	encode = func(s string) string { return s }
	switch v := c.query.Get("encoding-type"); v {
	case "":
	case "url":
		encode = func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/") }
	default:
		return l, nil, invalidArgument("encoding-type", v, "Invalid Encoding Method specified in Request")
	}
	l.limit, err = c.number(limitName, most)
	return l, encode, err
}

func (c *call) contents(b *bucket, keys []string, encode func(string) string, owner bool) []contentXML {
	var out []contentXML
	for _, key := range keys {
		o := b.live(key)
		x := contentXML{
			Key: encode(key), LastModified: o.modified.Format(timestampXML), ETag: quote(o.etag), Size: o.blob.Size, StorageClass: standardClass,
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
	l.after = c.query.Get("start-after")
	if text := c.query.Get("continuation-token"); c.query.Has("continuation-token") {
		token, err := base64.URLEncoding.DecodeString(text)
		if err != nil || len(token) == 0 {
			return invalidArgument("continuation-token", text, "The continuation token provided is incorrect")
		}
		l.after = string(token)
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		XMLNS                 string   `xml:"xmlns,attr"`
		Name                  string
		Prefix                string
		StartAfter            string `xml:",omitempty"`
		ContinuationToken     string `xml:",omitempty"`
		NextContinuationToken string `xml:",omitempty"`
		KeyCount              int
		MaxKeys               int
		Delimiter             string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
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
	l.run(b.keys, func(key string) bool { return b.live(key) != nil })
	out.XMLNS, out.Name, out.MaxKeys, out.IsTruncated = namespaceXML, c.bucket, l.limit, l.truncated
	out.Prefix, out.Delimiter, out.StartAfter = encode(l.prefix), encode(l.delimiter), encode(c.query.Get("start-after"))
	out.ContinuationToken, out.EncodingType = c.query.Get("continuation-token"), c.query.Get("encoding-type")
	out.KeyCount = len(l.keys) + len(l.prefixes)
	if l.truncated {
		out.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(l.last))
	}
	out.Contents = c.contents(b, l.keys, encode, c.query.Get("fetch-owner") == "true")
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
	l.after = c.query.Get("marker")
	var out struct {
		XMLName        xml.Name `xml:"ListBucketResult"`
		XMLNS          string   `xml:"xmlns,attr"`
		Name           string
		Prefix         string
		Marker         string
		NextMarker     string `xml:",omitempty"`
		MaxKeys        int
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
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
	l.run(b.keys, func(key string) bool { return b.live(key) != nil })
	out.XMLNS, out.Name, out.MaxKeys, out.IsTruncated = namespaceXML, c.bucket, l.limit, l.truncated
	out.Prefix, out.Delimiter, out.Marker, out.EncodingType = encode(l.prefix), encode(l.delimiter), encode(l.after), c.query.Get("encoding-type")
	if l.truncated && l.delimiter != "" { // without a delimiter the last key serves as the marker
		out.NextMarker = encode(l.last)
	}
	out.Contents, out.CommonPrefixes = c.contents(b, l.keys, encode, true), l.commonPrefixes(encode)
	return c.xml(out)
}

type versionXML struct {
	XMLName      xml.Name // Version or DeleteMarker
	Key          string
	VersionID    string `xml:"VersionId"`
	IsLatest     bool
	LastModified string
	ETag         string `xml:",omitempty"`
	Size         *int64 `xml:",omitempty"`
	StorageClass string `xml:",omitempty"`
	Owner        ownerXML
}

// listObjectVersions pages by key: all versions of a key stand on one page,
// which may so become longer than was asked for.
func (c *call) listObjectVersions() error {
	if err := c.onBucket("s3:ListBucketVersions"); err != nil {
		return err
	}
	l, encode, err := c.listParameters("max-keys", maxListKeys)
	if err != nil {
		return err
	}
	if c.query.Get("version-id-marker") != "" {
		return notImplemented("Parameter", "version-id-marker")
	}
	l.after = c.query.Get("key-marker")
	var out struct {
		XMLName        xml.Name `xml:"ListVersionsResult"`
		XMLNS          string   `xml:"xmlns,attr"`
		Name           string
		Prefix         string
		KeyMarker      string
		NextKeyMarker  string `xml:",omitempty"`
		MaxKeys        int
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		IsTruncated    bool
		Versions       []versionXML
		CommonPrefixes []prefixXML
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	l.run(b.keys, func(string) bool { return true })
	out.XMLNS, out.Name, out.MaxKeys, out.IsTruncated = namespaceXML, c.bucket, l.limit, l.truncated
	out.Prefix, out.Delimiter, out.KeyMarker, out.EncodingType = encode(l.prefix), encode(l.delimiter), encode(l.after), c.query.Get("encoding-type")
	if l.truncated {
		out.NextKeyMarker = encode(l.last)
	}
	for _, key := range l.keys {
		versions := b.versions[key]
		for i := len(versions) - 1; i >= 0; i-- {
			o := versions[i]
			x := versionXML{
				XMLName: xml.Name{Local: "DeleteMarker"}, Key: encode(key), VersionID: o.version, IsLatest: i == len(versions)-1,
				LastModified: o.modified.Format(timestampXML), Owner: c.s.canonicalID(),
			}
			if !o.deleteMarker {
				x.XMLName.Local, x.ETag, x.Size, x.StorageClass = "Version", quote(o.etag), &o.blob.Size, standardClass
			}
			out.Versions = append(out.Versions, x)
		}
	}
	out.CommonPrefixes = l.commonPrefixes(encode)
	return c.xml(out)
}
