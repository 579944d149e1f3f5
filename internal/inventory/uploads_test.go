package inventory

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// Case C27: uploads that a killed function left are found and aborted; those of others
// are left alone, also below the same keys.
func TestUploads(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	cfg := c.AWSConfig(c.AWS.Admin())
	admin, function := s3.NewFromConfig(cfg), s3.NewFromConfig(c.AWSConfig(c.Session(t, c.Env.Role)))
	for key, client := range map[string]*s3.Client{"incoming/a b+c": function, "incoming/ü": function, "elsewhere/x": admin, "incoming/theirs": admin} {
		if _, err := client.CreateMultipartUpload(context.Background(), &s3.CreateMultipartUploadInput{Bucket: &c.Env.DestinationBucket, Key: aws.String(key)}); err != nil {
			t.Fatal(err)
		}
	}
	env := c.Env
	env.DestinationPrefix = "incoming/"
	found := Uploads(context.Background(), cfg, env)
	if found.Err() != nil || len(found.Thing) != 2 || found.Thing[0].Key != "incoming/a b+c" || found.Thing[1].Key != "incoming/ü" {
		t.Fatalf("found %+v, %v", found.Thing, found.Err())
	}
	if old := Older(found.Thing, time.Now().Add(-UploadAge)); len(old) != 0 {
		t.Errorf("%+v are old", old)
	}
	if err := AbortUploads(context.Background(), cfg, env, append(Older(found.Thing, time.Now().Add(time.Hour)), clouds.Upload{Key: "gone", ID: "gone"})); err != nil {
		t.Fatal(err)
	}
	if left := c.AWS.S3().Uploads(c.Env.DestinationBucket); len(left) != 2 {
		t.Errorf("%d uploads are left, want the two of others", len(left))
	}
}
