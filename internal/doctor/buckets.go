package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"google.golang.org/api/storage/v1"
)

func lookSourceBucket(ctx context.Context, e *examination) finding {
	name := e.Environment.SourceBucket
	bucket, err := e.Google.Storage.Buckets.Get(name).Context(ctx).Do()
	switch {
	case isMissing(err):
		return wrong("gcloud storage buckets create gs://"+name+" --project "+e.Environment.GoogleProject+", or set sourceBucket in the environment's file", "gs://%s does not exist", name)
	case err != nil:
		return unseen(err)
	}
	if e.Environment.DirectAccess && !uniform(bucket) {
		return wrong("gcloud storage buckets update gs://"+name+" --uniform-bucket-level-access, or directAccess false", "gs://%s has no uniform bucket-level access, without which it takes no principals of a workload identity pool", name)
	}
	return good("gs://%s in %s", name, bucket.Location)
}

// uniform tells whether a bucket's policy alone decides: Cloud Storage
// documentation, "Uniform bucket-level access".
func uniform(b *storage.Bucket) bool {
	return b.IamConfiguration != nil && b.IamConfiguration.UniformBucketLevelAccess != nil && b.IamConfiguration.UniformBucketLevelAccess.Enabled
}

func lookObject(ctx context.Context, e *examination) finding {
	bucket, name := e.Environment.SourceBucket, e.Environment.Object
	object, err := e.Google.Storage.Objects.Get(bucket, name).Context(ctx).Do()
	switch {
	case isMissing(err):
		return warn("upload it, or set object in the environment's file; events may name others", "gs://%s/%s does not exist", bucket, name)
	case err != nil:
		return unseen(err)
	}
	return good("gs://%s/%s, %d bytes", bucket, name, object.Size)
}

// regionHeader names a bucket's region, also in refusals: Amazon S3 API Reference,
// "HeadBucket".
const regionHeader = "X-Amz-Bucket-Region"

func lookDestinationBucket(ctx context.Context, e *examination) finding {
	name := e.Environment.DestinationBucket
	var region string
	out, err := s3.NewFromConfig(e.AWS).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	var refused *smithyhttp.ResponseError
	switch {
	case err == nil:
		region = aws.ToString(out.BucketRegion)
	case errors.As(err, &refused) && refused.HTTPStatusCode() == http.StatusNotFound:
		return wrong("aws s3 mb s3://"+name+" --region "+e.Environment.AWSRegion+", or set destinationBucket in the environment's file", "s3://%s does not exist", name)
	case errors.As(err, &refused):
		region = refused.Response.Header.Get(regionHeader)
	}
	switch {
	case region != "" && region != e.Environment.AWSRegion:
		return warn("a bucket in the function's region is cheaper and faster; the copy goes to the endpoint of "+e.Environment.AWSRegion+", which S3 answers with 301 for a bucket elsewhere",
			"s3://%s is in %s, the function in %s", name, region, e.Environment.AWSRegion)
	case err != nil && refused != nil && refused.HTTPStatusCode() == http.StatusForbidden:
		return warn("have its owner tell whether it is yours: aws s3api head-bucket --bucket "+name, "s3://%s exists, and you may not look at it", name)
	case err != nil:
		return unseen(err)
	}
	return good("s3://%s in %s", name, cmp.Or(region, "a region that S3 does not tell"))
}
