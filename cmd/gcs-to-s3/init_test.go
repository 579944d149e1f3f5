package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
	"github.com/gcs-to-s3/gcs-to-s3/internal/scripttest"
)

// project makes a folder that is a project's root, with an aws and a gcloud that
// know an account, a region and a project, and goes there.
func project(t *testing.T) string {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	for path, content := range map[string]string{
		filepath.Join(dir, "Pulumi.yaml"): "name: gcs-to-s3\n",
		filepath.Join(dir, "cdk.json"):    "{}",
		filepath.Join(bin, "aws"):         "#!/bin/sh\ncase \"$1\" in sts) echo 111122223333;; configure) echo eu-west-1;; esac\n",
		filepath.Join(bin, "git"):         "#!/bin/sh\necho alice@example.com\n",
		filepath.Join(bin, "gcloud"):      "#!/bin/sh\necho proposed-project\n",
	} {
		scripttest.Write(t, path, content)
	}
	t.Setenv("PATH", bin)
	t.Chdir(dir)
	return dir
}

// run runs the command line and returns what it prints.
func run(t *testing.T, stdin string, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := newRoot(&stdout, &stderr, func(string) string { return "" })
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return stdout.String(), err
}

func TestInit(t *testing.T) {
	dir := project(t)
	if out, err := run(t, "", "init", "pr-7", "--timeout-seconds=60", "--aws-region", "us-east-1"); err != nil || !strings.Contains(out, "Wrote Pulumi.pr-7.yaml.") || !strings.Contains(out, "gcs-to-s3 up pr-7") {
		t.Fatalf("init: %v\n%s", err, out)
	}
	got, err := environment.Load(dir, "pr-7")
	if err != nil {
		t.Fatal(err)
	}
	if got.AWSAccount != "111122223333" || got.AWSRegion != "us-east-1" || got.GoogleProject != "proposed-project" || got.TimeoutSeconds != 60 || got.Role != "gcs-to-s3-role-pr-7" {
		t.Errorf("the environment is %+v", got)
	}
	if out, err := run(t, "", "init", "pr-8", "--ttl", "72h"); err != nil {
		t.Fatalf("init --ttl: %v\n%s", err, out)
	}
	temporary, err := environment.Load(dir, "pr-8")
	if left := time.Until(temporary.Mark().Expires); err != nil || left < 71*time.Hour || left > 72*time.Hour || temporary.Owner != "alice@example.com" || !regexp.MustCompile(`^-pr-8-[a-z2-7]{4}$`).MatchString(temporary.Suffix) {
		t.Errorf("the temporary environment is %+v, %v", temporary, err)
	}
	if _, err := run(t, "", "init", "pr-7"); err == nil || err.Error() != "Pulumi.pr-7.yaml exists; hint: pass --replace to overwrite it" {
		t.Errorf("a second time: %v", err)
	}
	if _, err := run(t, "", "init", "pr-7", "--replace", "--role", "other"); err != nil {
		t.Errorf("replacing: %v", err)
	}
	if got, err = environment.Load(dir, "pr-7"); err != nil || got.Role != "other" || got.TimeoutSeconds != 300 {
		t.Errorf("the environment that was replaced is %+v, %v", got, err)
	}
}

func TestInitRefuses(t *testing.T) {
	dir := project(t)
	t.Setenv("PATH", t.TempDir()) // where nobody knows an account
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"init"}, "accepts 1 arg(s), received 0"},
		{[]string{"init", "../x"}, `environment: "../x"`},
		{[]string{"init", "prod"}, "hint: give --aws-account and --google-project"},
		{[]string{"init", "prod", "--aws-account=1", "--google-project=my-project"}, `awsAccount: "1": must be 12 digits`},
		{[]string{"init", "prod", "--memory-mb=much", "--aws-account=123456789012", "--google-project=my-project"}, `memoryMB: "much"`},
	} {
		if _, err := run(t, "", tt.args...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*prod*")); err != nil || len(files) > 0 {
		t.Errorf("%v were written, %v", files, err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, ".environment-*")); err != nil || len(files) > 0 {
		t.Errorf("%v were left, %v", files, err)
	}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	given := map[string]string{"awsRegion": "us-east-1"}
	var out bytes.Buffer
	// An account of one's own, the proposed project, and no further suffix.
	if err := ask(strings.NewReader("123456789012\n\n\n\nmy-bucket\n\n"), &out, given, map[string]string{"awsAccount": "111122223333", "googleProject": "proposed-project", "suffix": "-x"}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"awsRegion": "us-east-1", "awsAccount": "123456789012", "googleProject": "proposed-project", "suffix": "-x", "destinationBucket": "my-bucket"}
	for key, value := range want {
		if given[key] != value {
			t.Errorf("%s is %q, want %q", key, given[key], value)
		}
	}
	if len(given) != len(want) {
		t.Errorf("the answers are %v, want %v", given, want)
	}
	if strings.Contains(out.String(), "awsRegion") {
		t.Error("a setting that was given is asked for")
	}
	if err := ask(strings.NewReader("1\n"), &out, map[string]string{}, nil); err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("answers that break off: %v", err)
	}
}

func TestCompletion(t *testing.T) {
	project(t)
	for _, name := range []string{"dev", "pr-7"} {
		if _, err := run(t, "", "init", name); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := run(t, "", "__complete", "down", ""); err != nil || !strings.HasPrefix(out, "dev\npr-7\n:4\n") {
		t.Errorf("down is completed with %q, %v", out, err)
	}
}

func TestFlagOf(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{"awsAccount": "aws-account", "memoryMB": "memory-mb", "googleTokenURL": "google-token-url", "iamCredentialsEndpoint": "iam-credentials-endpoint", "role": "role"} {
		if got := flagOf(key); got != want {
			t.Errorf("flagOf(%s) = %s, want %s", key, got, want)
		}
	}
}

func TestReadEvent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, []byte(`{"objects":["a"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	reports, whole := "reports/", ""
	for _, tt := range []struct {
		object string
		prefix *string
		file   string
		want   invocation.Event
	}{
		{"", nil, "", invocation.Event{}},
		{"a\"b", nil, "", invocation.Event{Object: "a\"b"}},
		{"", &reports, "", invocation.Event{Prefix: &reports}},
		{"", &whole, "", invocation.Event{Prefix: &whole}},
		{"", nil, file, invocation.Event{Objects: []invocation.Item{{Object: "a"}}}},
		{"", nil, "-", invocation.Event{Object: "from stdin"}},
	} {
		if got, err := readEvent(strings.NewReader(`{"object":"from stdin"}`), tt.object, tt.prefix, tt.file); err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%+v: %+v, %v", tt, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                     "the event must be a JSON object, and is empty; hint: an event is a JSON object such as",
		"[]":                   "the event must be a JSON object, and is a list",
		"no":                   "the event must be a JSON object, and is not JSON: no",
		`{"prefx":"reports/"}`: "prefx: is not a field of an event",
	} {
		if got, err := readEvent(strings.NewReader(text), "", nil, "-"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the event %q is read as %+v, %v", text, got, err)
		}
	}
}
