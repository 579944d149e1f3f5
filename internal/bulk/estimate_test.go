package bulk

import (
	"fmt"
	"math"
	"math/bits"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
)

// tallyOf returns the tally of objects of one size and class.
func tallyOf(objects, size int64, class string) Tally {
	t := NewTally()
	count := Count{objects, objects * size}
	t.ToCopy = count
	t.Sizes[bits.Len64(uint64(size))] = count
	t.Classes.Add(class, count)
	if parts := copy.Parts(size); parts > 1 {
		t.Large = count
		t.Parts = objects * parts
	}
	t.SourcePages = (objects + 999) / 1000
	return t
}

func (c Cost) item(name string) (item CostItem) {
	for _, i := range c.Items {
		if strings.HasPrefix(i.Name, name) {
			item.Estimated += i.Estimated
			item.Spent += i.Spent
			item.Quantity += i.Quantity
			item.Source, item.Believed = i.Source, i.Believed
		}
	}
	return item
}

// near reports whether two amounts differ by at most a part of the second.
func near(got, want, part float64) bool { return math.Abs(got-want) <= part*math.Abs(want) }

// TestEstimatesOfThreeBuckets compares three jobs with formulas of their own, and with the
// amounts that docs/bulk.md gives.
func TestEstimatesOfThreeBuckets(t *testing.T) {
	t.Parallel()
	const gib, tib = 1 << 30, 1 << 40
	for _, tt := range []struct {
		name          string
		objects, size int64
		// Formulas.
		egress, writes, reads float64
		// Amounts, and how near they must be.
		total, part float64
	}{
		{
			name: "a million objects of 100 kB", objects: 1e6, size: 100e3,
			egress: 1e6 * 100e3 / gib * 0.12, writes: 1e6 / 1000 * 0.005, reads: 1e6 / 1000 * 0.0004,
			total: 16.67, part: 0.01,
		},
		{
			name: "a billion objects of 10 kB", objects: 1e9, size: 10e3,
			egress: 1e9 * 10e3 / gib * 0.12, writes: 1e9 / 1000 * 0.005, reads: 1e9 / 1000 * 0.0004,
			total: 6560, part: 0.01,
		},
		{
			name: "ten objects of 5 TB", objects: 10, size: 5e12,
			egress: 10*1024*0.12 + (10*5e12-10*tib)/gib*0.11,
			// 477 MiB are the smallest parts of which 10,000 are enough.
			writes: 10 * (2 + math.Ceil(5e12/(477<<20))) / 1000 * 0.005, reads: 10 * math.Ceil(5e12/(477<<20)) / 1000 * 0.0004,
			total: 5230, part: 0.01,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := Estimate(ListPrices(), tallyOf(tt.objects, tt.size, "STANDARD"), Options{})
			for item, want := range map[string]float64{"egress": tt.egress, "writes to S3": tt.writes, "reads of": tt.reads} {
				if got := c.item(item).Estimated; !near(got, want, 0.01) {
					t.Errorf("%s: got $%.4f, want $%.4f", item, got, want)
				}
			}
			if !near(c.Estimated, tt.total, tt.part) {
				t.Errorf("total: got $%.2f, want $%.2f", c.Estimated, tt.total)
			}
			var sum float64
			for _, item := range c.Items {
				sum += item.Estimated
				if item.Source == "" || item.Unit == "" || item.Quantity <= 0 {
					t.Errorf("item %+v lacks its source, unit or quantity", item)
				}
			}
			if !near(sum, c.Estimated, 1e-9) {
				t.Errorf("the items' sum is %v, the total %v", sum, c.Estimated)
			}
			if tt.objects == 1e9 {
				small := Estimate(ListPrices(), tallyOf(tt.objects, tt.size, "STANDARD"), Options{MemoryMB: 512})
				// 100,000 shards of two transitions, and 16 objects at a time for 0.1 s each.
				want := 1e5*2/1000*0.025 + 1e9/160*0.5*0.0000133334
				if engine := small.item("Lambda").Estimated + small.item("Step Functions").Estimated; !near(engine, want, 0.05) {
					t.Errorf("Lambda and Step Functions: got $%.2f, want $%.2f", engine, want)
				}
			}
		})
	}
}

// TestTheDocumentHasTheseFigures compares the examples of docs/bulk.md with the estimates.
func TestTheDocumentHasTheseFigures(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/bulk.md")
	if err != nil {
		t.Fatal(err)
	}
	costs := []Cost{
		Estimate(ListPrices(), tallyOf(1e6, 100e3, "STANDARD"), Options{}),
		Estimate(ListPrices(), tallyOf(1e9, 10e3, "STANDARD"), Options{}),
		Estimate(ListPrices(), tallyOf(10, 5e12, "STANDARD"), Options{}),
	}
	row := func(title, mark string, amount func(Cost) float64) {
		t.Helper()
		want := "| " + title + " |"
		for _, c := range costs {
			want += fmt.Sprintf(" %s$%s%s |", mark, strings.TrimPrefix(formatUSD(math.Round(amount(c)*100)/100), "$"), mark)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("docs/bulk.md does not have the row %s", want)
		}
	}
	items := func(names ...string) func(Cost) float64 {
		return func(c Cost) (sum float64) {
			for _, name := range names {
				sum += c.item(name).Estimated
			}
			return sum
		}
	}
	row("egress from Google", "", items("egress"))
	row("reads of Cloud Storage (class B)", "", items("reads of"))
	row("listing the source (class A)", "", items("listing the source"))
	row("writes to S3 (PUT, POST)", "", items("writes to S3"))
	row("Lambda ≈", "", items("Lambda"))
	row("Step Functions ≈", "", items("Step Functions"))
	row("jobs bucket, logs ≈", "", items("files in", "CloudWatch"))
	row("**together**", "**", func(c Cost) float64 { return c.Estimated })
	for what, got := range map[string]float64{"6 minutes": costs[0].Seconds / 60, "19 hours": costs[1].Seconds / 3600, "2 hours": costs[2].Seconds / 3600} {
		if !strings.HasPrefix(what, fmt.Sprintf("%.0f ", got)) || !strings.Contains(string(text), what) {
			t.Errorf("docs/bulk.md says %s, the estimate %.1f", what, got)
		}
	}
}

func TestEgressByTiers(t *testing.T) {
	t.Parallel()
	const tib = 1 << 40
	for _, tt := range []struct {
		destination string
		used, bytes int64
		want        float64
	}{
		{"worldwide", 0, 0, 0},
		{"worldwide", 0, 1 << 30, 0.12},
		{"worldwide", 0, 10 * tib, 10 * 1024 * 0.12},
		{"worldwide", 0, 11 * tib, 10*1024*0.12 + 1024*0.11},
		{"worldwide", 9 * tib, 2 * tib, 1024*0.12 + 1024*0.11},
		{"worldwide", 0, 200 * tib, 10*1024*0.12 + 140*1024*0.11 + 50*1024*0.08},
		{"worldwide", 200 * tib, tib, 1024 * 0.08},
		{"australia", 0, 11 * tib, 10*1024*0.19 + 1024*0.18},
	} {
		if got := ListPrices().egress(tt.destination, tt.used, tt.bytes); !near(got, tt.want, 1e-9) {
			t.Errorf("egress(%s, %d, %d) = %v, want %v", tt.destination, tt.used, tt.bytes, got, tt.want)
		}
	}
}

// TestEveryPriceCounts changes one circumstance at a time and looks at the item that it
// must change, and at nothing else.
func TestEveryPriceCounts(t *testing.T) {
	t.Parallel()
	const million = 1_000_000
	plain := func() Tally { return tallyOf(million, 1<<20, "STANDARD") }
	cold := func(class string) func() Tally { return func() Tally { return tallyOf(million, 1<<20, class) } }
	large := func() Tally { return tallyOf(1000, 100<<20, "STANDARD") } // 4 parts each
	compared := func() Tally {
		t := plain()
		t.DestinationPages = 2000
		return t
	}
	gib := float64(million) * (1 << 20) / (1 << 30)
	for _, tt := range []struct {
		name  string
		tally func() Tally
		o     Options
		item  string
		want  float64
	}{
		{"reads of NEARLINE", cold("NEARLINE"), Options{}, "reads of", million / 1000 * 0.001},
		{"reads of COLDLINE", cold("COLDLINE"), Options{}, "reads of", million / 1000 * 0.01},
		{"reads of ARCHIVE", cold("ARCHIVE"), Options{}, "reads of", million / 1000 * 0.05},
		{"an unknown class is STANDARD", cold("FROZEN"), Options{}, "reads of", million / 1000 * 0.0004},
		{"retrieval from NEARLINE", cold("NEARLINE"), Options{}, "retrieval", gib * 0.01},
		{"retrieval from COLDLINE", cold("COLDLINE"), Options{}, "retrieval", gib * 0.02},
		{"retrieval from ARCHIVE", cold("ARCHIVE"), Options{}, "retrieval", gib * 0.05},
		{"no retrieval from STANDARD", plain, Options{}, "retrieval", 0},
		{"listing", plain, Options{}, "listing the source", 1000.0 / 1000 * 0.005},
		{"listing of a multi-region", plain, Options{MultiRegion: true}, "listing the source", 1000.0 / 1000 * 0.01},
		{"writes in parts", large, Options{}, "writes to S3", 1000.0 * (4 + 2) / 1000 * 0.005},
		{"reads in parts", large, Options{}, "reads of", 1000.0 * 4 / 1000 * 0.0004},
		{"compare by checksum", compared, Options{Compare: CompareChecksum}, "checksums", million / 1000 * 0.0004},
		{"compare by size", compared, Options{Compare: CompareSize}, "listing the destination", 2000.0 / 1000 * 0.005},
		{"no key", plain, Options{}, "requests to the key", 0},
		{"a key", plain, Options{KMS: true}, "requests to the key", million / 10_000 * 0.03},
		{"a key with a bucket key", plain, Options{KMS: true, BucketKey: true}, "requests to the key", million / 10_000 * 0.03 / 100},
		{"Frankfurt's writes", plain, Options{Region: "eu-central-1"}, "writes to S3", million / 1000 * 0.0054},
		{"Tokyo's writes", plain, Options{Region: "ap-northeast-1"}, "writes to S3", million / 1000 * 0.0047},
		{"Sydney's egress", plain, Options{Region: "ap-southeast-2"}, "egress", gib * 0.19},
		{"a contract", plain, Options{EgressPerGiB: 0.05}, "egress", gib * 0.05},
		{"the end of a month", plain, Options{EgressUsed: 10 << 40}, "egress", gib * 0.11},
		{"shards' transitions", plain, Options{Shards: 4000}, "Step Functions", (2*4001 + 50) / 1000.0 * 0.025},
		{"arm64", large, Options{Shards: 100}, "Lambda,", (1000.0*(100<<20)/(75<<20) + 0.3) * 0.0000133334},
		{"x86_64", large, Options{Shards: 100, Architecture: "x86_64"}, "Lambda,", (1000.0*(100<<20)/(75<<20) + 0.3) * 0.0000166667},
		{"less memory", large, Options{Shards: 100, MemoryMB: 512}, "Lambda,", (1000.0*(100<<20)/(75<<20) + 0.3) / 2 * 0.0000133334},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Estimate(ListPrices(), tt.tally(), tt.o).item(tt.item).Estimated; !near(got, tt.want, 1e-9) {
				t.Errorf("%s: got $%.6f, want $%.6f", tt.item, got, tt.want)
			}
		})
	}
}

func TestPricesOfOtherRegionsAreMarked(t *testing.T) {
	t.Parallel()
	c := Estimate(ListPrices(), tallyOf(1000, 1000, "FROZEN"), Options{Region: "sa-east-1"})
	for _, want := range []string{"region sa-east-1: the table has no prices of it; those of us-east-1 are used", `storage class "FROZEN"`} {
		if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning says %q: %q", want, c.Warnings)
		}
	}
	for _, item := range c.Items {
		if item.Cloud == "AWS" && (!item.Believed || !strings.Contains(item.Source, "us-east-1")) {
			t.Errorf("%s does not say that its price is another region's: %+v", item.Name, item)
		}
	}
	if c := Estimate(ListPrices(), tallyOf(1000, 1000, "STANDARD"), Options{Region: "eu-west-1"}); len(c.Warnings) != 0 {
		t.Errorf("unexpected warnings: %q", c.Warnings)
	}
}

func TestAnEmptyPlanCostsNearlyNothing(t *testing.T) {
	t.Parallel()
	for _, tally := range []Tally{{}, NewTally()} {
		c := Spent(ListPrices(), Progress{}, tally, Options{KMS: true, Compare: CompareChecksum})
		if c.Estimated > 0.01 || c.Spent > 0.01 || c.Seconds != 0 || len(c.Bounds) != 0 {
			t.Errorf("an empty plan costs %+v", c)
		}
		for _, item := range c.Items {
			if math.IsNaN(item.Estimated) || math.IsNaN(item.Spent) {
				t.Errorf("%s costs no number", item.Name)
			}
		}
	}
}

func TestSpentEndsAtTheEstimate(t *testing.T) {
	t.Parallel()
	tally := tallyOf(1_000_000, 1<<20, "NEARLINE")
	o := Options{KMS: true, Shards: 200}
	whole := Estimate(ListPrices(), tally, o)
	total, _, _ := tally.copySeconds(o.filled())
	for _, part := range []float64{0, 0.25, 1} {
		progress := Progress{
			Copied:  Count{int64(part * 1_000_000), int64(part * 1_000_000 * (1 << 20))},
			Seconds: part * total, Shards: int64(part * 200),
		}
		c := Spent(ListPrices(), progress, tally, o)
		if c.Estimated != whole.Estimated || !c.Counted {
			t.Errorf("%v: estimate is %v, want %v", part, c.Estimated, whole.Estimated)
		}
		// What a job costs before the first copy is the listing.
		if !near(c.Spent, part*whole.Estimated, 0.002) && math.Abs(c.Spent-part*whole.Estimated) > 0.02 {
			t.Errorf("%v of the job: spent $%.2f of $%.2f", part, c.Spent, whole.Estimated)
		}
	}
	// What was found unchanged is asked for, and not copied.
	c := Spent(ListPrices(), Progress{Unchanged: Count{1_000_000, 1 << 40}}, tally, Options{Compare: CompareChecksum})
	if got := c.item("checksums").Spent; !near(got, 0.4, 1e-9) {
		t.Errorf("checksums: spent $%v, want $0.40", got)
	}
	if got := c.item("egress").Spent; got != 0 {
		t.Errorf("egress: spent $%v, want none", got)
	}
}

// TestTheShardsAreEstimated compares with the rule of the planner: a shard has at most so
// many objects and so many bytes, and a larger object has one of its own.
func TestTheShardsAreEstimated(t *testing.T) {
	t.Parallel()
	mixed := tallyOf(25_001, 1000, "STANDARD")
	mixed.Join(tallyOf(3, 20<<30, "STANDARD"))
	for i, tt := range []struct {
		tally Tally
		o     Options
		want  int64
	}{
		{NewTally(), Options{}, 0},
		{tallyOf(1, 1, "STANDARD"), Options{}, 1},
		{tallyOf(10_001, 1, "STANDARD"), Options{}, 2},
		{tallyOf(1000, 1<<30, "STANDARD"), Options{}, 125},
		{tallyOf(7, 9<<30, "STANDARD"), Options{}, 7},
		{mixed, Options{}, 6},
		{mixed, Options{Shards: 9}, 9},
		{mixed, Options{ShardObjects: 100}, 254},
	} {
		if got := tt.o.filled().shards(tt.tally); got != tt.want {
			t.Errorf("%d: got %d, want %d", i, got, tt.want)
		}
	}
}

func ExampleEstimate() {
	c := Estimate(ListPrices(), tallyOf(1e9, 10e3, "STANDARD"), Options{Region: "us-east-1"})
	for _, item := range c.Items {
		fmt.Printf("%s: %.2f\n", item.Name, item.Estimated)
	}
	fmt.Printf("all: %.2f, in %.1f hours, bound by %s\n", c.Estimated, c.Seconds/3600, c.Bounds[0].Name)
	for _, a := range c.Advice {
		fmt.Printf("%s: %.2f, %.1f hours less\n", a.Title, a.Saves, a.Seconds/3600)
	}
	// Output:
	// egress to the Internet: 1117.59
	// reads of STANDARD (class B): 400.00
	// listing the source (class A): 5.00
	// writes to S3 (PUT, POST): 5000.00
	// Lambda, arm64: 87.33
	// Lambda requests: 0.02
	// Step Functions: 5.03
	// files in the jobs bucket: 1.79
	// CloudWatch Logs: 0.10
	// all: 6616.85, in 18.9 hours, bound by requests of the functions
	// Pack small objects: 5480.83, 0.0 hours less
	// Ask Google to waive the egress: 1117.59, 0.0 hours less
	// Negotiate the price of egress: 93.13, 0.0 hours less
	// Raise the concurrency: 0.00, 7.8 hours less
}
