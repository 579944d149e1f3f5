package storage

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google/policy"
)

// bucket is one bucket.
type bucket struct {
	name             string
	location         string
	storageClass     string
	labels           map[string]string
	publicPrevention string // inherited or enforced
	requesterPays    bool
	created, updated time.Time
	metagen          int64
	policy           policy.Timeline
	versioning       *bool // nil until it is enabled for the first time
	objects          map[string]*object
	noncurrent       map[string][]*object // the earlier versions, oldest first
	notifications    []*notification
}

func (b *bucket) resource() string { return "//storage.googleapis.com/projects/_/buckets/" + b.name }

func (b *bucket) objectResource(name string) string { return b.resource() + "/objects/" + name }

// enforced is public access prevention that is not left to an organization.
const enforced = "enforced"

// grants is the part of the bucket's policy that is in effect.
func (b *bucket) grants() policy.Timeline {
	if b.publicPrevention == enforced {
		return b.policy.Map(func(p policy.Policy) policy.Policy { return p.Without(policy.Public) })
	}
	return b.policy
}

func (b *bucket) etag() string { return etag(b.metagen) }

// The rules of buckets: Cloud Storage documentation, "Bucket names", "Bucket
// locations", "Storage classes" and "Bucket labels".
var (
	namePattern     = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)
	partPattern     = regexp.MustCompile(`^[a-z0-9_-]{1,63}$`)
	addressPattern  = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$`)
	regionPattern   = regexp.MustCompile(`^[A-Z]+-[A-Z]+[0-9]+$`)
	multiPattern    = regexp.MustCompile(`^(US|EU|ASIA)$`)
	dualPattern     = regexp.MustCompile(`^(NAM4|EUR4|EUR5|EUR7|EUR8|ASIA1)$`)
	classPattern    = regexp.MustCompile(`^(STANDARD|NEARLINE|COLDLINE|ARCHIVE)$`)
	labelPattern    = regexp.MustCompile(`^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$`)
	labelValPattern = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$`)
)

const maxLabels = 64

func checkBucketName(name string) error {
	ok := namePattern.MatchString(name) && !strings.HasPrefix(name, "goog") && !strings.Contains(name, "google") && !addressPattern.MatchString(name)
	for part := range strings.SplitSeq(name, ".") {
		ok = ok && partPattern.MatchString(part)
	}
	if !ok {
		return invalid("Invalid bucket name: '" + name + "'")
	}
	return nil
}

func locationType(location string) string {
	switch {
	case multiPattern.MatchString(location):
		return "multi-region"
	case dualPattern.MatchString(location):
		return "dual-region"
	case regionPattern.MatchString(location):
		return "region"
	}
	return ""
}

func checkLabels(labels map[string]string) error {
	for k, v := range labels {
		if !labelPattern.MatchString(k) || !labelValPattern.MatchString(v) {
			return invalid("Invalid argument: label " + strconv.Quote(k) + " with value " + strconv.Quote(v))
		}
	}
	if len(labels) > maxLabels {
		return invalid("Invalid argument: more than " + strconv.Itoa(maxLabels) + " labels")
	}
	return nil
}

// unmodelledSettings are fields of a bucket that clients also send empty.
var unmodelledSettings = []string{
	"acl", "autoclass", "cors", "customPlacementConfig", "defaultEventBasedHold", "defaultObjectAcl", "encryption", "hierarchicalNamespace",
	"ipFilter", "lifecycle", "logging", "objectRetention", "retentionPolicy", "rpo", "website",
}

// readBucket reads a bucket as clients write it, and refuses by name what it asks
// for that is not modelled.
func readBucket(r *api.Request) (bucketInput, error) {
	var fields map[string]any
	if err := api.ReadJSON(r, &fields); err != nil {
		return bucketInput{}, err
	}
	for _, name := range unmodelledSettings {
		if !api.Vacant(fields[name]) {
			return bucketInput{}, notModelled("field", name+" of buckets")
		}
		delete(fields, name)
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return bucketInput{}, err
	}
	var in bucketInput
	err = api.Decode(bytes.NewReader(data), &in)
	return in, err
}

// bucketInput is what readBucket reads. What is only ever answered is left, as is
// what changes nothing here.
type bucketInput struct {
	Name             string             `json:"name"`
	Location         string             `json:"location"`
	StorageClass     string             `json:"storageClass"`
	Labels           map[string]*string `json:"labels"`
	IAMConfiguration *struct {
		UniformBucketLevelAccess *struct {
			Enabled    *bool `json:"enabled"`
			LockedTime any   `json:"lockedTime"`
		} `json:"uniformBucketLevelAccess"`
		BucketPolicyOnly       any    `json:"bucketPolicyOnly"`
		PublicAccessPrevention string `json:"publicAccessPrevention"`
	} `json:"iamConfiguration"`

	Billing *struct {
		RequesterPays bool `json:"requesterPays"`
	} `json:"billing"`
	Versioning *struct {
		Enabled bool `json:"enabled"`
	} `json:"versioning"`

	Kind, ID, SelfLink, Etag, ProjectNumber, LocationType  any
	Metageneration, TimeCreated, Updated, SoftDeletePolicy any
}

// access checks the one kind of access control there is, and returns the setting
// of public access prevention, if there is one.
func (in bucketInput) access() (prevention string, err error) {
	c := in.IAMConfiguration
	if c == nil {
		return "", nil
	}
	if u := c.UniformBucketLevelAccess; u != nil && u.Enabled != nil && !*u.Enabled {
		return "", notModelled("access control", "of buckets without uniform bucket-level access")
	}
	switch p := c.PublicAccessPrevention; p {
	case "", "inherited", enforced:
		return p, nil
	default:
		return "", invalid("Invalid argument: publicAccessPrevention " + strconv.Quote(p))
	}
}

// stamp writes a time as Cloud Storage does, in milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// bucketJSON is a bucket as the JSON API writes it.
func (s *Storage) bucketJSON(b *bucket) map[string]any {
	out := map[string]any{
		"kind": "storage#bucket", "id": b.name, "name": b.name,
		"selfLink":      s.opts.URL + "/storage/v1/b/" + b.name,
		"projectNumber": s.opts.ProjectNumber, "location": b.location, "locationType": locationType(b.location),
		"storageClass": b.storageClass, "timeCreated": stamp(b.created), "updated": stamp(b.updated),
		"metageneration": strconv.FormatInt(b.metagen, 10), "etag": b.etag(),
		"iamConfiguration": map[string]any{
			"uniformBucketLevelAccess": map[string]any{"enabled": true},
			"publicAccessPrevention":   b.publicPrevention,
		},
	}
	if len(b.labels) > 0 {
		out["labels"] = b.labels
	}
	if b.versioning != nil {
		out["versioning"] = map[string]any{"enabled": *b.versioning}
	}
	if b.requesterPays {
		out["billing"] = map[string]any{"requesterPays": true}
	}
	return out
}
