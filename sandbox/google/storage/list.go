package storage

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// maxPage is the most that one page of a listing holds, items and prefixes
// together: JSON API reference, "Objects: list".
const maxPage = 1000

// versions are the live objects, or all versions of objects, by what orders them: the name,
// and then the generation.
func (b *bucket) versions(all bool) map[string]*object {
	if !all {
		return b.objects
	}
	out := map[string]*object{}
	for _, o := range b.objects {
		out[fmt.Sprintf("%s\x00%020d", o.name, o.generation)] = o
	}
	for _, versions := range b.noncurrent {
		for _, o := range versions {
			out[fmt.Sprintf("%s\x00%020d", o.name, o.generation)] = o
		}
	}
	return out
}

// listObjects lists by name, bytewise. Its page token is the last entry of the
// page before, so that a listing goes on where objects come and go.
func (s *Storage) listObjects(r *api.Request, args []string) (reply, error) {
	query := r.URL.Query()
	page := maxPage
	if text := query.Get("maxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return reply{}, invalid("Invalid value for maxResults: " + text)
		}
		if n > 0 {
			page = min(n, maxPage)
		}
	}
	after, err := base64.URLEncoding.DecodeString(query.Get("pageToken"))
	if err != nil {
		return reply{}, invalid("Invalid value for pageToken: " + query.Get("pageToken"))
	}
	prefix, delimiter, end := query.Get("prefix"), query.Get("delimiter"), query.Get("endOffset")
	trailing := strings.EqualFold(query.Get("includeTrailingDelimiter"), "true")

	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.open(r, args[0], "storage.objects.list")
	if err != nil {
		return reply{}, err
	}
	items, prefixes := []any{}, []string{}
	last, more := string(after), false
	versions := b.versions(strings.EqualFold(query.Get("versions"), "true"))
	for _, key := range slices.Sorted(maps.Keys(versions)) {
		name := versions[key].name
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || name < query.Get("startOffset") || (end != "" && name >= end) {
			continue
		}
		entry := key
		if delimiter != "" {
			if head, tail, found := strings.Cut(rest, delimiter); found {
				entry = prefix + head + delimiter
				if trailing && tail == "" && entry > string(after) && len(items)+len(prefixes) < page {
					items = append(items, s.objectJSON(b, versions[key]))
				}
			}
		}
		if entry <= last && last != "" {
			continue
		}
		if len(items)+len(prefixes) >= page {
			more = true
			break
		}
		if last = entry; entry == key && !(delimiter != "" && strings.Contains(rest, delimiter)) {
			items = append(items, s.objectJSON(b, versions[key]))
		} else {
			prefixes = append(prefixes, entry)
		}
	}
	out := map[string]any{"kind": "storage#objects"}
	if len(items) > 0 {
		out["items"] = items
	}
	if len(prefixes) > 0 {
		out["prefixes"] = prefixes
	}
	if more {
		out["nextPageToken"] = base64.URLEncoding.EncodeToString([]byte(last))
	}
	return answer(r, out)
}
