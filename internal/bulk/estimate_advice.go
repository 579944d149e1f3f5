package bulk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Advice is a way to make a job cheaper or faster.
type Advice struct {
	Title   string  `json:"title"`
	Text    string  `json:"text"`
	Saves   float64 `json:"saves"`   // US dollars, at most
	Seconds float64 `json:"seconds"` // that it saves
	Source  string  `json:"source,omitempty"`
}

const (
	// packed is the size of archives that small objects are packed into.
	packed = 64 << 20
	// smallObject is the size in bytes below which packing is advised. At the list prices a
	// copy's two requests cost as much as the egress of 47 KiB.
	smallObject = 256 << 10
	// worthSaying is the saving in US dollars from which advice is given.
	worthSaying = 1
	// interconnectHours is how long a connection is paid for at least: it takes days to set
	// up and to try, so a month.
	interconnectHours = 30 * 24
	// interconnectRate is the rate of the connections, in bytes a second: two of 10 Gbps.
	interconnectRate = 2 * 10e9 / 8
)

// advise fills in the advice.
func (c *Cost) advise(p Prices, aws RegionPrices, t Tally, u usage, o Options) {
	say := func(a Advice) {
		if a.Saves >= worthSaying || a.Seconds > 0 {
			c.Advice = append(c.Advice, a)
		}
	}
	amount := func(parts ...string) (sum float64) {
		for _, item := range c.Items {
			if slices.ContainsFunc(parts, func(part string) bool { return strings.HasPrefix(item.Name, part) }) {
				sum += item.Estimated
			}
		}
		return sum
	}
	egress, gib := amount("egress"), float64(u.egress)/(1<<30)

	leaving := "Google waives the egress of customers who stop using Google Cloud and move all data away. It must be asked for and " +
		"approved before, and the move takes 60 days at most."
	if strings.HasPrefix(o.Region, "eu-") {
		leaving += " In the EU and the UK, Data Transfer Essentials also waives it for workloads that run in several clouds in parallel."
	}
	say(Advice{Title: "Ask Google to waive the egress", Text: leaving, Saves: egress, Source: "Google Cloud Blog, Cloud switching just " +
		"got easier: Removing data transfer fees when moving off Google Cloud"})

	hours := max(interconnectHours, float64(u.egress)/interconnectRate/3600)
	connected := gib*p.Google.Interconnect.PerGiB[aws.Geography] + hours*p.Google.Interconnect.PerHour
	say(Advice{
		Title: "Connect the clouds privately",
		Text: fmt.Sprintf(
			"Over Cross-Cloud Interconnect egress costs $%.3f a GiB, and two connections of 10 Gbps $%.2f an hour, reckoned for %.0f hours. "+
				"AWS's side of the connection, and a VPC that leads the function's traffic to it, come on top; gcs-to-s3 sets up neither.",
			p.Google.Interconnect.PerGiB[aws.Geography], p.Google.Interconnect.PerHour, hours,
		),
		Saves: egress - connected, Source: p.Google.Interconnect.Source,
	})
	if o.EgressPerGiB == 0 {
		say(Advice{
			Title: "Negotiate the price of egress",
			Text:  fmt.Sprintf("Each cent less a GiB saves $%.2f. Large customers do not pay the list price.", gib/100),
			Saves: gib / 100,
		})
	}

	var small Count
	for _, count := range t.sizes() {
		if count.Objects > 0 && count.Bytes/count.Objects < smallObject {
			small.add(count)
		}
	}
	archives := float64(small.Bytes)/packed + 1
	if fewer := float64(small.Objects) - archives; fewer > 0 {
		writes, reads := amount("writes to S3", "requests to the key")/u.writes, 0.0
		for _, n := range u.reads {
			reads += n
		}
		idle := float64(small.Objects)*objectSeconds/float64(o.Objects) - float64(small.Bytes)/functionRate
		say(Advice{
			Title: "Pack small objects",
			Text: fmt.Sprintf(
				"%d objects have less than %d KiB. Packed into archives of %d MiB on Google's side first, they would be %.0f. Whoever reads them "+
					"must unpack them, and packing reads each of them once.",
				small.Objects, smallObject>>10, packed>>20, archives,
			),
			Saves: fewer*(writes+amount("reads of")/reads+amount("checksums")/float64(t.ToCopy.Objects)) +
				amount("Lambda,")*share(idle*float64(o.MemoryMB)/1024, u.gbSeconds),
		})
	}
	if o.KMS && !o.BucketKey {
		say(Advice{
			Title: "Turn on the S3 Bucket Key of the destination",
			Text:  "Without it S3 asks KMS for every object and every part; with it, up to 99 % less often.",
			Saves: amount("requests to the key") * (1 - keySavings), Source: "Amazon S3 User Guide, Reducing the cost of SSE-KMS with Amazon S3 " +
				"Bucket Keys",
		})
	}
	if o.Architecture == "x86_64" && aws.Lambda.X8664 > 0 {
		say(Advice{
			Title: "Use arm64", Text: "The function is the same; the setting is architecture.",
			Saves: amount("Lambda,") * (1 - aws.Lambda.ARM64/aws.Lambda.X8664), Source: aws.Lambda.Source,
		})
	}
	slices.SortStableFunc(c.Advice, func(a, b Advice) int { return cmp.Compare(b.Saves, a.Saves) })
	c.hasten(t, u, o)
}

// hasten adds what would make the job faster: what raises the bound that it waits for.
func (c *Cost) hasten(t Tally, u usage, o Options) {
	if len(c.Bounds) == 0 || c.Seconds < 10*60 {
		return
	}
	better, advice := o, Advice{Source: c.Bounds[0].Source}
	switch c.Bounds[0].Name {
	case "S3 writes":
		better.Partitions *= 8
		advice.Title = "Spread the keys, or ask AWS to split the destination's key space before"
		advice.Text = "S3 takes 3,500 writes a second for each partition of the key space, and splits partitions only under load. AWS " +
			"Support divides it in advance if told the prefixes and the rates. Names that begin with a date or a counter are the worst: only " +
			"their end is written. The saving is with 8 times as many partitions at the start."
	case "Cloud Storage reads":
		advice.Title = "Let the source warm up"
		advice.Text = "A bucket of Cloud Storage takes about 5,000 reads a second at first, and twice as many every 20 minutes. More " +
			"functions do not help in the first hour; start with fewer, so that they do not wait at your expense."
	case "requests of the functions":
		better.Concurrency *= 2
		advice.Title = "Raise the concurrency"
		advice.Text = "Reserve more concurrent executions for the function; the account's default is 1,000 for all functions together. The " +
			"saving is with twice as many."
	case "network of the functions":
		better.Concurrency *= 2
		advice.Title = "Raise the concurrency, or lower the limit of bytes of a shard"
		advice.Text = "Each invocation has a network of its own. The saving is with twice as many at a time and shards of half the size."
		better.ShardBytes, better.Shards = max(1, o.ShardBytes/2), 0
	case "starts of shards":
		advice.Title = "Ask AWS for more state transitions a second"
		advice.Text = "Step Functions starts a shard with two transitions. The quota is 5,000 a second in three regions and 800 elsewhere, " +
			"and can be raised."
	case "largest object":
		advice.Title = "Give the largest objects a job of their own"
		advice.Text = "One invocation copies an object of this size, so the largest one decides how long the job takes, and more at a time " +
			"do not help. With a job of their own, the report on everything else is ready sooner."
	default:
		return
	}
	faster := Cost{}
	faster.time(t, u, better)
	advice.Seconds = max(0, c.Seconds-faster.Seconds)
	c.Advice = append(c.Advice, advice)
}
