// Package inventory lists what exists of an environment in both clouds: before and
// after a tear-down, for a status, and for a list of all environments, including those
// whose files and state are lost. The clouds' own answers count, not an engine's state. What cannot be seen is listed as unknown and is an error: it
// is never taken for absent. It removes only what no engine can: what the state of a
// lost engine held, and grants that outlived what they were made to.
package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
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
)

// Unknown is the state of an item that cannot be seen; its detail says why.
const Unknown = "unknown"

// Item is one thing that exists in a cloud, or may exist but cannot be seen.
type Item struct {
	Cloud   string    `json:"cloud"` // AWS or Google
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	State   string    `json:"state"`            // as the cloud calls it, or Unknown
	Detail  string    `json:"detail,omitempty"` // for people
	Created time.Time `json:"created,omitzero"`
	Freed   time.Time `json:"freed,omitzero"` // of a deleted item: when its name is free again

	asset   asset
	binding binding
}

// Deleted reports whether an item is only a name that Google still reserves.
func (i Item) Deleted() bool { return !i.Freed.IsZero() }

// OfStack reports whether an item is part of a stack, and is only deleted with it.
func (i Item) OfStack() bool {
	return i.Kind == KindRole || i.Kind == KindFunction || i.Kind == KindResource
}

func (i Item) String() string {
	s := fmt.Sprintf("%s %s %s", i.Cloud, i.Kind, i.short())
	if i.Detail != "" {
		s += " (" + i.Detail + ")"
	}
	return s
}

// Of lists what exists of an environment, in the order in which it is taken
// down: bindings, function, federation, role. The error says what cannot be seen,
// which is also listed, as items whose state is Unknown.
func Of(ctx context.Context, c clouds.Pair, env environment.Environment) ([]Item, error) {
	var s survey
	s.ofGoogle(ctx, c.Google, env)
	s.ofAWS(ctx, c.AWS, env)
	slices.SortStableFunc(s.items, func(a, b Item) int { return rank(a, env) - rank(b, env) })
	return s.items, clouds.Join(s.errs...)
}

// survey is what both clouds say of an environment.
type survey struct {
	items []Item
	errs  []error
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

// Left are the items that are more than names which Google still reserves. What cannot
// be seen may be left.
func Left(items []Item) []Item {
	return slices.DeleteFunc(slices.Clone(items), Item.Deleted)
}

// Write writes items as a table for people, with long names shortened.
func Write(w io.Writer, items []Item) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, i := range items {
		detail := i.Detail
		if i.Deleted() {
			detail = "its name is free again on " + i.Freed.UTC().Format("2006-01-02 15:04 MST")
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\t%s\n", i.Cloud, i.Kind, i.short(), i.State, detail)
	}
	return table.Flush()
}

// hashShown is how many characters of a hash are shown.
const hashShown = 12

// short is the name without the parts that the environment makes obvious.
func (i Item) short() string {
	switch i.Kind {
	case KindBinding:
		if _, principal, ok := strings.Cut(i.Name, "/workloadIdentityPools/"); ok {
			_, principal, _ = strings.Cut(principal, "/")
			return principal
		}
		member, _, _ := strings.Cut(i.Name, "?uid=")
		return strings.TrimSuffix(member, ".iam.gserviceaccount.com")
	case KindServiceAccount:
		return strings.TrimSuffix(i.Name, ".iam.gserviceaccount.com")
	case KindAsset:
		if hash, kind, ok := strings.Cut(path.Base(i.Name), "."); ok && len(hash) > hashShown {
			return hash[:hashShown] + "…." + kind
		}
	}
	return i.Name
}
