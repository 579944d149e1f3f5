package bulk

import (
	"bytes"
	"fmt"
	"html"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// hostileNames are names of objects that try to become something else on a page.
var hostileNames = []string{
	`</script><script>document.title = window.harmed = "script"</script>`,
	`</td></tr></table><img src=x onerror="window.harmed='img'">`,
	`<svg onload="window.harmed='svg'">`,
	`"><iframe src="https://example.invalid/frame"></iframe>`,
	`' onmouseover='window.harmed="attribute"' x='`,
	`</style><link rel=stylesheet href=https://example.invalid/style.css>`,
	`</title><meta http-equiv=refresh content="0;url=https://example.invalid/refresh">`,
	`<!-- <base href=https://example.invalid/>`,
	`javascript:window.harmed='url'`,
	"{{.Script}} ${window.harmed='template'} `x`",
	`&lt;b&gt; &amp; &#x3c;script&#x3e;`,
	"evil\u202egnp.exe",
	"\u2066isolated\u2069 \u200fright\u200eleft\u061c",
	"zero\u200bwidth\u200djoined\ufeff\u00ad",
	"line\u2028separated\u2029\u0085",
	"tab\tnewline\nreturn\rnull\x00bell\aescape\x1b[31m",
	"invalid \xff\xfe utf-8 \xc3",
	"replacement \ufffd is itself",
	"space\u00a0no-break\u3000wide\u2003em",
	"日本語/שלום/مرحبا/🙂.txt",
	"Z̷̢̛a̵̧̛l̸̨̛g̷̢̛ơ̵̧",
	strings.Repeat("long/", 204) + "name",
	strings.Repeat("\x01", 1024),
	strings.Repeat("W", 1024),
	"tags\U000e0041\U000e007f",
}

// sampleReport returns the report of a job with so many failures, of which the first have
// the hostile names.
func sampleReport(failures int) Report {
	t := NewTally()
	random := rand.New(rand.NewPCG(1, 2))
	add := func(size, n int64, class string) { t.Join(tallyOf(n, size, class)) }
	for _, c := range []struct {
		size, n int64
		class   string
	}{
		{0, 1_204, "STANDARD"}, {700, 88_000, "STANDARD"}, {9_000, 512_400, "STANDARD"}, {90_000, 703_112, "STANDARD"}, {700_000, 402_560, "NEARLINE"},
		{5_000_000, 96_420, "NEARLINE"}, {40_000_000, 14_208, "COLDLINE"}, {300_000_000, 2_310, "COLDLINE"}, {2_500_000_000, 241, "ARCHIVE"}, {30_000_000_000, 9, "ARCHIVE"},
	} {
		add(c.size, c.n, c.class)
	}
	t.Unchanged = Count{48_120, 31 << 30}
	t.Skipped = Counts{SkippedByPattern: {22_400, 18 << 30}, SkippedPlaceholder: {311, 0}}
	t.Failing = Counts{"has no CRC32C": {4, 120_000}, "encrypted with a customer-supplied key": {17, 1 << 30}}
	t.LeftOut = 212
	t.SourcePages, t.DestinationPages = 1_893, 49
	t.Digest.Add("plan", 1, "AAAAAA==")

	r := Report{Started: time.Date(2026, 11, 26, 21, 4, 11, 0, time.UTC)}
	causes := []string{"source changed", "access denied", "throttled", "timed out"}
	failed := Counts{}
	for i := range failures {
		name := fmt.Sprintf("exports/2026/%02d/%02d/part-%08x.parquet", 1+i%12, 1+i%28, random.Uint32())
		if i < len(hostileNames) {
			name = hostileNames[i]
		}
		cause := causes[min(random.IntN(4), random.IntN(4))]
		size := int64(random.ExpFloat64() * 3_000_000)
		failed.Add(cause, Count{1, size})
		r.Failures = append(r.Failures, Failure{
			Object: name, Key: "archive/" + name, Bytes: size, Cause: cause,
			Error: map[string]string{
				"source changed": "reading: generation 1795600838317843 was replaced while it was copied",
				"access denied":  "reading: 403 Forbidden: does not have storage.objects.get access; hint: gcs-to-s3 verify checks the grant",
				"throttled":      "writing: 503 Slow Down: please reduce your request rate",
				"timed out":      "reading: no byte arrived for 60s",
			}[cause],
		})
	}
	slices.SortFunc(r.Failures, func(a, b Failure) int { return strings.Compare(a.Object, b.Object) })
	copied := t.ToCopy
	lost := failed.Sum()
	copied.Objects -= lost.Objects + 1_020
	copied.Bytes -= lost.Bytes + 8_112_400
	r.Plan = Plan{
		Request: Request{
			Version: Version, Job: "exports-2026-11", Created: r.Started, SourceBucket: "acme-exports", Prefix: "exports/",
			DestinationBucket: "acme-lake", DestinationPrefix: "archive/", Exclude: []string{"*.tmp", "*/_SUCCESS"}, Compare: CompareSize,
		},
		Tally: t, Shards: 5_212, Hash: strings.Repeat("3b9f05aa", 8), Finished: r.Started.Add(-7 * time.Minute),
		Examples: []Example{{"exports/legacy/ä b.csv", "loses metadata that S3 cannot hold"}, {hostileNames[0], "has no CRC32C"}},
	}
	r.Expected.Add("expected", 2, "AAAAAA==")
	r.Progress = Progress{
		Round: 3, Copied: copied, Unchanged: Count{1_020, 8_112_400}, Failed: failed, Digest: r.Expected,
		LeftOut: 208, Seconds: 182_400, Shards: 5_260, At: r.Started.Add(94 * time.Minute),
	}
	r.Progress.Lost.Add("lost", 3, "AAAAAA==")
	r.Complete, r.Proven, r.Ledger = true, true, strings.Repeat("c07f19e4", 8)
	done := func(part float64) Count {
		return Count{int64(part * float64(t.ToCopy.Objects)), int64(part * part * float64(t.ToCopy.Bytes))}
	}
	last := copied
	last.add(r.Progress.Unchanged)
	r.Rounds = []Moment{{r.Started, Count{}}, {r.Started.Add(61 * time.Minute), done(0.88)}, {r.Started.Add(83 * time.Minute), done(0.985)}, {r.Started.Add(94 * time.Minute), last}}
	return r
}

func sampleCost(r Report) Cost {
	return Spent(ListPrices(), r.Progress, r.Plan.Tally, Options{Region: "eu-central-1", Compare: CompareSize, Shards: r.Plan.Shards})
}

func pageOf(t *testing.T, r Report, c Cost) string {
	t.Helper()
	var b bytes.Buffer
	if err := WritePage(&b, r, c); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var tag = regexp.MustCompile(`<[^>]*>`)

// textOf returns what a browser would show of some HTML, near enough.
func textOf(markup string) string { return html.UnescapeString(tag.ReplaceAllString(markup, "")) }

// TestThePageHasNoMarkupOfNames compares the markup of a page with hostile names everywhere
// with that of the same page with tame ones.
func TestThePageHasNoMarkupOfNames(t *testing.T) {
	t.Parallel()
	tags := func(text string) []string {
		_, text, _ = strings.Cut(text, "</style>")
		text, _, _ = strings.Cut(text, "<script>")
		text = regexp.MustCompile(`<span class="code">|</span>|aria-label="[^"]*"|<title>[^<]*</title>`).ReplaceAllString(text, "")
		return tag.FindAllString(text, -1)
	}
	for i, name := range hostileNames {
		r := sampleReport(3)
		r.Failures = r.Failures[:1]
		tame := "tame"
		fill := func(s string) Report {
			r := r
			r.Plan.Request.Job, r.Plan.Request.SourceBucket, r.Plan.Request.Prefix, r.Plan.Request.DestinationPrefix = s, s, s, s
			r.Plan.Request.Include, r.Plan.Request.KeyTemplate, r.Plan.Request.Compare = []string{s}, s, s
			r.Plan.Hash, r.Ledger, r.Progress.Stopped = s, s, s
			r.Plan.Examples = []Example{{s, s}}
			r.Failures = []Failure{{s, s + "2", 1, s, s}}
			r.Progress.Failed = Counts{s: {1, 1}}
			r.Plan.Tally.Classes = Counts{s: {1, 1}}
			r.Plan.Tally.Skipped = Counts{s: {1, 1}}
			r.Complete = false
			return r
		}
		cost := func(s string) Cost {
			return Cost{Region: s, Date: s, Items: []CostItem{{Name: s, Cloud: s, Unit: s, Source: s, Quantity: 1}}, Warnings: []string{s}, Bounds: []Bound{{Name: s}}, Seconds: 1}
		}
		want, got := tags(pageOf(t, fill(tame), cost(tame))), tags(pageOf(t, fill(name), cost(name)))
		if !slices.Equal(got, want) {
			for j := range min(len(got), len(want)) {
				if got[j] != want[j] {
					t.Errorf("name %d, %.60q: element %d is %s, want %s", i, name, j, got[j], want[j])
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("name %d, %.60q: %d elements, want %d", i, name, len(got), len(want))
			}
		}
	}
}

func TestNamesAreLegible(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want string }{
		{"plain/name.txt", "plain/name.txt"},
		{"", ""},
		{"evil\u202egnp.exe", `evil[\u{202e}]gnp.exe`},
		{"a\u200b\u200db", `a[\u{200b}\u{200d}]b`},
		{"tab\tand\nline", `tab[\x09]and[\x0a]line`},
		{"\x00\x7f\u0085\u00ad", `[\x00\x7f\x85\xad]`},
		{"bad \xff\xc3", `bad [\xff\xc3]`},
		{"\ufffd", "\ufffd"},
		{"a b\u00a0c\u3000d", `a b[\xa0]c[\u{3000}]d`},
		{"日本語 שלום 🙂", "日本語 שלום 🙂"},
		{"x\U000e0041", `x[\u{e0041}]`},
		{"x\ufe0f", `x[\u{fe0f}]`},
		{"\u2028", `[\u{2028}]`},
	} {
		var got strings.Builder
		for _, p := range legible(tt.name) {
			if p.Code {
				fmt.Fprintf(&got, "[%s]", p.Text)
			} else {
				got.WriteString(p.Text)
			}
		}
		if got.String() != tt.want {
			t.Errorf("legible(%q) = %s, want %s", tt.name, got.String(), tt.want)
		}
	}
	for _, name := range hostileNames {
		for _, p := range legible(name) {
			if !utf8.ValidString(p.Text) || strings.ContainsAny(p.Text, "\u202e\u2066\u200b\x00\n\t") {
				t.Errorf("legible(%.40q) has %q", name, p.Text)
			}
		}
	}
}

// TestTheRowsAddUp reads the numbers of the first table from the page and adds them.
func TestTheRowsAddUp(t *testing.T) {
	t.Parallel()
	for _, r := range []Report{sampleReport(0), sampleReport(50), func() Report {
		r := sampleReport(50)
		r.Complete, r.Proven = false, false
		r.Progress.Copied.Objects -= 1_000
		r.Progress.Copied.Bytes -= 12_345_678
		return r
	}()} {
		_, text, _ := strings.Cut(pageOf(t, r, sampleCost(r)), `<h2 id="counts">`)
		table, _, _ := strings.Cut(text, "</table>")
		body, foot, _ := strings.Cut(table, "<tfoot>")
		number := regexp.MustCompile(`</th><td class="n">([0-9,]+)</td><td class="n exact">([0-9,]+)</td>`)
		var sum Count
		read := func(text string) (n int64) {
			if _, err := fmt.Sscan(strings.ReplaceAll(text, ",", ""), &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for _, m := range number.FindAllStringSubmatch(body, -1) {
			sum.add(Count{read(m[1]), read(m[2])})
		}
		last := number.FindStringSubmatch(foot)
		if last == nil {
			t.Fatalf("the last row is %s", textOf(foot))
		}
		if got := (Count{read(last[1]), read(last[2])}); got != sum || got != r.Plan.Tally.Found() {
			t.Errorf("the rows' sum is %v, the last row %v, and the listing found %v", sum, got, r.Plan.Tally.Found())
		}
	}
	r := sampleReport(5)
	r.Plan.Tally.ToCopy.Objects++ // as if one had been lost on the way
	r.Progress.Copied.Objects += 7
	text := textOf(pageOf(t, r, Cost{}))
	if !strings.Contains(text, "counted more than once−6") {
		t.Error("the page hides that objects were counted more than once")
	}
}

func TestTheVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		report      func() Report
		kind, title string
		text        string
	}{
		{"proven", func() Report {
			r := sampleReport(0)
			r.Plan.Tally.Failing = Counts{}
			return r
		}, "good", "Proven", "agree"},
		{"failures", func() Report { return sampleReport(30) }, "fair", "Proven, except for what failed", "30 objects failed for good"},
		{"what cannot be copied", func() Report { return sampleReport(0) }, "fair", "Proven, except for what failed", "21 objects cannot be copied at all"},
		{"unfinished", func() Report {
			r := sampleReport(0)
			r.Complete, r.Proven = false, false
			r.Progress.Copied.Objects -= 1234
			r.Progress.Left, r.Progress.Stopped = 9, "a person asked for it"
			return r
		}, "fair", "Not finished", "1,234 of the planned objects have no outcome yet. 9 shards need another round. The job was stopped: a person asked for it."},
		{"other digest", func() Report {
			r := sampleReport(0)
			r.Proven = false
			r.Progress.Digest[0]++
			return r
		}, "bad", "Not proven", "is not the one that the plan calls for"},
		{"a claim with other digests", func() Report {
			r := sampleReport(0)
			r.Progress.Digest[0]++
			return r
		}, "bad", "The report contradicts itself", "The two digests differ."},
		{"a claim with a gap", func() Report {
			r := sampleReport(0)
			r.Progress.Copied.Objects--
			return r
		}, "bad", "The report contradicts itself", "Not every planned object has one outcome."},
		{"nothing", func() Report { return Report{} }, "fair", "Not finished", "0 of the planned objects"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.report()
			_, text, _ := strings.Cut(pageOf(t, r, Cost{}), `<section class="verdict `)
			kind, text, _ := strings.Cut(text, `"`)
			text, _, _ = strings.Cut(text, "</section>")
			words := strings.Join(strings.Fields(textOf(text)), " ")
			if kind != tt.kind || !strings.Contains(words, "> "+tt.title+" ") && !strings.Contains(words, tt.title) || !strings.Contains(words, tt.text) {
				t.Errorf("the verdict is %s: %s", kind, words)
			}
		})
	}
}

// TestThePageLoadsNothing looks for anything that a browser would fetch.
func TestThePageLoadsNothing(t *testing.T) {
	t.Parallel()
	text := pageOf(t, sampleReport(0), Cost{})
	for _, m := range regexp.MustCompile(`(?i)\b(src|href|srcset|action|data|poster|xlink:href)\s*=\s*"[^"]*"|url\([^)]*\)|@import`).FindAllString(text, -1) {
		if !strings.HasPrefix(m, `href="#`) {
			t.Errorf("the page refers to %s", m)
		}
	}
	if !strings.Contains(text, "default-src &#39;none&#39;") {
		t.Error("the page has no policy that forbids to load anything")
	}
	if strings.Contains(text, " style=") || regexp.MustCompile(` on[a-z]+=`).MatchString(text) {
		t.Error("the page has styles or handlers in attributes, which its policy forbids")
	}
}

func TestOnlyTheFirstFailuresAreListed(t *testing.T) {
	t.Parallel()
	r := sampleReport(maxFailures + 5)
	text := pageOf(t, r, Cost{})
	if n := strings.Count(text, "<tr><td class=\"name\">"); n != maxFailures+len(r.Plan.Examples) {
		t.Errorf("%d failures are listed, want %d", n-len(r.Plan.Examples), maxFailures)
	}
	if !strings.Contains(text, "the first 10,000 of 10,026") {
		t.Error("the page does not say that it lists only the first failures")
	}
}

func TestNumbersAreWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ got, want string }{
		{formatCount(0), "0"}, {formatCount(999), "999"}, {formatCount(1000), "1,000"}, {formatCount(-1234567), "−1,234,567"},
		{formatBytes(0), "0 B"}, {formatBytes(1023), "1,023 B"}, {formatBytes(1024), "1 KiB"}, {formatBytes(1100), "1.07 KiB"}, {formatBytes(1536 << 20), "1.50 GiB"},
		{formatBytes(10_000_000_000_000), "9.09 TiB"}, {formatBytes(5 << 60), "5,120 PiB"}, {formatBytes(-2048), "−2 KiB"},
		{formatUSD(0), "$0.00"}, {formatUSD(0.001), "< $0.01"}, {formatUSD(1234.5), "$1,234.50"}, {formatUSD(999.999), "$1,000.00"},
		{formatPercent(0), "0 %"}, {formatPercent(1), "100 %"}, {formatPercent(0.99999), "99.9 %"}, {formatPercent(0.0001), "< 0.1 %"}, {formatPercent(0.5), "50.0 %"},
		{formatDuration(0), "0 s"}, {formatDuration(61 * time.Second), "1 min 1 s"}, {formatDuration(26 * time.Hour), "1 d 2 h"}, {formatDuration(97 * time.Minute), "1 h 37 min"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}

// TestChartsStayInside draws extreme reports, and wants every number inside the box.
func TestChartsStayInside(t *testing.T) {
	t.Parallel()
	early := sampleReport(0)
	early.Rounds = append(early.Rounds, Moment{At: early.Started.Add(-time.Hour), Done: Count{1 << 60, 1 << 60}})
	days := sampleReport(0)
	days.Rounds = []Moment{{days.Started.Add(400 * 24 * time.Hour), days.Plan.Tally.ToCopy}}
	empty := sampleReport(0)
	empty.Plan.Tally.ToCopy.Bytes = 0
	for i, r := range []Report{sampleReport(0), early, days, empty} {
		c := newProgressChart(r)
		if c == nil || len(c.Ticks) < 2 || len(c.Ticks) > 8 {
			t.Errorf("%d: the chart is %+v", i, c)
			continue
		}
		for _, text := range regexp.MustCompile(`-?[0-9.]+`).FindAllString(c.Area+c.Bytes, -1) {
			var f float64
			if _, err := fmt.Sscan(text, &f); err != nil || f < 0 || f > 720 {
				t.Errorf("%d: %s is outside", i, text)
			}
		}
	}
	for _, r := range []Report{{}, func() Report { r := sampleReport(0); r.Rounds = nil; return r }()} {
		if c := newProgressChart(r); c != nil {
			t.Errorf("there is a chart of nothing: %+v", c)
		}
	}
	if c := newSizeChart(sizeBars(tallyOf(1, 1<<62, "STANDARD"))); len(c.Columns) != 1 || c.Columns[0].Label != "≥ 1 TiB" || c.Columns[0].ObjectsH != 182 {
		t.Errorf("the chart of one object: %+v", c)
	}
}

// The page of a reconciliation names what was missed, and a page says what held its job.
func TestThePageNamesWhatWasMissed(t *testing.T) {
	t.Parallel()
	r := sampleReport(0)
	r.Limits = Limits{Concurrency: 4, MaxRate: 50 << 20, MaxCost: 12}
	r.Plan.Request.List = &List{From: []string{"names.txt"}, Names: 1234}
	r.Missed = &Missed{Counts: Counts{MissedAbsent: {1, 10}, MissedOlder: {1, 20}}, Objects: []Miss{
		{Object: "<b>absent</b>", Reason: MissedAbsent}, {Object: "stale.txt", Reason: MissedOlder},
	}}
	got := pageOf(t, r, sampleCost(r))
	for _, want := range []string{
		"At the destination, 2 missed before by continuous replication", "What continuous replication has missed: 2 objects", "&lt;b&gt;absent", "stale.txt",
		"at most 50 MiB a second", "at most $12.00", "names.txt, 1,234 objects",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
