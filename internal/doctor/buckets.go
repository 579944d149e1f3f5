package doctor

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
)

func lookSourceBucket(ctx context.Context, e *examination) finding {
	name := e.Environment.SourceBucket
	bucket := e.Google.Bucket(ctx, name)
	const payer = "set billingProject in the environment's file to the project that is to pay"
	reply := because(bucket.Err()).Reply
	switch {
	case reply.Status == http.StatusBadRequest && reply.Code == "required": // Cloud Storage documentation, "Use Requester Pays"
		return wrong(payer, "gs://%s is a requester-pays bucket: %s", name, reply)
	case bucket.Absent():
		return wrong(
			"`gcloud storage buckets create gs://"+name+" --project "+e.Environment.GoogleProject+"`, or set sourceBucket in the environment's file",
			"gs://%s does not exist",
			name,
		)
	case bucket.Err() != nil:
		return unseen(bucket.Err())
	}
	if e.Environment.DirectAccess && !uniform(bucket.Thing) {
		return wrong(
			"`gcloud storage buckets update gs://"+name+" --uniform-bucket-level-access`, or directAccess false",
			"gs://%s has no uniform bucket-level access, without which it takes no principals of a workload identity pool",
			name,
		)
	}
	if pays := bucket.Thing.Billing != nil && bucket.Thing.Billing.RequesterPays; pays && e.Environment.BillingProject == "" {
		return wrong(payer, "gs://%s is a requester-pays bucket: it takes no request that names no project that pays", name)
	}
	return good("gs://%s in %s", name, bucket.Thing.Location)
}

// uniform reports whether a bucket's policy alone decides: Cloud Storage documentation,
// "Uniform bucket-level access".
func uniform(b *storage.Bucket) bool {
	return b.IamConfiguration != nil && b.IamConfiguration.UniformBucketLevelAccess != nil &&
		b.IamConfiguration.UniformBucketLevelAccess.Enabled
}

func lookObject(ctx context.Context, e *examination) finding {
	bucket, name := e.Environment.SourceBucket, e.Environment.Object
	object := e.Google.Object(ctx, bucket, name)
	switch {
	case object.Absent():
		return warn("upload it, or set object in the environment's file; events may name others", "gs://%s/%s does not exist", bucket, name)
	case object.Err() != nil:
		return unseen(object.Err())
	}
	return good("gs://%s/%s, %d bytes", bucket, name, object.Thing.Size)
}

func lookDestinationBucket(ctx context.Context, e *examination) finding {
	return lookS3Bucket(ctx, e, "destinationBucket", e.Environment.DestinationBucket)
}

// lookJobsBucket looks for the bucket of bulk jobs, from which Step Functions reads: it must
// be in the state machine's region (AWS Step Functions Developer Guide, "ItemReader").
func lookJobsBucket(ctx context.Context, e *examination) finding {
	if !e.Environment.Bulk {
		return good("none is needed: bulk is false")
	}
	return lookS3Bucket(ctx, e, "jobsBucket", e.Environment.JobsBucket)
}

func lookS3Bucket(ctx context.Context, e *examination, setting, name string) finding {
	bucket, region := clouds.S3Bucket(ctx, e.AWS, name)
	switch {
	case bucket.Absent():
		return wrong(
			"`aws s3 mb s3://"+name+" --region "+e.Environment.AWSRegion+"`, or set "+setting+" in the environment's file",
			"s3://%s does not exist",
			name,
		)
	case region != "" && region != e.Environment.AWSRegion:
		return wrong(
			"set "+setting+" to a bucket in "+e.Environment.AWSRegion+", or awsRegion to "+region,
			"s3://%s is in %s, the function in %s: S3 refuses its writes with 301",
			name,
			region,
			e.Environment.AWSRegion,
		)
	case because(bucket.Err()).Reason == clouds.Denied:
		return warn(
			"ask its owner whether it is yours: `aws s3api head-bucket --bucket "+name+"`",
			"s3://%s exists, and you have no permission to read it",
			name,
		)
	case bucket.Err() != nil:
		return unseen(bucket.Err())
	}
	return good("s3://%s in %s", name, cmp.Or(region, "a region that S3 does not tell"))
}

// lookEncryption looks for a KMS key of the bucket that the role has no right to use: S3
// then refuses every write. Amazon S3 User Guide, "Using server-side encryption with AWS
// KMS keys (SSE-KMS)".
func lookEncryption(ctx context.Context, e *examination) finding {
	bucket, own := e.Environment.DestinationBucket, e.Environment.KMSKey
	byDefault := clouds.S3DefaultKey(ctx, e.AWS, bucket)
	switch {
	case byDefault.Err() != nil:
		return unseen(byDefault.Err())
	case byDefault.Absent() && clouds.ReplyOf(byDefault.Cause()).Code == "NoSuchBucket":
		return skip("s3://%s does not exist", bucket)
	case byDefault.Absent(), byDefault.Thing == awsKey:
		return good("s3://%s has no KMS key of its own", bucket)
	}
	key := clouds.Key(ctx, e.AWS, byDefault.Thing)
	arn, set := byDefault.Thing, "set kmsKey in the environment's file to the ARN that `aws kms describe-key --key-id "+byDefault.Thing+"` prints"
	switch {
	case key.Absent():
		return wrong("give the bucket another default key", "s3://%s encrypts with the KMS key %s by default, which does not exist: %s",
			bucket, arn, clouds.ReplyOf(key.Cause()))
	case key.There() && key.Thing.KeyManager == kmstypes.KeyManagerTypeAws:
		return good("s3://%s encrypts with a key that AWS manages", bucket)
	case key.There():
		arn = aws.ToString(key.Thing.Arn)
		set = "set kmsKey in the environment's file to " + arn
	case strings.HasPrefix(arn, "arn:") && !strings.Contains(arn, ":alias/"):
		set = "set kmsKey in the environment's file to " + arn
	}
	switch own {
	case arn:
		return good("s3://%s and kmsKey have the same key, %s", bucket, arn)
	case "":
		return wrong(set, "s3://%s encrypts with the KMS key %s by default, and kmsKey is not set: "+
			"S3 refuses every write, unless the key's own policy lets the role use it", bucket, arn)
	}
	return warn(set+", unless copies are to have another key than the rest of the bucket",
		"s3://%s encrypts with the KMS key %s by default, but copies are encrypted with kmsKey, %s", bucket, arn, own)
}

// awsKey is the alias of the key for S3 that AWS manages in every account: AWS KMS
// Developer Guide, "AWS managed keys".
const awsKey = "alias/aws/s3"

// lookUploads looks for what aborts uploads that nobody continues, and for such uploads.
func lookUploads(ctx context.Context, e *examination) finding {
	bucket := e.Environment.DestinationBucket
	own := inventory.Uploads(ctx, e.AWS, e.Environment)
	old := len(inventory.Older(own.Thing, time.Now().Add(-inventory.UploadAge)))
	rule := clouds.AbortRule(ctx, e.AWS, bucket, e.Environment.DestinationPrefix)
	switch {
	case own.Absent():
		return skip("s3://%s does not exist", bucket)
	case old > 0:
		return warn(
			"`gcs-to-s3 uploads "+e.Environment.Name+" --abort`",
			"%d uploads to s3://%s are incomplete for more than %v, and their parts are billed",
			old,
			bucket,
			inventory.UploadAge,
		)
	case own.Err() != nil:
		return unseen(own.Err())
	case rule.Absent():
		return warn(
			"add a rule with AbortIncompleteMultipartUpload, such as the one in docs/operations.md",
			"no lifecycle rule of s3://%s aborts incomplete uploads, which a function that is killed leaves behind",
			bucket,
		)
	case rule.Err() != nil:
		return unseen(rule.Err())
	}
	return good("a lifecycle rule of s3://%s aborts incomplete uploads after %d days", bucket, rule.Thing)
}
