package bulk

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// split divides a range at names that exist, into at most n ranges that together are the
// range. Where they lie is not known, so it looks in the middle of what names could be.
func (w *Worker) split(ctx context.Context, bucket string, r copy.Range, n int) ([]copy.Range, error) {
	done := []copy.Range{}
	todo := []copy.Range{r}
	for probes := 0; len(todo) > 0 && len(done)+len(todo) < n && probes < 20*n; probes++ {
		// The one that was divided least often is likely the largest.
		r := todo[0]
		todo = todo[1:]
		middle, ok := between(r.Prefix, r.After, r.Before)
		if !ok {
			done = append(done, r)
			continue
		}
		first, found, err := w.first(ctx, bucket, copy.Range{Prefix: r.Prefix, After: middle, Before: r.Before})
		switch {
		case err != nil:
			return nil, err
		case !found: // all of it lies before the middle
			r.Before = middle + " "
			todo = slices.Insert(todo, 0, r)
			continue
		}
		left, right := r, r
		left.Before, right.After = first, middle
		todo = append(todo, left, right)
	}
	all := append(done, todo...)
	slices.SortFunc(all, func(a, b copy.Range) int { return strings.Compare(a.After, b.After) })
	return all, nil
}

// first returns the first name of a range.
func (w *Worker) first(ctx context.Context, bucket string, r copy.Range) (name string, found bool, err error) {
	for o, err := range w.Buckets.List(ctx, bucket, r) {
		return o.Name, err == nil, err
	}
	return "", false, nil
}

// between returns a name in the middle of what names with a prefix can be after one and
// before another: in valid UTF-8, with printable ASCII after what the bounds share.
func between(prefix, after, before string) (string, bool) {
	const low, high = 0x20, 0x7f
	shared := len(prefix)
	if before != "" {
		for shared < len(after) && shared < len(before) && after[shared] == before[shared] {
			shared++
		}
	}
	stem := after[:min(shared, len(after))]
	if len(stem) < len(prefix) {
		stem = prefix
	}
	for !utf8.ValidString(stem) && len(stem) > 0 {
		stem = stem[:len(stem)-1]
	}
	// What follows the stem is read as digits of a number.
	const digits = 6
	value := func(text string, none uint64) (v uint64) {
		rest := text[min(len(stem), len(text)):]
		for i := range digits {
			d := none
			if i < len(rest) {
				d = uint64(max(low, min(high, int(rest[i])))) - low
			}
			v = v*(high-low+1) + d
		}
		return v
	}
	from, to := value(after, 0), value(before, 0)
	if before == "" {
		to = value("", high-low)
	}
	if to <= from+1 {
		return "", false
	}
	middle := make([]byte, digits)
	v := from + (to-from)/2
	for i := digits - 1; i >= 0; i-- {
		middle[i] = byte(low + v%(high-low+1))
		v /= high - low + 1
	}
	name := stem + strings.TrimRight(string(middle), " ")
	return name, name > after && (before == "" || name < before)
}
