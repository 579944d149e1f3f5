package copy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// listing lists the objects with a prefix, in the order of their names (Cloud
// Storage JSON API reference, "Objects: list").
type listing struct {
	from           *gcs
	attempt        func(context.Context, func() error) error
	bucket, prefix string
	after          string // names up to and including this one are skipped

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

// maxPage is the most that is read of a page, in bytes: a thousand names of 1,024 bytes, of
// which JSON may write six for each, and their properties.
const maxPage = 8 << 20

func (l *listing) load(ctx context.Context) error {
	query := url.Values{"prefix": {l.prefix}, "fields": {"items(name,generation,size,crc32c),nextPageToken"}}
	if l.token != "" {
		query.Set("pageToken", l.token)
	}
	if l.after != "" {
		query.Set("startOffset", l.after)
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
		Items         []struct{ Name, Generation, Size, Crc32c string }
		NextPageToken string
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxPage)).Decode(&answer); err != nil {
		return &brokenError{fmt.Errorf("reading the answer: %w", err)}
	}
	for _, item := range answer.Items {
		o := &object{bucket: l.bucket, name: item.Name}
		o.generation, _ = strconv.ParseInt(item.Generation, 10, 64)
		o.size, _ = strconv.ParseInt(item.Size, 10, 64)
		if o.crc32c, err = parseCRC32C(item.Crc32c); err != nil {
			o.generation = 0 // left to the request for the object itself
		}
		l.page = append(l.page, o)
	}
	l.token = answer.NextPageToken
	l.ended = l.token == ""
	return nil
}
