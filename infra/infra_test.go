package infra

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// cloud answers the engine's calls as Google does, and remembers them.
type cloud struct {
	mu        sync.Mutex
	resources map[string]map[string]any // type and name to inputs
	imported  map[string]string         // type and name to id
	parents   map[string]string         // type and name to URN
	calls     int
}

func (c *cloud) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources[args.TypeToken+" "+args.Name] = args.Inputs.Mappable()
	if c.parents == nil {
		c.parents = map[string]string{}
	}
	c.parents[args.TypeToken+" "+args.Name] = args.RegisterRPC.GetParent()
	if args.ID != "" {
		if c.imported == nil {
			c.imported = map[string]string{}
		}
		c.imported[args.TypeToken+" "+args.Name] = args.ID
	}
	out := args.Inputs.Copy()
	pool := "projects/123456789012/locations/global/workloadIdentityPools/aws-connect"
	switch args.TypeToken {
	case "gcp:serviceaccount/account:Account":
		email := args.Inputs["accountId"].StringValue() + "@" + args.Inputs["project"].StringValue() + ".iam.gserviceaccount.com"
		out["email"] = resource.NewProperty(email)
		out["member"] = resource.NewProperty("serviceAccount:" + email)
		out["name"] = resource.NewProperty("projects/demo-project/serviceAccounts/" + email)
	case "gcp:iam/workloadIdentityPool:WorkloadIdentityPool":
		out["name"] = resource.NewProperty(pool)
	case "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider":
		out["name"] = resource.NewProperty(pool + "/providers/aws-connect")
	}
	return args.Name + "-id", out, nil
}

func (c *cloud) Call(pulumi.MockCallArgs) (resource.PropertyMap, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	return nil, nil
}

// build runs the program on a mocked cloud and returns what it asked for.
func build(t *testing.T, root string, preview bool, values map[string]string) *cloud {
	t.Helper()
	return buildWith(t, root, preview, values, Existing{}, func(c *cloud) pulumi.MockResourceMonitor { return c })
}

// buildWith does so where something exists already, with answers that wrap the cloud's.
func buildWith(t *testing.T, root string, preview bool, values map[string]string, existing Existing, wrap func(*cloud) pulumi.MockResourceMonitor) *cloud {
	t.Helper()
	settings := map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"}
	for k, v := range values {
		settings[k] = v
	}
	env, err := environment.Parse("dev", settings)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{resources: map[string]map[string]any{}}
	err = pulumi.RunErr(func(ctx *pulumi.Context) error { return Build(ctx, env, root, existing) },
		pulumi.WithMocks("gcs-to-s3", "dev", wrap(c)), func(info *pulumi.RunInfo) { info.DryRun = preview })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	assumedRole = "arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role"
	ownMark     = "[gcs-to-s3 dev id=4bf872cfd8c5]"
	member      = "serviceAccount:gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"
)

func TestBuildAsksForTheArticlesResources(t *testing.T) {
	t.Parallel()
	got := build(t, t.TempDir(), false, nil)
	service := func(api string) map[string]any {
		return map[string]any{"project": "demo-project", "service": api + ".googleapis.com", "disableOnDestroy": false}
	}
	want := map[string]map[string]any{
		"gcs-to-s3:infra:Federation gcs-to-s3":                        {},
		"gcp:projects/service:Service gcs-to-s3-iam":                  service("iam"),
		"gcp:projects/service:Service gcs-to-s3-sts":                  service("sts"),
		"gcp:projects/service:Service gcs-to-s3-iamcredentials":       service("iamcredentials"),
		"gcp:projects/service:Service gcs-to-s3-cloudresourcemanager": service("cloudresourcemanager"),
		"gcp:projects/service:Service gcs-to-s3-storage":              service("storage"),
		"gcp:storage/bucketIAMMember:BucketIAMMember gcs-to-s3-object-viewer": {
			"bucket": "s3-gcs-connect", "role": "roles/storage.objectViewer", "member": member,
		},
		"gcp:serviceaccount/account:Account gcs-to-s3": {
			"project": "demo-project", "accountId": "gcs-to-s3-service-account", "displayName": "GCS to S3",
			"description": "Read by the AWS role gcs-to-s3-role " + ownMark,
		},
		"gcp:iam/workloadIdentityPool:WorkloadIdentityPool gcs-to-s3": {
			"project": "demo-project", "workloadIdentityPoolId": "aws-connect", "displayName": "aws-connect",
			"description": "Admits AWS account 123456789012 " + ownMark,
		},
		"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider gcs-to-s3": {
			"project": "demo-project", "workloadIdentityPoolId": "aws-connect", "workloadIdentityPoolProviderId": "aws-connect",
			"displayName": "aws-connect", "description": "Admits the role gcs-to-s3-role " + ownMark,
			"aws":                map[string]any{"accountId": "123456789012"},
			"attributeCondition": "attribute.aws_role == '" + assumedRole + "'",
			"attributeMapping": map[string]any{
				"google.subject":     "assertion.arn",
				"attribute.aws_role": "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + 'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn",
			},
		},
		"gcp:serviceaccount/iAMMember:IAMMember gcs-to-s3-workload-identity-user": {
			"serviceAccountId": "projects/demo-project/serviceAccounts/gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com",
			"role":             "roles/iam.workloadIdentityUser",
			"member":           "principalSet://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-connect/attribute.aws_role/" + assumedRole,
		},
	}
	if diff := cmp.Diff(want, got.resources); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	// With type and name, the parent is the URN by which Pulumi's state knows a resource.
	for key, parent := range got.parents {
		want := "urn:pulumi:dev::gcs-to-s3::gcs-to-s3:infra:Federation::gcs-to-s3"
		if strings.HasPrefix(key, "gcs-to-s3:") {
			want = "urn:pulumi:dev::gcs-to-s3::pulumi:pulumi:Stack::gcs-to-s3-dev"
		}
		if parent != want {
			t.Errorf("the parent of %s is %s, want %s", key, parent, want)
		}
	}
	if got.calls != 0 {
		t.Errorf("the program made %d look-ups, want none", got.calls)
	}
}

// TestBuildEnablesTheRequiredAPIs: what the component needs, and what doctor asks for.
func TestBuildEnablesTheRequiredAPIs(t *testing.T) {
	t.Parallel()
	for _, direct := range []bool{false, true} {
		for _, scope := range []string{"bucket", "project"} {
			var got []string
			for _, inputs := range build(t, t.TempDir(), false, map[string]string{"directAccess": strconv.FormatBool(direct), "viewerScope": scope}).resources {
				if api, ok := inputs["service"].(string); ok {
					got = append(got, api)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(slices.Sorted(slices.Values(clouds.RequiredAPIs(environment.Environment{DirectAccess: direct}))), got); diff != "" {
				t.Errorf("APIs with direct access %v, in the %s (-want +got):\n%s", direct, scope, diff)
			}
		}
	}
}

func TestBuildGrantsTheProjectByChoice(t *testing.T) {
	t.Parallel()
	got := build(t, t.TempDir(), false, map[string]string{"viewerScope": "project"})
	want := map[string]any{"project": "demo-project", "role": "roles/storage.objectViewer", "member": member}
	if diff := cmp.Diff(want, got.resources["gcp:projects/iAMMember:IAMMember gcs-to-s3-object-viewer"]); diff != "" {
		t.Errorf("project grant (-want +got):\n%s", diff)
	}
	for key := range got.resources {
		if strings.Contains(key, "bucketIAMMember") {
			t.Errorf("the bucket is granted too: %s", key)
		}
	}
}

func TestBuildLeavesTheCredentialFile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	build(t, root, false, map[string]string{"tokenLifetimeSeconds": "1800"})
	data, err := os.ReadFile(filepath.Join(root, "out", "dev", "clientLibraryConfig-aws-connect.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := credential.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	want, err := credential.New(credential.Names{
		ProjectNumber:  "123456789012",
		Pool:           "aws-connect",
		Provider:       "aws-connect",
		ServiceAccount: "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com",
	}, credential.Options{TokenLifetimeSeconds: 1800})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("credential configuration (-want +got):\n%s", diff)
	}
	entries, err := os.ReadDir(filepath.Join(root, "out", "dev"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the output directory holds %v, %v; want the one file", entries, err)
	}
}

func TestPreviewWritesNothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	build(t, root, true, nil)
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("a preview left %v, %v", entries, err)
	}
}

// TestDescriptionsHaveTheFormOfOurs: what the program writes is recognized as the
// environment's, with one role and with several.
func TestDescriptionsHaveTheFormOfOurs(t *testing.T) {
	t.Parallel()
	for _, trusted := range []string{"", "reader", "210987654321:theirs,210987654321:more,reader"} {
		judged := 0
		for key, inputs := range build(t, t.TempDir(), false, map[string]string{"trustedRoles": trusted}).resources {
			description, _ := inputs["description"].(string)
			var evidence ownership.Evidence
			switch {
			case strings.Contains(key, "PoolProvider "):
				evidence = ownership.Provider(&iam.WorkloadIdentityPoolProvider{Description: description, Aws: &iam.Aws{}})
			case strings.Contains(key, "Pool "):
				evidence = ownership.Pool(&iam.WorkloadIdentityPool{Description: description})
			case strings.Contains(key, "Account "):
				evidence = ownership.Account(&iam.ServiceAccount{Description: description})
			default:
				continue
			}
			judged++
			env, err := environment.Parse("dev", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"})
			if err != nil {
				t.Fatal(err)
			}
			if v := ownership.Decide(env.Mark(), evidence); !v.Ours() {
				t.Errorf("with trustedRoles %q, %s, described as %q, %s", trusted, key, description, v.Why())
			}
		}
		if judged < 3 {
			t.Errorf("only %d resources have descriptions", judged)
		}
	}
}
