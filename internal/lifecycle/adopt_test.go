package lifecycle_test

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// The moments at which an adoption is killed: the role is imported and the function is not;
// the function has both codes.
var adoptMoments = []moment{
	{"cdk import: the role, the function and its log group", "ExecuteChangeSet", 2},
	{"hand the function over", "UpdateFunctionCode", 1},
}

// testAdopt follows the article with gcloud and aws, and adopts what that made while the
// function runs: nothing is deleted or made again, no invocation fails, and then it is an
// environment like any other.
func testAdopt(t *testing.T, p project) {
	for _, tool := range []string{"gcloud", "aws"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the article's set-up is not made: %v", err)
		}
	}
	env := p.Env
	files := p.assets(t)
	p.article(t, env)
	before := p.identities(t, env)

	if _, out, err := p.run("up", env.Name, "--yes"); err == nil || !strings.Contains(out, "gcs-to-s3 adopt "+env.Name) {
		t.Errorf("up of what was made by hand: %v\n%s", err, out)
	}
	person := p
	person.identity = p.adopter(t, env)
	plan := person.must(t, "adopt", env.Name, "--plan")
	for _, line := range []string{
		"AWS role gcs-to-s3-role can be taken over", "AWSLambdaBasicExecutionRole, AmazonS3FullAccess", "AWS function gcs-to-s3 can be taken over",
		"Google service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com can be taken over",
		"left alone: roles/storage.objectViewer on the project demo-project", "Google provider aws-connect/aws-connect can be taken over",
		"attribute.aws_role == 'arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role'", "AWS log group /aws/lambda/gcs-to-s3 can be taken over",
	} {
		if !strings.Contains(plan, line) {
			t.Errorf("the plan does not say %q:\n%s", line, plan)
		}
	}
	if diff := cmp.Diff(before, p.identities(t, env)); diff != "" {
		t.Fatalf("a plan has changed something (-before +after):\n%s", diff)
	}

	finished := p.keepInvoking(t, env)
	for _, m := range adoptMoments {
		person.kill(t, m, "adopt", env.Name, "--yes")
	}
	out := person.must(t, "adopt", env.Name, "--yes", "--json")
	invocations := finished()
	var result struct {
		Things  []adoption.Thing
		Adopted bool
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || !result.Adopted {
		t.Errorf("adopt prints %v\n%s", err, out)
	}
	t.Logf("%d invocations while the function was adopted", invocations)
	if invocations < 10 {
		t.Errorf("the function was invoked only %d times", invocations)
	}
	if diff := cmp.Diff(before, p.identities(t, env)); diff != "" {
		t.Errorf("something was made again (-before +after):\n%s", diff)
	}
	further := slices.Insert(
		standing(env),
		2,
		"Google binding serviceAccount:"+env.ServiceAccountEmail()+": granted",
	) // the article's, on the project
	p.is(t, env, further)
	if out := p.must(t, "adopt", env.Name, "--yes"); !strings.Contains(out, "There is nothing to take over.") {
		t.Errorf("the second time, adopt prints\n%s", out)
	}

	p.change(t, env, "timeoutSeconds", "60", "61")
	p.must(t, "up", env.Name, "--yes")
	f, err := lambda.NewFromConfig(p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin())).
		GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &env.Function})
	if err != nil || *f.Timeout != 61 {
		t.Errorf("after a changed setting the timeout is %v, %v", f, err)
	}
	p.must(t, "down", env.Name, "--yes")
	p.is(t, env, down(env))
	if diff := cmp.Diff(files, p.assets(t)); diff != "" {
		t.Errorf("files in the CDK's bucket (-before +after):\n%s", diff)
	}
}

// tool runs a command line of a cloud, given as one text and further arguments.
func (p project) tool(t *testing.T, command string, args ...string) string {
	t.Helper()
	args = append(strings.Fields(command), args...)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = p.Dir, p.ChildEnviron()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// article does the article's steps 1 to 7.
func (p project) article(t *testing.T, env environment.Environment) {
	t.Helper()
	const (
		trust    = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}`
		project  = sandbox.Project
		account  = "gcs-to-s3-service-account@" + project + ".iam.gserviceaccount.com"
		pool     = "projects/" + sandbox.ProjectNumber + "/locations/global/workloadIdentityPools/aws-connect"
		assumed  = "arn:aws:sts::" + sandbox.Account + ":assumed-role/gcs-to-s3-role"
		function = "gcs-to-s3"
	)
	// The consoles enable the APIs that they use.
	p.tool(
		t,
		"gcloud services enable iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com cloudresourcemanager.googleapis.com storage.googleapis.com --quiet",
	)
	// 1. The role.
	p.tool(t, "aws iam create-role --role-name gcs-to-s3-role --assume-role-policy-document", trust)
	p.tool(t, "aws iam attach-role-policy --role-name gcs-to-s3-role --policy-arn arn:aws:iam::aws:policy/AmazonS3FullAccess")
	p.tool(
		t,
		"aws iam attach-role-policy --role-name gcs-to-s3-role --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
	)
	// 2. The service account.
	p.tool(t, "gcloud iam service-accounts create gcs-to-s3-service-account --display-name gcs-to-s3-service-account --quiet")
	p.tool(
		t,
		"gcloud projects add-iam-policy-binding "+project+" --member serviceAccount:"+account+" --role roles/storage.objectViewer --condition None --quiet",
	)
	// 3. The pool and its provider.
	p.tool(t, "gcloud iam workload-identity-pools create aws-connect --location global --display-name aws-connect --quiet")
	p.tool(
		t,
		"gcloud iam workload-identity-pools providers create-aws aws-connect --location global --workload-identity-pool aws-connect --display-name aws-connect --account-id "+sandbox.Account+" --quiet",
	)
	// 4. The service account is connected to the pool, and the configuration file downloaded.
	p.tool(
		t,
		"gcloud iam service-accounts add-iam-policy-binding "+account+" --role roles/iam.workloadIdentityUser --member principalSet://iam.googleapis.com/"+pool+"/attribute.aws_role/"+assumed+" --quiet",
	)
	file := filepath.Join(p.Dir, "clientLibraryConfig-aws-connect.json")
	p.tool(
		t,
		"gcloud iam workload-identity-pools create-cred-config "+pool+"/providers/aws-connect --aws --service-account "+account+" --output-file "+file,
	)
	configuration, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	local := strings.NewReplacer("https://sts.googleapis.com", p.Sandbox.GoogleURL, "https://iamcredentials.googleapis.com", p.Sandbox.GoogleURL).
		Replace(string(configuration))
	// 5. The deployment package.
	binary := filepath.Join(p.Dir, "bootstrap")
	build := exec.CommandContext(
		t.Context(),
		"go",
		"build",
		"-tags",
		"lambda.norpc",
		"-ldflags",
		"-s -w -X main.endpoint="+p.Sandbox.GoogleURL,
		"-o",
		binary,
		"./internal/lifecycle/testdata/article",
	)
	build.Dir, build.Env = p.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the article's handler: %v\n%s", err, out)
	}
	code, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(p.Dir, "article.zip")
	pack(t, bundle, map[string][]byte{"bootstrap": code, filepath.Base(file): []byte(local)})
	// 6. The function.
	p.tool(
		t,
		"aws lambda create-function --function-name "+function+" --runtime provided.al2023 --handler bootstrap --timeout 30 --architectures "+string(
			env.Architecture,
		)+
			" --role arn:aws:iam::"+sandbox.Account+":role/gcs-to-s3-role --zip-file fileb://"+bundle+
			" --environment Variables={GOOGLE_APPLICATION_CREDENTIALS="+filepath.Base(
			file,
		)+",GOOGLE_CLOUD_PROJECT="+project+"}",
	)
	// 7. Run it.
	out := filepath.Join(p.Dir, "answer.json")
	p.tool(t, "aws lambda invoke --function-name "+function+" "+out)
	if answer, err := os.ReadFile(out); err != nil || string(answer) != `{"statusCode":200,"body":"File transferred successfully"}` {
		t.Fatalf("the article's function answers %s, %v", answer, err)
	}
}

// pack writes a zip of executable files.
func pack(t *testing.T, file string, files map[string][]byte) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, content := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		h.SetMode(0o755)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// adopter are the variables of somebody with the rights on AWS that docs/operations.md lists
// for up and for adopting.
func (p project) adopter(t *testing.T, env environment.Environment) []string {
	t.Helper()
	admin, name := p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin()), "adopter"
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"}]}`, env.AWSAccount)
	role, err := awsiam.NewFromConfig(admin).CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
	if err != nil {
		t.Fatal(err)
	}
	document := rights.Fill(rights.Policy(rights.Up, rights.Adopt), env, name, "none")
	if _, err := awsiam.NewFromConfig(admin).PutRolePolicy(t.Context(), &awsiam.PutRolePolicyInput{RoleName: &name, PolicyName: &name, PolicyDocument: &document}); err != nil {
		t.Fatal(err)
	}
	session, err := sts.NewFromConfig(admin).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	c := session.Credentials
	return []string{"AWS_ACCESS_KEY_ID=" + *c.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + *c.SecretAccessKey, "AWS_SESSION_TOKEN=" + *c.SessionToken}
}

// identities are what tells the things of an environment from others of the same names: ids
// and times of creation.
func (p project) identities(t *testing.T, env environment.Environment) map[string]string {
	t.Helper()
	admin := p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin())
	role, err := awsiam.NewFromConfig(admin).GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: &env.Role})
	if err != nil {
		t.Fatal(err)
	}
	groups, err := cloudwatchlogs.NewFromConfig(admin).
		DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(env.LogGroup())})
	if err != nil || len(groups.LogGroups) != 1 {
		t.Fatalf("log groups: %+v, %v", groups, err)
	}
	both, err := p.Clouds(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	account := both.Google.AccountByEmail(t.Context(), env.ServiceAccountEmail())
	if !account.There() {
		t.Fatal(account.Err())
	}
	return map[string]string{
		"role": *role.Role.RoleId, "log group": fmt.Sprint(*groups.LogGroups[0].CreationTime), "service account": account.Thing.UniqueId,
	}
}

// keepInvoking invokes the function all the time. The result ends that, and returns how often
// it was; each time it must have copied.
func (p project) keepInvoking(t *testing.T, env environment.Environment) (finished func() int64) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	client := lambda.NewFromConfig(p.Sandbox.AWSConfig(p.Sandbox.AWS.Admin()))
	var n atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			out, err := client.Invoke(context.WithoutCancel(ctx), &lambda.InvokeInput{FunctionName: &env.Function, Payload: []byte("{}")})
			var answer invocation.Result
			switch {
			case err != nil:
				t.Errorf("invocation %d: %v", n.Load(), err)
			case out.FunctionError != nil || json.Unmarshal(out.Payload, &answer) != nil || answer.StatusCode != 200 || answer.Body != invocation.Transferred:
				t.Errorf("invocation %d: %s %s", n.Load(), aws.ToString(out.FunctionError), out.Payload)
			}
			n.Add(1)
			time.Sleep(500 * time.Millisecond) // TestHandOver looks at each moment
		}
	}()
	return func() int64 {
		stop()
		<-done
		return n.Load()
	}
}
