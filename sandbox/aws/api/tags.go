package api

import (
	"maps"
	"slices"
)

// Tag is a tag, as most services write it.
type Tag struct{ Key, Value string }

// TagMap is a list of tags by their keys.
func TagMap(tags []Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// TagKeys is the condition context of a request that sets tags.
func TagKeys(tags map[string]string) map[string][]string {
	keys := map[string][]string{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		keys["aws:RequestTag/"+key] = []string{tags[key]}
		keys["aws:TagKeys"] = append(keys["aws:TagKeys"], key)
	}
	return keys
}
