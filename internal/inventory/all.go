package inventory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// Found is an environment of which something in a cloud carries the mark.
type Found struct {
	environment.Mark
	Created time.Time // of its oldest stack; zero if it has nothing on AWS
	Items   []Item    // stacks, service account, providers and pools

	wanted wanted   // what it has
	admits []string // what its pools, providers and accounts say of AWS
	logs   environment.LogRemoval
}

// Standing reports whether more of it exists, or may exist, than names that Google
// still reserves.
func (f Found) Standing() bool { return len(Left(f.Items)) > 0 }

// Any reports whether anything is its own: what only carries its mark is not.
func (f Found) Any() bool {
	return slices.ContainsFunc(f.Items, func(i Item) bool { return i.Foreign == "" })
}

// On are the states of what it has in a cloud.
func (f Found) On(cloud string) string {
	var states []string
	for _, i := range f.Items {
		if i.Cloud != cloud || i.Foreign != "" {
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
	l := list{found: map[[2]string]*Found{}}
	l.onAWS(ctx, c)
	l.onGoogle(ctx, c.Google)
	var all []Found
	for _, f := range l.found {
		f.Items = append(f.Items, l.hidden.items...)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Found) int {
		return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.ID, b.ID))
	})
	return all, clouds.Join(l.hidden.errs...)
}

// list is what is found, by the names and IDs of environments, and what cannot be seen,
// which may be of any.
type list struct {
	found  map[[2]string]*Found
	hidden survey
}

// add adds an item with a mark to the environment of the mark. What only carries the
// mark says nothing of the environment: then nil is returned.
func (l *list) add(i Item, e ownership.Evidence) *Found {
	m := e.Mark
	v := ownership.Decide(m, e)
	if i.Foreign = v.Why(); v.Ours() && m.ID == "" {
		i.Foreign = "its mark is not one that this program writes: it has no id"
	}
	key := [2]string{m.Environment, m.ID}
	f := l.found[key]
	if f == nil {
		f = &Found{Mark: environment.Mark{Environment: m.Environment, ID: m.ID}}
		l.found[key] = f
	}
	if i.Foreign == "" {
		// Marks differ while an update is under way; the later expiry is the safe one.
		switch first := !f.Any(); {
		case first || m.Expires.IsZero():
			f.Expires = m.Expires
		case !f.Expires.IsZero() && m.Expires.After(f.Expires):
			f.Expires = m.Expires
		}
		f.Owner = cmp.Or(f.Owner, m.Owner)
		if f.Created.IsZero() || !i.Created.IsZero() && i.Created.Before(f.Created) {
			f.Created = i.Created
		}
	}
	f.Items = append(f.Items, i)
	if i.Foreign != "" {
		return nil
	}
	return f
}

func (l *list) onAWS(ctx context.Context, c clouds.Pair) {
	stacks := clouds.Stacks(ctx, c.AWS)
	l.hidden.unknown("AWS", KindStack, "", stacks.Err())
	for _, stack := range stacks.Thing {
		name := aws.ToString(stack.StackName)
		_, env, ours := ownership.StackOf(name)
		mark := ownership.Tags(clouds.StackTags(stack.Tags)).Mark
		if review := stack.StackStatus == cfntypes.StackStatusReviewInProgress; !review && mark.Environment == "" || review && !ours {
			continue
		}
		// It is judged as one of the environment that it says it is of.
		s := survey{own: mark}
		evidence, template, seen := s.stackEvidence(ctx, c.AWS, stack)
		l.hidden.items, l.hidden.errs = append(l.hidden.items, s.items...), append(l.hidden.errs, s.errs...)
		if !seen || !evidence.Marked {
			continue
		}
		if stack.StackStatus == cfntypes.StackStatusReviewInProgress && evidence.Mark.Environment != env {
			evidence.Form = "its name is not that of a stack of the environment " + evidence.Mark.Environment
		}
		f := l.add(stackItem(stack), evidence)
		if f == nil {
			continue
		}
		switch kind, name, _ := strings.Cut(template.Makes, " "); kind {
		case ownership.TypeRole:
			f.wanted.roles = append(f.wanted.roles, name)
		case ownership.TypeFunction:
			f.wanted.functions = append(f.wanted.functions, name)
			if template.Events {
				of := environment.Environment{Function: name}
				events := []string{of.Drain(), of.EventDeadLetters()}
				f.wanted.topics, f.wanted.subscriptions = append(f.wanted.topics, events...), append(f.wanted.subscriptions, events...)
			}
			if template.KeepsLogs {
				f.logs = environment.RetainLogs
			}
		}
	}
}

func (l *list) onGoogle(ctx context.Context, g *clouds.Google) {
	accounts := g.Accounts(ctx)
	l.hidden.unknown("Google", KindServiceAccount, "", accounts.Err())
	for _, account := range accounts.Thing {
		if evidence := ownership.Account(account); evidence.Marked {
			if f := l.add(accountItem(account), evidence); f != nil {
				f.wanted.accounts = append(f.wanted.accounts, account.Email)
				f.admits = append(f.admits, account.Description)
			}
		}
	}
	pools := g.Pools(ctx)
	l.hidden.unknown("Google", KindPool, "", pools.Err())
	for _, pool := range pools.Thing {
		evidence := ownership.Pool(pool)
		if !evidence.Marked {
			continue
		}
		id := pool.Name[strings.LastIndex(pool.Name, "/")+1:]
		item, mark := poolItem(id, pool), evidence.Mark
		bare := ownership.Decide(mark, evidence)
		providers := g.ProvidersOf(ctx, id)
		l.hidden.unknown("Google", KindProvider, id+"/", providers.Err())
		var own []Item
		admits := []string{pool.Description}
		for _, provider := range providers.Thing {
			part := providerItem(id, provider)
			e := ownership.Provider(provider)
			e.Part = &bare
			v := ownership.Decide(mark, e)
			if part.Foreign = v.Why(); v.Ours() {
				own, admits = append(own, part), append(admits, provider.AttributeCondition)
			} else if !part.Deleted() {
				evidence.Holds = append(evidence.Holds, part.Name+" "+v.Why())
			}
		}
		f := l.add(item, evidence)
		if f == nil && bare.Ours() && mark.ID != "" { // it has to stay, but what else it has does not
			f = l.found[[2]string{mark.Environment, mark.ID}]
		}
		if f == nil {
			continue
		}
		f.Items = slices.Insert(f.Items, len(f.Items)-1, own...)
		f.wanted.pools = append(f.wanted.pools, id)
		f.admits = append(f.admits, admits...)
	}
}
