package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// asset is a file that the CDK uploaded to its bucket.
type asset struct{ bucket, key string }

// ahead is how long before a stack's creation its first template may have been
// uploaded.
const ahead = time.Hour

// maxTemplate is the largest template, in bytes: AWS CloudFormation User Guide,
// "Understand CloudFormation quotas".
const maxTemplate = 1 << 20

// AdoptedPrefix begins the keys of the deployment packages that an adoption keeps, among the
// files of the environment with a mark.
func AdoptedPrefix(mark environment.Mark) string {
	return environment.Namespace + "/" + mark.Environment + "/adopted-" + mark.ID + "-"
}

// begun is when the first template of a stack may have been uploaded, at the earliest.
func begun(s cfntypes.Stack) time.Time { return aws.ToTime(s.CreationTime).Add(-ahead) }

// assetsOf adds the files that deployments of a stack of the environment uploaded:
// templates, and the bundles that those name. The present template is the stack's own;
// earlier ones are those not older than the stack that create the same role or function.
// Only what is below the environment's own prefix in the CDK's bucket is looked at.
func (s *survey) assetsOf(ctx context.Context, cfg aws.Config, stack cfntypes.Stack, present ownership.Template) {
	if present.Makes == "" { // never deployed
		return
	}
	name, prefix := aws.ToString(stack.StackName), s.env.AssetPrefix()
	bucket := clouds.AssetBucket(s.env, cmp.Or(present.Qualifier, clouds.DefaultQualifier))
	objects := clouds.S3Objects(ctx, cfg, bucket, prefix, s.env.AWSAccount)
	if s.unknown("AWS", KindAsset, "in "+bucket, objects.Err()) {
		return
	}
	put := map[string]time.Time{} // when, by key
	keys := append(slices.Clone(present.Bundles), prefix+present.Sum+".json")
	for _, object := range objects.Thing { // none without a bucket
		key, at := aws.ToString(object.Key), aws.ToTime(object.LastModified)
		put[key] = at
		if strings.HasPrefix(key, AdoptedPrefix(s.own)) { // an adoption was cut off
			keys = append(keys, key)
		}
		if !strings.HasSuffix(key, ".json") || !at.After(begun(stack)) || aws.ToInt64(object.Size) > maxTemplate ||
			slices.Contains(keys, key) {
			continue
		}
		body := clouds.S3Object(ctx, cfg, bucket, key, maxTemplate)
		if s.unknown("AWS", KindAsset, bucket+"/"+key, body.Err()) || body.Absent() {
			continue
		}
		if earlier, err := ownership.ReadTemplate(body.Thing); err == nil && earlier.Makes == present.Makes {
			keys = append(append(keys, key), earlier.Bundles...)
		}
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if at, ok := put[key]; ok {
			s.add(
				Item{
					Cloud:   "AWS",
					Kind:    KindAsset,
					Name:    bucket + "/" + key,
					State:   "stored",
					Detail:  "of " + name,
					Created: at,
					asset:   asset{bucket, key},
				},
			)
		}
	}
}
