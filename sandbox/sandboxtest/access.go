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
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Access is how a test reaches an AWS account and a Google Cloud project as their
// owner, and makes the resources of Names in them. It does not matter whether the
// clouds are local. All fields but Trusted are required.
type Access struct {
	Names     Names
	Owner     api.Credentials                  // of the AWS account
	OwnerARN  string                           // who that is
	Configure func(api.Credentials) aws.Config // of AWS SDK clients
	S3URL     string                           // where S3 is, without a slash at the end
	// Endpoint is where a Google API is, without a slash at the end: iam, sts,
	// iamcredentials, cloudresourcemanager, serviceusage, cloudbilling, orgpolicy, pubsub, storage.
	Endpoint func(api string) string
	Client   *http.Client // authorizes requests to Google as the project's owner
	// Trusted are further principals that can assume the roles of MakeRole, as a trust
	// policy lists them: "AWS":"123456789012".
	Trusted string
}

// SetUpAWS makes the role with its least privilege.
func (c *Access) SetUpAWS(t *testing.T) {
	t.Helper()
	c.MakeRole(t, c.Names.Role, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"WriteDestination","Effect":"Allow","Action":["s3:PutObject","s3:AbortMultipartUpload","s3:ListMultipartUploadParts","s3:GetObject"],"Resource":"arn:aws:s3:::%[1]s/*"},{"Sid":"FindUploads","Effect":"Allow","Action":"s3:ListBucketMultipartUploads","Resource":"arn:aws:s3:::%[1]s"}]}`, c.Names.DestinationBucket))
}

// MakeBuckets makes the destination bucket and the source bucket.
func (c *Access) MakeBuckets(t *testing.T) {
	t.Helper()
	if _, err := s3.NewFromConfig(c.Configure(c.Owner)).CreateBucket(context.Background(), Bucket(c.Names.DestinationBucket)); err != nil {
		t.Fatal(err)
	}
	c.Call(t, "POST", "/storage/v1/b?project="+c.Names.Project, map[string]any{"name": c.Names.SourceBucket}, nil)
}

// Bucket is the request for a bucket in the sandbox's region.
func Bucket(name string) *s3.CreateBucketInput {
	return &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(sandbox.Region)},
	}
}

// MakeRole makes a role that Lambda and the trusted principals can assume.
func (c *Access) MakeRole(t *testing.T, name, policy string) {
	t.Helper()
	ctx := context.Background()
	client := iam.NewFromConfig(c.Configure(c.Owner))
	trusted := `"Service":"lambda.amazonaws.com"`
	if c.Trusted != "" {
		trusted += "," + c.Trusted
	}
	if _, err := client.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{` + trusted + `},"Action":"sts:AssumeRole"}]}`),
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

// SetUpGoogle makes the service account, the pool, the provider, the binding, the
// grant on the source bucket, and sample.txt in it.
func (c *Access) SetUpGoogle(t *testing.T) {
	t.Helper()
	project := "/v1/projects/" + c.Names.Project
	c.Call(t, "POST", project+"/serviceAccounts", map[string]any{"accountId": c.Names.ServiceAccount}, nil)
	c.Call(t, "POST", project+"/locations/global/workloadIdentityPools?workloadIdentityPoolId="+c.Names.Pool, map[string]any{}, nil)
	c.Call(t, "POST", c.PoolPath()+"/providers?workloadIdentityPoolProviderId="+c.Names.Provider, map[string]any{
		"aws":                map[string]any{"accountId": c.Names.Account},
		"attributeCondition": "attribute.aws_role == '" + c.Names.AssumedRole() + "'",
	}, nil)
	c.Bind(t, project+"/serviceAccounts/"+c.Names.ServiceAccountEmail(), "roles/iam.workloadIdentityUser", c.PrincipalSet(c.Names.AssumedRole()))
	c.BindBucket(t, c.Names.SourceBucket, "roles/storage.objectViewer", "serviceAccount:"+c.Names.ServiceAccountEmail())
	c.Upload(t, c.Names.SourceBucket, c.Names.Object, "text/plain", strings.NewReader(Sample))
}

// PoolPath is the path of the pool in Google's IAM API.
func (c *Access) PoolPath() string {
	return "/v1/projects/" + c.Names.Project + "/locations/global/workloadIdentityPools/" + c.Names.Pool
}

// PrincipalSet is the member that stands for an assumed role in the pool.
func (c *Access) PrincipalSet(assumedRole string) string {
	return "principalSet://iam.googleapis.com/projects/" + c.Names.ProjectNumber + "/locations/global/workloadIdentityPools/" + c.Names.Pool + "/attribute.aws_role/" + assumedRole
}

// Bind adds one binding to the allow policy of a resource of IAM, of a project, or of a
// topic or a subscription.
func (c *Access) Bind(t *testing.T, path, role, member string) {
	t.Helper()
	get := "POST"
	if apiOf(path) == "pubsub" {
		get = "GET"
	}
	c.change(t, get, path+":getIamPolicy", "POST", path+":setIamPolicy", role, member, func(p map[string]any) any { return map[string]any{"policy": p} })
}

// BindBucket adds one binding to a bucket's allow policy.
func (c *Access) BindBucket(t *testing.T, bucket, role, member string) {
	t.Helper()
	path := "/storage/v1/b/" + bucket + "/iam"
	c.change(t, "GET", path, "PUT", path, role, member, func(p map[string]any) any { return p })
}

func (c *Access) change(t *testing.T, getMethod, getPath, setMethod, setPath, role, member string, body func(map[string]any) any) {
	t.Helper()
	policy := map[string]any{}
	c.Call(t, getMethod, getPath, nil, &policy)
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings, map[string]any{"role": role, "members": []string{member}})
	c.Call(t, setMethod, setPath, body(policy), nil)
}

// Upload puts an object.
func (c *Access) Upload(t *testing.T, bucket, name, contentType string, content io.Reader) {
	t.Helper()
	req, err := http.NewRequest("POST", c.Endpoint("storage")+"/upload/storage/v1/b/"+bucket+"/o?uploadType=media&name="+url.QueryEscape(name), content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	c.do(t, req, nil)
}

// Call makes one JSON request of the Google cloud as its administrator; it must
// succeed.
func (c *Access) Call(t *testing.T, method, path string, in, out any) {
	t.Helper()
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, c.Endpoint(apiOf(path))+path, body)
	if err != nil {
		t.Fatal(err)
	}
	c.do(t, req, out)
}

func (c *Access) do(t *testing.T, req *http.Request, out any) {
	t.Helper()
	resp, err := c.Client.Do(req)
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

// apiOf is the Google API that serves a path.
func apiOf(path string) string {
	for _, of := range []struct{ part, api string }{
		{"/storage/", "storage"}, {"/topics", "pubsub"}, {"/subscriptions", "pubsub"}, {":generateAccessToken", "iamcredentials"}, {"/v1/token", "sts"}, {"/services/", "serviceusage"},
		{"/billingInfo", "cloudbilling"}, {"/v2/", "orgpolicy"}, {"/locations/", "iam"}, {"/serviceAccounts", "iam"},
	} {
		if strings.Contains(path, of.part) {
			return of.api
		}
	}
	return "cloudresourcemanager"
}
