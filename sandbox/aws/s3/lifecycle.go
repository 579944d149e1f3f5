package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// lifecycle is a bucket's lifecycle configuration. Of its actions the one that
// aborts incomplete uploads has effect; the others are kept as they were sent.
type lifecycle struct {
	XMLName xml.Name        `xml:"LifecycleConfiguration"`
	XMLNS   string          `xml:"xmlns,attr,omitempty"`
	Rules   []lifecycleRule `xml:"Rule"`
}

type lifecycleRule struct {
	ID     string
	Filter *lifecycleFilter
	Prefix *string // what rules had before they had filters
	Status string
	Abort  *struct {
		Days *int `xml:"DaysAfterInitiation"`
	} `xml:"AbortIncompleteMultipartUpload"`
	Others []element `xml:",any"`
}

// lifecycleFilter selects objects by one condition, or by several below And.
type lifecycleFilter struct {
	Prefix *string
	And    *struct {
		Prefix     *string
		Conditions []element `xml:",any"`
	}
	Conditions []element `xml:",any"` // tags and sizes
}

// element is a part of a document that is kept as it is.
type element struct {
	XMLName xml.Name
	Inner   string `xml:",innerxml"`
}

// The other actions that a rule may have; see "Lifecycle configuration elements".
var lifecycleActions = map[string]bool{
	"Expiration": true, "Transition": true, "NoncurrentVersionExpiration": true, "NoncurrentVersionTransition": true,
}

// Quotas of rules; see "Lifecycle configuration elements".
const (
	maxRules  = 1000
	maxRuleID = 255
)

func checkLifecycle(c *call, body []byte) (func(*bucket), error) {
	if err := c.needDigest(); err != nil {
		return nil, err
	}
	var in lifecycle
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if len(in.Rules) == 0 || len(in.Rules) > maxRules {
		return nil, malformedXML()
	}
	seen := map[string]bool{}
	for i := range in.Rules {
		r := &in.Rules[i]
		if r.ID == "" {
			r.ID = c.s.token() // S3 gives the rule one
		}
		if len(r.ID) > maxRuleID {
			return nil, invalidArgument("ID", r.ID, "ID length should not exceed allowed limit of 255")
		}
		if seen[r.ID] {
			return nil, invalidArgument("ID", r.ID, "Rule ID must be unique. Found same ID for one or more rules")
		}
		seen[r.ID] = true
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	in.XMLNS, in.XMLName = namespaceXML, xml.Name{Local: "LifecycleConfiguration"}
	stored, err := xml.Marshal(in)
	return func(b *bucket) {
		b.config["lifecycle"], b.lifecycle = append([]byte(xml.Header), stored...), in.Rules
	}, err
}

func (r *lifecycleRule) check() error {
	if r.Status != "Enabled" && r.Status != "Disabled" {
		return malformedXML()
	}
	if (r.Filter == nil) == (r.Prefix == nil) { // a rule for all objects has an empty one
		return malformedXML()
	}
	for i := range r.Others {
		if !lifecycleActions[r.Others[i].XMLName.Local] {
			return malformedXML()
		}
		r.Others[i].XMLName.Space = "" // the document's
	}
	if r.Abort == nil {
		if len(r.Others) == 0 {
			return invalidRequest("At least one action needs to be specified in a rule")
		}
		return nil
	}
	const action = "AbortIncompleteMultipartUpload"
	switch {
	case r.Abort.Days == nil:
		return malformedXML()
	case *r.Abort.Days <= 0:
		return api.Errorf(http.StatusBadRequest, "InvalidArgument", "'DaysAfterInitiation' for %s action must be a positive integer", action)
	case r.Filter.has("Tag"):
		return invalidRequest("%s cannot be specified with Tags.", action)
	case r.Filter.has("ObjectSize"):
		return invalidRequest("%s cannot be specified with Object Size.", action)
	}
	return nil
}

// has reports whether the filter has a condition whose name begins so.
func (f *lifecycleFilter) has(name string) bool {
	if f == nil {
		return false
	}
	all := f.Conditions
	if f.And != nil {
		all = slices.Concat(all, f.And.Conditions)
	}
	return slices.ContainsFunc(all, func(e element) bool { return strings.HasPrefix(e.XMLName.Local, name) })
}

// prefix is what keys begin with that the rule is for.
func (r *lifecycleRule) prefix() string {
	for _, p := range []*string{r.Prefix, r.Filter.prefix()} {
		if p != nil {
			return *p
		}
	}
	return ""
}

func (f *lifecycleFilter) prefix() *string {
	switch {
	case f == nil:
		return nil
	case f.And != nil:
		return f.And.Prefix
	}
	return f.Prefix
}

// abortion is when a lifecycle rule aborts an upload, and which one does: of
// several, the first. The caller holds the lock.
func (s *S3) abortion(u *upload) (at time.Time, rule string, ok bool) {
	b := s.buckets[u.bucket]
	if b == nil {
		return at, "", false
	}
	for _, r := range b.lifecycle {
		if r.Status != "Enabled" || r.Abort == nil || !strings.HasPrefix(u.key, r.prefix()) {
			continue
		}
		// A day of a rule ends at the next midnight UTC.
		day := u.initiated.UTC().AddDate(0, 0, *r.Abort.Days).Truncate(24*time.Hour).AddDate(0, 0, 1)
		if !ok || day.Before(at) {
			at, rule, ok = day, r.ID, true
		}
	}
	return at, rule, ok
}

// lives reports whether no rule has aborted the upload yet. The caller holds the
// lock.
func (s *S3) lives(u *upload) bool {
	at, _, ok := s.abortion(u)
	return !ok || s.now().Before(at)
}

// sweep forgets the uploads that rules have aborted. The caller holds the lock for
// writing.
func (s *S3) sweep() {
	for id, u := range s.uploads {
		if !s.lives(u) {
			u.release()
			delete(s.uploads, id)
		}
	}
}

// showAbortion answers with the rule that would abort the upload. The caller holds
// the lock.
func (c *call) showAbortion(u *upload) {
	if at, rule, ok := c.s.abortion(u); ok {
		c.w.Header().Set("x-amz-abort-date", at.Format(http.TimeFormat))
		c.w.Header().Set("x-amz-abort-rule-id", rule)
	}
}
