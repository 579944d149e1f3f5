package adoption

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// article is an environment with the article's names.
func article(t *testing.T, settings map[string]string) environment.Environment {
	t.Helper()
	all := map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"}
	for key, value := range settings {
		all[key] = value
	}
	env, err := environment.Parse("dev", all)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

var (
	articlePolicies = ownership.ArticlePolicies()
	theirs          = environment.Mark{Environment: "prod", ID: "0123456789ab", Owner: "alice"}
	now             = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
)

// said is what is said of a thing: its state, its problems, differing settings, and what it
// keeps.
type said struct {
	State       State
	Problems    []string
	Differences []string
	Left        []string
}

func says(t Thing) said {
	s := said{State: t.State, Left: t.Left}
	for _, p := range t.Problems {
		s.Problems = append(s.Problems, p.Why)
	}
	for _, d := range t.Differences {
		s.Differences = append(s.Differences, d.Setting)
	}
	return s
}

// check judges one thing and compares what is said of it.
func check(t *testing.T, p Plan, want said, imports bool) {
	t.Helper()
	if len(p.Things) != 1 {
		t.Fatalf("there are %d things", len(p.Things))
	}
	if diff := cmp.Diff(want, says(p.Things[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Role != nil || p.Function != nil || p.Logs != nil; got != imports {
		t.Errorf("it is imported: %v, want %v", got, imports)
	}
	for _, problem := range p.Things[0].Problems {
		if problem.Hint == "" {
			t.Errorf("no hint about %q", problem.Why)
		}
	}
	if (p.Err() != nil) != (want.State == Refused) {
		t.Errorf("as an error: %v", p.Err())
	}
}

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

func tags(m environment.Mark) []iamtypes.Tag {
	var out []iamtypes.Tag
	for key, value := range m.Tags() {
		out = append(out, iamtypes.Tag{Key: &key, Value: &value})
	}
	return out
}

func TestRole(t *testing.T) {
	t.Parallel()
	plain := []string{"description", "policies"}
	for _, tt := range []struct {
		name     string
		settings map[string]string
		change   func(*role)
		want     said
		imports  bool
		detach   int
	}{
		{name: "the article's", want: said{State: Adopt, Differences: plain}, imports: true, detach: 2},
		{name: "the article's, with its policies", settings: map[string]string{"rolePolicies": "article"}, want: said{State: Adopt, Differences: plain[:1]}, imports: true},
		{name: "cut off after the import", change: func(r *role) { r.stack = "gcs-to-s3-dev-role" }, want: said{State: Adopt, Differences: plain}, detach: 2},
		{name: "cut off before the policies are detached", change: func(r *role) {
			r.stack, r.Description = "gcs-to-s3-dev-role", aws.String(ownership.RoleDescription)
			r.Tags = tags(environment.Mark{Environment: "dev", ID: "4bf872cfd8c5"})
			r.policies.Inline = map[string]any{"write-destination": nil, "find-uploads": nil, "write-logs": nil}
		}, want: said{State: Adopt, Differences: plain[1:]}, detach: 2},
		{name: "adopted", change: func(r *role) {
			r.stack, r.Description = "gcs-to-s3-dev-role", aws.String(ownership.RoleDescription)
			r.Tags = tags(environment.Mark{Environment: "dev", ID: "4bf872cfd8c5"})
			r.policies = clouds.RolePolicies{Inline: map[string]any{"write-destination": nil, "find-uploads": nil, "write-logs": nil}}
		}, want: said{State: Ours}},
		{name: "another environment's", change: func(r *role) { r.Tags = tags(theirs) },
			want: said{State: Refused, Problems: []string{"belongs to the environment prod, of alice"}, Differences: plain}, detach: 2},
		{name: "of another stack", change: func(r *role) { r.stack = "billing" },
			want: said{State: Refused, Problems: []string{"is part of the stack billing"}, Differences: plain}, detach: 2},
		{name: "with a path", change: func(r *role) { r.Path = aws.String("/service-role/") },
			want: said{State: Refused, Problems: []string{"has the path /service-role/, and CloudFormation would replace it to change that"}, Differences: plain}, detach: 2},
		{name: "of a user, too", change: func(r *role) {
			r.AssumeRolePolicyDocument = aws.String(url.PathEscape(strings.Replace(trust, `"Service":`, `"AWS":"arn:aws:iam::123456789012:root","Service":`, 1)))
		}, want: said{State: Refused, Problems: []string{"can also be assumed by arn:aws:iam::123456789012:root, which would lose it"}, Differences: []string{"description", "trust policy", "policies"}}, detach: 2},
		{name: "of everybody", change: func(r *role) {
			r.AssumeRolePolicyDocument = aws.String(`{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`)
		}, want: said{State: Refused, Problems: []string{"can also be assumed by *, which would lose it"}, Differences: []string{"description", "trust policy", "policies"}}, detach: 2},
		{name: "with a condition on its trust", change: func(r *role) {
			r.AssumeRolePolicyDocument = aws.String(strings.Replace(trust, `"Action"`, `"Condition":{},"Action"`, 1))
		}, want: said{State: Adopt, Differences: []string{"description", "trust policy", "policies"}}, imports: true, detach: 2},
		{name: "with an inline policy", change: func(r *role) { r.policies.Inline = map[string]any{"more": nil} },
			want: said{State: Refused, Problems: []string{"has the inline policy more, which a deployment would delete"}, Differences: plain}, detach: 2},
		{name: "with a further policy", change: func(r *role) { r.policies.Attached = append(r.policies.Attached, "arn:aws:iam::aws:policy/More") },
			want: said{State: Adopt, Differences: plain, Left: []string{"the policy arn:aws:iam::aws:policy/More; detach it before `gcs-to-s3 down`, which cannot delete a role that has it"}}, imports: true, detach: 2},
		{name: "with a further policy beside the article's", settings: map[string]string{"rolePolicies": "article"},
			change: func(r *role) { r.policies.Attached = append(r.policies.Attached, "arn:aws:iam::aws:policy/More") },
			want:   said{State: Refused, Problems: []string{"has the policy arn:aws:iam::aws:policy/More, which a deployment would detach"}, Differences: plain[:1]}},
		{name: "of another function, too", change: func(r *role) { r.users = []string{"report"} },
			want: said{State: Refused, Problems: []string{"is also used by report, which would lose the rights of the article's policies"}, Differences: plain}, detach: 2},
		{name: "of another function, too, and with the article's policies", settings: map[string]string{"rolePolicies": "article"}, change: func(r *role) { r.users = []string{"report"} },
			want: said{State: Adopt, Differences: plain[:1]}, imports: true},
		{name: "with a boundary", change: func(r *role) {
			r.PermissionsBoundary = &iamtypes.AttachedPermissionsBoundary{PermissionsBoundaryArn: aws.String("arn:aws:iam::123456789012:policy/b")}
		}, want: said{State: Adopt, Differences: plain, Left: []string{"the permissions boundary arn:aws:iam::123456789012:policy/b; the setting permissionsBoundary makes it the environment's"}}, imports: true, detach: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := article(t, tt.settings)
			r := role{
				Role:     &iamtypes.Role{RoleName: &env.Role, Path: aws.String("/"), AssumeRolePolicyDocument: aws.String(url.PathEscape(trust))},
				policies: clouds.RolePolicies{Attached: append([]string{}, articlePolicies...)},
			}
			if tt.change != nil {
				tt.change(&r)
			}
			var p Plan
			if err := p.role(env, r); err != nil {
				t.Fatal(err)
			}
			check(t, p, tt.want, tt.imports)
			if len(p.Detach) != tt.detach {
				t.Errorf("it detaches %v, want %d", p.Detach, tt.detach)
			}
		})
	}
}

// TestRoleIsImportedAsItIs: what the environment's role does not have stays out of the stack,
// which so leaves it alone.
func TestRoleIsImportedAsItIs(t *testing.T) {
	t.Parallel()
	env := article(t, nil)
	var p Plan
	if err := p.role(env, role{
		Role:     &iamtypes.Role{RoleName: &env.Role, Path: aws.String("/"), Description: aws.String("by hand"), AssumeRolePolicyDocument: aws.String(trust)},
		policies: clouds.RolePolicies{Attached: append([]string{"arn:aws:iam::aws:policy/More"}, articlePolicies...)},
	}); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"RoleName": "gcs-to-s3-role", "Description": "by hand", "AssumeRolePolicyDocument": lambdaTrust()}
	if diff := cmp.Diff(want, p.Role.Properties); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFunction(t *testing.T) {
	t.Parallel()
	plain := []string{"description", "timeout", "memory", "variables", "code"}
	own := environment.Mark{Environment: "dev", ID: "4bf872cfd8c5"}
	for _, tt := range []struct {
		name    string
		stack   string
		change  func(*lambda.GetFunctionOutput)
		want    said
		imports bool
	}{
		{name: "the article's", want: said{State: Adopt, Differences: plain}, imports: true},
		{name: "in Python", change: func(f *lambda.GetFunctionOutput) {
			f.Configuration.Runtime, f.Configuration.Handler = lambdatypes.RuntimePython313, aws.String("lambda_function.lambda_handler")
		}, want: said{State: Adopt, Differences: []string{"description", "runtime", "handler", "timeout", "memory", "variables", "code"}}, imports: true},
		{name: "cut off after the import", stack: "gcs-to-s3-dev-function", want: said{State: Adopt, Differences: plain}},
		{name: "adopted", stack: "gcs-to-s3-dev-function", change: func(f *lambda.GetFunctionOutput) {
			env := article(t, nil)
			f.Tags, f.Configuration.Description, f.Configuration.Timeout, f.Configuration.MemorySize = own.Tags(), aws.String(ownership.FunctionDescription(env)), aws.Int32(300), aws.Int32(512)
			f.Configuration.Environment.Variables = env.Variables()
		}, want: said{State: Ours}},
		{name: "another environment's", change: func(f *lambda.GetFunctionOutput) { f.Tags = theirs.Tags() },
			want: said{State: Refused, Problems: []string{"belongs to the environment prod, of alice"}, Differences: plain}},
		{name: "of another stack", stack: "billing", want: said{State: Refused, Problems: []string{"is part of the stack billing"}, Differences: plain}},
		{name: "an image", change: func(f *lambda.GetFunctionOutput) { f.Configuration.PackageType = lambdatypes.PackageTypeImage },
			want: said{State: Refused, Problems: []string{"is a container image, and CloudFormation would replace it to change that"}, Differences: plain}},
		{name: "of another role", change: func(f *lambda.GetFunctionOutput) {
			f.Configuration.Role = aws.String("arn:aws:iam::123456789012:role/another")
		}, want: said{State: Refused, Problems: []string{"runs as arn:aws:iam::123456789012:role/another, and not as arn:aws:iam::123456789012:role/gcs-to-s3-role"}, Differences: plain}},
		{name: "of another architecture", change: func(f *lambda.GetFunctionOutput) {
			f.Configuration.Architectures = []lambdatypes.Architecture{lambdatypes.ArchitectureX8664}
		}, want: said{State: Refused, Problems: []string{"is built for x86_64, and changing it to arm64 would interrupt it"}, Differences: plain}},
		{name: "being updated", change: func(f *lambda.GetFunctionOutput) {
			f.Configuration.LastUpdateStatus = lambdatypes.LastUpdateStatusInProgress
		}, want: said{State: Refused, Problems: []string{"is being updated"}, Differences: plain}},
		{name: "failed", change: func(f *lambda.GetFunctionOutput) { f.Configuration.State = lambdatypes.StateFailed },
			want: said{State: Refused, Problems: []string{"is Failed"}, Differences: plain}},
		{name: "with variables that cannot be read", change: func(f *lambda.GetFunctionOutput) {
			f.Configuration.Environment = &lambdatypes.EnvironmentResponse{Error: &lambdatypes.EnvironmentError{Message: aws.String("no right to the key")}}
		}, want: said{State: Refused, Problems: []string{"has variables that cannot be read: no right to the key"}, Differences: plain}},
		{name: "with more", change: func(f *lambda.GetFunctionOutput) {
			f.Configuration.Layers = []lambdatypes.Layer{{Arn: aws.String("arn:layer")}}
			f.Configuration.VpcConfig = &lambdatypes.VpcConfigResponse{VpcId: aws.String("vpc-1")}
			f.Configuration.LoggingConfig = &lambdatypes.LoggingConfig{LogGroup: aws.String("elsewhere")}
			f.Configuration.DeadLetterConfig = &lambdatypes.DeadLetterConfig{TargetArn: aws.String("arn:queue")}
		}, want: said{State: Adopt, Differences: []string{"description", "timeout", "memory", "variables", "log group", "code"},
			Left: []string{"the layer arn:layer", "the VPC vpc-1, from which it reaches Google only through a NAT", "the dead-letter target arn:queue"}}, imports: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := article(t, nil)
			f := &lambda.GetFunctionOutput{Configuration: &lambdatypes.FunctionConfiguration{
				FunctionName: &env.Function, Role: aws.String(env.RoleARN()), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("bootstrap"),
				Timeout: aws.Int32(30), MemorySize: aws.Int32(128), Architectures: []lambdatypes.Architecture{lambdatypes.ArchitectureArm64}, State: lambdatypes.StateActive,
				Environment: &lambdatypes.EnvironmentResponse{Variables: map[string]string{"GOOGLE_CLOUD_PROJECT": "demo-project", "PASSWORD": "secret"}},
			}}
			if tt.change != nil {
				tt.change(f)
			}
			var p Plan
			p.function(env, f, tt.stack)
			for _, d := range p.Things[0].Differences {
				if strings.Contains(d.Found, "secret") {
					t.Errorf("it shows a value that may be secret: %v", d)
				}
			}
			p.Things[0].Differences = summed(p.Things[0].Differences)
			check(t, p, tt.want, tt.imports)
			if p.HandOver != (tt.want.State != Ours) {
				t.Errorf("its code is exchanged: %v", p.HandOver)
			}
		})
	}
}

// summed are differences with those of variables as one.
func summed(all []Difference) []Difference {
	var out []Difference
	for _, d := range all {
		if strings.HasPrefix(d.Setting, "variable ") {
			if d.Setting = "variables"; len(out) > 0 && out[len(out)-1].Setting == d.Setting {
				continue
			}
		}
		out = append(out, d)
	}
	return out
}

// TestElsewhere: a function that is missing here may be in another region.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]said{
		"": {State: Absent}, "ap-northeast-1": {State: Absent},
		"us-east-1": {State: Refused, Problems: []string{"does not exist in ap-northeast-1, but its role was last used in us-east-1"}},
	} {
		var p Plan
		p.elsewhere(article(t, nil), &iamtypes.Role{RoleLastUsed: &iamtypes.RoleLastUsed{Region: &region}})
		check(t, p, want, false)
	}
}

func TestLogGroup(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name     string
		settings map[string]string
		age      time.Duration
		change   func(*logtypes.LogGroup)
		tags     environment.Mark
		stack    string
		want     said
		imports  bool
	}{
		{name: "Lambda's", age: day, want: said{State: Adopt, Differences: []string{"retention"}}, imports: true},
		{name: "old and empty", age: 90 * day, change: func(g *logtypes.LogGroup) { g.StoredBytes = nil }, want: said{State: Adopt, Differences: []string{"retention"}}, imports: true},
		{name: "old", age: 90 * day, want: said{State: Refused, Problems: []string{"may hold lines older than 30 days, which would be deleted"}, Differences: []string{"retention"}}},
		{name: "old, and kept longer", settings: map[string]string{"logRetentionDays": "365"}, age: 90 * day, want: said{State: Adopt, Differences: []string{"retention"}}, imports: true},
		{name: "old, and kept no longer before", age: 90 * day, change: func(g *logtypes.LogGroup) { g.RetentionInDays = aws.Int32(14) }, want: said{State: Adopt, Differences: []string{"retention"}}, imports: true},
		{name: "of another class", age: day, change: func(g *logtypes.LogGroup) { g.LogGroupClass = logtypes.LogGroupClassInfrequentAccess },
			want: said{State: Refused, Problems: []string{"is of the class INFREQUENT_ACCESS, which cannot be changed"}, Differences: []string{"retention"}}},
		{name: "another environment's", age: day, tags: theirs, want: said{State: Refused, Problems: []string{"belongs to the environment prod, of alice"}, Differences: []string{"retention"}}},
		{name: "of another stack", age: day, stack: "billing", want: said{State: Refused, Problems: []string{"is part of the stack billing"}, Differences: []string{"retention"}}},
		{name: "adopted", age: day, stack: "gcs-to-s3-dev-function", tags: environment.Mark{Environment: "dev", ID: "4bf872cfd8c5"},
			change: func(g *logtypes.LogGroup) { g.RetentionInDays = aws.Int32(30) }, want: said{State: Ours}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := article(t, tt.settings)
			group := logtypes.LogGroup{LogGroupName: aws.String(env.LogGroup()), StoredBytes: aws.Int64(1), CreationTime: aws.Int64(now.Add(-tt.age).UnixMilli())}
			if tt.change != nil {
				tt.change(&group)
			}
			var marks map[string]string
			if tt.tags.Environment != "" {
				marks = tt.tags.Tags()
			}
			var p Plan
			p.logGroup(env, group, marks, tt.stack, now)
			check(t, p, tt.want, tt.imports)
		})
	}
}

const (
	within   = "://iam.googleapis.com/projects/987654321098/locations/global/workloadIdentityPools/aws-connect/"
	assumed  = "arn:aws:sts::123456789012:assumed-role/"
	bindings = "roles/iam.workloadIdentityUser"
	ours     = "the service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"
)

func TestServiceAccount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		settings map[string]string
		change   func(*iam.ServiceAccount)
		want     said
	}{
		{name: "the article's", want: said{State: Adopt, Differences: []string{"display name", "description", "granted"}, Left: []string{"roles/storage.objectViewer on the project demo-project"}}},
		{name: "the article's, with its grant", settings: map[string]string{"viewerScope": "project"}, want: said{State: Adopt, Differences: []string{"display name", "description"}}},
		{name: "disabled", settings: map[string]string{"viewerScope": "project"}, change: func(a *iam.ServiceAccount) { a.Disabled = true },
			want: said{State: Refused, Problems: []string{"is disabled"}, Differences: []string{"display name", "description"}}},
		{name: "another environment's", settings: map[string]string{"viewerScope": "project"}, change: func(a *iam.ServiceAccount) { a.Description = "Read by the AWS role x " + theirs.String() },
			want: said{State: Refused, Problems: []string{"belongs to the environment prod, of alice"}, Differences: []string{"display name", "description"}}},
		{name: "adopted", settings: map[string]string{"viewerScope": "project"}, change: func(a *iam.ServiceAccount) {
			a.DisplayName, a.Description = "GCS to S3", "Read by the AWS role gcs-to-s3-role [gcs-to-s3 dev id=4bf872cfd8c5]"
		}, want: said{State: Ours}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := article(t, tt.settings)
			a := &iam.ServiceAccount{Email: env.ServiceAccountEmail(), DisplayName: "by hand"}
			if tt.change != nil {
				tt.change(a)
			}
			var p Plan
			p.account(env, a, []grant{{"roles/storage.objectViewer", "serviceAccount:" + a.Email, "the project demo-project"}, {"roles/owner", "user:alice@example.com", "the project demo-project"}})
			check(t, p, tt.want, false)
		})
	}
}

func TestPool(t *testing.T) {
	t.Parallel()
	const granted = "granted to " + assumed + "gcs-to-s3-role"
	for _, tt := range []struct {
		name      string
		settings  map[string]string
		pool      iam.WorkloadIdentityPool
		providers []string
		members   []grant
		want      said
	}{
		{name: "the article's", members: []grant{{bindings, "principalSet" + within + "attribute.aws_role/" + assumed + "gcs-to-s3-role", ours}},
			want: said{State: Adopt, Differences: []string{"description"}}},
		{name: "for direct access", settings: map[string]string{"directAccess": "true"}, members: []grant{
			{"roles/storage.objectViewer", "principalSet" + within + "attribute.aws_role/" + assumed + "gcs-to-s3-role", "the bucket s3-gcs-connect"},
		}, want: said{State: Adopt, Differences: []string{"description"}}},
		{name: "of trusted roles", settings: map[string]string{"trustedRoles": "report"}, members: []grant{
			{bindings, "principalSet" + within + "attribute.aws_role/" + assumed + "gcs-to-s3-role", ours}, {bindings, "principalSet" + within + "attribute.aws_role/" + assumed + "report", ours},
		}, want: said{State: Adopt, Differences: []string{"description"}}},
		{name: "without the binding", want: said{State: Adopt, Differences: []string{"description", granted}}},
		{name: "with more", providers: []string{"aws-connect", "github"}, members: []grant{
			{bindings, "principalSet" + within + "attribute.aws_role/" + assumed + "gcs-to-s3-role", ours}, {"roles/viewer", "principal" + within + "subject/x", "the project demo-project"},
		}, want: said{State: Adopt, Differences: []string{"description"}, Left: []string{
			"the provider github; `gcs-to-s3 down` keeps the pool while it has it", "roles/viewer of principal" + within + "subject/x on the project demo-project"}}},
		{name: "deleted", pool: iam.WorkloadIdentityPool{State: "DELETED", ExpireTime: "2026-12-24T00:00:00Z"},
			want: said{State: Refused, Problems: []string{"is deleted, and keeps its id until 2026-12-24T00:00:00Z"}, Differences: []string{"description", granted}}},
		{name: "deleted, and the environment's", pool: iam.WorkloadIdentityPool{State: "DELETED", Description: "Admits AWS account 123456789012 [gcs-to-s3 dev id=4bf872cfd8c5]"},
			want: said{State: Adopt, Differences: []string{granted}}},
		{name: "disabled", pool: iam.WorkloadIdentityPool{Disabled: true}, want: said{State: Refused, Problems: []string{"is disabled"}, Differences: []string{"description", granted}}},
		{name: "another environment's", pool: iam.WorkloadIdentityPool{Description: "Admits AWS account 123456789012 " + theirs.String()},
			want: said{State: Refused, Problems: []string{"belongs to the environment prod, of alice"}, Differences: []string{"description", granted}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := tt.pool
			pool.DisplayName = "aws-connect"
			var providers []*iam.WorkloadIdentityPoolProvider
			for _, id := range tt.providers {
				providers = append(providers, &iam.WorkloadIdentityPoolProvider{Name: "projects/1/locations/global/workloadIdentityPools/aws-connect/providers/" + id})
			}
			var p Plan
			p.pool(article(t, tt.settings), &pool, providers, tt.members)
			check(t, p, tt.want, false)
		})
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	plain := []string{"description", "condition"}
	role := func(name string) grant {
		return grant{bindings, "principalSet" + within + "attribute.aws_role/" + assumed + name, ours}
	}
	for _, tt := range []struct {
		name     string
		settings map[string]string
		change   func(*iam.WorkloadIdentityPoolProvider)
		members  []grant
		want     said
	}{
		{name: "the article's", members: []grant{role("gcs-to-s3-role")}, want: said{State: Adopt, Differences: plain}},
		{name: "with Google's default mapping, written out", change: func(p *iam.WorkloadIdentityPoolProvider) { p.AttributeMapping = names.Mapping() }, want: said{State: Adopt, Differences: plain}},
		{name: "with another mapping", change: func(p *iam.WorkloadIdentityPoolProvider) {
			p.AttributeMapping = map[string]string{"google.subject": "assertion.userid"}
		}, want: said{State: Adopt, Differences: []string{"description", "mapping of attribute.aws_role", "mapping of google.subject", "condition"}}},
		{name: "of another account", change: func(p *iam.WorkloadIdentityPoolProvider) { p.Aws.AccountId = "210987654321" },
			want: said{State: Refused, Problems: []string{"admits the AWS account 210987654321, and not 123456789012"}, Differences: plain}},
		{name: "not for AWS", change: func(p *iam.WorkloadIdentityPoolProvider) { p.Aws = nil }, want: said{State: Refused, Problems: []string{"is not a provider for AWS"}, Differences: plain}},
		{name: "deleted", change: func(p *iam.WorkloadIdentityPoolProvider) { p.State, p.ExpireTime = "DELETED", "2026-12-24T00:00:00Z" },
			want: said{State: Refused, Problems: []string{"is deleted, and keeps its id until 2026-12-24T00:00:00Z"}, Differences: plain}},
		{name: "disabled", change: func(p *iam.WorkloadIdentityPoolProvider) { p.Disabled = true }, want: said{State: Refused, Problems: []string{"is disabled"}, Differences: plain}},
		{name: "another environment's", change: func(p *iam.WorkloadIdentityPoolProvider) { p.Description = "Admits the role x " + theirs.String() },
			want: said{State: Refused, Problems: []string{"belongs to the environment prod, of alice"}, Differences: plain}},
		{name: "of another role, too", members: []grant{role("report")},
			want: said{State: Refused, Problems: []string{"would no longer admit " + assumed + "report, which has " + bindings + " on " + ours}, Differences: plain}},
		{name: "of another role that is trusted", settings: map[string]string{"trustedRoles": "report"}, members: []grant{role("report")}, want: said{State: Adopt, Differences: plain}},
		{name: "of a role whose name begins alike", members: []grant{role("gcs-to-s3-role-evil")},
			want: said{State: Refused, Problems: []string{"would no longer admit " + assumed + "gcs-to-s3-role-evil, which has " + bindings + " on " + ours}, Differences: plain}},
		{name: "of a session of the role", members: []grant{{bindings, "principal" + within + "subject/" + assumed + "gcs-to-s3-role/gcs-to-s3", ours}}, want: said{State: Adopt, Differences: plain}},
		{name: "of a role of another account", members: []grant{{bindings, "principalSet" + within + "attribute.aws_role/arn:aws:sts::210987654321:assumed-role/x", ours}}, want: said{State: Adopt, Differences: plain}},
		{name: "of everybody in the pool", members: []grant{{bindings, "principalSet" + within + "*", ours}},
			want: said{State: Refused, Problems: []string{"would no longer admit other roles of the account, which has " + bindings + " on " + ours}, Differences: plain}},
		{name: "of an attribute", members: []grant{{bindings, "principalSet" + within + "attribute.account/123456789012", ours}},
			want: said{State: Refused, Problems: []string{"would no longer admit attribute.account/123456789012, which has " + bindings + " on " + ours}, Differences: plain}},
		{name: "adopted", change: func(p *iam.WorkloadIdentityPoolProvider) {
			p.Description, p.AttributeMapping = "Admits the role gcs-to-s3-role [gcs-to-s3 dev id=4bf872cfd8c5]", names.Mapping()
			p.AttributeCondition = names.Condition("123456789012", "gcs-to-s3-role")
		}, members: []grant{role("report")}, want: said{State: Ours}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := article(t, tt.settings)
			provider := &iam.WorkloadIdentityPoolProvider{DisplayName: "aws-connect", State: "ACTIVE", Aws: &iam.Aws{AccountId: "123456789012"}}
			if tt.change != nil {
				tt.change(provider)
			}
			var p Plan
			p.provider(env, accountsOf(env)[0], provider, tt.members)
			check(t, p, tt.want, false)
		})
	}
}
