package s3

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// setting is one part of a bucket's configuration: a document that is kept as
// it was sent, under the query parameter that selects it.
type setting struct {
	query     string
	name      string // of the operations: PutBucketEncryption
	get, put  string // the actions that policies allow; deleting needs put
	deletes   bool
	status    int // of a successful put
	absent    *api.Error
	byDefault func() []byte // what a new bucket has
	// check reads a document; what it returns is stored.
	check func(c *call, body []byte) (apply func(*bucket), err error)
}

func settings() []setting {
	absent := func(code, message string) *api.Error { return api.Errorf(http.StatusNotFound, code, "%s", message) }
	return []setting{
		{query: "encryption", name: "BucketEncryption", get: "s3:GetEncryptionConfiguration", put: "s3:PutEncryptionConfiguration", deletes: true, byDefault: encryption{}.xml, check: checkEncryption},
		{query: "versioning", name: "BucketVersioning", get: "s3:GetBucketVersioning", put: "s3:PutBucketVersioning",
			byDefault: func() []byte { return versioningXML("") }, check: checkVersioning},
		{query: "policy", name: "BucketPolicy", get: "s3:GetBucketPolicy", put: "s3:PutBucketPolicy", deletes: true, status: http.StatusNoContent,
			absent: absent("NoSuchBucketPolicy", "The bucket policy does not exist"), check: checkPolicy},
		{query: "publicAccessBlock", name: "PublicAccessBlock", get: "s3:GetBucketPublicAccessBlock", put: "s3:PutBucketPublicAccessBlock", deletes: true,
			absent: absent("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"), byDefault: publicAccessXML, check: checkPublicAccess},
		{query: "ownershipControls", name: "BucketOwnershipControls", get: "s3:GetBucketOwnershipControls", put: "s3:PutBucketOwnershipControls", deletes: true,
			absent: absent("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"), byDefault: func() []byte { return ownershipXML("BucketOwnerEnforced") }, check: checkOwnership},
		{query: "lifecycle", name: "BucketLifecycleConfiguration", get: "s3:GetLifecycleConfiguration", put: "s3:PutLifecycleConfiguration", deletes: true,
			absent: absent("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"), check: checkLifecycle},
		{query: "object-lock", name: "ObjectLockConfiguration",
			get: "s3:GetBucketObjectLockConfiguration", put: "s3:PutBucketObjectLockConfiguration",
			absent: absent("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket"), check: checkLock},
		{query: "tagging", name: "BucketTagging", get: "s3:GetBucketTagging", put: "s3:PutBucketTagging", deletes: true,
			absent: absent("NoSuchTagSet", "The TagSet does not exist"), check: checkTagging},
	}
}

// removed marks a setting that was deleted and has a default before that.
const removed = "removed"

func configRoutes() []route {
	var out []route
	for _, s := range settings() {
		headers := []string{}
		if s.query == "lifecycle" {
			headers = append(headers, "x-amz-transition-default-minimum-object-size")
		}
		if s.query == "policy" {
			headers = append(headers, "x-amz-confirm-remove-self-bucket-access")
		}
		remove := "Delete" + s.name
		if s.query == "lifecycle" {
			remove = "DeleteBucketLifecycle"
		}
		selectors := []string{s.query}
		out = append(out,
			route{operation: "Get" + s.name, method: "GET", level: bucketLevel, selectors: selectors, handle: s.handleGet},
			route{operation: "Put" + s.name, method: "PUT", level: bucketLevel, selectors: selectors, headers: headers, handle: s.handlePut})
		if s.deletes {
			out = append(out, route{operation: remove, method: "DELETE", level: bucketLevel, selectors: selectors, handle: s.handleDelete})
		}
	}
	return out
}

func (s setting) handleGet(c *call) error {
	if err := c.onBucket(s.get); err != nil {
		return err
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	body, ok := b.config[s.query]
	switch {
	case ok && string(body) != removed:
	case s.byDefault != nil && !ok:
		body = s.byDefault()
	default:
		return s.absent
	}
	if s.query == "policy" {
		c.w.Header().Set("Content-Type", "application/json")
		c.w.WriteHeader(http.StatusOK)
		_, _ = c.w.Write(body) // a caller that is gone needs no answer
		return nil
	}
	c.raw(body)
	return nil
}

func (s setting) handlePut(c *call) error {
	if err := c.onBucket(s.put); err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	apply, err := s.check(c, body)
	if err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	b.config[s.query] = body
	if apply != nil {
		apply(b)
	}
	c.empty(max(s.status, http.StatusOK))
	return nil
}

func (s setting) handleDelete(c *call) error {
	action := s.put
	if s.query == "policy" {
		action = "s3:DeleteBucketPolicy"
	}
	if err := c.onBucket(action); err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	delete(b.config, s.query)
	if s.byDefault != nil && s.absent != nil {
		b.config[s.query] = []byte(removed)
	}
	switch s.query {
	case "policy":
		c.s.settle(b, nil)
	case "encryption": // what is blocked stays so, as believed
		b.encryption = encryption{customers: b.encryption.customers}
		b.config[s.query] = b.encryption.xml()
	case "lifecycle":
		b.lifecycle = nil
	}
	c.empty(http.StatusNoContent)
	return nil
}

// read decodes a document of a bucket's configuration.
func read(body []byte, v any) error {
	if err := xml.Unmarshal(body, v); err != nil {
		return malformedXML()
	}
	return nil
}

func versioningXML(status string) []byte {
	if status != "" {
		status = "<Status>" + status + "</Status>"
	}
	return []byte(`<VersioningConfiguration xmlns="` + namespaceXML + `">` + status + `</VersioningConfiguration>`)
}

func checkVersioning(c *call, body []byte) (func(*bucket), error) {
	var in struct {
		XMLName   xml.Name `xml:"VersioningConfiguration"`
		Status    string
		MFADelete string `xml:"MfaDelete"`
	}
	if err := read(body, &in); err != nil {
		return nil, err
	}
	if in.MFADelete == "Enabled" {
		return nil, notImplemented("Parameter", "MfaDelete")
	}
	if in.Status != "Enabled" && in.Status != "Suspended" {
		return nil, api.Errorf(http.StatusBadRequest, "IllegalVersioningConfigurationException", "The Versioning element must be specified")
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	if b, err := c.s.bucket(c.bucket); err == nil && b.lock.enabled && in.Status == "Suspended" {
		return nil, api.Errorf(http.StatusConflict, "InvalidBucketState",
			"An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
	}
	return func(b *bucket) { b.versioning = in.Status }, nil
}

// public reports whether a policy allows something to everybody without a
// condition.
func public(d *policy.Document) bool {
	for _, s := range d.Statements {
		if s.Deny || len(s.Conditions) > 0 {
			continue
		}
		for _, p := range s.Principals {
			if p.Value == "*" || s.NotPrincipal {
				return true
			}
		}
	}
	return false
}

// settle lets a bucket's new policy take effect after the delay.
func (s *S3) settle(b *bucket, d *policy.Document) {
	b.policy.Set(d, s.Now(), s.Delay)
}

func checkPolicy(c *call, body []byte) (func(*bucket), error) {
	wrong := func(message string) error {
		return api.Errorf(http.StatusBadRequest, "MalformedPolicy", "%s", message)
	}
	if len(body) > maxPolicySize {
		return nil, api.Errorf(http.StatusBadRequest, "PolicyTooLarge", "Policy size exceeds %d bytes", maxPolicySize)
	}
	if len(body) == 0 || body[0] != '{' {
		return nil, wrong("Policies must be valid JSON and the first byte must be '{'")
	}
	d, err := policy.Parse(string(body), policy.Bucket)
	var m *policy.Malformed
	if errors.As(err, &m) {
		return nil, wrong(m.Message)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range d.Statements {
		for _, r := range s.Resources {
			if !concerns(r, c.bucket) {
				return nil, wrong("Policy has invalid resource")
			}
		}
		if !applies(&s, c.bucket) {
			return nil, wrong("Action does not apply to any resource(s) in statement")
		}
		for _, p := range s.Principals {
			if exists := c.s.PrincipalExists; p.Type == "AWS" && p.Value != "*" && exists != nil && !exists(p.Value) {
				return nil, wrong("Invalid principal in policy")
			}
		}
	}
	c.s.mu.RLock()
	blocked := false
	if b, err := c.s.bucket(c.bucket); err == nil {
		blocked = b.publicAccess().BlockPublicPolicy
	}
	c.s.mu.RUnlock()
	if blocked && public(d) {
		return nil, api.Errorf(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: s3:PutBucketPolicy on resource: %q because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.", c.Caller.ARN, bucketARN(c.bucket))
	}
	return func(b *bucket) { c.s.settle(b, d) }, nil
}
