package infra

import (
	"fmt"

	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/iam"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/projects"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/serviceaccount"
	"github.com/pulumi/pulumi-gcp/sdk/v7/go/gcp/storage"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// grant gives all roles what they need to read: through the service account, which
// it makes, or directly. It returns the ids of the grants that the roles hold.
func (f *Federation) grant(ctx *pulumi.Context, name string, args *FederationArgs, trusts []trust, pool *iam.WorkloadIdentityPool, inside, enabled pulumi.ResourceOption) ([]any, error) {
	var account *serviceaccount.Account
	f.ServiceAccountEmail = pulumi.String("").ToStringOutput()
	if args.ServiceAccount != "" {
		var err error
		account, err = serviceaccount.NewAccount(ctx, name, &serviceaccount.AccountArgs{
			Project:     pulumi.String(args.Project),
			AccountId:   pulumi.String(args.ServiceAccount),
			DisplayName: pulumi.String("GCS to S3"),
			Description: pulumi.String(args.describe("Read by the AWS role " + args.AWSRole)),
		}, inside, enabled, imported(args.Existing.ServiceAccount))
		if err != nil {
			return nil, fmt.Errorf("creating service account %s: %w", args.ServiceAccount, err)
		}
		f.ServiceAccountEmail = account.Email
		if _, err := args.viewer(ctx, name+"-object-viewer", account.Member, inside); err != nil {
			return nil, err
		}
	}
	var granted []any
	for i, t := range trusts {
		for j, role := range t.roles {
			suffix := "" // the component's own role has none, however many others there are
			if i > 0 || j > 0 {
				suffix = "-" + role.Account + "-" + role.Name
			}
			member := pool.Name.ApplyT(role.principalSet).(pulumi.StringOutput)
			var id pulumi.Output
			var err error
			if account == nil {
				id, err = args.viewer(ctx, name+"-object-viewer"+suffix, member, inside)
			} else {
				var binding *serviceaccount.IAMMember
				binding, err = serviceaccount.NewIAMMember(ctx, name+"-workload-identity-user"+suffix, &serviceaccount.IAMMemberArgs{
					ServiceAccountId: account.Name,
					Role:             pulumi.String(roleWorkloadIdentityUser),
					Member:           member,
				}, inside)
				if err == nil {
					id = binding.ID()
				}
			}
			if err != nil {
				return nil, fmt.Errorf("giving the role %s of account %s its rights: %w", role.Name, role.Account, err)
			}
			granted = append(granted, id)
		}
	}
	return granted, nil
}

// viewer makes a member Storage Object Viewer.
func (a *FederationArgs) viewer(ctx *pulumi.Context, name string, member pulumi.StringInput, opts ...pulumi.ResourceOption) (pulumi.Output, error) {
	if a.ViewProject {
		grant, err := projects.NewIAMMember(ctx, name, &projects.IAMMemberArgs{
			Project: pulumi.String(a.Project),
			Role:    pulumi.String(roleObjectViewer),
			Member:  member,
		}, opts...)
		if err != nil {
			return nil, fmt.Errorf("granting %s: %w", roleObjectViewer, err)
		}
		return grant.ID(), nil
	}
	grant, err := storage.NewBucketIAMMember(ctx, name, &storage.BucketIAMMemberArgs{
		Bucket: pulumi.String(a.Bucket),
		Role:   pulumi.String(roleObjectViewer),
		Member: member,
	}, opts...)
	if err != nil {
		return nil, fmt.Errorf("granting %s: %w", roleObjectViewer, err)
	}
	return grant.ID(), nil
}
