package bulk

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

func numbered(i int) string { return fmt.Sprintf("logs/2026/%09d.json", i) }

// plan plans a job and returns its plan.
func (s *synthetic) plan(r Request) Plan {
	s.t.Helper()
	job := s.request(r)
	s.phase(PhasePlan, job, 1)
	odds := s.odds
	s.odds = 0
	defer func() { s.odds = odds }()
	p, err := read[Plan](s.t.Context(), s.files, planKey(job))
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// report returns the report of the job, made again from its files.
func (s *synthetic) report() Report {
	s.t.Helper()
	odds := s.odds
	s.odds = 0
	defer func() { s.odds = odds }()
	r, err := MakeReport(s.t.Context(), s.files, "j")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// planned returns the objects of all shards of a plan, which must name each once.
func (s *synthetic) planned() map[string]entry {
	s.t.Helper()
	all := map[string]entry{}
	data, _, _ := s.files.Get(s.t.Context(), shardsKey("j"))
	for line := range strings.Lines(string(data)) {
		for shard, err := range parse[shardEntry](strings.NewReader(line)) {
			if err != nil {
				s.t.Fatal(err)
			}
			entries, err := s.worker.shard(s.t.Context(), "j", shard.Shard)
			if err != nil {
				s.t.Fatal(err)
			}
			for _, e := range entries {
				if _, twice := all[e.Name]; twice {
					s.t.Fatalf("%s is in two shards", e.Name)
				}
				all[e.Name] = e
			}
		}
	}
	return all
}

// A plan has every object once, however the ranges fall.
func TestPlansHaveEveryObjectOnce(t *testing.T) {
	t.Parallel()
	for name, names := range map[string]func(int) string{
		"numbered":  numbered,
		"letters":   func(i int) string { return fmt.Sprintf("%c/%05d", 'A'+i/1000, i) },
		"one char":  func(i int) string { return strings.Repeat("é", 3) + fmt.Sprintf("%07d", i) },
		"long stem": func(i int) string { return strings.Repeat("folder/", 60) + fmt.Sprintf("%07d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const count = 15_000
			s := newSynthetic(t, count, names)
			s.buckets.page = 2_000_000_000 // ten pages are more than the first round has
			p := s.plan(Request{ShardObjects: 700})
			all := s.planned()
			var digest Digest
			for i := range count {
				o := s.buckets.object(i)
				if all[o.Name] != entryOf(o) {
					t.Fatalf("%s is planned as %+v", o.Name, all[o.Name])
				}
				digest.Add(o.Name, o.Size, o.CRC32C)
			}
			if len(all) != count || p.Tally.ToCopy != (Count{count, count * 10_000}) || p.Tally.Digest != digest {
				t.Errorf("%d objects planned, %+v", len(all), p.Tally.ToCopy)
			}
			rounds := slices.Collect(maps.Keys(s.files.files))
			if n := len(slices.DeleteFunc(rounds, func(k string) bool { return !strings.Contains(k, "/ranges/") })); n < 2 {
				t.Errorf("%d rounds of listing: the bucket was too small to be divided", n)
			}
		})
	}
}

// Whatever dies and whenever, every object is copied, and the report adds up.
func TestJobsSurviveDeaths(t *testing.T) {
	t.Parallel()
	for range 4 {
		s := newSynthetic(t, 3000, numbered)
		s.odds, s.dying, s.copier.limit = 0.002, true, 40
		s.copier.fail = func(object string, attempt int) (string, bool) {
			switch {
			case strings.HasSuffix(object, "7.json") && attempt < 3:
				return "S3 500 InternalError", true
			case strings.HasSuffix(object, "99.json"):
				return "Cloud Storage 404 NoSuchKey", false
			}
			return "", false
		}
		s.plan(Request{ShardObjects: 100})
		s.phase(PhaseRun, "j", 1)
		r := s.report()
		failed := Counts{"Cloud Storage 404 NoSuchKey": {30, 300_000}}
		if !r.Complete || !r.Proven || r.Progress.Copied != (Count{2970, 29_700_000}) || !maps.Equal(r.Progress.Failed, failed) || len(r.Failures) != 30 {
			t.Fatalf("got %+v", r.Progress)
		}
		for object, n := range s.copier.copies {
			if n > 6 {
				t.Errorf("%s was copied %d times", object, n)
			}
		}
		if len(s.buckets.there) != 2970 {
			t.Errorf("%d objects are at the destination", len(s.buckets.there))
		}
	}
}

// goesOn has a third execution finish a plan, which must have every object once.
func (s *synthetic) goesOn(job string) {
	s.t.Helper()
	s.phase(PhasePlan, job, 3)
	if n := len(s.planned()); n != s.buckets.count {
		s.t.Errorf("%d of %d objects are planned", n, s.buckets.count)
	}
}

// A round of the listing whose index was written and never listed, because the answer or the
// engine was lost, is listed; one that was listed in vain ends the plan, and a further
// execution lists it again.
func TestARoundThatWasNeverListed(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 100, numbered)
	job := s.request(Request{ShardObjects: 10})
	first, err := s.invoke(Step{Step: StepDivide, Job: job, Run: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, step := range map[string]Step{
		"the answer was lost": {Step: StepDivide, Job: job, Run: 1, Retry: 1}, "the engine was lost": {Step: StepDivide, Job: job, Run: 2},
	} {
		if a, err := s.worker.Handle(t.Context(), step); err != nil || a != first {
			t.Errorf("%s: %+v, %v, want %+v", name, a, err, first)
		}
	}
	after := Step{Step: StepDivide, Job: job, Run: 2, Round: first.Round}
	if _, err := s.worker.Handle(t.Context(), after); err == nil || !strings.Contains(err.Error(), "no range of the last round could be listed") {
		t.Errorf("after a round in vain: %v", err)
	}
	s.goesOn(job)
}

// What a round did not list is in the next one, and not listed in both.
func TestARoundThatWasListedInPart(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 100, numbered)
	job := s.request(Request{ShardObjects: 10})
	list := newLines(false)
	for id, r := range []copy.Range{{Prefix: "logs/", Before: numbered(50)}, {Prefix: "logs/", From: numbered(50)}} {
		list.add(span{ID: strconv.Itoa(id), Range: r})
	}
	if err := s.files.Put(t.Context(), rangesKey(job, 1), list.bytes()); err != nil {
		t.Fatal(err)
	}
	item, _, _ := strings.Cut(string(list.bytes()), "\n") // and not the other
	if _, err := s.invoke(Step{Step: StepList, Job: job, Run: 1, Round: 1, Of: 2, Item: json.RawMessage(item)}); err != nil {
		t.Fatal(err)
	}
	second, err := s.invoke(Step{Step: StepDivide, Job: job, Run: 1, Round: 1})
	if err != nil || second.Round != 2 || second.Items != 1 {
		t.Fatalf("after the first round: %+v, %v", second, err)
	}
	if again, err := s.invoke(Step{Step: StepDivide, Job: job, Run: 2}); err != nil || again != second {
		t.Errorf("another execution: %+v, %v, want %+v", again, err, second)
	}
	s.goesOn(job)
}

// Without deaths nothing is copied twice.
func TestNothingIsCopiedTwice(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 5000, numbered)
	s.copier.limit = 33
	s.plan(Request{ShardObjects: 100})
	if a := s.phase(PhaseRun, "j", 1); !a.Proven {
		t.Fatalf("got %+v", a)
	}
	for object, n := range s.copier.copies {
		if n != 1 {
			t.Errorf("%s was copied %d times", object, n)
		}
	}
}

// A missing right stops the job after few requests; when it is mended, the job goes on.
func TestAMissingRightStopsTheJob(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 20_000, numbered)
	denied := true
	s.copier.fail = func(string, int) (string, bool) {
		if denied {
			return "S3 403 AccessDenied", false
		}
		return "", false
	}
	s.plan(Request{ShardObjects: 1000})
	a := s.phase(PhaseRun, "j", 1)
	if a.Proven || a.Stopped != "50 objects in a row failed: S3 403 AccessDenied" || len(s.copier.copies) != hopeless {
		t.Fatalf("got %+v after %d copies", a, len(s.copier.copies))
	}
	r := s.report()
	if r.Progress.Stopped != a.Stopped || r.Complete {
		t.Errorf("the report says %q", r.Progress.Stopped)
	}
	denied = false
	a = s.phase(PhaseRun, "j", 2)
	r = s.report()
	if !a.Proven || !r.Proven || r.Progress.Copied.Objects != 20_000 {
		t.Errorf("got %+v, %+v", a, r.Progress)
	}
}

// So it does in shards with fewer objects than that, and when the right is lost in the
// middle: nothing has failed for good once it is back, whether objects are small or copied in
// slices.
func TestALostRightLosesNothing(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{10_000, 200 << 30} {
		s := newSynthetic(t, 60, numbered)
		s.buckets.sizes = func(int) int64 { return size }
		asked, denied := 0, true
		s.copier.fail = func(string, int) (string, bool) {
			if asked++; denied && asked > 17 {
				return map[bool]string{true: "S3 403 AccessDenied", false: "AccessDenied"}[size == 10_000], false
			}
			return "", false
		}
		s.plan(Request{ShardObjects: 4, ShardBytes: 100 << 30})
		a := s.phase(PhaseRun, "j", 1)
		if r := s.report(); a.Stopped != "the last objects of 3 shards failed: S3 403 AccessDenied" || len(r.Progress.Failed) != 0 || r.Progress.Stopped != a.Stopped {
			t.Fatalf("%d bytes: got %+v, %+v", size, a, r.Progress)
		}
		if asked > 17+4*strikes {
			t.Errorf("%d bytes: %d requests before the job stopped", size, asked)
		}
		denied = false
		a = s.phase(PhaseRun, "j", 2)
		if r := s.report(); !a.Proven || r.Progress.Copied.Objects != 60 || len(s.buckets.there) != 60 {
			t.Errorf("%d bytes: got %+v, %+v", size, a, r.Progress)
		}
	}
}

// An object that an attempt copied which died, and whose generation is gone since, is at the
// destination as it was planned.
func TestWhatADeadAttemptCopiedIsNotLost(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 10, numbered)
	s.plan(Request{})
	a, err := s.invoke(Step{Step: StepAdvance, Job: "j", Run: 1, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.buckets.there[numbered(3)] = struct{}{}
	s.copier.gone = map[string]bool{numbered(3): true, numbered(4): true}
	index, _, _ := s.files.Get(t.Context(), a.Index)
	if _, err := s.worker.Handle(t.Context(), Step{Step: StepCopy, Job: "j", Run: 1, Round: 1, Of: 1, Retry: 1, Item: json.RawMessage(index)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.invoke(Step{Step: StepAdvance, Job: "j", Run: 1, Round: 1, Concurrency: 1}); err != nil {
		t.Fatal(err)
	}
	r := s.report()
	if !r.Proven || r.Progress.Copied.Objects != 9 || len(r.Failures) != 1 || r.Failures[0].Object != numbered(4) {
		t.Errorf("got %+v, %+v", r.Progress, r.Failures)
	}
}

// What the environment's policy protects at the destination is protected from later attempts
// too, and from comparisons.
func TestAttemptsKeepToTheEnvironmentsPolicy(t *testing.T) {
	t.Parallel()
	for _, compare := range Compares() {
		for policy, want := range map[string]string{
			invocation.OverwriteAlways: invocation.OverwriteDifferent, invocation.OverwriteAbsent: "", invocation.OverwriteNewer: "",
		} {
			s := newSynthetic(t, 10, numbered)
			s.worker.Overwrite = policy
			s.plan(Request{Compare: compare})
			a, err := s.invoke(Step{Step: StepAdvance, Job: "j", Run: 1, Concurrency: 1})
			if err != nil {
				t.Fatal(err)
			}
			index, _, _ := s.files.Get(t.Context(), a.Index)
			if _, err := s.worker.Handle(t.Context(), Step{Step: StepCopy, Job: "j", Run: 1, Round: 1, Of: 1, Retry: 1, Item: json.RawMessage(index)}); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(s.copier.policy, map[string]bool{want: true}) {
				t.Errorf("%s, compare %s: copied with %v, want %q", policy, compare, s.copier.policy, want)
			}
		}
	}
}

// A right that is missing for single objects does not stop the others, and the objects have
// failed in the end.
func TestARightOfOneObjectStopsNothing(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 400, numbered)
	s.copier.fail = func(object string, _ int) (string, bool) {
		if object == numbered(120) || object == numbered(399) {
			return "S3 403 AccessDenied", false
		}
		return "", false
	}
	s.plan(Request{ShardObjects: 40})
	a := s.phase(PhaseRun, "j", 1)
	for run := 2; a.Stopped != "" && run < 5; run++ {
		a = s.phase(PhaseRun, "j", run)
	}
	r := s.report()
	if !a.Proven || r.Progress.Copied.Objects != 398 || r.Progress.Failed["S3 403 AccessDenied"].Objects != 2 {
		t.Errorf("got %+v, %+v", a, r.Progress)
	}
	for object, n := range s.copier.copies {
		if n > maxTries {
			t.Errorf("%s was tried %d times", object, n)
		}
	}
}

// What is at the destination already is left out.
func TestPlansCompare(t *testing.T) {
	t.Parallel()
	for _, compare := range []string{CompareSize, CompareChecksum} {
		s := newSynthetic(t, 3000, numbered)
		for i := range 1000 {
			s.buckets.there[numbered(3*i)] = struct{}{}
		}
		p := s.plan(Request{Compare: compare, ShardObjects: 100})
		want := Count{1000, 10_000_000}
		if compare == CompareSize && p.Tally.Unchanged != want {
			t.Errorf("%s: planned %+v", compare, p.Tally)
		}
		s.phase(PhaseRun, "j", 1)
		r := s.report()
		unchanged := p.Tally.Unchanged
		unchanged.add(r.Progress.Unchanged)
		if !r.Proven || unchanged != want || r.Progress.Copied != (Count{2000, 20_000_000}) {
			t.Errorf("%s: got %+v", compare, r.Progress)
		}
	}
}

// What a listing shows to fail is told, and not tried.
func TestPlansTellWhatFails(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", copy.MaxKey)
	for _, test := range []struct {
		name, template string
		object         copy.Listed
		want           string
	}{
		{"fits", "", copy.Listed{Name: long, CRC32C: "x"}, ""},
		{"too long", "a/{object}", copy.Listed{Name: long, CRC32C: "x"}, "the key has more than 1024 bytes"},
		{"customer's key", "", copy.Listed{Name: "o", CRC32C: "x", CustomerKey: true}, "encrypted with a customer-supplied key"},
		{"no sum", "", copy.Listed{Name: "o"}, "has no CRC32C"},
		{"no name", "{name}", copy.Listed{Name: "o/", Size: 1, CRC32C: "x"}, "the key template gives it no name"},
		{"packed twice", "", copy.Listed{Name: "o", CRC32C: "x", Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/gzip"}}}, "Cloud Storage unpacks it on its way: both its type and its encoding say that it is packed"},
		{"packed", "", copy.Listed{Name: "o", CRC32C: "x", Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"text/plain"}}}, ""},
		{"kept packed", "", copy.Listed{Name: "o", CRC32C: "x", Header: http.Header{"Content-Encoding": {"gzip"}, "Content-Type": {"application/gzip"}, "Cache-Control": {"no-transform"}}}, ""},
		{"header", "", copy.Listed{Name: "o", CRC32C: "x", Header: http.Header{"Content-Language": {"日本語"}}}, "its Content-Language has characters that S3 does not take"},
		{"metadata", "", copy.Listed{Name: "o", CRC32C: "x", Metadata: map[string]string{"a": strings.Repeat("v", 3000)}}, "more custom metadata than S3 takes"},
	} {
		s := newSynthetic(t, 0, nil)
		p, err := s.worker.newPlanner(t.Context(), Request{KeyTemplate: test.template, Compare: CompareNone}, span{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.add(t.Context(), test.object); err != nil {
			t.Fatal(err)
		}
		got := p.found.Tally.Failing.Reasons()
		if (test.want == "") != (len(got) == 0) || test.want != "" && got[0] != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// A plan also counts what is copied in another way than most: cold classes, objects that take
// several invocations, placeholders of folders, and objects that lose metadata.
func TestPlansTellWhatIsPeculiar(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 0, nil)
	p, err := s.worker.newPlanner(t.Context(), Request{Job: "j", Compare: CompareNone}, span{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []copy.Listed{
		{Name: "a", Size: 10, Class: "STANDARD"},
		{Name: "b", Size: 20, Class: "ARCHIVE"},
		{Name: "c", Size: DefaultGroupBytes + 1, Class: "COLDLINE"},
		{Name: "d/", Class: "STANDARD"},
		{Name: "e", Size: 30, Class: "NEARLINE", Metadata: map[string]string{"no header name": "x"}},
	} {
		o.CRC32C = "x"
		if err := p.add(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	got := p.found.Tally
	if got.Groups != (Count{1, DefaultGroupBytes + 1}) || got.Placeholders != 1 || got.LeftOut != 1 || got.ToCopy.Objects != 5 ||
		got.Classes["ARCHIVE"] != (Count{1, 20}) || got.Classes["COLDLINE"].Objects != 1 || got.Classes["NEARLINE"].Objects != 1 {
		t.Errorf("got %+v", got)
	}
	items := map[string]bool{}
	for _, item := range Estimate(ListPrices(), got, Options{}).Items {
		items[item.Name] = true
	}
	for _, class := range []string{"ARCHIVE", "COLDLINE", "NEARLINE"} {
		if !items["retrieval from "+class] || !items["reads of "+class+" (class B)"] {
			t.Errorf("reading %s is not priced: %v", class, items)
		}
	}
	if len(p.found.Examples) != 1 || p.found.Examples[0] != (Example{"e", "loses metadata that S3 cannot hold"}) {
		t.Errorf("examples: %+v", p.found.Examples)
	}
}

// A bucket that cannot be listed ends the plan at once, with the cause and a hint.
func TestPlansSayWhyABucketCannotBeListed(t *testing.T) {
	t.Parallel()
	for want, refusal := range map[string]*copy.AnswerError{
		"requester pays bucket but no user project provided.; hint: whoever asks pays for this bucket: set billingProject": {
			Service: "Cloud Storage", Status: 400, Code: "UserProjectMissing", Message: "Bucket is requester pays bucket but no user project provided."},
		"hint: `gcs-to-s3 doctor` and `gcs-to-s3 verify` say which right is missing": {Service: "Cloud Storage", Status: 403, Code: "PERMISSION_DENIED", Message: "no"},
		"NoSuchBucket": {Service: "Cloud Storage", Status: 404, Code: "NoSuchBucket", Message: "The specified bucket does not exist."},
	} {
		s := newSynthetic(t, 10, numbered)
		s.buckets.refusal = refusal
		job := s.request(Request{})
		a, err := s.invoke(Step{Step: StepDivide, Job: job, Run: 1})
		if err != nil || !a.More {
			t.Fatalf("%+v, %v", a, err)
		}
		for range 2 { // every other range ends at once
			if _, err := s.invoke(Step{Step: StepList, Job: job, Run: 1, Round: 1, Item: json.RawMessage(`{"id":"0"}`)}); err != nil {
				t.Errorf("listing: %v", err)
			}
		}
		if _, err := s.invoke(Step{Step: StepDivide, Job: job, Run: 1}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if s.buckets.pages.Load() != 1 {
			t.Errorf("%d pages were asked for", s.buckets.pages.Load())
		}
	}
}

// A function of other settings refuses the job.
func TestAPlanIsFrozen(t *testing.T) {
	t.Parallel()
	s := newSynthetic(t, 10, numbered)
	s.plan(Request{})
	s.worker.Settings.DestinationPrefix = "elsewhere/"
	_, err := s.invoke(Step{Step: StepAdvance, Job: "j", Run: 1})
	if err == nil || !strings.Contains(err.Error(), "the function's settings have changed since the job was planned") {
		t.Errorf("got %v", err)
	}
}

// Digests do not depend on the order, and lose nothing when they are written.
func TestDigests(t *testing.T) {
	t.Parallel()
	var forth, back, parts Digest
	for i := range 100 {
		forth.Add(numbered(i), int64(i), sumOf(numbered(i)))
		back.Add(numbered(99-i), int64(99-i), sumOf(numbered(99-i)))
		var one Digest
		one.Add(numbered(i), int64(i), sumOf(numbered(i)))
		parts.Join(one)
	}
	text, _ := forth.MarshalText()
	var read Digest
	if err := read.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	if forth != back || forth != parts || forth != read || forth == (Digest{}) {
		t.Errorf("%s, %s, %s, %s", forth, back, parts, read)
	}
	other := forth
	other.Add("one more", 1, "x")
	var more Digest
	more.Add("one more", 1, "x")
	if other == forth || other.Without(more) != forth {
		t.Error("a digest without what was added is another")
	}
	for name, size := range map[string]int64{"a": 1, "b": 12} { // no two objects look alike
		var d, e Digest
		d.Add(name, size, "x")
		e.Add(name+"1", size/10, "x")
		if d == e {
			t.Error("two objects have one digest")
		}
	}
}

// Objects that would overwrite each other are found across the whole job, and all of them
// fail; the others are copied.
func TestCollidingKeysAreFound(t *testing.T) {
	t.Parallel()
	const count = 12_000
	s := newSynthetic(t, count, func(i int) string { return fmt.Sprintf("%02d/%d", i/200, i%200+i/200*180) })
	s.worker.Settings.KeyTemplate = "{name}"
	s.buckets.page = 2_000_000_000
	want := map[string]int{}
	for i := range count {
		_, name, _ := strings.Cut(s.buckets.name(i), "/")
		want[name]++
	}
	s.buckets.count = sortNames(s.buckets)
	colliding := 0
	for _, n := range want {
		if n > 1 {
			colliding += n
		}
	}
	p := s.plan(Request{KeyTemplate: "{name}", ShardObjects: 500})
	if p.Colliding != int64(colliding) || colliding == 0 || colliding == count {
		t.Errorf("%d objects collide, want %d", p.Colliding, colliding)
	}
	s.phase(PhaseRun, "j", 1)
	r := s.report()
	if got := r.Progress.Failed["its key is also that of another object"].Objects; got != int64(colliding) || !r.Proven || r.Progress.Copied.Objects != int64(count-colliding) {
		t.Errorf("got %+v", r.Progress)
	}
}

// sortNames puts the names of a bucket into their order.
func sortNames(b *buckets) int {
	names := make([]string, b.count)
	for i := range names {
		names[i] = b.name(i)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	b.name = func(i int) string { return names[i] }
	return len(names)
}

// Huge objects among small ones are copied in slices by many invocations, whatever dies;
// one that fails leaves no upload behind.
func TestHugeObjectsAreGroups(t *testing.T) {
	t.Parallel()
	for range 4 {
		s := newSynthetic(t, 300, numbered)
		s.buckets.sizes = func(i int) int64 {
			if i%100 == 50 {
				return 1 << 40
			}
			return 10_000
		}
		s.odds, s.dying = 0.001, true
		s.copier.fail = func(object string, attempt int) (string, bool) {
			if strings.HasPrefix(object, numbered(250)+"#99") {
				return "AccessDenied", false
			}
			return "", false
		}
		p := s.plan(Request{ShardObjects: 20, ShardBytes: 100 << 30})
		parts := copy.Parts(1 << 40)
		if want := (Count{300, 3<<40 + 297*10_000}); p.Tally.ToCopy != want || p.Tally.Large.Objects != 3 {
			t.Fatalf("planned %+v", p.Tally)
		}
		s.phase(PhaseRun, "j", 1)
		r := s.report()
		want := Counts{"S3 403 AccessDenied": {1, 1 << 40}}
		if !r.Proven || r.Progress.Copied != (Count{299, 2<<40 + 297*10_000}) || !maps.Equal(r.Progress.Failed, want) {
			t.Fatalf("got %+v", r.Progress)
		}
		if n := len(s.copier.uploads.parts); n > s.copier.uploads.begun-3 {
			t.Errorf("%d uploads of %d are left", n, s.copier.uploads.begun)
		}
		s.dying = false
		if a := s.phase(PhaseVerify, "j", 20); !a.Proven || a.Failed != 1 {
			t.Errorf("verified: %+v", a)
		}
		delete(s.buckets.there, numbered(7))
		if a := s.phase(PhaseVerify, "j", 21); a.Proven || a.Failed != 2 {
			t.Errorf("verified without an object: %+v", a)
		}
		t.Logf("%d uploads begun, %d parts of %d sent, %d uploads left by deaths", s.copier.uploads.begun, s.copier.uploads.sent, 3*parts, len(s.copier.uploads.parts))
	}
}
