package environment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// minimal returns the settings that have no default.
func minimal() map[string]string {
	return map[string]string{"awsAccount": "123456789012", "googleProject": "demo-project"}
}

func TestDefaultsAreTheArticles(t *testing.T) {
	t.Parallel()
	got, err := Parse("dev", minimal())
	if err != nil {
		t.Fatal(err)
	}
	want := Environment{
		Name:                   "dev",
		AWSAccount:             "123456789012",
		AWSRegion:              "ap-northeast-1",
		GoogleProject:          "demo-project",
		Role:                   "gcs-to-s3-role",
		Function:               "gcs-to-s3",
		ServiceAccount:         "gcs-to-s3-service-account",
		Pool:                   "aws-connect",
		Provider:               "aws-connect",
		SourceBucket:           "s3-gcs-connect",
		DestinationBucket:      "s3-gcs-connect",
		Object:                 "sample.txt",
		KeyTemplate:            "{object}",
		ScheduleTimezone:       "UTC",
		ScheduleEvent:          "{}",
		AsyncRetries:           2,
		Overwrite:              "always",
		SourceChange:           "fail",
		Concurrency:            16,
		Streams:                4,
		RolePolicies:           LeastPrivilege,
		ViewerScope:            ViewBucket,
		Architecture:           ARM64,
		TimeoutSeconds:         300,
		MemoryMB:               512,
		BulkMemoryMB:           1024,
		EventsEvery:            "rate(1 minute)",
		LogRetentionDays:       30,
		LogRemoval:             DestroyLogs,
		GoogleTokenURL:         "https://sts.googleapis.com/v1/token",
		IAMCredentialsEndpoint: "https://iamcredentials.googleapis.com",
		StorageEndpoint:        "https://storage.googleapis.com",
		PubSubEndpoint:         "https://pubsub.googleapis.com",

		EventsReservedConcurrency: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("default environment (-want +got):\n%s", diff)
	}
	for name, pair := range map[string][2]string{
		"assumed role":     {got.AssumedRole(), "arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role"},
		"subject":          {got.Subject(), "arn:aws:sts::123456789012:assumed-role/gcs-to-s3-role/gcs-to-s3"},
		"role ARN":         {got.RoleARN(), "arn:aws:iam::123456789012:role/gcs-to-s3-role"},
		"service account":  {got.ServiceAccountEmail(), "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"},
		"log group":        {got.LogGroup(), "/aws/lambda/gcs-to-s3"},
		"credential file":  {got.CredentialFile("root"), filepath.Join("root", "out", "dev", "clientLibraryConfig-aws-connect.json")},
		"compiler's arch.": {got.Architecture.GOARCH(), "arm64"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %q, want %q", name, pair[0], pair[1])
		}
	}
}

func TestSuffixReachesEveryNameThatMustBeUnique(t *testing.T) {
	t.Parallel()
	values := minimal()
	values["suffix"] = "-pr7"
	values["function"] = "copy"
	got, err := Parse("pr-7", values)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"gcs-to-s3-role-pr7", "copy", "gcs-to-s3-sa-pr7", "aws-connect-pr7", "aws-connect-pr7", "s3-gcs-connect", "s3-gcs-connect"}
	if diff := cmp.Diff(want, []string{got.Role, got.Function, got.ServiceAccount, got.Pool, got.Provider, got.SourceBucket, got.DestinationBucket}); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct {
		key, value string
		problem    string // a substring; empty for a valid value
	}{
		{"awsAccount", "012345678901", ""},
		{"awsAccount", "1234-5678-9012", "must be 12 digits"},
		{"awsAccount", "", "must be given"},
		{"awsRegion", "eu-central-1", ""},
		{"awsRegion", "cn-north-1", "standard partition"},
		{"awsRegion", "tokyo", "must be a region"},
		{"googleProject", "", "must be given"},
		{"googleProject", "123456789012", "this looks like a project number"},
		{"googleProject", "Demo", "must be a project ID"},
		{"googleProject", "demo-", "must be a project ID"},
		{"suffix", "pr7", "start it with a hyphen"},
		{"role", long(48), ""},
		{"role", long(65), "1 to 64"},
		{"role", "a/b", "without path"},
		{"function", "a b", "letters, digits, hyphens and underscores"},
		{"function", long(65), "1 to 64"},
		{"serviceAccount", long(30), ""},
		{"serviceAccount", long(31), "it has 31 characters"},
		{"serviceAccount", "short", "6 to 30"},
		{"serviceAccount", "ends-with-hyphen-", "not ending with a hyphen"},
		{"serviceAccount", "1starts-with-digit", "starting with a letter"},
		{"pool", "abcd", ""},
		{"pool", "abc", "4 to 32"},
		{"pool", long(33), "4 to 32"},
		{"pool", "gcp-pool", "which Google reserves"},
		{"provider", "Aws", "lower-case"},
		{"sourceBucket", "under_score", ""},
		{"sourceBucket", "my.example.com", ""},
		{"sourceBucket", "gs://bucket", "without gs://"},
		{"sourceBucket", "goog-bucket", "without google"},
		{"sourceBucket", "my-google-bucket", "without google"},
		{"sourceBucket", "192.168.5.4", "Cloud Storage bucket name"},
		{"sourceBucket", "a..b", "Cloud Storage bucket name"},
		{"sourceBucket", long(64), "3 to 63"},
		{"destinationBucket", "under_score", "S3 bucket name"},
		{"destinationBucket", "a..b", "S3 bucket name"},
		{"destinationBucket", "xn--bucket", "reserved prefix"},
		{"destinationBucket", "bucket--x-s3", "reserved prefix or suffix"},
		{"destinationBucket", "s3://bucket", "without s3://"},
		{"destinationBucket", "10.0.0.1", "S3 bucket name"},
		{"object", "dir/ファイル.txt", ""},
		{"object", long(1025), "1 to 1024 bytes"},
		{"object", "..", "not . or .."},
		{"object", "a\nb", "without line breaks"},
		{"destinationPrefix", "incoming/", ""},
		{"destinationPrefix", "/incoming", "not start with a slash"},
		{"destinationPrefix", "in*", "* and ?"},
		{"destinationPrefix", "Größe/ÿ ", ""},
		{"destinationPrefix", "受信/", "U+53D7"},
		{"destinationPrefix", "a\x01/", "U+0001"},
		{"overwrite", "if-different", ""},
		{"overwrite", "never", "must be one of always, if-absent, if-different"},
		{"sourceChange", "restart", ""},
		{"sourceChange", "ignore", "must be one of fail, restart"},
		{"concurrency", "64", ""},
		{"concurrency", "65", "must be from 1 to 64"},
		{"streams", "16", ""},
		{"streams", "0", "must be from 1 to 16"},
		{"rolePolicies", "article", ""},
		{"rolePolicies", "admin", "must be one of least-privilege, article"},
		{"viewerScope", "project", ""},
		{"viewerScope", "folder", "must be one of bucket, project"},
		{"architecture", "x86_64", ""},
		{"architecture", "amd64", "must be one of arm64, x86_64"},
		{"timeoutSeconds", "900", ""},
		{"timeoutSeconds", "901", "must be from 1 to 900"},
		{"timeoutSeconds", "5m", "must be a whole number"},
		{"memoryMB", "127", "must be from 128 to 10240"},
		{"logRetentionDays", "31", "that CloudWatch Logs supports"},
		{"logRemoval", "keep", "must be one of destroy, retain"},
		{"tokenLifetimeSeconds", "3600", ""},
		{"tokenLifetimeSeconds", "599", "from 600 to 43200"},
		{"googleTokenURL", "https://sts.example.com/v1/token", "must be a host of googleapis.com"},
		{"googleTokenURL", "http://127.0.0.1:80/v1/token", "allowLoopbackEndpoints"},
		{"iamCredentialsEndpoint", "http://iamcredentials.googleapis.com", "must use https"},
		{"storageEndpoint", "https://storage.europe-west3.rep.googleapis.com", ""},
		{"events", "pull", ""},
		{"events", "push", "needs a public URL"},
		{"eventsEvery", "continuous", "without events"},
		{"eventsPrefix", "in/", "without events"},
		{"eventDeletes", "true", "without events"},
		{"eventMetadata", "true", "without events"},
		{"eventsReservedConcurrency", "2", "without events"},
		{"reconcile", "cron(0 3 * * ? *)", "must be empty if bulk is false"},
		{"pubsubEndpoint", "https://pubsub.example.com", "must be a host of googleapis.com"},
		{"allowLoopbackEndpoints", "yes", "must be true or false"},
		{"serviceAcount", "x", "did you mean serviceAccount?"},
		{"bucket", "x", "is not a setting"},
	} {
		t.Run(tt.key+"="+tt.value[:min(len(tt.value), 20)], func(t *testing.T) {
			t.Parallel()
			values := minimal()
			values[tt.key] = tt.value
			_, err := Parse("dev", values)
			if tt.problem == "" {
				if err != nil {
					t.Errorf("Parse() = %v, want no error", err)
				}
				return
			}
			var problems *Problems
			if !errors.As(err, &problems) || len(problems.List) != 1 {
				t.Fatalf("Parse() = %v, want exactly one problem", err)
			}
			p := problems.List[0]
			if p.Field != tt.key || p.Value != tt.value || !strings.Contains(p.String(), tt.problem) || p.Rule == "" || p.Hint == "" {
				t.Errorf("problem = %+v, want field %q, value %q, a rule, a hint, and %q", p, tt.key, tt.value, tt.problem)
			}
		})
	}
}

func TestSubjectArithmetic(t *testing.T) {
	t.Parallel()
	// 39 bytes of ARN, one slash: role and function share 87.
	values := minimal()
	values["role"], values["function"] = strings.Repeat("r", 47), strings.Repeat("f", 40)
	if env, err := Parse("dev", values); err != nil || len(env.Subject()) != 127 {
		t.Errorf("Parse() with a subject of 127 bytes = %d bytes, %v", len(env.Subject()), err)
	}
	values["function"] += "f"
	_, err := Parse("dev", values)
	want := "39 (arn:aws:sts::123456789012:assumed-role/) + 47 (role) + 1 + 41 (function) = 128; shorten role or function by 1"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Parse() = %v, want the arithmetic %q", err, want)
	}
}

// TestEventsRules: the rules of settings that depend on others.
func TestEventsRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ settings, problem string }{
		{"events=pull eventsEvery=continuous eventsPrefix=in/ eventDeletes=true eventMetadata=true eventsReservedConcurrency=0", ""},
		{"events=pull eventsEvery=rate(5_minutes)", ""},
		{"events=pull eventsEvery=cron(0_3_*_*_?_*)", "must be a rate of 1 to 60 minutes, or continuous"},
		{"events=pull eventsEvery=rate(61_minutes)", "must be a rate of 1 to 60 minutes"},
		{"events=pull eventsEvery=rate(60_minutes)", ""},
		{"events=pull eventsReservedConcurrency=-1", "must not be negative"},
		{"events=pull eventDeletes=true keyTemplate={date}/{object}", "must be false if keyTemplate has {date}"},
		{"events=pull function=1st", "must start with a letter"},
		{"events=pull function=google", "not with goog"},
		{"events=pull function=" + strings.Repeat("f", 57), ""},
		{"events=pull function=" + strings.Repeat("f", 58), "must be 1 to 57 letters"},
		{"events=pull role=" + strings.Repeat("r", 64) + " function=" + strings.Repeat("f", 17), "24 (function) = 128"},
		{"bulk=true jobsBucket=my-jobs role=" + strings.Repeat("r", 64) + " function=" + strings.Repeat("f", 19), "24 (function) = 128"},
		{"bulk=true jobsBucket=my-jobs reconcile=cron(0_3_*_*_?_*) scheduleTimezone=Asia/Tokyo", ""},
		{"bulk=true jobsBucket=my-jobs reconcile=daily", "must be empty, or a schedule of EventBridge Scheduler"},
	} {
		values := minimal()
		for setting := range strings.FieldsSeq(tt.settings) {
			key, value, _ := strings.Cut(setting, "=")
			values[key] = strings.ReplaceAll(value, "_", " ")
		}
		_, err := Parse("dev", values)
		if tt.problem == "" && err != nil || tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)) {
			t.Errorf("Parse() with %s = %v, want %q", tt.settings, err, tt.problem)
		}
	}
}

func TestAllProblemsTogether(t *testing.T) {
	t.Parallel()
	_, err := Parse("dev", map[string]string{"awsAccount": "1", "role": "a/b", "pool": "x", "timeoutSeconds": "0", "colour": "blue"})
	var problems *Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Parse() = %v, want problems", err)
	}
	var fields []string
	for _, p := range problems.List {
		fields = append(fields, p.Field)
	}
	want := []string{"colour", "googleProject", "awsAccount", "role", "pool", "timeoutSeconds"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields with problems (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(err.Error(), `environment "dev" has 6 problems; nothing was touched`) {
		t.Errorf("error starts with %q", strings.SplitN(err.Error(), "\n", 2)[0])
	}
}

// TestPrefixInPolicy: the prefix may have any character where no policy of ours names it.
func TestPrefixInPolicy(t *testing.T) {
	t.Parallel()
	values := minimal()
	values["destinationPrefix"], values["rolePolicies"] = "受信/", "article"
	if _, err := Parse("dev", values); err != nil {
		t.Errorf("Parse() = %v, want no error", err)
	}
}

func TestObjectAndPrefixShareTheKey(t *testing.T) {
	t.Parallel()
	values := minimal()
	values["object"], values["destinationPrefix"] = strings.Repeat("o", 1000), strings.Repeat("p", 25)
	if _, err := Parse("dev", values); err == nil || !strings.Contains(err.Error(), "prefix 25 + object 1000 = 1025 bytes") {
		t.Errorf("Parse() = %v, want the key's arithmetic", err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, FileName(name)), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// YAML would read the account as octal or as a float; it must stay as written.
	write("good", "encryptionsalt: v1:x\nconfig:\n  gcp:iamCustomEndpoint: http://127.0.0.1/v1/\n  gcp:accessToken:\n    secure: AAA\n  gcs-to-s3:awsAccount: 012345670123\n  gcs-to-s3:googleProject: demo-project\n  gcs-to-s3:suffix:\n")
	env, err := Load(dir, "good")
	if err != nil {
		t.Fatal(err)
	}
	if env.AWSAccount != "012345670123" || env.Name != "good" || env.Role != "gcs-to-s3-role" {
		t.Errorf("Load() = %+v", env)
	}
	if want := (GoogleAPIs{IAM: "http://127.0.0.1/v1/", Unreadable: "gcp:accessToken"}); env.Google != want {
		t.Errorf("the provider's entries are %+v, want %+v", env.Google, want)
	}

	secrets := map[string]string{"gcp:accessToken": "token"}
	decrypted := env.Google.Decrypted(func(key string) (string, bool) { text, found := secrets[key]; return text, found })
	if want := (GoogleAPIs{IAM: "http://127.0.0.1/v1/", AccessToken: "token"}); decrypted != want {
		t.Errorf("decrypted, the provider's entries are %+v, want %+v", decrypted, want)
	}

	write("secret", "config:\n  gcs-to-s3:awsAccount:\n    secure: AAA\n")
	write("broken", "config: [")
	for name, want := range map[string]string{
		"missing":     filepath.Join(dir, "Pulumi.missing.yaml") + " does not exist",
		"secret":      "gcs-to-s3:awsAccount: must be a plain value",
		"broken":      "reading environment \"broken\" from",
		"../dev":      "must be lower-case letters and digits",
		"":            "must be lower-case letters and digits",
		"Pulumi.yaml": "must be lower-case letters and digits",
	} {
		if _, err := Load(dir, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%q) = %v, want %q", name, err, want)
		}
	}
}
