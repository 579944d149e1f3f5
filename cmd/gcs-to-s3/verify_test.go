package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/doctor"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/verify"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// inProject makes a project's folder with an environment of local clouds the
// working directory, and their credentials those of the shell.
func inProject(t *testing.T, c *integration.Clouds) {
	t.Helper()
	root := t.TempDir()
	var file strings.Builder
	file.WriteString("config:\n")
	for key, value := range map[string]string{
		"gcs-to-s3:awsAccount": sandbox.Account, "gcs-to-s3:googleProject": sandbox.Project, "gcs-to-s3:allowLoopbackEndpoints": "true",
		"gcs-to-s3:googleTokenURL": c.Env.GoogleTokenURL, "gcs-to-s3:iamCredentialsEndpoint": c.GoogleURL, "gcs-to-s3:storageEndpoint": c.GoogleURL,
		"gcp:iamCustomEndpoint": c.GoogleURL + "/v1/", "gcp:resourceManagerCustomEndpoint": c.GoogleURL + "/v1/", "gcp:serviceUsageCustomEndpoint": c.GoogleURL + "/v1/",
		"gcp:storageCustomEndpoint": c.GoogleURL + "/storage/v1/", "gcp:orgPolicyCustomEndpoint": c.GoogleURL + "/v2/",
	} {
		fmt.Fprintf(&file, "  %s: %q\n", key, value)
	}
	for name, content := range map[string]string{"cdk.json": "{}", "Pulumi.yaml": "name: gcs-to-s3\n", environment.FileName(c.Env.Name): file.String()} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	admin := c.AWS.Admin()
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": c.AWSURL, "AWS_ACCESS_KEY_ID": admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY": admin.SecretAccessKey, "AWS_SESSION_TOKEN": "",
		"AWS_REGION": sandbox.Region, "AWS_PROFILE": "", "AWS_CONFIG_FILE": filepath.Join(root, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(root, "none"),
		"GOOGLE_OAUTH_ACCESS_TOKEN": c.Google.AdminToken(),
	} {
		t.Setenv(name, value)
	}
}

// execute runs a command line and returns what it prints as its result.
func execute(args ...string) (string, error) {
	var out, shown bytes.Buffer
	root := newRoot(&out, &shown, os.Getenv)
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

// TestVerifyAndDoctor runs both commands on an environment that copies, and on one
// whose service account is disabled.
func TestVerifyAndDoctor(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	c.Deploy(t) // from here: the function is this module's
	inProject(t, c)

	out, err := execute("verify", c.Env.Name)
	if err != nil || !strings.Contains(out, "test works: the test object was copied.") {
		t.Errorf("verify: %v\n%s", err, out)
	}
	var report verify.Report
	out, err = execute("verify", c.Env.Name, "--json", "--object", c.Env.Object)
	if err != nil || json.Unmarshal([]byte(out), &report) != nil || !report.OK || report.Source != "gs://"+c.Env.SourceBucket+"/"+c.Env.Object {
		t.Errorf("verify --json: %v\n%s", err, out)
	}

	c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail()+":disable", nil, nil)
	out, err = execute("verify", c.Env.Name)
	if err == nil || !strings.Contains(err.Error(), "service account: 400 FAILED_PRECONDITION") || !strings.Contains(out, "the service account is disabled  ← found") {
		t.Errorf("verify of a disabled account: %v\n%s", err, out)
	}
	report = verify.Report{}
	out, err = execute("verify", c.Env.Name, "--json")
	if err == nil || json.Unmarshal([]byte(out), &report) != nil || report.OK || report.Failure.Causes[0].ID != "account-disabled" {
		t.Errorf("verify --json of a disabled account: %v\n%s", err, out)
	}

	out, err = execute("doctor", c.Env.Name)
	if err == nil || !strings.Contains(err.Error(), "service-account") || !strings.Contains(out, "✗ service account") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	var found doctor.Report
	out, err = execute("doctor", c.Env.Name, "--json")
	if err == nil || json.Unmarshal([]byte(out), &found) != nil || found.OK || found.Get("aws-account").Status != doctor.OK || found.Get("service-account").Status != doctor.Error {
		t.Errorf("doctor --json: %v\n%s", err, out)
	}
}
