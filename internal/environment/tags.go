package environment

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The limits of tags: Tagging AWS Resources User Guide, "Tag naming limits and
// requirements"; lengths in characters, and the number of tags of a resource.
const (
	maxTagKey   = 128
	maxTagValue = 256
	maxTags     = 50
)

var tagPattern = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// markTags is the maximum number of tags in a mark.
const markTags = 4

// AWSTags returns all tags of the environment's resources on AWS: its mark, and
// the tags in its settings.
func (e Environment) AWSTags() map[string]string {
	tags, _ := parseTags(e.Tags) // already checked
	maps.Copy(tags, e.Mark().Tags())
	return tags
}

// parseTags parses KEY=VALUE,KEY=VALUE. Its error includes a hint.
func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	if text == "" {
		return tags, nil
	}
	seen := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, found := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		lower := strings.ToLower(key)
		switch {
		case !found || key == "":
			return nil, fmt.Errorf("%q is not KEY=VALUE", pair)
		case strings.HasPrefix(lower, "aws:"):
			return nil, fmt.Errorf("the key %q starts with aws:, which is reserved by AWS", key)
		case strings.HasPrefix(lower, Namespace+":"):
			return nil, fmt.Errorf("the key %q is reserved for the environment's mark; use the settings owner and expires", key)
		case utf8.RuneCountInString(key) > maxTagKey:
			return nil, fmt.Errorf("the key %q has more than %d characters", key, maxTagKey)
		case utf8.RuneCountInString(value) > maxTagValue:
			return nil, fmt.Errorf("the value of %q has more than %d characters", key, maxTagValue)
		case !tagPattern.MatchString(key) || !tagPattern.MatchString(value):
			return nil, fmt.Errorf("%q contains characters other than letters, digits, spaces and _.:/=+-@", pair)
		case seen[lower] != "":
			return nil, fmt.Errorf("the keys %q and %q differ only in case, which IAM ignores", seen[lower], key)
		}
		seen[lower] = key
		tags[key] = value
	}
	if len(tags) > maxTags-markTags {
		return nil, fmt.Errorf("there are %d; a resource can have %d, and the environment's mark needs up to %d of them", len(tags), maxTags, markTags)
	}
	return tags, nil
}

func checkTags(e *Environment) (string, string, bool) {
	const rule = "must be valid AWS tags: KEY=VALUE, separated by commas"
	if _, err := parseTags(e.Tags); err != nil {
		return rule, err.Error(), false
	}
	return rule, "", true
}
