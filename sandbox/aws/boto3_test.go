package aws_test

import (
	"path/filepath"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestBoto3 runs testdata/client.py, which holds the cloud's answers to what
// boto3 makes of AWS's.
func TestBoto3(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "python3")
	if _, problem, err := c.command("python3", "-c", "import boto3"); err != nil {
		t.Skipf("boto3 is not installed: %s", problem)
	}
	c.function()
	script, err := filepath.Abs("testdata/client.py")
	if err != nil {
		t.Fatal(err)
	}
	if out, problem, err := c.command("python3", script, "function.zip", architecture()); err != nil || out != "done\n" {
		t.Errorf("%v: %s%s", err, out, problem)
	}
}
