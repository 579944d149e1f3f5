package clouds

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/api/cloudresourcemanager/v1"
	"google.golang.org/api/iam/v1"
	"google.golang.org/api/orgpolicy/v2"
	"google.golang.org/api/serviceusage/v1"
	"google.golang.org/api/storage/v1"
)

// askGoogle is Google's answer about a thing: the one that a request fetched, or what
// its error means. what names the thing for people.
func askGoogle[T any](ctx context.Context, g *Google, what string, thing T, err error) Answer[T] {
	if err == nil {
		return found(thing)
	}
	if ReplyOf(err).absent() {
		return missing[T](err)
	}
	return hide[T](g.Unseen(ctx, what, err))
}

// Unseen is why something cannot be seen, by the error of a request.
func (g *Google) Unseen(ctx context.Context, what string, err error) *Unseen {
	u := &Unseen{What: what, Reply: ReplyOf(err), own: g.env.GoogleProject, err: err}
	u.Reason, u.API, u.Project = u.Reply.classify()
	if u.Reason == APIDisabled && u.Project != "" {
		switch {
		case u.Project == g.env.GoogleProject:
		case u.Project == g.ownNumber(ctx):
			u.Project = g.env.GoogleProject
		default:
			// Google names the project by its number, and the environment's number can be unknown.
			u.Foreign = g.ownNumber(ctx) != "" || g.quota != "" && g.quota != g.env.GoogleProject
		}
	}
	return u
}

// ownNumber is the number of the environment's project, or empty where it cannot be
// seen. It is asked for once.
func (g *Google) ownNumber(ctx context.Context) string {
	g.once.Do(func() {
		if project, err := g.Projects.Projects.Get(g.env.GoogleProject).Context(ctx).Do(); err == nil {
			g.number = fmt.Sprint(project.ProjectNumber)
			return
		}
		name := "projects/" + g.env.GoogleProject + "/services/serviceusage.googleapis.com"
		if service, err := g.Services.Services.Get(name).Context(ctx).Do(); err == nil {
			g.number = strings.TrimPrefix(service.Parent, "projects/")
		}
	})
	return g.number
}

// Project asks for the environment's project.
func (g *Google) Project(ctx context.Context) Answer[*cloudresourcemanager.Project] {
	project, err := g.Projects.Projects.Get(g.env.GoogleProject).Context(ctx).Do()
	return askGoogle(ctx, g, "the project "+g.env.GoogleProject, project, err)
}

// APIs asks for the state of APIs in the project.
func (g *Google) APIs(ctx context.Context, names ...string) Answer[[]*serviceusage.GoogleApiServiceusageV1Service] {
	parent := "projects/" + g.env.GoogleProject
	var full []string
	for _, name := range names {
		full = append(full, parent+"/services/"+name)
	}
	out, err := g.Services.Services.BatchGet(parent).Names(full...).Context(ctx).Do()
	if err != nil {
		return askGoogle[[]*serviceusage.GoogleApiServiceusageV1Service](ctx, g, "the APIs of the project", nil, err)
	}
	return found(out.Services)
}

// API asks whether an API is enabled in the project.
func (g *Google) API(ctx context.Context, name string) Answer[bool] {
	service, err := g.Services.Services.Get("projects/" + g.env.GoogleProject + "/services/" + name).Context(ctx).Do()
	if err != nil {
		return askGoogle(ctx, g, "whether "+name+" is enabled", false, err)
	}
	return found(service.State == "ENABLED")
}

// OrgPolicy asks for the organization policy in effect in the project.
func (g *Google) OrgPolicy(ctx context.Context, constraint string) Answer[*orgpolicy.GoogleCloudOrgpolicyV2Policy] {
	policy, err := g.OrgPolicies.Projects.Policies.GetEffectivePolicy("projects/" + g.env.GoogleProject + "/policies/" + constraint).Context(ctx).Do()
	return askGoogle(ctx, g, "the organization policy "+constraint, policy, err)
}

// Account is the resource name of a service account of the project. It names the
// project: asked for with projects/-, one that does not exist answers 403 as if it were
// hidden (IAM API reference, "projects.serviceAccounts.get").
func (g *Google) Account(email string) string {
	return "projects/" + g.env.GoogleProject + "/serviceAccounts/" + email
}

// AccountByEmail asks for a service account of the project.
func (g *Google) AccountByEmail(ctx context.Context, email string) Answer[*iam.ServiceAccount] {
	account, err := g.IAM.Projects.ServiceAccounts.Get(g.Account(email)).Context(ctx).Do()
	return askGoogle(ctx, g, "the service account "+email, account, err)
}

// Accounts asks for all service accounts of the project.
func (g *Google) Accounts(ctx context.Context) Answer[[]*iam.ServiceAccount] {
	var all []*iam.ServiceAccount
	err := g.IAM.Projects.ServiceAccounts.List("projects/"+g.env.GoogleProject).Pages(ctx, func(page *iam.ListServiceAccountsResponse) error {
		all = append(all, page.Accounts...)
		return nil
	})
	return listed(all, askGoogle(ctx, g, "the service accounts of "+g.env.GoogleProject, all, err))
}

// PoolByID asks for a workload identity pool of the project, also a deleted one.
func (g *Google) PoolByID(ctx context.Context, id string) Answer[*iam.WorkloadIdentityPool] {
	pool, err := g.IAM.Projects.Locations.WorkloadIdentityPools.Get(g.PoolNamed(id)).Context(ctx).Do()
	return askGoogle(ctx, g, "the workload identity pool "+id, pool, err)
}

// Pools asks for all workload identity pools of the project, also deleted ones.
func (g *Google) Pools(ctx context.Context) Answer[[]*iam.WorkloadIdentityPool] {
	var all []*iam.WorkloadIdentityPool
	parent := "projects/" + g.env.GoogleProject + "/locations/global"
	err := g.IAM.Projects.Locations.WorkloadIdentityPools.List(parent).ShowDeleted(true).Pages(ctx, func(page *iam.ListWorkloadIdentityPoolsResponse) error {
		all = append(all, page.WorkloadIdentityPools...)
		return nil
	})
	return listed(all, askGoogle(ctx, g, "the workload identity pools of "+g.env.GoogleProject, all, err))
}

// ProviderByID asks for a provider of a pool, also a deleted one.
func (g *Google) ProviderByID(ctx context.Context, pool, id string) Answer[*iam.WorkloadIdentityPoolProvider] {
	provider, err := g.IAM.Projects.Locations.WorkloadIdentityPools.Providers.Get(g.PoolNamed(pool) + "/providers/" + id).Context(ctx).Do()
	return askGoogle(ctx, g, "the provider "+id, provider, err)
}

// ProvidersOf asks for all providers of a pool, also deleted ones.
func (g *Google) ProvidersOf(ctx context.Context, pool string) Answer[[]*iam.WorkloadIdentityPoolProvider] {
	var all []*iam.WorkloadIdentityPoolProvider
	err := g.IAM.Projects.Locations.WorkloadIdentityPools.Providers.List(g.PoolNamed(pool)).ShowDeleted(true).Pages(ctx, func(page *iam.ListWorkloadIdentityPoolProvidersResponse) error {
		all = append(all, page.WorkloadIdentityPoolProviders...)
		return nil
	})
	return listed(all, askGoogle(ctx, g, "the providers of the pool "+pool, all, err))
}

// Bucket asks for a Cloud Storage bucket.
func (g *Google) Bucket(ctx context.Context, name string) Answer[*storage.Bucket] {
	bucket, err := g.Storage.Buckets.Get(name).Context(ctx).Do()
	return askGoogle(ctx, g, "the bucket gs://"+name, bucket, err)
}

// Buckets asks for the names of all Cloud Storage buckets of the project.
func (g *Google) Buckets(ctx context.Context) Answer[[]string] {
	var all []string
	err := g.Storage.Buckets.List(g.env.GoogleProject).Pages(ctx, func(page *storage.Buckets) error {
		for _, b := range page.Items {
			all = append(all, b.Name)
		}
		return nil
	})
	return listed(all, askGoogle(ctx, g, "the buckets of "+g.env.GoogleProject, all, err))
}

// Object asks for an object of a Cloud Storage bucket.
func (g *Google) Object(ctx context.Context, bucket, name string) Answer[*storage.Object] {
	object, err := g.Storage.Objects.Get(bucket, name).Context(ctx).Do()
	return askGoogle(ctx, g, "the object gs://"+bucket+"/"+name, object, err)
}

// Binding is one of an allow policy.
type Binding struct {
	Role        string
	Members     []string
	Conditional bool
}

// AccountPolicy asks who can do what with a service account of the project.
func (g *Google) AccountPolicy(ctx context.Context, email string) Answer[[]Binding] {
	policy, err := g.IAM.Projects.ServiceAccounts.GetIamPolicy(g.Account(email)).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	var all []Binding
	if err == nil {
		for _, b := range policy.Bindings {
			all = append(all, Binding{b.Role, b.Members, b.Condition != nil})
		}
	}
	return askGoogle(ctx, g, "the policy of the service account "+email, all, err)
}

// BucketPolicy asks who can do what with a bucket.
func (g *Google) BucketPolicy(ctx context.Context, name string) Answer[[]Binding] {
	policy, err := g.Storage.Buckets.GetIamPolicy(name).OptionsRequestedPolicyVersion(3).Context(ctx).Do()
	var all []Binding
	if err == nil {
		for _, b := range policy.Bindings {
			all = append(all, Binding{b.Role, b.Members, b.Condition != nil})
		}
	}
	return askGoogle(ctx, g, "the policy of the bucket gs://"+name, all, err)
}

// ProjectPolicy asks who can do what with the project.
func (g *Google) ProjectPolicy(ctx context.Context) Answer[[]Binding] {
	request := &cloudresourcemanager.GetIamPolicyRequest{Options: &cloudresourcemanager.GetPolicyOptions{RequestedPolicyVersion: 3}}
	policy, err := g.Projects.Projects.GetIamPolicy(g.env.GoogleProject, request).Context(ctx).Do()
	var all []Binding
	if err == nil {
		for _, b := range policy.Bindings {
			all = append(all, Binding{b.Role, b.Members, b.Condition != nil})
		}
	}
	return askGoogle(ctx, g, "the policy of the project "+g.env.GoogleProject, all, err)
}

// CountObjects counts the objects of a Cloud Storage bucket with a prefix.
func (g *Google) CountObjects(ctx context.Context, bucket, prefix string) (n int64, err error) {
	err = g.Storage.Objects.List(bucket).Prefix(prefix).Fields("nextPageToken", "items(size)").Pages(ctx, func(page *storage.Objects) error {
		n += int64(len(page.Items))
		return nil
	})
	return n, err
}
