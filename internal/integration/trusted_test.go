package integration

import (
	"context"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/auth/credentials/externalaccount"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/infra"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// planned collects the resources that the Pulumi program requests, by type.
type planned struct {
	env environment.Environment

	mu        sync.Mutex
	resources map[string][]map[string]any
}

func (p *planned) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kind := args.TypeToken[strings.LastIndex(args.TypeToken, ":")+1:]
	p.resources[kind] = append(p.resources[kind], args.Inputs.Mappable())
	out := args.Inputs.Copy()
	pool := "projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/" + p.env.Pool
	switch kind {
	case "Account":
		out["email"] = resource.NewProperty(p.env.ServiceAccountEmail())
		out["member"] = resource.NewProperty("serviceAccount:" + p.env.ServiceAccountEmail())
		out["name"] = resource.NewProperty("projects/" + sandbox.Project + "/serviceAccounts/" + p.env.ServiceAccountEmail())
	case "WorkloadIdentityPool":
		out["name"] = resource.NewProperty(pool)
	case "WorkloadIdentityPoolProvider":
		out["name"] = resource.NewProperty(pool + "/providers/" + args.Inputs["workloadIdentityPoolProviderId"].StringValue())
	}
	return args.Name, out, nil
}

func (p *planned) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) { return nil, nil }

// perform creates in the local Google what the program of env requests. It needs
// no engine: the rehearsal uses one.
func perform(t *testing.T, c *Clouds, env environment.Environment) {
	t.Helper()
	p := &planned{env: env, resources: map[string][]map[string]any{}}
	if err := pulumi.RunErr(func(ctx *pulumi.Context) error { return infra.Build(ctx, env, t.TempDir(), infra.Existing{}) }, pulumi.WithMocks("gcs-to-s3", env.Name, p)); err != nil {
		t.Fatal(err)
	}
	project := "/v1/projects/" + env.GoogleProject
	for _, a := range p.resources["Account"] {
		c.Call(t, "POST", project+"/serviceAccounts", map[string]any{"accountId": a["accountId"]}, nil)
	}
	pools := project + "/locations/global/workloadIdentityPools"
	for _, r := range p.resources["WorkloadIdentityPool"] {
		c.Call(t, "POST", pools+"?workloadIdentityPoolId="+r["workloadIdentityPoolId"].(string), map[string]any{"description": r["description"]}, nil)
	}
	for _, r := range p.resources["WorkloadIdentityPoolProvider"] {
		c.Call(t, "POST", pools+"/"+env.Pool+"/providers?workloadIdentityPoolProviderId="+r["workloadIdentityPoolProviderId"].(string),
			map[string]any{"aws": r["aws"], "attributeMapping": r["attributeMapping"], "attributeCondition": r["attributeCondition"], "description": r["description"]}, nil)
	}
	for _, r := range p.resources["IAMMember"] {
		if account, ok := r["serviceAccountId"].(string); ok {
			c.Bind(t, "/v1/"+account, r["role"].(string), r["member"].(string))
		} else {
			c.Bind(t, "/v1/projects/"+r["project"].(string), r["role"].(string), r["member"].(string))
		}
	}
	for _, r := range p.resources["BucketIAMMember"] {
		c.BindBucket(t, r["bucket"].(string), r["role"].(string), r["member"].(string))
	}
}

const secondAccount = "210987654321"

// TestTrustedRoles runs the infra program against the local Google, with roles of
// two AWS accounts: the trusted ones read the object, directly or through the
// service account, and no others do.
func TestTrustedRoles(t *testing.T) {
	t.Parallel()
	for name, choices := range map[string]map[string]string{
		"through the service account": {},
		"directly":                    {"directAccess": "true"},
		"directly in the project":     {"directAccess": "true", "viewerScope": "project"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := New(t, sandbox.Options{Accounts: []string{secondAccount}})
			values := map[string]string{
				"awsAccount": sandbox.Account, "awsRegion": sandbox.Region, "googleProject": sandbox.Project, "suffix": "-b", "serviceAccount": "gcs-to-s3-b",
				"googleTokenURL": c.Env.GoogleTokenURL, "iamCredentialsEndpoint": c.Env.IAMCredentialsEndpoint, "storageEndpoint": c.Env.StorageEndpoint, "allowLoopbackEndpoints": "true",
				"trustedRoles": "reader," + secondAccount + ":theirs",
			}
			if choices["directAccess"] != "" {
				delete(values, "serviceAccount")
			}
			maps.Copy(values, choices)
			env, err := environment.Parse("b", values)
			if err != nil {
				t.Fatal(err)
			}
			perform(t, c, env)
			const allowed = ""
			byAccount := func(account string) string {
				return `{"error":"invalid_grant","error_description":"The AWS account of the given credential (` + account + `) is not the account that the provider trusts."}`
			}
			byCondition := `{"error":"unauthorized_client","error_description":"The given credential is rejected by the attribute condition."}`
			for _, who := range []struct {
				account, role string
				provider      string // the account whose provider is used
				want          string // the rejection; empty for none
			}{
				{sandbox.Account, env.Role, sandbox.Account, allowed},
				{sandbox.Account, "reader", sandbox.Account, allowed},
				{secondAccount, "theirs", secondAccount, allowed},
				{sandbox.Account, "stranger", sandbox.Account, byCondition},
				{sandbox.Account, "reader-evil", sandbox.Account, byCondition},
				{secondAccount, "stranger", secondAccount, byCondition},
				{secondAccount, "reader", secondAccount, byCondition},
				{secondAccount, env.Role, secondAccount, byCondition},
				{sandbox.Account, "theirs", sandbox.Account, byCondition},
				{secondAccount, "theirs", sandbox.Account, byAccount(secondAccount)},
				{sandbox.Account, "reader", secondAccount, byAccount(sandbox.Account)},
			} {
				l := login{
					creds:    sessionOf(t, c, who.account, who.role),
					audience: credential.Names{ProjectNumber: sandbox.ProjectNumber, Pool: env.Pool, Provider: env.ProviderOf(who.provider)}.Audience(),
				}
				if !env.DirectAccess {
					l.account = env.ServiceAccountEmail()
				}
				got, err := l.read(t, c, env.SourceBucket, env.Object)
				if who.want == allowed {
					if err != nil || got != sandboxtest.Sample {
						t.Errorf("%s of %s reads %q, %v", who.role, who.account, got, err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), who.want) {
					t.Errorf("%s of %s at the provider of %s: %v, want %s", who.role, who.account, who.provider, err, who.want)
				}
			}
		})
	}
}

// sessionOf returns a session of a role in either account, creating
// the role if necessary.
func sessionOf(t *testing.T, c *Clouds, account, role string) api.Credentials {
	t.Helper()
	cloud := c.AWS
	if other, ok := c.Others[account]; ok {
		cloud = other
	}
	cfg := c.AWSConfig(cloud.Admin())
	cfg.BaseEndpoint = aws.String(cloud.URL())
	client := iam.NewFromConfig(cfg)
	if _, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role}); err != nil {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		if _, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: &trust}); err != nil {
			t.Fatal(err)
		}
	}
	creds, err := cloud.IAM().ServiceRole("arn:aws:iam::"+account+":role/"+role, "lambda.amazonaws.com", "session", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// login is a session of an AWS role that reads through federation.
type login struct {
	creds    api.Credentials
	audience string // the provider
	account  string // the service account to impersonate; empty to remain the role
}

// read reads an object using Google's own auth library.
func (l login) read(t *testing.T, c *Clouds, bucket, object string) (string, error) {
	t.Helper()
	options := &externalaccount.Options{
		Audience:                       l.audience,
		SubjectTokenType:               "urn:ietf:params:aws:token-type:aws4_request",
		TokenURL:                       c.GoogleURL + "/v1/token",
		AwsSecurityCredentialsProvider: l,
		Scopes:                         []string{"https://www.googleapis.com/auth/devstorage.read_only"},
	}
	if l.account != "" {
		options.ServiceAccountImpersonationURL = c.GoogleURL + "/v1/projects/-/serviceAccounts/" + l.account + ":generateAccessToken"
	}
	creds, err := externalaccount.NewCredentials(options)
	if err != nil {
		t.Fatal(err)
	}
	service, err := storage.NewService(t.Context(), option.WithEndpoint(c.GoogleURL+"/storage/v1/"), option.WithAuthCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := service.Objects.Get(bucket, object).Download()
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

// AwsRegion implements externalaccount.AwsSecurityCredentialsProvider.
func (l login) AwsRegion(context.Context, *externalaccount.RequestOptions) (string, error) {
	return sandbox.Region, nil
}

// AwsSecurityCredentials implements externalaccount.AwsSecurityCredentialsProvider.
func (l login) AwsSecurityCredentials(context.Context, *externalaccount.RequestOptions) (*externalaccount.AwsSecurityCredentials, error) {
	return &externalaccount.AwsSecurityCredentials{AccessKeyID: l.creds.AccessKeyID, SecretAccessKey: l.creds.SecretAccessKey, SessionToken: l.creds.SessionToken}, nil
}
