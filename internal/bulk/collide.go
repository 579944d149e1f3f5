package bulk

import (
	"bytes"
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/gcs-to-s3/gcs-to-s3/internal/objectkey"
)

// mark stands for a key: half of its SHA-256. Two keys that differ have one mark by a
// chance of less than one in 10^20, in a job of 10^9 objects.
type mark [16]byte

func markOf(key string) (m mark) {
	sum := sha256.Sum256([]byte(key))
	copy(m[:], sum[:])
	return m
}

// keyCollides is the cause of failures of objects whose keys are also those of others.
const keyCollides = "its key is also that of another object"

const (
	// maxMarks is how many marks a listing collects before it ends.
	maxMarks = 1 << 20
	// pageMarks is how many marks a file has: the files of all listings are merged a page
	// of each at a time.
	pageMarks = 1 << 12
)

// writeMarks writes the marks of a listing in their order, in pages.
func (w *Worker) writeMarks(ctx context.Context, job, id string, marks []mark) error {
	slices.SortFunc(marks, func(a, b mark) int { return bytes.Compare(a[:], b[:]) })
	for page := 0; len(marks) > 0; page++ {
		n := min(pageMarks, len(marks))
		var data []byte
		for _, m := range marks[:n] {
			data = append(data, m[:]...)
		}
		if err := w.Files.Put(ctx, fmt.Sprintf("%s%s-%05d", marksFolder(job), id, page), data); err != nil {
			return err
		}
		marks = marks[n:]
	}
	return nil
}

// marked reads the marks of a listing in their order.
type marked struct {
	id   string
	page int
	data []byte
}

// next loads the next page, if the last one is used up; more reports whether there are
// marks.
func (m *marked) next(ctx context.Context, files Files, job string) (more bool, err error) {
	if len(m.data) > 0 {
		return true, nil
	}
	data, there, err := files.Get(ctx, fmt.Sprintf("%s%s-%05d", marksFolder(job), m.id, m.page))
	if err != nil || !there {
		return false, err
	}
	m.data = data
	m.page++
	return len(data) >= len(mark{}), nil
}

func (m *marked) first() []byte { return m.data[:len(mark{})] }

// lists is a heap of listings by their first marks.
type lists []*marked

func (l lists) Len() int           { return len(l) }
func (l lists) Less(i, j int) bool { return bytes.Compare(l[i].first(), l[j].first()) < 0 }
func (l lists) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *lists) Push(x any)        { *l = append(*l, x.(*marked)) }
func (l *lists) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// findCollisions merges the marks of all listings, and writes those that occur more than
// once. It returns how many objects have them.
func (w *Worker) findCollisions(ctx context.Context, job string) (objects int64, err error) {
	var all lists
	for key, err := range w.Files.Keys(ctx, marksFolder(job)) {
		if err != nil {
			return 0, err
		}
		id, first := bytes.CutSuffix([]byte(key[len(marksFolder(job)):]), []byte("-00000"))
		if !first {
			continue
		}
		m := &marked{id: string(id)}
		more, err := m.next(ctx, w.Files, job)
		if err != nil {
			return 0, err
		}
		if more {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return 0, nil
	}
	heap.Init(&all)
	var found []byte
	var last mark
	seen := int64(0) // how often the last one occurred
	for len(all) > 0 {
		m := all[0]
		this := mark(m.first())
		m.data = m.data[len(this):]
		if this != last || seen == 0 {
			last, seen = this, 0
		}
		switch seen++; seen {
		case 1:
		case 2:
			found = append(found, this[:]...)
			objects += 2
		default:
			objects++
		}
		more, err := m.next(ctx, w.Files, job)
		if err != nil {
			return 0, err
		}
		if more {
			heap.Fix(&all, 0)
		} else {
			heap.Pop(&all)
		}
	}
	return objects, w.Files.Put(ctx, collisionsKey(job), found)
}

// collisions returns the marks of keys that several objects have.
func (w *Worker) collisions(ctx context.Context, job string, keys objectkey.Template) (map[mark]struct{}, error) {
	if keys.Distinct() {
		return nil, nil
	}
	data, there, err := w.Files.Get(ctx, collisionsKey(job))
	if err != nil || !there {
		return nil, err
	}
	all := make(map[mark]struct{}, len(data)/len(mark{}))
	for ; len(data) >= len(mark{}); data = data[len(mark{}):] {
		all[mark(data)] = struct{}{}
	}
	return all, nil
}
