package s3

import (
	"encoding/xml"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// bucket is a bucket and what is in it.
type bucket struct {
	name       string
	region     string
	created    time.Time
	config     map[string][]byte                 // by query parameter: lifecycle, tagging …; as it was sent
	policy     policy.Timeline[*policy.Document] // of config["policy"]
	versioning string                            // "", Enabled or Suspended
	lifecycle  []lifecycleRule                   // of config["lifecycle"]
	lock       lock                              // of config["object-lock"]
	encryption encryption                        // of config["encryption"]

	keys     []string             // sorted; every key with a version
	versions map[string][]*object // newest last
	// deletions counts the deletions of a key, for conditional writes that one
	// gets in the way of.
	deletions map[string]int
}

// bucketNameRule; see "General purpose bucket naming rules".
var bucketNameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func validBucketName(name string) bool {
	if !bucketNameRule.MatchString(name) || strings.Contains(name, "..") || net.ParseIP(name) != nil {
		return false
	}
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return false
		}
	}
	for _, p := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, p) {
			return false
		}
	}
	return true
}

func (c *call) createBucket() error {
	if !validBucketName(c.bucket) {
		return api.Errorf(http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid.")
	}
	if err := c.allowed("s3:CreateBucket", bucketARN(c.bucket), c.bucket); err != nil {
		return err
	}
	var in struct {
		XMLName            xml.Name `xml:"CreateBucketConfiguration"`
		LocationConstraint string
		Location           *struct{}
		Bucket             *struct{}
		Tags               *struct{}
	}
	if body, err := c.readBody(); err != nil {
		return err
	} else if len(body) > 0 {
		if err := xml.Unmarshal(body, &in); err != nil {
			return malformedXML()
		}
	}
	if in.Location != nil || in.Bucket != nil || in.Tags != nil {
		return notImplemented("Parameter", "CreateBucketConfiguration with Location, Bucket or Tags")
	}
	region, err := c.location(in.LocationConstraint)
	if err != nil {
		return err
	}
	config := map[string][]byte{}
	if o := c.Header.Get("x-amz-object-ownership"); o != "" {
		config["ownershipControls"] = ownershipXML(o)
		if _, err := checkOwnership(nil, config["ownershipControls"]); err != nil {
			return err
		}
	}
	locked, err := c.lockFromStart()
	if err != nil {
		return err
	}
	if a := c.Header.Get("x-amz-acl"); a != "" && a != "private" {
		return notImplemented("Header", "x-amz-acl")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if have, ok := c.s.buckets[c.bucket]; ok {
		// us-east-1 alone answers the owner with success, for old clients' sake.
		if have.region != usEast || region != usEast {
			return api.Errorf(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
		}
	} else {
		b := &bucket{
			name: c.bucket, region: region, created: c.s.now(), config: config,
			versions: map[string][]*object{}, deletions: map[string]int{},
		}
		if locked {
			b.lock.enabled, b.versioning = true, "Enabled"
			config["object-lock"], config["versioning"] = lockXML(), versioningXML(b.versioning)
		}
		c.s.buckets[c.bucket] = b
	}
	c.w.Header().Set("Location", "/"+c.bucket)
	c.empty(http.StatusOK)
	return nil
}

func (c *call) headBucket() error {
	if err := c.onBucket("s3:ListBucket"); err != nil {
		return err
	}
	c.w.Header().Set("x-amz-bucket-region", c.Region)
	c.w.Header().Set("x-amz-access-point-alias", "false")
	c.empty(http.StatusOK)
	return nil
}

func (c *call) deleteBucket() error {
	if err := c.onBucket("s3:DeleteBucket"); err != nil {
		return err
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	if len(b.keys) > 0 {
		message := "The bucket you tried to delete is not empty"
		if b.versioning != "" {
			message += ". You must delete all versions in the bucket."
		}
		return api.Errorf(http.StatusConflict, "BucketNotEmpty", "%s", message)
	}
	for id, u := range c.s.uploads {
		if u.bucket == c.bucket {
			u.release()
			delete(c.s.uploads, id)
		}
	}
	delete(c.s.buckets, c.bucket)
	c.empty(http.StatusNoContent)
	return nil
}

func (c *call) getBucketLocation() error {
	if err := c.onBucket("s3:GetBucketLocation"); err != nil {
		return err
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	b, err := c.s.bucket(c.bucket)
	if err != nil {
		return err
	}
	region := b.region
	if region == usEast {
		region = ""
	}
	return c.xml(struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{XMLNS: namespaceXML, Region: region})
}

// owner is how S3 shows the bucket's account.
type ownerXML struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// canonicalID identifies the account in listings: 64 hexadecimal digits.
func (s *S3) canonicalID() ownerXML {
	return ownerXML{ID: strings.Repeat("0", 52) + s.Account}
}

func (c *call) listBuckets() error {
	if err := c.allowed("s3:ListAllMyBuckets", "*", ""); err != nil {
		return err
	}
	type bucketXML struct {
		Name         string
		CreationDate string
		BucketRegion string `xml:",omitempty"`
	}
	var out struct {
		XMLName           xml.Name `xml:"ListAllMyBucketsResult"`
		XMLNS             string   `xml:"xmlns,attr"`
		Owner             ownerXML
		Buckets           []bucketXML `xml:"Buckets>Bucket"`
		ContinuationToken string      `xml:",omitempty"`
		Prefix            string      `xml:",omitempty"`
	}
	out.XMLNS, out.Owner, out.Prefix = namespaceXML, c.s.canonicalID(), c.query.Get("prefix")
	limit, err := c.number("max-buckets", 10_000)
	if err != nil {
		return err
	}
	c.s.mu.RLock()
	defer c.s.mu.RUnlock()
	var names []string
	for name, b := range c.s.buckets {
		region := c.query.Get("bucket-region")
		if strings.HasPrefix(name, out.Prefix) && name > c.query.Get("continuation-token") && (region == "" || region == b.region) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > limit {
		names, out.ContinuationToken = names[:limit], names[max(limit-1, 0)]
	}
	for _, name := range names {
		b := c.s.buckets[name]
		out.Buckets = append(out.Buckets, bucketXML{name, b.created.Format(timestampXML), b.region})
	}
	return c.xml(out)
}
