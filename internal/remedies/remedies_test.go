package remedies

import (
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// TestRemedies runs the remedies in two pairs of clouds: in one of them, APIs are disabled, time
// passes, and the CDK's bootstrap goes away.
func TestRemedies(t *testing.T) {
	longtest.Skip(t)
	for _, tool := range []string{"gcloud", "aws"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the remedies are not run: %v", err)
		}
	}
	s := open(t)
	other := s.beside(t)
	found, amazon := s.environment(t, "mendfound", nil), s.environment(t, "mendaws", map[string]string{"sourceBucket": "payer"})
	events := s.environment(t, "mendevents", map[string]string{"events": "pull"})
	google := other.environment(t, "mendgoogle", nil)
	mendAPIs(t, s, found)
	mendUploads(t, s, found)
	t.Run("at once", func(t *testing.T) {
		for name, mend := range map[string]func(*testing.T){
			"AWS":    func(t *testing.T) { mendAWS(t, s, amazon) },
			"Google": func(t *testing.T) { mendGoogle(t, other, google) },
			"events": func(t *testing.T) { mendEvents(t, s, events) },
			"found":  func(t *testing.T) { mendFound(t, s, found) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				mend(t)
			})
		}
	})
	if t.Failed() {
		return
	}
	for key, why := range table {
		if why == executed && !s.done[key] {
			t.Errorf("the remedy %q is not run", key)
		}
	}
}

// mendBootstrap takes the CDK's bootstrap away, from all environments of the clouds.
func (s scene) mendBootstrap(t *testing.T, env environment.Environment) {
	t.Helper()
	admin := s.admin()
	buckets, bucket := s3.NewFromConfig(admin), clouds.AssetBucket(env, clouds.DefaultQualifier)
	stacks, toolkit := cloudformation.NewFromConfig(admin), "CDKToolkit"
	objects, err := buckets.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects.Contents {
		if _, err := buckets.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: o.Key}); err != nil {
			t.Fatal(err)
		}
	}
	versions, err := buckets.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions.Versions {
		if _, err := buckets.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range versions.DeleteMarkers {
		if _, err := buckets.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: v.Key, VersionId: v.VersionId}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := buckets.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: &toolkit}); err != nil {
		t.Fatal(err)
	}
	deleted := cloudformation.NewStackDeleteCompleteWaiter(stacks, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = minDelay, maxDelay
	})
	if err := deleted.Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(toolkit)}, patience); err != nil {
		t.Fatal(err)
	}
	advised := s.refused(t, "gcs-to-s3 up --no-doctor "+env.Name)
	s.must(t, same(t,
		s.command(t, "the account's region is not bootstrapped for the CDK: `npx cdk bootstrap aws://ACCOUNT/REGION`", advised, 0),
		s.command(t, "`npx cdk bootstrap aws://%s/%s`", s.finds(t, env, "bootstrap", doctor.Error), 0)))
	if c := s.examine(t, env).Get("bootstrap"); c.Status != doctor.OK {
		t.Errorf("doctor says of the bootstrap: %s", c.Seen)
	}
}
