package bulk

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func collect(names iter.Seq2[Named, error]) (all []Named, err error) {
	for n, err := range names {
		if err != nil {
			return all, err
		}
		all = append(all, n)
	}
	return all, nil
}

// Lists come in three forms; what none of them can mean is an error that names the line.
func TestListsAreRead(t *testing.T) {
	t.Parallel()
	names := func(text string) iter.Seq2[Named, error] { return ReadNames(strings.NewReader(text), "from") }
	lines := func(text string) iter.Seq2[Named, error] { return ReadJSONLines(strings.NewReader(text)) }
	report := func(text string) iter.Seq2[Named, error] { return ReadInventory(strings.NewReader(text), "from") }
	at := time.Date(2026, 11, 1, 2, 3, 4, 0, time.UTC)
	for _, test := range []struct {
		name string
		got  iter.Seq2[Named, error]
		want []Named
		err  string
	}{
		{"names", names("a/b.txt\n\ngs://from/c d\r\n{\"object\"}\né"), []Named{{Name: "a/b.txt"}, {Name: "c d"}, {Name: `{"object"}`}, {Name: "é"}}, ""},
		{"another bucket", names("a\ngs://other/b\n"), []Named{{Name: "a"}}, `line 2: "gs://other/b": must be an object of gs://from`},
		{"a long name", names(strings.Repeat("n", 1025)), nil, "line 1: object: must have 1 to 1024 bytes, has 1025"},
		{"a bucket alone", names("gs://from/"), nil, "line 1: object: must have 1 to 1024 bytes, has 0"},
		{"bytes", names("a\xff"), nil, "line 1: object: \"a\\xff\": must be UTF-8"},
		{"a line without end", names("a\n" + strings.Repeat("n", 1<<20)), []Named{{Name: "a"}}, "line 2: bufio.Scanner: token too long"},
		{"JSON lines", lines(`{"object":"a\nb"}` + "\n\n" + `{"object":"gs://x","generation":7}` + "\n" + `{"generation":"8","object":"c"}`),
			[]Named{{Name: "a\nb"}, {Name: "gs://x", Generation: 7}, {Name: "c", Generation: 8}}, ""},
		{"another field", lines(`{"object":"a","key":"b"}`), nil, `line 1: json: unknown field "key"; hint: a line is such as {"object"`},
		{"half a number", lines(`{"object":"a","generation":1.5}`), nil, "line 1: strconv.ParseInt"},
		{"two values", lines(`{"object":"a"} {"object":"b"}`), nil, "line 1: there is more than one value"},
		{"no object", lines(`{"object":"a"}` + "\n" + `{}`), []Named{{Name: "a"}}, "line 2: object: must have 1 to 1024 bytes, has 0"},
		{"a report", report("project,bucket,name,size,timeDeleted,updated,storageClass,crc32c,generation\n" +
			"1,from,\"a,\"\"b\"\"\nc\",10,,2026-11-01T02:03:04Z,NEARLINE,AAAAAA==,5\n" +
			"1,from,old,10,2026-11-01T02:03:04Z,2026-11-01T02:03:04Z,NEARLINE,AAAAAA==,5\n"),
			[]Named{{Name: "a,\"b\"\nc", Size: 10, Generation: 5, CRC32C: "AAAAAA==", Class: "NEARLINE", Updated: at}}, ""},
		{"a short report", report("\ufeffname;size\r\nx;3\r\n"), []Named{{Name: "x", Size: 3}}, ""},
		{"no header", report("1,from,a,10\n"), nil, `line 1: "1,from,a,10": must be a header with the field name; hint: `},
		{"another bucket's report", report("bucket,name\nfrom,a\nother,b\n"), []Named{{Name: "a"}}, `line 3: bucket: "other": must be from`},
		{"a wrong size", report("name,size\na,x\n"), nil, "line 2: size: strconv.ParseInt"},
		{"half a row", report("name,size\na\n"), nil, "record on line 2: wrong number of fields"},
		{"Parquet", report("PAR1\x15\x04"), nil, "is Apache Parquet, which is not read; hint: "},
		{"nothing", report(""), nil, "must be a header"},
	} {
		got, err := collect(test.got)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := collect(report("PAR1")); !errors.Is(err, ErrParquet) {
		t.Errorf("got %v", err)
	}
}

// list writes a list for the job of a test and plans it.
func (s *synthetic) list(names iter.Seq2[Named, error], r Request) Plan {
	s.t.Helper()
	odds := s.odds
	s.odds = 0
	list, err := WriteList(s.t.Context(), s.files, "j", "id", names)
	s.odds = odds
	if err != nil {
		s.t.Fatal(err)
	}
	r.List = &list
	return s.plan(r)
}

func named(names ...Named) iter.Seq2[Named, error] {
	return func(yield func(Named, error) bool) {
		for _, n := range names {
			if !yield(n, nil) {
				return
			}
		}
	}
}

// A plan from a list has what the list names, at the generations that are there, each once;
// what is not there fails with its name.
func TestPlansOfListsHaveWhatIsNamed(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 30_000, numbered)
	s.odds = 0.001
	var names []Named
	want := map[string]bool{}
	for i := range 25_000 {
		if i%3 > 0 {
			continue
		}
		names = append(names, Named{Name: numbered(i)})
		want[numbered(i)] = true
	}
	missing := 0
	for i := range 40 {
		names = append(names, Named{Name: fmt.Sprintf("logs/2026/%09d.json.missing", i*700)}, Named{Name: numbered(3 * i)}) // some twice
		missing++
	}
	names = append(names,
		Named{Name: numbered(29_999), Generation: 30_000}, // the live one
		Named{Name: numbered(29_998), Generation: 7},      // one that is gone
		Named{Name: numbered(29_997), Generation: 29_998, Size: 10_000, CRC32C: sumOf(numbered(29_997)), Class: "STANDARD", Updated: time.Now()}, // of a report
	)
	want[numbered(29_999)], want[numbered(29_997)] = true, true
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	p := s.list(named(names...), Request{ShardObjects: 1000})
	all := s.planned()
	for name := range want {
		if _, there := all[name]; !there {
			t.Errorf("%s is not planned", name)
		}
	}
	if len(all) != len(want) || p.Tally.ToCopy.Objects != int64(len(want)) || p.Request.List.Duplicates != 40 || p.Request.List.Names != int64(len(want)+missing+1) {
		t.Errorf("%d objects planned, want %d; %+v", len(all), len(want), p.Request.List)
	}
	if got := p.Tally.Failing; got[notThere].Objects != int64(missing) || got[notThereOf].Objects != 1 || len(got) != 2 {
		t.Errorf("failing: %v", got)
	}
	failures := map[string]string{}
	for f, err := range Failures(t.Context(), s.files, "j") {
		if err != nil && !errors.Is(err, errDeath) {
			t.Fatal(err)
		}
		failures[f.Object] = f.Cause
	}
	if failures[numbered(29_998)] != notThereOf || failures["logs/2026/000000700.json.missing"] != notThere {
		t.Errorf("failures: %v", failures)
	}
	s.phase(PhaseRun, "j", 1)
	if r := s.report(); !r.Proven || r.Progress.Copied.Objects != int64(len(want)) {
		t.Errorf("got %+v", r.Progress)
	}
}

// A dense list is held against pages of a listing, a sparse one is asked for name by name,
// and of a report that says everything nothing is asked.
func TestListsAreLookedUpTheCheapWay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		every, known int
		pages, looks int64
	}{
		{"dense", 1, 0, 100, 0},
		{"one of ten", 10, 0, 100, 0}, // a page still settles a hundred
		{"one of a hundred", 100, 0, 1, 990},
		{"a report", 1, 1, 0, 0},
	} {
		s := newSynthetic(t, 100_000, numbered)
		p := s.list(func(yield func(Named, error) bool) {
			for i := 0; i < s.buckets.count; i += test.every {
				n := Named{Name: numbered(i)}
				if test.known > 0 {
					o := s.buckets.object(i)
					n.Generation, n.Size, n.CRC32C, n.Class, n.Updated = o.Generation, o.Size, o.CRC32C, o.Class, time.Now()
				}
				if !yield(n, nil) {
					return
				}
			}
		}, Request{})
		if got := p.Tally; got.SourcePages > test.pages+10 || got.SourcePages < test.pages || got.Lookups != test.looks || got.ToCopy.Objects != int64(100_000/test.every) {
			t.Errorf("%s: %d pages and %d single requests for %d objects, want %d and %d", test.name, got.SourcePages, got.Lookups, got.ToCopy.Objects, test.pages, test.looks)
		}
		if pages, looks := s.buckets.pages.Load(), s.buckets.looks.Load(); pages != p.Tally.SourcePages || looks != p.Tally.Lookups {
			t.Errorf("%s: %d pages and %d single requests were made, the tally says %d and %d", test.name, pages, looks, p.Tally.SourcePages, p.Tally.Lookups)
		}
	}
}

// A list of a million names needs no memory for more than some of them.
func TestLongListsAreNotHeldInMemory(t *testing.T) {
	const count = 1_000_000
	t.Setenv("TMPDIR", t.TempDir())
	text := func(yield func(Named, error) bool) {
		for i := range count { // in an order that is not theirs
			if !yield(Named{Name: numbered(i * 7919 % count)}, nil) {
				return
			}
		}
	}
	files := &memory{files: map[string][]byte{}, death: func() error { return nil }}
	var peak uint64
	var stats runtime.MemStats
	watched := func(yield func(Named, error) bool) {
		i := 0
		text(func(n Named, err error) bool {
			if i++; i%50_000 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&stats)
				peak = max(peak, stats.HeapAlloc)
			}
			return yield(n, err)
		})
	}
	runtime.GC()
	runtime.ReadMemStats(&stats)
	before := stats.HeapAlloc
	list, err := WriteList(t.Context(), files, "j", "id", watched)
	if err != nil || list.Names != count || list.Duplicates != 0 || list.Chunks != count/chunkNames || len(files.keys) != list.Chunks {
		t.Fatalf("%+v, %v, %d files", list, err, len(files.keys))
	}
	if used := (peak - before) >> 20; peak > before && used > 80 { // all names alone have 180
		t.Errorf("%d MiB of heap", used)
	}
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) > 0 {
		t.Errorf("%d files are left, %v", len(entries), err)
	}
}

// A list names one generation of an object.
func TestListsNameOneGeneration(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 0, numbered)
	_, err := WriteList(t.Context(), s.files, "j", "id", named(Named{Name: "a", Generation: 1}, Named{Name: "a"}, Named{Name: "a", Generation: 2}))
	if err == nil || !strings.Contains(err.Error(), `"a": is listed with the generations 2 and 1`) {
		t.Errorf("got %v", err)
	}
	list, err := WriteList(t.Context(), s.files, "j", "id", named(Named{Name: "a"}, Named{Name: "a", Generation: 2}))
	if err != nil || list.Names != 1 || list.Duplicates != 1 {
		t.Errorf("got %+v, %v", list, err)
	}
	names, err := s.worker.chunk(t.Context(), Request{List: &list, Job: "j"}, 1)
	if err != nil || !slices.Equal(names, []Named{{Name: "a", Generation: 2}}) {
		t.Errorf("got %+v, %v", names, err)
	}
	list, err = WriteList(t.Context(), s.files, "j", "id", named())
	if err != nil || list.Chunks != 0 {
		t.Errorf("nothing: %+v, %v", list, err)
	}
}
