package lambda_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

const deadLetters = "arn:aws:sqs:eu-central-1:123456789012:dead"

// allowSending lets the functions' role send to the queue.
func (c *cloud) allowSending() {
	c.Helper()
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("function"), PolicyName: text("send"),
		PolicyDocument: text(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"` + deadLetters + `"}]}`)}); err != nil {
		c.Fatal(err)
	}
}

// TestDeadLetters: an event that failed as often as it may goes to the queue, as
// the role, once.
func TestDeadLetters(t *testing.T) {
	c := newCloud(t)
	queues := sqs.NewFromConfig(c.config)
	queue, err := queues.CreateQueue(c.ctx, &sqs.CreateQueueInput{QueueName: text("dead")})
	if err != nil {
		t.Fatal(err)
	}
	c.allowSending()
	c.create("f", func(in *sdk.CreateFunctionInput) {
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: text(deadLetters)}
	})
	shown, err := c.lambda.GetFunctionConfiguration(c.ctx, &sdk.GetFunctionConfigurationInput{FunctionName: text("f")})
	if err != nil || *shown.DeadLetterConfig.TargetArn != deadLetters {
		t.Errorf("the configuration is %+v, %v", shown, err)
	}
	if _, err := c.lambda.PutFunctionEventInvokeConfig(c.ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: text("f"), MaximumRetryAttempts: new(int32)}); err != nil {
		t.Fatal(err)
	}
	const event = `{"Do":"fail","Text":"of its own will"}`
	if _, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(event)}); err != nil {
		t.Fatal(err)
	}
	got, err := queues.ReceiveMessage(c.ctx, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("received %+v, %v", got, err)
	}
	m := got.Messages[0]
	if *m.Body != event || *m.MessageAttributes["ErrorMessage"].StringValue != "of its own will" || *m.MessageAttributes["ErrorCode"].StringValue != "200" || *m.MessageAttributes["RequestID"].StringValue == "" {
		t.Errorf("received %s with %v", *m.Body, m.MessageAttributes)
	}
	sent := 0
	for _, e := range c.journal.Entries() {
		if e.Service == "sqs" && e.Operation == "SendMessage" {
			sent++
			if e.Principal != "arn:aws:sts::123456789012:assumed-role/function/f" {
				t.Errorf("%s sent the dead letter, want the function's role", e.Principal)
			}
		}
	}
	if sent != 1 {
		t.Errorf("%d dead letters were sent, want one", sent)
	}
}

func TestDeadLetterRefusals(t *testing.T) {
	c := newCloud(t)
	with := func(target string) error {
		in := c.input("f")
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: &target}
		_, err := c.lambda.CreateFunction(c.ctx, in)
		return err
	}
	const denied = "InvalidParameterValueException: The provided execution role does not have permissions to call SendMessage on SQS"
	if diff := cmp.Diff(denied, code(with(deadLetters))); diff != "" {
		t.Errorf("a role without the right (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("NotImplemented: The local AWS does not model the parameter DeadLetterConfig.TargetArn=arn:aws:sns:eu-central-1:123456789012:topic.", code(with("arn:aws:sns:eu-central-1:123456789012:topic"))); diff != "" {
		t.Errorf("a topic (-want +got):\n%s", diff)
	}
	c.create("f")
	_, err := c.lambda.UpdateFunctionConfiguration(c.ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: text("f"), DeadLetterConfig: &types.DeadLetterConfig{TargetArn: text(deadLetters)}})
	if diff := cmp.Diff(denied, code(err)); diff != "" {
		t.Errorf("an update without the right (-want +got):\n%s", diff)
	}
	c.allowSending()
	update := func(target string) *types.DeadLetterConfig {
		t.Helper()
		if _, err := c.lambda.UpdateFunctionConfiguration(c.ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: text("f"), DeadLetterConfig: &types.DeadLetterConfig{TargetArn: &target}}); err != nil {
			t.Fatal(err)
		}
		out, err := c.lambda.GetFunctionConfiguration(c.ctx, &sdk.GetFunctionConfigurationInput{FunctionName: text("f")})
		if err != nil {
			t.Fatal(err)
		}
		return out.DeadLetterConfig
	}
	if got := update(deadLetters); got == nil || *got.TargetArn != deadLetters {
		t.Errorf("the queue is %+v", got)
	}
	if got := update(""); got != nil {
		t.Errorf("the queue is %+v, want none", got)
	}

	// The queue is not there: the letter is lost, and the journal has the refusal.
	update(deadLetters)
	if _, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"Do":"fail"}`)}); err != nil {
		t.Fatal(err)
	}
	if err := c.core.Lambda().Settle(c.ctx); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(c.journal.Entries(), func(e journal.Entry) bool {
		return e.Service == "sqs" && e.Code == "AWS.SimpleQueueService.NonExistentQueue"
	}) {
		t.Error("no dead letter was refused")
	}
}

// TestThrottledEvents: an event waits for the function's concurrency, and for no longer than
// its age; see "How Lambda handles errors and retries with asynchronous invocation".
func TestThrottledEvents(t *testing.T) {
	c := newCloud(t)
	queues := sqs.NewFromConfig(c.config)
	queue, err := queues.CreateQueue(c.ctx, &sqs.CreateQueueInput{QueueName: text("dead")})
	if err != nil {
		t.Fatal(err)
	}
	c.allowSending()
	c.create("f", func(in *sdk.CreateFunctionInput) {
		in.DeadLetterConfig = &types.DeadLetterConfig{TargetArn: text(deadLetters)}
	})
	send := func(event string) {
		t.Helper()
		if _, err := c.lambda.PutFunctionConcurrency(c.ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: text("f"), ReservedConcurrentExecutions: new(int32(0))}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.lambda.Invoke(c.ctx, &sdk.InvokeInput{FunctionName: text("f"), InvocationType: types.InvocationTypeEvent, Payload: []byte(event)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.lambda.PutFunctionEventInvokeConfig(c.ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: text("f"), MaximumEventAgeInSeconds: new(int32(60)), MaximumRetryAttempts: new(int32)}); err != nil {
		t.Fatal(err)
	}
	send(`{"Do":"count"}`)
	if _, err := c.lambda.DeleteFunctionConcurrency(c.ctx, &sdk.DeleteFunctionConcurrencyInput{FunctionName: text("f")}); err != nil {
		t.Fatal(err)
	}
	if err := c.server.Settle(c.ctx); err != nil {
		t.Fatal(err)
	}
	var r reply
	if c.invoke("f", `{"Do":"count"}`, &r); r.Count != 2 {
		t.Errorf("the function was invoked %d times, want twice", r.Count)
	}

	send(`{"Do":"late"}`)
	c.ahead.Store(int64(61 * time.Second))
	if err := c.server.Settle(c.ctx); err != nil {
		t.Fatal(err)
	}
	got, err := queues.ReceiveMessage(c.ctx, &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl, MessageAttributeNames: []string{"All"}})
	if err != nil || len(got.Messages) != 1 || *got.Messages[0].Body != `{"Do":"late"}` || *got.Messages[0].MessageAttributes["ErrorCode"].StringValue != "429" {
		t.Errorf("of the one that was too old: received %+v, %v", got, err)
	}
	_, err = c.lambda.PutFunctionEventInvokeConfig(c.ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: text("f"), MaximumEventAgeInSeconds: new(int32(59))})
	if !strings.Contains(code(err), "at 'maximumEventAgeInSeconds' failed to satisfy constraint") {
		t.Errorf("an age of 59 seconds: got %v", err)
	}
}
