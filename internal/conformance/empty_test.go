package conformance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/denials"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// given are variables that name a place rightly.
func given() map[string]string {
	return map[string]string{
		Guard:           "I own AWS account 210987654321 and Google Cloud project throwaway-42, and they may be emptied",
		accountVariable: "210987654321", regionVariable: "ap-northeast-1", projectVariable: "throwaway-42",
		sourceVariable: "throwaway-42-source", destinationVariable: "throwaway-42-destination",
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	lookup := func(variables map[string]string) func(string) string {
		return func(name string) string { return variables[name] }
	}
	place, real, err := Named(lookup(given()))
	if diff := cmp.Diff(Place{"210987654321", "ap-northeast-1", "throwaway-42", "throwaway-42-source", "throwaway-42-destination"}, place); diff != "" || !real || err != nil {
		t.Errorf("real %v, %v, place (-want +got):\n%s", real, err, diff)
	}
	without := given()
	delete(without, Guard)
	if _, real, err := Named(lookup(without)); real || err != nil {
		t.Errorf("without the guard: real %v, %v", real, err)
	}
	for name, variables := range map[string]map[string]string{
		Guard:                {Guard: "1"},
		Guard + ": another":  {Guard: strings.Replace(given()[Guard], "throwaway-42", "production", 1)},
		accountVariable:      {accountVariable: "12"},
		regionVariable:       {regionVariable: "eu-west-1"},
		regionVariable + " ": {regionVariable: ""},
		projectVariable:      {projectVariable: ""},
		sourceVariable:       {sourceVariable: ""},
		destinationVariable:  {destinationVariable: "throwaway-42-source"},
	} {
		all := given()
		for variable, value := range variables {
			all[variable] = value
		}
		variable, _, _ := strings.Cut(strings.TrimSpace(name), ":")
		if _, real, err := Named(lookup(all)); !real || err == nil || !strings.HasPrefix(err.Error(), variable+":") || !strings.Contains(err.Error(), "hint:") {
			t.Errorf("%v: real %v, %v, want an error about %s", variables, real, err, variable)
		}
	}
	none := map[string]string{Guard: "yes"}
	_, _, err = Named(lookup(none))
	for _, variable := range []string{accountVariable, regionVariable, projectVariable, sourceVariable, destinationVariable} {
		if err == nil || !strings.Contains(err.Error(), variable+`: ""`) {
			t.Errorf("%v does not name %s", err, variable)
		}
	}
}

// reading are the operations that change nothing.
var reading = regexp.MustCompile(`^(Get|List|Describe|Head)|\.(get|list|getIamPolicy)$`)

func TestCheckEmpty(t *testing.T) {
	t.Parallel()
	cfg := func(a sandboxtest.Access) aws.Config { return a.Configure(a.Owner) }
	call := func(method, path string, body any) func(*testing.T, *sandboxtest.Access, *Place) {
		return func(t *testing.T, a *sandboxtest.Access, _ *Place) { a.Call(t, method, path, body, nil) }
	}
	name := func(change func(*Place)) func(*testing.T, *sandboxtest.Access, *Place) {
		return func(_ *testing.T, _ *sandboxtest.Access, p *Place) { change(p) }
	}
	on := func(do func(t *testing.T, a sandboxtest.Access) error) func(*testing.T, *sandboxtest.Access, *Place) {
		return func(t *testing.T, a *sandboxtest.Access, _ *Place) {
			if err := do(t, *a); err != nil {
				t.Fatal(err)
			}
		}
	}
	destination := &sandboxtest.Defaults.DestinationBucket
	const project = "/v1/projects/" + sandbox.Project
	for _, tt := range []struct {
		name string
		make func(*testing.T, *sandboxtest.Access, *Place)
		want string // in the error; empty: there is none
	}{
		{"empty", name(func(*Place) {}), ""},
		{"the bootstrap of the CDK", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).CreateBucket(t.Context(), sandboxtest.Bucket("cdk-hnb659fds-assets-123456789012-ap-northeast-1"))
			return err
		}), ""},
		{"another account", name(func(p *Place) { p.Account = "210987654321" }), `GCS_TO_S3_AWS_ACCOUNT: "210987654321": must be the account of your AWS credentials, which is 123456789012`},
		{"another project", name(func(p *Place) { p.Project = "production" }), `GCS_TO_S3_GOOGLE_PROJECT: "production": must be a project`},
		{"another region", name(func(p *Place) { p.Region = "us-east-2" }), `GCS_TO_S3_DESTINATION_BUCKET: "s3-gcs-connect": must be in region us-east-2, and is in "ap-northeast-1"`},
		{"a destination that is not there", name(func(p *Place) { p.DestinationBucket = "missing" }), `GCS_TO_S3_DESTINATION_BUCKET: "missing": must be a bucket of account 123456789012`},
		{"a source that is not there", name(func(p *Place) { p.SourceBucket = "missing" }), `GCS_TO_S3_SOURCE_BUCKET: "missing": must be a bucket of project demo-project`},
		{"a session's key", func(t *testing.T, a *sandboxtest.Access, _ *Place) {
			a.Trusted = `"AWS":"123456789012"`
			a.MakeRole(t, "admin", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
			a.Owner = session(t, *a, "admin")
		}, "assumed-role/admin/me: must be the access key of an IAM user"},
		{"a function", func(t *testing.T, a *sandboxtest.Access, _ *Place) {
			a.MakeRole(t, "somebodys", "")
			if _, err := lambda.NewFromConfig(cfg(*a)).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
				FunctionName: aws.String("somebodys"), Role: aws.String("arn:aws:iam::123456789012:role/somebodys"), Runtime: lambdatypes.RuntimeProvidedal2023,
				Handler: aws.String("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: emptyZip},
			}); err != nil {
				t.Fatal(err)
			}
		}, "account 123456789012: must have no functions, and has somebodys"},
		{"a stack", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := cloudformation.NewFromConfig(cfg(a)).CreateStack(t.Context(), &cloudformation.CreateStackInput{
				StackName: aws.String("somebodys"), TemplateBody: aws.String(`{"Resources":{"L":{"Type":"AWS::Logs::LogGroup"}}}`)})
			return err
		}), "must have no stacks but CDKToolkit, and has somebodys"},
		{"a state machine", func(t *testing.T, a *sandboxtest.Access, _ *Place) {
			role, err := iam.NewFromConfig(cfg(*a)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("somebodys"),
				AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sfn.NewFromConfig(cfg(*a)).CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{Name: aws.String("somebodys"), RoleArn: role.Role.Arn,
				Definition: aws.String(`{"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}`)}); err != nil {
				t.Fatal(err)
			}
		}, "must have no state machines, and has somebodys"},
		{"a queue", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := sqs.NewFromConfig(cfg(a)).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("somebodys")})
			return err
		}), "must have no queues, and has"},
		{"another bucket in S3", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).CreateBucket(t.Context(), sandboxtest.Bucket("somebodys"))
			return err
		}), "must have no buckets but the named one and the CDK's, and has somebodys"},
		{"a role of an environment", func(t *testing.T, a *sandboxtest.Access, _ *Place) { a.MakeRole(t, "gcs-to-s3-role", "") },
			"must have no roles with names of the suite, and has gcs-to-s3-role"},
		{"a role of a suite that died", func(t *testing.T, a *sandboxtest.Access, _ *Place) { a.MakeRole(t, "denials-role-x", "") },
			"must have no roles with names of the suite, and has denials-role-x"},
		{"an object in the destination", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).PutObject(t.Context(), &s3.PutObjectInput{Bucket: destination, Key: aws.String("somebodys.txt"), Body: strings.NewReader("x")})
			return err
		}), "s3://s3-gcs-connect: must have no objects, and has somebodys.txt"},
		{"an upload to the destination", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: destination, Key: aws.String("somebodys.txt")})
			return err
		}), "must have no incomplete uploads, and has somebodys.txt"},
		{"versions in the destination", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: destination,
				VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}})
			return err
		}), "must have no versioning, and has Enabled"},
		{"a policy of the destination", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: destination, Policy: aws.String(
				`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::s3-gcs-connect/x"}]}`)})
			return err
		}), "must have no bucket policy"},
		{"lifecycle rules of the destination", on(func(t *testing.T, a sandboxtest.Access) error {
			_, err := s3.NewFromConfig(cfg(a)).PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: destination,
				LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: []s3types.LifecycleRule{{
					Status: s3types.ExpirationStatusEnabled, Filter: &s3types.LifecycleRuleFilter{Prefix: aws.String("")},
					AbortIncompleteMultipartUpload: &s3types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)}}}}})
			return err
		}), "must have no lifecycle rules"},
		{"a pool", call("POST", project+"/locations/global/workloadIdentityPools?workloadIdentityPoolId=somebodys", map[string]any{}),
			"project demo-project: must have no workload identity pools, and has somebodys"},
		{"a service account of an environment", call("POST", project+"/serviceAccounts", map[string]any{"accountId": "gcs-to-s3-sa-pr7"}),
			"must have no service accounts with names of the suite, and has gcs-to-s3-sa-pr7@"},
		{"another bucket in Cloud Storage", call("POST", "/storage/v1/b?project="+sandbox.Project, map[string]any{"name": "somebodys"}),
			"must have no buckets but the named one, and has somebodys"},
		{"an object in the source", func(t *testing.T, a *sandboxtest.Access, _ *Place) {
			a.Upload(t, a.Names.SourceBucket, "somebodys.txt", "text/plain", strings.NewReader("x"))
		}, "gs://s3-gcs-connect: must have no objects, and has somebodys.txt"},
		{"requesters that pay", call("PATCH", "/storage/v1/b/"+sandboxtest.Defaults.SourceBucket, map[string]any{"billing": map[string]bool{"requesterPays": true}}),
			"GCS_TO_S3_SOURCE_BUCKET"},
		{"an API that is not enabled", call("POST", project+"/services/iam.googleapis.com:disable", nil), "listing the workload identity pools of project demo-project: 403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, access := clouds(t)
			place := Place{sandbox.Account, sandbox.Region, sandbox.Project, access.Names.SourceBucket, access.Names.DestinationBucket}
			tt.make(t, &access, &place)
			from := s.Journal.Position()
			got, err := CheckEmpty(t.Context(), place, access)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "" && (got.OwnerARN != sandboxtest.OwnerARN || got.Names.ProjectNumber != sandbox.ProjectNumber):
				t.Errorf("the access is %s's, to project number %s", got.OwnerARN, got.Names.ProjectNumber)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			entries := s.Journal.Since(from)
			for _, e := range entries {
				if !reading.MatchString(e.Operation) {
					t.Errorf("%s %s was asked for", e.Service, e.Operation)
				}
			}
			if len(entries) == 0 {
				t.Error("nothing was asked")
			}
		})
	}
}

// TestLifeIsTakenDown: whatever command fails, the environment and the objects go.
func TestLifeIsTakenDown(t *testing.T) {
	t.Parallel()
	for _, fails := range []string{"up", "verify", "invoke", "down"} {
		t.Run(fails, func(t *testing.T) {
			t.Parallel()
			_, access := clouds(t)
			dir := t.TempDir()
			binary := filepath.Join(dir, "gcs-to-s3")
			script := "#!/bin/sh\necho \"$1\" >>\"" + dir + "/asked\"\n[ \"$1\" != " + fails + " ]\n"
			scripttest.Write(t, binary, script)
			err := Life{Access: access, Name: "conformance-x", Root: dir, Binary: binary, Environ: os.Environ(), Say: t.Logf}.Run(t.Context())
			if err == nil || fails != "down" && !strings.Contains(err.Error(), "gcs-to-s3 "+fails+" conformance-x") {
				t.Errorf("got %v, want that of %s", err, fails)
			}
			asked, err := os.ReadFile(filepath.Join(dir, "asked"))
			if err != nil || !strings.HasSuffix(string(asked), "down\n") {
				t.Errorf("asked %q, %v, want down in the end", asked, err)
			}
			if _, err := CheckEmpty(t.Context(), Place{sandbox.Account, sandbox.Region, sandbox.Project, access.Names.SourceBucket, access.Names.DestinationBucket}, access); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestLifeEndsWhenInterrupted: an interruption within a command still ends in down.
func TestLifeEndsWhenInterrupted(t *testing.T) {
	t.Parallel()
	_, access := clouds(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "gcs-to-s3")
	scripttest.Write(t, binary, "#!/bin/sh\necho \"$1\" >>\""+dir+"/asked\"\n")
	ctx, cancel := context.WithCancel(t.Context())
	say := func(_ string, args ...any) {
		if strings.HasPrefix(args[0].(string), "verify") {
			cancel()
		}
	}
	err := Life{Access: access, Name: "conformance-x", Root: dir, Binary: binary, Environ: os.Environ(), Say: say}.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if asked, err := os.ReadFile(filepath.Join(dir, "asked")); err != nil || string(asked) != "up\nverify\ndown\n" {
		t.Errorf("asked %q, %v", asked, err)
	}
	if _, err := CheckEmpty(t.Context(), Place{sandbox.Account, sandbox.Region, sandbox.Project, access.Names.SourceBucket, access.Names.DestinationBucket}, access); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestOpenReal makes no request: it looks at where requests would go.
func TestOpenReal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "google.json")
	if err := os.WriteFile(file, []byte(`{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_ENDPOINT_URL": "",
		"AWS_CONFIG_FILE": file + ".none", "AWS_SHARED_CREDENTIALS_FILE": file + ".none", "GOOGLE_APPLICATION_CREDENTIALS": file,
	} {
		t.Setenv(name, value)
	}
	place := Place{"210987654321", "ap-northeast-1", "throwaway-42", "a", "b"}
	access, err := OpenReal(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	cfg := access.Configure(access.Owner)
	if cfg.BaseEndpoint != nil || cfg.Region != place.Region || access.Owner.AccessKeyID != "AKIAIOSFODNN7EXAMPLE" {
		t.Errorf("AWS: endpoint %v, region %s, key %s", cfg.BaseEndpoint, cfg.Region, access.Owner.AccessKeyID)
	}
	if got := []string{access.S3URL, access.Endpoint("iam"), access.Endpoint("storage")}; !slices.Equal(got,
		[]string{"https://s3.ap-northeast-1.amazonaws.com", "https://iam.googleapis.com", "https://storage.googleapis.com"}) {
		t.Errorf("addresses: %v", got)
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if _, err := OpenReal(t.Context(), place); err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL") {
		t.Errorf("with another address: %v", err)
	}
}

// TestManual: docs/real-clouds.md has the names that the suite reads and makes.
func TestManual(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/real-clouds.md")
	if err != nil {
		t.Fatal(err)
	}
	place := Place{Account: "210987654321", Project: "throwaway-42"}
	made := denials.Names(sandboxtest.Defaults, "MARK")
	want := append([]string{
		accountVariable + "=", regionVariable + "=", projectVariable + "=", sourceVariable + "=", destinationVariable + "=",
		"export " + Guard + `="` + place.Sentence() + `"`, made.Role, made.ServiceAccount, made.Pool, toolkit,
	}, elsewhere...)
	for _, api := range apis {
		want = append(want, api+".googleapis.com")
	}
	for _, text := range want {
		if !strings.Contains(string(data), text) {
			t.Errorf("docs/real-clouds.md does not mention %s", text)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	got := Settings(Place{"210987654321", "ap-northeast-1", "throwaway-42", "a", "b"}, "x7k2", now)
	if got["suffix"] != "-x7k2" || got["expires"] != "2026-11-27T16:00:00Z" || got["owner"] == "" || got["awsAccount"] != "210987654321" {
		t.Errorf("got %v", got)
	}
}

// session is a session of a role of the account.
func session(t *testing.T, access sandboxtest.Access, role string) api.Credentials {
	t.Helper()
	out, err := sts.NewFromConfig(access.Configure(access.Owner)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + sandbox.Account + ":role/" + role), RoleSessionName: aws.String("me")})
	if err != nil {
		t.Fatal(err)
	}
	return api.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}
}

// emptyZip is a zip file with nothing in it.
var emptyZip = append([]byte("PK\x05\x06"), make([]byte, 18)...)

// clouds are local ones with two empty buckets.
func clouds(t *testing.T) (*sandbox.Sandbox, sandboxtest.Access) {
	t.Helper()
	s := sandboxtest.Empty(t, sandbox.Options{})
	access := sandboxtest.AccessTo(s)
	access.MakeBuckets(t)
	return s, access
}
