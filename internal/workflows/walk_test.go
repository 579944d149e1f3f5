package workflows

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/oidc"
)

// walk runs the workflows of the repository in local clouds.
type walk struct {
	*github
	runner      *Runner
	environment Workflow
	prune       Workflow
	vars        Context
}

func open(t *testing.T) walk {
	t.Helper()
	issuer, err := oidc.NewIssuer(issuerURL)
	if err != nil {
		t.Fatal(err)
	}
	s, root := rehearsaltest.Open(t, sandbox.Options{Web: issuer})
	w := walk{github: connect(t, s.Sandbox, issuer, s.Env)}
	w.grant(t, s.Env.SourceBucket)
	for name, workflow := range map[string]*Workflow{"environment": &w.environment, "prune": &w.prune} {
		if *workflow, err = Read(filepath.Join(root, ".github", "workflows", name+".yml")); err != nil {
			t.Fatal(err)
		}
	}
	w.vars = Context{
		"vars.AWS_ACCOUNT": sandbox.Account, "vars.AWS_REGION": sandbox.Region, "vars.AWS_ROLE": "arn:aws:iam::" + sandbox.Account + ":role/" + roleName,
		"vars.GOOGLE_PROJECT": sandbox.Project, "vars.GOOGLE_PROVIDER": w.provider, "vars.GOOGLE_SERVICE_ACCOUNT": w.account,
		"vars.SOURCE_BUCKET": s.Env.SourceBucket, "vars.DESTINATION_BUCKET": s.Env.DestinationBucket,
		"vars.PULUMI_BACKEND_URL": "s3://" + stateBucket + "?region=" + sandbox.Region + "&endpoint=" + strings.TrimPrefix(s.Sandbox.AWSURL, "http://") + "&disableSSL=true&s3ForcePathStyle=true",
	}
	path := variable(s.Environ, "PATH")
	w.runner = &Runner{
		Environ: machine(t, s.Environ), Patience: 100 * time.Millisecond, After: w.point(string(s.Env.Architecture)),
		Actions: w.actions(root, strings.TrimSuffix(path, ":"+os.Getenv("PATH")), filepath.Join(s.Dir, "pulumi", "plugins")),
	}
	return w
}

func variable(environ []string, name string) string {
	for _, pair := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// machine are the variables of a runner: no credentials and no state, but what it
// has in caches, and the addresses of the local AWS, for which every client has a variable.
func machine(t *testing.T, stand []string) []string {
	t.Helper()
	own := regexp.MustCompile(`^(AWS_(ACCESS|SECRET|REGION|DEFAULT)|PULUMI_(HOME|BACKEND|CONFIG|STACK)|GOOGLE_|CLOUDSDK_|PATH=)`)
	out := slices.DeleteFunc(slices.Clone(stand), own.MatchString)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, "PATH="+os.Getenv("PATH"), "XDG_CACHE_HOME="+cache, "GOPROXY=off", "TMPDIR="+os.Getenv("TMPDIR"), "USER=runner")
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		value, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, name+"="+strings.TrimSpace(string(value)))
	}
	return out
}

// pull is an event of a pull request from a repository.
func (w walk) pull(number, action, from, author string) Event {
	c := Context{
		"github.event.number": number, "github.event.pull_request.head.repo.full_name": from, "github.event.pull_request.user.login": author,
		"github.repository": ours.full(), "github.actor": author,
	}
	for name, value := range w.vars {
		c[name] = value
	}
	e := Event{Name: "pull_request", Action: action, Context: c}
	if from == ours.full() { // a fork's token is read-only: GitHub Docs, "Events that trigger workflows", pull_request
		e.Claims = map[string]any{"event_name": "pull_request", "ref": "refs/pull/" + number + "/merge"}
	}
	return e
}

// night is the nightly event.
func (w walk) night() Event {
	c := Context{"github.repository": ours.full(), "github.actor": "alice"}
	for name, value := range w.vars {
		c[name] = value
	}
	return Event{Name: "schedule", Context: c, Claims: map[string]any{"event_name": "schedule", "ref": "refs/heads/main"}}
}

// must runs a workflow that has to succeed.
func (w walk) must(t *testing.T, workflow Workflow, e Event) Result {
	t.Helper()
	got := w.runner.Run(t.Context(), workflow, e)
	if got.Skipped || got.Err != nil {
		t.Fatalf("%s for %s %s: skipped %v, %v", workflow.Name, e.Name, e.Action, got.Skipped, got.Err)
	}
	return got
}

// TestPullRequests walks through the life of pull requests.
func TestPullRequests(t *testing.T) {
	longtest.Skip(t)
	w := open(t)
	push := w.pull("7", "synchronize", ours.full(), "alice")

	w.cancelled(t, w.pull("7", "opened", ours.full(), "alice"), "iam.projects.locations.workloadIdentityPools.create")
	w.age(t, 10*time.Minute)
	if got := w.runner.Run(t.Context(), w.environment, push); got.Err == nil || !strings.Contains(got.Err.Error(), "the state is locked: runner@fv-az1") {
		t.Errorf("a push ten minutes after the cancelled job: %v", got.Err)
	}
	w.age(t, 61*time.Minute)
	if out := w.must(t, w.environment, push).Step("up").Output; !strings.Contains(out, "The environment pr-7 is up.") {
		t.Errorf("up prints\n%s", out)
	}
	w.standing(t, true)
	if out := w.must(t, w.prune, w.night()).Step("gcs-to-s3 prune --yes --unlock-after 1h").Output; !strings.Contains(out, "No environment has expired.") {
		t.Errorf("prune prints\n%s", out)
	}

	w.expire(t)
	if out := w.must(t, w.prune, w.night()).Step("gcs-to-s3 prune --yes --unlock-after 1h").Output; !strings.Contains(out, "pr-7 is gone.") {
		t.Errorf("prune prints\n%s", out)
	}
	w.standing(t, false)
	if out := w.must(t, w.environment, push).Step("up").Output; !strings.Contains(out, "The environment pr-7 is up.") {
		t.Errorf("up after the nightly clean-up prints\n%s", out)
	}
	w.standing(t, true)
	if out := w.must(t, w.environment, w.pull("7", "closed", ours.full(), "alice")).Step("down").Output; !strings.Contains(out, "The environment pr-7 is gone.") {
		t.Errorf("down prints\n%s", out)
	}
	w.standing(t, false)

	// One that never ran; one of a fork; one of Dependabot.
	if out := w.must(t, w.environment, w.pull("8", "closed", ours.full(), "bob")).Step("down").Output; !strings.Contains(out, "The environment pr-8 has nothing to remove.") {
		t.Errorf("down prints\n%s", out)
	}
	for _, e := range []Event{w.pull("9", "opened", "mallory/gcs-to-s3", "mallory"), w.pull("10", "opened", ours.full(), "dependabot[bot]"), {Name: "push"}} {
		if got := w.runner.Run(t.Context(), w.environment, e); !got.Skipped || got.Err != nil {
			t.Errorf("%s: %+v", e.Context["github.actor"], got)
		}
	}
}

// TestUnlockAfter: a lock that the workflows remove is older than any job can be.
func TestUnlockAfter(t *testing.T) {
	t.Parallel()
	found := 0
	for _, name := range []string{"environment", "prune"} {
		w, err := Read("../../.github/workflows/" + name + ".yml")
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				for _, m := range regexp.MustCompile(`--unlock-after (\S+)`).FindAllStringSubmatch(step.Run, -1) {
					found++
					if age, err := time.ParseDuration(m[1]); err != nil || age <= time.Duration(job.Timeout)*time.Minute || job.Timeout == 0 {
						t.Errorf("%s: --unlock-after %s, and jobs end after %d minutes; %v", name, m[1], job.Timeout, err)
					}
				}
			}
		}
	}
	if found != 3 {
		t.Errorf("%d steps have --unlock-after, want 3", found)
	}
}

// cancelled cancels a job when it makes a request, while Pulumi works.
func (w walk) cancelled(t *testing.T, e Event, operation string) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the job was cancelled")
	done := w.Journal.Follow(w.Journal.Position(), func(e journal.Entry) {
		if e.Operation == operation && e.Status < 300 {
			cancel(stop)
		}
	})
	got := w.runner.Run(ctx, w.environment, e)
	done()
	if !errors.Is(got.Err, stop) || got.Step("up").Skipped {
		t.Fatalf("the cancelled job ends with %v", got.Err)
	}
}

// age makes the lock in Pulumi's state one of another machine, which is so old.
func (w walk) age(t *testing.T, age time.Duration) {
	t.Helper()
	c, bucket := s3.NewFromConfig(w.AWSConfig(w.AWS.Admin())), aws.String(stateBucket)
	list, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String(".pulumi/locks/")})
	if err != nil || len(list.Contents) != 1 {
		t.Fatalf("the state has %d locks, %v", len(list.Contents), err)
	}
	key := list.Contents[0].Key
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(out.Body)
	var lock map[string]any
	if err := errors.Join(err, json.Unmarshal(data, &lock)); err != nil {
		t.Fatal(err)
	}
	lock["hostname"], lock["username"], lock["timestamp"] = "fv-az1", "runner", time.Now().Add(-age).Format(time.RFC3339Nano)
	if data, err = json.Marshal(lock); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(data)}); err != nil {
		t.Fatal(err)
	}
}

// standing checks whether pr-7 has its stacks, its pool and its state.
func (w walk) standing(t *testing.T, want bool) {
	t.Helper()
	admin := w.AWSConfig(w.AWS.Admin())
	_, err := cloudformation.NewFromConfig(admin).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("gcs-to-s3-pr-7-function")})
	if (err == nil) != want {
		t.Errorf("the function's stack: %v, want it there: %v", err, want)
	}
	var pool struct{ State string }
	w.google(t, "GET", "/v1/projects/"+sandbox.Project+"/locations/global/workloadIdentityPools/aws-connect-pr-7", nil, &pool)
	if (pool.State == "ACTIVE") != want {
		t.Errorf("the pool is %s, want it there: %v", pool.State, want)
	}
	_, err = s3.NewFromConfig(admin).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(stateBucket), Key: aws.String(".pulumi/stacks/gcs-to-s3/pr-7.json")})
	if (err == nil) != want {
		t.Errorf("Pulumi's state: %v, want it there: %v", err, want)
	}
}

// expire lets the time of pr-7 run out: it changes the moment in its marks.
func (w walk) expire(t *testing.T) {
	t.Helper()
	const past = "2020-01-01T00:00:00Z"
	c := cloudformation.NewFromConfig(w.AWSConfig(w.AWS.Admin()))
	for _, kind := range []string{"role", "function"} {
		name := aws.String("gcs-to-s3-pr-7-" + kind)
		out, err := c.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: name})
		if err != nil {
			t.Fatal(err)
		}
		tags := out.Stacks[0].Tags
		for i := range tags {
			if *tags[i].Key == environment.TagExpires {
				tags[i].Value = aws.String(past)
			}
		}
		if _, err := c.UpdateStack(t.Context(), &cloudformation.UpdateStackInput{
			StackName: name, UsePreviousTemplate: aws.Bool(true), Tags: tags, Parameters: previous(out.Stacks[0].Parameters),
			Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
		}); err != nil {
			t.Fatal(err)
		}
		if err := cloudformation.NewStackUpdateCompleteWaiter(c, func(o *cloudformation.StackUpdateCompleteWaiterOptions) { o.MinDelay = 50 * time.Millisecond }).
			Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: name}, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	expires := regexp.MustCompile(`expires=\S+\]`)
	project := "/v1/projects/" + sandbox.Project
	account := project + "/serviceAccounts/gcs-to-s3-sa-pr-7@" + sandbox.Project + ".iam.gserviceaccount.com"
	pool := project + "/locations/global/workloadIdentityPools/aws-connect-pr-7"
	for _, path := range []string{account, pool, pool + "/providers/aws-connect-pr-7"} {
		var is struct{ Description string }
		w.google(t, "GET", path, nil, &is)
		changed := map[string]any{"description": expires.ReplaceAllString(is.Description, "expires="+past+"]")}
		if path == account {
			w.google(t, "PATCH", path, map[string]any{"serviceAccount": changed, "updateMask": "description"}, nil)
			continue
		}
		w.google(t, "PATCH", path+"?updateMask=description", changed, nil)
	}
}

func previous(all []cfntypes.Parameter) []cfntypes.Parameter {
	var out []cfntypes.Parameter
	for _, p := range all {
		out = append(out, cfntypes.Parameter{ParameterKey: p.ParameterKey, UsePreviousValue: aws.Bool(true)})
	}
	return out
}
