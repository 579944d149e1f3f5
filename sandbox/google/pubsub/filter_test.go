package pubsub

import "testing"

// FuzzFilter reads filters: whatever they are, reading and asking them ends, and their
// negation takes what they do not.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{
		`attributes:kind`, `attributes.kind = "a"`, `NOT attributes.kind != "a"`, `hasPrefix(attributes."x/y", "a\"b")`,
		`-(attributes:a AND attributes:b) OR attributes.c = ""`, `"`, `-`, `((`, `attributes.`,
	} {
		f.Add(text, "kind", "a")
	}
	f.Fuzz(func(t *testing.T, text, key, value string) {
		attributes := map[string]string{key: value}
		takes, err := parseFilter(text)
		if err != nil || takes == nil {
			return
		}
		not, err := parseFilter("NOT (" + text + ")")
		if err != nil { // it became too long
			return
		}
		if takes(attributes) == not(attributes) {
			t.Errorf("%s and its negation agree about %v", text, attributes)
		}
	})
}
