package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// asset is a file that the CDK put into its bucket.
type asset struct{ bucket, key string }

// ofAWS asks AWS. A role or function of the environment's names that is marked as
// another environment's is not listed.
func ofAWS(ctx context.Context, cfg aws.Config, env environment.Environment) ([]Item, error) {
	var items []Item
	var errs []error
	stacks := cloudformation.NewFromConfig(cfg)
	for _, name := range []string{env.FunctionStack(), env.RoleStack()} {
		stack, err := Stack(ctx, stacks, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if stack == nil {
			continue
		}
		items = append(items, Item{Cloud: "AWS", Kind: KindStack, Name: name, State: string(stack.StackStatus), Created: aws.ToTime(stack.CreationTime)})
		assets, err := assetsOf(ctx, cfg, stacks, stack, env)
		items = append(items, assets...)
		errs = append(errs, err)
		others, err := resourcesOf(ctx, stacks, name)
		items = append(items, others...)
		errs = append(errs, err)
	}
	for _, find := range []func(context.Context, aws.Config, environment.Environment) (*Item, error){role, function, logGroup} {
		item, err := find(ctx, cfg, env)
		if item != nil {
			items = append(items, *item)
		}
		errs = append(errs, err)
	}
	return items, errors.Join(errs...)
}

// Stack describes a stack; it is nil if there is none.
func Stack(ctx context.Context, client *cloudformation.Client, name string) (*cfntypes.Stack, error) {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		if clouds.Code(err) == "ValidationError" { // CloudFormation's way to say that it does not exist
			return nil, nil
		}
		return nil, fmt.Errorf("asking for the stack %s: %w", name, err)
	}
	if len(out.Stacks) == 0 {
		return nil, nil
	}
	return &out.Stacks[0], nil
}

func role(ctx context.Context, cfg aws.Config, env environment.Environment) (*Item, error) {
	out, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: &env.Role})
	if clouds.Code(err) == "NoSuchEntity" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the role %s: %w", env.Role, err)
	}
	tags := map[string]string{}
	for _, tag := range out.Role.Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return owned(Item{Cloud: "AWS", Kind: KindRole, Name: env.Role, State: "exists", Created: aws.ToTime(out.Role.CreateDate)}, tags, env), nil
}

func function(ctx context.Context, cfg aws.Config, env environment.Environment) (*Item, error) {
	out, err := lambda.NewFromConfig(cfg).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &env.Function})
	if clouds.Code(err) == "ResourceNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for the function %s: %w", env.Function, err)
	}
	return owned(Item{Cloud: "AWS", Kind: KindFunction, Name: env.Function, State: string(out.Configuration.State)}, out.Tags, env), nil
}

// owned leaves out what is marked as another environment's.
func owned(i Item, tags map[string]string, env environment.Environment) *Item {
	if mark, ok := environment.MarkOf(tags); ok && mark.Environment != env.Name {
		return nil
	}
	return &i
}

func logGroup(ctx context.Context, cfg aws.Config, env environment.Environment) (*Item, error) {
	name := env.LogGroup()
	out, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	if err != nil {
		return nil, fmt.Errorf("asking for the log group %s: %w", name, err)
	}
	for _, group := range out.LogGroups {
		if aws.ToString(group.LogGroupName) == name {
			item := Item{Cloud: "AWS", Kind: KindLogGroup, Name: name, State: "exists"}
			if env.LogRemoval == environment.RetainLogs {
				item.Detail = "kept, as logRemoval says"
			}
			return &item, nil
		}
	}
	return nil, nil
}

// apart are the types of resources that are asked for one by one, since they may
// outlive their stack.
var apart = []string{"AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::CDK::Metadata"}

// resourcesOf are the other resources of a stack: queue, schedule, alarms.
func resourcesOf(ctx context.Context, client *cloudformation.Client, stack string) ([]Item, error) {
	var items []Item
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return items, fmt.Errorf("listing the resources of %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			kind := aws.ToString(r.ResourceType)
			if slices.Contains(apart, kind) || r.ResourceStatus == cfntypes.ResourceStatusDeleteComplete {
				continue
			}
			items = append(items, Item{Cloud: "AWS", Kind: KindResource, Name: aws.ToString(r.PhysicalResourceId), State: string(r.ResourceStatus), Detail: kind})
		}
	}
	return items, nil
}

// assetsOf are the files that deployments of the stack put into the CDK's bucket:
// templates, which the CDK calls by their SHA-256, and the bundles that those name.
// The present template is the stack's own; earlier ones are those in the bucket,
// not older than the stack, that make the same role or function. A bucket that may
// not be looked at shows none.
func assetsOf(ctx context.Context, cfg aws.Config, client *cloudformation.Client, stack *cfntypes.Stack, env environment.Environment) ([]Item, error) {
	name := aws.ToString(stack.StackName)
	out, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name})
	if err != nil {
		return nil, fmt.Errorf("reading the template of %s: %w", name, err)
	}
	present := []byte(aws.ToString(out.TemplateBody))
	made, bundles, err := readTemplate(present)
	if err != nil {
		return nil, fmt.Errorf("reading the template of %s: %w", name, err)
	}
	sum := sha256.Sum256(present)
	keys := append(bundles, hex.EncodeToString(sum[:])+".json")
	bucket := fmt.Sprintf("cdk-%s-assets-%s-%s", qualifier, env.AWSAccount, env.AWSRegion)
	store := s3.NewFromConfig(cfg)
	stored := map[string]time.Time{}
	pages := s3.NewListObjectsV2Paginator(store, &s3.ListObjectsV2Input{Bucket: &bucket, ExpectedBucketOwner: &env.AWSAccount})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, ctx.Err()
		}
		for _, object := range page.Contents {
			key, at := aws.ToString(object.Key), aws.ToTime(object.LastModified)
			stored[key] = at
			if strings.HasSuffix(key, ".json") && at.After(aws.ToTime(stack.CreationTime).Add(-ahead)) && aws.ToInt64(object.Size) <= maxTemplate {
				if theirs, bundles, err := fetchTemplate(ctx, store, bucket, key); err == nil && theirs != "" && theirs == made {
					keys = append(append(keys, key), bundles...)
				}
			}
		}
	}
	slices.Sort(keys)
	var items []Item
	for _, key := range slices.Compact(keys) {
		if at, ok := stored[key]; ok {
			items = append(items, Item{Cloud: "AWS", Kind: KindAsset, Name: bucket + "/" + key, State: "stored", Detail: "of " + name, Created: at, asset: asset{bucket, key}})
		}
	}
	return items, nil
}

// ahead is how long before a stack's creation its first template may have been put.
const ahead = time.Hour

// maxTemplate is the largest template, in bytes: AWS CloudFormation User Guide,
// "Understand CloudFormation quotas".
const maxTemplate = 1 << 20

func fetchTemplate(ctx context.Context, store *s3.Client, bucket, key string) (made string, bundles []string, err error) {
	out, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", nil, err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, maxTemplate))
	if err != nil {
		return "", nil, err
	}
	return readTemplate(body)
}

// readTemplate tells which role or function a template makes, by which it is known,
// and which bundles it names.
func readTemplate(body []byte) (made string, bundles []string, err error) {
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &template); err != nil {
		return "", nil, err
	}
	text := func(raw json.RawMessage) (s string) {
		_ = json.Unmarshal(raw, &s) // what is computed is no name of ours
		return s
	}
	for _, resource := range template.Resources {
		switch resource.Type {
		case "AWS::Lambda::Function":
			made = resource.Type + " " + text(resource.Properties["FunctionName"])
			var code struct{ S3Key json.RawMessage }
			if json.Unmarshal(resource.Properties["Code"], &code) == nil && text(code.S3Key) != "" {
				bundles = append(bundles, text(code.S3Key))
			}
		case "AWS::IAM::Role":
			if name := text(resource.Properties["RoleName"]); name != "" && made == "" {
				made = resource.Type + " " + name
			}
		}
	}
	return made, bundles, nil
}

// qualifier is in the names of what a CDK bootstrap makes: AWS CDK Developer
// Guide, "Customize AWS CDK bootstrapping".
const qualifier = "hnb659fds"
