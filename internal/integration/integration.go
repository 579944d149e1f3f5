// Package integration sets the product up in the local clouds for tests that need
// both: an environment whose endpoints are the sandbox's, its credential
// configuration, and the function as the CDK would deploy it. The tests here
// check product and sandbox together; other packages' tests start from New.
package integration

import (
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/sandboxtest"
)

// Clouds are both clouds with the default environment's resources,
// except for the function.
type Clouds struct {
	*sandboxtest.Clouds
	Env environment.Environment // named "test"
}

// New starts both clouds and sets them up; they stop with the test. Folder, clock
// and faults of opts are set here.
func New(t *testing.T, opts sandbox.Options) *Clouds {
	t.Helper()
	c := sandboxtest.New(t, opts)
	env, err := environment.Parse("test", map[string]string{
		"awsAccount":             sandbox.Account,
		"awsRegion":              sandbox.Region,
		"googleProject":          sandbox.Project,
		"googleTokenURL":         c.GoogleURL + "/v1/token",
		"iamCredentialsEndpoint": c.GoogleURL,
		"storageEndpoint":        c.GoogleURL,
		"allowLoopbackEndpoints": "true",
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Clouds{c, env}
}

// CredentialNames returns the names in the environment's credential configuration.
func (c *Clouds) CredentialNames() credential.Names {
	return credential.Names{ProjectNumber: sandbox.ProjectNumber, Pool: c.Env.Pool, Provider: c.Env.Provider, ServiceAccount: c.Env.ServiceAccountEmail()}
}

// Configuration returns the environment's credential configuration.
func (c *Clouds) Configuration(t *testing.T) credential.Configuration {
	t.Helper()
	cfg, err := credential.New(c.CredentialNames(), credential.Options{TokenURL: c.Env.GoogleTokenURL, IAMCredentialsEndpoint: c.Env.IAMCredentialsEndpoint, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
