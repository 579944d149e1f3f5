package resource

import (
	"path/filepath"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/npm"
)

// databasePath is the CDK command line's database of CloudFormation.
func databasePath(t *testing.T) string {
	t.Helper()
	return filepath.Join(npm.Modules(t, "../../../.."), "aws-cdk", "db.json.gz")
}
