package s3

import (
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/policy"
)

// The actions on objects and on buckets that a bucket policy may name; see
// "Actions, resources, and condition keys for Amazon S3". A name that is in
// neither list is taken for one of both.
const (
	objectActions = `AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion
		DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging
		GetObjectTorrent GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication
		GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner
		PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging
		ReplicateDelete ReplicateObject ReplicateTags RestoreObject`
	bucketActions = `CreateBucket DeleteBucket DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration GetAnalyticsConfiguration
		GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketNotification GetBucketObjectLockConfiguration
		GetBucketOwnershipControls GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment
		GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration
		GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket
		ListBucketMultipartUploads ListBucketVersions PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAcl PutBucketCORS
		PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy
		PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite
		PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration
		PutMetricsConfiguration PutReplicationConfiguration`
)

// applies reports whether every action of the statement is one on a resource that
// it names.
func applies(s *policy.Statement, bucket string) bool {
	if s.NotAction || s.NotResource {
		return true
	}
	onBucket, onObjects := false, false
	for _, r := range s.Resources {
		rest := strings.TrimPrefix(r, bucketARN(bucket))
		onBucket = onBucket || rest == "" || rest == "*"
		onObjects = onObjects || rest != ""
	}
	for _, a := range s.Actions {
		bucketAction, objectAction := matches(a, bucketActions), matches(a, objectActions)
		if (bucketAction || objectAction) && !(bucketAction && onBucket) && !(objectAction && onObjects) {
			return false
		}
	}
	return true
}

func matches(pattern, actions string) bool {
	for _, a := range strings.Fields(actions) {
		if policy.ActionMatches(pattern, "s3:"+a) {
			return true
		}
	}
	return false
}
