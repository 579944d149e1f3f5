package s3_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func TestListing(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	for _, key := range []string{"a", "b/1", "b/2", "b/c/3", "d e+f", "g/1", "h"} {
		put(t, c, key, key)
	}
	for name, test := range map[string]struct {
		in   s3.ListObjectsV2Input
		want []string
	}{
		"all":                  {s3.ListObjectsV2Input{}, []string{"a", "b/1", "b/2", "b/c/3", "d e+f", "g/1", "h"}},
		"prefix":               {s3.ListObjectsV2Input{Prefix: ptr("b/")}, []string{"b/1", "b/2", "b/c/3"}},
		"delimiter":            {s3.ListObjectsV2Input{Delimiter: ptr("/")}, []string{"a", "b/ (prefix)", "d e+f", "g/ (prefix)", "h"}},
		"prefix and delimiter": {s3.ListObjectsV2Input{Prefix: ptr("b/"), Delimiter: ptr("/")}, []string{"b/1", "b/2", "b/c/ (prefix)"}},
		"start after":          {s3.ListObjectsV2Input{StartAfter: ptr("b/2")}, []string{"b/c/3", "d e+f", "g/1", "h"}},
		"nothing":              {s3.ListObjectsV2Input{Prefix: ptr("z")}, nil},
	} {
		for _, size := range []int32{1, 2, 1000} {
			in := test.in
			in.Bucket, in.MaxKeys = ptr(bucket), &size
			got := map[string]bool{}
			pages := s3.NewListObjectsV2Paginator(c, &in)
			for pages.HasMorePages() {
				page, err := pages.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, k := range keys(page) {
					if got[k] {
						t.Errorf("%s by %d: %s twice", name, size, k)
					}
					got[k] = true
				}
			}
			want := map[string]bool{}
			for _, k := range test.want {
				want[k] = true
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", name, size, diff)
			}
		}
	}
	old, err := c.ListObjects(t.Context(), &s3.ListObjectsInput{Bucket: ptr(bucket), MaxKeys: ptr(int32(2)), Delimiter: ptr("/"), EncodingType: types.EncodingTypeUrl})
	if err != nil || !*old.IsTruncated || *old.NextMarker != "b/" {
		t.Errorf("got %+v (%v)", old, err)
	}
}

func TestBucketLifeCycle(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	for _, name := range []string{"Upper", "ab", "a..b.c", "1.2.3.4", "-abc", "xn--abc"} {
		_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
		if diff := cmp.Diff(awstest.Refused(400, "InvalidBucketName", "The specified bucket is not valid."), awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	put(t, c, "k", "v")
	_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: ptr(bucket)})
	if diff := cmp.Diff(awstest.Refused(409, "BucketNotEmpty", "The bucket you tried to delete is not empty"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: ptr("k")}); err != nil {
		t.Error(err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: ptr(bucket)}); err != nil {
		t.Error(err)
	}
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: ptr(bucket)})
	if diff := cmp.Diff(awstest.Refused(404, "NoSuchBucket", "The specified bucket does not exist"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVersioning(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx := t.Context()
	put(t, c, "k", "zero")
	if _, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: ptr(bucket), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	first, second := put(t, c, "k", "one").VersionId, put(t, c, "k", "two").VersionId
	if first == nil || second == nil || *first == *second {
		t.Fatalf("got versions %v and %v", first, second)
	}
	gone, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
	if err != nil || !*gone.DeleteMarker {
		t.Errorf("got %+v (%v)", gone, err)
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k")})
	if got := awstest.RefusalOf(t, err); got.Code != "NoSuchKey" {
		t.Errorf("got %v, want NoSuchKey", got)
	}
	old, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: ptr(bucket), Key: ptr("k"), VersionId: first})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(old.Body); err != nil || string(b) != "one" {
		t.Errorf("got %s (%v), want one", b, err)
	}
	versions, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: ptr(bucket)})
	if err != nil || len(versions.Versions) != 3 || len(versions.DeleteMarkers) != 1 || !*versions.DeleteMarkers[0].IsLatest || *versions.Versions[2].VersionId != "null" {
		t.Fatalf("got %+v (%v)", versions, err)
	}
	var all []types.ObjectIdentifier
	for _, v := range versions.Versions {
		all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
	}
	all = append(all, types.ObjectIdentifier{Key: ptr("k"), VersionId: versions.DeleteMarkers[0].VersionId})
	out, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: ptr(bucket), Delete: &types.Delete{Objects: all}})
	if err != nil || len(out.Deleted) != 4 || len(out.Errors) != 0 {
		t.Errorf("got %+v (%v)", out, err)
	}
	if _, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: ptr(bucket)}); err != nil {
		t.Error(err)
	}
}

// What the bucket of the CDK's bootstrap template is configured with.
func TestBucketConfiguration(t *testing.T) {
	t.Parallel()
	_, c := start(t)
	ctx, b := t.Context(), ptr(bucket)
	if got, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b}); err != nil || got.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
		t.Errorf("got %+v (%v)", got, err)
	}
	if got, err := c.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: b}); err != nil || !*got.PublicAccessBlockConfiguration.BlockPublicPolicy {
		t.Errorf("got %+v (%v)", got, err)
	}
	if got, err := c.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: b}); err != nil || got.OwnershipControls.Rules[0].ObjectOwnership != "BucketOwnerEnforced" {
		t.Errorf("got %+v (%v)", got, err)
	}
	_, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b})
	if diff := cmp.Diff(awstest.Refused(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
		ID: ptr("CleanupOldVersions"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: ptr("")},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: ptr(int32(30))},
	}}}}); err != nil {
		t.Error(err)
	}
	if got, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: b}); err != nil || len(got.Rules) != 1 || *got.Rules[0].NoncurrentVersionExpiration.NoncurrentDays != 30 {
		t.Errorf("got %+v (%v)", got, err)
	}
	if _, err := c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: ptr("a"), Value: ptr("b")}}}}); err != nil {
		t.Error(err)
	}
	if got, err := c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: b}); err != nil || *got.TagSet[0].Value != "b" {
		t.Errorf("got %+v (%v)", got, err)
	}
	if _, err := c.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms},
	}}}}); err != nil {
		t.Error(err)
	}
	if got, err := c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: b}); err != nil || got.LocationConstraint != "" {
		t.Errorf("got %+v (%v)", got, err)
	}
	_, err = c.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: b, ExpectedBucketOwner: ptr("999999999999")})
	if got := awstest.RefusalOf(t, err); got.Status != 403 {
		t.Errorf("other owner: got %v, want 403", got)
	}
}

// Over TLS the SDK sends a body that it cannot rewind with an unsigned trailer.
func TestUnseekableBody(t *testing.T) {
	t.Parallel()
	s, _ := start(t)
	server := httptest.NewTLSServer(s.Cloud)
	t.Cleanup(server.Close)
	config := s.Config(s.Admin())
	config.BaseEndpoint, config.HTTPClient = &server.URL, server.Client()
	c := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	data := strings.Repeat("0123456789", 20_000)
	for i, a := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c, types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		key := fmt.Sprint(i)
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: ptr(bucket), Key: &key, Body: io.MultiReader(strings.NewReader(data)), ContentLength: ptr(int64(len(data))), ChecksumAlgorithm: a})
		if err != nil {
			t.Errorf("%s: %v", a, err)
			continue
		}
		if o := s.S3().Objects(bucket)[i]; o.ChecksumAlgorithm != strings.ToLower(string(a)) || o.Size != int64(len(data)) {
			t.Errorf("%s: got %+v", a, o)
		}
	}
}
