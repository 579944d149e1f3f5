package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// hash is the part of the bundle's key that the CDK makes of its content.
var hash = strings.Repeat("0123456789abcdef", 4)

// Template returns the template of a stack with every choice, as the CDK makes it for
// the environment; kind is role or function.
func (c *Clouds) Template(t *testing.T, kind string) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "..", "stacks", "testdata", kind+"-choices.json"))
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "PermissionsBoundary") { // there is no such policy
			kept = append(kept, line)
		}
	}
	return strings.NewReplacer("HASH", hash, "ENVIRONMENT", c.Env.Name).Replace(strings.Join(kept, ""))
}

// Bootstrap makes what a bootstrap of the CDK makes, as far as a deployed stack needs it.
func (c *Clouds) Bootstrap(t *testing.T, qualifier string) (bucket string) {
	t.Helper()
	cfg := c.AWSConfig(c.AWS.Admin())
	name, version := clouds.BootstrapVersion(qualifier), "33"
	if _, err := ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &version, Type: ssmtypes.ParameterTypeString}); err != nil {
		t.Fatal(err)
	}
	bucket = clouds.AssetBucket(c.Env, qualifier)
	if _, err := s3.NewFromConfig(cfg).CreateBucket(t.Context(), sandboxtest.Bucket(bucket)); err != nil {
		t.Fatal(err)
	}
	return bucket
}

// DeployStacks deploys both stacks with every choice, as the CDK would, and marks all
// resources as an environment's. The role is the stack's from then on.
func (c *Clouds) DeployStacks(t *testing.T, mark environment.Mark) {
	t.Helper()
	c.DeployStacksWith(t, mark, clouds.DefaultQualifier)
}

// DeployStacksWith is like DeployStacks with the bootstrap of a qualifier.
func (c *Clouds) DeployStacksWith(t *testing.T, mark environment.Mark, qualifier string) {
	t.Helper()
	bucket := c.Bootstrap(t, qualifier)
	c.Mark(t, mark)
	cfg := c.AWSConfig(c.AWS.Admin())
	key := c.Env.AssetPrefix() + hash + ".zip"
	if _, err := s3.NewFromConfig(cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}))}); err != nil {
		t.Fatal(err)
	}
	c.DeleteRole(t)
	for _, kind := range []string{"role", "function"} {
		name := map[string]string{"role": c.Env.RoleStack(), "function": c.Env.FunctionStack()}[kind]
		c.MakeStack(t, name, strings.ReplaceAll(c.Template(t, kind), clouds.DefaultQualifier, qualifier), mark)
	}
}

// DeleteRole deletes the role that sandboxtest made.
func (c *Clouds) DeleteRole(t *testing.T) {
	t.Helper()
	client := iam.NewFromConfig(c.AWSConfig(c.AWS.Admin()))
	if _, err := client.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &c.Env.Role, PolicyName: aws.String("rights")}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &c.Env.Role}); err != nil {
		t.Fatal(err)
	}
}

// MakeStack creates a stack, with the tags of a mark unless that is empty.
func (c *Clouds) MakeStack(t *testing.T, name, template string, mark environment.Mark) {
	t.Helper()
	var tags []cfntypes.Tag
	if mark.Environment != "" {
		for key, value := range mark.Tags() {
			tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
		}
	}
	client := cloudformation.NewFromConfig(c.AWSConfig(c.AWS.Admin()))
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
		StackName: &name, Tags: tags, TemplateBody: &template, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
	}); err != nil {
		t.Fatal(err)
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute); err != nil {
		events, _ := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
		for _, e := range events.StackEvents {
			if reason := aws.ToString(e.ResourceStatusReason); reason != "" {
				t.Log(aws.ToString(e.LogicalResourceId), e.ResourceStatus, reason)
			}
		}
		t.Fatalf("the stack %s: %v", name, err)
	}
}

// Clients returns administrators' clients of both clouds.
func (c *Clouds) Clients(t *testing.T) clouds.Pair {
	t.Helper()
	env := c.Env
	env.Google = environment.GoogleAPIs{
		IAM: c.GoogleURL + "/v1/", ResourceManager: c.GoogleURL + "/v1/", ServiceUsage: c.GoogleURL + "/v1/", Storage: c.GoogleURL + "/storage/v1/", PubSub: c.GoogleURL + "/v1/", AccessToken: c.Google.AdminToken(),
	}
	g, err := clouds.OpenGoogle(t.Context(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return clouds.Pair{AWS: c.AWSConfig(c.AWS.Admin()), Google: g}
}
