package resource

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/internal/npm"
)

// root holds the package.json that pins the CDK command line.
const root = "../../../.."

// databasePath is the CDK command line's database of CloudFormation. Where npm has
// not installed what package-lock.json says, or not yet, it is installed beside the
// repository's other tools, so that no test installs under another's feet.
func databasePath(t *testing.T) string {
	t.Helper()
	lock, err := os.Stat(filepath.Join(root, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	inPackage := filepath.Join("node_modules", "aws-cdk", "db.json.gz")
	if record, err := os.Stat(filepath.Join(root, "node_modules", ".package-lock.json")); err == nil && !record.ModTime().Before(lock.ModTime()) {
		return filepath.Join(root, inPackage)
	}
	return filepath.Join(npm.Install(t, root), inPackage)
}
