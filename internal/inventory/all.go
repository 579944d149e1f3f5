package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Found is an environment of which a cloud has something.
type Found struct {
	environment.Mark
	Created time.Time // of its oldest stack; zero where only Google has something
	Items   []Item    // stacks, service account, providers and pools
}

// Standing tells whether there is more of it than names that Google still keeps.
func (f Found) Standing() bool { return len(Left(f.Items)) > 0 }

// On are the states of what a cloud has of it.
func (f Found) On(cloud string) string {
	var states []string
	for _, i := range f.Items {
		if i.Cloud != cloud {
			continue
		}
		kind := strings.TrimPrefix(i.Kind, "workload identity ")
		if i.Kind == KindStack {
			kind = i.Name[strings.LastIndex(i.Name, "-")+1:]
		}
		states = append(states, kind+" "+i.State)
	}
	return cmp.Or(strings.Join(states, ", "), "nothing")
}

// All lists every environment of the account's region and the project, by the
// marks that its resources carry, whether or not anybody remembers it.
func All(ctx context.Context, c Clouds, env environment.Environment) ([]Found, error) {
	found := map[string]*Found{}
	of := func(m environment.Mark) *Found {
		f := found[m.Environment]
		if f == nil {
			f = &Found{Mark: m}
			found[m.Environment] = f
		}
		// Marks differ while an update is under way; the later expiry is the safe one.
		if m.Expires.After(f.Expires) && !f.Expires.IsZero() || m.Expires.IsZero() {
			f.Expires = m.Expires
		}
		f.Owner = cmp.Or(f.Owner, m.Owner)
		return f
	}
	err := errors.Join(allOnAWS(ctx, c, of), allOnGoogle(ctx, c, env, of))
	var all []Found
	for _, f := range found {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Found) int { return strings.Compare(a.Environment, b.Environment) })
	return all, err
}

func allOnAWS(ctx context.Context, c Clouds, of func(environment.Mark) *Found) error {
	pages := cloudformation.NewDescribeStacksPaginator(cloudformation.NewFromConfig(c.AWS), nil)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing stacks: %w", err)
		}
		for _, stack := range page.Stacks {
			tags := map[string]string{}
			for _, tag := range stack.Tags {
				tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
			}
			mark, ok := environment.MarkOf(tags)
			if !ok {
				continue
			}
			f, created := of(mark), aws.ToTime(stack.CreationTime)
			if f.Created.IsZero() || created.Before(f.Created) {
				f.Created = created
			}
			f.Items = append(f.Items, Item{Cloud: "AWS", Kind: KindStack, Name: aws.ToString(stack.StackName), State: string(stack.StackStatus), Created: created})
		}
	}
	return nil
}

func allOnGoogle(ctx context.Context, c Clouds, env environment.Environment, of func(environment.Mark) *Found) error {
	pools := c.Google.IAM.Projects.Locations.WorkloadIdentityPools
	project := "projects/" + env.GoogleProject
	accounts := c.Google.IAM.Projects.ServiceAccounts.List(project).Pages(ctx, func(page *iam.ListServiceAccountsResponse) error {
		for _, account := range page.Accounts {
			if mark, ok := environment.FindMark(account.Description); ok {
				f := of(mark)
				f.Items = append(f.Items, Item{Cloud: "Google", Kind: KindServiceAccount, Name: account.Email, State: "ENABLED"})
			}
		}
		return nil
	})
	listed := pools.List(project+"/locations/global").ShowDeleted(true).Pages(ctx, func(page *iam.ListWorkloadIdentityPoolsResponse) error {
		for _, pool := range page.WorkloadIdentityPools {
			mark, ok := environment.FindMark(pool.Description)
			if !ok {
				continue
			}
			id := pool.Name[strings.LastIndex(pool.Name, "/")+1:]
			f := of(mark)
			err := pools.Providers.List(pool.Name).ShowDeleted(true).Pages(ctx, func(page *iam.ListWorkloadIdentityPoolProvidersResponse) error {
				for _, provider := range page.WorkloadIdentityPoolProviders {
					name := id + "/" + provider.Name[strings.LastIndex(provider.Name, "/")+1:]
					f.Items = append(f.Items, kept(Item{Cloud: "Google", Kind: KindProvider, Name: name}, provider.State, provider.Disabled, provider.ExpireTime))
				}
				return nil
			})
			if err != nil {
				return err
			}
			f.Items = append(f.Items, kept(Item{Cloud: "Google", Kind: KindPool, Name: id}, pool.State, pool.Disabled, pool.ExpireTime))
		}
		return nil
	})
	return errors.Join(wrap("listing service accounts", accounts), wrap("listing workload identity pools", listed))
}
