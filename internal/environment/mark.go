package environment

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Mark identifies the environment, owner and expiry of a resource. AWS keeps it
// in tags; Google's service accounts and pools have no labels, so there it is in
// the description.
//
// A name does not identify an environment: another project folder can have one of the
// same name. Environment and ID together do.
type Mark struct {
	Environment string
	ID          string    // tells environments of one name apart
	Owner       string    // empty for no one in particular
	Expires     time.Time // zero for never
}

// idLength is the number of hexadecimal digits of an ID.
const idLength = 12

// ID identifies the environment among those of its name: it stands for account, region,
// project and suffix. It depends on the environment's file alone, so that any machine
// with the repository recognizes what another one deployed.
func (e Environment) ID() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{e.AWSAccount, e.AWSRegion, e.GoogleProject, e.Suffix}, "/")))
	return hex.EncodeToString(sum[:])[:idLength]
}

// Same reports whether two marks are of one environment.
func (m Mark) Same(other Mark) bool { return m.Environment == other.Environment && m.ID == other.ID }

// The keys of the tags.
const (
	TagEnvironment = "gcs-to-s3:environment"
	TagID          = "gcs-to-s3:id"
	TagOwner       = "gcs-to-s3:owner"
	TagExpires     = "gcs-to-s3:expires"
)

// MarkMetadata is the key of the mark among the metadata of resources that cdk import has
// brought into a stack: it gives the stack no tags, so that until its deployment this is what
// says whose it is.
const MarkMetadata = "gcs-to-s3:mark"

// AccountDisplayName is the display name of an environment's service account.
const AccountDisplayName = "GCS to S3"

// AdoptVariable, if it is set, lets the Pulumi program take over what carries no mark. Only
// gcs-to-s3 adopt sets it.
const AdoptVariable = "GCS_TO_S3_ADOPT"

// Mark returns the mark of the environment's resources.
func (e Environment) Mark() Mark {
	expires, _ := parseExpiry(e.Expires) // already checked
	return Mark{e.Name, e.ID(), e.Owner, expires}
}

// Tags returns the mark as AWS tags.
func (m Mark) Tags() map[string]string {
	tags := map[string]string{TagEnvironment: m.Environment}
	if m.ID != "" {
		tags[TagID] = m.ID
	}
	if m.Owner != "" {
		tags[TagOwner] = m.Owner
	}
	if !m.Expires.IsZero() {
		tags[TagExpires] = m.Expires.UTC().Format(time.RFC3339)
	}
	return tags
}

// The keys of the labels.
const (
	LabelEnvironment = "gcs-to-s3-environment"
	LabelID          = "gcs-to-s3-id"
)

// Labels returns what of the mark says whose a thing is, as labels of Google Cloud, whose
// values have no room for the rest: lower-case letters, digits, _ and -.
func (m Mark) Labels() map[string]string {
	return map[string]string{LabelEnvironment: m.Environment, LabelID: m.ID}
}

// MarkOfLabels reads a mark from labels.
func MarkOfLabels(labels map[string]string) (Mark, bool) {
	m := Mark{Environment: labels[LabelEnvironment], ID: labels[LabelID]}
	return m, m.Environment != ""
}

// MarkOf reads a mark from tags.
func MarkOf(tags map[string]string) (Mark, bool) {
	expires, err := parseExpiry(tags[TagExpires])
	return Mark{tags[TagEnvironment], tags[TagID], tags[TagOwner], expires}, err == nil && tags[TagEnvironment] != ""
}

// String returns the mark as written in a description: [gcs-to-s3 pr-7
// id=0123456789ab owner=alice expires=2026-12-01T00:00:00Z].
func (m Mark) String() string {
	s := "[" + Namespace + " " + m.Environment
	if m.ID != "" {
		s += " id=" + m.ID
	}
	if m.Owner != "" {
		s += " owner=" + m.Owner
	}
	if !m.Expires.IsZero() {
		s += " expires=" + m.Expires.UTC().Format(time.RFC3339)
	}
	return s + "]"
}

var markPattern = regexp.MustCompile(`\[` + Namespace + ` ([a-z0-9-]+)(?: id=([0-9a-f]+))?(?: owner=([^] ]+))?(?: expires=([^] ]+))?\]`)

// FindMark reads a mark from a description.
func FindMark(description string) (Mark, bool) {
	found := markPattern.FindStringSubmatch(description)
	if found == nil {
		return Mark{}, false
	}
	expires, err := parseExpiry(found[4])
	return Mark{found[1], found[2], found[3], expires}, err == nil
}

// Expired reports whether the environment has expired.
func (m Mark) Expired(now time.Time) bool { return !m.Expires.IsZero() && !now.Before(m.Expires) }

// parseExpiry parses a time, or a date, which expires at the end of that day in
// UTC. When Pulumi rewrites a stack's file, it turns an unquoted value into Go's
// own format of a time; midnight UTC was then a date, or as good as one.
func parseExpiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, strings.TrimSuffix(text, " 00:00:00 +0000 UTC")); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	if words := strings.Fields(text); len(words) == 4 {
		if t, err := time.Parse("2006-01-02 15:04:05 -0700", strings.Join(words[:3], " ")); err == nil {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the expiry %q: %w", text, err)
	}
	return t, nil
}
