package bulk

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/internal/copy"
	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// Options are the settings that a job's price and time depend on. The zero value is what
// is deployed by default.
type Options struct {
	Region       string  // of AWS; empty: us-east-1
	Architecture string  // of the function: arm64, the default, or x86_64
	MemoryMB     int     // of the function; zero: 1,024
	Concurrency  int     // shards that are copied at a time; zero: 100
	MaxRate      int64   // bytes a second that all shards together read; zero: no limit
	Objects      int     // that an invocation copies at a time; zero: invocation.DefaultConcurrency
	Compare      string  // one of Compares; empty: none
	Shards       int     // of the plan; zero: estimated
	ShardObjects int     // zero: DefaultShardObjects
	ShardBytes   int64   // zero: DefaultShardBytes
	Partitions   int     // of the destination's key space when the job starts; zero: 1
	MultiRegion  bool    // the source is in a dual-region or multi-region
	KMS          bool    // the destination's objects are encrypted with a key of AWS KMS
	BucketKey    bool    // the destination uses an S3 Bucket Key with it
	Listed       bool    // the objects are those of a list
	EgressUsed   int64   // bytes that left Google in the month before the job
	EgressPerGiB float64 // contract price of egress, in USD; zero: the list price
}

// filled returns the options with their defaults.
func (o Options) filled() Options {
	o.Region = cmp.Or(o.Region, fallbackRegion)
	o.Architecture = cmp.Or(o.Architecture, "arm64")
	o.MemoryMB = cmp.Or(o.MemoryMB, 1024)
	o.Concurrency = cmp.Or(o.Concurrency, 100)
	o.Objects = cmp.Or(o.Objects, invocation.DefaultConcurrency)
	o.Compare = cmp.Or(o.Compare, CompareNone)
	o.ShardObjects = cmp.Or(o.ShardObjects, DefaultShardObjects)
	o.ShardBytes = cmp.Or(o.ShardBytes, DefaultShardBytes)
	o.Partitions = cmp.Or(o.Partitions, 1)
	return o
}

// Cost is what a job costs and how long it takes. Amounts are in US dollars, without taxes,
// discounts and free usage. What S3 charges for keeping the objects is not part of it.
type Cost struct {
	Region    string     `json:"region"` // whose prices these are
	Date      string     `json:"date"`   // of the prices
	Items     []CostItem `json:"items"`
	Estimated float64    `json:"estimated"`
	Spent     float64    `json:"spent"`
	Counted   bool       `json:"counted"` // Spent is filled in

	Seconds  float64  `json:"seconds"`  // of copying, as expected
	Slowest  float64  `json:"slowest"`  // the same if the destination's key space never splits
	Bounds   []Bound  `json:"bounds"`   // the tightest first
	Advice   []Advice `json:"advice"`   // what saves most first
	Warnings []string `json:"warnings"` // about prices that do not fit
}

// CostItem is a part of a job's price.
type CostItem struct {
	Name      string  `json:"name"`
	Cloud     string  `json:"cloud"` // Google Cloud or AWS
	Quantity  float64 `json:"quantity"`
	Unit      string  `json:"unit"`
	Estimated float64 `json:"estimated"`
	Spent     float64 `json:"spent"`
	Source    string  `json:"source"`   // of the price
	Believed  bool    `json:"believed"` // the price, or the quantity's assumption, was not confirmed
}

// Assumptions about the engine. None has been measured between the real clouds.
const (
	// objectSeconds is how long the copy of a small object takes: a GET and a PUT on open
	// connections.
	objectSeconds = 0.1
	// functionRate is the rate of a function's network in bytes a second; internal/copy
	// reckons with the same.
	functionRate = 75 << 20
	// pageSeconds is how long a page of a listing takes.
	pageSeconds = 0.3
	// lookSeconds is how long a request for what an object is takes.
	lookSeconds = 0.05
	// logBytes is what an invocation writes to its log: a line of its own, and Lambda's.
	logBytes = 2000
	// fileWrites and fileReads are the requests to the jobs bucket for a shard: its file, its
	// ledger and its result are written, and with the request, the limits and the stops read.
	fileWrites, fileReads = 3, 7
	// transitions is how many an invocation for a shard takes, and jobTransitions all else.
	transitions, jobTransitions = 2, 50
	// keySavings is the part of the requests to KMS that remains with an S3 Bucket Key
	// (Amazon S3 User Guide, "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
	keySavings = 0.01
	// pageObjects is how many objects a page of a listing has.
	pageObjects = 1000
)

// usage is what a job uses, in the units of the bills.
type usage struct {
	egress        int64              // bytes
	reads         map[string]float64 // of objects and parts, by storage class
	retrieved     map[string]float64 // bytes, by storage class
	sourcePages   float64
	lookups       float64
	writes        float64 // of objects and parts, and what begins and ends uploads
	heads         float64
	targetPages   float64
	gbSeconds     float64
	invocations   float64
	transitions   float64
	fileWrites    float64
	fileReads     float64
	logBytes      float64
	keyOperations float64
}

// Estimate returns what a job with a plan's tally costs and how long its copying takes.
func Estimate(p Prices, t Tally, o Options) Cost {
	o = o.filled()
	whole := t.usage(o)
	c := Cost{Date: p.Date, Region: o.Region}
	prices, known := p.region(o.Region)
	if !known {
		c.Region = fallbackRegion
		c.Warnings = append(c.Warnings, fmt.Sprintf(
			"region %s: the table has no prices of it; those of %s are used; hint: pass a table of your own with --prices",
			o.Region, fallbackRegion,
		))
	}
	for _, class := range slices.Sorted(maps.Keys(t.Classes)) {
		if _, there := p.Google.Operations.Classes[class]; !there {
			c.Warnings = append(c.Warnings, fmt.Sprintf(
				"storage class %q: the table has no prices of it; those of %s are used", class, standardClass,
			))
		}
	}
	c.Items = whole.items(p, prices, o)
	for _, item := range c.Items {
		c.Estimated += item.Estimated
	}
	c.time(t, whole, o)
	c.advise(p, prices, t, whole, o)
	return c
}

// Spent returns the same as Estimate, with what was spent so far: what the invocations have
// counted, with what they had to repeat, but without what those did that died.
func Spent(p Prices, progress Progress, tally Tally, o Options) Cost {
	c := Estimate(p, tally, o)
	o = o.filled()
	whole := tally.usage(o)
	prices, _ := p.region(o.Region)
	objects := share(float64(progress.Copied.Objects), float64(tally.ToCopy.Objects))
	size := share(float64(progress.Copied.Bytes), float64(tally.ToCopy.Bytes))
	used := usage{
		egress:      progress.Copied.Bytes,
		reads:       map[string]float64{},
		retrieved:   map[string]float64{},
		sourcePages: whole.sourcePages,
		lookups:     whole.lookups,
		targetPages: whole.targetPages,
		writes:      float64(progress.Copied.Objects) + (whole.writes-float64(tally.ToCopy.Objects))*size,
		gbSeconds:   progress.Seconds*float64(o.MemoryMB)/1024 + tally.listingSeconds(o)*float64(o.MemoryMB)/1024,
		invocations: float64(progress.Shards) + tally.listings(o),
		transitions: transitions*(float64(progress.Shards)+tally.listings(o)) + jobTransitions,
		fileWrites:  whole.fileWrites * share(float64(progress.Shards), whole.invocations-tally.listings(o)),
		fileReads:   whole.fileReads * share(float64(progress.Shards), whole.invocations-tally.listings(o)),
		logBytes:    logBytes * (float64(progress.Shards) + tally.listings(o)),
	}
	if o.Compare == CompareChecksum {
		used.heads = float64(progress.Copied.Objects + progress.Unchanged.Objects + progress.Failed.Sum().Objects)
	}
	var reads float64
	for class, n := range whole.reads {
		used.reads[class] = min(n, tally.classReads(class, objects, size))
		reads += n
	}
	if progress.Used != (copy.Used{}) { // counted, with what was repeated
		used.egress, used.writes, used.heads = progress.Used.Bytes, float64(progress.Used.Writes), float64(progress.Used.Looks)
		for class, n := range whole.reads {
			used.reads[class] = float64(progress.Used.Reads) * share(n, reads)
		}
	}
	if o.KMS {
		used.keyOperations = whole.keyOperations * share(used.writes, whole.writes)
	}
	for class, n := range whole.retrieved {
		used.retrieved[class] = n * size
	}
	spent := map[string]float64{}
	for _, item := range used.items(p, prices, o) {
		spent[item.Name] = item.Estimated
	}
	c.Counted = true
	for i := range c.Items {
		c.Items[i].Spent = spent[c.Items[i].Name]
		c.Spent += c.Items[i].Spent
		delete(spent, c.Items[i].Name)
	}
	for _, item := range used.items(p, prices, o) { // that were not estimated, such as looks after deaths
		if amount, there := spent[item.Name]; there {
			item.Estimated, item.Spent = 0, amount
			c.Items, c.Spent = append(c.Items, item), c.Spent+amount
		}
	}
	return c
}

// share returns part of whole, from 0 to 1.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return max(0, min(1, part/whole))
}

// classReads returns how many reads of a storage class the given shares of the objects and
// of the bytes take. Parts are taken to be spread over the classes as the bytes are.
func (t Tally) classReads(class string, objects, size float64) float64 {
	extra := float64(t.Parts - t.Large.Objects)
	return float64(t.Classes[class].Objects)*objects + extra*share(float64(t.Classes[class].Bytes), float64(t.ToCopy.Bytes))*size
}

// listings returns how many invocations the listing takes: each lists for minutes.
func (t Tally) listings(o Options) float64 {
	return math.Ceil(t.listingSeconds(o) / 600)
}

// listingSeconds returns how long the invocations that list take together.
func (t Tally) listingSeconds(o Options) float64 {
	return pageSeconds*float64(t.pages(o)+t.DestinationPages) + lookSeconds*float64(t.Lookups)/lookAtOnce
}

// pages returns how many pages of the source's listing a job takes, if nobody has counted
// them at least those for its objects.
func (t Tally) pages(o Options) int64 {
	if o.Listed {
		return t.SourcePages
	}
	return max(t.SourcePages, (t.Found().Objects+pageObjects-1)/pageObjects)
}

// copySeconds returns how long the invocations that copy take together. Small objects are
// limited by the latency of their requests, large ones by the network.
func (t Tally) copySeconds(o Options) (total, latency, network float64) {
	for _, count := range t.sizes() {
		l := float64(count.Objects) * objectSeconds / float64(o.Objects)
		n := float64(count.Bytes) / functionRate
		total, latency, network = total+max(l, n), latency+l, network+n
	}
	return total, latency, network
}

// sizes returns the counts of the objects to copy by size, or one of all if there are none.
func (t Tally) sizes() []Count {
	var sum Count
	for _, count := range t.Sizes {
		sum.add(count)
	}
	if sum != t.ToCopy {
		return []Count{t.ToCopy}
	}
	return t.Sizes
}

// shards returns how many shards the objects of a tally make, unless the plan has said it.
func (o Options) shards(t Tally) int64 {
	if o.Shards > 0 || t.ToCopy.Objects == 0 {
		return int64(o.Shards)
	}
	var own, others int64
	var rest Count
	for _, count := range t.sizes() {
		if size := count.Bytes / max(1, count.Objects); size > DefaultGroupBytes {
			own += count.Objects * ((size+o.ShardBytes-1)/o.ShardBytes + 1) // slices, and what joins them
			continue
		} else if size > o.ShardBytes {
			own += count.Objects
			continue
		}
		rest.add(count)
	}
	others = max((rest.Objects+int64(o.ShardObjects)-1)/int64(o.ShardObjects), (rest.Bytes+o.ShardBytes-1)/o.ShardBytes)
	return own + others
}

// usage returns what the whole of a job uses if nothing is repeated.
func (t Tally) usage(o Options) usage {
	shards := float64(o.shards(t))
	total, _, _ := t.copySeconds(o)
	u := usage{
		egress:      t.ToCopy.Bytes,
		reads:       map[string]float64{},
		retrieved:   map[string]float64{},
		sourcePages: float64(t.pages(o)),
		lookups:     float64(t.Lookups),
		targetPages: float64(t.DestinationPages),
		// An object in parts takes a request to begin its upload and one to complete it.
		writes:      float64(t.ToCopy.Objects - t.Large.Objects + t.Parts + 2*t.Large.Objects),
		gbSeconds:   (total + t.listingSeconds(o)) * float64(o.MemoryMB) / 1024,
		invocations: shards + t.listings(o),
		transitions: transitions*(shards+t.listings(o)) + jobTransitions,
		fileWrites:  fileWrites*shards + 2*t.listings(o) + 10,
		fileReads:   fileReads*shards + 2*t.listings(o) + 10,
		logBytes:    logBytes * (shards + t.listings(o)),
	}
	for class, count := range t.Classes {
		u.reads[class] = t.classReads(class, 1, 1)
		u.retrieved[class] = float64(count.Bytes)
	}
	if len(t.Classes) == 0 {
		u.reads[standardClass] = float64(t.ToCopy.Objects - t.Large.Objects + t.Parts)
	}
	if o.Compare == CompareChecksum {
		u.heads = float64(t.ToCopy.Objects)
	}
	if o.KMS {
		u.keyOperations = u.writes
		if o.BucketKey {
			u.keyOperations *= keySavings
		}
	}
	return u
}

// items returns the price of a usage.
func (u usage) items(p Prices, aws RegionPrices, o Options) []CostItem {
	var items []CostItem
	add := func(cloud, name string, quantity float64, unit string, amount float64, origin Origin, assumed bool) {
		if quantity > 0 {
			items = append(items, CostItem{name, cloud, quantity, unit, amount, 0, origin.Source, origin.Believed || assumed})
		}
	}
	thousand := func(cloud, name string, requests, price float64, origin Origin, assumed bool) {
		add(cloud, name, requests, "requests", requests/1000*price, origin, assumed)
	}
	const google, amazon = "Google Cloud", "AWS"
	const gib = 1 << 30

	egress, origin := p.egress(aws.Geography, o.EgressUsed, u.egress), p.Google.Egress.Origin
	if o.EgressPerGiB > 0 {
		egress, origin = float64(u.egress)/gib*o.EgressPerGiB, Origin{Source: "your contract"}
	}
	add(google, "egress to the Internet", float64(u.egress)/gib, "GiB", egress, origin, false)
	class := func(name string) ClassPrices {
		if prices, there := p.Google.Operations.Classes[name]; there {
			return prices
		}
		return p.Google.Operations.Classes[standardClass]
	}
	for _, name := range slices.Sorted(maps.Keys(u.reads)) {
		thousand(google, "reads of "+strings.ToValidUTF8(name, "?")+" (class B)", u.reads[name], class(name).B, p.Google.Operations.Origin, false)
	}
	for _, name := range slices.Sorted(maps.Keys(u.retrieved)) {
		if price := p.Google.Retrieval.PerGiB[name]; price > 0 {
			add(google, "retrieval from "+name, u.retrieved[name]/gib, "GiB", u.retrieved[name]/gib*price, p.Google.Retrieval.Origin, false)
		}
	}
	list := class(standardClass).A
	if o.MultiRegion {
		list = class(standardClass).AMulti
	}
	thousand(google, "listing the source (class A)", u.sourcePages, list, p.Google.Operations.Origin, false)
	thousand(google, "looking for objects of the list (class B)", u.lookups, class(standardClass).B, p.Google.Operations.Origin, false)

	thousand(amazon, "writes to S3 (PUT, POST)", u.writes, aws.S3.Put, aws.S3.Origin, false)
	thousand(amazon, "checksums of the destination (HEAD)", u.heads, aws.S3.Get, aws.S3.Origin, false)
	thousand(amazon, "listing the destination (LIST)", u.targetPages, aws.S3.Put, aws.S3.Origin, false)
	second := aws.Lambda.ARM64
	if o.Architecture == "x86_64" {
		second = aws.Lambda.X8664
	}
	add(amazon, "Lambda, "+o.Architecture, u.gbSeconds, "GB-seconds", u.gbSeconds*second, aws.Lambda.Origin, true)
	add(amazon, "Lambda requests", u.invocations, "requests", u.invocations/1e6*aws.Lambda.Requests, aws.Lambda.Origin, false)
	states := u.transitions / 1000 * aws.StepFunctions.Transitions
	add(amazon, "Step Functions", u.transitions, "transitions", states, aws.StepFunctions.Origin, true)
	files := u.fileWrites/1000*aws.S3.Put + u.fileReads/1000*aws.S3.Get
	add(amazon, "files in the jobs bucket", u.fileWrites+u.fileReads, "requests", files, aws.S3.Origin, true)
	add(amazon, "CloudWatch Logs", u.logBytes/1e9, "GB", u.logBytes/1e9*aws.Logs.PerGB, aws.Logs.Origin, true)
	add(amazon, "requests to the key (KMS)", u.keyOperations, "requests", u.keyOperations/10_000*aws.KMS.Requests, aws.KMS.Origin, true)
	return items
}
