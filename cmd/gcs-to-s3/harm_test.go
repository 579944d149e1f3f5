package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/lifecycle"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// pulumi stands in for the command line of that name: it has a stack if there is a state,
// and writes what it is told to do into a file.
const pulumi = `#!/bin/sh
case "$*" in
"stack export"*) if [ -s %[1]s/state.json ]; then cat %[1]s/state.json; else echo "error: no stack named '%[2]s' found" >&2; exit 255; fi ;;
*) echo "pulumi $*" >> %[1]s/log ;;
esac
`

const cdk = `#!/bin/sh
echo "cdk $*" >> %[1]s/log
`

// open opens an environment with engines that only write down what they are told to do,
// and the state that pulumi has of it.
func open(t *testing.T, name, state string) deployment {
	t.Helper()
	env, err := environmentOf([]string{name}, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	both, err := openClouds(t.Context(), env, os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for file, text := range map[string]string{"pulumi": fmt.Sprintf(pulumi, root, name), "cdk": fmt.Sprintf(cdk, root), "state.json": state} {
		scripttest.Write(t, filepath.Join(root, file), text)
	}
	return deployment{
		lifecycle.New(root, env, filepath.Join(root, "cdk"), filepath.Join(root, "pulumi"), os.Environ(), both, progress.Plain(io.Discard)),
	}
}

// down takes an environment down, and returns what it shows before, what is left, and what
// the engines were told to do.
func (d deployment) down(t *testing.T) (shown string, left []inventory.Item, told string, err error) {
	t.Helper()
	found, err := d.Survey(t.Context())
	if err != nil {
		return "", nil, "", err
	}
	var b strings.Builder
	d.show(&b, found.Items)
	_, left, err = d.takeDown(t.Context(), found)
	log, _ := os.ReadFile(filepath.Join(d.Root, "log")) // none if they were told nothing
	return b.String(), left, string(log), err
}

// add writes an environment's file with settings besides those of another file.
func add(t *testing.T, name, from string, settings map[string]string) {
	t.Helper()
	data, err := os.ReadFile(environment.FileName(from))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range settings {
		data = fmt.Appendf(data, "  gcs-to-s3:%s: %q\n", key, value)
	}
	if err := os.WriteFile(environment.FileName(name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// reading are the prefixes of the names of requests that change nothing.
var reading = []string{"Get", "List", "Describe", "Head", "Simulate", "get", "list", "testIamPermissions"}

// changes are the requests from a moment on that change something.
func changes(c *integration.Clouds, from int) []string {
	var out []string
	for _, e := range c.Journal.Entries()[from:] {
		name := e.Operation[strings.LastIndex(e.Operation, ".")+1:]
		if !slices.ContainsFunc(reading, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			out = append(out, e.Service+" "+e.Operation)
		}
	}
	return out
}

// TestDownOfAnotherFile: an environment whose file names what another one has removes
// nothing, and says whose it is.
func TestDownOfAnotherFile(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.DeployStacks(t, c.Env.Mark())
	inProject(t, c)
	add(t, "other", c.Env.Name, nil)
	from := len(c.Journal.Entries())
	shown, left, told, err := open(t, "other", "").down(t)
	if err != nil || told != "" {
		t.Errorf("down: %v; the engines were told %q", err, told)
	}
	if got := changes(c, from); len(got) > 0 {
		t.Errorf("it makes the requests %v", got)
	}
	for _, want := range []string{"The environment other has nothing to remove.", "Not this environment's, and left alone:", c.Env.ServiceAccountEmail() + "  (belongs to the environment test)", "/aws/lambda/gcs-to-s3  (belongs to the environment test)"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it shows\n%s\nwithout %q", shown, want)
		}
	}
	if len(inventory.Left(left)) > 0 || len(left) == 0 {
		t.Errorf("left are %v", left)
	}
}

// TestDownOfHandMadeThings: what nobody here made is not removed, whatever a file says.
func TestDownOfHandMadeThings(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	inProject(t, c)
	project := "/v1/projects/" + c.Env.GoogleProject
	c.Call(t, "POST", project+"/serviceAccounts", map[string]any{"accountId": "prod-reader"}, nil)
	c.Call(
		t,
		"POST",
		project+"/locations/global/workloadIdentityPools?workloadIdentityPoolId=company-pool",
		map[string]any{"description": "ours since 2019"},
		nil,
	)
	c.BindBucket(
		t,
		c.Env.SourceBucket,
		"roles/storage.objectAdmin",
		"serviceAccount:prod-reader@"+c.Env.GoogleProject+".iam.gserviceaccount.com",
	)
	d := open(t, c.Env.Name, "")
	if _, err := cloudwatchlogs.NewFromConfig(d.Clouds.AWS).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/aws/lambda/their-function")}); err != nil {
		t.Fatal(err)
	}
	add(
		t,
		"mine",
		c.Env.Name,
		map[string]string{"suffix": "-mine", "serviceAccount": "prod-reader", "pool": "company-pool", "function": "their-function"},
	)
	from := len(c.Journal.Entries())
	shown, _, told, err := open(t, "mine", "").down(t)
	if got := changes(c, from); err != nil || told != "" || len(got) > 0 {
		t.Errorf("down: %v; it makes the requests %v; the engines were told %q", err, got, told)
	}
	for _, want := range []string{"prod-reader@demo-project.iam.gserviceaccount.com  (carries no mark", "company-pool  (carries no mark", "/aws/lambda/their-function  (carries no mark", "serviceAccount:prod-reader@demo-project.iam.gserviceaccount.com  (carries no mark"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it shows\n%s\nwithout %q", shown, want)
		}
	}
}

// TestDownWithTheStateOfAnotherFolder: project folders can share Pulumi's backend, and
// with it the stack of environments of one name.
func TestDownWithTheStateOfAnotherFolder(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.DeployStacks(t, c.Env.Mark())
	inProject(t, c)
	state := func(mark environment.Mark, project string) string {
		return fmt.Sprintf(
			`{"deployment":{"resources":[{"urn":"urn:pool","type":"gcp:iam/workloadIdentityPool:WorkloadIdentityPool","id":"projects/%s/locations/global/workloadIdentityPools/aws-connect","custom":true,
			"inputs":{"project":%[1]q,"description":"Admits AWS account 123456789012 %s"}}]}}`,
			project,
			mark,
		)
	}
	for what, content := range map[string]string{
		"of another environment": state(environment.Mark{Environment: c.Env.Name, ID: "0123456789ab"}, c.Env.GoogleProject),
		"of another project":     state(c.Env.Mark(), "another-project"),
	} {
		from := len(c.Journal.Entries())
		_, _, told, err := open(t, c.Env.Name, content).down(t)
		if err == nil || !strings.Contains(err.Error(), "the state of the Pulumi stack test is that of another environment") ||
			told != "" ||
			len(changes(c, from)) > 0 {
			t.Errorf("with the state %s: %v; the engines were told %q", what, err, told)
		}
	}
}

// TestDownOfWhatWasMadeAgain: Pulumi's state says the name of a service account that
// somebody else made again. Pulumi is made to forget it before it destroys the rest.
func TestDownOfWhatWasMadeAgain(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.DeployStacks(t, c.Env.Mark())
	inProject(t, c)
	state := fmt.Sprintf(
		`{"deployment":{"resources":[{"urn":"urn:account","type":"gcp:serviceaccount/account:Account","id":"projects/demo-project/serviceAccounts/%s","custom":true,
		"inputs":{"project":"demo-project"},"outputs":{"email":%[1]q,"uniqueId":"1"}}]}}`,
		c.Env.ServiceAccountEmail(),
	)
	path := "/v1/projects/" + c.Env.GoogleProject + "/serviceAccounts/" + c.Env.ServiceAccountEmail()
	c.Call(t, "PATCH", path, map[string]any{"serviceAccount": map[string]any{"description": "theirs"}, "updateMask": "description"}, nil)
	_, _, told, _ := open(t, c.Env.Name, state).down(t) // this cdk destroys nothing, so that something is left
	lines := strings.Split(strings.TrimSpace(told), "\n")
	if len(lines) < 3 || !strings.HasPrefix(lines[0], "pulumi state delete urn:account") || !strings.Contains(told, "pulumi destroy") ||
		!strings.Contains(told, "cdk destroy") {
		t.Errorf("the engines were told\n%s", told)
	}
	c.Call(t, "GET", path, nil, nil)
}

// TestDownRemovesOnlyWhatItHasShown: what appears after the question stays, and is said to
// be left.
func TestDownRemovesOnlyWhatItHasShown(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.Mark(t, c.Env.Mark())
	inProject(t, c)
	d := open(t, c.Env.Name, "")
	found, err := d.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	d.show(&shown, found.Items)
	member := c.PrincipalSet("arn:aws:sts::123456789012:assumed-role/late")
	c.BindBucket(t, c.Env.SourceBucket, "roles/storage.objectViewer", member)
	_, left, err := d.takeDown(t.Context(), found)
	if err == nil || !strings.Contains(err.Error(), member) || strings.Contains(shown.String(), member) {
		t.Errorf("down: %v, after it has shown\n%s", err, shown.String())
	}
	for _, i := range found.Items {
		if !strings.Contains(shown.String(), i.Name) {
			t.Errorf("it does not show %s by its whole name:\n%s", i, shown.String())
		}
	}
	if !slices.ContainsFunc(left, func(i inventory.Item) bool { return i.Name == member && i.State == "granted" }) {
		t.Errorf("left are %v", left)
	}
}

// TestDownOfAProtectedStack: termination protection is looked at before anything is
// changed.
func TestDownOfAProtectedStack(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.DeployStacks(t, c.Env.Mark())
	inProject(t, c)
	d := open(t, c.Env.Name, "")
	if _, err := cloudformation.NewFromConfig(d.Clouds.AWS).UpdateTerminationProtection(t.Context(), &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String(c.Env.FunctionStack()), EnableTerminationProtection: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	from := len(c.Journal.Entries())
	shown, _, told, err := d.down(t)
	if err == nil ||
		!strings.Contains(
			err.Error(),
			"the stack gcs-to-s3-test-function has termination protection; hint: `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name gcs-to-s3-test-function`",
		) {
		t.Errorf("down: %v", err)
	}
	if got := changes(c, from); told != "" || len(got) > 0 || !strings.Contains(shown, "with termination protection") {
		t.Errorf("it makes the requests %v, tells the engines %q, and shows\n%s", got, told, shown)
	}
}

// TestDriftOutsideOfCloudFormation: what was changed with other commands is found by
// looking, though neither engine remembers anything else.
func TestDriftOutsideOfCloudFormation(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.DeployStacks(t, c.Env.Mark())
	inProject(t, c)
	d := open(t, c.Env.Name, "")
	differ := func() []string {
		t.Helper()
		report, err := d.doctor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, drift := range outside(report) {
			out = append(out, drift.What)
		}
		return out
	}
	before := differ() // this stack's function has the settings of every choice
	role := iam.NewFromConfig(d.Clouds.AWS)
	if _, err := role.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{
		RoleName: &c.Env.Role, PolicyName: aws.String("write-destination"),
	}); err != nil {
		t.Fatal(err)
	}
	after := differ()
	if slices.Contains(before, "the role can write") || !slices.Contains(after, "the role can write") {
		t.Errorf("before %q, and without the policy %q", before, after)
	}
}

// TestPruneOfForgedMarks: tags and descriptions that somebody put on his own things make
// no environment of them.
func TestPruneOfForgedMarks(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	inProject(t, c)
	expired := environment.Mark{Environment: "production", ID: "0123456789ab", Expires: c.Now().AddDate(-1, 0, 0)}
	queue := `{"Resources":{"Invoices":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"invoices"}}}}`
	c.MakeStack(t, "billing-production", queue, expired)
	old := expired
	old.ID = "" // as somebody types it
	c.MakeStack(t, "gcs-to-s3-production-function", strings.ReplaceAll(queue, "invoices", "orders"), old)
	project := "/v1/projects/" + c.Env.GoogleProject
	c.Call(
		t,
		"PATCH",
		project+"/serviceAccounts/"+c.Env.ServiceAccountEmail(),
		map[string]any{"serviceAccount": map[string]any{"description": "Production " + expired.String()}, "updateMask": "description"},
		nil,
	)
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=description", map[string]any{"description": expired.String()}, nil)
	from := len(c.Journal.Entries())
	out, err := execute("prune", "--yes")
	if got := changes(c, from); err != nil || len(got) > 0 {
		t.Errorf("prune: %v; it makes the requests %v", err, got)
	}
	for _, want := range []string{"No environment has expired.", "billing-production  (carries the environment's mark, but its name is not that of a stack of the environment production)",
		"gcs-to-s3-production-function  (carries the environment's mark, but its template has Invoices of the type AWS::SQS::Queue",
		c.Env.ServiceAccountEmail() + "  (carries the environment's mark, but its description was not written by this program)", "aws-connect  (carries the environment's mark, but"} {
		if !strings.Contains(out, want) {
			t.Errorf("it prints\n%s\nwithout %q", out, want)
		}
	}
	if out, err := execute("list"); err != nil || !strings.Contains(out, "No environments found.") ||
		!strings.Contains(out, "billing-production") {
		t.Errorf("list: %v\n%s", err, out)
	}
}

// TestPruneNeedsBothClouds: stacks with the form of an environment's, whose tags alone say
// so, are not removed; and neither is Google's side of an environment whose stacks are
// in another account or region.
func TestPruneNeedsBothClouds(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.Env.Name, c.Env.Suffix, c.Env.Expires = "pr-7", "-pr-7", "2020-01-01"
	c.DeployStacks(t, c.Env.Mark())
	name := c.Env.Name
	c.Env.Name = "test"
	inProject(t, c)
	c.Env.Name = name
	disagree := func(what, want string) {
		t.Helper()
		from := len(c.Journal.Entries())
		_, err := execute("prune", "--yes")
		if got := changes(c, from); err == nil || !strings.Contains(err.Error(), want) || len(got) > 0 {
			t.Errorf("%s: prune: %v, want %q; it makes the requests %v", what, err, want, got)
		}
	}
	project := "/v1/projects/" + c.Env.GoogleProject
	describe := func(role, account string) {
		t.Helper()
		mark := c.Env.Mark().String()
		c.Call(
			t,
			"PATCH",
			project+"/serviceAccounts/"+c.Env.ServiceAccountEmail(),
			map[string]any{
				"serviceAccount": map[string]any{"description": "Read by the AWS role " + role + " " + mark},
				"updateMask":     "description",
			},
			nil,
		)
		c.Call(
			t,
			"PATCH",
			c.PoolPath()+"?updateMask=description",
			map[string]any{"description": "Admits AWS account " + account + " " + mark},
			nil,
		)
	}
	describe(c.Env.Role, "210987654321")
	disagree("another account", "Google's side admits the AWS account 210987654321")
	describe("another", c.Env.AWSAccount)
	c.Call(
		t,
		"PATCH",
		c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=attributeCondition",
		map[string]any{"attributeCondition": "attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/another'"},
		nil,
	)
	disagree("another role", "AWS has the role gcs-to-s3-role, which Google's side does not admit")

	mark := c.Env.Mark()
	c.Call(
		t,
		"PATCH",
		project+"/serviceAccounts/"+c.Env.ServiceAccountEmail(),
		map[string]any{"serviceAccount": map[string]any{"description": ""}, "updateMask": "description"},
		nil,
	)
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=description", map[string]any{"description": ""}, nil)
	disagree("nothing on Google's side", "Google Cloud has nothing with its mark")
	c.Mark(t, mark)

	var expired []struct{ Environment string }
	out, err := execute("prune", "--dry-run", "--json")
	if err != nil || json.Unmarshal([]byte(out), &expired) != nil || len(expired) != 1 || expired[0].Environment != name {
		t.Errorf("prune --dry-run: %v\n%s", err, out)
	}
	c.Call(
		t,
		"PATCH",
		c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=attributeCondition",
		map[string]any{"attributeCondition": "attribute.aws_role == '" + c.Env.AssumedRole() + "'"},
		nil,
	)
	// Pulumi has a state of it, which goes with it.
	dir := t.TempDir()
	state := fmt.Sprintf(
		`{"deployment":{"resources":[{"urn":"urn:pool","type":"gcp:iam/workloadIdentityPool:WorkloadIdentityPool","id":"x","custom":true,"inputs":{"project":"demo-project","description":"Admits AWS account 123456789012 %s"}}]}}`,
		mark,
	)
	for file, text := range map[string]string{"pulumi": fmt.Sprintf(pulumi, dir, name), "pulumi-language-go": "#!/bin/sh\n", "state.json": state} {
		scripttest.Write(t, filepath.Join(dir, file), text)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := execute("prune", "--yes"); err != nil || !strings.Contains(out, "pr-7 is gone.") {
		t.Errorf("where both agree: %v\n%s", err, out)
	}
	if log, err := os.ReadFile(filepath.Join(dir, "log")); err != nil || !strings.HasPrefix(string(log), "pulumi stack rm pr-7 --force") {
		t.Errorf("Pulumi was told %q, %v", log, err)
	}
	if out, err := execute("prune", "--yes"); err != nil || out != "No environment has expired.\n" {
		t.Errorf("a second time: %v\n%s", err, out)
	}
}
