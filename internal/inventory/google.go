package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/api/iam/v1"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// binding is one member of one role in the allow policy of a resource.
type binding struct {
	kind   string // of the resource: onBucket …
	on     string // its name
	role   string
	member string
}

const (
	onBucket  = "bucket"
	onProject = "project"
	onAccount = "service account"

	onTopic        = "topic"
	onSubscription = "subscription"
)

// ofGoogle asks Google Cloud: for what has the environment's names, and for what its
// Pulumi stack records.
func (s *survey) ofGoogle(ctx context.Context, g *clouds.Google) {
	number := "-"
	switch project := g.Project(ctx); {
	case project.There():
		number = fmt.Sprint(project.Thing.ProjectNumber)
	case project.Absent():
		s.errs = append(s.errs, fmt.Errorf("the project %s does not exist", s.env.GoogleProject))
	default:
		s.errs = append(s.errs, project.Err())
	}
	search := grants{g: g, project: s.env.GoogleProject, number: number, buckets: s.wanted.buckets, topics: s.wanted.topics, subscriptions: s.wanted.subscriptions}
	s.events(ctx, g)
	for _, email := range s.wanted.accounts {
		search.accounts = append(search.accounts, s.account(ctx, g, email))
	}
	for _, pool := range s.wanted.pools {
		search.pools = append(search.pools, s.pool(ctx, g, pool))
	}
	search.find(ctx, s)
}

// holder is what grants are made to: a service account, or the principals of a pool.
type holder struct {
	name     string
	uniqueID string             // of a service account that is there
	verdict  *ownership.Verdict // nil if it is absent, or cannot be seen
	unseen   error
}

func (s *survey) account(ctx context.Context, g *clouds.Google, email string) holder {
	h := holder{name: email}
	account := g.AccountByEmail(ctx, email)
	h.unseen = account.Err()
	if s.unknown("Google", KindServiceAccount, email, h.unseen) || account.Absent() {
		return h
	}
	item := accountItem(account.Thing)
	evidence := ownership.Account(account.Thing)
	evidence.Recorded = s.records.account(email, account.Thing.UniqueId)
	h.uniqueID, h.verdict = account.Thing.UniqueId, s.judge(&item, evidence)
	item.URNs = s.records.urns(typeAccount, email)
	s.add(item)
	return h
}

func accountItem(a *iam.ServiceAccount) Item {
	item := Item{Cloud: "Google", Kind: KindServiceAccount, Name: a.Email, State: "ENABLED"}
	if a.Disabled {
		item.State = "DISABLED"
	}
	return item
}

// judge sets whose an item is.
func (s *survey) judge(i *Item, e ownership.Evidence) *ownership.Verdict {
	v := ownership.Decide(s.own, e)
	i.Foreign = v.Why()
	return &v
}

// pool asks for a pool and all its providers, which go with it. If the pool cannot be
// seen, its providers are asked for all the same.
func (s *survey) pool(ctx context.Context, g *clouds.Google, id string) holder {
	h := holder{name: id}
	pool := g.PoolByID(ctx, id)
	if pool.Absent() {
		return h
	}
	if h.unseen = pool.Err(); h.unseen != nil {
		for _, provider := range s.env.Providers() {
			s.unknown("Google", KindProvider, id+"/"+provider, g.ProviderByID(ctx, id, provider).Err())
		}
		s.unknown("Google", KindPool, id, h.unseen)
		return h
	}
	providers := g.ProvidersOf(ctx, id)
	s.unknown("Google", KindProvider, id+"/", providers.Err())
	item := poolItem(id, pool.Thing)
	evidence := ownership.Pool(pool.Thing)
	bare := ownership.Decide(s.own, evidence)
	for _, provider := range providers.Thing {
		part := providerItem(id, provider)
		evidence := ownership.Provider(provider)
		evidence.Part = &bare
		s.judge(&part, evidence)
		part.URNs = s.records.urns(typeProvider, "workloadIdentityPools/"+strings.Replace(part.Name, "/", "/providers/", 1))
		if part.Foreign != "" && !part.Deleted() {
			item.holds = append(item.holds, part.Name+" "+part.Foreign)
		}
		s.add(part)
	}
	evidence.Holds = item.holds
	h.verdict = s.judge(&item, evidence)
	if h.verdict.Ours() != bare.Ours() {
		h.verdict = &bare // the grants to its principals are the environment's even if the pool has to stay
	}
	item.URNs = s.records.urns(typePool, "workloadIdentityPools/"+id)
	s.add(item)
	return h
}

func poolItem(id string, p *iam.WorkloadIdentityPool) Item {
	return kept(Item{Cloud: "Google", Kind: KindPool, Name: id}, p.State, p.Disabled, p.ExpireTime)
}

func providerItem(pool string, p *iam.WorkloadIdentityPoolProvider) Item {
	name := pool + "/" + p.Name[strings.LastIndex(p.Name, "/")+1:]
	return kept(Item{Cloud: "Google", Kind: KindProvider, Name: name}, p.State, p.Disabled, p.ExpireTime)
}

// kept completes the item of a pool or provider, whose name outlives it.
func kept(i Item, state string, disabled bool, expires string) Item {
	i.State = state
	if disabled && state == "ACTIVE" {
		i.State = "DISABLED"
	}
	if t, err := time.Parse(time.RFC3339, expires); state == clouds.Deleted && err == nil {
		i.Freed = t
	}
	return i
}

// grants searches for grants to service accounts, to deleted ones of their addresses, and
// to the principals of pools: on buckets, the project and the service accounts. A grant
// is whose the account or the pool is that it is made to.
type grants struct {
	g        *clouds.Google
	project  string // its id
	number   string
	pools    []holder
	accounts []holder
	buckets  []string

	topics, subscriptions []string
}

func (q grants) find(ctx context.Context, s *survey) {
	add := func(kind, on string, policy clouds.Answer[[]clouds.Binding]) {
		where := "the " + kind + " " + on
		if s.unknown("Google", KindBinding, "on "+where, policy.Err()) {
			return
		}
		for _, b := range policy.Thing { // none where what it is on is absent
			for _, member := range b.Members {
				if item, ok := q.item(s, binding{kind, on, b.Role, member}); ok {
					item.Detail = b.Role + " on " + where
					s.add(item)
				}
			}
		}
	}
	for _, account := range q.accounts {
		add(onAccount, account.name, q.g.AccountPolicy(ctx, account.name))
	}
	for _, name := range q.buckets {
		add(onBucket, name, q.g.BucketPolicy(ctx, name))
	}
	for _, id := range q.topics {
		add(onTopic, id, q.g.TopicPolicy(ctx, id))
	}
	for _, id := range q.subscriptions {
		add(onSubscription, id, q.g.SubscriptionPolicy(ctx, id))
	}
	add(onProject, q.project, q.g.ProjectPolicy(ctx))
}

// item is the item of a grant, if it is made to one of the holders.
func (q grants) item(s *survey, b binding) (Item, bool) {
	item := Item{Cloud: "Google", Kind: KindBinding, Name: b.member, State: "granted", binding: b, URNs: s.records.grant(b)}
	evidence := ownership.Evidence{Bare: true, Recorded: len(item.URNs) > 0}
	for _, account := range q.accounts {
		deleted, dangling := strings.CutPrefix(b.member, "deleted:serviceAccount:"+account.name+"?uid=")
		switch {
		case dangling:
			item.State = Dangling
			// Whose a deleted account was is known by its id alone.
			evidence.Recorded = slices.Contains(append(s.records.uniqueIDs(account.name), account.uniqueID), deleted)
			if !evidence.Recorded {
				evidence.Form = "the service account that it was made to is gone, and nothing says whose it was"
			} else if account.verdict != nil && deleted == account.uniqueID {
				evidence.Part = account.verdict
			}
		case b.member == "serviceAccount:"+account.name:
			evidence.Part = account.verdict
		default:
			continue
		}
		s.judgeOf(account, &item, evidence)
		return item, true
	}
	for _, pool := range q.pools {
		if strings.Contains(
			b.member,
			fmt.Sprintf("://iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/", q.number, pool.name),
		) {
			evidence.Part = pool.verdict
			s.judgeOf(pool, &item, evidence)
			return item, true
		}
	}
	return item, false
}

// judgeOf sets whose a grant to a holder is. If the holder cannot be seen, which is noted,
// it may be the environment's.
func (s *survey) judgeOf(h holder, i *Item, e ownership.Evidence) {
	if h.unseen == nil {
		s.judge(i, e)
	}
}

// without takes one member out of a role's bindings, and reports whether it was in.
func without[B any](bindings []B, role, member string, of func(B) (string, *[]string)) ([]B, bool) {
	found := false
	for _, b := range bindings {
		if name, members := of(b); name == role {
			before := len(*members)
			*members = slices.DeleteFunc(*members, func(m string) bool { return m == member })
			found = found || len(*members) < before
		}
	}
	return slices.DeleteFunc(bindings, func(b B) bool { _, members := of(b); return len(*members) == 0 }), found
}
