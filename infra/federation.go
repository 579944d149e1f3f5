// Package infra is Google's side as a Pulumi program: a service account that may
// read the source bucket, a workload identity pool with an AWS provider that
// admits one IAM role, and the binding through which that role becomes the
// service account. It makes no key.
//
// Build is the program of this repository. Federation is its component, free of
// this repository's environment files, for use in other programs.
package infra

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/projects"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
)

const (
	// The roles are Google's predefined ones: IAM documentation, "IAM basic and
	// predefined roles reference".
	roleObjectViewer         = "roles/storage.objectViewer"
	roleWorkloadIdentityUser = "roles/iam.workloadIdentityUser"

	componentType = "gcs-to-s3:infra:Federation"
)

// requiredAPIs are the services that the federation and the copy call: "Configure
// Workload Identity Federation with AWS or Azure VMs", before you begin, and
// Cloud Storage itself.
var requiredAPIs = []string{
	"iam.googleapis.com",
	"sts.googleapis.com",
	"iamcredentials.googleapis.com",
	"cloudresourcemanager.googleapis.com",
	"storage.googleapis.com",
}

// FederationArgs say who is trusted with what.
type FederationArgs struct {
	Project        string // Google Cloud project id
	AWSAccount     string // 12 digits
	AWSRole        string // name of the IAM role that is admitted
	ServiceAccount string // id of the service account to create
	Pool           string // id of the workload identity pool to create
	Provider       string // id of its AWS provider
	Bucket         string // existing bucket that the service account reads
	ViewProject    bool   // grant reading on the whole project, not the bucket alone
	Mark           string // stands at the end of every description; it may be empty

	Existing Existing // what may exist already

	Credential credential.Options // endpoints and lifetime of the credential configuration
}

// Federation is the component. Its outputs are resolved once everything that
// they name exists.
type Federation struct {
	pulumi.ResourceState

	ProjectNumber           pulumi.StringOutput `pulumi:"projectNumber"`
	Pool                    pulumi.StringOutput `pulumi:"pool"`     // projects/NUMBER/locations/global/workloadIdentityPools/ID
	Provider                pulumi.StringOutput `pulumi:"provider"` // the same with /providers/ID
	ServiceAccountEmail     pulumi.StringOutput `pulumi:"serviceAccountEmail"`
	CredentialConfiguration pulumi.StringOutput `pulumi:"credentialConfiguration"` // JSON, holds no secret
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
	trust := trust{account: args.AWSAccount, role: args.AWSRole}

	var apis []pulumi.Resource
	for _, api := range requiredAPIs {
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

	account, err := serviceaccount.NewAccount(ctx, name, &serviceaccount.AccountArgs{
		Project:     project,
		AccountId:   pulumi.String(args.ServiceAccount),
		DisplayName: pulumi.String("GCS to S3"),
		Description: pulumi.String(args.describe("Read by the AWS role " + args.AWSRole + " through workload identity federation")),
	}, inside, enabled, imported(args.Existing.ServiceAccount))
	if err != nil {
		return nil, fmt.Errorf("creating service account %s: %w", args.ServiceAccount, err)
	}
	if err := f.grantReading(ctx, name, args, account, inside); err != nil {
		return nil, err
	}

	pool, err := iam.NewWorkloadIdentityPool(ctx, name, &iam.WorkloadIdentityPoolArgs{
		Project:                project,
		WorkloadIdentityPoolId: pulumi.String(args.Pool),
		DisplayName:            pulumi.String(args.Pool),
		Description:            pulumi.String(args.describe("Admits AWS account " + args.AWSAccount)),
	}, inside, enabled, imported(args.Existing.Pool))
	if err != nil {
		return nil, fmt.Errorf("creating workload identity pool %s: %w", args.Pool, err)
	}
	provider, err := iam.NewWorkloadIdentityPoolProvider(ctx, name, &iam.WorkloadIdentityPoolProviderArgs{
		Project:                        project,
		WorkloadIdentityPoolId:         pool.WorkloadIdentityPoolId,
		WorkloadIdentityPoolProviderId: pulumi.String(args.Provider),
		DisplayName:                    pulumi.String(args.Provider),
		Description:                    pulumi.String(args.describe("Admits the role " + args.AWSRole)),
		AttributeMapping:               pulumi.ToStringMap(trust.mapping()),
		AttributeCondition:             pulumi.String(trust.condition()),
		Aws:                            iam.WorkloadIdentityPoolProviderAwsArgs{AccountId: pulumi.String(args.AWSAccount)},
	}, inside, imported(args.Existing.Provider))
	if err != nil {
		return nil, fmt.Errorf("creating provider %s: %w", args.Provider, err)
	}
	binding, err := serviceaccount.NewIAMMember(ctx, name+"-workload-identity-user", &serviceaccount.IAMMemberArgs{
		ServiceAccountId: account.Name,
		Role:             pulumi.String(roleWorkloadIdentityUser),
		Member:           pool.Name.ApplyT(trust.principalSet).(pulumi.StringOutput),
	}, inside)
	if err != nil {
		return nil, fmt.Errorf("binding role %s to the service account: %w", args.AWSRole, err)
	}

	f.ProjectNumber = pool.Name.ApplyT(projectNumber).(pulumi.StringOutput)
	f.Pool = pool.Name
	f.Provider = provider.Name
	f.ServiceAccountEmail = account.Email
	// The configuration is of use only once the binding stands, so it waits for it.
	f.CredentialConfiguration = pulumi.All(f.ProjectNumber, account.Email, provider.Name, binding.ID()).ApplyT(func(v []any) (string, error) {
		c, err := credential.New(credential.Names{
			ProjectNumber:  v[0].(string),
			Pool:           args.Pool,
			Provider:       args.Provider,
			ServiceAccount: v[1].(string),
		}, args.Credential)
		return string(c.JSON()), err
	}).(pulumi.StringOutput)

	return f, ctx.RegisterResourceOutputs(f, pulumi.Map{
		"projectNumber":           f.ProjectNumber,
		"pool":                    f.Pool,
		"provider":                f.Provider,
		"serviceAccountEmail":     f.ServiceAccountEmail,
		"credentialConfiguration": f.CredentialConfiguration,
	})
}

func (a *FederationArgs) describe(text string) string {
	return strings.TrimSpace(text + " " + a.Mark)
}

// grantReading makes the service account Storage Object Viewer.
func (f *Federation) grantReading(ctx *pulumi.Context, name string, args *FederationArgs, account *serviceaccount.Account, opts ...pulumi.ResourceOption) error {
	var err error
	if args.ViewProject {
		_, err = projects.NewIAMMember(ctx, name+"-object-viewer", &projects.IAMMemberArgs{
			Project: pulumi.String(args.Project),
			Role:    pulumi.String(roleObjectViewer),
			Member:  account.Member,
		}, opts...)
	} else {
		_, err = storage.NewBucketIAMMember(ctx, name+"-object-viewer", &storage.BucketIAMMemberArgs{
			Bucket: pulumi.String(args.Bucket),
			Role:   pulumi.String(roleObjectViewer),
			Member: account.Member,
		}, opts...)
	}
	if err != nil {
		return fmt.Errorf("granting %s: %w", roleObjectViewer, err)
	}
	return nil
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
