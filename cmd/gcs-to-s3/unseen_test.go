package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/inventory"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

// TestCannotBeSeen: case L6. With the IAM API disabled, the commands show what they saw,
// show the rest as unknown, and fail; nothing is said to be down or left.
func TestCannotBeSeen(t *testing.T) {
	c := integration.New(t, sandbox.Options{})
	inProject(t, c)
	const why = "the API iam.googleapis.com is disabled in the project demo-project"
	c.Call(t, "POST", "/v1/projects/"+c.Env.GoogleProject+"/services/iam.googleapis.com:disable", map[string]any{}, nil)

	out, err := execute("status", c.Env.Name)
	if err == nil || !strings.Contains(err.Error(), "cannot see the service account") || !strings.Contains(err.Error(), why+"; hint: `gcloud services enable iam.googleapis.com --project demo-project`") {
		t.Errorf("status: %v", err)
	}
	if !strings.Contains(out, "role") || strings.Count(out, inventory.Unknown) != 4 || !strings.Contains(out, why) {
		t.Errorf("status prints\n%s", out)
	}
	var status statusResult
	out, err = execute("status", c.Env.Name, "--json")
	if err == nil || json.Unmarshal([]byte(out), &status) != nil || len(status.Items) != 6 {
		t.Errorf("status --json: %v\n%s", err, out)
	}
	for _, command := range [][]string{{"list"}, {"prune", "--dry-run"}} {
		out, err = execute(command...)
		if err == nil || !strings.Contains(err.Error(), "cannot see the service accounts of demo-project, the workload identity pools of demo-project: "+why) || out != "" {
			t.Errorf("%v: %v\n%s", command, err, out)
		}
	}

	if _, err := open(t, c.Env.Name, "").Survey(t.Context()); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("down: %v", err)
	}
}
