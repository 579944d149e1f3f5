package resource

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const maxQueueName = 80 // "CreateQueue"

type queue struct {
	QueueName                     string `cfn:"name"`
	MessageRetentionPeriod        *int32
	VisibilityTimeout             *int32
	DelaySeconds                  *int32
	MaximumMessageSize            *int32
	ReceiveMessageWaitTimeSeconds *int32
	SqsManagedSseEnabled          *bool
	Tags                          tags
}

// queuePolicy is the policy of queues, which are named by their addresses.
type queuePolicy struct {
	PolicyDocument any      `cfn:"required"`
	Queues         []string `cfn:"required"`
}

func sqsTypes() []Type {
	return []Type{
		newType("AWS::SQS::Queue", []string{"Arn", "QueueName", "QueueUrl"}, handler[queue]{create: createQueue, update: updateQueue, delete: deleteQueue}),
		newType("AWS::SQS::QueuePolicy", []string{"Id"}, handler[queuePolicy]{create: createQueuePolicy, update: updateQueuePolicy, delete: deleteQueuePolicy}),
	}
}

// queueDefaults are the attributes that a queue has without a property; an update
// takes a property away by them.
var queueDefaults = map[string]string{
	"MessageRetentionPeriod": "345600", "VisibilityTimeout": "30", "DelaySeconds": "0", "MaximumMessageSize": "1048576", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
}

func (p queue) attributes() map[string]string {
	out := map[string]string{}
	for name, value := range map[string]*int32{
		"MessageRetentionPeriod": p.MessageRetentionPeriod, "VisibilityTimeout": p.VisibilityTimeout, "DelaySeconds": p.DelaySeconds,
		"MaximumMessageSize": p.MaximumMessageSize, "ReceiveMessageWaitTimeSeconds": p.ReceiveMessageWaitTimeSeconds,
	} {
		if value != nil {
			out[name] = strconv.Itoa(int(*value))
		}
	}
	if p.SqsManagedSseEnabled != nil {
		out["SqsManagedSseEnabled"] = strconv.FormatBool(*p.SqsManagedSseEnabled)
	}
	return out
}

func createQueue(ctx context.Context, c *Call, p queue) (Instance, error) {
	if p.QueueName == "" {
		p.QueueName = c.Name(maxQueueName)
	}
	out, err := c.SQS.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &p.QueueName, Attributes: p.attributes(), Tags: p.Tags.byKey()})
	if err != nil {
		return Instance{}, err
	}
	c.PhysicalID = *out.QueueUrl
	return queueInstance(c), nil
}

func queueInstance(c *Call) Instance {
	name := c.PhysicalID[strings.LastIndex(c.PhysicalID, "/")+1:]
	return Instance{PhysicalID: c.PhysicalID, Attributes: map[string]any{"Arn": "arn:aws:sqs:" + c.Region + ":" + c.Account + ":" + name, "QueueName": name, "QueueUrl": c.PhysicalID}}
}

func updateQueue(ctx context.Context, c *Call, now, before queue) (Instance, error) {
	i := queueInstance(c)
	attributes := now.attributes()
	for name := range before.attributes() {
		if _, ok := attributes[name]; !ok {
			attributes[name] = queueDefaults[name]
		}
	}
	if len(attributes) > 0 {
		if _, err := c.SQS.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &c.PhysicalID, Attributes: attributes}); err != nil {
			return i, err
		}
	}
	set, remove := tagChanges(now.Tags.byKey(), before.Tags.byKey())
	if len(set) > 0 {
		if _, err := c.SQS.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &c.PhysicalID, Tags: set}); err != nil {
			return i, err
		}
	}
	if len(remove) > 0 {
		if _, err := c.SQS.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &c.PhysicalID, TagKeys: remove}); err != nil {
			return i, err
		}
	}
	return i, nil
}

func deleteQueue(ctx context.Context, c *Call, _ queue) error {
	_, err := c.SQS.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &c.PhysicalID})
	return err
}

func createQueuePolicy(ctx context.Context, c *Call, p queuePolicy) (Instance, error) {
	const maxName = 64
	if c.PhysicalID == "" {
		c.PhysicalID = c.Name(maxName)
	}
	return Instance{PhysicalID: c.PhysicalID, Attributes: map[string]any{"Id": c.PhysicalID}}, setQueuePolicy(ctx, c, p.Queues, *document(p.PolicyDocument))
}

func setQueuePolicy(ctx context.Context, c *Call, queues []string, text string) error {
	for _, url := range queues {
		if _, err := c.SQS.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{string(types.QueueAttributeNamePolicy): text}}); err != nil {
			return err
		}
	}
	return nil
}

func updateQueuePolicy(ctx context.Context, c *Call, now, before queuePolicy) (Instance, error) {
	if err := setQueuePolicy(ctx, c, difference(before.Queues, now.Queues), ""); err != nil && !notFound(err) {
		return Instance{}, err
	}
	return createQueuePolicy(ctx, c, now)
}

func deleteQueuePolicy(ctx context.Context, c *Call, p queuePolicy) error {
	return setQueuePolicy(ctx, c, p.Queues, "")
}
