package sqs_test

import (
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

// queue makes a queue and returns its address.
func queue(t *testing.T, c *sdk.Client, name string, attributes map[string]string) *string {
	t.Helper()
	out, err := c.CreateQueue(t.Context(), &sdk.CreateQueueInput{QueueName: &name, Attributes: attributes, Tags: map[string]string{"team": "data"}})
	if err != nil {
		t.Fatal(err)
	}
	return out.QueueUrl
}

func TestMessages(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	url := queue(t, c, "events", map[string]string{"MessageRetentionPeriod": "1209600"})
	if want := s.URL + "/111122223333/events"; *url != want {
		t.Errorf("the queue's URL is %s, want %s", *url, want)
	}
	// The client checks the sums of body and attributes by itself.
	sent, err := c.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: url, MessageBody: ptr(`{"a":1}`), MessageAttributes: map[string]types.MessageAttributeValue{
		"ErrorCode": {DataType: ptr("Number"), StringValue: ptr("200")},
		"Blob":      {DataType: ptr("Binary"), BinaryValue: []byte{0, 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	receive := func() []types.Message {
		t.Helper()
		out, err := c.ReceiveMessage(ctx, &sdk.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Messages
	}
	got := receive()
	if len(got) != 1 || *got[0].MessageId != *sent.MessageId || *got[0].Body != `{"a":1}` || *got[0].MessageAttributes["ErrorCode"].StringValue != "200" ||
		string(got[0].MessageAttributes["Blob"].BinaryValue) != "\x00\x01" || got[0].Attributes["ApproximateReceiveCount"] != "1" {
		t.Fatalf("received %+v", got)
	}
	if hidden := receive(); len(hidden) != 0 {
		t.Errorf("received %+v again at once, which is hidden", hidden)
	}
	s.Advance(31 * time.Second)
	again := receive()
	if len(again) != 1 || again[0].Attributes["ApproximateReceiveCount"] != "2" || *again[0].ReceiptHandle == *got[0].ReceiptHandle {
		t.Fatalf("received %+v after its visibility timeout", again)
	}
	count := func(want string) {
		t.Helper()
		out, err := c.GetQueueAttributes(ctx, &sdk.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]; got != want {
			t.Errorf("the queue counts %s, want %s", got, want)
		}
		if out.Attributes["QueueArn"] != "arn:aws:sqs:us-east-1:111122223333:events" || out.Attributes["MessageRetentionPeriod"] != "1209600" || out.Attributes["SqsManagedSseEnabled"] != "true" {
			t.Errorf("attributes %v", out.Attributes)
		}
	}
	count("0+1")
	if _, err := c.DeleteMessage(ctx, &sdk.DeleteMessageInput{QueueUrl: url, ReceiptHandle: again[0].ReceiptHandle}); err != nil {
		t.Fatal(err)
	}
	count("0+0")
	if _, err := c.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: url, MessageBody: ptr("old")}); err != nil {
		t.Fatal(err)
	}
	count("1+0")
	s.Advance(10 * time.Minute)
	if _, err := c.SetQueueAttributes(ctx, &sdk.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"MessageRetentionPeriod": "60"}}); err != nil {
		t.Fatal(err)
	}
	if expired := receive(); len(expired) != 0 {
		t.Errorf("received %+v after its retention", expired)
	}
}

// TestWaiting receives what arrives while it waits.
func TestWaiting(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	url := queue(t, c, "events", nil)
	result := make(chan *sdk.ReceiveMessageOutput)
	go func() {
		out, err := c.ReceiveMessage(ctx, &sdk.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		if err != nil {
			t.Error(err)
		}
		result <- out
	}()
	if _, err := c.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: url, MessageBody: ptr("later")}); err != nil {
		t.Fatal(err)
	}
	if out := <-result; out == nil || len(out.Messages) != 1 {
		t.Errorf("received %+v", out)
	}
}

func TestQueues(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	url := queue(t, c, "one", nil)
	queue(t, c, "one", nil) // the same again is no other
	queue(t, c, "two", nil)
	list, err := c.ListQueues(ctx, &sdk.ListQueuesInput{QueueNamePrefix: ptr("o")})
	if diff := cmp.Diff([]string{*url}, list.QueueUrls); diff != "" || err != nil {
		t.Errorf("queues, %v (-want +got):\n%s", err, diff)
	}
	found, err := c.GetQueueUrl(ctx, &sdk.GetQueueUrlInput{QueueName: ptr("one")})
	if err != nil || *found.QueueUrl != *url {
		t.Errorf("GetQueueUrl() = %v, %v", found, err)
	}
	if _, err := c.TagQueue(ctx, &sdk.TagQueueInput{QueueUrl: url, Tags: map[string]string{"b": "2"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagQueue(ctx, &sdk.UntagQueueInput{QueueUrl: url, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.ListQueueTags(ctx, &sdk.ListQueueTagsInput{QueueUrl: url})
	if diff := cmp.Diff(map[string]string{"b": "2"}, tags.Tags); diff != "" || err != nil {
		t.Errorf("tags, %v (-want +got):\n%s", err, diff)
	}
	if _, err := c.DeleteQueue(ctx, &sdk.DeleteQueueInput{QueueUrl: url}); err != nil {
		t.Fatal(err)
	}
	_, err = c.CreateQueue(ctx, &sdk.CreateQueueInput{QueueName: ptr("one")})
	if diff := cmp.Diff(awstest.Refused(400, "AWS.SimpleQueueService.QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name."), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("the same name at once (-want +got):\n%s", diff)
	}
	s.Advance(time.Minute)
	queue(t, c, "one", nil)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	admin, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	worker := sdk.NewFromConfig(s.Config(awstest.Session(t, s, "worker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:us-east-1:111122223333:mine"}]}`, time.Hour)))
	mine, theirs := queue(t, admin, "mine", nil), queue(t, admin, "theirs", nil)
	open := queue(t, admin, "open", map[string]string{"Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/worker"},"Action":"sqs:*","Resource":"*"}]}`})
	none := ptr(s.URL + "/111122223333/none")
	send := func(c *sdk.Client, url *string) error {
		_, err := c.SendMessage(ctx, &sdk.SendMessageInput{QueueUrl: url, MessageBody: ptr("x")})
		return err
	}
	if err := send(worker, mine); err != nil {
		t.Errorf("sending by the caller's policy: %v", err)
	}
	if err := send(worker, open); err != nil {
		t.Errorf("sending by the queue's policy: %v", err)
	}
	create := func(name string, attributes map[string]string) error {
		_, err := admin.CreateQueue(ctx, &sdk.CreateQueueInput{QueueName: &name, Attributes: attributes})
		return err
	}
	for name, tt := range map[string]struct {
		err  error
		want awstest.Refusal
	}{
		"another queue":         {send(worker, theirs), awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/worker/session is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-east-1:111122223333:theirs because no identity-based policy allows the sqs:sendmessage action")},
		"no queue":              {send(admin, none), awstest.Refused(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")},
		"not a queue":           {send(admin, ptr("https://example.com/queue")), awstest.Refused(400, "InvalidAddress", "The address https://example.com/queue is not valid for this endpoint.")},
		"other attributes":      {create("mine", map[string]string{"DelaySeconds": "5"}), awstest.Refused(400, "QueueAlreadyExists", "A queue already exists with the same name and a different value for attribute DelaySeconds")},
		"a bad name":            {create("a b", nil), awstest.Refused(400, "InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")},
		"a retention too long":  {create("new", map[string]string{"MessageRetentionPeriod": "1209601"}), awstest.Refused(400, "InvalidAttributeValue", "Invalid value for the parameter MessageRetentionPeriod.")},
		"an unknown attribute":  {create("new", map[string]string{"Colour": "blue"}), awstest.Refused(400, "InvalidAttributeName", "Unknown Attribute Colour.")},
		"what is not modelled":  {create("new", map[string]string{"RedrivePolicy": "{}"}), awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter RedrivePolicy.")},
		"a first-in-first-out":  {create("new.fifo", nil), awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter FifoQueue.")},
		"a policy that is none": {create("new", map[string]string{"Policy": "{"}), awstest.Refused(400, "InvalidAttributeValue", "Invalid value for the parameter Policy.")},
	} {
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
