package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// clients are the administrators' clients of both local clouds.
func clients(t *testing.T, s *sandbox.Sandbox, env environment.Environment) clouds.Pair {
	t.Helper()
	env.Google = environment.GoogleAPIs{
		IAM: s.GoogleURL + "/v1/", ResourceManager: s.GoogleURL + "/v1/", ServiceUsage: s.GoogleURL + "/v1/", Storage: s.GoogleURL + "/storage/v1/", PubSub: s.GoogleURL + "/v1/", AccessToken: s.Google.AdminToken(),
	}
	g, err := clouds.OpenGoogle(t.Context(), env, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return clouds.Pair{AWS: s.AWSConfig(s.AWS.Admin()), Google: g}
}

// shown are items as people see them.
func shown(items []Item) []string {
	out := []string{}
	for _, i := range items {
		line := i.Kind + " " + i.Name + ": " + i.State
		if i.Foreign != "" {
			line += ", not its own"
		}
		out = append(out, line)
	}
	return out
}

func TestOf(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.Mark(t, c.Env.Mark())
	both := clients(t, c.Sandbox, c.Env)
	var state []engine.Resource // of Pulumi
	items := func() []Item {
		t.Helper()
		items, err := Of(t.Context(), both, c.Env, state...)
		if err != nil {
			t.Fatal(err)
		}
		return items
	}
	role := c.PrincipalSet(c.Env.AssumedRole())
	account := c.Env.ServiceAccountEmail()
	want := []string{
		"binding " + role + ": granted",
		"binding serviceAccount:" + account + ": granted",
		"service account " + account + ": ENABLED",
		"provider aws-connect/aws-connect: ACTIVE",
		"workload identity pool aws-connect: ACTIVE",
		"role gcs-to-s3-role: exists",
	}
	if diff := cmp.Diff(want, shown(items())); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	state = recorded(t, c)

	// Grants of others on the same resources are theirs.
	c.BindBucket(t, c.Env.SourceBucket, "roles/storage.objectViewer", "user:someone@example.com")
	c.Bind(t, "/v1/projects/"+c.Env.GoogleProject, "roles/storage.objectViewer", "serviceAccount:"+account)
	// The account goes and leaves its grants dangling; the pool is disabled.
	c.Call(t, "DELETE", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+account, nil, nil)
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
	c.Call(t, "DELETE", c.PoolPath()+"/providers/"+c.Env.Provider, nil, nil)
	uid := state[0].Text("uniqueId")
	want = []string{
		"binding deleted:serviceAccount:" + account + "?uid=" + uid + ": dangling",
		"binding deleted:serviceAccount:" + account + "?uid=" + uid + ": dangling",
		"provider aws-connect/aws-connect: DELETED",
		"workload identity pool aws-connect: DISABLED",
		"role gcs-to-s3-role: exists",
	}
	got := items()
	if diff := cmp.Diff(want, shown(got)); diff != "" {
		t.Errorf("after deletions (-want +got):\n%s", diff)
	}
	if on := []string{got[0].Detail, got[1].Detail}; on[0] != "roles/storage.objectViewer on the bucket s3-gcs-connect" || on[1] != "roles/storage.objectViewer on the project demo-project" {
		t.Errorf("the grants are %q", on)
	}
	for _, i := range Left(got) {
		if err := Remove(t.Context(), both, i); err != nil {
			t.Error(err)
		}
		if err := Remove(t.Context(), both, i); err != nil {
			t.Errorf("a second time: %v", err)
		}
	}
	got = items()
	if diff := cmp.Diff([]string{"provider aws-connect/aws-connect: DELETED", "workload identity pool aws-connect: DELETED"}, shown(got)); diff != "" {
		t.Errorf("after removals (-want +got):\n%s", diff)
	}
	if left := shown(Left(got)); len(left) > 0 || !got[0].Deleted() || got[0].Freed.Before(time.Now().Add(29*24*time.Hour)) {
		t.Errorf("left are %v of %+v", left, got)
	}
	var policy struct{ Bindings []struct{ Members []string } }
	c.Call(t, "GET", "/storage/v1/b/"+c.Env.SourceBucket+"/iam", nil, &policy)
	data, err := json.Marshal(policy)
	if err != nil || !strings.Contains(string(data), "user:someone@example.com") || strings.Contains(string(data), "deleted:") {
		t.Errorf("the bucket's policy is %s, %v", data, err)
	}
}

// recorded are the resources as Pulumi's state has them, the service account first.
func recorded(t *testing.T, c *integration.Clouds) []engine.Resource {
	t.Helper()
	var account struct{ UniqueID string }
	c.Call(t, "GET", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail(), nil, &account)
	project, email := "projects/"+c.Env.GoogleProject, c.Env.ServiceAccountEmail()
	pool := strings.TrimPrefix(c.PoolPath(), "/v1/")
	of := func(kind, id string, inputs map[string]any) engine.Resource {
		inputs["project"] = c.Env.GoogleProject
		return engine.Resource{URN: "urn:" + kind, Type: kind, ID: id, Custom: true, Inputs: inputs}
	}
	r := of(
		typeAccount,
		project+"/serviceAccounts/"+email,
		map[string]any{"description": "Read by the AWS role " + c.Env.Role + " " + c.Env.Mark().String()},
	)
	r.Outputs = map[string]any{"email": email, "uniqueId": account.UniqueID}
	return []engine.Resource{
		r,
		of(typePool, pool, map[string]any{"description": "Admits AWS account " + c.Env.AWSAccount + " " + c.Env.Mark().String()}),
		of(
			typeProvider,
			pool+"/providers/"+c.Env.Provider,
			map[string]any{"description": "Admits the role " + c.Env.Role + " " + c.Env.Mark().String()},
		),
		of(
			typeOnAccount,
			"1",
			map[string]any{
				"serviceAccountId": project + "/serviceAccounts/" + email,
				"role":             "roles/iam.workloadIdentityUser",
				"member":           c.PrincipalSet(c.Env.AssumedRole()),
			},
		),
		of(
			typeOnBucket,
			"2",
			map[string]any{"bucket": c.Env.SourceBucket, "role": "roles/storage.objectViewer", "member": "serviceAccount:" + email},
		),
	}
}

func TestOfNothing(t *testing.T) {
	t.Parallel()
	s := sandboxtest.Empty(t, sandbox.Options{})
	env, err := environment.Parse("dev", map[string]string{"awsAccount": sandbox.Account, "googleProject": sandbox.Project})
	if err != nil {
		t.Fatal(err)
	}
	both := clients(t, s, env)
	if items, err := Of(t.Context(), both, env); err != nil || len(items) > 0 {
		t.Errorf("of nothing: %v, %v", items, err)
	}
	if all, err := All(t.Context(), both, env); err != nil || len(all) > 0 {
		t.Errorf("with nothing: %v, %v", all, err)
	}
}

// TestAll finds environments by their marks, and removes one whose file is lost.
func TestAll(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	c.Env.Name, c.Env.Owner, c.Env.Expires = "pr-7", "alice", "2026-12-01"
	mark := c.Env.Mark()
	c.DeployStacks(t, mark)
	c.MakeStack(
		t,
		"others",
		`{"Resources":{"Parameter":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"x"}}}}`,
		environment.Mark{},
	)

	all, err := All(t.Context(), both, c.Env)
	if err != nil || len(all) != 1 {
		t.Fatalf("All() = %+v, %v", all, err)
	}
	got := all[0]
	if diff := cmp.Diff(mark, got.Mark); diff != "" || got.Created.IsZero() || !got.Standing() {
		t.Errorf("the mark (-want +got):\n%s\nof %+v", diff, got)
	}
	if on := got.On("Google"); on != "service account ENABLED, provider ACTIVE, pool ACTIVE" {
		t.Errorf("on Google: %s", on)
	}
	if on := got.On("AWS"); !strings.Contains(on, "role CREATE_COMPLETE") || !strings.Contains(on, "function CREATE_COMPLETE") {
		t.Errorf("on AWS: %s", on)
	}
	items, err := Lost(t.Context(), both, c.Env, got)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	if err := RemoveLost(t.Context(), both, items, func(i Item) { order = append(order, i.Kind) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{KindBinding, KindBinding, KindStack, KindProvider, KindPool, KindAsset, KindLogGroup, KindServiceAccount, KindStack}, order); diff != "" {
		t.Errorf("the order of removals (-want +got):\n%s", diff)
	}
	if all, err = All(t.Context(), both, c.Env); err != nil || len(all) != 1 || all[0].Standing() || all[0].On("AWS") != "nothing" {
		t.Errorf("after its removal: %+v, %v", all, err)
	}
}

// TestAssets finds the files of the present deployment and of earlier ones, and no
// others; it reads no template of other teams, and finds the bucket of a bootstrap with
// a qualifier of its own.
func TestAssets(t *testing.T) {
	t.Parallel()
	for _, qualifier := range []string{clouds.DefaultQualifier, "ourteam"} {
		t.Run(qualifier, func(t *testing.T) {
			t.Parallel()
			c := integration.New(t, sandbox.Options{})
			c.DeployStacksWith(t, c.Env.Mark(), qualifier)
			both := clients(t, c.Sandbox, c.Env)
			bucket, prefix := clouds.AssetBucket(c.Env, qualifier), c.Env.AssetPrefix()
			role := func(name, description string) string {
				return `{"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"` + name + `","Description":"` + description + `"}}}}`
			}
			present := strings.ReplaceAll(c.Template(t, "role"), clouds.DefaultQualifier, qualifier)
			sum := sha256.Sum256([]byte(present))
			current := prefix + hex.EncodeToString(sum[:]) + ".json"
			store := s3.NewFromConfig(both.AWS)
			put := func(key, body string) {
				t.Helper()
				if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
					t.Fatal(err)
				}
			}
			function := func(name, key string) string {
				return `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"` + name + `","Code":{"S3Key":"` + key + `"}}}}}`
			}
			for key, body := range map[string]string{
				current:                    present,
				prefix + "earlier.json":    role(c.Env.Role, "before"),
				prefix + "function.json":   function(c.Env.Function, prefix+"earlier.zip"),
				prefix + "earlier.zip":     "zip",
				prefix + "others.json":     role("other", "now"),
				prefix + "nothing.json":    `{"Resources":{}}`,
				prefix + "broken.json":     `{`,
				prefix + "unlike.json":     `{"Resources":{"Q":{"Type":"AWS::SNS::Topic"},"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"` + c.Env.Function + `","Code":{"S3Key":"` + prefix + `theirs.zip"}}}}}`,
				prefix + "theirs.zip":      "zip",
				"gcs-to-s3/another/t.json": role(c.Env.Role, "of another environment"),
				"root.json":                function(c.Env.Function, "root.zip"),
				"root.zip":                 "zip",
			} {
				put(key, body)
			}
			for n := range 50 {
				put(fmt.Sprintf("team-%d.json", n), role("theirs", "now"))
			}
			from := len(c.Journal.Entries())
			items, err := Of(t.Context(), both, c.Env)
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, i := range items {
				if i.Kind == KindAsset {
					keys = append(keys, i.asset.key)
				}
			}
			slices.Sort(keys)
			bundle := regexp.MustCompile(`"S3Key": "([^"]+)"`).FindStringSubmatch(c.Template(t, "function"))[1]
			want := slices.Sorted(
				slices.Values([]string{current, bundle, prefix + "earlier.json", prefix + "function.json", prefix + "earlier.zip"}),
			)
			if diff := cmp.Diff(want, keys); diff != "" {
				t.Errorf("assets (-want +got):\n%s", diff)
			}
			read := 0
			for _, e := range c.Journal.Entries()[from:] {
				if e.Operation == "GetObject" {
					read++
				}
			}
			if read > 16 { // its own templates, for each of both stacks
				t.Errorf("it reads %d objects", read)
			}
		})
	}
}
