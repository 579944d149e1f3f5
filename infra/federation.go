// Package infra is Google's side as a Pulumi program: a service account that may
// read the source bucket, a workload identity pool with an AWS provider that
// admits one IAM role, and the binding through which that role becomes the
// service account; or, without a service account, the role's own right to read.
// More roles may be admitted, also those of other accounts. It makes no key.
//
// Build is the program of this repository. Federation is its component, free of
// this repository's environment files, for use in other programs.
package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/projects"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
)

const (
	// The roles are Google's predefined ones: IAM documentation, "IAM basic and
	// predefined roles reference".
	roleObjectViewer         = "roles/storage.objectViewer"
	roleWorkloadIdentityUser = "roles/iam.workloadIdentityUser"

	componentType = "gcs-to-s3:infra:Federation"
)

// FederationArgs say who is trusted with what.
type FederationArgs struct {
	Project        string        // Google Cloud project id
	AWSAccount     string        // 12 digits
	AWSRole        string        // name of the IAM role that is admitted
	ServiceAccount string        // id of the service account to create; empty gives the roles themselves the right to read
	Pool           string        // id of the workload identity pool to create
	Provider       string        // id of its AWS provider
	Bucket         string        // existing bucket that is read
	ViewProject    bool          // grant reading on the whole project, not the bucket alone
	Trusted        []TrustedRole // further roles with the same rights
	Mark           string        // stands at the end of every description; it may be empty

	Existing Existing // what may exist already

	Credential credential.Options // endpoints and lifetime of the credential configuration
}

// TrustedRole is one further role. An AWS provider admits one account: roles of
// another account come by a provider of their own, those of AWSAccount by the
// component's.
type TrustedRole struct {
	Role
	Provider string // id of the account's provider to create; the same for all roles of an account
}

// Federation is the component. Its outputs are resolved once everything that
// they name exists.
type Federation struct {
	pulumi.ResourceState

	ProjectNumber           pulumi.StringOutput `pulumi:"projectNumber"`
	Pool                    pulumi.StringOutput `pulumi:"pool"`                    // projects/NUMBER/locations/global/workloadIdentityPools/ID
	Provider                pulumi.StringOutput `pulumi:"provider"`                // the same with /providers/ID
	ServiceAccountEmail     pulumi.StringOutput `pulumi:"serviceAccountEmail"`     // empty without one
	CredentialConfiguration pulumi.StringOutput `pulumi:"credentialConfiguration"` // JSON, holds no secret

	// TrustedConfigurations are those of the further accounts, by account.
	TrustedConfigurations pulumi.StringMapOutput `pulumi:"trustedConfigurations"`
}

// NewFederation registers the component and its resources. The default gcp
// provider, or the one given as an option, creates them.
func NewFederation(ctx *pulumi.Context, name string, args *FederationArgs, opts ...pulumi.ResourceOption) (*Federation, error) {
	f := &Federation{}
	if err := ctx.RegisterComponentResource(componentType, name, f, opts...); err != nil {
		return nil, fmt.Errorf("registering federation %s: %w", name, err)
	}
	inside := pulumi.Parent(f)
	project := pulumi.String(args.Project)
	trusts := args.trusts()

	var apis []pulumi.Resource
	for _, api := range clouds.RequiredAPIs(args.ServiceAccount == "") {
		service, err := projects.NewService(ctx, name+"-"+strings.TrimSuffix(api, ".googleapis.com"), &projects.ServiceArgs{
			Project: project,
			Service: pulumi.String(api),
			// Others in the project may use the API; tearing down leaves it on.
			DisableOnDestroy: pulumi.Bool(false),
		}, inside)
		if err != nil {
			return nil, fmt.Errorf("enabling %s: %w", api, err)
		}
		apis = append(apis, service)
	}
	enabled := pulumi.DependsOn(apis)

	pool, err := iam.NewWorkloadIdentityPool(ctx, name, &iam.WorkloadIdentityPoolArgs{
		Project:                project,
		WorkloadIdentityPoolId: pulumi.String(args.Pool),
		DisplayName:            pulumi.String(args.Pool),
		Description:            pulumi.String(args.describe(admitted(trusts))),
	}, inside, enabled, imported(args.Existing.Pool))
	if err != nil {
		return nil, fmt.Errorf("creating workload identity pool %s: %w", args.Pool, err)
	}
	f.Pool = pool.Name
	f.ProjectNumber = pool.Name.ApplyT(projectNumber).(pulumi.StringOutput)

	granted, err := f.grant(ctx, name, args, trusts, pool, inside, enabled)
	if err != nil {
		return nil, err
	}
	configurations := pulumi.StringMap{}
	for i, t := range trusts {
		logical, existing := name, args.Existing.Provider
		if i > 0 {
			logical, existing = name+"-"+t.account, args.Existing.Further[t.account]
		}
		provider, err := iam.NewWorkloadIdentityPoolProvider(ctx, logical, &iam.WorkloadIdentityPoolProviderArgs{
			Project:                        project,
			WorkloadIdentityPoolId:         pool.WorkloadIdentityPoolId,
			WorkloadIdentityPoolProviderId: pulumi.String(t.provider),
			DisplayName:                    pulumi.String(t.provider),
			Description:                    pulumi.String(args.describe(t.admits())),
			AttributeMapping:               pulumi.ToStringMap(t.mapping()),
			AttributeCondition:             pulumi.String(t.condition()),
			Aws:                            iam.WorkloadIdentityPoolProviderAwsArgs{AccountId: pulumi.String(t.account)},
		}, inside, imported(existing))
		if err != nil {
			return nil, fmt.Errorf("creating provider %s: %w", t.provider, err)
		}
		configuration := f.configuration(args, t, provider, granted)
		if i > 0 {
			configurations[t.account] = configuration
			continue
		}
		f.Provider, f.CredentialConfiguration = provider.Name, configuration
	}
	f.TrustedConfigurations = configurations.ToStringMapOutput()

	outputs := pulumi.Map{
		"projectNumber":           f.ProjectNumber,
		"pool":                    f.Pool,
		"provider":                f.Provider,
		"serviceAccountEmail":     f.ServiceAccountEmail,
		"credentialConfiguration": f.CredentialConfiguration,
	}
	if len(configurations) > 0 {
		outputs["trustedConfigurations"] = f.TrustedConfigurations
	}
	return f, ctx.RegisterResourceOutputs(f, outputs)
}

// configuration is the credential configuration of one provider. It is of use only
// once the rights stand, so it waits for them.
func (f *Federation) configuration(args *FederationArgs, t trust, provider *iam.WorkloadIdentityPoolProvider, granted []any) pulumi.StringOutput {
	return pulumi.All(append([]any{f.ProjectNumber, f.ServiceAccountEmail, provider.Name}, granted...)...).ApplyT(func(v []any) (string, error) {
		c, err := credential.New(credential.Names{
			ProjectNumber:  v[0].(string),
			Pool:           args.Pool,
			Provider:       t.provider,
			ServiceAccount: v[1].(string),
		}, args.Credential)
		return string(c.JSON()), err
	}).(pulumi.StringOutput)
}

// admitted says for people whose roles the pool admits.
func admitted(trusts []trust) string {
	text := "Admits AWS account " + trusts[0].account
	if n := len(trusts) - 1; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func (a *FederationArgs) describe(text string) string {
	return strings.TrimSpace(text + " " + a.Mark)
}

// projectNumber reads the project's number out of a pool's resource name, which
// Google writes with the number even when it was asked for by id.
func projectNumber(pool string) (string, error) {
	parts := strings.Split(pool, "/")
	if len(parts) != 6 || parts[0] != "projects" || parts[4] != "workloadIdentityPools" {
		return "", fmt.Errorf("reading project number: %q is not projects/NUMBER/locations/global/workloadIdentityPools/ID", pool)
	}
	return parts[1], nil
}
