package bulk

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Prices is a table of list prices. Free usage, taxes and discounts are not in it.
type Prices struct {
	Currency string                  `json:"currency"` // always USD
	Date     string                  `json:"date"`     // when the table was made: 2006-01-02
	Google   GooglePrices            `json:"google"`
	AWS      map[string]RegionPrices `json:"aws"` // by region; there is one for fallbackRegion
}

// Origin is where prices come from.
type Origin struct {
	Source   string `json:"source"`             // the page, by its title
	Believed bool   `json:"believed,omitempty"` // not all of them were seen there
}

// GooglePrices are the prices of Google Cloud.
type GooglePrices struct {
	Egress       EgressPrices       `json:"egress"`
	Operations   OperationPrices    `json:"operations"`
	Retrieval    RetrievalPrices    `json:"retrieval"`
	Interconnect InterconnectPrices `json:"interconnect"`
}

// EgressPrices are the prices of data that leaves for the Internet, in a month, by the part
// of the world that it goes to.
type EgressPrices struct {
	Origin
	Destinations map[string][]Tier `json:"destinations"`
}

// Tier is the price of a range of a month's bytes: from the end of the tier before it up to
// UpTo. The last tier has no end, which is zero.
type Tier struct {
	UpTo   float64 `json:"upToTiB,omitempty"`
	PerGiB float64 `json:"perGiB"`
}

// OperationPrices are the prices of Cloud Storage's operations by storage class.
type OperationPrices struct {
	Origin
	Classes map[string]ClassPrices `json:"classes"`
}

// ClassPrices are the prices of operations on objects of a storage class. For a listing it
// is the class that new objects of the bucket get.
type ClassPrices struct {
	A      float64 `json:"classAPer1000"`
	AMulti float64 `json:"classAMultiRegionPer1000"` // in dual-regions and multi-regions
	B      float64 `json:"classBPer1000"`
}

// RetrievalPrices are the prices of reading bytes of cold storage classes.
type RetrievalPrices struct {
	Origin
	PerGiB map[string]float64 `json:"perGiB"`
}

// InterconnectPrices are the prices of a private connection between the clouds.
type InterconnectPrices struct {
	Origin
	PerGiB  map[string]float64 `json:"perGiB"` // by the part of the world
	PerHour float64            `json:"perHour"`
}

// RegionPrices are the prices of a region of AWS.
type RegionPrices struct {
	Geography     string       `json:"geography"` // a destination of Google's egress
	S3            S3Prices     `json:"s3"`
	Lambda        LambdaPrices `json:"lambda"`
	StepFunctions StatesPrices `json:"stepFunctions"`
	Logs          LogPrices    `json:"logs"`
	KMS           KeyPrices    `json:"kms"`
}

// S3Prices are the prices of requests to S3 Standard.
type S3Prices struct {
	Origin
	Put float64 `json:"putPer1000"` // PUT, COPY, POST and LIST
	Get float64 `json:"getPer1000"` // GET, HEAD and all others
}

// LambdaPrices are the prices of AWS Lambda.
type LambdaPrices struct {
	Origin
	ARM64    float64 `json:"arm64PerGBSecond"`
	X8664    float64 `json:"x86_64PerGBSecond"`
	Requests float64 `json:"requestsPerMillion"`
}

// StatesPrices is the price of standard workflows of AWS Step Functions.
type StatesPrices struct {
	Origin
	Transitions float64 `json:"transitionsPer1000"`
}

// LogPrices is the price of writing to CloudWatch Logs.
type LogPrices struct {
	Origin
	PerGB float64 `json:"perGB"`
}

// KeyPrices is the price of requests to AWS KMS.
type KeyPrices struct {
	Origin
	Requests float64 `json:"requestsPer10000"`
}

//go:embed prices.json
var listPrices []byte

// ListPrices returns the prices that the program comes with.
func ListPrices() Prices {
	p, err := ParsePrices(listPrices)
	if err != nil {
		panic(err) // a test parses the same bytes
	}
	return p
}

// fallbackRegion has the prices that stand in for those of a region that the table lacks.
const fallbackRegion = "us-east-1"

// worldwide is the destination of egress for all regions without one of their own.
const worldwide = "worldwide"

// region returns the prices of a region of AWS; known reports whether they are its own.
func (p Prices) region(name string) (prices RegionPrices, known bool) {
	if prices, known = p.AWS[name]; known {
		return prices, true
	}
	prices = p.AWS[fallbackRegion]
	prices.Geography = worldwide
	for _, place := range []struct{ start, geography string }{
		{"ap-", "asia"}, {"ap-southeast-2", "australia"}, {"ap-southeast-4", "australia"},
	} {
		if strings.HasPrefix(name, place.start) && p.Google.Egress.Destinations[place.geography] != nil {
			prices.Geography = place.geography
		}
	}
	for _, o := range []*Origin{
		&prices.S3.Origin, &prices.Lambda.Origin, &prices.StepFunctions.Origin, &prices.Logs.Origin, &prices.KMS.Origin,
	} {
		o.Source, o.Believed = fmt.Sprintf("%s, in %s", o.Source, fallbackRegion), true
	}
	return prices, false
}

// ParsePrices parses a table of prices in JSON. Its error names every mistake: fields that
// are missing, unknown or of another type, values that cannot be, another currency.
func ParsePrices(data []byte) (Prices, error) {
	var raw any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&raw); err != nil {
		return Prices{}, fmt.Errorf("prices: must be JSON: %w; hint: start from internal/bulk/prices.json of the sources", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Prices{}, errors.New("prices: there is more after the table; hint: the file has one object of JSON")
	}
	if errs := checkShape(reflect.TypeFor[Prices](), raw, ""); len(errs) > 0 {
		return Prices{}, errors.Join(errs...)
	}
	var p Prices
	if err := json.Unmarshal(data, &p); err != nil {
		return Prices{}, fmt.Errorf("prices: %w", err)
	}
	if err := p.check(); err != nil {
		return Prices{}, err
	}
	return p, nil
}

// checkShape compares a value of JSON with the type that it is parsed into. Every field that
// is not omitempty must be there, and no other; numbers must not be negative.
func checkShape(t reflect.Type, value any, path string) (errs []error) {
	at := strings.TrimPrefix(path, ".")
	wrong := func(rule string) []error {
		text, err := json.Marshal(value)
		if err != nil {
			text = []byte(fmt.Sprint(value))
		}
		if len(text) > 80 {
			text = append(text[:80:80], "…"...)
		}
		return []error{fmt.Errorf("%s: %s: %s", at, text, rule)}
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return wrong("must be an object")
		}
		if t.Kind() == reflect.Map {
			if len(object) == 0 {
				return wrong("must not be empty")
			}
			for _, key := range slices.Sorted(maps.Keys(object)) {
				errs = append(errs, checkShape(t.Elem(), object[key], path+"."+key)...)
			}
			return errs
		}
		known := map[string]bool{}
		var names []string
		for _, f := range reflect.VisibleFields(t) {
			if f.Anonymous {
				continue
			}
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			known[name] = true
			names = append(names, name)
			inner, there := object[name]
			switch {
			case there:
				errs = append(errs, checkShape(f.Type, inner, path+"."+name)...)
			case options == "":
				errs = append(errs, fmt.Errorf("%s: must be set; hint: a price that you do not pay is 0", strings.TrimPrefix(path+"."+name, ".")))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			if !known[name] {
				errs = append(errs, fmt.Errorf(
					"%s: there is no such field; hint: fields here are %s", strings.TrimPrefix(path+"."+name, "."), strings.Join(names, ", "),
				))
			}
		}
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return wrong("must be a list of at least one")
		}
		for i, inner := range list {
			errs = append(errs, checkShape(t.Elem(), inner, fmt.Sprintf("%s[%d]", path, i))...)
		}
	case reflect.Float64:
		number, ok := value.(json.Number)
		if !ok {
			return wrong("must be a number; hint: without quotes and currency")
		}
		if f, err := number.Float64(); err != nil || f < 0 || math.IsInf(f, 0) {
			return wrong("must be a number that is not negative; hint: a price that you do not pay is 0")
		}
	case reflect.String:
		if text, ok := value.(string); !ok || text == "" {
			return wrong("must be a text that is not empty")
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			return wrong("must be true or false")
		}
	}
	return errs
}

// check rejects a table whose values do not go together.
func (p Prices) check() error {
	var errs []error
	if p.Currency != "USD" {
		errs = append(errs, fmt.Errorf(
			"currency: %q: must be \"USD\"; hint: both clouds' list prices are in US dollars; convert yours", p.Currency,
		))
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		errs = append(errs, fmt.Errorf("date: %q: must be a day; hint: such as 2026-11-27", p.Date))
	}
	for _, destination := range slices.Sorted(maps.Keys(p.Google.Egress.Destinations)) {
		at, last := "google.egress.destinations."+destination, 0.0
		for i, tier := range p.Google.Egress.Destinations[destination] {
			if final := i == len(p.Google.Egress.Destinations[destination])-1; final && tier.UpTo != 0 {
				errs = append(errs, fmt.Errorf(
					"%s[%d].upToTiB: %v: the last tier must have none; hint: it holds for everything above the others", at, i, tier.UpTo,
				))
			} else if !final && tier.UpTo <= last {
				errs = append(errs, fmt.Errorf(
					"%s[%d].upToTiB: %v: must be more than %v, where the tier before it ends; hint: order the tiers", at, i, tier.UpTo, last,
				))
			}
			last = tier.UpTo
		}
		if _, there := p.Google.Interconnect.PerGiB[destination]; !there {
			errs = append(errs, fmt.Errorf("google.interconnect.perGiB.%s: must be set; hint: it is a destination of google.egress", destination))
		}
	}
	needed := func(there bool, field, hint string) {
		if !there {
			errs = append(errs, fmt.Errorf("%s: must be set; hint: %s", field, hint))
		}
	}
	_, there := p.Google.Egress.Destinations[worldwide]
	needed(there, "google.egress.destinations."+worldwide, "it holds for all regions without a destination of their own")
	_, there = p.Google.Operations.Classes[standardClass]
	needed(there, "google.operations.classes."+standardClass, "it holds for all classes without prices of their own")
	_, there = p.AWS[fallbackRegion]
	needed(there, "aws."+fallbackRegion, "its prices stand in for those of other regions")
	for _, name := range slices.Sorted(maps.Keys(p.AWS)) {
		if g := p.AWS[name].Geography; p.Google.Egress.Destinations[g] == nil {
			errs = append(errs, fmt.Errorf(
				"aws.%s.geography: %q: must be a destination of google.egress; hint: %s",
				name, g, strings.Join(slices.Sorted(maps.Keys(p.Google.Egress.Destinations)), ", "),
			))
		}
	}
	return errors.Join(errs...)
}

// standardClass is the storage class whose prices hold for classes that the table lacks.
const standardClass = "STANDARD"

// egress returns the price of bytes that leave Google, in a month in which as many as used
// have left already.
func (p Prices) egress(destination string, used, bytes int64) float64 {
	amount, from, to := 0.0, float64(used), float64(used)+float64(bytes)
	start := 0.0
	for _, tier := range p.Google.Egress.Destinations[destination] {
		end := tier.UpTo * (1 << 40)
		if end == 0 {
			end = math.Inf(1)
		}
		if part := min(to, end) - max(from, start); part > 0 {
			amount += part / (1 << 30) * tier.PerGiB
		}
		start = end
	}
	return amount
}
