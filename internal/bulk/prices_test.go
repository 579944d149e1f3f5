package bulk

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestTheListPricesAreWhole(t *testing.T) {
	t.Parallel()
	p := ListPrices()
	for _, region := range []string{"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"} {
		if _, known := p.region(region); !known {
			t.Errorf("there are no prices of %s", region)
		}
	}
	for _, class := range []string{"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "REGIONAL", "MULTI_REGIONAL", "DURABLE_REDUCED_AVAILABILITY"} {
		if _, there := p.Google.Operations.Classes[class]; !there {
			t.Errorf("there are no prices of %s", class)
		}
	}
	for region, want := range map[string]string{
		"us-east-1": "worldwide", "sa-east-1": "worldwide", "ap-northeast-1": "asia", "ap-south-1": "asia",
		"ap-southeast-1": "asia", "ap-southeast-2": "australia", "ap-southeast-4": "australia",
	} {
		if prices, _ := p.region(region); prices.Geography != want {
			t.Errorf("%s is %s for Google, want %s", region, prices.Geography, want)
		}
	}
	// The fallback is marked in copies, not in the table.
	if p.AWS[fallbackRegion].S3.Believed {
		t.Errorf("the prices of %s have been marked", fallbackRegion)
	}
}

// TestTablesWithMistakesAreRejected changes the list prices in one place, and wants the
// field, the value, the rule and a hint in the error.
func TestTablesWithMistakesAreRejected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, new, want string }{
		{"not JSON", `{`, `[`, "prices: must be JSON: "},
		{"another type", `"google": {`, `"google": 5, "unused": {`, "google: 5: must be an object"},
		{"more after it", "", "", ""},
		{"unknown at the top", `"currency": "USD"`, `"currency": "USD", "vat": 19`, "vat: there is no such field; hint: fields here are currency, date, google, aws"},
		{"unknown below", `"putPer1000": 0.0054`, `"putPer1000": 0.0054, "put": 1`, "aws.eu-central-1.s3.put: there is no such field; hint: fields here are source, believed, putPer1000, getPer1000"},
		{"missing", `"perGB": 0.63`, `"believed": true`, "aws.eu-central-1.logs.perGB: must be set; hint: a price that you do not pay is 0"},
		{"missing source", `"source": "Cloud Storage pricing, Retrieval fees",`, ``, "google.retrieval.source: must be set"},
		{"empty source", `"Cloud Storage pricing, Retrieval fees"`, `""`, `google.retrieval.source: "": must be a text that is not empty`},
		{"negative", `0.0047`, `-0.0047`, "aws.ap-northeast-1.s3.putPer1000: -0.0047: must be a number that is not negative; hint: "},
		{"too large", `0.0047`, `1e999`, "aws.ap-northeast-1.s3.putPer1000: 1e999: must be a number that is not negative"},
		{"text for a number", `0.0047`, `"0.0047 USD"`, `aws.ap-northeast-1.s3.putPer1000: "0.0047 USD": must be a number; hint: without quotes and currency`},
		{"null", `0.0047`, `null`, "aws.ap-northeast-1.s3.putPer1000: null: must be a number"},
		{"text for true", `"believed": true`, `"believed": "yes"`, `must be true or false`},
		{"currency", `"USD"`, `"EUR"`, `currency: "EUR": must be "USD"; hint: both clouds' list prices are in US dollars; convert yours`},
		{"date", `"2026-11-27"`, `"27.11.2026"`, `date: "27.11.2026": must be a day; hint: such as 2026-11-27`},
		{"no tiers", `"australia": [{"upToTiB": 10, "perGiB": 0.19}, {"upToTiB": 150, "perGiB": 0.18}, {"perGiB": 0.15}]`, `"australia": []`, "google.egress.destinations.australia: []: must be a list of at least one"},
		{"tiers in disorder", `{"upToTiB": 10, "perGiB": 0.19}, {"upToTiB": 150`, `{"upToTiB": 10, "perGiB": 0.19}, {"upToTiB": 5`, "google.egress.destinations.australia[1].upToTiB: 5: must be more than 10, where the tier before it ends"},
		{"a last tier with an end", `{"perGiB": 0.15}`, `{"upToTiB": 500, "perGiB": 0.15}`, "google.egress.destinations.australia[2].upToTiB: 500: the last tier must have none"},
		{"no worldwide", `"worldwide": [`, `"moon": [`, "google.egress.destinations.worldwide: must be set"},
		{"no STANDARD", `"STANDARD": {"classA`, `"PLAIN": {"classA`, "google.operations.classes.STANDARD: must be set"},
		{"no us-east-1", `"us-east-1": {`, `"us-east-9": {`, "aws.us-east-1: must be set; hint: its prices stand in for those of other regions"},
		{"no such geography", `"geography": "asia"`, `"geography": "mars"`, `aws.ap-northeast-1.geography: "mars": must be a destination of google.egress; hint: asia, australia, worldwide`},
		{"a destination without a connection", `"perGiB": {"worldwide": 0.02, "asia": 0.042, "australia": 0.042}`, `"perGiB": {"worldwide": 0.02, "asia": 0.042}`, "google.interconnect.perGiB.australia: must be set"},
		{"an empty map", `"aws": {`, `"aws": {}, "old": {`, "aws: {}: must not be empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := string(listPrices)
			if tt.old == "" {
				text, tt.want = text+"{}", "prices: there is more after the table"
			} else if changed := strings.Replace(text, tt.old, tt.new, 1); changed == text {
				t.Fatalf("the list prices do not have %s", tt.old)
			} else {
				text = changed
			}
			_, err := ParsePrices([]byte(text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := ParsePrices(nil); err == nil {
		t.Error("an empty file was accepted")
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("0.0047", "-1", `"perGB": 0.63`, `"perGb": 0.63`).Replace(string(listPrices))
	_, err := ParsePrices([]byte(text))
	for _, want := range []string{"aws.ap-northeast-1.s3.putPer1000", "aws.eu-central-1.logs.perGB", "aws.eu-central-1.logs.perGb"} {
		if err == nil || !strings.Contains(err.Error(), want+": ") {
			t.Errorf("got %v, want a mistake in %s", err, want)
		}
	}
}

// TestPricesCanBeReplaced adds a region with prices of its own.
func TestPricesCanBeReplaced(t *testing.T) {
	t.Parallel()
	text := strings.Replace(string(listPrices), `"us-west-2": {`, `"sa-east-1": {`, 1)
	p, err := ParsePrices([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, known := p.region("sa-east-1"); !known {
		t.Errorf("regions are %v", slices.Sorted(maps.Keys(p.AWS)))
	}
	if c := Estimate(p, tallyOf(1000, 1000, "STANDARD"), Options{Region: "sa-east-1"}); len(c.Warnings) != 0 || c.Region != "sa-east-1" {
		t.Errorf("prices of %s, warnings %q", c.Region, c.Warnings)
	}
}
