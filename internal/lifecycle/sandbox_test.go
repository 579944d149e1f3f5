package lifecycle_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

var (
	killEverywhere = flag.Bool("kill-everywhere", false, "kill up and down at every request that changes something, not only once in each step")
	environments   = flag.Int("environments", 3, "how many environments, at least three, go up and down at the same time")
)

// project is the repository, its command line, and local clouds to use it on.
type project struct {
	*rehearsal.Stand
	root, binary string

	identity []string // variables of an identity that commands have, instead of an administrator's
}

// open starts clouds without any environment, and builds the command line.
func open(t *testing.T) project {
	t.Helper()
	return openClouds(t, sandbox.Options{})
}

// openClouds is open with clouds of certain options.
func openClouds(t *testing.T, options sandbox.Options) project {
	t.Helper()
	s, root := rehearsaltest.Open(t, options)
	return project{Stand: s, root: root, binary: rehearsaltest.CommandLine(t, root)}
}

// add writes an environment's file.
func (p project) add(t *testing.T, name string, settings map[string]string) environment.Environment {
	t.Helper()
	env, err := p.Add(name, settings)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// command returns the command line as run in a shell that points at these clouds.
func (p project) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.binary, args...)
	cmd.Dir, cmd.Env = p.root, append(p.ChildEnviron(), p.identity...)
	return cmd
}

// run runs the command line to completion and returns its output.
func (p project) run(args ...string) (stdout, all string, err error) {
	cmd := p.command(args...)
	var out, both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &both
	err = cmd.Run()
	return out.String(), both.String() + out.String(), err
}

// must runs the command line and fails the test if it fails.
func (p project) must(t *testing.T, args ...string) string {
	t.Helper()
	out, all, err := p.run(args...)
	if err != nil {
		t.Fatalf("gcs-to-s3 %s: %v\n%s", strings.Join(args, " "), err, all)
	}
	return out
}

// things lists what both clouds have of an environment, as kind, name and state.
func (p project) things(t *testing.T, env environment.Environment) []string {
	t.Helper()
	clouds, err := p.Clouds(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	items, err := inventory.Of(t.Context(), clouds, env)
	if err != nil {
		t.Fatal(err)
	}
	var things []string
	for _, i := range items {
		if i.Kind == inventory.KindAsset {
			continue // their names are hashes
		}
		state := i.State
		if i.Kind == inventory.KindStack {
			state = strings.TrimPrefix(strings.TrimPrefix(state, "CREATE_"), "UPDATE_")
		}
		things = append(things, fmt.Sprintf("%s %s %s: %s", i.Cloud, i.Kind, i.Name, state))
	}
	return things
}

// standing lists what an environment has when it is up.
func standing(env environment.Environment) []string {
	return []string{
		"Google binding principalSet://iam.googleapis.com/projects/987654321098/locations/global/workloadIdentityPools/" + env.Pool + "/attribute.aws_role/" + env.AssumedRole() + ": granted",
		"Google binding serviceAccount:" + env.ServiceAccountEmail() + ": granted",
		"AWS stack " + env.FunctionStack() + ": COMPLETE",
		"AWS function " + env.Function + ": Active",
		"AWS log group " + env.LogGroup() + ": exists",
		"Google service account " + env.ServiceAccountEmail() + ": ENABLED",
		"Google provider " + env.Pool + "/" + env.Provider + ": ACTIVE",
		"Google workload identity pool " + env.Pool + ": ACTIVE",
		"AWS stack " + env.RoleStack() + ": COMPLETE",
		"AWS role " + env.Role + ": exists",
	}
}

// down lists what an environment leaves behind when it is taken down.
func down(env environment.Environment) []string {
	return []string{
		"Google provider " + env.Pool + "/" + env.Provider + ": DELETED",
		"Google workload identity pool " + env.Pool + ": DELETED",
	}
}

func (p project) is(t *testing.T, env environment.Environment, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, p.things(t, env)); diff != "" {
		t.Errorf("both clouds have (-want +got):\n%s", diff)
	}
}

// copies checks that the function of an environment works.
func (p project) copies(t *testing.T, env environment.Environment) {
	t.Helper()
	out := p.must(t, "invoke", env.Name)
	var answer invocation.Result
	if err := json.Unmarshal([]byte(out), &answer); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the function answers %s", out)
	}
}

// moment is when a command is killed: at a request during a step.
type moment struct {
	step string
	asks string // the operation; empty for any
	nth  int    // of these in the step, starting at 1
}

// The moments at which the commands are killed: the start of each step, between the two
// halves of a stack's deployment, and the start of another's and of each deletion.
var (
	upMoments = []moment{
		{"pulumi up: the federation", "", 1},
		{"cdk deploy: the role and the function", "CreateChangeSet", 1}, // the stack stays in review
		{"cdk deploy: the role and the function", "ExecuteChangeSet", 2},
	}
	downMoments = []moment{
		{"pulumi destroy: the bindings", "", 1},
		{"cdk destroy: the function and the role", "DeleteStack", 1},
		{"pulumi destroy: the federation", "", 1},
		{"cdk destroy: the function and the role", "DeleteStack", 2},
		{"remove leftovers that neither engine tracks", "", 1},
	}
)

// TestLifecycle runs the command line on environments in one pair of clouds.
func TestLifecycle(t *testing.T) {
	longtest.Skip(t)
	p := open(t)
	t.Run("cut off", func(t *testing.T) { testCutOff(t, p) })
	t.Run("coming back", func(t *testing.T) { testComingBack(t, p) })
	t.Run("adopt", func(t *testing.T) { testAdopt(t, p) })
	t.Run("many at once", func(t *testing.T) { testManyAtOnce(t, p) })
	p.leavesNoProcess(t)
}

// leavesNoProcess checks that every started process has ended, including those started
// by a killed command. A plugin checks once a second whether it is still needed.
func (p project) leavesNoProcess(t *testing.T) {
	t.Helper()
	var left map[string]string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if left = p.processes(t); len(left) == 0 {
			return
		}
	}
	for pid, command := range left {
		t.Errorf("the process %s is left: %q", pid, command)
	}
}

// processes returns the processes, by id, that point at these clouds: their
// environment contains the clouds' folder.
func (p project) processes(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		environ, err := os.ReadFile(file) // a process that has ended by now does not count
		if err == nil && bytes.Contains(environ, []byte(p.Dir)) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			found[filepath.Base(filepath.Dir(file))] = string(command)
		}
	}
	return found
}

// testCutOff kills up in each of its steps, and then down, as a power cut and as
// Ctrl-C would; the next run continues.
func testCutOff(t *testing.T, p project) {
	env := p.add(t, "sandbox-killed", map[string]string{"suffix": "-killed"})
	if *killEverywhere {
		p.killEverywhere(t, env)
		return
	}
	for i, m := range upMoments {
		p.kill(t, m, "up", env.Name, "--yes")
		if m.asks == "CreateChangeSet" {
			p.inReview(t, env)
		}
		if i == 0 || m.step != upMoments[i-1].step {
			p.interrupt(t, m.step, "up", env.Name, "--yes")
		}
	}
	p.must(t, "up", env.Name, "--yes")
	p.is(t, env, standing(env))
	p.copies(t, env)
	for _, m := range downMoments {
		p.kill(t, m, "down", env.Name, "--yes")
	}
	p.must(t, "down", env.Name, "--yes")
	p.is(t, env, down(env))
}

// inReview checks that a stack of which nothing was deployed is listed, and that down
// removes it.
func (p project) inReview(t *testing.T, env environment.Environment) {
	t.Helper()
	if things := p.things(t, env); !slices.Contains(things, "AWS stack "+env.RoleStack()+": REVIEW_IN_PROGRESS") {
		t.Errorf("both clouds have %v", things)
	}
	if out := p.must(t, "status", env.Name); !strings.Contains(out, "REVIEW_IN_PROGRESS") {
		t.Errorf("status prints\n%s", out)
	}
	if out := p.must(t, "doctor", env.Name); !strings.Contains(out, env.RoleStack()+" was never deployed and holds nothing") {
		t.Errorf("doctor prints\n%s", out)
	}
	p.must(t, "down", env.Name, "--yes")
	if left := more(p.things(t, env)); len(left) > 0 {
		t.Errorf("after down both clouds have %v", left)
	}
}

// kill starts the command line and kills it at a moment. If the step never reaches it,
// because its work was done before the last kill, the command runs to its end.
func (p project) kill(t *testing.T, at moment, args ...string) {
	t.Helper()
	begun := make(chan struct{})
	cmd := p.command(args...)
	var once sync.Once
	var printed bytes.Buffer
	cmd.Stderr = writer(func(text []byte) {
		printed.Write(text)
		if bytes.Contains(printed.Bytes(), []byte("… "+at.step)) {
			once.Do(func() { close(begun) })
		}
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("gcs-to-s3 %s ended before it came to %q: %v\n%s", strings.Join(args, " "), at.step, err, printed.String())
	}
	asked := make(chan struct{}, 1)
	these := 0
	stop := p.Sandbox.Journal.Follow(p.Sandbox.Journal.Position(), func(e journal.Entry) {
		if at.asks != "" && e.Operation != at.asks {
			return
		}
		if these++; these == at.nth {
			asked <- struct{}{}
		}
	})
	defer stop()
	select {
	case <-asked:
		_ = cmd.Process.Kill() // it may just have ended
		<-ended
	case <-ended:
	}
}

// killEverywhere kills up, and then down, at each of the mutating requests of an
// undisturbed command, and then runs it again.
func (p project) killEverywhere(t *testing.T, env environment.Environment) {
	for _, verb := range []string{"up", "down"} {
		p.prepare(t, verb, env)
		from := p.Sandbox.Journal.Position()
		p.must(t, verb, env.Name, "--yes")
		changes := len(changing(p.Sandbox.Journal.Since(from)))
		t.Logf("%s makes %d requests that change something", verb, changes)
		for n := 1; n <= changes; n++ {
			p.prepare(t, verb, env)
			what := p.killAt(t, n, verb, env.Name, "--yes")
			p.must(t, verb, env.Name, "--yes")
			want := standing(env)
			if verb == "down" {
				want = down(env)
			}
			if diff := cmp.Diff(want, p.things(t, env)); diff != "" {
				t.Errorf("%s, killed at request %d, %s: both clouds have (-want +got):\n%s", verb, n, what, diff)
			}
			if verb != "up" {
				continue
			}
			p.copies(t, env)
			// And the way back from the same place.
			p.prepare(t, verb, env)
			p.killAt(t, n, verb, env.Name, "--yes")
			p.must(t, "down", env.Name, "--yes")
			if left := more(p.things(t, env)); len(left) > 0 {
				t.Errorf("up, killed at request %d, %s, and then down: both clouds have %v", n, what, left)
			}
		}
	}
	p.must(t, "down", env.Name, "--yes")
}

// more are the things that are more than names that Google keeps.
func more(things []string) []string {
	return slices.DeleteFunc(things, func(thing string) bool { return strings.HasSuffix(thing, ": DELETED") })
}

// prepare puts the environment into a state in which the command has work to do.
func (p project) prepare(t *testing.T, verb string, env environment.Environment) {
	t.Helper()
	if verb == "up" {
		p.must(t, "down", env.Name, "--yes")
		return
	}
	p.must(t, "up", env.Name, "--yes")
}

// reading are the prefixes of operations that change nothing.
var reading = []string{"Get", "List", "Describe", "Head", "AssumeRole", "Validate", "storage.buckets.get", "storage.objects.get", "storage.objects.list"}

func changing(entries []journal.Entry) []journal.Entry {
	return slices.DeleteFunc(entries, func(e journal.Entry) bool {
		name := e.Operation[strings.LastIndex(e.Operation, ".")+1:]
		return slices.ContainsFunc(reading, func(prefix string) bool {
			return strings.HasPrefix(e.Operation, prefix) || strings.HasPrefix(name, strings.ToLower(prefix))
		})
	})
}

// killAt kills the command at its n-th mutating request.
func (p project) killAt(t *testing.T, n int, args ...string) (what string) {
	t.Helper()
	cmd := p.command(args...)
	reached := make(chan string, 1)
	changed := 0
	stop := p.Sandbox.Journal.Follow(p.Sandbox.Journal.Position(), func(e journal.Entry) {
		if len(changing([]journal.Entry{e})) == 0 {
			return
		}
		if changed++; changed == n {
			reached <- e.Service + " " + e.Operation
		}
	})
	defer stop()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case what = <-reached:
		_ = cmd.Process.Kill()
		<-ended
	case <-ended:
		what = "the end"
	}
	return what
}

// writer passes on what is written to it.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// interrupt interrupts the command line in a step as Ctrl-C does; its output must
// say how to continue.
func (p project) interrupt(t *testing.T, step string, args ...string) {
	t.Helper()
	cmd := p.command(args...)
	var printed bytes.Buffer
	var once sync.Once
	cmd.Stderr = writer(func(text []byte) {
		printed.Write(text)
		if bytes.Contains(printed.Bytes(), []byte("… "+step)) {
			once.Do(func() { _ = cmd.Process.Signal(syscall.SIGINT) })
		}
	})
	err := cmd.Run()
	if want := "interrupted; to continue: gcs-to-s3 " + args[0] + " " + args[1]; err == nil || !strings.Contains(printed.String(), want) {
		t.Errorf("interrupted in %q: %v\n%s\nwant %q", step, err, printed.String(), want)
	}
}

// testComingBack takes an environment down and brings it up again under the same
// names, which Google keeps, with the command line and with the engines' own.
func testComingBack(t *testing.T, p project) {
	env := p.add(t, "sandbox-back", map[string]string{"suffix": "-back"})
	before := p.assets(t)
	p.must(t, "up", env.Name, "--yes")
	p.locked(t, env)
	p.change(t, env, "timeoutSeconds", "60", "61") // a second deployment, with its own files
	p.spoil(t, env)
	p.must(t, "up", env.Name, "--yes")
	p.is(t, env, standing(env))
	p.copies(t, env)
	p.must(t, "doctor", env.Name)
	shown := p.shows(t, "down", env.Name, "--yes")
	for _, item := range standing(env) {
		words := strings.Fields(item) // cloud, kind, name and state
		if name := strings.TrimSuffix(words[len(words)-2], ":"); !strings.Contains(shown, name) {
			t.Errorf("down does not show %s before it removes it:\n%s", name, shown)
		}
	}
	p.is(t, env, down(env))
	if diff := cmp.Diff(before, p.assets(t)); diff != "" {
		t.Errorf("files in the CDK's bucket (-before +after):\n%s", diff)
	}
	p.must(t, "down", env.Name, "--yes") // nothing is there: not an error
	p.makeLogs(t, env)                   // as Lambda does for a function of that name
	p.must(t, "up", env.Name, "--yes")
	p.is(t, env, standing(env))
	p.copies(t, env)

	native := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("sh", append([]string{"-c", `pulumi "$@"`, "sh"}, args...)...)
		cmd.Dir, cmd.Env = p.root, append(p.ChildEnviron(), "PULUMI_STACK="+env.Name)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("pulumi %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	native("destroy", "--yes", "--skip-preview", "--non-interactive")
	if out := native("preview", "--non-interactive"); !strings.Contains(out, "the workload identity pool "+env.Pool+" is deleted; an update undeletes it") {
		t.Errorf("a preview does not tell that the pool is deleted:\n%s", out)
	}
	if out := native("up", "--yes", "--skip-preview", "--non-interactive"); !strings.Contains(out, "2 imported") {
		t.Errorf("pulumi up does not say that it takes over what was deleted:\n%s", out)
	}
	p.is(t, env, standing(env))
	p.copies(t, env)
	p.must(t, "down", env.Name, "--yes")
}

// spoil removes and changes things outside of both engines: the service account and its
// grants are gone, the provider admits another role, the role is gone, and the function
// has other settings.
func (p project) spoil(t *testing.T, env environment.Environment) {
	t.Helper()
	admin := p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin())
	roles := awsiam.NewFromConfig(admin)
	policies, err := roles.ListRolePolicies(t.Context(), &awsiam.ListRolePoliciesInput{RoleName: &env.Role})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range policies.PolicyNames {
		if _, err := roles.DeleteRolePolicy(t.Context(), &awsiam.DeleteRolePolicyInput{RoleName: &env.Role, PolicyName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := roles.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: &env.Role}); err != nil {
		t.Fatal(err)
	}
	if _, err := lambda.NewFromConfig(admin).UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &env.Function, MemorySize: aws.Int32(192), Environment: &types.Environment{}}); err != nil {
		t.Fatal(err)
	}
	both, err := p.Clouds(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := both.Google.IAM.Projects.ServiceAccounts.Delete(both.Google.ServiceAccount()).Do(); err != nil {
		t.Fatal(err)
	}
	op, err := both.Google.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Patch(both.Google.Provider(), &iam.WorkloadIdentityPoolProvider{AttributeCondition: "attribute.aws_role == 'another'"}).
		UpdateMask("attributeCondition").
		Do()
	if err := both.Google.Wait(t.Context(), op, err); err != nil {
		t.Fatal(err)
	}
}

// makeLogs makes an empty log group of the function's name.
func (p project) makeLogs(t *testing.T, env environment.Environment) {
	t.Helper()
	client := cloudwatchlogs.NewFromConfig(p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin()))
	if _, err := client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(env.LogGroup())}); err != nil {
		t.Fatal(err)
	}
}

// shows runs the command line and returns everything it prints.
func (p project) shows(t *testing.T, args ...string) string {
	t.Helper()
	_, all, err := p.run(args...)
	if err != nil {
		t.Fatalf("gcs-to-s3 %s: %v\n%s", strings.Join(args, " "), err, all)
	}
	return all
}

// testManyAtOnce brings several environments up in parallel in one account
// and project, and takes them down: by hand, when they expire, and when
// their files are gone.
func testManyAtOnce(t *testing.T, p project) {
	past := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	var all []environment.Environment
	for n := range *environments {
		settings := map[string]string{"suffix": fmt.Sprintf("-pr-%d", n), "owner": "alice", "expires": past}
		if n >= 2 {
			settings["expires"] = "2099-12-31"
		}
		all = append(all, p.add(t, fmt.Sprintf("sandbox-pr-%d", n), settings))
	}
	expired, lost, lasting := all[0], all[1], all[2:]
	atOnce := func(verb string, envs []environment.Environment) {
		t.Helper()
		var group sync.WaitGroup
		for _, env := range envs {
			group.Go(func() {
				if _, out, err := p.run(verb, env.Name, "--yes"); err != nil {
					t.Errorf("%s %s: %v\n%s", verb, env.Name, err, out)
				}
			})
		}
		group.Wait()
	}
	atOnce("up", all)
	type listed struct {
		Environment, Owner string
		File               bool
	}
	var list []listed
	if err := json.Unmarshal([]byte(p.must(t, "list", lasting[0].Name, "--json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, env := range all {
		p.is(t, env, standing(env))
		p.copies(t, env)
		if !slices.Contains(list, listed{env.Name, "alice", true}) {
			t.Errorf("the list lacks %s: %+v", env.Name, list)
		}
	}
	if err := os.Remove(filepath.Join(p.root, environment.FileName(lost.Name))); err != nil {
		t.Fatal(err)
	}
	if out := p.must(t, "prune", lasting[0].Name, "--dry-run"); !strings.Contains(out, expired.Name) || !strings.Contains(out, lost.Name) || strings.Contains(out, lasting[0].Name) {
		t.Errorf("prune --dry-run prints\n%s", out)
	}
	if _, out, err := p.run("prune", lasting[0].Name); err == nil || !strings.Contains(out, "cannot ask for confirmation: stdin is not a terminal; pass --yes") {
		t.Errorf("prune without an answer: %v\n%s", err, out)
	}
	p.must(t, "prune", lasting[0].Name, "--yes")
	p.is(t, expired, down(expired))
	p.is(t, lost, down(lost))
	if out := p.must(t, "prune", lasting[0].Name, "--yes"); !strings.Contains(out, "No environment has expired.") {
		t.Errorf("a second time it prints %s", out)
	}
	for _, env := range lasting {
		p.is(t, env, standing(env))
	}
	atOnce("down", lasting)
	for _, env := range lasting {
		p.is(t, env, down(env))
	}
}

// assets lists the files in the CDK's bucket.
func (p project) assets(t *testing.T) []string {
	t.Helper()
	client := s3.NewFromConfig(p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin()))
	out, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("cdk-hnb659fds-assets-123456789012-ap-northeast-1")})
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, object := range out.Contents {
		keys = append(keys, *object.Key)
	}
	return keys
}

// change changes a setting in an environment's file.
func (p project) change(t *testing.T, env environment.Environment, key, from, to string) {
	t.Helper()
	file := filepath.Join(p.root, environment.FileName(env.Name))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`(:`+key+`: "?)`+from).ReplaceAll(data, []byte("${1}"+to))
	if bytes.Equal(changed, data) {
		t.Fatalf("%s has no %s that is %s:\n%s", file, key, from, data)
	}
	if err := os.WriteFile(file, changed, 0o644); err != nil {
		t.Fatal(err)
	}
}

// locked meets a lock held by a living process, and one left by a dead process.
func (p project) locked(t *testing.T, env environment.Environment) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	lock := func(pid int) string {
		t.Helper()
		file := filepath.Join(p.Dir, "state", ".pulumi", "locks", "organization", "gcs-to-s3", env.Name, "0000.json")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, fmt.Appendf(nil, `{"pid":%d,"username":"alice","hostname":%q,"timestamp":"2026-11-25T09:00:00Z"}`, pid, host), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	held := lock(os.Getpid())
	_, out, err := p.run("up", env.Name, "--yes")
	if want := fmt.Sprintf("the state is locked: alice@%s (process %d) has been changing it since 2026-11-25 09:00:00", host, os.Getpid()); err == nil || !strings.Contains(out, want) || !strings.Contains(out, "pulumi cancel --stack "+env.Name) {
		t.Errorf("under a lock: %v\n%s\nwant %q", err, out, want)
	}
	if _, err := os.Stat(held); err != nil {
		t.Errorf("the lock of a living process: %v", err)
	}
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	lock(ended.Process.Pid)
	p.must(t, "up", env.Name, "--yes")
}
