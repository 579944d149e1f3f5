package iam

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Quotas and name rules; see "IAM and AWS STS quotas".
const (
	maxRoleName           = 64
	maxUserName           = 64
	maxPolicyName         = 128
	maxPath               = 512
	maxDescription        = 1000
	maxTags               = 50
	maxTagKey             = 128
	maxTagValue           = 256
	maxTrustPolicy        = 2048
	maxRoleInlinePolicies = 10240
	maxUserInlinePolicies = 2048
	maxManagedPolicy      = 6144
	maxAttachedPolicies   = 10
	maxPolicyVersions     = 5
	maxAccessKeys         = 2
	defaultPage           = 100
	maxPage               = 1000
	minSessionDuration    = 3600
	maxSessionDuration    = 43200
)

var (
	nameRule = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathRule = regexp.MustCompile(`^(/|/[!-~]+/)$`)
)

func checkName(name, member string, limit int) error {
	switch {
	case name == "":
		return api.Invalid(name, member, "Member must have length greater than or equal to 1")
	case len(name) > limit:
		return api.Invalid(name, member, "Member must have length less than or equal to "+strconv.Itoa(limit))
	case !nameRule.MatchString(name):
		return api.Errorf(http.StatusBadRequest, "ValidationError", "The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", member)
	}
	return nil
}

func checkPath(path string) (string, error) {
	switch {
	case path == "":
		return "/", nil
	case len(path) > maxPath:
		return "", api.Invalid(path, "path", "Member must have length less than or equal to "+strconv.Itoa(maxPath))
	case !pathRule.MatchString(path):
		return "", api.Errorf(http.StatusBadRequest, "ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return path, nil
}

// mergeTags sets tags in old and checks their rules.
func mergeTags(old, tags []api.Tag) ([]api.Tag, error) {
	out := append([]api.Tag(nil), old...)
	seen := map[string]bool{}
	for _, t := range tags {
		switch {
		case t.Key == "" || len(t.Key) > maxTagKey:
			return nil, api.Invalid(t.Key, "tags.1.member.key", "Member must have length between 1 and "+strconv.Itoa(maxTagKey))
		case len(t.Value) > maxTagValue:
			return nil, api.Invalid(t.Value, "tags.1.member.value", "Member must have length less than or equal to "+strconv.Itoa(maxTagValue))
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return nil, api.Errorf(http.StatusBadRequest, "InvalidInput", "Tag keys that start with aws: are reserved")
		case seen[strings.ToLower(t.Key)]:
			return nil, api.Errorf(http.StatusBadRequest, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[strings.ToLower(t.Key)] = true
		out = append(removeTags(out, []string{t.Key}), t)
	}
	if len(out) > maxTags {
		return nil, api.Errorf(http.StatusConflict, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	return out, nil
}

func removeTags(tags []api.Tag, keys []string) []api.Tag {
	var out []api.Tag
	for _, t := range tags {
		keep := true
		for _, k := range keys {
			keep = keep && !strings.EqualFold(k, t.Key)
		}
		if keep {
			out = append(out, t)
		}
	}
	return out
}

// pageOutput is where the next page begins.
type pageOutput struct {
	IsTruncated bool
	Marker      string `xml:",omitempty" json:",omitempty"`
}

// page cuts one page out of items.
func page[T any](items []T, marker string, maxItems *int) ([]T, pageOutput, error) {
	items, next, err := api.Page(api.Pages{
		Size: defaultPage, Most: maxPage,
		BadSize: func(n int) error {
			return api.Invalid(n, "maxItems", "Member must have value between 1 and "+strconv.Itoa(maxPage))
		},
		BadToken: func() error { return api.Errorf(http.StatusBadRequest, "ValidationError", "Invalid Marker.") },
	}, items, maxItems, marker)
	return items, pageOutput{IsTruncated: next != "", Marker: next}, err
}

// encodeDocument is how IAM shows a policy document: percent-encoded.
func encodeDocument(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
