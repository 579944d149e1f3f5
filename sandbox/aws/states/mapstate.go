package states

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// distributed is a Map state in distributed mode; see "Using Map state in Distributed
// mode for large-scale parallel workloads in Step Functions".
type distributed struct {
	label      string // empty for one that is generated
	processor  *workflow
	definition string // of the processor
	items      *path
	selector   *template
	reader     *reader
	writer     *template // its parameters; nil returns the results

	concurrency     int
	concurrencyPath *path
	count           *int64
	countPath       *path
	percentage      *float64
	percentagePath  *path
}

// reader is an ItemReader of JSON Lines.
type reader struct {
	parameters   *template
	maxItems     int64 // 0 is no limit
	maxItemsPath *path
}

const (
	readResource  = "arn:aws:states:::s3:getObject"
	writeResource = "arn:aws:states:::s3:putObject"
	maxLabel      = 40
)

func (o object) mapState(s *state) *distributed {
	d := &distributed{label: o.text("Label"), items: o.path("ItemsPath"), selector: o.template("ItemSelector")}
	if o.has("Label") {
		o.checkLabel(d.label)
	}
	if !o.require("ItemProcessor") {
		return d
	}
	if p, ok := o.object("ItemProcessor"); ok {
		if p.fields["ProcessorConfig"] == nil {
			o.lack(api.Unmodelled("Map mode", "INLINE"))
			return d
		}
		d.definition = encode(o.fields["ItemProcessor"])
		p.processorConfig()
		delete(p.fields, "ProcessorConfig")
		p.allow("StartAt", "States", "Comment")
		d.processor = p.workflow()
	}
	o.exclude("MaxConcurrency", "MaxConcurrencyPath")
	if n, ok := o.whole("MaxConcurrency", 0, maxSeconds); ok {
		d.concurrency = int(n)
	}
	d.concurrencyPath = o.path("MaxConcurrencyPath")
	o.exclude("ToleratedFailureCount", "ToleratedFailureCountPath")
	if n, ok := o.whole("ToleratedFailureCount", 0, maxItems); ok {
		d.count = &n
	}
	d.countPath = o.path("ToleratedFailureCountPath")
	o.exclude("ToleratedFailurePercentage", "ToleratedFailurePercentagePath")
	if f, ok := o.number("ToleratedFailurePercentage"); ok {
		if d.percentage = &f; f < 0 || f > 100 {
			o.say(schemaFailed, o.at+"/ToleratedFailurePercentage", "ToleratedFailurePercentage must be between 0 and 100.")
		}
	}
	d.percentagePath = o.path("ToleratedFailurePercentagePath")
	if r, ok := o.object("ItemReader"); ok {
		o.exclude("ItemReader", "ItemsPath")
		d.reader = r.itemReader()
	}
	if w, ok := o.object("ResultWriter"); ok {
		w.writerConfig()
		w.allow("Resource", "Parameters", "WriterConfig")
		w.s3(writeResource, "Bucket", "Prefix")
		d.writer = w.template("Parameters")
	}
	return d
}

// writerConfig accepts what a writer does without one.
func (o object) writerConfig() {
	c, ok := o.object("WriterConfig")
	if !ok {
		return
	}
	c.allow("Transformation", "OutputType")
	for name, only := range map[string]string{"Transformation": "NONE", "OutputType": "JSON"} {
		if got := c.text(name); got != "" && got != only {
			c.lack(api.Unmodelled(name, got))
		}
	}
}

// checkLabel holds a label to its rules; see "Label" in "Using Map state in Distributed
// mode".
func (o object) checkLabel(label string) {
	at := o.at + "/Label"
	switch {
	case label == "":
		o.say(schemaFailed, at, "Label cannot be empty")
	case len([]rune(label)) > maxLabel:
		o.say(schemaFailed, at, "Label cannot exceed %d characters", maxLabel)
	case forbidden.MatchString(label):
		o.say(schemaFailed, at, "Label contains invalid character: '%s'", forbidden.FindString(label))
	case o.labels[label]:
		o.say(schemaFailed, at, "Label must be unique within a state machine definition: %s", label)
	}
	o.labels[label] = true
}

func (o object) processorConfig() {
	c, ok := o.object("ProcessorConfig")
	if !ok {
		return
	}
	c.allow("Mode", "ExecutionType")
	switch mode := c.text("Mode"); mode {
	case "DISTRIBUTED":
	case "INLINE", "":
		c.lack(api.Unmodelled("Map mode", "INLINE"))
		return
	default:
		c.say(schemaFailed, c.at+"/Mode", "Value is not one of: [INLINE, DISTRIBUTED]")
	}
	switch kind := c.text("ExecutionType"); kind {
	case "STANDARD":
	case "EXPRESS":
		c.lack(api.Unmodelled("ExecutionType", kind))
	default:
		c.say(schemaFailed, c.at+"/ExecutionType", "Value is not one of: [STANDARD, EXPRESS]")
	}
}

func (o object) itemReader() *reader {
	o.allow("Resource", "ReaderConfig", "Parameters")
	o.s3(readResource, "Bucket", "Key")
	r := &reader{parameters: o.template("Parameters")}
	c, ok := o.object("ReaderConfig")
	if !ok {
		o.require("ReaderConfig")
		return r
	}
	c.lacks("CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "ManifestType", "Transformation", "ItemsPointer")
	c.allow("InputType", "MaxItems", "MaxItemsPath")
	switch kind := c.text("InputType"); {
	case kind == "JSONL":
	case slices.Contains([]string{"CSV", "JSON", "MANIFEST", "PARQUET"}, kind):
		c.lack(api.Unmodelled("InputType", kind))
	default:
		c.say(schemaFailed, c.at+"/InputType", "Value is not one of: [CSV, JSON, JSONL, PARQUET, MANIFEST]")
	}
	c.exclude("MaxItems", "MaxItemsPath")
	r.maxItems, _ = c.whole("MaxItems", 0, maxItems)
	r.maxItemsPath = c.path("MaxItemsPath")
	return r
}

// s3 checks the resource and the parameters of a reader or writer. The first parameter
// is required.
func (o object) s3(resource string, names ...string) {
	if !o.require("Resource", "Parameters") {
		return
	}
	if got := o.text("Resource"); got != resource {
		o.lack(api.Unmodelled("resource", got))
		return
	}
	in, ok := o.object("Parameters")
	if !ok {
		return
	}
	for _, name := range sorted(in.fields) {
		if short := strings.TrimSuffix(name, ".$"); !slices.Contains(names, short) {
			in.lack(api.Unmodelled("parameter", short))
		}
	}
	if !in.has(names[0]) && !in.has(names[0]+".$") {
		in.say(schemaFailed, in.at, "The field \"%s\" is required but was missing", names[0])
	}
}

// limits are what a Map Run may do, as UpdateMapRun changes it.
type limits struct {
	concurrency int // 0 is maxChildren
	count       int64
	percentage  float64
	byCount     bool // the count is what was asked for
	byPercent   bool
}

// most reads MaxConcurrency, as it is or by its path.
func (d *distributed) most(e environment) (int, error) {
	if d.concurrencyPath == nil {
		return d.concurrency, nil
	}
	n, err := wholeAt(e, d.concurrencyPath, "MaxConcurrencyPath")
	if err == nil && n < 0 {
		err = runtimeError("MaxConcurrency cannot be negative.") // believed
	}
	return int(n), err
}

// tolerance reads how much may fail, as it is or by its paths.
func (d *distributed) tolerance(e environment) (l limits, err error) {
	if d.count != nil {
		l.count, l.byCount = *d.count, true
	}
	if p := d.countPath; p != nil {
		if l.count, err = wholeAt(e, p, "ToleratedFailureCountPath"); err != nil {
			return l, err
		}
		if l.byCount = true; l.count < 0 {
			return l, runtimeError("ToleratedFailureCount cannot be negative.")
		}
	}
	if d.percentage != nil {
		l.percentage, l.byPercent = *d.percentage, true
	}
	if p := d.percentagePath; p != nil {
		got, ok := e.find(*p)
		if !ok {
			return l, invalidPath(p)
		}
		n, err := parseFloat(got)
		if err != nil {
			return l, runtimeError("The ToleratedFailurePercentagePath field refers to value \"%s\" which is not a valid float: %s",
				inserted(got), p.text)
		}
		if l.percentage, l.byPercent = n, true; n < 0 || n > 100 {
			return l, runtimeError("ToleratedFailurePercentage must be between 0 and 100.")
		}
	}
	return l, nil
}

// wholeAt reads a whole number at a path.
func wholeAt(e environment, p *path, field string) (int64, error) {
	got, ok := e.find(*p)
	if !ok {
		return 0, invalidPath(p)
	}
	n, ok := integer(got)
	if !ok {
		return 0, runtimeError("The %s field refers to value \"%s\" which is not a valid integer: %s", field, inserted(got), p.text)
	}
	return n, nil
}

// exceeded reports whether more items failed than is tolerated: none, unless a count
// or a percentage is given; of both, the first that is exceeded decides.
func (l limits) exceeded(failed, total int64) bool {
	if !l.byCount && !l.byPercent {
		return failed > 0
	}
	return l.byCount && failed > l.count || l.byPercent && float64(failed)*100 > l.percentage*float64(total)
}

var errThreshold = &failure{name: "States.ExceedToleratedFailureThreshold", cause: "The specified tolerated failure threshold was exceeded"}

// generateLabel makes the label of a Map state that has none.
func (s *Server) generateLabel() string { return fmt.Sprintf("%x", s.Bytes(16)) }
