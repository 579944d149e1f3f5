package storage

import (
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// ofAll are query parameters of every method: projection changes nothing here, since
// there are no ACLs, and userProject is read with the bucket.
var ofAll = []string{"projection", "userProject"}

// refused are prefixes of request headers that would change what a request
// does; other X-Goog- headers are read or harmless.
var refused = []string{"X-Goog-Encryption-", "X-Goog-Copy-Source", "X-Goog-Acl", "X-Goog-Date", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}

// checkRequest refuses by name what a method does not take: known are its query
// parameters.
func checkRequest(r *api.Request, known []string) error {
	query := r.URL.Query()
	accepted := slices.Clone(ofAll)
	for _, k := range known {
		name, want, only := strings.Cut(k, "=")
		if got := query.Get(name); only && got != "" && !strings.EqualFold(got, want) {
			return invalid("Invalid value for " + name + ": " + unmodelled.Google("value", got))
		}
		accepted = append(accepted, name)
	}
	if err := api.CheckQuery(r, accepted...); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if slices.ContainsFunc(refused, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return notModelled("header", name)
		}
	}
	return nil
}

// readXML answers the XML API's GET and HEAD of an object.
func (s *Storage) readXML(r *api.Request, args []string) (any, error) {
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if name != "generation" && name != "userProject" {
			return nil, notModelled("parameter", name)
		}
	}
	cond, err := readConditions(r.Header, r.Header.Get, "x-goog-if-generation-match", "x-goog-if-generation-not-match", "x-goog-if-metageneration-match", "x-goog-if-metageneration-not-match")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookup(r, args[0], args[1], "storage.objects.get", r.URL.Query().Get("generation"))
	if err != nil {
		return nil, err
	}
	if err := cond.check(o, o.md5Hex(), true); err != nil {
		return nil, err
	}
	return reply{media: s.media(r, b, o, true)}, nil
}
