package s3

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

func bucketARN(name string) string      { return "arn:aws:s3:::" + name }
func objectARN(name, key string) string { return bucketARN(name) + "/" + key }

// allowed asks the caller's policies and the bucket's.
func (c *call) allowed(action, resource, bucketName string) error {
	var set policy.Set
	restricted := false
	c.s.mu.RLock()
	if b, ok := c.s.buckets[bucketName]; ok {
		if d := b.policy.At(c.s.Now()); d != nil {
			set.Resource = []policy.Named{{Name: "bucket policy of " + bucketName, Document: d}}
			restricted = b.publicAccess().RestrictPublicBuckets && public(d)
		}
	}
	c.s.mu.RUnlock()
	if restricted && c.Caller.Type == api.Anonymous {
		set.Resource = nil // RestrictPublicBuckets leaves a public policy to the account's own
	}
	d := c.Evaluate(action, resource, c.conditionKeys(), set)
	c.Record(action, resource, d)
	if d.Allowed {
		return nil
	}
	if c.Caller.Type == api.Anonymous {
		return api.Errorf(http.StatusForbidden, "AccessDenied", "Access Denied")
	}
	return c.Denied(action, strconv.Quote(resource), d)
}

// onBucket checks that the bucket exists and the caller may do action on it.
// That a bucket exists is no secret, so it comes first as in S3.
func (c *call) onBucket(action string) error {
	if err := c.exists(c.bucket); err != nil {
		return err
	}
	return c.allowed(action, bucketARN(c.bucket), c.bucket)
}

// onObject is onBucket for the call's object.
func (c *call) onObject(action string) error {
	if err := c.exists(c.bucket); err != nil {
		return err
	}
	if len(c.key) > maxKeyLength {
		e := api.Errorf(http.StatusBadRequest, "KeyTooLongError", "Your key is too long")
		e.Members = map[string]string{"Size": fmt.Sprint(len(c.key)), "MaxSizeAllowed": fmt.Sprint(maxKeyLength)}
		return e
	}
	return c.allowed(action, objectARN(c.bucket, c.key), c.bucket)
}

func (c *call) exists(name string) error {
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	_, err := c.s.bucket(name)
	return err
}

// bucket finds a bucket. The caller holds the lock.
func (s *S3) bucket(name string) (*bucket, error) {
	if b, ok := s.buckets[name]; ok {
		return b, nil
	}
	e := api.Errorf(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	e.Members = map[string]string{"BucketName": name}
	return nil, e
}

// conditionKeys are S3's own condition keys; see "Actions, resources, and
// condition keys for Amazon S3".
func (c *call) conditionKeys() map[string][]string {
	keys := map[string][]string{"s3:ResourceAccount": {c.Account}}
	if c.Caller.Type != api.Anonymous {
		keys["s3:signatureversion"] = []string{"AWS4-HMAC-SHA256"}
		keys["s3:authType"] = []string{"REST-HEADER"}
		if c.query.Has("X-Amz-Signature") {
			keys["s3:authType"] = []string{"REST-QUERY-STRING"}
		}
	}
	if strings.HasPrefix(c.route.operation, "List") && c.route.level == bucketLevel {
		for _, q := range []string{"prefix", "delimiter", "max-keys"} {
			if c.query.Has(q) {
				keys["s3:"+q] = []string{c.query.Get(q)}
			}
		}
	}
	if v := c.query.Get("versionId"); v != "" {
		keys["s3:VersionId"] = []string{v}
	}
	for _, h := range []string{
		"x-amz-acl", "x-amz-server-side-encryption", "x-amz-server-side-encryption-customer-algorithm",
		"x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class", "x-amz-content-sha256", "x-amz-object-ownership",
	} {
		if v := c.Header.Get(h); v != "" {
			keys["s3:"+h] = []string{v}
		}
	}
	for _, h := range []string{"if-match", "if-none-match"} {
		if v := c.Header.Get(h); v != "" {
			keys["s3:"+h] = []string{v}
		}
	}
	return keys
}
