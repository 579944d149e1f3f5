package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// UploadAge is how old an incomplete upload is that nobody is likely to continue.
const UploadAge = 24 * time.Hour

// Uploads asks for the incomplete uploads that the environment's function began: those
// by sessions of its role below the destination prefix.
func Uploads(ctx context.Context, cfg aws.Config, env environment.Environment) clouds.Answer[[]clouds.Upload] {
	all := clouds.S3Uploads(ctx, cfg, env.DestinationBucket, env.DestinationPrefix)
	var own []clouds.Upload
	for _, u := range all.Thing {
		if strings.HasPrefix(u.Initiator, env.AssumedRole()+"/") {
			own = append(own, u)
		}
	}
	all.Thing = own
	return all
}

// Older returns the uploads that were begun before a time.
func Older(uploads []clouds.Upload, than time.Time) []clouds.Upload {
	var old []clouds.Upload
	for _, u := range uploads {
		if u.Started.Before(than) {
			old = append(old, u)
		}
	}
	return old
}

// AbortUploads aborts uploads of the environment's destination bucket, with their parts.
// One that has ended in the meantime is not an error.
func AbortUploads(ctx context.Context, cfg aws.Config, env environment.Environment, uploads []clouds.Upload) error {
	client := s3.NewFromConfig(cfg)
	var errs []error
	for _, u := range uploads {
		_, err := client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &env.DestinationBucket, Key: &u.Key, UploadId: &u.ID})
		if err != nil && clouds.Code(err) != "NoSuchUpload" {
			errs = append(errs, fmt.Errorf("aborting the upload of s3://%s/%s: %w", env.DestinationBucket, u.Key, err))
		}
	}
	return errors.Join(errs...)
}
