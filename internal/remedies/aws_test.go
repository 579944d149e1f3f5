package remedies

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal/rehearsaltest"
)

// older is a function from before there were traces: it answers every event alike.
const older = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while :; do
  id=$(curl -s -o /dev/null -D - "$api/next" | tr -d '\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -s -d '{"statusCode":200,"body":"File transferred successfully"}' "$api/$id/response" >/dev/null
done
`

// How often CloudFormation is asked, and how long.
const (
	minDelay = 10 * time.Millisecond
	maxDelay = 100 * time.Millisecond
	patience = time.Minute
)

// amazon is the AWS side of an environment.
type amazon struct {
	scene
	t         *testing.T
	env       environment.Environment
	functions *lambda.Client
	roles     *iam.Client
}

func (a amazon) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// bundle is the deployed bundle.
func (a amazon) bundle() []byte {
	a.t.Helper()
	function, err := a.functions.GetFunction(a.t.Context(), &lambda.GetFunctionInput{FunctionName: &a.env.Function})
	a.check(err)
	resp, err := http.Get(*function.Code.Location)
	a.check(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	a.check(err)
	return data
}

// code replaces a file of the deployed bundle.
func (a amazon) code(name string, content []byte) {
	a.t.Helper()
	_, err := a.functions.UpdateFunctionCode(a.t.Context(), &lambda.UpdateFunctionCodeInput{
		FunctionName: &a.env.Function, ZipFile: integration.Replace(a.t, a.bundle(), name, content),
	})
	a.check(err)
}

func (a amazon) configure(in *lambda.UpdateFunctionConfigurationInput) {
	a.t.Helper()
	in.FunctionName = &a.env.Function
	_, err := a.functions.UpdateFunctionConfiguration(a.t.Context(), in)
	a.check(err)
}

// inline are the inline policies of the role, which are removed.
func (a amazon) inline() map[string]string {
	a.t.Helper()
	listed, err := a.roles.ListRolePolicies(a.t.Context(), &iam.ListRolePoliciesInput{RoleName: &a.env.Role})
	a.check(err)
	out := map[string]string{}
	for _, name := range listed.PolicyNames {
		policy, err := a.roles.GetRolePolicy(a.t.Context(), &iam.GetRolePolicyInput{RoleName: &a.env.Role, PolicyName: &name})
		a.check(err)
		out[name], err = url.QueryUnescape(*policy.PolicyDocument)
		a.check(err)
		_, err = a.roles.DeleteRolePolicy(a.t.Context(), &iam.DeleteRolePolicyInput{RoleName: &a.env.Role, PolicyName: &name})
		a.check(err)
	}
	return out
}

func (a amazon) trust(service string) {
	a.t.Helper()
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`
	_, err := a.roles.UpdateAssumeRolePolicy(a.t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &a.env.Role, PolicyDocument: &document})
	a.check(err)
}

func (a amazon) deleteRole() {
	a.t.Helper()
	a.inline()
	_, err := a.roles.DeleteRole(a.t.Context(), &iam.DeleteRoleInput{RoleName: &a.env.Role})
	a.check(err)
}

// remakeWarm makes the role again, while the function has a session of the old one.
func (a amazon) remakeWarm() {
	a.t.Helper()
	role, err := a.roles.GetRole(a.t.Context(), &iam.GetRoleInput{RoleName: &a.env.Role})
	a.check(err)
	trust, err := url.QueryUnescape(*role.Role.AssumeRolePolicyDocument)
	a.check(err)
	policies := a.inline()
	_, err = a.roles.DeleteRole(a.t.Context(), &iam.DeleteRoleInput{RoleName: &a.env.Role})
	a.check(err)
	_, err = a.roles.CreateRole(a.t.Context(), &iam.CreateRoleInput{RoleName: &a.env.Role, AssumeRolePolicyDocument: &trust, Description: role.Role.Description, Tags: role.Role.Tags})
	a.check(err)
	for name, document := range policies {
		_, err = a.roles.PutRolePolicy(a.t.Context(), &iam.PutRolePolicyInput{RoleName: &a.env.Role, PolicyName: &name, PolicyDocument: &document})
		a.check(err)
	}
}

// mendAWS breaks AWS's side, and mends it.
func mendAWS(t *testing.T, s scene, env environment.Environment) {
	const up = "`gcs-to-s3 up {}`"
	a := amazon{scene: s, t: t, env: env, functions: lambda.NewFromConfig(s.admin()), roles: iam.NewFromConfig(s.admin())}
	project := "/v1/projects/" + a.env.GoogleProject
	enableStorage := func() {
		s.call(t, http.MethodPost, project+"/services/storage.googleapis.com:enable", map[string]any{}, nil)
	}
	enableStorage() // the buckets come before the environment
	s.must(t, s.command(t, "`gcloud storage buckets create gs://{} --project {}`, or set sourceBucket in the environment's file", s.finds(t, a.env, "source-bucket", doctor.Error), 0))
	s.call(t, http.MethodPost, "/upload/storage/v1/b/payer/o?uploadType=media&name="+a.env.Object, "hello", nil)
	s.must(t, "gcs-to-s3 up "+a.env.Name)

	broken := func(cause string, n int) string {
		t.Helper()
		return s.command(t, causes+cause, s.fails(t, a.env, cause), n)
	}
	mended := func(commands ...string) {
		t.Helper()
		s.must(t, same(t, commands...))
		s.works(t, a.env)
	}

	remake := func() {
		t.Helper()
		s.ahead.Add(int64(2 * time.Second)) // IAM tells the time of a role's creation in seconds
		rehearsaltest.RemakeRole(t, s.Stand, a.env)
	}

	// From the last hop to the first, each with those behind it.
	a.inline()
	commands := []string{broken("role-policy", 0)}
	a.code(a.env.CredentialFileName(), []byte(strings.ReplaceAll(string(a.configuration()), a.env.ServiceAccount, "somebody-else")))
	commands = append(commands, broken("other-configuration", 0))
	remake()
	commands = append(commands, broken("variables-grant", 0))
	a.configure(&lambda.UpdateFunctionConfigurationInput{Timeout: aws.Int32(50)})
	commands = append(commands, s.command(t, up, s.finds(t, a.env, "function-settings", doctor.Error), 0))
	mended(commands...)
	if c := s.examine(t, a.env).Get("function-settings"); c.Status != doctor.OK {
		t.Errorf("doctor says of the settings: %s", c.Seen)
	}

	// A bucket whose requesters pay, code that does not start, and a role for others.
	s.call(t, http.MethodPatch, "/storage/v1/b/payer", map[string]any{"billing": map[string]any{"requesterPays": true}}, nil)
	commands = []string{s.command(t, causes+"payer-missing", a.payer(), 0)}
	a.code("bootstrap", []byte("#!/bin/sh\nexit 3\n"))
	commands = append(commands, broken("did-not-start", 1))
	a.trust("ec2.amazonaws.com")
	a.configure(&lambda.UpdateFunctionConfigurationInput{MemorySize: aws.Int32(192)}) // the next invocation starts the function
	commands = append(commands, broken("role-trust", 0))
	a.env = s.set(t, a.env, "billingProject", a.env.GoogleProject)
	mended(commands...)

	// Another role, and code of before there were traces.
	other := "gcs-to-s3-mendaws-other"
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	_, err := a.roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &other, AssumeRolePolicyDocument: &document})
	a.check(err)
	a.configure(&lambda.UpdateFunctionConfigurationInput{Role: aws.String("arn:aws:iam::" + a.env.AWSAccount + ":role/" + other)})
	commands = []string{broken("other-role", 0)}
	a.code("bootstrap", []byte(older))
	mended(append(commands, broken("old-function", 0))...)

	// A warm function keeps the session of a role that is made again.
	a.remakeWarm()
	mended(broken("aws-refused", 0), a.session())

	// The way out if setting the role is not enough: the function is deleted, and made again.
	remake()
	advised := s.fails(t, a.env, "variables-grant")
	a.configure(&lambda.UpdateFunctionConfigurationInput{MemorySize: aws.Int32(192)})
	a.deleteRole()
	commands = []string{broken("role-missing", 0)}
	s.must(t, s.command(t, causes+"variables-grant", advised, 1))
	mended(append(commands, s.command(t, causes+"variables-grant", advised, 2), broken("not-deployed", 0),
		s.command(t, "%w; hint: `gcs-to-s3 up %s` deploys it", s.refused(t, "gcs-to-s3 invoke "+a.env.Name), 0))...)

	a.stacks()
	a.takeDown()
}

// configuration is the credential configuration in the bundle.
func (a amazon) configuration() []byte {
	a.t.Helper()
	data, err := os.ReadFile(a.env.CredentialFile(a.root))
	a.check(err)
	return data
}

// session checks the hop of the session, which fails beside that of the principal.
func (a amazon) session() string {
	a.t.Helper()
	for _, h := range a.verify(a.t, a.env).Hops {
		if h.Outcome != "ok" {
			data, _ := json.Marshal(h)
			a.t.Logf("the hop %s", data)
		}
	}
	return a.command(a.t, causes+"role-remade", a.fails(a.t, a.env, "aws-refused"), 0)
}

// payer is what is advised where nobody pays.
func (a amazon) payer() string {
	a.t.Helper()
	var policy map[string]any
	path := "/v1/projects/" + a.env.GoogleProject
	a.call(a.t, http.MethodPost, path+":getIamPolicy", map[string]any{}, &policy)
	bindings, _ := policy["bindings"].([]any)
	policy["bindings"] = append(bindings, map[string]any{"role": "roles/serviceusage.serviceUsageConsumer", "members": []string{"serviceAccount:" + a.env.ServiceAccountEmail()}})
	a.call(a.t, http.MethodPost, path+":setIamPolicy", map[string]any{"policy": policy}, nil)
	return a.fails(a.t, a.env, "payer-missing")
}

// stacks has an update fail, and its rollback, too.
func (a amazon) stacks() {
	t := a.t
	execution, name := fmt.Sprintf("cdk-hnb659fds-cfn-exec-role-%s-%s", a.env.AWSAccount, a.env.AWSRegion), "no-updates"
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"lambda:UpdateFunctionConfiguration","Resource":"*"}]}`
	_, err := a.roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &execution, PolicyName: &name, PolicyDocument: &deny})
	a.check(err)
	a.env = a.set(t, a.env, "timeoutSeconds", "70")
	deploy := fmt.Sprintf("npx cdk deploy -c environment=%s %s", a.env.Name, a.env.FunctionStack())
	if out, err := a.run(t, deploy); err == nil {
		t.Fatalf("what is denied is deployed:\n%s", out)
	}
	_, err = a.roles.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &execution, PolicyName: &name})
	a.check(err)
	a.must(t, a.command(t, "`aws cloudformation continue-update-rollback --stack-name {}`", a.finds(t, a.env, "function-stack", doctor.Error), 0))
	stack := &cloudformation.DescribeStacksInput{StackName: aws.String(a.env.FunctionStack())}
	rolledBack := cloudformation.NewStackRollbackCompleteWaiter(cloudformation.NewFromConfig(a.admin()), func(o *cloudformation.StackRollbackCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = minDelay, maxDelay
	})
	a.check(rolledBack.Wait(t.Context(), stack, patience))
	again := a.command(t, "`npx cdk deploy -c environment=%s %s`", a.finds(t, a.env, "function-stack", doctor.Warning), 0)
	a.must(t, same(t, again, deploy))
	if c := a.examine(t, a.env).Get("function-stack"); c.Status != doctor.OK {
		t.Errorf("doctor says of the stack: %s", c.Seen)
	}
}

// takeDown takes the environment down, past what is in the way.
func (a amazon) takeDown() {
	t := a.t
	down := "gcs-to-s3 down " + a.env.Name
	stuck := func(key string, n int) string {
		t.Helper()
		return a.command(t, key, a.refused(t, down), n)
	}
	client := cloudformation.NewFromConfig(a.admin())
	_, err := client.UpdateTerminationProtection(t.Context(), &cloudformation.UpdateTerminationProtectionInput{StackName: aws.String(a.env.RoleStack()), EnableTerminationProtection: aws.Bool(true)})
	a.check(err)
	lock := filepath.Join(a.Dir, "state", ".pulumi", "locks", "organization", "gcs-to-s3", a.env.Name, "0000.json")
	a.check(os.MkdirAll(filepath.Dir(lock), 0o755))
	a.check(os.WriteFile(lock, []byte(`{"pid":1,"username":"alice","hostname":"elsewhere","timestamp":"2026-11-25T09:00:00Z"}`), 0o600))
	_, err = a.roles.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &a.env.Role, PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")})
	a.check(err)

	a.must(t, stuck("the stack %s has termination protection; hint: `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %[1]s`", 0))
	a.must(t, stuck("wait until it has finished; if it is not running any more, run `pulumi cancel --stack %s`", 0))
	const attached = "a policy that no stack knows is attached to the role: `aws iam list-attached-role-policies --role-name ROLE` lists it, `aws iam detach-role-policy --role-name ROLE --policy-arn ARN` detaches it"
	a.must(t, strings.Replace(stuck(attached, 1), "ARN", "arn:aws:iam::aws:policy/AmazonS3FullAccess", 1))
	a.must(t, down)
	out, err := a.run(t, "gcs-to-s3 status "+a.env.Name)
	if err != nil || strings.Contains(out, "AWS") && strings.Contains(out, "stack") {
		t.Errorf("after down there is %v\n%s", err, out)
	}
}
