package resource

import "maps"

// tag is the member of a Tags list.
type tag struct {
	Key   string `cfn:"required"`
	Value string `cfn:"required"`
}

type tags []tag

func (t tags) byKey() map[string]string {
	m := make(map[string]string, len(t))
	for _, e := range t {
		m[e.Key] = e.Value
	}
	return m
}

// tagChanges says what brings a resource's tags from before to now.
func tagChanges(now, before map[string]string) (set map[string]string, remove []string) {
	set = map[string]string{}
	for k, v := range now {
		if old, ok := before[k]; !ok || old != v {
			set[k] = v
		}
	}
	for k := range maps.Keys(before) {
		if _, ok := now[k]; !ok {
			remove = append(remove, k)
		}
	}
	return set, remove
}

// mapTags makes a service's own tag type of tags.
func mapTags[T any](t map[string]string, make func(key, value *string) T) []T {
	var out []T
	for k, v := range t {
		out = append(out, make(&k, &v))
	}
	return out
}

// difference lists the members of a that b lacks.
func difference(a, b []string) []string {
	in := make(map[string]bool, len(b))
	for _, s := range b {
		in[s] = true
	}
	var out []string
	for _, s := range a {
		if !in[s] {
			out = append(out, s)
		}
	}
	return out
}

// optional is nil for a property that is absent.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
