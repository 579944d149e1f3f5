package events

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
)

var update = flag.Bool("update", false, "write the table of costs of docs/events.md")

const (
	costsPage  = "../../docs/events.md"
	costsBegin = "<!-- costs: go test ./internal/events -run TestCosts -update -->\n"
	costsEnd   = "<!-- end of costs -->\n"
)

// What a month is reckoned with. The prices are those of bulk jobs and, of Pub/Sub, its page
// "Pub/Sub pricing": throughput of publishing and of pulling, beyond 10 GiB a month.
const (
	minutes      = 30 * 24 * 60
	pubsubPerTiB = 40.0
	pubsubFree   = 10.0 / 1024 // TiB
	messageKiB   = 2.0         // assumed: payload and attributes
	memoryGB     = 0.5
	drainSeconds = 0.4  // assumed: of an invocation, before its first copy
	eventSeconds = 0.01 // assumed: 150 ms of waiting, 16 at a time
	drainLogKB   = 1.5  // lines of Lambda and of the drain
	sourceReads  = 2    // the object, and whether it is still the live one
)

// monthly returns the price of a month with so many events a minute, item by item.
func monthly(events float64, continuous bool) (lambda, logs, pubsub, requests float64) {
	p := bulk.ListPrices()
	region, class := p.AWS["us-east-1"], p.Google.Operations.Classes["STANDARD"]
	all, drains, seconds := events*minutes, float64(minutes), 0.0
	if continuous {
		drains, seconds = minutes/15, minutes*60
	} else {
		seconds = drains*drainSeconds + all*eventSeconds
	}
	lambda = seconds*memoryGB*region.Lambda.ARM64 + drains*region.Lambda.Requests/1e6
	logs = drains * drainLogKB / 1e6 * region.Logs.PerGB
	pubsub = max(0, 2*all*messageKiB/(1<<30)-pubsubFree) * pubsubPerTiB
	requests = all/1000*(region.S3.Put+region.S3.Get) + all/1000*sourceReads*class.B
	return lambda, logs, pubsub, requests
}

// TestCosts holds the page's table to what it is reckoned from.
func TestCosts(t *testing.T) {
	var b strings.Builder
	b.WriteString("| new objects | `eventsEvery` | Lambda | logs | Pub/Sub | requests to both buckets | a month |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, row := range []struct {
		what       string
		events     float64
		continuous bool
	}{
		{"none", 0, false}, {"none", 0, true},
		{"1 a minute, 43,200 a month", 1, false}, {"1 a minute", 1, true},
		{"1,000 a minute, 43.2 million a month", 1000, false}, {"1,000 a minute", 1000, true},
		{"1 million a month, 23 a minute", 1e6 / minutes, false}, {"1 million a month", 1e6 / minutes, true},
		{"1 million a minute", 1e6, false},
	} {
		every := "`rate(1 minute)`"
		if row.continuous {
			every = "`continuous`"
		}
		lambda, logs, pubsub, requests := monthly(row.events, row.continuous)
		fmt.Fprintf(&b, "| %s | %s | $%.2f | $%.2f | $%.2f | $%.2f | **$%.2f** |\n", row.what, every, lambda, logs, pubsub, requests, lambda+logs+pubsub+requests)
	}
	data, err := os.ReadFile(costsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(data), costsBegin)
	got, after, ended := strings.Cut(rest, costsEnd)
	if !begun || !ended {
		t.Fatalf("%s has no markers %q and %q", costsPage, costsBegin, costsEnd)
	}
	if *update {
		if err := os.WriteFile(costsPage, []byte(before+costsBegin+b.String()+costsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), got); diff != "" {
		t.Errorf("the table of costs (-want +got); hint: go test ./internal/events -run TestCosts -update\n%s", diff)
	}
}
