package api

import (
	"maps"
	"slices"
)

// TagKeys is the condition context of a request that sets tags.
func TagKeys(tags map[string]string) map[string][]string {
	keys := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		keys["aws:RequestTag/"+key] = []string{tags[key]}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], key)
	}
	return keys
}
