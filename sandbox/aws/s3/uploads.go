package s3

import (
	"cmp"
	"encoding/xml"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

func (c *call) listParts() error {
	if err := c.onObject("s3:ListMultipartUploadParts"); err != nil {
		return err
	}
	limit, err := c.number("max-parts", maxListKeys)
	if err != nil {
		return err
	}
	after, err := c.marker("part-number-marker")
	if err != nil {
		return err
	}
	encode, err := c.encoding()
	if err != nil {
		return err
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	u, err := c.upload()
	if err == nil && u.chosen {
		err = c.unlockUpload(u.headers)
	}
	if err != nil {
		return err
	}
	var all []partXML
	for _, n := range u.numbers() {
		p := u.parts[n]
		x := partXML{PartNumber: n, LastModified: p.modified.Format(timestampXML), ETag: quote(p.etag), Size: p.blob.Size}
		x.checksumXML = p.shown(u).xml()
		all = append(all, x)
	}
	var out struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		XMLNS                string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  api.Text
		EncodingType         string `xml:",omitempty"`
		UploadID             string `xml:"UploadId"`
		Initiator            ownerXML
		Owner                ownerXML
		StorageClass         string
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		ChecksumAlgorithm    string    `xml:",omitempty"`
		ChecksumType         string    `xml:",omitempty"`
		Parts                []partXML `xml:"Part"`
	}
	out.XMLNS, out.Bucket, out.Key, out.UploadID, out.StorageClass = namespaceXML, c.bucket, encode(c.key), u.id, standardClass
	out.EncodingType = c.query.Get("encoding-type")
	out.Initiator, out.Owner, out.PartNumberMarker, out.MaxParts = u.initiator, c.s.canonicalID(), after, limit
	out.Parts, out.IsTruncated, out.NextPartNumberMarker = partPage(all, after, limit)
	if u.chosen {
		out.ChecksumAlgorithm, out.ChecksumType = strings.ToUpper(string(u.checksum)), u.kind
	}
	c.showAbortion(u)
	return c.xml(out)
}

// marker reads the number after which a page begins.
func (c *call) marker(name string) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		text = c.Header.Get("x-amz-" + name)
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, invalidArgument(name, text, "Provided "+name+" not an integer or within integer range")
	}
	return n, nil
}

func (c *call) listMultipartUploads() error {
	if err := c.onBucket("s3:ListBucketMultipartUploads"); err != nil {
		return err
	}
	l, encode, err := c.listParameters("max-uploads", maxListKeys)
	if err != nil {
		return err
	}
	l.after = item{key: c.query.Get("key-marker")}
	if l.after.key != "" { // without one, S3 ignores the other
		l.after.id = c.query.Get("upload-id-marker")
	}
	type uploadXML struct {
		Key               api.Text
		UploadID          string `xml:"UploadId"`
		Initiator         ownerXML
		Owner             ownerXML
		StorageClass      string
		Initiated         string
		ChecksumAlgorithm string `xml:",omitempty"`
		ChecksumType      string `xml:",omitempty"`
	}
	var out struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		XMLNS              string   `xml:"xmlns,attr"`
		Bucket             string
		KeyMarker          api.Text
		UploadIDMarker     string   `xml:"UploadIdMarker"`
		NextKeyMarker      api.Text // of the last entry, also where no page follows
		NextUploadIDMarker string   `xml:"NextUploadIdMarker"`
		Prefix             api.Text `xml:",omitempty"`
		Delimiter          api.Text `xml:",omitempty"`
		EncodingType       string   `xml:",omitempty"`
		MaxUploads         int
		IsTruncated        bool
		Uploads            []uploadXML `xml:"Upload"`
		CommonPrefixes     []prefixXML
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	out.XMLNS, out.Bucket, out.KeyMarker, out.UploadIDMarker = namespaceXML, c.bucket, encode(l.after.key), l.after.id
	out.Prefix, out.Delimiter = encode(l.prefix), encode(l.delimiter)
	if l.after.id != "" && c.s.uploads[l.after.id] == nil {
		l.after.id = ahead
	}
	l.run(c.s.pending(c.bucket))
	out.EncodingType, out.MaxUploads, out.IsTruncated = c.query.Get("encoding-type"), l.limit, l.truncated
	out.NextKeyMarker, out.NextUploadIDMarker = encode(l.last.key), l.last.id
	for _, i := range l.found {
		u := c.s.uploads[i.id]
		x := uploadXML{
			Key:          encode(u.key),
			UploadID:     u.id,
			Initiator:    u.initiator,
			Owner:        c.s.canonicalID(),
			StorageClass: standardClass,
			Initiated:    u.initiated.Format(timestampXML),
		}
		if u.chosen {
			x.ChecksumAlgorithm, x.ChecksumType = strings.ToUpper(string(u.checksum)), u.kind
		}
		out.Uploads = append(out.Uploads, x)
	}
	out.CommonPrefixes = l.commonPrefixes(encode)
	return c.xml(out)
}

// pending are the uploads of a bucket, of each key the oldest first.
func (s *S3) pending(bucketName string) iter.Seq[item] {
	uploads := slices.SortedFunc(maps.Values(s.uploads), func(a, b *upload) int {
		return cmp.Or(strings.Compare(a.key, b.key), a.initiated.Compare(b.initiated), strings.Compare(a.id, b.id))
	})
	return func(yield func(item) bool) {
		for _, u := range uploads {
			if u.bucket == bucketName && s.lives(u) && !yield(item{u.key, u.id}) {
				return
			}
		}
	}
}
