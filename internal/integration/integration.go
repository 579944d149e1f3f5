// Package integration sets the product up in the local clouds for tests that need
// both: an environment whose endpoints are the sandbox's, its credential
// configuration, and the function as the CDK would deploy it. The tests here
// check product and sandbox together; other packages' tests start from New.
package integration

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
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

// Mark marks the resources as those of an environment, with the descriptions and the
// tags that a deployment gives them.
func (c *Clouds) Mark(t *testing.T, mark environment.Mark) {
	t.Helper()
	describe := func(text string) map[string]any { return map[string]any{"description": text + " " + mark.String()} }
	account := map[string]any{"serviceAccount": describe("Read by the AWS role " + c.Env.Role), "updateMask": "description"}
	c.Call(t, "PATCH", "/v1/projects/"+c.Env.GoogleProject+"/serviceAccounts/"+c.Env.ServiceAccountEmail(), account, nil)
	c.Call(t, "PATCH", c.PoolPath()+"?updateMask=description", describe("Admits AWS account "+c.Env.AWSAccount), nil)
	c.Call(t, "PATCH", c.PoolPath()+"/providers/"+c.Env.Provider+"?updateMask=description", describe("Admits the role "+c.Env.Role), nil)
	roles := iam.NewFromConfig(c.AWSConfig(c.AWS.Admin()))
	if _, err := roles.UpdateRole(t.Context(), &iam.UpdateRoleInput{RoleName: &c.Env.Role, Description: aws.String(ownership.RoleDescription)}); err != nil {
		t.Fatal(err)
	}
	var tags []types.Tag
	for key, value := range mark.Tags() {
		tags = append(tags, types.Tag{Key: &key, Value: &value})
	}
	if _, err := roles.TagRole(t.Context(), &iam.TagRoleInput{RoleName: &c.Env.Role, Tags: tags}); err != nil {
		t.Fatal(err)
	}
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
