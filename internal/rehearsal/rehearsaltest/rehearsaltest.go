// Package rehearsaltest opens local clouds for tests that run the command line and the
// engines in them.
package rehearsaltest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/progress"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rehearsal"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// Open starts clouds without any environment, until the test ends. root is the project's.
func Open(t *testing.T, options sandbox.Options) (s *rehearsal.Stand, root string) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if root, err = toolchain.FindRoot(working); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err = rehearsal.Rehearsal{Root: root, Progress: progress.Plain(&log), Clouds: options}.Open(t.Context(), &rehearsal.Summary{})
	if s != nil {
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return s, root
}

// CommandLine builds the command line and returns its path.
func CommandLine(t *testing.T, root string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "gcs-to-s3")
	// Unlike "go build", "go run" keeps the linked executable in the build cache.
	if out, err := exec.Command("go", "run", "-exec", "cp", root+"/cmd/gcs-to-s3", binary).CombinedOutput(); err != nil {
		t.Fatalf("building the command line: %v\n%s", err, out)
	}
	return binary
}

// RemakeRole deletes an environment's role and makes it as it was, and has the function start
// anew.
func RemakeRole(t *testing.T, s *rehearsal.Stand, env environment.Environment) {
	t.Helper()
	admin := s.Sandbox.AWSConfig(s.Sandbox.AWS.Admin())
	client := awsiam.NewFromConfig(admin)
	got, err := client.GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: &env.Role})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := client.ListRolePolicies(t.Context(), &awsiam.ListRolePoliciesInput{RoleName: &env.Role})
	if err != nil {
		t.Fatal(err)
	}
	plain := func(document *string) *string {
		text, err := url.QueryUnescape(aws.ToString(document))
		if err != nil {
			t.Fatal(err)
		}
		return &text
	}
	policies := map[string]*string{}
	for _, name := range listed.PolicyNames {
		policy, err := client.GetRolePolicy(t.Context(), &awsiam.GetRolePolicyInput{RoleName: &env.Role, PolicyName: &name})
		if err != nil {
			t.Fatal(err)
		}
		policies[name] = plain(policy.PolicyDocument)
		if _, err := client.DeleteRolePolicy(t.Context(), &awsiam.DeleteRolePolicyInput{RoleName: &env.Role, PolicyName: &name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.DeleteRole(t.Context(), &awsiam.DeleteRoleInput{RoleName: &env.Role}); err != nil {
		t.Fatal(err)
	}
	role := got.Role
	if _, err := client.CreateRole(t.Context(), &awsiam.CreateRoleInput{
		RoleName: &env.Role, AssumeRolePolicyDocument: plain(role.AssumeRolePolicyDocument),
		Description: role.Description, MaxSessionDuration: role.MaxSessionDuration, Tags: role.Tags,
	}); err != nil {
		t.Fatal(err)
	}
	for name, document := range policies {
		put := &awsiam.PutRolePolicyInput{RoleName: &env.Role, PolicyName: &name, PolicyDocument: document}
		if _, err := client.PutRolePolicy(t.Context(), put); err != nil {
			t.Fatal(err)
		}
	}
	functions := lambda.NewFromConfig(admin)
	function, err := functions.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &env.Function})
	if err == nil {
		_, err = functions.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &env.Function, MemorySize: function.MemorySize,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Google asks the local Google Cloud as the project's owner. Whatever it refuses ends the
// test; answer, if it is not nil, gets the JSON of what it answers.
func Google(t *testing.T, s *rehearsal.Stand, method, path string, body, answer any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.Sandbox.GoogleURL+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Sandbox.Google.AdminToken())
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		t.Fatalf("%s %s answered %d: %s, %v", method, path, resp.StatusCode, out, err)
	}
	if answer != nil {
		if err := json.Unmarshal(out, answer); err != nil {
			t.Fatal(err)
		}
	}
}
