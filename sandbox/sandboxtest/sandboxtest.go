// Package sandboxtest sets up both local clouds for tests of anything that reads
// Cloud Storage from AWS without a key: a role that Lambda may assume, a service
// account, a workload identity pool with its AWS provider, the binding of the role
// to the service account, a bucket on either side and sample.txt. Tests change all
// of it through the clouds' own APIs.
package sandboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// Sample is the content of sample.txt.
const Sample = "Hello from Google Cloud Storage.\n"

// Clouds are both clouds with the resources of Names in them.
type Clouds struct {
	*sandbox.Sandbox
	Names Names

	ahead  atomic.Int64 // nanoseconds of the clouds' clock before the machine's
	faults atomic.Pointer[faults.Chooser]
}

// Now is the clouds' clock: the machine's until it is advanced.
func (c *Clouds) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clouds' clock.
func (c *Clouds) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// Fail injects the rules' faults from now on, instead of earlier ones.
func (c *Clouds) Fail(rules ...faults.Rule) { c.FailAs(faults.Rules(rules...)) }

// FailAs lets the faults happen that choose chooses; nil ends them.
func (c *Clouds) FailAs(choose faults.Chooser) { c.faults.Store(&choose) }

func (c *Clouds) choose(service string, r *http.Request) *faults.Fault {
	if choose := c.faults.Load(); choose != nil && *choose != nil {
		return (*choose)(service, r)
	}
	return nil
}

// New starts both clouds and sets them up; they end with the test. opts may leave
// everything out; folder, clock and faults are set here.
func New(t *testing.T, opts sandbox.Options) *Clouds {
	t.Helper()
	c := &Clouds{}
	opts.Dir, opts.Now, opts.Faults = t.TempDir(), c.Now, c.choose
	s, err := sandbox.Start(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing sandbox: %v", err)
		}
	})
	c.Sandbox, c.Names = s, Defaults
	c.setUpAWS(t)
	c.Advance(opts.IAMDelay) // the role is old by now
	c.setUpGoogle(t)
	return c
}

// setUpAWS makes the role with its least privilege, and the destination bucket.
func (c *Clouds) setUpAWS(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	admin := c.AWSConfig(c.AWS.Admin())
	c.MakeRole(t, c.Names.Role, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"WriteDestination","Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts","s3:GetObject"],"Resource":"arn:aws:s3:::%[1]s/*"},{"Sid":"FindUploads","Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"arn:aws:s3:::%[1]s"}]}`, c.Names.DestinationBucket))
	if _, err := s3.NewFromConfig(admin).CreateBucket(ctx, Bucket(c.Names.DestinationBucket)); err != nil {
		t.Fatal(err)
	}
}

// Bucket is the request for a bucket in the sandbox's region.
func Bucket(name string) *s3.CreateBucketInput {
	return &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(sandbox.Region)},
	}
}

// MakeRole makes a role that Lambda may assume.
func (c *Clouds) MakeRole(t *testing.T, name, policy string) {
	t.Helper()
	ctx := context.Background()
	client := iam.NewFromConfig(c.AWSConfig(c.AWS.Admin()))
	if _, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	if policy == "" {
		return
	}
	if _, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("rights"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
}

// setUpGoogle makes the service account, the pool, the provider, the binding, the
// grant on the bucket, and the bucket with sample.txt.
func (c *Clouds) setUpGoogle(t *testing.T) {
	t.Helper()
	project := "/v1/projects/" + sandbox.Project
	c.Call(t, "POST", project+"/serviceAccounts", map[string]any{"accountId": c.Names.ServiceAccount}, nil)
	c.Call(t, "POST", project+"/locations/global/workloadIdentityPools?workloadIdentityPoolId="+c.Names.Pool, map[string]any{}, nil)
	c.Call(t, "POST", c.PoolPath()+"/providers?workloadIdentityPoolProviderId="+c.Names.Provider, map[string]any{
		"aws":                map[string]any{"accountId": sandbox.Account},
		"attributeCondition": "attribute.aws_role == '" + c.Names.AssumedRole() + "'",
	}, nil)
	c.Bind(t, project+"/serviceAccounts/"+c.Names.ServiceAccountEmail(), "roles/iam.workloadIdentityUser", c.PrincipalSet(c.Names.AssumedRole()))
	c.Call(t, "POST", "/storage/v1/b?project="+sandbox.Project, map[string]any{"name": c.Names.SourceBucket}, nil)
	c.BindBucket(t, c.Names.SourceBucket, "roles/storage.objectViewer", "serviceAccount:"+c.Names.ServiceAccountEmail())
	c.Upload(t, c.Names.SourceBucket, c.Names.Object, "text/plain", strings.NewReader(Sample))
}

// PoolPath is the path of the pool in Google's IAM API.
func (c *Clouds) PoolPath() string {
	return "/v1/projects/" + sandbox.Project + "/locations/global/workloadIdentityPools/" + c.Names.Pool
}

// PrincipalSet is the member that stands for an assumed role in the pool.
func (c *Clouds) PrincipalSet(assumedRole string) string {
	return "principalSet://iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/" + c.Names.Pool + "/attribute.aws_role/" + assumedRole
}

// Session is a session of a role as Lambda makes it, with the function's name as
// the session's.
func (c *Clouds) Session(t *testing.T, role string) api.Credentials {
	t.Helper()
	creds, err := c.AWS.IAM().ServiceRole("arn:aws:iam::"+sandbox.Account+":role/"+role, "lambda.amazonaws.com", c.Names.Function, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// SessionVariables are the environment variables by which Lambda gives a function a
// session of its role: AWS Lambda Developer Guide, "Working with Lambda environment
// variables".
func (c *Clouds) SessionVariables(t *testing.T, role string) map[string]string {
	t.Helper()
	creds := c.Session(t, role)
	return map[string]string{
		"AWS_ACCESS_KEY_ID":     creds.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": creds.SecretAccessKey,
		"AWS_SESSION_TOKEN":     creds.SessionToken,
		"AWS_REGION":            sandbox.Region,
		"AWS_DEFAULT_REGION":    sandbox.Region,
	}
}

// Bind adds one binding to the allow policy of a resource of IAM or of a project.
func (c *Clouds) Bind(t *testing.T, path, role, member string) {
	t.Helper()
	c.change(t, "POST", path+":getIamPolicy", "POST", path+":setIamPolicy", role, member, func(p map[string]any) any { return map[string]any{"policy": p} })
}

// BindBucket adds one binding to a bucket's allow policy.
func (c *Clouds) BindBucket(t *testing.T, bucket, role, member string) {
	t.Helper()
	path := "/storage/v1/b/" + bucket + "/iam"
	c.change(t, "GET", path, "PUT", path, role, member, func(p map[string]any) any { return p })
}

func (c *Clouds) change(t *testing.T, getMethod, getPath, setMethod, setPath, role, member string, body func(map[string]any) any) {
	t.Helper()
	policy := map[string]any{}
	c.Call(t, getMethod, getPath, nil, &policy)
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings, map[string]any{"role": role, "members": []string{member}})
	c.Call(t, setMethod, setPath, body(policy), nil)
}

// Upload puts an object.
func (c *Clouds) Upload(t *testing.T, bucket, name, contentType string, content io.Reader) {
	t.Helper()
	req, err := http.NewRequest("POST", c.GoogleURL+"/upload/storage/v1/b/"+bucket+"/o?uploadType=media&name="+url.QueryEscape(name), content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	c.do(t, req, nil)
}

// Call makes one JSON request of the Google cloud as its administrator; it must
// succeed.
func (c *Clouds) Call(t *testing.T, method, path string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, c.GoogleURL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	c.do(t, req, out)
}

// client keeps no idle connection: those of http.DefaultClient are closed by every
// httptest.Server.Close, also while an answer is on its way.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func (c *Clouds) do(t *testing.T, req *http.Request, out any) {
	t.Helper()
	req.Header.Set("Authorization", "Bearer "+c.Google.AdminToken())
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 300 {
		t.Fatalf("%s %s answered %d: %s", req.Method, req.URL.Path, resp.StatusCode, data)
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			t.Fatalf("%s %s answered %s: %v", req.Method, req.URL.Path, data, err)
		}
	}
}
