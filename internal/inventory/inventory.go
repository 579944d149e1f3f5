// Package inventory lists what exists of an environment in both clouds: before and
// after a tear-down, for a status, and for a list of all environments, including those
// whose files and state are lost. The clouds' own answers count; an engine's state only
// says what to ask for, and whose it is. What cannot be seen is listed as unknown and is
// an error: it is never taken for absent. What has the environment's names but is not the
// environment's, by package ownership, is listed with the reason, and never removed.
//
// It removes only what no engine can: what the state of a lost engine held, and grants
// that outlived what they were made to.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// Kinds of items.
const (
	KindStack          = "stack"
	KindRole           = "role"
	KindFunction       = "function"
	KindLogGroup       = "log group"
	KindResource       = "resource" // another one of a stack
	KindAsset          = "CDK asset"
	KindServiceAccount = "service account"
	KindPool           = "workload identity pool"
	KindProvider       = "provider"
	KindBinding        = "binding"
	KindNotification   = "bucket notification"
	KindTopic          = "topic"
	KindSubscription   = "subscription"
)

// Dangling is the state of a grant to a service account that has been deleted.
const Dangling = "dangling"

// Unknown is the state of an item that cannot be seen; its detail says why.
const Unknown = "unknown"

// Item is one thing that exists in a cloud, or may exist but cannot be seen.
type Item struct {
	Cloud   string    `json:"cloud"` // AWS or Google
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	State   string    `json:"state"`             // as the cloud calls it, or Unknown
	Detail  string    `json:"detail,omitempty"`  // for people
	Foreign string    `json:"foreign,omitempty"` // why it is not the environment's; empty if it is
	Created time.Time `json:"created,omitzero"`
	Freed   time.Time `json:"freed,omitzero"` // of a deleted item: when its name is free again

	URNs      []string `json:"-"` // of its records in Pulumi's state
	Alone     bool     `json:"-"` // of a role or a function: it has no stack that could be deleted
	Protected bool     `json:"-"` // of a stack: it has termination protection
	Kept      bool     `json:"-"` // the environment's settings say that it outlives the environment

	unmarked bool     // it carries no mark at all
	holds    []string // what would go with it and is not the environment's
	asset    asset
	binding  binding
}

// Deleted reports whether an item is only a name that Google still reserves.
func (i Item) Deleted() bool { return !i.Freed.IsZero() }

// OfStack reports whether an item is part of a stack, and is only deleted with it.
func (i Item) OfStack() bool {
	return (i.Kind == KindRole || i.Kind == KindFunction) && !i.Alone || i.Kind == KindResource
}

func (i Item) String() string {
	s := fmt.Sprintf("%s %s %s", i.Cloud, i.Kind, i.Name)
	if i.Detail != "" {
		s += " (" + i.Detail + ")"
	}
	return s
}

// key identifies an item among those of both clouds.
func (i Item) key() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(i.Name, "deleted:"), "?uid=")
	return strings.Join([]string{i.Cloud, i.Kind, name, i.binding.kind, i.binding.on, i.binding.role}, "\n")
}

// Of lists what exists of an environment, in the order in which it is taken
// down: bindings, function, federation, role. recorded are the resources in the state of
// its Pulumi stack, where that is known. The error says what cannot be seen, which is
// also listed, as items whose state is Unknown.
func Of(ctx context.Context, c clouds.Pair, env environment.Environment, recorded ...engine.Resource) ([]Item, error) {
	r := records(recorded)
	var events []string
	if env.Events == environment.PullEvents {
		events = []string{env.Drain(), env.EventDeadLetters()}
	}
	s := survey{env: env, own: env.Mark(), records: r, wanted: wanted{
		topics: r.names(typeTopic, events...), subscriptions: r.names(typeSubscription, events...),
		roles: []string{env.Role}, functions: env.Functions(),
		accounts: r.names(typeAccount, env.ServiceAccountEmail()), // direct access needs none
		pools:    r.names(typePool, env.Pool),
		buckets:  r.buckets(env.SourceBucket),
	}}
	return s.all(ctx, c)
}

// wanted are the names of what both clouds are asked for.
type wanted struct{ roles, functions, accounts, pools, buckets, topics, subscriptions []string }

// survey is what both clouds say of an environment.
type survey struct {
	env     environment.Environment
	own     environment.Mark
	wanted  wanted
	records records

	items []Item
	errs  []error
}

func (s *survey) all(ctx context.Context, c clouds.Pair) ([]Item, error) {
	s.ofGoogle(ctx, c.Google)
	s.ofAWS(ctx, c.AWS)
	slices.SortStableFunc(s.items, func(a, b Item) int { return rank(a, s.env) - rank(b, s.env) })
	return s.items, clouds.Join(s.errs...)
}

func (s *survey) add(items ...Item) { s.items = append(s.items, items...) }

// unknown notes what cannot be seen; it reports whether that is so.
func (s *survey) unknown(cloud, kind, name string, err error) bool {
	if err == nil {
		return false
	}
	s.add(unknown(cloud, kind, name, err))
	s.errs = append(s.errs, err)
	return true
}

// unknown is the item of what cannot be seen.
func unknown(cloud, kind, name string, err error) Item {
	why := err.Error()
	var unseen *clouds.Unseen
	if errors.As(err, &unseen) {
		why = unseen.Why()
	}
	return Item{Cloud: cloud, Kind: kind, Name: name, State: Unknown, Detail: why}
}

func rank(i Item, env environment.Environment) int {
	switch {
	case i.Kind == KindBinding:
		return 0
	case i.Cloud == "Google":
		return 2
	case i.Kind == KindRole || i.Kind == KindStack && i.Name == env.RoleStack():
		return 3
	}
	return 1
}

// Left are the environment's items that are more than names which Google still reserves.
// What cannot be seen may be left.
func Left(items []Item) []Item {
	return slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return i.Deleted() || i.Foreign != "" })
}

// Doomed are the environment's items that a tear-down removes.
func Doomed(items []Item) []Item {
	return slices.DeleteFunc(Left(items), func(i Item) bool { return i.Kept })
}

// Remaining are the items of which the user was shown before that they are removed. A grant
// whose service account has been deleted since then is the same grant. A log group goes
// with its function: the function's last lines may have made it again, without a mark.
func Remaining(items, before []Item) []Item {
	doomed := map[string]bool{}
	for _, i := range Doomed(before) {
		doomed[i.key()] = true
	}
	var out []Item
	for _, i := range items {
		if !doomed[i.key()] {
			continue
		}
		if i.Kind == KindLogGroup && i.unmarked {
			i.Foreign = ""
		}
		out = append(out, i)
	}
	return Doomed(out)
}

// Foreign are the items that only have the environment's names.
func Foreign(items []Item) []Item {
	return slices.DeleteFunc(slices.Clone(items), func(i Item) bool { return i.Foreign == "" })
}

// Write writes items as a table for people, with their whole names. What is not the
// environment's comes last, with the reason.
func Write(w io.Writer, items []Item) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range items {
		if i.Foreign != "" {
			continue
		}
		detail := i.Detail
		if i.Deleted() {
			detail = "its name is free again on " + i.Freed.UTC().Format("2006-01-02 15:04 MST")
		}
		if detail != "" {
			detail = "  (" + detail + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s%s\n", i.Cloud, i.Kind, i.State, i.Name, detail)
	}
	others := Foreign(items)
	if len(others) > 0 {
		fmt.Fprintf(table, "Not this environment's, and left alone:\n")
	}
	for _, i := range others {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s  (%s)\n", i.Cloud, i.Kind, i.State, i.Name, i.Foreign)
	}
	return table.Flush()
}
