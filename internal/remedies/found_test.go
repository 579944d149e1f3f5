package remedies

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/gcs-to-s3/gcs-to-s3/internal/adoption"
	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// mendAPIs enables what a new project has not, so that its things can be seen.
func mendAPIs(t *testing.T, s scene, env environment.Environment) {
	const key = "`gcloud services enable %s --project %s`"
	for range 2 { // APIs, each of which keeps some things from being seen
		s.must(t, s.command(t, key, s.refused(t, "gcs-to-s3 status "+env.Name), 0))
	}
	s.must(t, "gcs-to-s3 status "+env.Name)
}

// mendFound mends what doctor, adopt and the settings find before anything is deployed.
func mendFound(t *testing.T, s scene, env environment.Environment) {
	ok := func(env environment.Environment, check string) {
		t.Helper()
		if c := s.examine(t, env).Get(check); c.Status != doctor.OK && c.Status != doctor.Skipped {
			t.Errorf("doctor says of %s: %s: %s", check, c.Status, c.Seen)
		}
	}
	admin := s.admin()

	elsewhere := env
	elsewhere.DestinationBucket = "mendfound-copies"
	s.must(t, s.command(t, "`aws s3 mb s3://{} --region {}`, or set {} in the environment's file", s.finds(t, elsewhere, "destination-bucket", doctor.Error), 0))
	ok(elsewhere, "destination-bucket")

	s.finds(t, elsewhere, "uploads", doctor.Warning) // it names the page
	s.must(t, s.rule(t, elsewhere))
	ok(elsewhere, "uploads")

	logs := cloudwatchlogs.NewFromConfig(admin)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(env.LogGroup())})
	check(err)
	_, err = logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(env.LogGroup()), LogStreamName: aws.String("2026")})
	check(err)
	advised := s.finds(t, env, "log-group", doctor.Error)
	s.must(t, s.command(t, "{}; or, if its logs are yours, {}; or delete it: `aws logs delete-log-group --log-group-name {}`", advised, strings.Count(advised[:strings.Index(advised, "delete it")], "`")/2))
	ok(env, "log-group")

	// A stack that failed.
	var tags []cfntypes.Tag
	for key, value := range env.Mark().Tags() {
		tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
	}
	template := fmt.Sprintf(`{"Resources":{"Role":{"Type":"AWS::IAM::Role","Properties":{"RoleName":%q,"ManagedPolicyArns":["arn:aws:iam::aws:policy/NoSuchPolicy"],"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}}}}}`, env.Role)
	stacks := cloudformation.NewFromConfig(admin)
	_, err = stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String(env.RoleStack()), TemplateBody: &template, Tags: tags, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}})
	check(err)
	err = cloudformation.NewStackCreateCompleteWaiter(stacks, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = minDelay, maxDelay
	}).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(env.RoleStack())}, patience)
	if err == nil {
		t.Fatal("a role with a policy that does not exist is made")
	}
	s.must(t, s.command(t, "`gcs-to-s3 down {}` removes it; the events say why: `aws cloudformation describe-stack-events --stack-name {}`", s.finds(t, env, "role-stack", doctor.Error), 0))
	ok(env, "role-stack")

	s.mendAdoption(t, env)
	s.mendFile(t)
}

// rule is the command of docs/operations.md that adds a lifecycle rule.
func (s scene) rule(t *testing.T, env environment.Environment) string {
	t.Helper()
	const first = "aws s3api put-bucket-lifecycle-configuration --bucket BUCKET --lifecycle-configuration \\"
	page, err := os.ReadFile(filepath.Join(s.root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "$ "+first+"\n")
	if !ok {
		t.Fatal("docs/operations.md has no such command")
	}
	second, _, _ := strings.Cut(rest, "\n")
	s.ran(t, "docs/operations.md: "+first)
	return strings.Replace(first, "BUCKET", env.DestinationBucket, 1) + "\n" + second
}

// mendUploads removes what an invocation left. It moves the clock, so that nothing else can run.
func mendUploads(t *testing.T, s scene, env environment.Environment) {
	s.oldUpload(t, env)
	s.must(t, s.command(t, "`gcs-to-s3 uploads {} --abort`", s.finds(t, env, "uploads", doctor.Warning), 0))
	if c := s.examine(t, env).Get("uploads"); !strings.Contains(c.Seen, "no lifecycle rule") { // that is all that is left of it
		t.Errorf("doctor says of uploads: %s", c.Seen)
	}
}

// oldUpload makes an upload of the function two days ago.
func (s scene) oldUpload(t *testing.T, env environment.Environment) {
	t.Helper()
	const ago = 48 * time.Hour
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	write := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	roles := iam.NewFromConfig(s.admin())
	if _, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &env.Role, AssumeRolePolicyDocument: &trust}); err != nil {
		t.Fatal(err)
	}
	if _, err := roles.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &env.Role, PolicyName: aws.String("more"), PolicyDocument: &write}); err != nil {
		t.Fatal(err)
	}
	credentials, err := s.Sandbox.AWS.IAM().ServiceRole(env.RoleARN(), "lambda.amazonaws.com", env.Function, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Sandbox.AWSURL+"/"+env.DestinationBucket+"/old?uploads=", nil)
	if err != nil {
		t.Fatal(err)
	}
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	req.Header.Set("X-Amz-Content-Sha256", empty)
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, SessionToken: credentials.SessionToken},
		req, empty, "s3", env.AWSRegion, time.Now().Add(-ago))
	if err != nil {
		t.Fatal(err)
	}
	s.ahead.Store(int64(-ago))
	resp, err := http.DefaultClient.Do(req)
	s.ahead.Store(0)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("beginning an upload: %+v, %v", resp, err)
	}
	resp.Body.Close()
}

// mendAdoption mends what keeps things made by hand from being adopted.
func (s scene) mendAdoption(t *testing.T, env environment.Environment) {
	t.Helper()
	on := paths(s, env)
	pools := on.project + "/locations/global/workloadIdentityPools"
	s.call(t, http.MethodPost, on.project+"/serviceAccounts", map[string]any{"accountId": env.ServiceAccount}, nil)
	s.call(t, http.MethodPost, on.account+":disable", nil, nil)
	s.call(t, http.MethodPost, pools+"?workloadIdentityPoolId="+env.Pool, map[string]any{}, nil)
	s.call(t, http.MethodPost, on.pool+"/providers?workloadIdentityPoolProviderId="+env.Provider, map[string]any{"aws": map[string]any{"accountId": env.AWSAccount}}, nil)
	problems := func() (hints []string) {
		t.Helper()
		both, err := s.Clouds(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := adoption.Of(t.Context(), both, env)
		if err != nil {
			t.Fatal(err)
		}
		for _, thing := range plan.Things {
			for _, p := range thing.Problems {
				hints = append(hints, p.Hint)
			}
		}
		return hints
	}
	mend := func(key string, commands int) {
		t.Helper()
		hints := problems()
		i := slices.IndexFunc(hints, pattern(key).MatchString)
		if i < 0 {
			t.Fatalf("adopt advises %q, not %q", hints, key)
		}
		for n := range commands {
			s.must(t, s.command(t, key, hints[i], n))
		}
		if now := problems(); slices.Contains(now, hints[i]) {
			t.Errorf("adopt still advises %q", hints[i])
		}
	}
	const inline = "turn it into a managed policy, which stays: `aws iam get-role-policy --role-name {} --policy-name {} --query PolicyDocument --output json > policy.json`, " +
		"`aws iam create-policy --policy-name {} --policy-document file://policy.json`, `aws iam attach-role-policy --role-name {} --policy-arn arn:aws:iam::{}:policy/{}`, " +
		"`aws iam delete-role-policy --role-name {} --policy-name {}`"
	t.Cleanup(func() { _ = os.Remove(filepath.Join(s.root, "policy.json")) })
	mend(inline, 4)
	mend("`gcloud iam service-accounts enable {} --project {}`", 1)
	s.call(t, http.MethodPatch, on.pool+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
	mend("`gcloud iam workload-identity-pools update {} --no-disabled {}`", 1)
	s.call(t, http.MethodPatch, on.provider+"?updateMask=disabled", map[string]any{"disabled": true}, nil)
	mend("`gcloud iam workload-identity-pools providers update-aws {} --no-disabled`", 1)
	s.call(t, http.MethodDelete, on.provider, nil, nil)
	mend("`gcloud iam workload-identity-pools providers undelete {}`, if it is yours", 1)
	s.call(t, http.MethodDelete, on.pool, nil, nil)
	mend("`gcloud iam workload-identity-pools undelete {} {}`, and its provider, if they are yours", 1)
}

// mendFile makes the file of an environment that has none.
func (s scene) mendFile(t *testing.T) {
	t.Helper()
	const name = "sandbox-mendfile"
	file := filepath.Join(s.root, environment.FileName(name))
	t.Cleanup(func() { _ = os.Remove(file) })
	_, err := environment.Load(s.root, name)
	if err == nil {
		t.Fatalf("there is a file %s", file)
	}
	const key = "reading environment %q: %s does not exist; hint: `gcs-to-s3 init %s` creates it; or choose an existing environment (cdk: -c environment=NAME, pulumi: --stack NAME)"
	create := s.command(t, key, err.Error(), 0)
	s.must(t, create+" --aws-account 123456789012 --google-project demo-project") // what it would ask for
	if _, err := environment.Load(s.root, name); err != nil {
		t.Error(err)
	}
}
