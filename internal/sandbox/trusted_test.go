package sandbox_test

import (
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/internal/sandbox/sandboxtest"
)

// planned is what the Pulumi program asks for, by type.
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

// perform makes in the local Google what the program of env asks for. An engine is
// not needed for that: the rehearsal has one.
func perform(t *testing.T, c *sandboxtest.Clouds, env environment.Environment) {
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

// TestTrustedRoles runs the program of infra against the local Google, with roles
// of two AWS accounts: those that it trusts read the object, directly or through
// the service account, and no other does.
func TestTrustedRoles(t *testing.T) {
	t.Parallel()
	for name, choices := range map[string]map[string]string{
		"through the service account": {},
		"directly":                    {"directAccess": "true"},
		"directly in the project":     {"directAccess": "true", "viewerScope": "project"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sandboxtest.New(t, sandbox.Options{Accounts: []string{secondAccount}})
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
				return "400 invalid_grant: The AWS account of the given credential (" + account + ") is not the account that the provider trusts."
			}
			byCondition := "400 unauthorized_client: The given credential is rejected by the attribute condition."
			for _, who := range []struct {
				account, role string
				provider      string // of the account whose provider is asked
				want          string // the refusal; empty for none
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
				l := &login{creds: sessionOf(t, c, who.account, who.role), alone: env.DirectAccess, account: env.ServiceAccountEmail()}
				l.audience = credential.Names{ProjectNumber: sandbox.ProjectNumber, Pool: env.Pool, Provider: env.ProviderOf(who.provider)}.Audience()
				resp, err := storageAs(t, c, l, "").Objects.Get(env.SourceBucket, env.Object).Download()
				if who.want == allowed {
					if err != nil {
						t.Errorf("%s of %s: %v", who.role, who.account, err)
						continue
					}
					data, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || string(data) != sandboxtest.Sample {
						t.Errorf("%s of %s reads %q, %v", who.role, who.account, data, err)
					}
					continue
				}
				got, ok := refusalOf(err)
				if !ok || got.Error() != who.want {
					t.Errorf("%s of %s at the provider of %s: %v, want %s", who.role, who.account, who.provider, err, who.want)
				}
			}
		})
	}
}

// sessionOf is a session of a role in either account, which is made if need be.
func sessionOf(t *testing.T, c *sandboxtest.Clouds, account, role string) api.Credentials {
	t.Helper()
	cloud := c.AWS
	if other, ok := c.Others[account]; ok {
		cloud = other
	}
	cfg := c.AWSConfig(cloud.Admin())
	cfg.BaseEndpoint = aws.String(cloud.URL())
	client := iam.NewFromConfig(cfg)
	if _, err := client.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &role}); err != nil {
		must[*iam.CreateRoleOutput](t)(client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &role, AssumeRolePolicyDocument: aws.String(lambdaTrust)}))
	}
	creds, err := cloud.IAM().ServiceRole("arn:aws:iam::"+account+":role/"+role, "lambda.amazonaws.com", "session", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return creds
}

// TestDirectAccessIsTheRoles: the journal tells that no service account came in
// between.
func TestDirectAccessIsTheRoles(t *testing.T) {
	t.Parallel()
	c := sandboxtest.New(t, sandbox.Options{})
	c.BindBucket(t, c.Env.SourceBucket, "roles/storage.objectViewer", c.PrincipalSet(c.Env.AssumedRole()))
	l := &login{alone: true, creds: c.Session(t, c.Env.Role)}
	from := len(c.Journal.Entries())
	if _, err := storageAs(t, c, l, "").Objects.Get(c.Env.SourceBucket, c.Env.Object).Download(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range c.Journal.Entries()[from:] {
		got = append(got, e.Cloud+" "+e.Service+" as "+e.Principal)
	}
	federated := "principal://iam.googleapis.com/projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/aws-connect/subject/" + c.Env.Subject()
	want := []string{"aws sts as " + c.Env.Subject(), "google sts as " + federated, "google storage as " + federated}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
