package aws_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// delay is how long changes of policies take in these tests.
const delay = 10 * time.Second

// slow is a cloud whose policies take their time, and whose clock moves only
// when a test says so or something waits.
type slow struct {
	*awstest.Server
	start time.Time
	ahead atomic.Int64 // of start, in nanoseconds
	waits atomic.Int64
}

func (s *slow) Now() time.Time          { return s.start.Add(time.Duration(s.ahead.Load())) }
func (s *slow) Advance(d time.Duration) { s.ahead.Add(int64(d)) }

func newSlow(t *testing.T) *slow {
	t.Helper()
	s := &slow{Server: &awstest.Server{}, start: time.Now()}
	server := httptest.NewUnstartedServer(nil)
	s.URL = "http://" + server.Listener.Addr().String()
	cloud, err := aws.New(aws.Options{
		Account: awstest.Account, Region: awstest.Region, Dir: t.TempDir(), URL: s.URL, Now: s.Now, IAMDelay: delay,
		Pause: func(_ context.Context, d time.Duration) error {
			s.waits.Add(1)
			s.Advance(d)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Cloud, server.Config.Handler = cloud, cloud
	server.Start()
	t.Cleanup(func() {
		server.Close()
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const (
	accountTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + awstest.Account + `"},"Action":"sts:AssumeRole"}]}`
	listBuckets  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`
)

func ptr[T any](v T) *T { return &v }

// "Troubleshoot IAM: Changes that I make are not always immediately visible".
func TestChangesOfPoliciesTakeTime(t *testing.T) {
	t.Parallel()
	s := newSlow(t)
	ctx, admin := t.Context(), iam.NewFromConfig(s.Config(s.Admin()))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := admin.CreateRole(ctx, &iam.CreateRoleInput{RoleName: ptr("worker"), AssumeRolePolicyDocument: ptr(accountTrust)})
	must(err)
	const arn = "arn:aws:iam::" + awstest.Account + ":role/worker"
	assume := func() (api.Credentials, error) {
		out, err := sts.NewFromConfig(s.Config(s.Admin())).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: ptr(arn), RoleSessionName: ptr("me")})
		if err != nil {
			return api.Credentials{}, err
		}
		return api.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}, nil
	}
	// settles holds do to be as before until the delay is over, and other then.
	settles := func(what string, do func() error, before, after string) {
		t.Helper()
		for _, step := range []struct {
			wait time.Duration
			want string
		}{{0, before}, {delay - time.Second, before}, {time.Second, after}} {
			s.Advance(step.wait)
			if got := awstest.RefusalOf(t, do()).Code; got != step.want {
				t.Errorf("%s, %v on: got %q, want %q", what, step.wait, got, step.want)
			}
		}
	}
	const denied, allowed = "AccessDenied", ""
	settles("a new role", func() error { _, err := assume(); return err }, denied, allowed)
	session, err := assume()
	must(err)
	list := func() error { _, err := s3.NewFromConfig(s.Config(session)).ListBuckets(ctx, nil); return err }

	_, err = admin.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: ptr("worker"), PolicyName: ptr("p"), PolicyDocument: ptr(listBuckets)})
	must(err)
	if _, err := admin.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: ptr("worker"), PolicyName: ptr("p")}); err != nil {
		t.Errorf("an inline policy cannot be read at once: %v", err)
	}
	settles("an inline policy", list, denied, allowed)
	_, err = admin.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: ptr("worker"), PolicyName: ptr("p")})
	must(err)
	settles("an inline policy that is gone", list, allowed, denied)

	made, err := admin.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: ptr("managed"), PolicyDocument: ptr(listBuckets)})
	must(err)
	s.Advance(delay)
	_, err = admin.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: ptr("worker"), PolicyArn: made.Policy.Arn})
	must(err)
	settles("an attached policy", list, denied, allowed)
	_, err = admin.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: made.Policy.Arn, SetAsDefault: true, PolicyDocument: ptr(strings.Replace(listBuckets, "Allow", "Deny", 1))})
	must(err)
	settles("another version", list, allowed, denied)

	_, err = admin.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: ptr("worker"), PolicyDocument: ptr(lambdaTrust)})
	must(err)
	got, err := admin.GetRole(ctx, &iam.GetRoleInput{RoleName: ptr("worker")})
	must(err)
	if !strings.Contains(*got.Role.AssumeRolePolicyDocument, "lambda.amazonaws.com") {
		t.Errorf("a new trust policy cannot be read at once: %s", *got.Role.AssumeRolePolicyDocument)
	}
	settles("another trust policy", func() error { _, err := assume(); return err }, allowed, denied)

	bucket := s3.NewFromConfig(s.Config(s.Admin()))
	_, err = bucket.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: ptr("guarded")})
	must(err)
	_, err = bucket.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: ptr("guarded"), Policy: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::guarded"}]}`)})
	must(err)
	settles("a bucket policy", func() error {
		_, err := bucket.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: ptr("guarded")})
		return err
	}, allowed, denied)
}

// A stack with a role and a function of it comes up in one go, as CloudFormation
// waits for the role.
func TestStackWaitsForItsRole(t *testing.T) {
	t.Parallel()
	s := newSlow(t)
	const stack = `{"Resources":{
		"Role":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":` + lambdaTrust + `}},
		"Function":{"Type":"AWS::Lambda::Function","Properties":{"Role":{"Fn::GetAtt":["Role","Arn"]},"Runtime":"provided.al2023","Handler":"bootstrap","Code":{"ZipFile":"x"}}}}}`
	ctx, client := t.Context(), cloudformation.NewFromConfig(s.Config(s.Admin()))
	if _, err := client.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: ptr("app"), TemplateBody: sdk.String(stack), Capabilities: []types.Capability{types.CapabilityCapabilityIam}}); err != nil {
		t.Fatal(err)
	}
	s.CloudFormation().Wait()
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: ptr("app")})
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Stacks[0].StackStatus; got != types.StackStatusCreateComplete {
		t.Errorf("got %s: %v", got, out.Stacks[0].StackStatusReason)
	}
	if got, want := s.waits.Load(), int64(delay/(5*time.Second)); got != want {
		t.Errorf("CloudFormation waited %d times, want %d", got, want)
	}
}
