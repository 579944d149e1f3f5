package rights_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
)

// TestEveryPath runs the whole life of an environment with every setting and every
// situation of the table, each command as somebody who has exactly its rights, and holds
// every row to what was used.
func TestEveryPath(t *testing.T) {
	longtest.Skip(t)
	w := open(t)
	project := "/v1/projects/" + w.Env.GoogleProject
	for _, api := range []string{"iam", "iamcredentials", "sts", "cloudresourcemanager", "pubsub"} { // by whoever sets up the caller
		w.google(t, http.MethodPost, project+"/services/"+api+".googleapis.com:enable", map[string]any{}, nil)
	}
	w.bind(t, project, "roles/iam.serviceAccountTokenCreator", "user:sandbox-admin@example.com")
	key := w.encrypted(t)
	w.bucket(t, jobsBucket)
	var err error
	if w.env, err = w.Add("sandbox-rights", map[string]string{
		"suffix": "-rights", "owner": "alice", "expires": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339),
		"schedule": "rate(1 hour)", "deadLetterQueue": "true", "alarms": "true", "kmsKey": key, "bulk": "true", "jobsBucket": jobsBucket,
		"events": "pull", "eventDeletes": "true", "reconcile": "rate(1 day)", "dashboard": "true",
	}); err != nil {
		t.Fatal(err)
	}
	as := map[rights.Command]caller{}
	for _, c := range rights.All() {
		as[c] = w.caller(t, c, rights.Policy(c), rights.Grants(c))
	}
	w.google(t, http.MethodPost, project+"/services/orgpolicy.googleapis.com:enable", map[string]any{}, nil)

	w.narrow(t)
	w.do(t, as, rights.Doctor)
	w.review(t)
	for _, c := range []rights.Command{rights.Doctor, rights.Status, rights.List} {
		w.do(t, as, c)
	}
	w.do(t, as, rights.Down, "--yes")
	w.review(t)
	w.emptyLogGroup(t)
	w.do(t, as, rights.Doctor)
	w.google(t, http.MethodPost, project+"/services/cloudresourcemanager.googleapis.com:disable", map[string]any{}, nil)
	w.do(t, as, rights.Up, "--yes")
	for _, c := range []rights.Command{rights.Doctor, rights.Status, rights.Drift, rights.List, rights.Verify, rights.Logs} {
		w.do(t, as, c)
	}
	w.do(t, as, rights.Invoke, "--prefix", "sample")
	w.withoutEach(t)
	w.bulkJobs(t, as)
	w.leaveUpload(t)
	w.do(t, as, rights.Uploads)
	w.do(t, as, rights.Abort, "--older", "0s", "--yes")

	rehearsaltest.RemakeRole(t, w.Stand, w.env)
	w.otherCode(t)
	w.do(t, as, rights.Up, "--yes", "--no-verify")
	w.change(t, "serviceAccount: another-account", "pool: another-pool", "viewerScope: project", "owner: bob", "memoryMB: \"640\"")
	w.do(t, as, rights.Up, "--yes")
	w.do(t, as, rights.Status)
	w.do(t, as, rights.Drift)
	granted := func() {
		w.bind(t, "/storage/v1/b/"+w.Env.SourceBucket, "roles/storage.objectViewer", "serviceAccount:"+w.env.ServiceAccountEmail())
	}
	granted() // beside the one on the project
	w.do(t, as, rights.Down, "--yes")
	w.outlive(t)
	w.do(t, as, rights.Down, "--yes")

	w.change(t, "function: gcs-to-s3-again", "owner: carol") // SQS blocks the old queue's name for a minute
	w.do(t, as, rights.Up, "--yes", "--no-verify")
	granted()
	w.refused(t, rights.Down, strings.ReplaceAll(rights.Policy(rights.Down), "sts:AssumeRole", "sts:TagSession"), rights.Grants(rights.Down), "sts:AssumeRole on arn:aws:iam::")
	w.refused(t, rights.Down, rights.Policy(rights.Down), without(rights.Down, "roles/resourcemanager.projectIamAdmin"), "resourcemanager.projects.setIamPolicy on the project")
	w.refused(t, rights.Up, rights.Policy(rights.Up), without(rights.Up, "roles/storage.legacyBucketOwner"), "storage.buckets.get on gs://")
	if err := os.Remove(filepath.Join(w.root, environment.FileName(w.env.Name))); err != nil {
		t.Fatal(err)
	}
	w.refused(t, rights.Prune, strings.ReplaceAll(rights.Policy(rights.Prune), "cloudformation:DeleteStack", "cloudformation:DetectStackDrift"), rights.Grants(rights.Prune),
		"cloudformation:DeleteStack on arn:aws:cloudformation:"+w.env.AWSRegion+":"+w.env.AWSAccount+":stack/"+w.env.FunctionStack()+"/*")
	if out := w.do(t, as, rights.Prune, "--yes"); !strings.Contains(out, w.env.Name+" is gone.") {
		t.Errorf("prune prints\n%s", out)
	}
	w.nothingSuperfluous(t)
}

// narrow gives CloudFormation exactly the documented rights, in place of those of an
// administrator.
func (w *walk) narrow(t *testing.T) {
	t.Helper()
	roles, name := iam.NewFromConfig(w.admin), fmt.Sprintf("cdk-hnb659fds-%s-%s-%s", rights.Execution, w.Env.AWSAccount, w.Env.AWSRegion)
	if _, err := roles.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}); err != nil {
		t.Fatal(err)
	}
	policy := rights.Fill(rights.ExecutionPolicy(), w.env, "", "")
	if _, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("environments"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
}

// refused checks that a command without one of its rights changes nothing, and names it.
func (w *walk) refused(t *testing.T, c rights.Command, policy string, grants []rights.Grant, right string) {
	t.Helper()
	who := w.caller(t, "lacking", policy, grants)
	defer w.forget(t, who)
	from := w.Sandbox.Journal.Position()
	out, _, err := w.run(t, who, string(c), w.place(c), "--yes")
	if err == nil || !strings.Contains(out, fmt.Sprintf("nothing was changed: you lack rights that gcs-to-s3 %s needs: %s", c, right)) {
		t.Errorf("%s without %s: %v\n%s", c, right, err, out)
	}
	if changes := w.changes(from, who); len(changes) > 0 {
		t.Errorf("%s without %s makes the requests %v", c, right, changes)
	}
}

// without are a command's roles without one.
func without(c rights.Command, role string) []rights.Grant {
	return slices.DeleteFunc(rights.Grants(c), func(g rights.Grant) bool { return g.Role == role })
}

// everyRight tries every command that changes little without each of its rights.
var everyRight = flag.Bool("every-right", false, "run commands without each of their rights, and not only without some")

// sample is how many of these rights are left out one by one, otherwise.
const sample = 9

// withoutEach runs commands without one of their rights: they fail, or say what they
// cannot see, and name the right.
func (w *walk) withoutEach(t *testing.T) {
	t.Helper()
	n := 0
	for _, c := range []rights.Command{rights.Doctor, rights.Status, rights.List, rights.Logs, rights.Uploads, rights.Verify, rights.Invoke} {
		needed := map[string]bool{} // in the environment as it is
		for _, row := range rights.AWS() {
			for _, action := range row.Actions {
				needed[action] = needed[action] || row.When == "" && slices.Contains(row.For, c)
			}
		}
		maps.DeleteFunc(needed, func(_ string, is bool) bool { return !is })
		for _, action := range slices.Sorted(maps.Keys(needed)) {
			if unnamed[action] {
				continue
			}
			if n++; !*everyRight && n%sample != 0 {
				continue
			}
			policy := strings.ReplaceAll(rights.Policy(c), strconv.Quote(action), `"sts:TagSession"`)
			w.lacks(t, c, action, []string{action}, policy, rights.Grants(c))
		}
		// Roles overlap: those that only some environments need are left out as well.
		always := slices.DeleteFunc(rights.Grants(c), func(g rights.Grant) bool { return len(gives(g, c)) == 0 })
		for _, lacking := range always {
			if n++; !*everyRight && n%sample != 0 {
				continue
			}
			w.lacks(t, c, lacking.Role, gives(lacking, c), rights.Policy(c), slices.DeleteFunc(slices.Clone(always), func(g rights.Grant) bool { return g == lacking }))
		}
	}
}

// gives are the permissions that a grant gives to a command which every environment needs.
func gives(g rights.Grant, c rights.Command) []string {
	var permissions []string
	for _, r := range rights.Google() {
		if !r.Optional && r.When == "" && slices.Contains(r.For, c) && r.On == g.On && slices.Contains([]string{r.Role, r.LookRole}, g.Role) {
			permissions = append(permissions, r.Actions...)
		}
	}
	return permissions
}

// unnamed are rights that a denial cannot name, since the request is a HEAD: Amazon S3 API
// Reference, "HeadBucket".
var unnamed = map[string]bool{"s3:ListBucket": true}

// lacks runs a command as somebody without a right, which is one of AWS's actions or one of
// Google's roles: it is refused one of the actions that the right consists of, and names it.
func (w *walk) lacks(t *testing.T, c rights.Command, right string, actions []string, policy string, grants []rights.Grant) {
	t.Helper()
	who := w.caller(t, "lacking", policy, grants)
	defer w.forget(t, who)
	args := []string{string(c), w.place(c)}
	if c == rights.Doctor || c == rights.Status {
		args = append(args, "--json") // with whole messages
	}
	if c == rights.Invoke {
		args = append(args, "--object", w.env.Object)
	}
	out, decisions, err := w.run(t, who, args...)
	refused, named := 0, false
	for _, d := range decisions {
		if d.Allowed || !slices.Contains(actions, d.Action) {
			continue
		}
		refused++ // SQS writes actions in lower case
		named = named || strings.Contains(strings.ToLower(out), strings.ToLower(d.Action))
	}
	if refused == 0 || !named {
		t.Errorf("gcs-to-s3 %s without %s is refused %d requests, and names them: %v; %v\n%s", c, right, refused, named, err, out)
	}
}

// nothingSuperfluous checks that every command has used each of its rights.
func (w *walk) nothingSuperfluous(t *testing.T) {
	t.Helper()
	for _, row := range rights.AWS() {
		w.usedBy(t, row, w.pattern(row.On))
	}
	var unlisted []string
	for c, decisions := range w.used { // a role of Google's has more than the table says
		for _, d := range decisions {
			if !slices.ContainsFunc(slices.Concat(rights.AWS(), rights.Google()), func(r rights.Right) bool {
				return slices.Contains(r.For, c) && slices.Contains(r.Actions, d.Action)
			}) {
				unlisted = append(unlisted, string(c)+": "+d.Action)
			}
		}
	}
	for _, d := range w.cdk {
		listed := false
		for _, row := range rights.CDK() {
			listed = listed || d.role == row.Role && slices.Contains(row.Actions, d.Action) && w.pattern(row.On).MatchString(d.Resource)
		}
		if !listed {
			unlisted = append(unlisted, d.role+": "+d.Action+" on "+d.Resource)
		}
	}
	slices.Sort(unlisted)
	for _, use := range slices.Compact(unlisted) {
		t.Errorf("the table lacks %s", use)
	}
	for _, row := range rights.CDK() {
		for _, action := range row.Actions {
			if row.Role == rights.Execution {
				break // the real handlers use more than the sandbox's
			}
			if !slices.ContainsFunc(w.cdk, func(d cdkDecision) bool {
				return d.role == row.Role && d.Action == action && w.pattern(row.On).MatchString(d.Resource)
			}) {
				t.Errorf("the CDK's %s does not use %s on %s", row.Role, action, row.On)
			}
		}
	}
	for _, row := range rights.Google() {
		on := regexp.MustCompile(`^//(cloudresourcemanager|iam|pubsub)\.googleapis\.com/|^//storage\.googleapis\.com/projects/_/buckets/[^/]+$`)
		if row.On == rights.SourceBucket {
			on = regexp.MustCompile("/buckets/" + w.Env.SourceBucket)
		}
		w.usedBy(t, row, on)
	}
}

const jobsBucket = "bulk-jobs"

// slow is how many objects a job has that is to be stopped while it runs.
const slow = 150

// bulkJobs runs one job to its end, and stops another.
func (w *walk) bulkJobs(t *testing.T, as map[rights.Command]caller) {
	t.Helper()
	w.bulk(t, as, "plan", w.env.Name, "--job", "small", "--prefix", w.env.Object)
	w.bulk(t, as, "run", "small", "--yes")
	for _, args := range [][]string{{"status", "small"}, {"list"}, {"report", "small"}} {
		w.bulk(t, as, args...)
	}
	for n := range slow {
		w.google(t, http.MethodPost, fmt.Sprintf("/upload/storage/v1/b/%s/o?uploadType=media&name=slow/%d", w.env.SourceBucket, n), n, nil)
	}
	w.bulk(t, as, "plan", w.env.Name, "--job", "large", "--prefix", "slow/", "--shard-objects", "1")
	w.bulk(t, as, "run", "large", "--yes", "--detach", "--concurrency", "1")
	for deadline := time.Now().Add(time.Minute); !slices.ContainsFunc(w.used[rights.Bulk], func(d journal.Decision) bool { return d.Action == "states:UpdateMapRun" }); {
		if time.Now().After(deadline) {
			t.Error("the map run of the job did not begin")
			break
		}
		_, decisions, _ := w.run(t, as[rights.Bulk], "bulk", "set", "large", "--concurrency", "2", "--environment", w.env.Name) // it has perhaps not begun
		w.used[rights.Bulk] = append(w.used[rights.Bulk], decisions...)
	}
	w.bulk(t, as, "stop", "large")
}

// pattern is a row's resource.
func (w *walk) pattern(on string) *regexp.Regexp {
	text := regexp.QuoteMeta(rights.Fill(on, w.env, "CALLER", stateBucket))
	return regexp.MustCompile("^" + strings.NewReplacer(`\*`, ".*", "CALLER", "caller-[a-z-]+").Replace(text) + "$")
}

func (w *walk) usedBy(t *testing.T, row rights.Right, on *regexp.Regexp) {
	t.Helper()
	for _, c := range row.For {
		if w.used[c] == nil { // another test runs it
			continue
		}
		for _, action := range row.Actions {
			used := false
			for _, d := range w.used[c] {
				used = used || d.Action == action && on.MatchString(d.Resource)
			}
			if !used {
				t.Errorf("gcs-to-s3 %s does not use %s on %s (%s)", c, action, row.On, row.When)
			}
		}
	}
}

// encrypted gives the destination a default key of its own.
func (w *walk) encrypted(t *testing.T) string {
	t.Helper()
	key, err := kms.NewFromConfig(w.admin).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(w.admin).PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
		Bucket: &w.Env.DestinationBucket,
		ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{Rules: []s3types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{SSEAlgorithm: s3types.ServerSideEncryptionAwsKms, KMSMasterKeyID: key.KeyMetadata.Arn},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	return *key.KeyMetadata.Arn
}

// review leaves the role's stack in REVIEW_IN_PROGRESS.
func (w *walk) review(t *testing.T) {
	t.Helper()
	var tags []cfntypes.Tag
	for key, value := range w.env.Mark().Tags() {
		tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
	}
	if _, err := cloudformation.NewFromConfig(w.admin).CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String(w.env.RoleStack()), ChangeSetName: aws.String("first"), ChangeSetType: cfntypes.ChangeSetTypeCreate, Tags: tags,
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam},
		TemplateBody: aws.String(`{"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[]}}}}}`),
	}); err != nil {
		t.Fatal(err)
	}
}

// emptyLogGroup makes the log group that Lambda makes for a function of the name.
func (w *walk) emptyLogGroup(t *testing.T) {
	t.Helper()
	if _, err := cloudwatchlogs.NewFromConfig(w.admin).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(w.env.LogGroup())}); err != nil {
		t.Fatal(err)
	}
}

// otherCode gives the function code that its stack does not know.
func (w *walk) otherCode(t *testing.T) {
	t.Helper()
	if _, err := lambda.NewFromConfig(w.admin).UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: &w.env.Function, ZipFile: integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}),
	}); err != nil {
		t.Fatal(err)
	}
}

// leaveUpload leaves an upload of the function incomplete.
func (w *walk) leaveUpload(t *testing.T) {
	t.Helper()
	c, err := w.Sandbox.AWS.IAM().ServiceRole(w.env.RoleARN(), "lambda.amazonaws.com", w.env.Function, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s3.NewFromConfig(w.Sandbox.AWSConfig(c)).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{
		Bucket: &w.env.DestinationBucket, Key: aws.String("left"),
	}); err != nil {
		t.Fatal(err)
	}
}

// outlive makes what is left of an environment whose stacks were deleted without it: the
// role, the function, and the log group of its last lines.
func (w *walk) outlive(t *testing.T) {
	t.Helper()
	roles := iam.NewFromConfig(w.admin)
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	if _, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &w.env.Role, AssumeRolePolicyDocument: &trust, Description: aws.String(ownership.RoleDescription), Tags: w.tags(),
	}); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}]}`
	if _, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &w.env.Role, PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	if _, err := roles.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &w.env.Role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")}); err != nil {
		t.Fatal(err)
	}
	if _, err := lambda.NewFromConfig(w.admin).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &w.env.Function, Role: aws.String(w.env.RoleARN()), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
		Description: aws.String("Copies from gs://" + w.env.SourceBucket), Tags: w.env.Mark().Tags(), Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(integration.Architecture())},
		Code: &lambdatypes.FunctionCode{ZipFile: integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")})},
	}); err != nil {
		t.Fatal(err)
	}
	w.emptyLogGroup(t)
}

// TestTheTable checks its form.
func TestTheTable(t *testing.T) {
	t.Parallel()
	for _, row := range slices.Concat(rights.AWS(), rights.Google()) {
		if row.Why == "" || row.On == "" || len(row.For) == 0 || len(row.Actions) == 0 {
			t.Errorf("a row has no %+v", row)
		}
	}
	// A managed policy has at most 6,144 characters: "IAM and AWS STS quotas".
	if n := len(rights.Policy(rights.All()...)); n > 6144 {
		t.Errorf("the policy has %d characters", n)
	}
}
