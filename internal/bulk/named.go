package bulk

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// List is a list of objects that a job plans instead of the whole bucket. It is in the job's
// folder: sorted, without duplicates, in chunks that the function plans one at a time.
type List struct {
	ID         string   `json:"id"` // of its folder
	From       []string `json:"from"`
	Inventory  bool     `json:"inventory,omitempty"` // from inventory reports
	Names      int64    `json:"names"`               // without duplicates
	Duplicates int64    `json:"duplicates"`
	Chunks     int      `json:"chunks"`
}

// Named is an object that a list names.
type Named struct {
	Name       string `json:"n"`
	Generation int64  `json:"g,string,omitempty"` // 0: the live one

	// What an inventory report says of it. If it has Generation and CRC32C too, nobody asks
	// Cloud Storage again.
	Size    int64     `json:"s,omitempty"`
	CRC32C  string    `json:"c,omitempty"`
	Class   string    `json:"class,omitempty"`
	Updated time.Time `json:"updated,omitzero"`
}

// known returns the object of a report that says everything that a plan needs.
func (n Named) known() (o copy.Listed, ok bool) {
	return copy.Listed{Name: n.Name, Generation: n.Generation, Size: n.Size, CRC32C: n.CRC32C, Class: n.Class, Updated: n.Updated},
		n.Generation > 0 && n.CRC32C != "" && n.Class != "" && !n.Updated.IsZero()
}

const (
	// chunkNames is how many names a chunk of a list has: at most those of a shard.
	chunkNames = DefaultShardObjects
	// namesInMemory is how many names are sorted in memory; more are merged from files.
	namesInMemory = 200_000
	// chunksAtOnce is how many chunks are written at a time.
	chunksAtOnce = 8
	// maxLine is the longest line of a list, in bytes: a name has 1,024 of them.
	maxLine = 64 << 10
)

func chunkKey(job, id string, n int) string {
	return fmt.Sprintf("%s%s/list/%s/%06d.jsonl.gz", Folder, job, id, n)
}

// lineError is an error in a line of a list, which is counted from 1.
func lineError(line int, err error) error { return fmt.Errorf("line %d: %w", line, err) }

// check rejects what cannot be an object: Cloud Storage documentation, "Object names".
func (n Named) check() error {
	switch {
	case n.Name == "" || len(n.Name) > copy.MaxKey:
		return fmt.Errorf("object: must have 1 to %d bytes, has %d", copy.MaxKey, len(n.Name))
	case !utf8.ValidString(n.Name):
		return fmt.Errorf("object: %q: must be UTF-8", n.Name)
	case n.Generation < 0:
		return fmt.Errorf("generation: %d: must not be negative", n.Generation)
	}
	return nil
}

// linesIn iterates over the lines of a text with their numbers, without line ends and
// without lines that are empty.
func linesIn(r io.Reader) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		s := bufio.NewScanner(r)
		s.Buffer(nil, maxLine)
		n := 1
		for ; s.Scan(); n++ {
			if line := bytes.TrimSuffix(s.Bytes(), []byte("\r")); len(line) > 0 && !yield(n, line) {
				return
			}
		}
		if err := s.Err(); err != nil {
			yield(-n, []byte(err.Error()))
		}
	}
}

// ReadNames reads a list with a name on each line. Names may have the form gs://BUCKET/NAME, as
// the command lines of Google Cloud print them, of this bucket.
func ReadNames(r io.Reader, bucket string) iter.Seq2[Named, error] {
	return func(yield func(Named, error) bool) {
		for line, text := range linesIn(r) {
			if line < 0 {
				yield(Named{}, lineError(-line, errors.New(string(text))))
				return
			}
			n := Named{Name: string(text)}
			err := error(nil)
			if rest, ok := strings.CutPrefix(n.Name, "gs://"); ok {
				of, name, _ := strings.Cut(rest, "/")
				if n.Name = name; of != bucket {
					err = fmt.Errorf("%q: must be an object of gs://%s; hint: a list of JSON lines can have any name", text, bucket)
				}
			}
			if err = cmp.Or(err, n.check()); err != nil {
				err = lineError(line, err)
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// ReadJSONLines reads a list of JSON lines: {"object": NAME, "generation": GENERATION}. A
// generation is a number, in quotes or not; without one, the live one is meant.
func ReadJSONLines(r io.Reader) iter.Seq2[Named, error] {
	return func(yield func(Named, error) bool) {
		for line, text := range linesIn(r) {
			if line < 0 {
				yield(Named{}, lineError(-line, errors.New(string(text))))
				return
			}
			var item struct {
				Object     string          `json:"object"`
				Generation json.RawMessage `json:"generation"`
			}
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			err := d.Decode(&item)
			if err == nil {
				if _, end := d.Token(); end != io.EOF {
					err = errors.New("there is more than one value")
				}
			}
			n := Named{Name: item.Object}
			if number := strings.Trim(string(item.Generation), `"`); err == nil && number != "" && number != "null" {
				n.Generation, err = strconv.ParseInt(number, 10, 64)
			}
			if err != nil {
				err = fmt.Errorf(`%w; hint: a line is such as {"object": "a/b.txt", "generation": "1700000000000000"}`, err)
			} else {
				err = n.check()
			}
			if err != nil {
				err = lineError(line, err)
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// ErrParquet refuses an inventory report as Apache Parquet.
var ErrParquet = errors.New("is Apache Parquet, which is not read; hint: `gcloud storage insights inventory-reports create` without --parquet makes CSV; " +
	"BigQuery or DuckDB turn one into the other")

// ReadInventory reads an inventory report as CSV with a header: Cloud Storage documentation,
// "Storage Insights inventory reports". Rows of versions that are no longer live are left out.
func ReadInventory(r io.Reader, bucket string) iter.Seq2[Named, error] {
	return func(yield func(Named, error) bool) {
		fail := func(err error) { yield(Named{}, err) }
		buffered := bufio.NewReaderSize(r, maxLine)
		start, err := buffered.Peek(4)
		if string(start) == "PAR1" {
			fail(ErrParquet)
			return
		}
		if err != nil && err != io.EOF {
			fail(err)
			return
		}
		header, _ := buffered.Peek(maxLine)
		header, _, _ = bytes.Cut(header, []byte("\n"))
		rows := csv.NewReader(buffered)
		rows.ReuseRecord = true
		for _, delimiter := range ",;|\t" { // --csv-delimiter chooses it
			if bytes.ContainsRune(header, delimiter) {
				rows.Comma = delimiter
				break
			}
		}
		names, err := rows.Read()
		if err != nil && err != io.EOF {
			fail(err)
			return
		}
		column := map[string]int{}
		for i, name := range names {
			column[strings.TrimPrefix(strings.TrimSpace(name), "\ufeff")] = i
		}
		if _, there := column["name"]; !there {
			fail(fmt.Errorf("line 1: %q: must be a header with the field name; hint: `gcloud storage insights inventory-reports create` with --csv-header makes it", header))
			return
		}
		for {
			row, err := rows.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			field := func(name string) string {
				if i, there := column[name]; there {
					return row[i]
				}
				return ""
			}
			if field("timeDeleted") != "" {
				continue
			}
			line, _ := rows.FieldPos(0)
			if of := field("bucket"); of != "" && of != bucket {
				fail(lineError(line, fmt.Errorf("bucket: %q: must be %s", of, bucket)))
				return
			}
			n := Named{Name: strings.Clone(field("name")), CRC32C: sumIn(field("crc32c")), Class: strings.Clone(field("storageClass"))}
			for _, number := range []struct {
				name  string
				value *int64
			}{{"generation", &n.Generation}, {"size", &n.Size}} {
				if text := field(number.name); text != "" && err == nil {
					if *number.value, err = strconv.ParseInt(text, 10, 64); err != nil {
						err = fmt.Errorf("%s: %w", number.name, err)
					}
				}
			}
			if field("size") == "" {
				n.CRC32C = "" // not everything is known
			}
			if t, bad := time.Parse(time.RFC3339, field("updated")); bad == nil {
				n.Updated = t
			}
			if err = cmp.Or(err, n.check()); err != nil {
				err = lineError(line, err)
			}
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// sumIn returns a CRC32C as both clouds write it, or nothing if the text is another form.
func sumIn(text string) string {
	if data, err := base64.StdEncoding.DecodeString(text); err != nil || len(data) != 4 {
		return ""
	}
	return strings.Clone(text)
}

// WriteList sorts a list and writes it into a job's folder. It keeps at most namesInMemory in
// memory, and the others in files of the system's temporary folder.
func WriteList(ctx context.Context, files Files, job, id string, names iter.Seq2[Named, error]) (List, error) {
	list := List{ID: id}
	dir, err := os.MkdirTemp("", "gcs-to-s3-list-")
	if err != nil {
		return list, err
	}
	defer os.RemoveAll(dir)
	sorted, err := sortList(dir, names)
	defer sorted.close()
	if err != nil {
		return list, err
	}
	var full [][]byte // chunks that are written together
	write := func() error {
		first := list.Chunks - len(full) + 1
		err := inParallel(ctx, len(full), chunksAtOnce, func(ctx context.Context, i int) error {
			return files.Put(ctx, chunkKey(job, id, first+i), full[i])
		})
		full = nil
		return err
	}
	var chunk *lines
	var inChunk int
	flush := func() error {
		if chunk == nil {
			return nil
		}
		list.Chunks++
		full = append(full, chunk.bytes())
		chunk, inChunk = nil, 0
		if len(full) == chunksAtOnce {
			return write()
		}
		return nil
	}
	var last Named
	err = sorted.each(func(n Named) error {
		if list.Names > 0 && n.Name == last.Name {
			if n.Generation != last.Generation && last.Generation != 0 && n.Generation != 0 {
				return fmt.Errorf("%q: is listed with the generations %d and %d; hint: a job copies one of them", n.Name, last.Generation, n.Generation)
			}
			list.Duplicates++
			return nil
		}
		if chunk == nil {
			chunk = newLines(true)
		}
		chunk.add(n)
		last = n
		list.Names++
		if inChunk++; inChunk == chunkNames {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = write()
	}
	return list, err
}

// compareNamed orders by name, those with a generation first.
func compareNamed(a, b Named) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(b.Generation, a.Generation))
}

// sortedNames are runs of sorted names, which are merged.
type sortedNames struct {
	heads []head
	stops []func()
}

// head is the next name of a run.
type head struct {
	Named
	next func() (Named, error, bool)
}

func (s *sortedNames) Len() int { return len(s.heads) }
func (s *sortedNames) Less(i, j int) bool {
	return compareNamed(s.heads[i].Named, s.heads[j].Named) < 0
}
func (s *sortedNames) Swap(i, j int) { s.heads[i], s.heads[j] = s.heads[j], s.heads[i] }
func (s *sortedNames) Push(x any)    { s.heads = append(s.heads, x.(head)) }
func (s *sortedNames) Pop() any {
	last := s.heads[len(s.heads)-1]
	s.heads = s.heads[:len(s.heads)-1]
	return last
}

func (s *sortedNames) close() {
	for _, stop := range s.stops {
		stop()
	}
}

// each calls do with all names in their order.
func (s *sortedNames) each(do func(Named) error) error {
	heap.Init(s)
	for len(s.heads) > 0 {
		if err := do(s.heads[0].Named); err != nil {
			return err
		}
		next, err, more := s.heads[0].next()
		switch {
		case err != nil:
			return err
		case more:
			s.heads[0].Named = next
			heap.Fix(s, 0)
		default:
			heap.Pop(s)
		}
	}
	return nil
}

// sortList sorts names into runs, all but the last in files.
func sortList(dir string, names iter.Seq2[Named, error]) (*sortedNames, error) {
	s := &sortedNames{}
	add := func(run iter.Seq2[Named, error]) error {
		next, stop := iter.Pull2(run)
		s.stops = append(s.stops, stop)
		first, err, more := next()
		if more && err == nil {
			s.heads = append(s.heads, head{first, next})
		}
		return err
	}
	var run []Named
	spill := func() error {
		slices.SortFunc(run, compareNamed)
		f, err := os.CreateTemp(dir, "")
		if err != nil {
			return err
		}
		s.stops = append(s.stops, func() { _ = f.Close() }) // it was only read, and is removed
		w := bufio.NewWriter(f)
		out := json.NewEncoder(w)
		for _, n := range run {
			if err := out.Encode(n); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		run = run[:0]
		return add(parse[Named](bufio.NewReader(f)))
	}
	for n, err := range names {
		if err != nil {
			return s, err
		}
		if run = append(run, n); len(run) == namesInMemory {
			if err := spill(); err != nil {
				return s, err
			}
		}
	}
	slices.SortFunc(run, compareNamed)
	return s, add(func(yield func(Named, error) bool) {
		for _, n := range run {
			if !yield(n, nil) {
				return
			}
		}
	})
}
