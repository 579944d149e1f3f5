package s3_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// startLocked starts a cloud with a bucket that retains objects for a day.
func startLocked(t *testing.T, mode types.ObjectLockRetentionMode) (*awstest.Server, *s3.Client) {
	t.Helper()
	s := awstest.Start(t)
	c := onTime(s)
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr(bucket), ObjectLockEnabledForBucket: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	if err := retain(t, c, types.DefaultRetention{Mode: mode, Days: ptr(int32(1))}); err != nil {
		t.Fatal(err)
	}
	return s, c
}

func retain(t *testing.T, c *s3.Client, d types.DefaultRetention) error {
	t.Helper()
	_, err := c.PutObjectLockConfiguration(t.Context(), &s3.PutObjectLockConfigurationInput{
		Bucket: ptr(bucket), ObjectLockConfiguration: &types.ObjectLockConfiguration{
			ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: &d},
		},
	})
	return err
}

// Bytes that are retained need a digest, in a header or in the trailer:
// s3tools/s3cmd, issue 1436; versity/versitygw, issue 1776.
func TestRetainedBytesNeedADigest(t *testing.T) {
	t.Parallel()
	s, c := startLocked(t, types.ObjectLockRetentionModeGovernance)
	id := begin(t, c, s3.CreateMultipartUploadInput{ChecksumAlgorithm: "CRC32C", ChecksumType: "FULL_OBJECT"})
	sum := crc32c([]byte("hello"))
	streamed := "5\r\nhello\r\n0\r\nx-amz-checksum-crc32c:" + sum + "\r\n\r\n"
	for what, path := range map[string]string{"Object": "/k", "Part": "/big?partNumber=1&uploadId=" + *id} {
		for _, test := range []struct {
			name, hash, body string
			header           http.Header
			taken            bool
		}{
			{"nothing", "", "hello", nil, false},
			{"nothing, unsigned", "UNSIGNED-PAYLOAD", "hello", nil, false},
			{"the MD5", "", "hello", http.Header{"Content-Md5": {"XUFAKrxLKna5cZ2REBfFkg=="}}, true},
			{"the CRC32C", "UNSIGNED-PAYLOAD", "hello", http.Header{"X-Amz-Checksum-Crc32c": {sum}}, true},
			{"a trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", streamed, http.Header{
				"Content-Encoding": {"aws-chunked"}, "X-Amz-Trailer": {"x-amz-checksum-crc32c"}, "X-Amz-Decoded-Content-Length": {"5"},
			}, true},
			{"chunks without a trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "5\r\nhello\r\n0\r\n\r\n", http.Header{
				"Content-Encoding": {"aws-chunked"}, "X-Amz-Decoded-Content-Length": {"5"},
			}, false},
		} {
			status, body := s.Do(t, awstest.Call{
				Credentials: s.Admin(), Service: "s3", Method: "PUT", Path: "/" + bucket + path,
				Header: test.header, Body: test.body, PayloadHash: test.hash,
			})
			if test.taken {
				if status != 200 {
					t.Errorf("%s with %s: got %d %s", what, test.name, status, body)
				}
				continue
			}
			message := "Content-MD5 OR x-amz-checksum- HTTP header is required for Put " + what + " requests with Object Lock parameters"
			if diff := cmp.Diff(awstest.Refused(400, "InvalidRequest", message), refusal(t, status, body)); diff != "" {
				t.Errorf("%s with %s (-want +got):\n%s", what, test.name, diff)
			}
		}
	}
}

// A retained version stays until its date, whatever is put over it; governance can
// be set aside with a right of its own. See "Locking objects with Object Lock";
// versity/versitygw, issues 1330 and 1741.
func TestRetention(t *testing.T) {
	t.Parallel()
	for _, mode := range []types.ObjectLockRetentionMode{types.ObjectLockRetentionModeGovernance, types.ObjectLockRetentionModeCompliance} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s, c := startLocked(t, mode)
			ctx := t.Context()
			write := func() *string {
				out, err := c.PutObject(ctx, &s3.PutObjectInput{
					Bucket: ptr(bucket), Key: ptr("k"), Body: strings.NewReader("v"), ChecksumAlgorithm: "CRC32C",
				})
				if err != nil {
					t.Fatal(err)
				}
				return out.VersionId
			}
			first, second := write(), write()
			head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
			if err != nil {
				t.Fatal(err)
			}
			end := s.Now().AddDate(0, 0, 1)
			if string(head.ObjectLockMode) != string(mode) || end.Sub(*head.ObjectLockRetainUntilDate).Abs() > time.Minute {
				t.Fatalf("got %+v, to be retained until %v", head, end)
			}
			if gone, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: ptr("k")}); err != nil || !*gone.DeleteMarker {
				t.Errorf("a delete marker: got %+v (%v)", gone, err)
			}
			locked := awstest.Refused(403, "AccessDenied", "Access Denied because object protected by object lock.")
			remove := func(c *s3.Client, version *string, bypass bool) awstest.Refusal {
				in := &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: ptr("k"), VersionId: version}
				if bypass {
					in.BypassGovernanceRetention = &bypass
				}
				_, err := c.DeleteObject(ctx, in)
				return awstest.RefusalOf(t, err)
			}
			if diff := cmp.Diff(locked, remove(c, first, false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			deleter := client(s, awstest.Session(t, s, "deleter", `{"Version":"2012-10-17","Statement":[
				{"Effect":"Allow","Action":"s3:DeleteObject*","Resource":"arn:aws:s3:::some-bucket/*"}]}`, time.Hour))
			if diff := cmp.Diff(locked, remove(deleter, first, true)); diff != "" {
				t.Errorf("without the right (-want +got):\n%s", diff)
			}
			many, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{
				Bucket: ptr(bucket), Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: ptr("k"), VersionId: first}}},
			})
			if err != nil || len(many.Errors) != 1 || *many.Errors[0].Message != locked.Message {
				t.Errorf("got %+v (%v)", many, err)
			}
			want := awstest.Refusal{}
			if mode == types.ObjectLockRetentionModeCompliance {
				want = locked
			}
			if diff := cmp.Diff(want, remove(c, first, true)); diff != "" {
				t.Errorf("set aside (-want +got):\n%s", diff)
			}
			s.Advance(25 * time.Hour)
			if diff := cmp.Diff(awstest.Refusal{}, remove(c, second, false)); diff != "" {
				t.Errorf("after its date (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLockConfiguration(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	read := func() (*s3.GetObjectLockConfigurationOutput, error) {
		return c.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: ptr(bucket)})
	}
	version := func(status types.BucketVersioningStatus) error {
		_, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: ptr(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: status},
		})
		return err
	}
	_, absent := read()
	early := retain(t, c, types.DefaultRetention{Mode: "GOVERNANCE", Days: ptr(int32(1))})
	if err := version("Enabled"); err != nil {
		t.Fatal(err)
	}
	refused := awstest.Refused
	malformed := refused(400, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
	for _, test := range []struct {
		name string
		err  error
		want awstest.Refusal
	}{
		{"none yet", absent,
			refused(404, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")},
		{"without versions", early,
			refused(409, "InvalidBucketState", "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")},
		{"days and years", retain(t, c, types.DefaultRetention{Mode: "GOVERNANCE", Days: ptr(int32(1)), Years: ptr(int32(1))}),
			malformed},
		{"no period", retain(t, c, types.DefaultRetention{Mode: "GOVERNANCE"}), malformed},
		{"another mode", retain(t, c, types.DefaultRetention{Mode: "WORM", Days: ptr(int32(1))}), malformed},
		{"zero days", retain(t, c, types.DefaultRetention{Mode: "GOVERNANCE", Days: ptr(int32(0))}), // believed
			refused(400, "InvalidArgument", "Default retention period must be a positive integer value.")},
		{"101 years", retain(t, c, types.DefaultRetention{Mode: "GOVERNANCE", Years: ptr(int32(101))}), // believed
			refused(400, "InvalidArgument", "Default retention period too large.")},
		{"two years", retain(t, c, types.DefaultRetention{Mode: "COMPLIANCE", Years: ptr(int32(2))}), awstest.Refusal{}},
		{"no versions any more", version("Suspended"), // versity/versitygw, issue 838
			refused(409, "InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")},
	} {
		if diff := cmp.Diff(test.want, awstest.RefusalOf(t, test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	got, err := read()
	if err != nil || *got.ObjectLockConfiguration.Rule.DefaultRetention.Years != 2 {
		t.Errorf("got %+v (%v)", got, err)
	}
}

// Making a bucket with Object Lock takes more rights: CreateBucket (Amazon S3 API
// Reference).
func TestLockRights(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	for i, action := range []string{"s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning", "s3:PutObject"} {
		role := fmt.Sprint("maker-", i)
		c := client(s, awstest.Session(t, s, role, `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"`+action+`","Resource":"*"}]}`, time.Hour))
		_, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: ptr("locked-bucket"), ObjectLockEnabledForBucket: ptr(true)})
		want := awstest.Refusal{}
		if action != "s3:PutObject" {
			want = denied(role, action, "arn:aws:s3:::locked-bucket", "with an explicit deny in an identity-based policy")
		}
		if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
