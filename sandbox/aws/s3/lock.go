package s3

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// lock is what Object Lock does to new objects of a bucket; see "Locking objects
// with Object Lock".
type lock struct {
	enabled     bool
	mode        string // GOVERNANCE or COMPLIANCE; empty retains nothing
	days, years int
}

// retention keeps a version from being deleted.
type retention struct {
	mode  string // empty for none
	until time.Time
}

func (l lock) retain(from time.Time) retention {
	if l.mode == "" {
		return retention{}
	}
	return retention{l.mode, from.AddDate(l.years, 0, l.days)}
}

// maxRetention is the longest default retention; see DefaultRetention (Amazon S3
// API Reference).
const (
	maxRetentionDays  = 36_500
	maxRetentionYears = 100
)

func lockXML() []byte {
	return []byte(`<ObjectLockConfiguration xmlns="` + namespaceXML + `"><ObjectLockEnabled>Enabled</ObjectLockEnabled>` +
		`</ObjectLockConfiguration>`)
}

func checkLock(c *call, body []byte) (func(*bucket), error) {
	if err := c.needDigest(); err != nil {
		return nil, err
	}
	var in struct {
		XMLName xml.Name `xml:"ObjectLockConfiguration"`
		Enabled string   `xml:"ObjectLockEnabled"`
		Rule    *struct {
			Default *struct {
				Mode        string
				Days, Years *int
			} `xml:"DefaultRetention"`
		}
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if in.Enabled != "Enabled" || in.Rule != nil && in.Rule.Default == nil {
		return nil, malformedXML()
	}
	l := lock{enabled: true}
	if in.Rule != nil {
		d := in.Rule.Default
		if d.Mode != "GOVERNANCE" && d.Mode != "COMPLIANCE" || (d.Days == nil) == (d.Years == nil) {
			return nil, malformedXML()
		}
		l.mode = d.Mode
		n, most, to := d.Days, maxRetentionDays, &l.days
		if d.Years != nil {
			n, most, to = d.Years, maxRetentionYears, &l.years
		}
		switch *to = *n; {
		case *n <= 0:
			return nil, api.Errorf(http.StatusBadRequest, "InvalidArgument", "Default retention period must be a positive integer value.")
		case *n > most:
			return nil, api.Errorf(http.StatusBadRequest, "InvalidArgument", "Default retention period too large.")
		}
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	if b, err := c.s.bucket(c.bucket); err == nil && b.versioning != "Enabled" {
		return nil, api.Errorf(http.StatusConflict, "InvalidBucketState",
			"Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
	}
	return func(b *bucket) { b.lock = l }, nil
}

// lockFromStart reads whether a new bucket is to have Object Lock, which needs
// rights of its own; see CreateBucket (Amazon S3 API Reference).
func (c *call) lockFromStart() (bool, error) {
	if !strings.EqualFold(c.Header.Get("x-amz-bucket-object-lock-enabled"), "true") {
		return false, nil
	}
	for _, action := range []string{"s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"} {
		if err := c.allowed(action, bucketARN(c.bucket), c.bucket); err != nil {
			return false, err
		}
	}
	return true, nil
}

// needLockDigest refuses bytes without a digest where they would be retained; what
// is Object or Part.
func (c *call) needLockDigest(e expected, what string) error {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	if b, err := c.s.bucket(c.bucket); err != nil || b.lock.mode == "" || len(e.algorithms()) > 0 {
		return err
	}
	return invalidRequest("Content-MD5 OR x-amz-checksum- HTTP header is required for Put %s requests with Object Lock parameters", what)
}

// bypass reports whether the call sets governance retention aside for a key.
func (c *call) bypass(key string) bool {
	return strings.EqualFold(c.Header.Get("x-amz-bypass-governance-retention"), "true") &&
		c.allowed("s3:BypassGovernanceRetention", objectARN(c.bucket, key), c.bucket) == nil
}

// deletable checks that a version may be deleted for good. The caller holds the
// lock.
func (s *S3) deletable(o *object, bypass bool) error {
	if o == nil || o.retention.mode == "" || !s.now().Before(o.retention.until) || o.retention.mode == "GOVERNANCE" && bypass {
		return nil
	}
	return api.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied because object protected by object lock.")
}

// showRetention answers with an object's retention, to callers that may see it.
func (c *call) showRetention(o *object) {
	if o.retention.mode == "" || c.allowed("s3:GetObjectRetention", objectARN(c.bucket, c.key), c.bucket) != nil {
		return
	}
	c.w.Header().Set("x-amz-object-lock-mode", o.retention.mode)
	c.w.Header().Set("x-amz-object-lock-retain-until-date", o.retention.until.Format(timestampXML))
}
