package s3_test

import (
	gocmp "cmp"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// in is a client of a region's endpoint.
func in(s *awstest.Server, region string) *s3.Client {
	config := s.Config(s.Admin())
	config.Region = region
	return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
}

func create(t *testing.T, c *s3.Client, name, constraint string) error {
	t.Helper()
	input := &s3.CreateBucketInput{Bucket: &name}
	if constraint != "" {
		input.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(constraint)}
	}
	_, err := c.CreateBucket(t.Context(), input)
	return err
}

// CreateBucket (Amazon S3 API Reference): only us-east-1 makes buckets elsewhere.
func TestBucketLocations(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	illegal := func(constraint string) awstest.Refusal {
		return awstest.Refused(400, "IllegalLocationConstraintException",
			"The "+constraint+" location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	invalid := awstest.Refused(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
	for _, test := range []struct {
		region, constraint string
		want               awstest.Refusal
		is                 types.BucketLocationConstraint
	}{
		{"us-east-1", "", awstest.Refusal{}, ""},
		{"us-east-1", "us-east-1", invalid, ""},
		{"us-east-1", "eu-west-1", awstest.Refusal{}, "eu-west-1"},
		{"us-east-1", "eu-nowhere-1", invalid, ""},
		{"eu-west-1", "eu-west-1", awstest.Refusal{}, "eu-west-1"},
		{"eu-west-1", "", illegal("unspecified"), ""},
		{"eu-west-1", "eu-west-2", illegal("eu-west-2"), ""},
	} {
		name := "bucket-" + test.region + "-" + gocmp.Or(test.constraint, "none")
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, create(t, in(s, test.region), name, test.constraint))); diff != "" {
			t.Errorf("%s in %s (-want +got):\n%s", test.constraint, test.region, diff)
		}
		if test.want.Status != 0 {
			continue
		}
		got, err := in(s, "us-east-1").GetBucketLocation(t.Context(), &s3.GetBucketLocationInput{Bucket: &name})
		if err != nil || got.LocationConstraint != test.is {
			t.Errorf("%s is in %+v (%v), want %q", name, got, err, test.is)
		}
	}
	out, err := in(s, "eu-west-2").ListBuckets(t.Context(), &s3.ListBucketsInput{BucketRegion: ptr("eu-west-1")})
	if err != nil || len(out.Buckets) != 2 || *out.Buckets[0].BucketRegion != "eu-west-1" {
		t.Errorf("got %+v (%v), want the two of eu-west-1", out, err)
	}
}

// A bucket of another region than the endpoint's: yanganto/s3rs, issue 18, for the
// answer with its header; aws/aws-cli, issue 851, for that to HEAD, which has no
// body; minio/minio-go, issue 677, for the global endpoint's.
func TestBucketElsewhere(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	if err := create(t, in(s, "eu-west-1"), bucket, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := in(s, "eu-west-1").HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: ptr(bucket)}); err != nil {
		t.Fatalf("in its region: %v", err)
	}
	type answer struct{ Code, Message, Bucket, Endpoint, Region string }
	for _, test := range []struct {
		name, method, path, host, body string
		status                         int
		want                           answer
	}{
		{"a list", "GET", "/" + bucket + "?list-type=2", "", "", 301, answer{
			"PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. " +
				"Please send all future requests to this endpoint.", bucket, bucket + ".s3-eu-west-1.amazonaws.com", "",
		}},
		{"an upload", "PUT", "/" + bucket + "/k", "", "v", 301, answer{
			"PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint. " +
				"Please send all future requests to this endpoint.", bucket, bucket + ".s3-eu-west-1.amazonaws.com", "",
		}},
		{"a HEAD of the bucket", "HEAD", "/" + bucket, "", "", 301, answer{}},
		{"a HEAD of an object", "HEAD", "/" + bucket + "/k", "", "", 301, answer{}},
		{"the global endpoint", "GET", "/k", bucket + ".s3.amazonaws.com", "", 400, answer{
			"AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
			"", "", "eu-west-1",
		}},
		{"a HEAD of the global endpoint", "HEAD", "/k", bucket + ".s3.amazonaws.com", "", 400, answer{}},
	} {
		r := s.Request(t, awstest.Call{
			Credentials: s.Admin(), Service: "s3", Method: test.method, Path: test.path, Host: test.host, Body: test.body,
		})
		response, err := awshttp.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var got answer
		if len(body) > 0 {
			if err := xml.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || response.StatusCode != test.status {
			t.Errorf("%s: got %d (-want +got):\n%s", test.name, response.StatusCode, diff)
		}
		if region := response.Header.Get("x-amz-bucket-region"); region != "eu-west-1" {
			t.Errorf("%s: the header names %q", test.name, region)
		}
		if strings.Contains(string(body), "Resource") {
			t.Errorf("%s: got %s", test.name, body)
		}
	}
}
