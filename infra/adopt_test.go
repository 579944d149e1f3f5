package infra

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/google"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// found looks for what exists, and returns what is said of it.
func found(t *testing.T, c *integration.Clouds, env environment.Environment, preview, adopt bool) (Existing, string) {
	t.Helper()
	env.Google = environment.GoogleAPIs{IAM: c.GoogleURL + "/v1/", ResourceManager: c.GoogleURL + "/v1/", ServiceUsage: c.GoogleURL + "/v1/", Storage: c.GoogleURL + "/storage/v1/", PubSub: c.GoogleURL + "/v1/", AccessToken: c.Google.AdminToken()}
	g, err := clouds.OpenGoogle(t.Context(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	e := Find(t.Context(), g, env, preview, adopt, func(text string) { said = append(said, text) })
	return e, strings.Join(said, "\n")
}

// mark marks what sandboxtest made as an environment's.
func mark(t *testing.T, c *integration.Clouds, name string) {
	t.Helper()
	c.Mark(t, environment.Mark{Environment: name, ID: c.Env.ID()})
}

func TestFind(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	parent := "projects/" + c.Env.GoogleProject
	pool := parent + "/locations/global/workloadIdentityPools/" + c.Env.Pool
	whole := Existing{ServiceAccount: parent + "/serviceAccounts/" + c.Env.ServiceAccountEmail(), Pool: pool, Providers: map[string]string{c.Env.Provider: pool + "/providers/" + c.Env.Provider}}
	expect := func(what string, preview bool, want Existing, says ...string) {
		t.Helper()
		got, said := found(t, c, c.Env, preview, false)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", what, diff)
		}
		for _, text := range says {
			if !strings.Contains(said, text) {
				t.Errorf("%s: it says %q, want %q", what, said, text)
			}
		}
		if len(says) == 0 && said != "" {
			t.Errorf("%s: it says %q", what, said)
		}
	}
	expect("without marks", false, Existing{})
	adopted := whole
	adopted.AsFound = true
	if got, said := found(t, c, c.Env, false, true); said != "" || cmp.Diff(adopted, got) != "" {
		t.Errorf("without marks, on purpose: %+v, and it says %q", got, said)
	}
	mark(t, c, "another")
	if got, said := found(t, c, c.Env, false, true); cmp.Diff(Existing{AsFound: true}, got) != "" || !strings.Contains(said, "belongs to the environment another") {
		t.Errorf("another environment's, on purpose: %+v, and it says %q", got, said)
	}
	expect("another environment's", false, Existing{}, "the service account gcs-to-s3-service-account belongs to the environment another", "the workload identity pool aws-connect belongs to the environment another")
	mark(t, c, c.Env.Name)
	expect("its own", false, whole)
	expect("its own, in a preview", true, whole)
	own := c.Env.ID()
	c.Env.Suffix = "-elsewhere" // a same-named environment of another project folder
	expect(
		"of another environment of its name",
		false,
		Existing{},
		"the workload identity pool aws-connect belongs to another environment of the name test",
	)
	c.Env.Suffix = ""
	if c.Env.ID() != own {
		t.Fatal("the ID is not that of the settings")
	}
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=description", map[string]any{"description": "Production " + c.Env.Mark().String()}, nil)
	expect(
		"a forged mark",
		false,
		Existing{ServiceAccount: whole.ServiceAccount},
		"the workload identity pool aws-connect carries the environment's mark, but its description was not written by this program",
	)
	mark(t, c, c.Env.Name)

	c.Call(t, "DELETE", c.PoolPath()+"/providers/"+c.Env.Provider, nil, nil)
	c.Call(t, "DELETE", c.PoolPath(), nil, nil)
	c.Call(t, "DELETE", "/v1/"+whole.ServiceAccount, nil, nil)
	expect("deleted, in a preview", true, Existing{}, "the workload identity pool aws-connect is deleted; an update undeletes it")
	expect("deleted", false, Existing{Pool: whole.Pool, Providers: whole.Providers}, "the workload identity pool aws-connect was deleted; it is undeleted", "the provider aws-connect was deleted; it is undeleted")
	expect("back", false, Existing{Pool: whole.Pool, Providers: whole.Providers})

	c.Call(
		t,
		"PATCH",
		c.PoolPath()+"?updateMask=description",
		map[string]any{"description": "Admits AWS account 123456789012 [gcs-to-s3 another id=0123456789ab]"},
		nil,
	)
	c.Call(t, "DELETE", c.PoolPath(), nil, nil)
	expect("another's, deleted", false, Existing{}, "its name is taken until", "choose another name or suffix")

	env := c.Env
	env.GoogleProject = "other-project"
	if got, said := found(t, c, env, false, false); !cmp.Equal(got, Existing{}) || !strings.Contains(said, "cannot see the service account gcs-to-s3-service-account@other-project.iam.gserviceaccount.com, the workload identity pool aws-connect: no permission to read it: ") {
		t.Errorf("in a project of others: %+v, %q", got, said)
	}
}

// TestFindFurtherProviders: those of other accounts come back, too, and without a
// service account none is looked for.
func TestFindFurtherProviders(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	mark(t, c, c.Env.Name)
	c.Env.DirectAccess, c.Env.TrustedRoles = true, "210987654321:theirs,210987654321:more,reader"
	text := map[string]any{
		"description": "Admits theirs and 1 more " + c.Env.Mark().String(),
		"aws":         map[string]any{"accountId": "210987654321"},
	}
	c.Call(t, "POST", c.PoolPath()+"/providers?workloadIdentityPoolProviderId=aws-connect-210987654321", text, nil)
	c.Call(t, "DELETE", c.PoolPath()+"/providers/aws-connect-210987654321", nil, nil)
	pool := "projects/" + c.Env.GoogleProject + "/locations/global/workloadIdentityPools/" + c.Env.Pool
	want := Existing{Pool: pool, Providers: map[string]string{
		"aws-connect":              pool + "/providers/aws-connect",
		"aws-connect-210987654321": pool + "/providers/aws-connect-210987654321",
	}}
	got, said := found(t, c, c.Env, false, false)
	if diff := cmp.Diff(want, got); diff != "" || said != "the provider aws-connect-210987654321 was deleted; it is undeleted, and taken over" {
		t.Errorf("it says %q (-want +got):\n%s", said, diff)
	}
}

func TestFindInANewProject(t *testing.T) {
	t.Parallel()
	s := sandboxtest.Empty(t, sandbox.Options{Services: google.NewProject})
	env, err := environment.Parse("dev", map[string]string{"awsAccount": sandbox.Account, "googleProject": sandbox.Project})
	if err != nil {
		t.Fatal(err)
	}
	c := &integration.Clouds{Clouds: &sandboxtest.Clouds{Sandbox: s}, Env: env}
	if got, said := found(t, c, env, false, false); !cmp.Equal(got, Existing{}) || !strings.HasPrefix(said, "iam.googleapis.com: not enabled in the project demo-project yet; the update enables what is missing.") {
		t.Errorf("with no API enabled: %+v, %q", got, said)
	}
}

// TestExistingIsTakenOver: what exists is imported, the rest is created.
func TestExistingIsTakenOver(t *testing.T) {
	t.Parallel()
	const pool = "projects/p/locations/global/workloadIdentityPools/pool"
	env, err := environment.Parse("dev", map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project", "trustedRoles": "210987654321:theirs,same"})
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{resources: map[string]map[string]any{}}
	existing := Existing{Pool: pool, Providers: map[string]string{"aws-connect-210987654321": pool + "/providers/aws-connect-210987654321"}}
	if err := pulumi.RunErr(func(ctx *pulumi.Context) error { return Build(ctx, env, t.TempDir(), existing) }, pulumi.WithMocks("project", "stack", c)); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"gcp:iam/workloadIdentityPool:WorkloadIdentityPool gcs-to-s3":                              pool,
		"gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider gcs-to-s3-210987654321": pool + "/providers/aws-connect-210987654321",
	}
	if diff := cmp.Diff(want, c.imported); diff != "" {
		t.Errorf("imported (-want +got):\n%s", diff)
	}
}
