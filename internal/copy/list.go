package copy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// listing lists the objects with a prefix, in the order of their names (Cloud
// Storage JSON API reference, "Objects: list").
type listing struct {
	from           *gcs
	attempt        func(context.Context, func() error) error
	bucket, prefix string
	start          string // and names before this one; empty: none
	after          string // names up to and including this one are skipped
	before         string // and names from this one on; empty: none
	fields         string // of an object

	page  []*object
	token string
	ended bool
}

// next returns the next object, or nil after the last.
func (l *listing) next(ctx context.Context) (*object, error) {
	for {
		for len(l.page) > 0 {
			o := l.page[0]
			l.page = l.page[1:]
			if o.name != l.after {
				return o, nil
			}
		}
		if l.ended {
			return nil, nil
		}
		if err := l.attempt(ctx, func() error { return l.load(ctx) }); err != nil {
			return nil, fmt.Errorf("listing gs://%s/%s: %w", l.bucket, l.prefix, err)
		}
	}
}

// neededFields are the fields of an object without which it is not copied.
const neededFields = "name,generation,size,crc32c"

// maxPage is the most that is read of a page, in bytes: a thousand names of 1,024 bytes, of
// which JSON may write six for each, with as many objects' custom metadata of 8 KiB.
const maxPage = 64 << 20

func (l *listing) load(ctx context.Context) error {
	query := url.Values{"prefix": {l.prefix}, "fields": {"items(" + l.fields + "),nextPageToken"}}
	if l.before != "" {
		query.Set("endOffset", l.before)
	}
	if l.token != "" {
		query.Set("pageToken", l.token)
	}
	if start := max(l.start, l.after); start != "" {
		query.Set("startOffset", start)
	}
	u := *l.from.endpoint
	u.Path += "/storage/v1/b/" + l.bucket + "/o"
	u.RawQuery = query.Encode()
	resp, err := l.from.do(ctx, &u, l.from.plain(), http.StatusOK)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Items         []listedJSON
		NextPageToken string
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxPage)).Decode(&answer); err != nil {
		return &brokenError{fmt.Errorf("reading the answer: %w", err)}
	}
	for _, item := range answer.Items {
		l.page = append(l.page, item.object(l.bucket))
	}
	l.token = answer.NextPageToken
	l.ended = l.token == ""
	return nil
}

// listedJSON is an object of a listing, or an object's resource: Cloud Storage JSON API
// reference, "Objects".
type listedJSON struct {
	Name, Generation, Size, CRC32C, StorageClass                                    string
	ContentType, ContentEncoding, ContentLanguage, ContentDisposition, CacheControl string

	Updated            time.Time
	Metadata           map[string]string
	CustomerEncryption struct{ EncryptionAlgorithm string }
}

func (j listedJSON) object(bucket string) *object {
	o := &object{bucket: bucket, name: j.Name, custom: j.Metadata, class: j.StorageClass, updated: j.Updated}
	o.customerKey = j.CustomerEncryption.EncryptionAlgorithm != ""
	o.generation, _ = strconv.ParseInt(j.Generation, 10, 64)
	o.size, _ = strconv.ParseInt(j.Size, 10, 64)
	for name, value := range map[string]string{"Content-Type": j.ContentType, "Content-Encoding": j.ContentEncoding,
		"Content-Language": j.ContentLanguage, "Content-Disposition": j.ContentDisposition, "Cache-Control": j.CacheControl} {
		if value != "" {
			if o.header == nil {
				o.header = http.Header{}
			}
			o.header.Set(name, value)
		}
	}
	var err error
	o.crc32c, err = parseCRC32C(j.CRC32C)
	o.summed = err == nil
	return o
}
