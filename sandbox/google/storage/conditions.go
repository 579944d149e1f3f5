package storage

import (
	"net/http"
	"strconv"
	"strings"
)

// conditions are the preconditions of a request: Cloud Storage documentation,
// "Request preconditions".
type conditions struct {
	generation, notGeneration         *int64
	metageneration, notMetageneration *int64
	match, noneMatch                  string // etags
}

// readConditions takes them from a query or from the headers of the XML API, under
// the names that each has for the generation and the metageneration, each to match
// and not to match.
func readConditions(h http.Header, get func(string) string, names ...string) (conditions, error) {
	c := conditions{match: h.Get("If-Match"), noneMatch: h.Get("If-None-Match")}
	for i, field := range []**int64{&c.generation, &c.notGeneration, &c.metageneration, &c.notMetageneration} {
		text := get(names[i])
		if text == "" {
			continue
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return c, invalid("Invalid value for " + names[i] + ": " + text)
		}
		*field = &n
	}
	return c, nil
}

// jsonConditions are those of a JSON request.
func jsonConditions(h http.Header, get func(string) string) (conditions, error) {
	return readConditions(h, get, "ifGenerationMatch", "ifGenerationNotMatch", "ifMetagenerationMatch", "ifMetagenerationNotMatch")
}

// check tests the preconditions on an object, which may be absent; its etag is
// what the API calls so. For a read, an unchanged object under a not-match is
// answered 304.
func (c conditions) check(o *object, etag string, read bool) error {
	var generation, metageneration int64
	if o != nil {
		generation, metageneration = o.generation, o.metagen
	}
	return c.hold(generation, metageneration, etag, read)
}

func (c conditions) hold(generation, metageneration int64, etag string, read bool) error {
	is := func(want *int64, have int64) bool { return want != nil && *want == have }
	names := func(list, etag string) bool {
		for item := range strings.SplitSeq(list, ",") {
			if item = strings.TrimSpace(item); item == "*" && etag != "" || item != "" && strings.Trim(item, `"`) == etag {
				return true
			}
		}
		return false
	}
	switch {
	case c.generation != nil && !is(c.generation, generation),
		c.metageneration != nil && !is(c.metageneration, metageneration),
		c.match != "" && !names(c.match, etag):
		return preconditionFailed()
	case is(c.notGeneration, generation), is(c.notMetageneration, metageneration), names(c.noneMatch, etag):
		if read {
			return &fault{HTTP: http.StatusNotModified, Reason: "notModified", Code: "NotModified"}
		}
		return preconditionFailed()
	}
	return nil
}
