package stacks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/toolchain"
)

// bundle is the function's deployment package: the binary `bootstrap`, as
// required by the runtime provided.al2023, and the credential configuration next
// to it. The same sources and configuration produce the same bytes.
type bundle struct {
	env  environment.Environment
	root string
}

func (b bundle) source() string { return filepath.Join(b.root, "function") }

// checkCredentials checks the file from `pulumi up` against the environment: a
// stale one would deploy, and then fail at the first invocation.
func (b bundle) checkCredentials() error {
	file := b.env.CredentialFile(b.root)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the credential configuration %s is missing; hint: run `pulumi up --stack %s` first; to deploy the role alone, run `cdk deploy %s`", file, b.env.Name, b.env.RoleStack())
	}
	if err != nil {
		return fmt.Errorf("reading credential configuration: %w", err)
	}
	hint := fmt.Sprintf("hint: run `pulumi up --stack %s` again", b.env.Name)
	c, err := credential.Parse(data)
	if err == nil {
		err = c.Check(b.env.AllowLoopbackEndpoints)
	}
	if err != nil {
		return fmt.Errorf("the credential configuration %s is invalid: %w; %s", file, err, hint)
	}
	got, err := c.Names()
	if err != nil {
		return fmt.Errorf("the credential configuration %s is invalid: %w; %s", file, err, hint)
	}
	want := credential.Names{ProjectNumber: got.ProjectNumber, Pool: b.env.Pool, Provider: b.env.Provider, ServiceAccount: b.env.ServiceAccountEmail()}
	if got != want {
		return fmt.Errorf("the credential configuration %s belongs to another environment: it names pool %s, provider %s and %s, the environment %s has %s, %s and %s; %s",
			file, got.Pool, got.Provider, account(got), b.env.Name, want.Pool, want.Provider, account(want), hint)
	}
	// The names match; the rest depends on the environment's settings.
	fresh, err := credential.New(want, credential.Options{
		TokenURL:               b.env.GoogleTokenURL,
		IAMCredentialsEndpoint: b.env.IAMCredentialsEndpoint,
		TokenLifetimeSeconds:   b.env.TokenLifetimeSeconds,
		AllowLoopback:          b.env.AllowLoopbackEndpoints,
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(fresh.JSON(), c.JSON()) {
		return fmt.Errorf("the credential configuration %s differs from the environment %s in its endpoints or lifetime; %s", file, b.env.Name, hint)
	}
	return nil
}

// account describes a service account, or none, in errors.
func account(n credential.Names) string {
	if n.ServiceAccount == "" {
		return "no service account"
	}
	return "service account " + n.ServiceAccount
}

// file is a file of the bundle. Lambda runs as another user than the one who owns the
// files: AWS Lambda Developer Guide, "Deploy Go Lambda functions with .zip file archives".
type file struct {
	name string
	mode fs.FileMode
}

func (b bundle) files() []file {
	return []file{{"bootstrap", 0o755}, {b.env.CredentialFileName(), 0o644}}
}

// seal gives the files of the bundle their modes, whatever the umask is, and returns a
// hash of names, modes and contents. The CDK's own leaves modes out, so that a bundle with
// others would never be replaced.
func (b bundle) seal(dir string) (string, error) {
	h := sha256.New()
	for _, f := range b.files() {
		path := filepath.Join(dir, f.name)
		if err := os.Chmod(path, f.mode); err != nil {
			return "", fmt.Errorf("making bundle: %w", err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("making bundle: %w", err)
		}
		fmt.Fprintf(h, "%s %o %x\n", f.name, f.mode, sha256.Sum256(content))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// make builds the bundle and returns its folder and its hash.
func (b bundle) make() (dir, hash string, err error) {
	dir = filepath.Join(b.env.OutputDir(b.root), "bundle")
	if err := os.RemoveAll(dir); err != nil {
		return "", "", fmt.Errorf("making bundle: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", fmt.Errorf("making bundle: %w", err)
	}
	data, err := os.ReadFile(b.env.CredentialFile(b.root))
	if err != nil {
		return "", "", fmt.Errorf("making bundle: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, b.env.CredentialFileName()), data, 0o644); err != nil {
		return "", "", fmt.Errorf("making bundle: %w", err)
	}
	if err := toolchain.Function(b.root, b.env.Architecture.GOARCH()).Build(context.Background(), filepath.Join(dir, "bootstrap")); err != nil {
		return "", "", fmt.Errorf("making bundle for %s: %w", b.env.Architecture, err)
	}
	hash, err = b.seal(dir)
	return dir, hash, err
}
