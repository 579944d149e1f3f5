package cloudformation_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awshttp"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/cloudformation"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

// cloud is a local AWS with a CloudFormation and the administrator's clients.
type cloud struct {
	*testing.T
	ctx    context.Context
	server *cloudformation.Server
	cfn    *sdk.Client
	iam    *iam.Client
	config awssdk.Config
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	t.Parallel()
	var handler http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(web.Close)
	core, err := aws.New(aws.Options{Account: account, Region: region, Dir: t.TempDir(), URL: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	handler = core
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	})
	admin := core.Admin()
	cfg := awssdk.Config{Region: region, BaseEndpoint: &web.URL, HTTPClient: awshttp.Client(), Retryer: func() awssdk.Retryer { return awssdk.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(admin.AccessKeyID, admin.SecretAccessKey, admin.SessionToken)}
	return &cloud{T: t, ctx: t.Context(), server: core.CloudFormation(), cfn: sdk.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), config: cfg}
}

func text(s string) *string { return &s }

// create creates a stack and waits for it.
func (c *cloud) create(name, body string, change ...func(*sdk.CreateStackInput)) types.Stack {
	c.Helper()
	in := &sdk.CreateStackInput{StackName: &name, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}}
	for _, f := range change {
		f(in)
	}
	out, err := c.cfn.CreateStack(c.ctx, in)
	if err != nil {
		c.Fatal(err)
	}
	return c.settled(*out.StackId)
}

func (c *cloud) update(name, body string, change ...func(*sdk.UpdateStackInput)) types.Stack {
	c.Helper()
	in := &sdk.UpdateStackInput{StackName: &name, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}}
	for _, f := range change {
		f(in)
	}
	out, err := c.cfn.UpdateStack(c.ctx, in)
	if err != nil {
		c.Fatal(err)
	}
	return c.settled(*out.StackId)
}

func (c *cloud) delete(name string) types.Stack {
	c.Helper()
	id := *c.settled(name).StackId
	if _, err := c.cfn.DeleteStack(c.ctx, &sdk.DeleteStackInput{StackName: &name}); err != nil {
		c.Fatal(err)
	}
	return c.settled(id)
}

// settled describes a stack once nothing runs.
func (c *cloud) settled(name string) types.Stack {
	c.Helper()
	c.server.Wait()
	out, err := c.cfn.DescribeStacks(c.ctx, &sdk.DescribeStacksInput{StackName: &name})
	if err != nil {
		c.Fatal(err)
	}
	return out.Stacks[0]
}

// events are the stack's events from the oldest, as "LogicalId STATUS", since
// the last event of the stack with status after.
func (c *cloud) events(id, after string) []string {
	c.Helper()
	out, err := c.cfn.DescribeStackEvents(c.ctx, &sdk.DescribeStackEventsInput{StackName: &id})
	if err != nil {
		c.Fatal(err)
	}
	var lines []string
	for i := range out.StackEvents {
		e := out.StackEvents[len(out.StackEvents)-1-i]
		line := *e.LogicalResourceId + " " + string(e.ResourceStatus)
		if *e.ResourceType == "AWS::CloudFormation::Stack" && string(e.ResourceStatus) == after {
			lines = nil
			continue
		}
		lines = append(lines, line)
	}
	return lines
}

func (c *cloud) resource(stack, id string) types.StackResourceDetail {
	c.Helper()
	out, err := c.cfn.DescribeStackResource(c.ctx, &sdk.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &id})
	if err != nil {
		c.Fatal(err)
	}
	return *out.StackResourceDetail
}

// reason is the status reason of the resource's last event with a status.
func (c *cloud) reason(stack, id, status string) string {
	c.Helper()
	out, err := c.cfn.DescribeStackEvents(c.ctx, &sdk.DescribeStackEventsInput{StackName: &stack})
	if err != nil {
		c.Fatal(err)
	}
	for _, e := range out.StackEvents {
		if *e.LogicalResourceId == id && string(e.ResourceStatus) == status {
			return awssdk.ToString(e.ResourceStatusReason)
		}
	}
	c.Fatalf("no event %s of %s", status, id)
	return ""
}

// code is an error as "Code: message".
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

const trust = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`

// roleTemplate is a template with resources, where TRUST stands for a trust policy.
func roleTemplate(resources string) string {
	return strings.ReplaceAll(`{"Resources": {`+resources+`}}`, "TRUST", trust)
}
