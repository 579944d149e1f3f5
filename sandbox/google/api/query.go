package api

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
)

// systemParameters may stand in every query and change nothing here but fields,
// which Select reads: Google Cloud APIs documentation, "System parameters". Tokens
// and keys in the query are not among them.
var systemParameters = []string{"$.xgafv", "$alt", "$fields", "$prettyPrint", "alt", "fields", "prettyPrint", "quotaUser", "userIp"}

// CheckQuery refuses by name a query parameter that neither every method has nor
// this one. One without a value asks for nothing.
func CheckQuery(r *Request, known ...string) error {
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if query.Get(name) == "" && len(query[name]) == 1 {
			continue
		}
		if !slices.Contains(systemParameters, name) && !slices.Contains(known, name) {
			return InvalidArgument("Invalid JSON payload received. Unknown name \"%s\": Cannot bind query parameter. Field '%s' could not be found in request message.", name, name)
		}
		if len(query[name]) > 1 && name != "names" && name != "permissions" {
			return InvalidArgument("Invalid value: %s is given more than once.", name)
		}
	}
	return nil
}

// Page cuts the page that the request asks for out of a list. The names of its
// parameters for size and token differ between APIs; most is the size where it
// asks for none, and the largest.
func Page[T any](r *Request, items []T, size string, most int) (page []T, next string, err error) {
	query := r.URL.Query()
	n := most
	if text := query.Get(size); text != "" && text != "0" {
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			return nil, "", InvalidArgument("Invalid value for %s: %s", size, text)
		}
		n = min(n, most)
	}
	start := 0
	if token := query.Get("pageToken"); token != "" {
		text, err := base64.URLEncoding.DecodeString(token)
		if err == nil {
			start, err = strconv.Atoi(string(text))
		}
		if err != nil || start < 0 || start > len(items) {
			return nil, "", InvalidArgument("Invalid value for pageToken: %s", token)
		}
	}
	end := min(start+n, len(items))
	if end < len(items) {
		next = base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(end)))
	}
	return items[start:end], next, nil
}
