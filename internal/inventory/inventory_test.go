package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// clients are the administrators' clients of both local clouds.
func clients(t *testing.T, s *sandbox.Sandbox, env environment.Environment) clouds.Pair {
	t.Helper()
	env.Google = environment.GoogleAPIs{
		IAM: s.GoogleURL + "/v1/", ResourceManager: s.GoogleURL + "/v1/", ServiceUsage: s.GoogleURL + "/v1/", Storage: s.GoogleURL + "/storage/v1/", AccessToken: s.Google.AdminToken(),
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
		out = append(out, i.Kind+" "+i.short()+": "+i.State)
	}
	return out
}

func TestOf(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	items := func() []Item {
		t.Helper()
		items, err := Of(t.Context(), both, c.Env)
		if err != nil {
			t.Fatal(err)
		}
		return items
	}
	role := "attribute.aws_role/arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role"
	account := "gcs-to-s3-service-account@demo-project"
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

	// Grants of others on the same resources are theirs.
	c.BindBucket(t, c.Env.SourceBucket, "roles/storage.objectViewer", "user:someone@example.com")
	c.Bind(t, "/v1/projects/"+c.Env.GoogleProject, "roles/storage.objectViewer", "serviceAccount:"+c.Env.ServiceAccountEmail())
	// The account goes and leaves its grants dangling; the pool is disabled.
	c.Call(t, "DELETE", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail(), nil, nil)
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
	c.Call(t, "DELETE", c.PoolPath()+"/providers/"+c.Env.Provider, nil, nil)
	want = []string{
		"binding deleted:serviceAccount:" + account + ": dangling",
		"binding deleted:serviceAccount:" + account + ": dangling",
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
		if i.Kind == KindRole {
			continue
		}
		if err := Remove(t.Context(), both, i); err != nil {
			t.Error(err)
		}
		if err := Remove(t.Context(), both, i); err != nil {
			t.Errorf("a second time: %v", err)
		}
	}
	got = items()
	if diff := cmp.Diff([]string{"provider aws-connect/aws-connect: DELETED", "workload identity pool aws-connect: DELETED", "role gcs-to-s3-role: exists"}, shown(got)); diff != "" {
		t.Errorf("after removals (-want +got):\n%s", diff)
	}
	if left := shown(Left(got)); len(left) != 1 || !got[0].Deleted() || got[0].Freed.Before(time.Now().Add(29*24*time.Hour)) {
		t.Errorf("left are %v of %+v", left, got)
	}
	if err := Remove(t.Context(), both, got[2]); err == nil || err.Error() != "removing the role gcs-to-s3-role: it is only deleted with its stack" {
		t.Errorf("removing a role: %v", err)
	}
	var policy struct{ Bindings []struct{ Members []string } }
	c.Call(t, "GET", "/storage/v1/b/"+c.Env.SourceBucket+"/iam", nil, &policy)
	data, err := json.Marshal(policy)
	if err != nil || !strings.Contains(string(data), "user:someone@example.com") || strings.Contains(string(data), "deleted:") {
		t.Errorf("the bucket's policy is %s, %v", data, err)
	}
}

// TestOthersAreLeftAlone: a mark of another environment counts more than a name.
func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=description", map[string]any{"description": "[gcs-to-s3 other]"}, nil)
	if _, err := iam.NewFromConfig(both.AWS).TagRole(t.Context(), &iam.TagRoleInput{RoleName: &c.Env.Role, Tags: []iamtypes.Tag{{Key: aws.String(environment.TagEnvironment), Value: aws.String("other")}}}); err != nil {
		t.Fatal(err)
	}
	items, err := Of(t.Context(), both, c.Env)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if i.Kind == KindPool || i.Kind == KindProvider || i.Kind == KindRole {
			t.Errorf("it lists another environment's %s", i)
		}
	}
}

func TestOfNothing(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Start(sandbox.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
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

// stack creates a stack of an environment, or one without a mark.
func stack(t *testing.T, both clouds.Pair, name string, mark environment.Mark) {
	t.Helper()
	var tags []cfntypes.Tag
	if mark.Environment != "" {
		for key, value := range mark.Tags() {
			tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
		}
	}
	client := cloudformation.NewFromConfig(both.AWS)
	body := `{"Resources":{"Parameter":{"Type":"AWS::SSM::Parameter","Properties":{"Type":"String","Value":"x"}}}}`
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, Tags: tags, TemplateBody: &body}); err != nil {
		t.Fatal(err)
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) { o.MinDelay = time.Millisecond })
	if err := waiter.Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
}

// TestAll finds environments by their marks, and removes one whose file is lost.
func TestAll(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	mark := environment.Mark{Environment: "pr-7", Owner: "alice", Expires: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	stack(t, both, "gcs-to-s3-pr-7-role", mark)
	stack(t, both, "gcs-to-s3-pr-7-function", mark)
	stack(t, both, "others", environment.Mark{})
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=description", map[string]any{"description": "x " + mark.String()}, nil)
	c.Call(t, "PATCH", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail(), map[string]any{"serviceAccount": map[string]any{"description": mark.String()}, "updateMask": "description"}, nil)

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
	var order []string
	if err := RemoveLost(t.Context(), both, c.Env, got, func(i Item) { order = append(order, i.Kind) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{KindBinding, KindBinding, KindStack, KindProvider, KindPool, KindServiceAccount, KindStack}, order); diff != "" {
		t.Errorf("the order of removals (-want +got):\n%s", diff)
	}
	if all, err = All(t.Context(), both, c.Env); err != nil || len(all) != 1 || all[0].Standing() || all[0].On("AWS") != "nothing" {
		t.Errorf("after its removal: %+v, %v", all, err)
	}
}

// TestAssets finds the files of the present deployment and of earlier ones, and no
// others.
func TestAssets(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	both := clients(t, c.Sandbox, c.Env)
	template := func(role, value string) string {
		return `{"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"` + role + `","Description":"` + value + `","AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}}}}`
	}
	name, present := c.Env.RoleStack(), template("made", "now")
	stacks := cloudformation.NewFromConfig(both.AWS)
	if _, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &present, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}}); err != nil {
		t.Fatal(err)
	}
	waiter := cloudformation.NewStackCreateCompleteWaiter(stacks, func(o *cloudformation.StackCreateCompleteWaiterOptions) { o.MinDelay = time.Millisecond })
	if err := waiter.Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &name}, time.Minute); err != nil {
		t.Fatal(err)
	}
	stack := clouds.Stack(t.Context(), both.AWS, name)
	if !stack.There() {
		t.Fatal(stack.Err())
	}
	assets := func() []string {
		t.Helper()
		var found survey
		found.assetsOf(t.Context(), both.AWS, found.readAssets(t.Context(), both.AWS, c.Env, []cfntypes.Stack{stack.Thing}), stack.Thing)
		if len(found.errs) > 0 {
			t.Fatal(found.errs)
		}
		keys := []string{}
		for _, i := range found.items {
			keys = append(keys, i.asset.key)
		}
		return keys
	}
	if got := assets(); len(got) > 0 {
		t.Errorf("without a bucket there are %v", got)
	}
	bucket := "cdk-hnb659fds-assets-" + sandbox.Account + "-" + sandbox.Region
	store := s3.NewFromConfig(both.AWS)
	if _, err := store.CreateBucket(t.Context(), sandboxtest.Bucket(bucket)); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(present))
	current := hex.EncodeToString(sum[:]) + ".json"
	for key, body := range map[string]string{
		current:         present,
		"earlier.json":  template("made", "before"),
		"others.json":   template("other", "now"),
		"nothing.json":  `{"Resources":{}}`,
		"broken.json":   `{`,
		"function.json": `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"made","Code":{"S3Key":"bundle.zip"}}}}}`,
		"bundle.zip":    "zip",
	} {
		if _, err := store.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values([]string{current, "earlier.json"})), assets()); diff != "" {
		t.Errorf("assets (-want +got):\n%s", diff)
	}
	read, err := readTemplate([]byte(`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":{"Ref":"X"}}},"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"made","Code":{"S3Key":"bundle.zip"}}}}}`))
	if err != nil || read.made != "AWS::Lambda::Function made" || len(read.bundles) != 1 || read.bundles[0] != "bundle.zip" {
		t.Errorf("readTemplate() = %+v, %v", read, err)
	}
}
