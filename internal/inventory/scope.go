package inventory

import (
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/rights"
)

// Scope is what a tear-down of items changes, for the rights that it needs.
func Scope(env environment.Environment, items []Item) rights.Scope {
	s := rights.Scope{Environment: env}
	for _, i := range Doomed(items) {
		switch {
		case i.Kind == KindStack:
			s.Stacks = append(s.Stacks, i.Name)
		case i.Kind == KindServiceAccount:
			s.Accounts = append(s.Accounts, i.Name)
		case i.Kind == KindBinding && i.binding.kind == onBucket && !slices.Contains(s.Buckets, i.binding.on):
			s.Buckets = append(s.Buckets, i.binding.on)
		case i.Kind == KindBinding && i.binding.kind == onProject:
			s.OnProject = true
		}
	}
	return s
}
