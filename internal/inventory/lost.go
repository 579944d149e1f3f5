package inventory

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// Lost lists what exists of an environment whose file is lost, by what carries its mark.
// Of place only account, region and project are used. The error says what cannot be seen,
// or that what carries the mark is not one environment: then a mark is not enough, and
// only its file can say what is the environment's.
func Lost(ctx context.Context, c clouds.Pair, place environment.Environment, f Found) ([]Item, error) {
	buckets := c.Google.Buckets(ctx) // which bucket it read is not recorded
	if err := clouds.Join(append([]error{buckets.Err()}, f.unseen()...)...); err != nil {
		return nil, err
	}
	env := environment.Environment{
		Name:          f.Environment,
		LogRemoval:    f.logs,
		AWSAccount:    place.AWSAccount,
		AWSRegion:     place.AWSRegion,
		GoogleProject: place.GoogleProject,
	}
	s := survey{env: env, own: f.Mark, wanted: f.wanted}
	s.wanted.buckets = buckets.Thing
	items, err := s.all(ctx, c)
	if err != nil {
		return items, err
	}
	return items, f.agree(ctx, c, env, items)
}

// unseen are the items that cannot be seen.
func (f Found) unseen() []error {
	var errs []error
	for _, i := range f.Items {
		if i.State == Unknown {
			errs = append(errs, fmt.Errorf("the %s %s cannot be seen: %s", i.Kind, i.Name, i.Detail))
		}
	}
	return errs
}

// The names in what Google's side says of AWS: conditions and descriptions.
var (
	inCondition   = regexp.MustCompile(`'arn:aws:sts::(\d{12}):assumed-role/([A-Za-z0-9_+=,.@-]+)'`)
	inDescription = regexp.MustCompile(`AWS account (\d{12})`)
	readBy        = regexp.MustCompile(`^Read by the AWS role ([A-Za-z0-9_+=,.@-]+) `)
)

// agree checks that both clouds say the same of the environment. Up makes Google's side
// first, and a deleted pool says what it was for a month: so Google's side without
// stacks may be all there is, but stacks without any trace on Google's side are not what
// this program leaves.
func (f Found) agree(ctx context.Context, c clouds.Pair, env environment.Environment, items []Item) error {
	const hint = "hint: `gcs-to-s3 init %s` with its settings, and then `gcs-to-s3 down %[1]s`"
	because := func(format string, args ...any) error {
		return fmt.Errorf(
			"only marks say what is %s's, and they do not agree: %s; "+hint,
			f.Environment,
			fmt.Sprintf(format, args...),
			f.Environment,
		)
	}
	var roles []string
	for _, text := range f.admits {
		for _, m := range inCondition.FindAllStringSubmatch(text, -1) {
			if m[1] == env.AWSAccount {
				roles = append(roles, m[2])
			}
		}
		if m := inDescription.FindStringSubmatch(text); m != nil && m[1] != env.AWSAccount {
			return because("Google's side admits the AWS account %s, and this one is %s", m[1], env.AWSAccount)
		}
		if m := readBy.FindStringSubmatch(text); m != nil {
			roles = append(roles, m[1])
		}
	}
	stacks := false
	for _, i := range items {
		if i.Kind != KindStack || i.Foreign != "" {
			continue
		}
		stacks = true
		if len(f.admits) == 0 {
			return because("AWS has the stack %s, and Google Cloud has nothing with its mark", i.Name)
		}
	}
	for _, name := range f.wanted.roles {
		if !slices.Contains(roles, name) && stacks {
			return because("AWS has the role %s, which Google's side does not admit", name)
		}
	}
	for _, name := range roles {
		if slices.Contains(f.wanted.roles, name) {
			continue
		}
		role := clouds.Role(ctx, c.AWS, name)
		if role.Err() != nil {
			return role.Err()
		}
		if role.There() && ownership.Decide(f.Mark, ownership.Tags(clouds.TagsOfRole(role.Thing))).Ours() && !stacks {
			return because("it has the role %s, and its stacks are not in %s", name, env.AWSRegion)
		}
	}
	return nil
}

// RemoveLost removes items of an environment through the clouds' own APIs, in the order
// that a tear-down has: bindings first. say is called with each item.
func RemoveLost(ctx context.Context, c clouds.Pair, items []Item, say func(Item)) error {
	if err := Unprotected(items); err != nil {
		return err
	}
	items = slices.DeleteFunc(Doomed(items), Item.OfStack)
	slices.SortStableFunc(items, func(a, b Item) int { return lostRank(a) - lostRank(b) })
	var errs []error
	for _, i := range items {
		say(i)
		errs = append(errs, Remove(ctx, c, i))
	}
	return errors.Join(errs...)
}

// Unprotected checks that no stack of the environment has termination protection, which
// would stop a tear-down half-way.
func Unprotected(items []Item) error {
	var errs []error
	for _, i := range Left(items) {
		if i.Protected {
			errs = append(
				errs,
				fmt.Errorf(
					"the stack %s has termination protection; "+
						"hint: `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %[1]s`",
					i.Name,
				),
			)
		}
	}
	return errors.Join(errs...)
}

// lostRank is the order of the removal.
func lostRank(i Item) int {
	switch i.Kind {
	case KindBinding, KindNotification:
		return 0
	case KindSubscription:
		return 1
	case KindRole:
		return 5
	case KindStack:
		if strings.HasSuffix(i.Name, "-role") {
			return 5
		}
		return 1
	case KindFunction:
		return 1
	case KindProvider:
		return 2
	case KindPool:
		return 3
	}
	return 4
}
