package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	iamaws "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"google.golang.org/api/cloudresourcemanager/v1"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/pubsub/v1"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
)

// How long the deletion of a stack may take, and the pauses between two looks at it.
const (
	stackPatience = 15 * time.Minute
	shortest      = time.Second
	longest       = 10 * time.Second
)

// Remove removes one item through its cloud's API. It is no error if the item is gone
// already. What belongs to a stack is not removed by itself.
func Remove(ctx context.Context, c clouds.Pair, i Item) error {
	err := remove(ctx, c, i)
	if err == nil || clouds.Absent(err) {
		return nil
	}
	return fmt.Errorf("removing the %s %s: %w", i.Kind, i.Name, err)
}

func remove(ctx context.Context, c clouds.Pair, i Item) error {
	if i.State == Unknown {
		return errors.New("it cannot be seen: " + i.Detail)
	}
	if i.Foreign != "" {
		return errors.New("it is not the environment's: it " + i.Foreign)
	}
	if i.OfStack() {
		return errors.New("it is only deleted with its stack")
	}
	switch i.Kind {
	case KindFunction:
		_, err := lambda.NewFromConfig(c.AWS).DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &i.Name})
		return err
	case KindRole:
		return removeRole(ctx, c.AWS, i.Name)
	case KindStack:
		client := cloudformation.NewFromConfig(c.AWS)
		if _, err := client.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: &i.Name}); err != nil {
			return err
		}
		return cloudformation.NewStackDeleteCompleteWaiter(client, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
			o.MinDelay, o.MaxDelay = shortest, longest
		}).Wait(ctx, &cloudformation.DescribeStacksInput{StackName: &i.Name}, stackPatience)
	case KindLogGroup:
		_, err := cloudwatchlogs.NewFromConfig(c.AWS).DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &i.Name})
		return err
	case KindAsset:
		_, err := s3.NewFromConfig(c.AWS).DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &i.asset.bucket, Key: &i.asset.key})
		return err
	case KindServiceAccount:
		_, err := c.Google.IAM.Projects.ServiceAccounts.Delete(c.Google.Account(i.Name)).Context(ctx).Do()
		return err
	case KindProvider:
		pool, provider, _ := strings.Cut(i.Name, "/")
		op, err := c.Google.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Delete(c.Google.PoolNamed(pool) + "/providers/" + provider).Context(ctx).Do()
		return c.Google.Wait(ctx, op, err)
	case KindPool:
		op, err := c.Google.IAM.Projects.Locations.WorkloadIdentityPools.Delete(c.Google.PoolNamed(i.Name)).Context(ctx).Do()
		return c.Google.Wait(ctx, op, err)
	case KindBinding:
		return removeBinding(ctx, c.Google, i.binding)
	case KindNotification:
		bucket, id, _ := strings.Cut(i.Name, "/notificationConfigs/")
		return c.Google.Storage.Notifications.Delete(bucket, id).Context(ctx).Do()
	case KindSubscription:
		_, err := c.Google.PubSub.Projects.Subscriptions.Delete(c.Google.SubscriptionNamed(i.Name)).Context(ctx).Do()
		return err
	case KindTopic:
		_, err := c.Google.PubSub.Projects.Topics.Delete(c.Google.TopicNamed(i.Name)).Context(ctx).Do()
		return err
	}
	return errors.New("nothing removes a " + i.Kind)
}

// removeRole takes all policies from a role, and deletes it.
func removeRole(ctx context.Context, cfg aws.Config, name string) error {
	client := iamaws.NewFromConfig(cfg)
	inline, err := client.ListRolePolicies(ctx, &iamaws.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, policy := range inline.PolicyNames {
		if _, err := client.DeleteRolePolicy(ctx, &iamaws.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy}); err != nil {
			return err
		}
	}
	attached, err := client.ListAttachedRolePolicies(ctx, &iamaws.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, policy := range attached.AttachedPolicies {
		if _, err := client.DetachRolePolicy(ctx, &iamaws.DetachRolePolicyInput{RoleName: &name, PolicyArn: policy.PolicyArn}); err != nil {
			return err
		}
	}
	_, err = client.DeleteRole(ctx, &iamaws.DeleteRoleInput{RoleName: &name})
	return err
}

// conflicts is how often a change of a policy is started again because another change
// came first: IAM documentation, "Manage access", read-modify-write.
const conflicts = 10

func removeBinding(ctx context.Context, g *clouds.Google, b binding) error {
	var err error
	for range conflicts {
		if err = removeBindingOnce(ctx, g, b); !clouds.Conflicted(err) {
			return err
		}
	}
	return err
}

func removeBindingOnce(ctx context.Context, g *clouds.Google, b binding) error {
	switch b.kind {
	case onBucket:
		policy, err := g.Storage.Buckets.GetIamPolicy(b.on).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
		if err != nil {
			return err
		}
		var found bool
		if policy.Bindings, found = without(policy.Bindings, b.role, b.member, func(b *storage.PolicyBindings) (string, *[]string) { return b.Role, &b.Members }); !found {
			return nil
		}
		_, err = g.Storage.Buckets.SetIamPolicy(b.on, policy).Context(ctx).Do()
		return err
	case onProject:
		policy, err := g.Projects.Projects.GetIamPolicy(b.on, &cloudresourcemanager.GetIamPolicyRequest{Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3}}).Context(ctx).Do()
		if err != nil {
			return err
		}
		var found bool
		if policy.Bindings, found = without(policy.Bindings, b.role, b.member, func(b *cloudresourcemanager.Binding) (string, *[]string) { return b.Role, &b.Members }); !found {
			return nil
		}
		_, err = g.Projects.Projects.SetIamPolicy(b.on, &cloudresourcemanager.SetIamPolicyRequest{Policy: policy}).Context(ctx).Do()
		return err
	}
	if b.kind == onTopic || b.kind == onSubscription {
		return removeFromPubSub(ctx, g, b)
	}
	account := g.Account(b.on)
	policy, err := g.IAM.Projects.ServiceAccounts.GetIamPolicy(account).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	if err != nil {
		return err
	}
	var found bool
	if policy.Bindings, found = without(policy.Bindings, b.role, b.member, func(b *iam.Binding) (string, *[]string) { return b.Role, &b.Members }); !found {
		return nil
	}
	_, err = g.IAM.Projects.ServiceAccounts.SetIamPolicy(account, &iam.SetIamPolicyRequest{Policy: policy}).Context(ctx).Do()
	return err
}

// removeFromPubSub removes a member from a role in the policy of a topic or a subscription.
func removeFromPubSub(ctx context.Context, g *clouds.Google, b binding) error {
	var policy *pubsub.Policy
	var err error
	if b.kind == onSubscription {
		policy, err = g.PubSub.Projects.Subscriptions.GetIamPolicy(g.SubscriptionNamed(b.on)).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	} else {
		policy, err = g.PubSub.Projects.Topics.GetIamPolicy(g.TopicNamed(b.on)).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	}
	if err != nil {
		return err
	}
	var found bool
	if policy.Bindings, found = without(policy.Bindings, b.role, b.member, func(b *pubsub.Binding) (string, *[]string) { return b.Role, &b.Members }); !found {
		return nil
	}
	request := &pubsub.SetIamPolicyRequest{Policy: policy}
	if b.kind == onSubscription {
		_, err = g.PubSub.Projects.Subscriptions.SetIamPolicy(g.SubscriptionNamed(b.on), request).Context(ctx).Do()
	} else {
		_, err = g.PubSub.Projects.Topics.SetIamPolicy(g.TopicNamed(b.on), request).Context(ctx).Do()
	}
	return err
}
