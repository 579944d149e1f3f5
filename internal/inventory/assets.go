package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// asset is a file that the CDK uploaded to its bucket.
type asset struct{ bucket, key string }

// assets are the files in the CDK's bucket.
type assets struct {
	bucket    string
	put       map[string]time.Time // when, by key
	templates []template
}

// template is what a CloudFormation template says about its environment.
type template struct {
	key     string   // in the bucket
	made    string   // the role or function that it creates; empty if there is none
	bundles []string // keys of the bundles that it names
}

// ahead is how long before a stack's creation its first template may have been
// uploaded.
const ahead = time.Hour

// maxTemplate is the largest template, in bytes: AWS CloudFormation User Guide,
// "Understand CloudFormation quotas".
const maxTemplate = 1 << 20

// begun is when the first template of a stack may have been uploaded, at the earliest.
func begun(s cfntypes.Stack) time.Time { return aws.ToTime(s.CreationTime).Add(-ahead) }

// readAssets lists the CDK's bucket, and reads the templates in it that may belong to
// one of the stacks.
func (s *survey) readAssets(ctx context.Context, cfg aws.Config, env environment.Environment, stacks []cfntypes.Stack) assets {
	if len(stacks) == 0 {
		return assets{}
	}
	since := begun(slices.MinFunc(stacks, func(a, b cfntypes.Stack) int { return begun(a).Compare(begun(b)) }))
	a := assets{bucket: clouds.AssetBucket(env), put: map[string]time.Time{}}
	objects := clouds.S3Objects(ctx, cfg, a.bucket, env.AWSAccount)
	if s.unknown("AWS", KindAsset, "in "+a.bucket, objects.Err()) {
		return assets{}
	}
	for _, object := range objects.Thing { // none without a bucket
		key, at := aws.ToString(object.Key), aws.ToTime(object.LastModified)
		a.put[key] = at
		if !strings.HasSuffix(key, ".json") || !at.After(since) || aws.ToInt64(object.Size) > maxTemplate {
			continue
		}
		body := clouds.S3Object(ctx, cfg, a.bucket, key, maxTemplate)
		if s.unknown("AWS", KindAsset, a.bucket+"/"+key, body.Err()) || body.Absent() {
			continue
		}
		if t, err := readTemplate(body.Thing); err == nil && t.made != "" {
			t.key = key
			a.templates = append(a.templates, t)
		}
	}
	return a
}

// assetsOf adds the files that deployments of a stack uploaded: templates, and the
// bundles that those name. The present template is the stack's own; earlier ones are
// those not older than the stack that create the same role or function.
func (s *survey) assetsOf(ctx context.Context, cfg aws.Config, a assets, stack cfntypes.Stack) {
	name := aws.ToString(stack.StackName)
	answer := clouds.StackTemplate(ctx, cfg, name)
	if s.unknown("AWS", KindAsset, "of "+name, answer.Err()) || answer.Absent() {
		return
	}
	body := []byte(answer.Thing)
	present, err := readTemplate(body)
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("reading the template of %s: %w", name, err))
		return
	}
	sum := sha256.Sum256(body) // after which the CDK names it
	keys := append(present.bundles, hex.EncodeToString(sum[:])+".json")
	for _, t := range a.templates {
		if t.made == present.made && a.put[t.key].After(begun(stack)) {
			keys = append(append(keys, t.key), t.bundles...)
		}
	}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if at, ok := a.put[key]; ok {
			s.add(Item{Cloud: "AWS", Kind: KindAsset, Name: a.bucket + "/" + key, State: "stored", Detail: "of " + name, Created: at, asset: asset{a.bucket, key}})
		}
	}
}

func readTemplate(body []byte) (template, error) {
	var found struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return template{}, err
	}
	text := func(raw json.RawMessage) (s string) {
		_ = json.Unmarshal(raw, &s) // a computed value is no name of ours
		return s
	}
	var t template
	for _, resource := range found.Resources {
		switch resource.Type {
		case "AWS::Lambda::Function":
			t.made = resource.Type + " " + text(resource.Properties["FunctionName"])
			var code struct{ S3Key json.RawMessage }
			if json.Unmarshal(resource.Properties["Code"], &code) == nil && text(code.S3Key) != "" {
				t.bundles = append(t.bundles, text(code.S3Key))
			}
		case "AWS::IAM::Role":
			if name := text(resource.Properties["RoleName"]); name != "" && t.made == "" {
				t.made = resource.Type + " " + name
			}
		}
	}
	return t, nil
}
