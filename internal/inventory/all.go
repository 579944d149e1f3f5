package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Found is an environment that has something in a cloud.
type Found struct {
	environment.Mark
	Created time.Time // of its oldest stack; zero if it has nothing on AWS
	Items   []Item    // stacks, service account, providers and pools
}

// Standing reports whether more of it exists, or may exist, than names that Google
// still reserves.
func (f Found) Standing() bool { return len(Left(f.Items)) > 0 }

// On are the states of what it has in a cloud.
func (f Found) On(cloud string) string {
	var states []string
	for _, i := range f.Items {
		if i.Cloud != cloud {
			continue
		}
		kind := strings.TrimPrefix(i.Kind, "workload identity ")
		if i.Kind == KindStack && i.State != Unknown {
			kind = i.Name[strings.LastIndex(i.Name, "-")+1:]
		}
		states = append(states, kind+" "+i.State)
	}
	return cmp.Or(strings.Join(states, ", "), "nothing")
}

// All lists every environment of the account's region and the project, by the
// marks that its resources carry, whether or not its file still exists. The error
// says what cannot be seen: there may be more environments, and more of those found,
// which therefore have items whose state is Unknown.
func All(ctx context.Context, c clouds.Pair, env environment.Environment) ([]Found, error) {
	l := list{found: map[string]*Found{}}
	l.onAWS(ctx, c)
	l.onGoogle(ctx, c.Google)
	var all []Found
	for _, f := range l.found {
		f.Items = append(f.Items, l.hidden.items...)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Found) int { return strings.Compare(a.Environment, b.Environment) })
	return all, clouds.Join(l.hidden.errs...)
}

// list is what is found, by environment, and what cannot be seen, which may be of any.
type list struct {
	found  map[string]*Found
	hidden survey
}

// of is the environment of a mark.
func (l *list) of(m environment.Mark) *Found {
	f := l.found[m.Environment]
	if f == nil {
		f = &Found{Mark: m}
		l.found[m.Environment] = f
	}
	// Marks differ while an update is under way; the later expiry is the safe one.
	if m.Expires.After(f.Expires) && !f.Expires.IsZero() || m.Expires.IsZero() {
		f.Expires = m.Expires
	}
	f.Owner = cmp.Or(f.Owner, m.Owner)
	return f
}

func (l *list) onAWS(ctx context.Context, c clouds.Pair) {
	stacks := clouds.Stacks(ctx, c.AWS)
	l.hidden.unknown("AWS", KindStack, "", stacks.Err())
	for _, stack := range stacks.Thing {
		tags := map[string]string{}
		for _, tag := range stack.Tags {
			tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
		}
		mark, ok := environment.MarkOf(tags)
		if !ok {
			continue
		}
		f, created := l.of(mark), aws.ToTime(stack.CreationTime)
		if f.Created.IsZero() || created.Before(f.Created) {
			f.Created = created
		}
		f.Items = append(f.Items, Item{Cloud: "AWS", Kind: KindStack, Name: aws.ToString(stack.StackName), State: string(stack.StackStatus), Created: created})
	}
}

func (l *list) onGoogle(ctx context.Context, g *clouds.Google) {
	accounts := g.Accounts(ctx)
	l.hidden.unknown("Google", KindServiceAccount, "", accounts.Err())
	for _, account := range accounts.Thing {
		if mark, ok := environment.FindMark(account.Description); ok {
			f := l.of(mark)
			f.Items = append(f.Items, Item{Cloud: "Google", Kind: KindServiceAccount, Name: account.Email, State: "ENABLED"})
		}
	}
	pools := g.Pools(ctx)
	l.hidden.unknown("Google", KindPool, "", pools.Err())
	for _, pool := range pools.Thing {
		mark, ok := environment.FindMark(pool.Description)
		if !ok {
			continue
		}
		id := pool.Name[strings.LastIndex(pool.Name, "/")+1:]
		f := l.of(mark)
		providers := g.ProvidersOf(ctx, id)
		if err := providers.Err(); err != nil {
			f.Items = append(f.Items, unknown("Google", KindProvider, id+"/", err))
			l.hidden.errs = append(l.hidden.errs, err)
		}
		for _, provider := range providers.Thing {
			name := id + "/" + provider.Name[strings.LastIndex(provider.Name, "/")+1:]
			f.Items = append(f.Items, kept(Item{Cloud: "Google", Kind: KindProvider, Name: name}, provider.State, provider.Disabled, provider.ExpireTime))
		}
		f.Items = append(f.Items, kept(Item{Cloud: "Google", Kind: KindPool, Name: id}, pool.State, pool.Disabled, pool.ExpireTime))
	}
}
