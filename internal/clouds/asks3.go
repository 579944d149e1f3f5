package clouds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

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

// S3DefaultKey asks for the KMS key with which an S3 bucket encrypts what says nothing of
// it, as the bucket names it: by ARN, id or alias. It is absent if the key is S3's own or
// AWS's: Amazon S3 API Reference, "ServerSideEncryptionByDefault".
func S3DefaultKey(ctx context.Context, cfg aws.Config, bucket string) Answer[string] {
	out, err := s3.NewFromConfig(cfg).GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket})
	if err != nil {
		return askAWS("the default encryption of the bucket s3://"+bucket, "", err)
	}
	if out.ServerSideEncryptionConfiguration != nil {
		for _, rule := range out.ServerSideEncryptionConfiguration.Rules {
			if d := rule.ApplyServerSideEncryptionByDefault; d != nil && aws.ToString(d.KMSMasterKeyID) != "" {
				return found(*d.KMSMasterKeyID)
			}
		}
	}
	return missing[string](nil)
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

// Upload is an incomplete upload in parts.
type Upload struct {
	Key       string
	ID        string
	Started   time.Time
	Initiator string // ARN of who began it
}

// S3Uploads asks for the incomplete uploads of an S3 bucket whose keys have a prefix.
func S3Uploads(ctx context.Context, cfg aws.Config, bucket, prefix string) Answer[[]Upload] {
	var all []Upload
	// Keys are asked for in an encoding, since XML has no form for some characters: Amazon
	// S3 API Reference, "ListMultipartUploads".
	pages := s3.NewListMultipartUploadsPaginator(
		s3.NewFromConfig(cfg),
		&s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &prefix, EncodingType: s3types.EncodingTypeUrl},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return listed(all, askAWS("the incomplete uploads of the bucket s3://"+bucket, all, err))
		}
		for _, u := range page.Uploads {
			key, err := url.QueryUnescape(aws.ToString(u.Key))
			if err != nil {
				key = aws.ToString(u.Key)
			}
			upload := Upload{Key: key, ID: aws.ToString(u.UploadId), Started: aws.ToTime(u.Initiated)}
			if u.Initiator != nil {
				upload.Initiator = aws.ToString(u.Initiator.ID)
			}
			all = append(all, upload)
		}
	}
	return found(all)
}

// AbortRule asks after how many days a lifecycle rule of an S3 bucket aborts incomplete
// uploads of keys with a prefix; without such a rule it is absent.
func AbortRule(ctx context.Context, cfg aws.Config, bucket, prefix string) Answer[int] {
	out, err := s3.NewFromConfig(cfg).GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &bucket})
	if err != nil {
		return askAWS("the lifecycle rules of the bucket s3://"+bucket, 0, err)
	}
	days := 0
	for _, rule := range out.Rules {
		//lint:ignore SA1019 older rules have it
		covered := aws.ToString(rule.Prefix)
		if f := rule.Filter; f != nil {
			if f.And != nil || f.Tag != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil {
				continue // S3 allows no AbortIncompleteMultipartUpload with these
			}
			covered = aws.ToString(f.Prefix)
		}
		if abort := rule.AbortIncompleteMultipartUpload; rule.Status == s3types.ExpirationStatusEnabled && abort != nil &&
			strings.HasPrefix(prefix, covered) {
			if n := int(aws.ToInt32(abort.DaysAfterInitiation)); days == 0 || n < days {
				days = n
			}
		}
	}
	if days == 0 {
		return missing[int](nil)
	}
	return found(days)
}
