package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
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
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	u, err := c.upload()
	if err != nil {
		return err
	}
	var all []partXML
	for _, n := range u.numbers() {
		p := u.parts[n]
		x := partXML{PartNumber: n, LastModified: p.modified.Format(timestampXML), ETag: quote(p.etag), Size: p.blob.Size}
		if u.chosen {
			x.checksumXML = p.checksum.xml()
		}
		all = append(all, x)
	}
	var out struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		XMLNS                string   `xml:"xmlns,attr"`
		Bucket               string
		Key                  string
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
	out.XMLNS, out.Bucket, out.Key, out.UploadID, out.StorageClass = namespaceXML, c.bucket, c.key, u.id, standardClass
	out.Initiator, out.Owner, out.PartNumberMarker, out.MaxParts = c.s.canonicalID(), c.s.canonicalID(), after, limit
	out.Parts, out.IsTruncated, out.NextPartNumberMarker = partPage(all, after, limit)
	if u.chosen {
		out.ChecksumAlgorithm, out.ChecksumType = strings.ToUpper(string(u.checksum)), u.kind
	}
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
	if c.query.Get("upload-id-marker") != "" {
		return notImplemented("Parameter", "upload-id-marker")
	}
	l.after = c.query.Get("key-marker")
	type uploadXML struct {
		Key               string
		UploadID          string `xml:"UploadId"`
		Initiator         ownerXML
		Owner             ownerXML
		StorageClass      string
		Initiated         string
		ChecksumAlgorithm string `xml:",omitempty"`
		ChecksumType      string `xml:",omitempty"`
	}
	var out struct {
		XMLName        xml.Name `xml:"ListMultipartUploadsResult"`
		XMLNS          string   `xml:"xmlns,attr"`
		Bucket         string
		KeyMarker      string
		NextKeyMarker  string `xml:",omitempty"`
		Prefix         string
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		MaxUploads     int
		IsTruncated    bool
		Uploads        []uploadXML `xml:"Upload"`
		CommonPrefixes []prefixXML
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	byKey := map[string][]*upload{}
	var keys []string
	for _, u := range c.s.uploads {
		if u.bucket == c.bucket {
			if byKey[u.key] == nil {
				keys = append(keys, u.key)
			}
			byKey[u.key] = append(byKey[u.key], u)
		}
	}
	slices.Sort(keys)
	l.run(keys, func(string) bool { return true })
	for _, key := range l.keys {
		slices.SortFunc(byKey[key], func(a, b *upload) int {
			if c := a.initiated.Compare(b.initiated); c != 0 {
				return c
			}
			return strings.Compare(a.id, b.id)
		})
		for _, u := range byKey[key] {
			x := uploadXML{Key: encode(key), UploadID: u.id, Initiator: c.s.canonicalID(), Owner: c.s.canonicalID(), StorageClass: standardClass, Initiated: u.initiated.Format(timestampXML)}
			if u.chosen {
				x.ChecksumAlgorithm, x.ChecksumType = strings.ToUpper(string(u.checksum)), u.kind
			}
			out.Uploads = append(out.Uploads, x)
		}
	}
	out.XMLNS, out.Bucket, out.KeyMarker, out.Prefix, out.Delimiter = namespaceXML, c.bucket, encode(l.after), encode(l.prefix), encode(l.delimiter)
	out.EncodingType, out.MaxUploads, out.IsTruncated = c.query.Get("encoding-type"), l.limit, l.truncated
	if l.truncated {
		out.NextKeyMarker = encode(l.last)
	}
	out.CommonPrefixes = l.commonPrefixes(encode)
	return c.xml(out)
}

func (c *call) getObjectAttributes() error {
	o, content, err := c.find("s3:GetObject")
	if err != nil {
		return err
	}
	defer content.Release()
	action := "s3:GetObjectAttributes"
	if c.query.Get("versionId") != "" {
		action = "s3:GetObjectVersionAttributes"
	}
	if err := c.onObject(action); err != nil {
		return err
	}
	limit, err := c.marker("max-parts")
	if err != nil {
		return err
	}
	if limit == 0 {
		limit = maxListKeys
	}
	after, err := c.marker("part-number-marker")
	if err != nil {
		return err
	}
	type checksumPart struct {
		checksumXML
		ChecksumType string `xml:",omitempty"`
	}
	type partsXML struct {
		PartNumberMarker     int
		NextPartNumberMarker int
		MaxParts             int
		IsTruncated          bool
		PartsCount           int
		Parts                []partXML `xml:"Part"`
	}
	var out struct {
		XMLName      xml.Name      `xml:"GetObjectAttributesResponse"`
		XMLNS        string        `xml:"xmlns,attr"`
		ETag         string        `xml:",omitempty"`
		Checksum     *checksumPart `xml:",omitempty"`
		ObjectParts  *partsXML     `xml:",omitempty"`
		StorageClass string        `xml:",omitempty"`
		ObjectSize   *int64        `xml:",omitempty"`
	}
	out.XMLNS = namespaceXML
	asked := strings.Split(strings.Join(c.Header.Values("x-amz-object-attributes"), ","), ",")
	for _, name := range asked {
		switch name = strings.TrimSpace(name); name {
		case "ETag":
			out.ETag = o.etag // without quotes, here alone
		case "Checksum":
			out.Checksum = &checksumPart{o.checksum.attribute(), o.checksum.kind}
		case "StorageClass":
			out.StorageClass = standardClass
		case "ObjectSize":
			out.ObjectSize = &content.Size
		case "ObjectParts":
			if len(o.parts) == 0 {
				continue
			}
			p := &partsXML{PartNumberMarker: after, MaxParts: limit, PartsCount: len(o.parts)}
			if o.checksum.kind == composite { // S3 lists the parts only with their checksums
				p.Parts, p.IsTruncated, p.NextPartNumberMarker = partPage(o.parts, after, limit)
			}
			out.ObjectParts = p
		default:
			return invalidArgument("x-amz-object-attributes", name, "Invalid attribute name specified.")
		}
	}
	c.w.Header().Set("Last-Modified", o.modified.Format(http.TimeFormat))
	return c.xml(out)
}
