package bulk

import (
	"context"
	"fmt"
	"iter"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// What a list names is looked up in one of two ways. A page of a listing costs a class A
// operation, and has a thousand objects; asking for an object costs a class B operation, of
// which 12.5 cost as much as one of class A (Cloud Storage pricing, "Operation charges"). So
// names are first held against a page that begins with them, and further pages follow as
// long as each has settled worthAPage names. The others of a batch are asked for one by one.
const (
	worthAPage = 13
	lookBatch  = 1000 // names
	lookAtOnce = 32
)

// found is what Cloud Storage has of an object that a list names.
type found struct {
	copy.Listed
	there bool
}

// chunk reads a chunk of a job's list.
func (w *Worker) chunk(ctx context.Context, r Request, n int) (names []Named, err error) {
	if r.List == nil {
		return nil, fmt.Errorf("%s: has no list", requestKey(r.Job))
	}
	for named, err := range linesOf[Named](ctx, w.Files, chunkKey(r.Job, r.List.ID, n)) {
		if err != nil {
			return nil, err
		}
		names = append(names, named)
	}
	return names, nil
}

// look looks up a batch of names in their order.
func (w *Worker) look(ctx context.Context, bucket string, batch []Named, t *Tally) ([]found, error) {
	all := make([]found, len(batch))
	var unknown, single []int // of batch
	for i, n := range batch {
		all[i].Name = n.Name
		if o, ok := n.known(); ok {
			all[i] = found{o, true}
		} else {
			unknown = append(unknown, i)
		}
	}
	for len(unknown) > 0 {
		settled, err := w.lookInPage(ctx, bucket, batch, unknown, all, &single)
		if err != nil {
			return nil, err
		}
		t.SourcePages++
		if unknown = unknown[settled:]; settled < worthAPage {
			break
		}
	}
	single = append(single, unknown...)
	t.Lookups += int64(len(single))
	return all, inParallel(ctx, len(single), lookAtOnce, func(ctx context.Context, n int) (err error) {
		i := single[n]
		all[i].Listed, all[i].there, err = w.Buckets.Look(ctx, bucket, batch[i].Name, batch[i].Generation)
		all[i].Name = batch[i].Name
		return err
	})
}

// lookInPage holds the names at some places of a batch against the page of a listing that
// begins with the first, and returns how many of them it settled. Objects of another
// generation than the list's, which may have been live before, are added to single.
func (w *Worker) lookInPage(ctx context.Context, bucket string, batch []Named, at []int, all []found, single *[]int) (settled int, err error) {
	next, stop := iter.Pull2(w.Buckets.List(ctx, bucket, copy.Range{From: batch[at[0]].Name}))
	defer stop()
	absent := func(i int) {
		if batch[i].Generation != 0 {
			*single = append(*single, i)
		}
	}
	for range copy.PageObjects {
		o, err, more := next()
		if err != nil {
			return settled, err
		}
		for settled < len(at) && (!more || batch[at[settled]].Name < o.Name) {
			absent(at[settled])
			settled++
		}
		if settled == len(at) {
			return settled, nil
		}
		if i := at[settled]; batch[i].Name == o.Name {
			if g := batch[i].Generation; g == 0 || g == o.Generation {
				all[i] = found{o, true}
			} else {
				absent(i)
			}
			settled++
		}
	}
	return settled, nil
}

// Why objects of a list are not copied.
const (
	notThere   = "not in the source bucket"
	notThereOf = "the generation is not in the source bucket"
)

// listNamed plans a chunk of a list until there is no more time.
func (w *Worker) listNamed(ctx context.Context, p *planner, late func() bool) error {
	names, err := w.chunk(ctx, p.request, p.span.Chunk)
	if err != nil {
		return err
	}
	for len(names) > 0 && names[0].Name <= p.span.After {
		names = names[1:]
	}
	for len(names) > 0 {
		batch := names[:min(lookBatch, len(names))]
		all, err := w.look(ctx, p.request.SourceBucket, batch, &p.found.Tally)
		if err != nil {
			return err
		}
		for i, f := range all {
			switch {
			case f.there:
				err = p.add(ctx, f.Listed)
			case batch[i].Generation != 0:
				err = p.fail(ctx, f.Listed, "", notThereOf)
			default:
				err = p.fail(ctx, f.Listed, "", notThere)
			}
			if err != nil {
				return err
			}
		}
		names = names[len(batch):]
		if len(names) > 0 && late() {
			p.found.Rest = []copy.Range{{After: batch[len(batch)-1].Name}}
			return nil
		}
	}
	return nil
}
