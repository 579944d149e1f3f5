package federation

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
)

// Credential is what a credential configuration says besides names. The zero value is
// Google's own endpoints and lifetime.
type Credential struct {
	TokenURL               string // of the token exchange
	IAMCredentialsEndpoint string // scheme and host, without path
	TokenLifetimeSeconds   int    // of the service account's tokens; 0 is Google's default of one hour
	AllowLoopback          bool   // the endpoints may be on this machine, for tests
}

// checkCredential makes a configuration of some names, which finds every mistake that
// is not the names'.
func checkCredential(opts credential.Options, impersonated bool) error {
	some := credential.Names{ProjectNumber: "1", Pool: "pool", Provider: "provider"}
	if impersonated {
		some.ServiceAccount = "account@project.iam.gserviceaccount.com"
	}
	if _, err := credential.New(some, opts); err != nil {
		return fmt.Errorf("credential: %w", err)
	}
	return nil
}

// configuration is the credential configuration of one provider. It is only useful once
// the rights are granted, so it waits for them.
func (b *builder) configuration(f *Federation, provider *iam.WorkloadIdentityPoolProvider) pulumi.StringOutput {
	inputs := append([]any{
		f.ProjectNumber, f.ServiceAccountEmail, provider.WorkloadIdentityPoolId, provider.WorkloadIdentityPoolProviderId,
		provider.Name,
	}, b.granted...)
	return pulumi.All(inputs...).ApplyT(func(v []any) (string, error) {
		c, err := credential.New(credential.Names{
			ProjectNumber:  v[0].(string),
			ServiceAccount: v[1].(string),
			Pool:           v[2].(string),
			Provider:       v[3].(string),
		}, b.plan.credential)
		return string(c.JSON()), err
	}).(pulumi.StringOutput)
}
