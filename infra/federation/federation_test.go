package federation_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/infra/federation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
)

// theirs are arguments of another program, with plain names.
func theirs() *federation.Args {
	return &federation.Args{
		Project: pulumi.String("demo-project"),
		Pool:    pulumi.String("aws-connect"),
		Accounts: []federation.Account{
			{ID: pulumi.String("123456789012"), Provider: pulumi.String("aws-connect"), Roles: []federation.Role{{Name: pulumi.String("their-role")}, {Name: pulumi.String("same")}}},
			{ID: pulumi.String("210987654321"), Provider: pulumi.String("second"), Roles: []federation.Role{{Name: pulumi.String("other")}}},
		},
		ServiceAccount: pulumi.String("their-account"),
		Grants:         []federation.Grant{{On: federation.Bucket(pulumi.String("their-bucket")), Roles: pulumi.StringArray{pulumi.String("roles/storage.objectViewer")}}},
	}
}

// late is a name that is known only when something else is.
func late(name string) pulumi.StringInput {
	return pulumi.String(name).ToStringOutput().ApplyT(func(s string) string { return s }).(pulumi.StringOutput)
}

// run registers a federation, and gives its outputs to use.
func run(c *cloud, name string, args *federation.Args, use func(*federation.Federation)) error {
	return pulumi.RunErr(func(ctx *pulumi.Context) error {
		f, err := federation.New(ctx, name, args)
		if err == nil && use != nil {
			use(f)
		}
		return err
	}, pulumi.WithMocks("their-project", "their-stack", c))
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	var got []any
	applied := 0
	err := run(&cloud{}, "theirs", theirs(), func(f *federation.Federation) {
		pulumi.All(f.ProjectNumber, f.Pool, f.Provider, f.ServiceAccountEmail, f.Members, f.CredentialConfiguration, f.CredentialConfigurations).ApplyT(func(v []any) error {
			got = v
			applied++
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	configuration := func(provider string) string {
		c, err := credential.New(credential.Names{ProjectNumber: projectNumber, Pool: "aws-connect", Provider: provider, ServiceAccount: "their-account@demo-project.iam.gserviceaccount.com"}, credential.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return string(c.JSON())
	}
	pool := "projects/" + projectNumber + "/locations/global/workloadIdentityPools/aws-connect"
	want := []any{projectNumber, pool, pool + "/providers/aws-connect", "their-account@demo-project.iam.gserviceaccount.com",
		[]string{"serviceAccount:their-account@demo-project.iam.gserviceaccount.com"}, configuration("aws-connect"),
		map[string]string{"123456789012": configuration("aws-connect"), "210987654321": configuration("second")}}
	if diff := cmp.Diff(want, got); diff != "" || applied != 1 {
		t.Errorf("outputs, applied %d times (-want +got):\n%s", applied, diff)
	}
}

// TestMembersWithoutServiceAccount: for grants that the component does not make.
func TestMembersWithoutServiceAccount(t *testing.T) {
	t.Parallel()
	args := theirs()
	args.ServiceAccount, args.Grants = nil, nil
	var got []string
	if err := run(&cloud{}, "theirs", args, func(f *federation.Federation) {
		f.Members.ApplyT(func(v []string) error {
			got = v
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	set := "principalSet://" + pools + "/aws-connect/attribute.aws_role/arn:aws:sts::"
	want := []string{set + "123456789012:assumed-role/their-role", set + "123456789012:assumed-role/same", set + "210987654321:assumed-role/other"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

// TestOutputsAreAsGoodAsStrings: the same names as outputs make the same resources,
// with the same inputs. Only what is named after account and role is named after their
// places.
func TestOutputsAreAsGoodAsStrings(t *testing.T) {
	t.Parallel()
	plain, lately := &cloud{}, &cloud{}
	if err := run(plain, "theirs", theirs(), nil); err != nil {
		t.Fatal(err)
	}
	args := theirs()
	args.Project, args.Pool, args.ServiceAccount = late("demo-project"), late("aws-connect"), late("their-account")
	args.Grants[0].On = federation.Bucket(late("their-bucket"))
	for i, a := range args.Accounts {
		id, _ := a.ID.(pulumi.String)
		provider, _ := a.Provider.(pulumi.String)
		args.Accounts[i].ID, args.Accounts[i].Provider = late(string(id)), late(string(provider))
		for j, r := range a.Roles {
			name, _ := r.Name.(pulumi.String)
			a.Roles[j].Name = late(string(name))
		}
	}
	if err := run(lately, "theirs", args, nil); err != nil {
		t.Fatal(err)
	}
	renamed := strings.NewReplacer("theirs-210987654321", "theirs-2", "-123456789012-same", "-1-2", "-210987654321-other", "-2-1")
	want, got := map[string]map[string]any{}, map[string]map[string]any{}
	for key, r := range plain.resources {
		want[renamed.Replace(key)] = r.inputs
	}
	for key, r := range lately.resources {
		got[key] = r.inputs
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources (-strings +outputs):\n%s", diff)
	}
}

// TestEveryResourceIsInTheComponent: names, types and parents are the URNs by which
// Pulumi's state knows the resources.
func TestEveryResourceIsInTheComponent(t *testing.T) {
	t.Parallel()
	c := &cloud{}
	if err := run(c, "theirs", theirs(), nil); err != nil {
		t.Fatal(err)
	}
	const component = "urn:pulumi:their-stack::their-project::gcs-to-s3:infra:Federation::theirs"
	seen := 0
	for key, r := range c.resources {
		if !strings.HasPrefix(key, "gcp:") {
			continue
		}
		seen++
		if r.parent != component {
			t.Errorf("the parent of %s is %s, want %s", key, r.parent, component)
		}
	}
	if want := 5 + 1 + 2 + 1 + 1 + 3; seen != want { // APIs, pool, providers, account, grant, bindings
		t.Errorf("%d resources were seen, want %d", seen, want)
	}
}

// TestGrants makes each kind of grant, to a service account and to a role.
func TestGrants(t *testing.T) {
	t.Parallel()
	roles := func(names ...string) pulumi.StringArray { return pulumi.ToStringArray(names) }
	args := theirs()
	args.Accounts = args.Accounts[:1]
	args.Accounts[0].Roles = args.Accounts[0].Roles[:1]
	args.APIs = []string{"secretmanager.googleapis.com", "storage.googleapis.com"}
	args.Grants = append(args.Grants,
		federation.Grant{On: federation.Bucket(pulumi.String("another-bucket")), Name: "another", Roles: roles("roles/storage.objectViewer", "roles/storage.objectCreator")},
		federation.Grant{On: federation.Project(pulumi.String("third-project")), Roles: roles("projects/demo-project/roles/queryRunner")},
		federation.Grant{On: federation.Dataset(pulumi.String("sales")).In(pulumi.String("third-project")), Roles: roles("roles/bigquery.dataViewer")},
		federation.Grant{On: federation.Topic(pulumi.String("orders")), Roles: roles("roles/pubsub.publisher")},
		federation.Grant{On: federation.Subscription(pulumi.String("orders")), Roles: pulumi.StringArray{late("roles/pubsub.subscriber")}},
	)
	c := &cloud{}
	if err := run(c, "theirs", args, nil); err != nil {
		t.Fatal(err)
	}
	const account = "serviceAccount:their-account@demo-project.iam.gserviceaccount.com"
	want := map[string]map[string]any{
		"gcp:storage/bucketIAMMember:BucketIAMMember theirs-object-viewer":          {"bucket": "their-bucket", "role": "roles/storage.objectViewer"},
		"gcp:storage/bucketIAMMember:BucketIAMMember theirs-another-object-viewer":  {"bucket": "another-bucket", "role": "roles/storage.objectViewer"},
		"gcp:storage/bucketIAMMember:BucketIAMMember theirs-another-object-creator": {"bucket": "another-bucket", "role": "roles/storage.objectCreator"},
		"gcp:projects/iAMMember:IAMMember theirs-query-runner":                      {"project": "third-project", "role": "projects/demo-project/roles/queryRunner"},
		"gcp:bigquery/datasetIamMember:DatasetIamMember theirs-data-viewer":         {"project": "third-project", "datasetId": "sales", "role": "roles/bigquery.dataViewer"},
		"gcp:pubsub/topicIAMMember:TopicIAMMember theirs-publisher":                 {"project": "demo-project", "topic": "orders", "role": "roles/pubsub.publisher"},
		"gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember theirs-role-1":      {"project": "demo-project", "subscription": "orders", "role": "roles/pubsub.subscriber"},
	}
	got := map[string]map[string]any{}
	var apis []string
	plugins := map[string]bool{}
	for key, r := range c.resources {
		if strings.HasPrefix(key, "gcp:") {
			plugins[r.plugin] = true
		}
		if api, ok := r.inputs["service"].(string); ok {
			apis = append(apis, strings.TrimSuffix(api, ".googleapis.com"))
		}
		if r.inputs["member"] == account {
			delete(r.inputs, "member")
			got[key] = r.inputs
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("grants to the service account (-want +got):\n%s", diff)
	}
	if len(plugins) != 1 || plugins[""] {
		t.Errorf("the resources ask for the plugin versions %v, want one", plugins)
	}
	for _, api := range []string{"iam", "sts", "iamcredentials", "cloudresourcemanager", "storage", "bigquery", "pubsub", "secretmanager"} {
		if !strings.Contains(" "+strings.Join(apis, " ")+" ", " "+api+" ") {
			t.Errorf("the API %s is not enabled, only %v", api, apis)
		}
	}
	if len(apis) != 8 {
		t.Errorf("%d APIs are enabled: %v", len(apis), apis)
	}
}
