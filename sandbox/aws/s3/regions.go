package s3

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/sigv4"
)

// regions are those with buckets; see "Amazon Simple Storage Service endpoints and
// quotas".
const regions = ` af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
	ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 ca-central-1 ca-west-1
	eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1
	me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2 `

// usEast is the region of the endpoint that old clients use for all buckets.
const usEast = "us-east-1"

// IsRegion reports whether S3 has buckets in a region. One address stands for the
// endpoints of them all: a request that is signed for a region is one to its
// endpoint.
func IsRegion(name string) bool { return slices.Contains(strings.Fields(regions), name) }

// location is the region of a new bucket, by the location constraint of the
// request. Only us-east-1 makes buckets elsewhere: CreateBucket (Amazon S3 API
// Reference).
func (c *call) location(constraint string) (string, error) {
	switch {
	case constraint == "" && c.Region == usEast:
		return usEast, nil
	case constraint != "" && constraint != usEast && (constraint == c.Region || c.Region == usEast && IsRegion(constraint)):
		return constraint, nil
	case constraint != "" && (constraint == usEast || !IsRegion(constraint)):
		e := api.Errorf(http.StatusBadRequest, "InvalidLocationConstraint", "The specified location-constraint is not valid")
		e.Members = map[string]string{"LocationConstraint": constraint}
		return "", e
	case constraint == "":
		constraint = "unspecified"
	}
	return "", api.Errorf(http.StatusBadRequest, "IllegalLocationConstraintException",
		"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", constraint)
}

// here refuses a request for a bucket of another region than the endpoint's,
// whoever asks; see "Making requests" in the Amazon S3 API Reference. Where a
// bucket is can be asked in us-east-1.
func (c *call) here() error {
	c.s.mu.RLock()
	b := c.s.buckets[c.bucket]
	c.s.mu.RUnlock()
	if b == nil || b.region == c.Region || c.route.operation == "CreateBucket" ||
		c.route.operation == "GetBucketLocation" && c.Region == usEast {
		return nil
	}
	c.w.Header().Set("x-amz-bucket-region", b.region)
	if global(c.Host) { // which leads to the bucket's region, where the signature is wrong
		return sigv4.WrongRegion(c.Request, b.region)
	}
	e := api.Errorf(http.StatusMovedPermanently, "PermanentRedirect",
		"The bucket you are attempting to access must be addressed using the specified endpoint. "+
			"Please send all future requests to this endpoint.")
	e.Members = map[string]string{"Bucket": b.name, "Endpoint": b.name + ".s3-" + b.region + ".amazonaws.com"}
	return e
}

// global reports whether a host is S3's without a region.
func global(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "s3.amazonaws.com" || strings.HasSuffix(host, ".s3.amazonaws.com")
}
