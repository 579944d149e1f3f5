package rights_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

// stateBucket holds Pulumi's state.
const stateBucket = "pulumi-state"

// walk runs commands in local clouds as callers who have exactly the rights of the table.
type walk struct {
	*rehearsal.Stand
	root, binary string
	env          environment.Environment
	admin        aws.Config
	used         map[rights.Command][]journal.Decision // what each command was allowed to do
	cdk          []cdkDecision                         // what the CDK's roles were
}

// cdkDecision is about one of the CDK's roles.
type cdkDecision struct {
	journal.Decision
	role string
}

var cdkRole = regexp.MustCompile(`:assumed-role/cdk-hnb659fds-([a-z-]+)-[0-9]{12}-`)

func open(t *testing.T) *walk {
	t.Helper()
	s, root := rehearsaltest.Open(t, sandbox.Options{})
	w := &walk{Stand: s, root: root, binary: rehearsaltest.CommandLine(t, root), used: map[rights.Command][]journal.Decision{}}
	w.admin = s.Sandbox.AWSConfig(s.Sandbox.AWS.Admin())
	w.bucket(t, stateBucket)
	return w
}

func (w *walk) bucket(t *testing.T, name string) {
	t.Helper()
	if _, err := s3.NewFromConfig(w.admin).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket:                    &name,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(w.Env.AWSRegion)},
	}); err != nil {
		t.Fatal(err)
	}
}

// google asks the local Google Cloud as the project's owner.
func (w *walk) google(t *testing.T, method, path string, body, answer any) {
	t.Helper()
	rehearsaltest.Google(t, w.Stand, method, path, body, answer)
}

// bind adds a member to a role in the policy of a resource.
func (w *walk) bind(t *testing.T, on, role, member string) {
	t.Helper()
	get, set := on+":getIamPolicy", on+":setIamPolicy"
	method := [2]string{http.MethodPost, http.MethodPost}
	if strings.HasPrefix(on, "/storage/") {
		get, set, method = on+"/iam", on+"/iam", [2]string{http.MethodGet, http.MethodPut}
	}
	policy := map[string]any{}
	w.google(t, method[0], get, map[string]any{}, &policy)
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings, map[string]any{"role": role, "members": []string{member}})
	body := any(map[string]any{"policy": policy})
	if method[1] == http.MethodPut {
		body = policy
	}
	w.google(t, method[1], set, body, nil)
}

// caller is somebody with the rights of one command and no others.
type caller struct {
	role    string
	account string
	environ []string
}

var unsafe = regexp.MustCompile(`[^a-z]+`)

// caller makes an identity on both clouds with a policy and roles.
func (w *walk) caller(t *testing.T, c rights.Command, policy string, grants []rights.Grant) caller {
	t.Helper()
	name := "caller-" + unsafe.ReplaceAllString(string(c), "-")
	who := caller{role: name, account: name + "@" + w.Env.GoogleProject + ".iam.gserviceaccount.com"}
	roles := iam.NewFromConfig(w.admin)
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"}]}`, w.Env.AWSAccount)
	role, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		document := rights.Fill(policy, w.env, name, stateBucket)
		if _, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("rights"), PolicyDocument: &document}); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
	}
	session, err := sts.NewFromConfig(w.admin).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("walk")})
	if err != nil {
		t.Fatal(err)
	}
	project := "/v1/projects/" + w.Env.GoogleProject
	w.google(t, http.MethodPost, project+"/serviceAccounts", map[string]any{"accountId": name}, nil)
	for _, g := range grants {
		on := map[string]string{rights.Project: project, rights.SourceBucket: "/storage/v1/b/" + w.Env.SourceBucket}[g.On]
		w.bind(t, on, g.Role, "serviceAccount:"+who.account)
	}
	var token struct{ AccessToken string }
	w.google(t, http.MethodPost, "/v1/projects/-/serviceAccounts/"+who.account+":generateAccessToken",
		map[string]any{"scope": []string{"https://www.googleapis.com/auth/cloud-platform"}}, &token)
	who.environ = []string{
		"AWS_ACCESS_KEY_ID=" + *session.Credentials.AccessKeyId,
		"AWS_SECRET_ACCESS_KEY=" + *session.Credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + *session.Credentials.SessionToken,
		"GOOGLE_OAUTH_ACCESS_TOKEN=" + token.AccessToken,
		fmt.Sprintf("PULUMI_BACKEND_URL=s3://%s?region=%s&endpoint=%s&disableSSL=true&s3ForcePathStyle=true",
			stateBucket, w.Env.AWSRegion, strings.TrimPrefix(w.Sandbox.AWSURL, "http://")),
	}
	return who
}

// run runs a command as a caller, and returns what the clouds decided about the caller.
func (w *walk) run(t *testing.T, who caller, args ...string) (out string, decisions []journal.Decision, err error) {
	t.Helper()
	from := w.Sandbox.Journal.Position()
	cmd := exec.Command(w.binary, args...)
	cmd.Dir, cmd.Env = w.root, append(w.ChildEnviron(), who.environ...)
	data, err := cmd.CombinedOutput()
	for _, e := range w.Sandbox.Journal.Since(from) {
		if strings.Contains(e.Principal, ":assumed-role/"+who.role+"/") || e.Principal == "serviceAccount:"+who.account {
			decisions = append(decisions, e.Decisions...)
		}
		if m := cdkRole.FindStringSubmatch(e.Principal); m != nil {
			for _, d := range e.Decisions {
				w.cdk = append(w.cdk, cdkDecision{d, m[1]})
			}
		}
	}
	return string(data), decisions, err
}

// do runs a command as somebody with exactly its rights, who must be refused nothing.
func (w *walk) do(t *testing.T, as map[rights.Command]caller, c rights.Command, more ...string) string {
	t.Helper()
	words := strings.Fields(string(c))
	args := append([]string{words[0]}, words[1:]...)
	args = slices.Insert(args, 1, w.place(c))
	out, decisions, err := w.run(t, as[c], append(args, more...)...)
	if err != nil {
		t.Fatalf("gcs-to-s3 %s with its documented rights: %v\n%s", c, err, out)
	}
	for _, d := range decisions {
		if !d.Allowed {
			t.Errorf("gcs-to-s3 %s with its documented rights is refused %s on %s: %s", c, d.Action, d.Resource, d.Reason)
			continue
		}
		w.used[c] = append(w.used[c], d)
	}
	return out
}

// bulk runs a subcommand of bulk.
func (w *walk) bulk(t *testing.T, as map[rights.Command]caller, args ...string) string {
	t.Helper()
	if args[0] != "plan" {
		args = append(args, "--environment", w.env.Name)
	}
	out, decisions, err := w.run(t, as[rights.Bulk], append([]string{"bulk"}, args...)...)
	if err != nil {
		t.Errorf("gcs-to-s3 bulk %s with its documented rights: %v\n%s", strings.Join(args, " "), err, out)
	}
	for _, d := range decisions {
		if !d.Allowed {
			t.Errorf("gcs-to-s3 bulk %s with its documented rights is refused %s on %s: %s", args[0], d.Action, d.Resource, d.Reason)
		}
	}
	w.used[rights.Bulk] = append(w.used[rights.Bulk], decisions...)
	return out
}

// place is the environment that a command is about. Those that list all environments get
// one of these clouds: at the same time, others can have files in the repository's folder.
func (w *walk) place(c rights.Command) string {
	if c == rights.List || c == rights.Prune {
		return w.Env.Name
	}
	return w.env.Name
}

// change edits the environment's file.
func (w *walk) change(t *testing.T, lines ...string) {
	t.Helper()
	file := filepath.Join(w.root, environment.FileName(w.env.Name))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, line := range lines {
		key, _, _ := strings.Cut(line, ": ")
		text = regexp.MustCompile(`(?m)^  gcs-to-s3:`+key+`: .*\n`).ReplaceAllString(text, "")
		text = strings.Replace(text, "config:\n", "config:\n  gcs-to-s3:"+line+"\n", 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if w.env, err = environment.Load(w.root, w.env.Name); err != nil {
		t.Fatal(err)
	}
}

// tags are the tags of the environment's mark.
func (w *walk) tags() []iamtypes.Tag {
	var out []iamtypes.Tag
	for key, value := range w.env.Mark().Tags() {
		out = append(out, iamtypes.Tag{Key: &key, Value: &value})
	}
	return out
}

// reading are the prefixes of the names of requests that change nothing.
var reading = regexp.MustCompile(`^(Get|List|Describe|Head|Simulate|get|list|test|batchGet)`)

// changes are a caller's requests from a position on that change something.
func (w *walk) changes(from int, who caller) []string {
	var out []string
	for _, e := range w.Sandbox.Journal.Since(from) {
		name := e.Operation[strings.LastIndex(e.Operation, ".")+1:]
		if (strings.Contains(e.Principal, ":assumed-role/"+who.role+"/") || e.Principal == "serviceAccount:"+who.account) && !reading.MatchString(name) {
			out = append(out, e.Service+" "+e.Operation)
		}
	}
	return out
}

// forget removes a caller.
func (w *walk) forget(t *testing.T, who caller) {
	t.Helper()
	roles := iam.NewFromConfig(w.admin)
	if _, err := roles.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &who.role, PolicyName: aws.String("rights")}); err != nil {
		t.Fatal(err)
	}
	if _, err := roles.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &who.role}); err != nil {
		t.Fatal(err)
	}
	w.google(t, http.MethodDelete, "/v1/projects/"+w.Env.GoogleProject+"/serviceAccounts/"+who.account, nil, nil)
}
