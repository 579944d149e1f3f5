package clouds

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// regionHeader names a bucket's region, also in refusals: Amazon S3 API Reference,
// "HeadBucket".
const regionHeader = "X-Amz-Bucket-Region"

// S3Bucket asks for the region of an S3 bucket, which S3 reports even to callers without
// permission to read the bucket; it is empty if S3 does not report it.
func S3Bucket(ctx context.Context, cfg aws.Config, name string) (answer Answer[string], region string) {
	what := "the bucket s3://" + name
	out, err := s3.NewFromConfig(cfg).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &name})
	if err == nil {
		region = aws.ToString(out.BucketRegion)
		return found(region), region
	}
	var refused *smithyhttp.ResponseError
	if errors.As(err, &refused) {
		region = refused.Response.Header.Get(regionHeader)
	}
	return askAWS(what, "", err), region
}

// S3Objects asks for the objects of an S3 bucket of the account that begin with a prefix.
func S3Objects(ctx context.Context, cfg aws.Config, bucket, prefix, account string) Answer[[]s3types.Object] {
	var all []s3types.Object
	pages := s3.NewListObjectsV2Paginator(
		s3.NewFromConfig(cfg),
		&s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, ExpectedBucketOwner: &account},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listed(all, askAWS("the objects of the bucket s3://"+bucket, all, err))
		}
		all = append(all, page.Contents...)
	}
	return found(all)
}

// S3Object asks for the content of an S3 object, up to limit bytes of it.
func S3Object(ctx context.Context, cfg aws.Config, bucket, key string, limit int64) Answer[[]byte] {
	what := "the object s3://" + bucket + "/" + key
	out, err := s3.NewFromConfig(cfg).GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return askAWS[[]byte](what, nil, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, limit))
	if err != nil {
		err = fmt.Errorf("reading %s: %w", what, err)
	}
	return askAWS(what, body, err)
}
