// Package federation is a Pulumi component that gives AWS IAM roles rights in Google
// Cloud without any key: a workload identity pool, an AWS provider for each account
// whose roles are admitted, and the roles' rights on projects, buckets, datasets,
// topics and subscriptions. The roles hold the rights themselves (direct access), or
// become a service account that holds them. Its output is the credential
// configuration, a file without secrets, that Google's client libraries read from
// GOOGLE_APPLICATION_CREDENTIALS on the AWS side.
//
// It makes no IAM role, no bucket and no other resource that is granted on, and it is
// no deployment of its own: New registers resources in the caller's program. Every
// name takes a Pulumi input. Names that are plain strings are checked by New, before
// anything is registered; those that are outputs are checked when they are known.
package federation

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/projects"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/gcs-to-s3/gcs-to-s3/internal/names"
)

// componentType is part of the URN of every resource in the component.
const componentType = "gcs-to-s3:infra:Federation"

// roleWorkloadIdentityUser lets a federated identity become a service account: IAM
// documentation, "IAM basic and predefined roles reference".
const roleWorkloadIdentityUser = "roles/iam.workloadIdentityUser"

// Args say who gets which rights.
type Args struct {
	Project  pulumi.StringInput // id, not number, of the Google Cloud project of pool and service account
	Pool     pulumi.StringInput // id of the workload identity pool to create
	Accounts []Account          // the AWS accounts whose roles are admitted, at least one

	// ServiceAccount is the id of a service account to create, which the roles may
	// become and to which the grants are made. Without one they are made to the roles.
	ServiceAccount pulumi.StringInput

	Grants []Grant

	// APIs are enabled in the project besides those that the federation and the grants
	// need, such as "secretmanager.googleapis.com". None is disabled again.
	APIs []string

	Credential Credential // of the credential configuration; the zero value is Google's defaults
}

// Account is one AWS account. A provider admits the roles of one account, so each
// account has its own.
type Account struct {
	ID       pulumi.StringInput // 12 digits
	Provider pulumi.StringInput // id of the AWS provider to create
	Roles    []Role             // at least one
}

// Role is an IAM role that is admitted, with all of its sessions.
type Role struct {
	Name pulumi.StringInput // without path or ARN

	// Session is the name of the role's sessions, if it is known: of a Lambda function
	// it is the function's name. It changes nothing, but lets the limit of
	// google.subject be checked, which neither cloud reports until the first token.
	Session pulumi.StringInput
}

// Federation is the component. Its outputs are resolved once everything that they
// name exists.
type Federation struct {
	pulumi.ResourceState

	ProjectNumber       pulumi.StringOutput `pulumi:"projectNumber"`
	Pool                pulumi.StringOutput `pulumi:"pool"`                // projects/NUMBER/locations/global/workloadIdentityPools/ID
	Provider            pulumi.StringOutput `pulumi:"provider"`            // of the first account: the same with /providers/ID
	ServiceAccountEmail pulumi.StringOutput `pulumi:"serviceAccountEmail"` // empty without one

	// Members hold the grants, as IAM policies name them: the service account, or a
	// principal set for each role. They are for grants on what Grant does not know.
	Members pulumi.StringArrayOutput `pulumi:"members"`

	CredentialConfiguration  pulumi.StringOutput    `pulumi:"credentialConfiguration"`  // JSON, of the first account
	CredentialConfigurations pulumi.StringMapOutput `pulumi:"credentialConfigurations"` // of all accounts, by account id

	// APIs are the resources that enable the APIs: what else of the program needs one
	// depends on them.
	APIs []pulumi.Resource
}

// New registers the component and its resources, which the default gcp provider
// creates, or the one given as an option. Resources are named after the component; the
// providers of further accounts and the bindings of further roles also after account
// and role, or after their places, counted from 1, where those are outputs.
func New(ctx *pulumi.Context, name string, args *Args, opts ...pulumi.ResourceOption) (*Federation, error) {
	plan, err := check(args)
	if err != nil {
		return nil, fmt.Errorf("checking federation %s: %w", name, err)
	}
	f := &Federation{}
	if err := ctx.RegisterComponentResource(componentType, name, f, opts...); err != nil {
		return nil, fmt.Errorf("registering federation %s: %w", name, err)
	}
	b := builder{ctx: ctx, name: name, plan: plan, inside: pulumi.Parent(f)}
	if err := b.build(f); err != nil {
		return nil, fmt.Errorf("building federation %s: %w", name, err)
	}
	outputs := pulumi.Map{
		"projectNumber":           f.ProjectNumber,
		"pool":                    f.Pool,
		"provider":                f.Provider,
		"serviceAccountEmail":     f.ServiceAccountEmail,
		"members":                 f.Members,
		"credentialConfiguration": f.CredentialConfiguration,
	}
	if len(plan.accounts) > 1 {
		outputs["credentialConfigurations"] = f.CredentialConfigurations
	}
	return f, ctx.RegisterResourceOutputs(f, outputs)
}

// builder registers the resources of one component.
type builder struct {
	ctx    *pulumi.Context
	name   string
	plan   plan
	inside pulumi.ResourceOption

	pool    *iam.WorkloadIdentityPool
	granted []any // ids of bindings and grants, for which the configurations wait
}

func (b *builder) build(f *Federation) (err error) {
	if f.APIs, err = b.enable(); err != nil {
		return err
	}
	enabled := pulumi.DependsOn(f.APIs)
	if b.pool, err = iam.NewWorkloadIdentityPool(b.ctx, b.name, &iam.WorkloadIdentityPoolArgs{
		Project:                b.plan.project,
		WorkloadIdentityPoolId: b.plan.pool,
		DisplayName:            b.plan.pool,
		Description:            b.plan.admitted(),
	}, b.inside, enabled); err != nil {
		return fmt.Errorf("creating the workload identity pool: %w", err)
	}
	f.Pool = b.pool.Name
	f.ProjectNumber = b.pool.Name.ApplyT(projectNumber).(pulumi.StringOutput)

	var account *serviceaccount.Account
	f.ServiceAccountEmail = pulumi.String("").ToStringOutput()
	if b.plan.serviceAccount != nil {
		if account, err = serviceaccount.NewAccount(b.ctx, b.name, &serviceaccount.AccountArgs{
			Project:     b.plan.project,
			AccountId:   b.plan.serviceAccount,
			DisplayName: b.plan.serviceAccount,
			Description: pulumi.Sprintf("Used by the AWS role %s", b.plan.accounts[0].roles[0].name),
		}, b.inside, enabled); err != nil {
			return fmt.Errorf("creating the service account: %w", err)
		}
		f.ServiceAccountEmail = account.Email
	}
	if f.Members, err = b.grantAll(account); err != nil {
		return err
	}
	return b.providers(f)
}

// enable enables the APIs. Others in the project may use them: they stay on.
func (b *builder) enable() (apis []pulumi.Resource, _ error) {
	for _, api := range b.plan.apis {
		service, err := projects.NewService(b.ctx, b.name+"-"+strings.TrimSuffix(api, ".googleapis.com"), &projects.ServiceArgs{
			Project:          b.plan.project,
			Service:          pulumi.String(api),
			DisableOnDestroy: pulumi.Bool(false),
		}, b.inside)
		if err != nil {
			return nil, fmt.Errorf("enabling %s: %w", api, err)
		}
		apis = append(apis, service)
	}
	return apis, nil
}

// providers creates the provider of each account, and the credential configuration by
// which its roles use it.
func (b *builder) providers(f *Federation) error {
	all := []any{}
	for i, a := range b.plan.accounts {
		logical := b.name
		if i > 0 {
			logical += "-" + a.label
		}
		provider, err := iam.NewWorkloadIdentityPoolProvider(b.ctx, logical, &iam.WorkloadIdentityPoolProviderArgs{
			Project:                        b.plan.project,
			WorkloadIdentityPoolId:         b.pool.WorkloadIdentityPoolId,
			WorkloadIdentityPoolProviderId: a.provider,
			DisplayName:                    a.provider,
			Description:                    a.describe(trust.admits),
			AttributeMapping:               pulumi.ToStringMap(names.Mapping()),
			AttributeCondition:             a.describe(trust.condition),
			Aws:                            iam.WorkloadIdentityPoolProviderAwsArgs{AccountId: a.id},
		}, b.inside)
		if err != nil {
			return fmt.Errorf("creating the provider of account %s: %w", a.label, err)
		}
		configuration := b.configuration(f, provider)
		if i == 0 {
			f.Provider, f.CredentialConfiguration = provider.Name, configuration
		}
		all = append(all, a.id, configuration)
	}
	f.CredentialConfigurations = pulumi.All(all...).ApplyT(func(v []any) map[string]string {
		byAccount := map[string]string{}
		for i := 0; i < len(v); i += 2 {
			byAccount[v[i].(string)] = v[i+1].(string)
		}
		return byAccount
	}).(pulumi.StringMapOutput)
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
