package sandbox_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/auth/credentials"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/longtest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// rejected is how another role than the condition's is refused.
const rejected = "The given credential is rejected by the attribute condition."

// configurationFile writes the environment's credential configuration.
func configurationFile(t *testing.T, c *sandboxtest.Clouds) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clientLibraryConfig-aws-connect.json")
	if err := os.WriteFile(file, c.CredentialConfiguration(t), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// sessionEnviron is how Lambda gives a function a session of its role: NAME=value.
func sessionEnviron(t *testing.T, c *sandboxtest.Clouds, role string) []string {
	t.Helper()
	var environ []string
	for name, value := range c.SessionVariables(t, role) {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// TestExternalAccountClients reads the object with every client of external
// accounts that there is, as the function does: with the same configuration file
// and the session in the environment. Each is refused as another role.
func TestExternalAccountClients(t *testing.T) {
	c := sandboxtest.New(t, sandbox.Options{})
	c.MakeRole(t, "other-role", "")
	file := configurationFile(t, c)
	object := c.GoogleURL + "/" + c.Names.SourceBucket + "/" + c.Names.Object
	for _, client := range []struct {
		name string
		read func(t *testing.T, env []string, file, object string) (string, error)
	}{
		{"cloud.google.com/go/auth", goAuth},
		{"golang.org/x/oauth2", goOAuth2},
		{"google-auth for Python", pythonAuth},
		{"google-auth-library for Node.js", nodeAuth},
	} {
		t.Run(client.name, func(t *testing.T) {
			got, err := client.read(t, sessionEnviron(t, c, c.Names.Role), file, object)
			if err != nil || got != sandboxtest.Sample {
				t.Errorf("read %q, %v, want %q", got, err, sandboxtest.Sample)
			}
			got, err = client.read(t, sessionEnviron(t, c, "other-role"), file, object)
			if err == nil || !strings.Contains(err.Error(), rejected) {
				t.Errorf("as another role: read %q, %v, want it rejected", got, err)
			}
		})
	}
}

// get reads an object with a token.
func get(object, token string) (string, error) {
	req, err := http.NewRequest("GET", object, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

// setenv sets the variables for the test's own process.
func setenv(t *testing.T, env []string) {
	t.Helper()
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

func goAuth(t *testing.T, env []string, file, object string) (string, error) {
	setenv(t, env)
	creds, err := credentials.NewCredentialsFromFile(credentials.ExternalAccount, file, &credentials.DetectOptions{Scopes: []string{storage.DevstorageReadOnlyScope}})
	if err != nil {
		return "", err
	}
	token, err := creds.Token(context.Background())
	if err != nil {
		return "", err
	}
	return get(object, token.Value)
}

func goOAuth2(t *testing.T, env []string, file, object string) (string, error) {
	setenv(t, env)
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	creds, err := google.CredentialsFromJSONWithType(context.Background(), data, google.ExternalAccount, storage.DevstorageReadOnlyScope)
	if err != nil {
		return "", err
	}
	token, err := creds.TokenSource.Token()
	if err != nil {
		return "", err
	}
	return get(object, token.AccessToken)
}

// pythonAuth runs the copy of google-auth that the Google Cloud SDK brings.
func pythonAuth(t *testing.T, env []string, file, object string) (string, error) {
	t.Helper()
	root, python := sdkPython(t)
	return script(t, append(env, "PYTHONPATH="+filepath.Join(root, "lib", "third_party")), python, "testdata/clients/read.py", file, object)
}

// sdkPython finds the Google Cloud SDK and the Python that it runs with.
func sdkPython(t *testing.T) (root, python string) {
	t.Helper()
	needGcloud(t)
	out, err := exec.Command("gcloud", "info", "--format=value(installation.sdk_root,basic.python_location)").Output()
	if err != nil {
		t.Fatalf("asking gcloud for its Python: %v", err)
	}
	root, python, ok := strings.Cut(strings.TrimSpace(string(out)), "\t")
	if !ok {
		t.Fatalf("gcloud told of its Python %q", out)
	}
	return root, python
}

// nodeAuth runs google-auth-library, which npm installs as its lock file says.
func nodeAuth(t *testing.T, env []string, file, object string) (string, error) {
	t.Helper()
	longtest.Skip(t)
	dir := filepath.Join("testdata", "clients")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil {
		cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--silent")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("installing google-auth-library: %v\n%s", err, out)
		}
	}
	return script(t, env, "node", filepath.Join(dir, "read.mjs"), file, object)
}

// script runs a client's script, which prints the object.
func script(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(append(withoutClouds(), offline...), env...)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return string(out), &scriptError{err, problem.String()}
	}
	return string(out), nil
}

type scriptError struct {
	error
	said string
}

func (e *scriptError) Error() string { return e.error.Error() + ": " + e.said }
