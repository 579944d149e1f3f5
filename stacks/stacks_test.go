package stacks

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

var update = flag.Bool("update", false, "write the golden templates anew")

// root is the project's root relative to this package.
const root = ".."

// TestMain gives the CDK's JavaScript a temporary folder that is removed after
// the tests. jsii.Close, which would remove it, races with the runtime's own
// goroutine (jsii-runtime-go v1.112.0, process.go); the process ends by itself
// when this one does.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "stacks-test-")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// newEnvironment returns a separate environment for one test; whatever its stacks
// leave below the project's root is removed with the test.
func newEnvironment(t *testing.T, values map[string]string) environment.Environment {
	t.Helper()
	settings := map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"}
	for k, v := range values {
		settings[k] = v
	}
	name := "test-" + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	env, err := environment.Parse(name, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(env.OutputDir(root)) })
	return env
}

// leaveCredentials writes the file that `pulumi up` would leave.
func leaveCredentials(t *testing.T, env environment.Environment, change func(*credential.Names)) {
	t.Helper()
	names := credential.Names{ProjectNumber: "123456789012", Pool: env.Pool, Provider: env.Provider, ServiceAccount: env.ServiceAccountEmail()}
	if change != nil {
		change(&names)
	}
	c, err := credential.New(names, credential.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(env.OutputDir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(env.CredentialFile(root), c.JSON(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// synthesized holds both stacks of an environment.
type synthesized struct {
	dir            string
	role, function awscdk.Stack
}

func synth(t *testing.T, env environment.Environment) synthesized {
	t.Helper()
	s := synthesized{dir: t.TempDir()}
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(s.dir), AnalyticsReporting: jsii.Bool(false)})
	if err := Build(app, env, root); err != nil {
		t.Fatal(err)
	}
	for _, child := range *app.Node().Children() {
		switch stack, _ := child.(awscdk.Stack); *child.Node().Id() {
		case env.RoleStack():
			s.role = stack
		case env.FunctionStack():
			s.function = stack
		}
	}
	if s.role == nil || s.function == nil {
		t.Fatal("the app lacks a stack")
	}
	return s
}

// golden compares a template with its golden file. It masks the hash of the
// bundle, which changes with every line of the function, and the environment's
// name, which is the test's.
func golden(t *testing.T, env environment.Environment, template assertions.Template, file string) {
	t.Helper()
	got, err := json.MarshalIndent(template.ToJSON(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = regexp.MustCompile(`[0-9a-f]{64}\.zip`).ReplaceAll(append(got, '\n'), []byte("HASH.zip"))
	got = bytes.ReplaceAll(got, []byte(env.Name), []byte("ENVIRONMENT"))
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); run the test with -update to accept:\n%s", path, diff)
	}
}

func TestDefaultStacks(t *testing.T) {
	env := newEnvironment(t, map[string]string{"destinationPrefix": "incoming/"})
	leaveCredentials(t, env, nil)
	s := synth(t, env)

	role := assertions.Template_FromStack(s.role, nil)
	golden(t, env, role, "role.json")
	role.ResourceCountIs(jsii.String("AWS::IAM::Role"), jsii.Number(1))
	role.HasResourceProperties(jsii.String("AWS::IAM::Role"), map[string]any{
		"RoleName":          "gcs-to-s3-role",
		"ManagedPolicyArns": assertions.Match_Absent(),
	})

	function := assertions.Template_FromStack(s.function, nil)
	golden(t, env, function, "function.json")
	function.ResourceCountIs(jsii.String("AWS::IAM::Role"), jsii.Number(0))
	function.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
		"FunctionName":  "gcs-to-s3",
		"Role":          "arn:aws:iam::123456789012:role/gcs-to-s3-role",
		"Runtime":       "provided.al2023",
		"Architectures": []string{"arm64"},
		"Timeout":       300,
		"Environment": map[string]any{"Variables": map[string]any{
			"GOOGLE_APPLICATION_CREDENTIALS": "clientLibraryConfig-aws-connect.json",
			"GOOGLE_CLOUD_PROJECT":           "demo-project",
			"SOURCE_BUCKET":                  "s3-gcs-connect",
			"DESTINATION_BUCKET":             "s3-gcs-connect",
			"DESTINATION_PREFIX":             "incoming/",
			"OBJECT":                         "sample.txt",
			"KEY_TEMPLATE":                   "{object}",
			"OVERWRITE":                      "always",
			"SOURCE_CHANGE":                  "fail",
			"CONCURRENCY":                    "16",
			"STREAMS":                        "4",
			"STORAGE_ENDPOINT":               "https://storage.googleapis.com",
			"ALLOW_LOOPBACK_ENDPOINTS":       "false",
		}},
	})
	function.HasResource(jsii.String("AWS::Logs::LogGroup"), map[string]any{
		"Properties":     map[string]any{"LogGroupName": "/aws/lambda/gcs-to-s3", "RetentionInDays": 30},
		"DeletionPolicy": "Delete",
	})
}

func TestChosenStacks(t *testing.T) {
	env := newEnvironment(t, map[string]string{
		"rolePolicies": "article", "architecture": "x86_64", "timeoutSeconds": "60", "memoryMB": "1024",
		"logRetentionDays": "7", "logRemoval": "retain", "suffix": "-b", "serviceAccount": "gcs-to-s3-b",
		"overwrite": "if-different", "sourceChange": "restart", "concurrency": "8", "streams": "2",
	})
	leaveCredentials(t, env, nil)
	s := synth(t, env)

	managed := func(name string) map[string]any {
		return map[string]any{"Fn::Join": []any{"", []any{"arn:", map[string]any{"Ref": "AWS::Partition"}, ":iam::aws:policy/" + name}}}
	}
	role := assertions.Template_FromStack(s.role, nil)
	role.HasResourceProperties(jsii.String("AWS::IAM::Role"), map[string]any{
		"RoleName":          "gcs-to-s3-role-b",
		"ManagedPolicyArns": []any{managed("AmazonS3FullAccess"), managed("service-role/AWSLambdaBasicExecutionRole")},
		"Policies":          assertions.Match_Absent(),
	})
	function := assertions.Template_FromStack(s.function, nil)
	function.HasResourceProperties(jsii.String("AWS::Lambda::Function"), map[string]any{
		"FunctionName": "gcs-to-s3-b", "Architectures": []string{"x86_64"}, "Timeout": 60, "MemorySize": 1024,
		"Role": "arn:aws:iam::123456789012:role/gcs-to-s3-role-b",
		"Environment": map[string]any{"Variables": assertions.Match_ObjectLike(&map[string]any{
			"OVERWRITE": "if-different", "SOURCE_CHANGE": "restart", "CONCURRENCY": "8", "STREAMS": "2",
		})},
	})
	function.HasResource(jsii.String("AWS::Logs::LogGroup"), map[string]any{
		"Properties":     map[string]any{"LogGroupName": "/aws/lambda/gcs-to-s3-b", "RetentionInDays": 7},
		"DeletionPolicy": "Retain",
	})
}

func TestNoExportCouplesTheStacks(t *testing.T) {
	env := newEnvironment(t, nil)
	leaveCredentials(t, env, nil)
	s := synth(t, env)
	for _, stack := range []awscdk.Stack{s.role, s.function} {
		template, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(template, []byte("Fn::ImportValue")) || bytes.Contains(template, []byte(`"Export"`)) {
			t.Errorf("%s exports or imports:\n%s", *stack.StackName(), template)
		}
	}
}

func TestBundleHoldsWhatLambdaNeeds(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"arm64": elf.EM_AARCH64, "x86_64": elf.EM_X86_64} {
		t.Run(arch, func(t *testing.T) {
			env := newEnvironment(t, map[string]string{"architecture": arch})
			leaveCredentials(t, env, nil)
			b := bundle{env: env, root: root}
			dir, hash, err := b.make()
			if err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			if diff := cmp.Diff([]string{"bootstrap", "clientLibraryConfig-aws-connect.json"}, names); diff != "" {
				t.Errorf("files in the bundle (-want +got):\n%s", diff)
			}
			binary, err := elf.Open(filepath.Join(dir, "bootstrap"))
			if err != nil {
				t.Fatal(err)
			}
			defer binary.Close()
			if binary.Machine != machine {
				t.Errorf("bootstrap is for %v, want %v", binary.Machine, machine)
			}
			if libs, err := binary.ImportedLibraries(); err != nil || len(libs) > 0 {
				t.Errorf("bootstrap needs shared libraries %v, %v", libs, err)
			}
			modes := func() {
				t.Helper()
				for name, want := range map[string]fs.FileMode{"bootstrap": 0o755, "clientLibraryConfig-aws-connect.json": 0o644} {
					if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
						t.Errorf("%s has the mode %v, %v; want %v", name, info.Mode(), err, want)
					}
				}
			}
			modes()
			first, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
			if err != nil {
				t.Fatal(err)
			}
			if size := zipped(t, first); size > maxBundle {
				t.Errorf("the bundle has %d bytes zipped, at most %d are wanted: each one is read at every cold start", size, maxBundle)
			}
			// The umask of whoever builds it changes neither the modes nor the hash.
			before := syscall.Umask(0o077)
			_, again, err := b.make()
			syscall.Umask(before)
			if err != nil || again != hash {
				t.Errorf("with another umask the hash is %s, %v, not %s", again, err, hash)
			}
			modes()
			second, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
			if err != nil || !bytes.Equal(first, second) {
				t.Errorf("two builds differ, %v", err)
			}
			working, err := os.Getwd()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(first, []byte(filepath.Dir(working))) {
				t.Error("bootstrap names the folder in which it was built")
			}
		})
	}
}

// maxBundle is the maximum size of the bundle, in bytes.
const maxBundle = 4_500_000

// zipped returns the size of a bundle's zip, nearly all of which is the binary.
func zipped(t *testing.T, binary []byte) int {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("bootstrap")
	if err == nil {
		_, err = w.Write(binary)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestCredentialsOfAnotherEnvironmentAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		leave  bool
		change func(*credential.Names)
		want   string
	}{
		"missing":               {false, nil, "is missing; hint: run `pulumi up --stack"},
		"another pool":          {true, func(n *credential.Names) { n.Pool = "other-pool" }, "names pool other-pool"},
		"another provider":      {true, func(n *credential.Names) { n.Provider = "other-provider" }, "provider other-provider"},
		"another account":       {true, func(n *credential.Names) { n.ServiceAccount = "other@demo-project.iam.gserviceaccount.com" }, "service account other@"},
		"as the environment is": {true, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			env := newEnvironment(t, nil)
			if tt.leave {
				leaveCredentials(t, env, tt.change)
			}
			s := synth(t, env)
			errorsOf := func(stack awscdk.Stack) string {
				return fmt.Sprint(len(*assertions.Annotations_FromStack(stack).FindError(jsii.String("*"), assertions.Match_AnyValue())))
			}
			if got := errorsOf(s.role); got != "0" {
				t.Errorf("the role's stack has %s errors, want none: it is deployed first", got)
			}
			if tt.want == "" {
				if got := errorsOf(s.function); got != "0" {
					t.Errorf("the function's stack has %s errors, want none", got)
				}
				return
			}
			assertions.Annotations_FromStack(s.function).HasError(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String(regexp.QuoteMeta(tt.want))))
		})
	}
}

func TestCredentialsWithOtherEndpointsAreRefused(t *testing.T) {
	env := newEnvironment(t, nil)
	leaveCredentials(t, env, nil)
	env.TokenLifetimeSeconds = 1800
	if err := (bundle{env: env, root: root}).checkCredentials(); err == nil || !strings.Contains(err.Error(), "in its endpoints or lifetime") {
		t.Errorf("checkCredentials() = %v, want the stale lifetime refused", err)
	}
}

func TestEveryRetentionHasItsName(t *testing.T) {
	for _, days := range []string{"1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365", "400", "545", "731", "1096", "1827", "2192", "2557", "2922", "3288", "3653"} {
		env := newEnvironment(t, map[string]string{"logRetentionDays": days})
		if retention(env.LogRetentionDays) == "" {
			t.Errorf("%s days have no name in the CDK", days)
		}
	}
}
