package storage

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
)

// ofAll are query parameters of every method that change nothing here: there are
// no ACLs to project, and nobody to bill.
var ofAll = []string{"projection", "userProject"}

// unmodelled are prefixes of request headers that would change what a request
// does; other X-Goog- headers are read or harmless.
var unmodelled = []string{"X-Goog-Encryption-", "X-Goog-Copy-Source", "X-Goog-Acl", "X-Goog-Date", "If-Modified-Since", "If-Unmodified-Since", "If-Range"}

// checkRequest refuses by name what a method does not take: known are its query
// parameters.
func checkRequest(r *api.Request, known []string) error {
	query := r.URL.Query()
	accepted := slices.Clone(ofAll)
	for _, k := range known {
		name, want, only := strings.Cut(k, "=")
		if got := query.Get(name); only && got != "" && !strings.EqualFold(got, want) {
			return invalid("Invalid value for " + name + ": the sandbox has only " + want + ", not " + got)
		}
		accepted = append(accepted, name)
	}
	if err := api.CheckQuery(r, accepted...); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if slices.ContainsFunc(unmodelled, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			return invalid("The sandbox does not model the header " + name + ".")
		}
	}
	return nil
}

func unescape(args []string) ([]string, error) {
	out := make([]string, len(args))
	for i, a := range args {
		text, err := url.PathUnescape(a)
		if err != nil {
			return nil, invalid("Invalid URL escape: " + a)
		}
		out[i] = text
	}
	return out, nil
}

// serveXML answers the XML API's GET and HEAD of an object.
func (s *Storage) serveXML(r *api.Request) (reply, error) {
	args := xmlPattern.FindStringSubmatch(r.URL.EscapedPath())
	if args == nil || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		return reply{}, &fault{http.StatusBadRequest, "invalid", "UnsupportedOperation", "The sandbox's XML API only reads objects.", "The operation is not supported."}
	}
	args, err := unescape(args[1:])
	if err != nil {
		return reply{}, err
	}
	r.Entry.Operation = "storage.objects.get"
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if name != "generation" && name != "userProject" {
			return reply{}, invalid("The sandbox does not model the parameter " + name + ".")
		}
	}
	if err := checkRequest(r, []string{"generation"}); err != nil {
		return reply{}, err
	}
	cond, err := readConditions(r.Header, r.Header.Get, "x-goog-if-generation-match", "x-goog-if-generation-not-match", "x-goog-if-metageneration-match", "x-goog-if-metageneration-not-match")
	if err != nil {
		return reply{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, o, err := s.lookup(r, args[0], args[1], "storage.objects.get", r.URL.Query().Get("generation"))
	if err != nil {
		return reply{}, err
	}
	if err := cond.check(o, o.md5Hex(), true); err != nil {
		return reply{}, err
	}
	return reply{media: s.media(b, o, o.md5Hex())}, nil
}
