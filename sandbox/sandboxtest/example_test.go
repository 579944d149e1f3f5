package sandboxtest_test

import (
	"io"
	"testing"

	"cloud.google.com/go/auth/credentials"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// TestReadWithoutAKey is the example of docs/sandbox.md.
func TestReadWithoutAKey(t *testing.T) {
	clouds := sandboxtest.New(t, sandbox.Options{})
	for name, value := range clouds.SessionVariables(t, clouds.Names.Role) {
		t.Setenv(name, value)
	}
	creds, err := credentials.NewCredentialsFromJSON(credentials.ExternalAccount, clouds.CredentialConfiguration(t), &credentials.DetectOptions{Scopes: []string{storage.DevstorageReadOnlyScope}})
	if err != nil {
		t.Fatal(err)
	}
	service, err := storage.NewService(t.Context(), option.WithEndpoint(clouds.GoogleURL+"/storage/v1/"), option.WithAuthCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	object, err := service.Objects.Get(clouds.Names.SourceBucket, clouds.Names.Object).Download()
	if err != nil {
		t.Fatal(err)
	}
	defer object.Body.Close()
	if got, err := io.ReadAll(object.Body); err != nil || string(got) != sandboxtest.Sample {
		t.Errorf("read %q, %v", got, err)
	}
}
