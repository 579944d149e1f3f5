package bulk

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// pagePolicy returns the policy that lets the page run and be styled by what it comes with,
// and load nothing.
func pagePolicy() string {
	return fmt.Sprintf(
		"default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'", policyHash(pageJS), policyHash(pageCSS),
	)
}

func policyHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageTemplate parses the template. It is not a variable: the function, which writes no page,
// would link it and parse it at every start.
func pageTemplate() (*template.Template, error) {
	return template.New("page").Funcs(template.FuncMap{
		"bytes":    formatBytes,
		"count":    formatCount,
		"duration": formatDuration,
		"legible":  legible,
		"moment":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") },
		"percent":  formatPercent,
		"usd":      formatUSD,
		"amount":   formatAmount,
		"inc":      func(n int) int { return n + 1 },
		"int64":    func(n int) int64 { return int64(n) },
		"stamp":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).Parse(pageHTML)
}

// WritePage writes a report and what the job cost as one file of HTML, which needs nothing
// else and loads nothing: for a browser, a printer or an archive. Names of objects are shown
// in it with everything invisible written out, and do no harm. The errors are the writer's.
func WritePage(w io.Writer, r Report, c Cost) error {
	t, err := pageTemplate()
	if err != nil {
		return err
	}
	return t.Execute(w, newPage(r, c))
}

// page is what the template shows.
type page struct {
	Report   Report
	Cost     Cost
	Policy   string
	Style    template.CSS
	Script   template.JS
	Verdict  verdict
	Took     time.Duration
	Rate     string
	Groups   []countGroup
	Found    Count
	Causes   []bar
	Classes  []bar
	Sizes    []bar
	Chart    *progressChart
	Columns  *sizeChart
	Settings []setting
	Clouds   []cloudItems
	Failed   Count
	Shown    []Failure
}

// verdict says in one sentence what the report proves, and what it does not.
type verdict struct {
	Kind  string // good, fair or bad
	Title string
	Text  []string
}

// countGroup is a group of the counts, whose rows and the other groups' add up to all.
type countGroup struct {
	Title string
	Rows  []countRow
}

type countRow struct {
	Reason string
	Count
}

// bar is a value with its part of the whole.
type bar struct {
	Label   string
	Objects int64
	Bytes   int64
	Part    float64 // of the objects, 0 to 1
	Of      float64 // of the bytes
	Width   float64 // of the bar, of 100
}

type setting struct{ Name, Value string }

// cloudItems are the parts of the price that one cloud bills.
type cloudItems struct {
	Cloud string
	Items []CostItem
}

func newPage(r Report, c Cost) page {
	t, p := r.Plan.Tally, r.Progress
	view := page{
		Report: r, Cost: c, Policy: pagePolicy(), Style: template.CSS(pageCSS), Script: template.JS(pageJS),
		Found: t.Found(),
		Shown: r.Failures[:min(len(r.Failures), maxFailures)],
	}
	if r.Finished.IsZero() && len(r.Rounds) > 0 {
		view.Report.Finished = r.Rounds[len(r.Rounds)-1].At
	}
	view.Took = max(0, view.Report.Finished.Sub(r.Started))
	if seconds := view.Took.Seconds(); seconds > 0 && p.Copied.Objects > 0 {
		objects, size := float64(p.Copied.Objects)/seconds, float64(p.Copied.Bytes)/seconds
		view.Rate = fmt.Sprintf("%s objects and %s a second", formatAmount(objects), formatBytes(int64(size)))
	}
	view.Groups = groups(r)
	causes := maps.Clone(t.Failing)
	if causes == nil {
		causes = Counts{}
	}
	causes.join(p.Failed)
	view.Causes, view.Failed = bars(causes), causes.Sum()
	view.Classes = bars(t.Classes)
	view.Sizes = sizeBars(t)
	view.Columns = newSizeChart(view.Sizes)
	view.Chart = newProgressChart(r)
	view.Settings = settings(r)
	for _, item := range c.Items {
		if n := len(view.Clouds); n == 0 || view.Clouds[n-1].Cloud != item.Cloud {
			view.Clouds = append(view.Clouds, cloudItems{Cloud: item.Cloud})
		}
		last := &view.Clouds[len(view.Clouds)-1]
		last.Items = append(last.Items, item)
	}
	view.Verdict = judge(r)
	return view
}

// rest returns what of the plan has no outcome.
func (r Report) rest() Count {
	rest := r.Plan.Tally.ToCopy
	done := r.Progress.Outcomes()
	return Count{rest.Objects - done.Objects, rest.Bytes - done.Bytes}
}

// groups returns the counts in groups that add up to what the listing found.
func groups(r Report) []countGroup {
	t, p := r.Plan.Tally, r.Progress
	there := []countRow{{Reason: "copied", Count: p.Copied}}
	if t.Unchanged != (Count{}) {
		there = append(there, countRow{Reason: "already there when the plan was made", Count: t.Unchanged})
	}
	if p.Unchanged != (Count{}) {
		there = append(there, countRow{Reason: "already there when it was their turn", Count: p.Unchanged})
	}
	if p.Newer != (Count{}) {
		there = append(there, countRow{Reason: "replaced by a newer generation since the plan was made", Count: p.Newer})
	}
	out := []countGroup{{"At the destination", there}}
	add := func(title string, counts Counts) {
		var rows []countRow
		for _, reason := range counts.Reasons() {
			rows = append(rows, countRow{Reason: reason, Count: counts[reason]})
		}
		if len(rows) > 0 {
			out = append(out, countGroup{title, rows})
		}
	}
	if r.Missed != nil { // a part of what is copied
		out[0].Title += ", " + formatCount(r.Missed.Counts.Sum().Objects) + " missed before by continuous replication"
	}
	add("Left out by the request", t.Skipped)
	add("Cannot be copied", t.Failing)
	add("Failed", p.Failed)
	if rest := r.rest(); rest != (Count{}) {
		title := "without an outcome"
		if rest.Objects < 0 {
			title = "counted more than once"
		}
		out = append(out, countGroup{"Open", []countRow{{Reason: title, Count: rest}}})
	}
	return out
}

// judge returns the verdict. It goes by the report's own digests and counts as well as by
// what it claims, and a claim that they do not bear out is the worst.
func judge(r Report) verdict {
	failed, failing, rest := r.Progress.Failed.Sum(), r.Plan.Tally.Failing.Sum(), r.rest()
	agree := r.Expected == r.Progress.Digest
	switch {
	case r.Proven && (!agree || !r.Complete || rest != (Count{})):
		text := []string{"The report says that the copy is proven, but what is in it does not bear that out. Do not rely on it."}
		if !agree {
			text = append(text, "The two digests differ.")
		}
		if rest != (Count{}) || !r.Complete {
			text = append(text, "Not every planned object has one outcome.")
		}
		return verdict{"bad", "The report contradicts itself", text}
	case !r.Complete:
		text := []string{fmt.Sprintf("%s of the planned objects have no outcome yet.", formatCount(rest.Objects))}
		if r.Progress.Left > 0 {
			text = append(text, fmt.Sprintf("%s shards need another round.", formatCount(r.Progress.Left)))
		}
		if r.Progress.Stopped != "" {
			text = append(text, "The job was stopped: "+r.Progress.Stopped+".")
		}
		return verdict{"fair", "Not finished", text}
	case !r.Proven:
		return verdict{"bad", "Not proven", []string{
			"Every planned object has an outcome, but the digest of what is at the destination is not the one that the plan calls for.",
			"Something was copied twice, changed or counted wrongly: gcs-to-s3 bulk verify compares both sides object by object.",
		}}
	case failed.Objects+failing.Objects > 0:
		text := []string{"Everything else that was planned is at the destination with the planned size and CRC32C: both digests agree."}
		if failed.Objects > 0 {
			text = append(text, fmt.Sprintf("%s objects failed for good; see the failures below.", formatCount(failed.Objects)))
		}
		if failing.Objects > 0 {
			text = append(text, fmt.Sprintf("%s objects cannot be copied at all, and were not planned.", formatCount(failing.Objects)))
		}
		return verdict{"fair", "Proven, except for what failed", text}
	}
	return verdict{"good", "Proven", []string{
		"Every planned object is at the destination with the planned size and CRC32C: the digest of the plan and the digest of what S3 " +
			"confirmed agree.",
	}}
}

// bars returns counts by reason, those with most objects first.
func bars(counts Counts) []bar {
	whole := counts.Sum()
	var out []bar
	for _, reason := range counts.Reasons() {
		out = append(out, newBar(reason, counts[reason], whole))
	}
	return out
}

func newBar(label string, c, whole Count) bar {
	b := bar{
		Label: label, Objects: c.Objects, Bytes: c.Bytes,
		Part: share(float64(c.Objects), float64(whole.Objects)), Of: share(float64(c.Bytes), float64(whole.Bytes)),
	}
	b.Width = math.Round(b.Part*1000) / 10
	if c.Objects > 0 {
		b.Width = max(b.Width, 0.6)
	}
	return b
}

// sizeClasses are the sizes that the page tells apart: up to so many binary digits.
var sizeClasses = []struct {
	digits int
	label  string
}{
	{0, "empty"}, {10, "< 1 KiB"}, {14, "< 16 KiB"}, {17, "< 128 KiB"}, {20, "< 1 MiB"}, {23, "< 8 MiB"}, {26, "< 64 MiB"},
	{29, "< 512 MiB"}, {32, "< 4 GiB"}, {36, "< 64 GiB"}, {40, "< 1 TiB"}, {63, "≥ 1 TiB"},
}

// sizeBars returns the objects to copy by size, without the empty ends.
func sizeBars(t Tally) []bar {
	counts := make([]Count, len(sizeClasses))
	at := 0
	for digits, c := range t.Sizes {
		for at < len(sizeClasses)-1 && digits > sizeClasses[at].digits {
			at++
		}
		counts[at].add(c)
	}
	var out []bar
	for i, c := range counts {
		out = append(out, newBar(sizeClasses[i].label, c, t.ToCopy))
	}
	full := func(b bar) bool { return b.Objects > 0 }
	first := slices.IndexFunc(out, full)
	if first < 0 {
		return nil
	}
	last := len(out) - 1
	for !full(out[last]) {
		last--
	}
	return out[first : last+1]
}

// settings returns what the job was asked to do.
func settings(r Report) []setting {
	q := r.Plan.Request
	list := []setting{
		{"Job", q.Job},
		{"Source", "gs://" + q.SourceBucket + "/" + q.Prefix},
		{"Destination", "s3://" + q.DestinationBucket + "/" + q.DestinationPrefix},
		{"Compare", cmp.Or(q.Compare, CompareNone)},
	}
	add := func(name, value string) {
		if value != "" {
			list = append(list, setting{name, value})
		}
	}
	if q.List != nil {
		add("List", fmt.Sprintf("%s, %s objects", strings.Join(q.List.From, ", "), formatCount(q.List.Names)))
	}
	add("Key template", q.KeyTemplate)
	add("Include", strings.Join(q.Include, ", "))
	add("Exclude", strings.Join(q.Exclude, ", "))
	if !q.Since.IsZero() {
		add("Updated since", q.Since.UTC().Format(time.RFC3339))
	}
	add("A shard has at most", fmt.Sprintf(
		"%s objects, %s", formatCount(int64(cmp.Or(q.ShardObjects, DefaultShardObjects))), formatBytes(cmp.Or(q.ShardBytes, DefaultShardBytes)),
	))
	if r.Limits.MaxRate > 0 {
		add("Rate", "at most "+formatBytes(r.Limits.MaxRate)+" a second")
	}
	if r.Limits.MaxCost > 0 {
		add("Cost", "at most "+formatUSD(r.Limits.MaxCost))
	}
	add("Shards", formatCount(int64(r.Plan.Shards)))
	add("Rounds", strconv.Itoa(r.Progress.Round))
	add("Invocations together", formatDuration(time.Duration(r.Progress.Seconds*float64(time.Second))))
	return list
}

// sources returns the pages that the prices are from, each once.
func (c Cost) sources() []string {
	seen := map[string]bool{}
	for _, item := range c.Items {
		seen[item.Source] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Sources are the pages that the prices are from.
func (p page) Sources() []string { return p.Cost.sources() }

// Believed reports whether an amount is not confirmed.
func (p page) Believed() bool {
	return slices.ContainsFunc(p.Cost.Items, func(i CostItem) bool { return i.Believed })
}

// Expected is how long the copying was expected to take.
func (p page) Expected() time.Duration { return time.Duration(p.Cost.Seconds * float64(time.Second)) }
