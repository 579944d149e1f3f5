package states_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// What a role needs for a Map Run; see "IAM policies for using Distributed Map states"
// (AWS Step Functions Developer Guide).
var (
	starts   = allow(`"states:StartExecution"`, machine)
	redrives = allow(`"states:RedriveExecution"`, "arn:aws:states"+place+"execution:m/items:*")
	reads    = allow(`"s3:GetObject"`, "arn:aws:s3:::jobs/index.jsonl")
	writes   = allow(`["s3:PutObject","s3:GetObject","s3:ListMultipartUploadParts","s3:AbortMultipartUpload"]`,
		"arn:aws:s3:::jobs/results/*")
	mapping = strings.Join([]string{starts, redrives, reads, writes, invoker}, ",")
)

// mapState is a Map whose children run the states that begin at C.
func mapState(children, more string) string {
	return `{"Type":"Map","Label":"items","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C","States":{` + children + `}}` + more + `}`
}

const (
	fromS3  = `,"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket.$":"$.bucket","Key.$":"$.key"}}`
	toS3    = `,"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket.$":"$.bucket","Prefix":"results"}}`
	jobs    = `{"bucket":"jobs","key":"index.jsonl"}`
	passing = `"C":{"Type":"Pass","End":true}`
	// failing fails for the items whose fail is true.
	failing = `"C":{"Type":"Choice","Choices":[{"Variable":"$.fail","BooleanEquals":true,"Next":"F"}],"Default":"P"},"F":{"Type":"Fail","Error":"Bad","Cause":"as asked"},"P":{"Type":"Pass","End":true}`
	waiting = `"C":{"Type":"Wait","Seconds":600,"End":true}`
)

// put puts an object into the bucket jobs, which it makes first.
func (c *cloud) put(key, body string) {
	c.t.Helper()
	_, _ = c.s3.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: ptr("jobs")}) // or it is there
	if _, err := c.s3.PutObject(c.ctx, &s3.PutObjectInput{Bucket: ptr("jobs"), Key: &key, Body: strings.NewReader(body)}); err != nil {
		c.t.Fatal(err)
	}
}

// get reads a JSON object of the bucket jobs.
func (c *cloud) get(key string, into any) {
	c.t.Helper()
	out, err := c.s3.GetObject(c.ctx, &s3.GetObjectInput{Bucket: ptr("jobs"), Key: &key})
	if err != nil {
		c.t.Fatalf("%s: %v", key, err)
	}
	defer func() { _ = out.Body.Close() }()
	body, err := io.ReadAll(out.Body)
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		c.t.Fatalf("%s: %v", key, err)
	}
}

// mapRun is the one Map Run of an execution.
func (c *cloud) mapRun(execution string) *sdk.DescribeMapRunOutput {
	c.t.Helper()
	runs, err := c.states.ListMapRuns(c.ctx, &sdk.ListMapRunsInput{ExecutionArn: &execution})
	if err != nil || len(runs.MapRuns) != 1 {
		c.t.Fatalf("ListMapRuns() = %+v, %v", runs, err)
	}
	out, err := c.states.DescribeMapRun(c.ctx, &sdk.DescribeMapRunInput{MapRunArn: runs.MapRuns[0].MapRunArn})
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// children are the children of a Map Run, the newest first.
func (c *cloud) children(run string) (out []types.ExecutionListItem) {
	c.t.Helper()
	pages := sdk.NewListExecutionsPaginator(c.states, &sdk.ListExecutionsInput{MapRunArn: &run, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(c.ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, page.Executions...)
	}
	return out
}

type manifest struct {
	DestinationBucket, MapRunArn string
	ResultFiles                  map[string][]struct {
		Key  string
		Size int
	}
}

// results are the manifest of a Map Run, and its records by their files.
func (c *cloud) results(run string) (manifest, map[string][]map[string]any) {
	c.t.Helper()
	id := run[strings.LastIndex(run, ":")+1:]
	var m manifest
	c.get("results/"+id+"/manifest.json", &m)
	files := map[string][]map[string]any{}
	for _, list := range m.ResultFiles {
		for _, file := range list {
			var records []map[string]any
			c.get(file.Key, &records)
			files[strings.TrimPrefix(file.Key, "results/"+id+"/")] = records
		}
	}
	return m, files
}

func TestMapReadsAndWrites(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", "{\"n\":1}\n{\"n\":2}\n\n{\"n\":3}")
	const selector = `,"ItemSelector":{"item.$":"$$.Map.Item.Value","at.$":"$$.Map.Item.Index","job.$":"$.bucket"}`
	c.machine(one(mapState(passing, fromS3+toS3+selector+`,"ResultPath":"$.copied","End":true`)), mapping)
	arn := c.start(jobs)
	out := c.wait(arn, 0)
	if out.Status != types.ExecutionStatusSucceeded {
		t.Fatal(text(out))
	}
	run := c.mapRun(arn)
	id := (*run.MapRunArn)[strings.LastIndex(*run.MapRunArn, ":")+1:]
	want := `{"bucket":"jobs","copied":{"MapRunArn":"arn:aws:states` + place + `mapRun:m/items:` + id + `","ResultWriterDetails":{"Bucket":"jobs","Key":"results/` + id + `/manifest.json"}},"key":"index.jsonl"}`
	if diff := cmp.Diff(want, text(out)); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	kinds := strings.Join([]string{"1<0 ExecutionStarted", "2<0 MapStateEntered", "3<2 MapStateStarted", "4<3 MapRunStarted",
		"5<4 MapRunSucceeded", "6<5 MapStateSucceeded",
		"7<5 MapStateExited", "8<7 ExecutionSucceeded"}, "\n")
	if diff := cmp.Diff(kinds, c.kinds(arn)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := run.ItemCounts; run.Status != "SUCCEEDED" || n.Total != 3 || n.Succeeded != 3 || n.ResultsWritten != 3 || n.Pending+n.Running+n.Failed != 0 || run.MaxConcurrency != 0 {
		t.Errorf("DescribeMapRun() = %+v, %+v", run, n)
	}
	m, files := c.results(*run.MapRunArn)
	if m.DestinationBucket != "jobs" || m.MapRunArn != *run.MapRunArn || len(m.ResultFiles["FAILED"])+len(m.ResultFiles["PENDING"]) != 0 || len(files["SUCCEEDED_0.json"]) != 3 {
		t.Errorf("manifest %+v, files %v", m, files)
	}
	inputs := map[string]bool{}
	for _, r := range files["SUCCEEDED_0.json"] {
		inputs[r["Input"].(string)] = true
		name := r["Name"].(string)
		for field, want := range map[string]any{
			"ExecutionArn": "arn:aws:states" + place + "execution:m/items:" + name, "StateMachineArn": machine + "/items",
			"Status": "SUCCEEDED", "RedriveStatus": "NOT_REDRIVABLE",
			"RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven", "RedriveCount": 0.0, "Output": r["Input"],
		} {
			if r[field] != want {
				t.Errorf("%s is %v, want %v", field, r[field], want)
			}
		}
		if r["InputDetails"].(map[string]any)["Included"] != true {
			t.Errorf("a record is %v", r)
		}
	}
	if want := map[string]bool{`{"at":0,"item":{"n":1},"job":"jobs"}`: true, `{"at":1,"item":{"n":2},"job":"jobs"}`: true,
		`{"at":2,"item":{"n":3},"job":"jobs"}`: true}; !cmp.Equal(want, inputs) {
		t.Errorf("inputs are %v, want %v", inputs, want)
	}
	for _, item := range c.children(*run.MapRunArn) {
		child := c.describe(*item.ExecutionArn)
		if *child.StateMachineArn != machine+"/items" || *child.MapRunArn != *run.MapRunArn || *child.Output != *child.Input {
			t.Errorf("a child is %+v", child)
		}
		if diff := cmp.Diff(strings.Join([]string{"1<0 ExecutionStarted", "2<0 PassStateEntered", "3<2 PassStateExited",
			"4<3 ExecutionSucceeded"}, "\n"), c.kinds(*item.ExecutionArn)); diff != "" {
			t.Errorf("a child's events (-want +got):\n%s", diff)
		}
		of, err := c.states.DescribeStateMachineForExecution(c.ctx,
			&sdk.DescribeStateMachineForExecutionInput{ExecutionArn: item.ExecutionArn})
		if err != nil || *of.Label != "items" || *of.MapRunArn != *run.MapRunArn || !strings.Contains(*of.Definition, `"StartAt":"C"`) {
			t.Errorf("DescribeStateMachineForExecution() = %+v, %v", of, err)
		}
	}
	if list, err := c.states.ListExecutions(c.ctx,
		&sdk.ListExecutionsInput{StateMachineArn: ptr(machine)}); err != nil || len(list.Executions) != 1 {
		t.Errorf("the state machine's own executions are %+v, %v", list, err)
	}
}

// TestMapRights takes one right of the role away after the other.
func TestMapRights(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", "1\n2\n")
	c.machine(one(mapState(passing, fromS3+toS3+`,"End":true`)), mapping)
	denied := func(action, resource string) string {
		return "User: arn:aws:sts::111122223333:assumed-role/states/… is not authorized to perform: " + action + " on resource: " + resource + " because no identity-based policy allows the " + action + " action"
	}
	const s3Tail = ` (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: …; S3 Extended Request ID: …; Proxy: null)`
	for name, tt := range map[string]struct{ rights, input, want string }{
		"start":  {reads + "," + writes, jobs, "FAILED: States.Permissions: " + denied("states:StartExecution", machine)},
		"read":   {starts + "," + writes, jobs, "FAILED: States.ItemReaderFailed: " + denied("s3:GetObject", `"arn:aws:s3:::jobs/index.jsonl"`) + s3Tail},
		"write":  {starts + "," + reads, jobs, "FAILED: States.ResultWriterFailed: " + denied("s3:PutObject", `"arn:aws:s3:::jobs/results/…/SUCCEEDED_0.json"`) + s3Tail},
		"parts":  {starts + "," + reads + "," + allow(`["s3:PutObject","s3:AbortMultipartUpload"]`, "arn:aws:s3:::jobs/*"), jobs, "FAILED: States.ResultWriterFailed: " + denied("s3:ListMultipartUploadParts", `"arn:aws:s3:::jobs/results/…/SUCCEEDED_0.json"`) + s3Tail},
		"key":    {starts + "," + writes + "," + allow(`["s3:GetObject","s3:ListBucket"]`, "*"), `{"bucket":"jobs","key":"none"}`, "FAILED: States.ItemReaderFailed: The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey; Request ID: …"},
		"bucket": {starts + "," + writes + "," + allow(`"s3:*"`, "*"), `{"bucket":"none-such","key":"none"}`, "FAILED: States.ItemReaderFailed: The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket; …"},
		"all":    {starts + "," + reads + "," + writes, jobs, `{"MapRunArn":…}`},
	} {
		c.grant("states", tt.rights)
		if got := text(c.end(tt.input)); !shape(tt.want, got) {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// TestMapRegion: "Make sure that your Amazon S3 buckets are under the same AWS account
// and AWS Region as your state machine" ("ItemReader (Map)").
func TestMapRegion(t *testing.T) {
	c := newCloud(t)
	config := c.Config(c.Admin())
	config.Region = "eu-west-1"
	west := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := west.CreateBucket(c.ctx, createIn("jobs", "eu-west-1")); err != nil {
		t.Fatal(err)
	}
	c.machine(one(mapState(passing, fromS3+`,"End":true`)), mapping)
	if got := text(c.end(jobs)); !shape("FAILED: States.ItemReaderFailed: … (Service: Amazon S3; Status Code: 301; Error Code: PermanentRedirect; …",
		got) {
		t.Errorf("got %s", got)
	}
}

func TestMapTolerance(t *testing.T) {
	c := newCloud(t)
	var lines strings.Builder
	for n := range 10 {
		fmt.Fprintf(&lines, `{"n":%d,"fail":%v}`+"\n", n, n%5 == 2)
	}
	c.put("index.jsonl", lines.String())
	c.machine(one(mapState(failing, fromS3+`,"End":true`)), mapping)
	const exceeded = "FAILED: States.ExceedToleratedFailureThreshold: The specified tolerated failure threshold was exceeded"
	for name, tt := range map[string]struct{ more, want string }{
		"default":         {``, exceeded},
		"count":           {`,"ToleratedFailureCount":2`, ""},
		"too many":        {`,"ToleratedFailureCount":1`, exceeded},
		"percentage":      {`,"ToleratedFailurePercentage":20`, ""},
		"too much":        {`,"ToleratedFailurePercentage":19.5`, exceeded},
		"both, one fails": {`,"ToleratedFailurePercentage":100,"ToleratedFailureCount":1`, exceeded},
		"path":            {`,"ToleratedFailureCountPath":"$.tolerated"`, ""},
		"negative":        {`,"ToleratedFailureCountPath":"$.negative"`, "FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). ToleratedFailureCount cannot be negative."},
		"no number":       {`,"ToleratedFailureCountPath":"$.bucket"`, `FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). The ToleratedFailureCountPath field refers to value "jobs" which is not a valid integer: $.bucket`},
		"percentage path": {`,"ToleratedFailurePercentagePath":"$.percent"`, "FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). ToleratedFailurePercentage must be between 0 and 100."},
	} {
		c.define(one(mapState(failing, fromS3+toS3+`,"MaxConcurrency":1,"End":true`+tt.more)))
		out := c.end(`{"bucket":"jobs","key":"index.jsonl","tolerated":2,"negative":-1,"percent":100.1}`)
		if got := text(out); tt.want != "" && got != tt.want || tt.want == "" && out.Status != types.ExecutionStatusSucceeded {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	// One child at a time: the third fails, and nothing is tolerated.
	c.define(one(mapState(failing, fromS3+toS3+`,"MaxConcurrency":1,"End":true`)))
	out := c.end(jobs)
	run := c.mapRun(*out.ExecutionArn)
	if n := run.ItemCounts; run.Status != "FAILED" || n.Total != 10 || n.Succeeded != 2 || n.Failed != 1 || n.Pending != 7 || n.Running+n.Aborted != 0 {
		t.Errorf("DescribeMapRun() = %s %+v", run.Status, n)
	}
	kinds := strings.Join([]string{"1<0 ExecutionStarted", "2<0 MapStateEntered", "3<2 MapStateStarted", "4<3 MapRunStarted",
		"5<4 MapRunFailed", "6<5 MapStateFailed", "7<6 ExecutionFailed"}, "\n")
	if diff := cmp.Diff(kinds, c.kinds(*out.ExecutionArn)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	_, files := c.results(*run.MapRunArn)
	if len(files["SUCCEEDED_0.json"]) != 2 || len(files["FAILED_0.json"]) != 1 || len(files["PENDING_0.json"]) != 7 {
		t.Fatalf("files are %v", files)
	}
	failed := files["FAILED_0.json"][0]
	if failed["Error"] != "Bad" || failed["Cause"] != "as asked" || failed["Status"] != "FAILED" || failed["RedriveStatus"] != "REDRIVABLE" || failed["Output"] != nil || failed["Input"] != `{"fail":true,"n":2}` {
		t.Errorf("the failed record is %v", failed)
	}
	if first := files["PENDING_0.json"][0]; first["Status"] != "PENDING" || first["Input"] != `{"fail":false,"n":3}` {
		t.Errorf("the first pending record is %v", first)
	}
}

func TestMapArrays(t *testing.T) {
	c := newCloud(t)
	c.machine(one(mapState(passing, `,"ItemsPath":"$.list","End":true`)), mapping)
	if got, want := text(c.end(`{"list":[3,"a",{"b":null}]}`)), `[3,"a",{"b":null}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := text(c.end(`{"list":{}}`)),
		"FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). Map state input must be an array but was: {}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.define(one(mapState(failing, `,"ItemsPath":"$","ToleratedFailureCount":5,"End":true`)))
	list := text(c.end(`[{"fail":false},{"fail":true}]`))
	var got []map[string]any
	if err := json.Unmarshal([]byte(list), &got); err != nil || len(got) != 2 || got[0]["fail"] != false || got[1]["Error"] != "Bad" {
		t.Errorf("with a tolerated failure: %s", list)
	}
	c.define(one(mapState(`"C":{"Type":"Pass","Result":"`+strings.Repeat("x", 1000)+`","End":true}`, `,"End":true`)))
	many, err := json.Marshal(make([]int, 300))
	if err != nil {
		t.Fatal(err)
	}
	if got := text(c.end(string(many))); !shape("FAILED: States.DataLimitExceeded: The state/task '…' returned a result with a size exceeding the maximum number of bytes service limit.",
		got) {
		t.Errorf("300 kB of results: %s", got)
	}
}

// TestMapNumbers: numbers by their paths; LocalStack has recorded how they are refused,
// and where in the history.
func TestMapNumbers(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", strings.Repeat("1\n", 5))
	limited := strings.Replace(fromS3, `"JSONL"`, `"JSONL","MaxItemsPath":"$.most"`, 1)
	c.machine(one(mapState(passing, limited+`,"MaxConcurrencyPath":"$.c","End":true`)), mapping)
	const runtime = "FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). "
	for name, tt := range map[string]struct{ most, concurrency, want, last string }{
		"two":                 {`2`, `0`, `[1,1]`, "8<7 ExecutionSucceeded"},
		"no limit":            {`0`, `0`, `[1,1,1,1,1]`, "8<7 ExecutionSucceeded"},
		"more than the quota": {`100000001`, `0`, `[1,1,1,1,1]`, "8<7 ExecutionSucceeded"},
		"negative":            {`-1`, `0`, "FAILED: States.ItemReaderFailed: field MaxItems must be positive", "7<6 ExecutionFailed"},
		"a fraction":          {`1.5`, `0`, runtime + `The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.most`, "4<3 ExecutionFailed"},
		"no concurrency":      {`2`, `"NoNumber"`, runtime + `The MaxConcurrencyPath field refers to value "NoNumber" which is not a valid integer: $.c`, "3<2 ExecutionFailed"},
	} {
		out := c.end(`{"bucket":"jobs","key":"index.jsonl","most":` + tt.most + `,"c":` + tt.concurrency + `}`)
		if diff := cmp.Diff(tt.want, text(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if kinds := c.kinds(*out.ExecutionArn); !strings.HasSuffix(kinds, "\n"+tt.last) {
			t.Errorf("%s: events are %s, want the last to be %s", name, kinds, tt.last)
		}
	}
}

// TestMapConcurrency: MaxConcurrency, 0 as no limit, and UpdateMapRun.
func TestMapConcurrency(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", strings.Repeat("1\n", 50))
	c.machine(one(mapState(waiting, fromS3+`,"MaxConcurrencyPath":"$.most","End":true`)), mapping)
	arn := c.start(`{"bucket":"jobs","key":"index.jsonl","most":7}`)
	settled := func(want int64) *sdk.DescribeMapRunOutput {
		t.Helper()
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			c.Advance(time.Second) // DescribeMapRun may be called once a second
			runs, err := c.states.ListMapRuns(c.ctx, &sdk.ListMapRunsInput{ExecutionArn: &arn})
			if err != nil {
				t.Fatal(err)
			}
			if len(runs.MapRuns) == 1 {
				if run := c.mapRun(arn); run.ItemCounts.Running == want {
					return run
				} else if time.Now().After(deadline) {
					t.Fatalf("%+v, want %d that run", run.ItemCounts, want)
				}
			}
		}
	}
	run := settled(7)
	if n := run.ItemCounts; n.Pending != 43 || n.Total != 50 || run.MaxConcurrency != 7 {
		t.Errorf("%+v", n)
	}
	update := func(in *sdk.UpdateMapRunInput) error {
		in.MapRunArn = run.MapRunArn
		_, err := c.states.UpdateMapRun(c.ctx, in)
		return err
	}
	if err := update(&sdk.UpdateMapRunInput{MaxConcurrency: ptr(int32(9)), ToleratedFailureCount: ptr(int64(3))}); err != nil {
		t.Fatal(err)
	}
	if run := settled(9); run.ToleratedFailureCount != 3 || run.MaxConcurrency != 9 {
		t.Errorf("updated: %+v", run)
	}
	if err := update(&sdk.UpdateMapRunInput{MaxConcurrency: ptr(int32(0))}); err != nil {
		t.Fatal(err)
	}
	settled(50) // 0 does not pause it
	if _, err := c.states.StopExecution(c.ctx, &sdk.StopExecutionInput{ExecutionArn: &arn, Error: ptr("Enough"),
		Cause: ptr("of it")}); err != nil {
		t.Fatal(err)
	}
	if got := text(c.describe(arn)); got != "ABORTED: Enough: of it" {
		t.Errorf("stopped: %s", got)
	}
	if run := c.mapRun(arn); run.Status != "ABORTED" || run.ItemCounts.Aborted != 50 {
		t.Errorf("the Map Run of an execution that was stopped: %s %+v", run.Status, run.ItemCounts)
	}
	err := update(&sdk.UpdateMapRunInput{MaxConcurrency: ptr(int32(1))})
	if got := awstest.RefusalOf(t, err); got.Code != "ValidationException" || !strings.Contains(got.Message, "completed") {
		t.Errorf("updating what has ended: %+v", got)
	}
}

// TestRedrive runs on what failed, once its cause is mended.
func TestRedrive(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n")
	child := `"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericEquals":2,"Next":"T"}],"Default":"P"},"P":{"Type":"Pass","End":true},"T":` + task(`{"do":"echo","value":"mended"}`,
		`,"End":true`)
	c.machine(one(mapState(child, fromS3+toS3+`,"MaxConcurrency":1,"End":true`)), mapping)
	out := c.end(jobs)
	arn := *out.ExecutionArn
	if got := text(out); !strings.Contains(got, "ExceedToleratedFailureThreshold") || out.RedriveStatus != "REDRIVABLE" {
		t.Fatalf("without its function: %s, %s", got, out.RedriveStatus)
	}
	c.function()
	if _, err := c.states.RedriveExecution(c.ctx, &sdk.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	out = c.wait(arn, 0)
	if out.Status != types.ExecutionStatusSucceeded || *out.RedriveCount != 1 || *out.RedriveStatusReason != "Execution is SUCCEEDED and cannot be redriven" {
		t.Fatalf("redriven: %s, %+v", text(out), out)
	}
	run := c.mapRun(arn)
	if n := run.ItemCounts; n.Succeeded != 3 || n.Failed != 0 || *run.RedriveCount != 1 {
		t.Errorf("DescribeMapRun() = %+v, %+v", n, run)
	}
	_, files := c.results(*run.MapRunArn)
	if len(files) != 1 || len(files["SUCCEEDED_0.json"]) != 3 {
		t.Errorf("files are %v", files)
	}
	children := c.children(*run.MapRunArn)
	if len(children) != 3 {
		t.Errorf("%d children, want 3", len(children))
	}
	for _, item := range children {
		if kinds := c.kinds(*item.ExecutionArn); *item.RedriveCount == 1 {
			want := strings.Join([]string{"1<0 ExecutionStarted", "2<0 ChoiceStateEntered", "3<2 ChoiceStateExited",
				"4<3 TaskStateEntered", "5<4 TaskScheduled", "6<5 TaskStarted", "7<6 TaskFailed", "8<7 ExecutionFailed",
				"9<8 ExecutionRedriven", "10<9 TaskScheduled", "11<10 TaskStarted", "12<11 TaskSucceeded", "13<12 TaskStateExited",
				"14<13 ExecutionSucceeded"}, "\n")
			if diff := cmp.Diff(want, kinds); diff != "" {
				t.Errorf("the redriven child's events (-want +got):\n%s", diff)
			}
		}
	}
	_, err := c.states.RedriveExecution(c.ctx, &sdk.RedriveExecutionInput{ExecutionArn: &arn})
	if diff := cmp.Diff(awstest.Refused(400, "ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven"),
		awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("redriving what succeeded (-want +got):\n%s", diff)
	}
}

// TestRounds redrives a workflow that has run a Map before: the Task that failed is run
// again, and the Map that follows runs once more, in a Map Run of its own.
func TestRounds(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", "1\n2\n")
	again := mapState(passing, fromS3+`,"ResultPath":"$.copied","Next":"T"`)
	c.machine(`{"StartAt":"S","States":{"S":`+again+`,"T":`+task(`{"do":"echo","value":"done"}`, `,"ResultPath":"$.task","Next":"X"`)+`,
		"X":{"Type":"Choice","Choices":[{"Variable":"$.second","IsPresent":true,"Next":"E"}],"Default":"P"},
		"P":{"Type":"Pass","Result":true,"ResultPath":"$.second","Next":"S"},"E":{"Type":"Succeed","OutputPath":"$.task"}}}`, mapping)
	arn := c.start(jobs)
	if got := text(c.wait(arn, 0)); !strings.Contains(got, "Lambda.ResourceNotFoundException") {
		t.Fatalf("without its function: %s", got)
	}
	c.function()
	if _, err := c.states.RedriveExecution(c.ctx, &sdk.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if got := text(c.wait(arn, 0)); got != `{"value":"done"}` {
		t.Errorf("redriven: %s", got)
	}
	runs, err := c.states.ListMapRuns(c.ctx, &sdk.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil || len(runs.MapRuns) != 2 {
		t.Errorf("Map Runs are %+v, %v, want two", runs, err)
	}
	for _, e := range c.events(arn) {
		if e.Type == types.HistoryEventTypeMapRunRedriven {
			t.Error("a Map Run that had succeeded was redriven")
		}
	}
}

// TestMapStopped: of a Map Run that is stopped the results are written, and a redrive
// runs on what was running and what was left.
func TestMapStopped(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", strings.Repeat("1\n", 10))
	c.machine(one(mapState(waiting, fromS3+toS3+`,"MaxConcurrency":3,"End":true`)), mapping)
	arn := c.start(jobs)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		c.Advance(time.Second)
		if runs, err := c.states.ListMapRuns(c.ctx, &sdk.ListMapRunsInput{ExecutionArn: &arn}); err != nil || time.Now().After(deadline) {
			t.Fatalf("three children do not run: %v", err)
		} else if len(runs.MapRuns) == 1 && c.mapRun(arn).ItemCounts.Running == 3 {
			break
		}
	}
	if _, err := c.states.StopExecution(c.ctx, &sdk.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	run := c.mapRun(arn)
	if n := run.ItemCounts; run.Status != "ABORTED" || n.Aborted != 3 || n.Pending != 7 {
		t.Errorf("stopped: %s %+v", run.Status, n)
	}
	_, files := c.results(*run.MapRunArn)
	if len(files["FAILED_0.json"]) != 3 || files["FAILED_0.json"][0]["Status"] != "ABORTED" || len(files["PENDING_0.json"]) != 7 || len(files) != 2 {
		t.Errorf("files are %v", files)
	}
	if _, err := c.states.RedriveExecution(c.ctx, &sdk.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	if out := c.wait(arn, time.Minute); out.Status != types.ExecutionStatusSucceeded {
		t.Errorf("redriven: %s", text(out))
	}
	run = c.mapRun(arn)
	if n := run.ItemCounts; run.Status != "SUCCEEDED" || n.Succeeded != 10 || n.Aborted != 0 || len(c.children(*run.MapRunArn)) != 10 {
		t.Errorf("redriven: %s %+v", run.Status, n)
	}
}

// TestMapThrottled: children that are more than a function's concurrency get through by
// their retries.
func TestMapThrottled(t *testing.T) {
	c := newCloud(t)
	c.function()
	functions := lambda.NewFromConfig(c.Config(c.Admin()))
	if _, err := functions.PutFunctionConcurrency(c.ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: ptr("f"),
		ReservedConcurrentExecutions: ptr(int32(2))}); err != nil {
		t.Fatal(err)
	}
	c.put("index.jsonl", strings.Repeat("{\"do\":\"sleep\",\"millis\":20}\n", 20))
	child := `"C":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$"},"End":true,"OutputPath":"$.StatusCode",` +
		`"Retry":[{"ErrorEquals":["Lambda.TooManyRequestsException"],"MaxAttempts":100,"BackoffRate":1.5,"MaxDelaySeconds":5,"JitterStrategy":"FULL"}]}`
	c.machine(one(mapState(child, fromS3+`,"End":true`)), mapping)
	if got, want := text(c.wait(c.start(jobs), 200*time.Millisecond)), "["+strings.Repeat("200,", 19)+"200]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	refused := 0
	for _, e := range c.Journal.Entries() {
		if e.Operation == "Invoke" && e.Status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no invocation was refused")
	}
}

// TestManyItems: thousands of children keep what is promised, and no more.
func TestManyItems(t *testing.T) {
	c := newCloud(t)
	const many = 5000
	var lines strings.Builder
	for n := range many {
		fmt.Fprintf(&lines, "{\"n\":%d}\n", n)
	}
	c.put("index.jsonl", lines.String())
	c.machine(one(mapState(passing, fromS3+toS3+`,"MaxConcurrency":200,"End":true`)), mapping)
	begun := time.Now()
	out := c.wait(c.start(jobs), 100*time.Millisecond)
	t.Logf("%d items in %s", many, time.Since(begun))
	run := c.mapRun(*out.ExecutionArn)
	if out.Status != types.ExecutionStatusSucceeded || run.ItemCounts.Succeeded != many || run.ItemCounts.ResultsWritten != many {
		t.Fatalf("%s, %+v", text(out), run.ItemCounts)
	}
	_, files := c.results(*run.MapRunArn)
	if n := len(files["SUCCEEDED_0.json"]); n != many {
		t.Errorf("%d results, want %d", n, many)
	}
	children, included := c.children(*run.MapRunArn), 0
	for n, item := range children {
		if n%100 != 0 {
			continue
		}
		c.Advance(10 * time.Second) // for the quota of DescribeExecution
		child := c.describe(*item.ExecutionArn)
		_, err := c.states.GetExecutionHistory(c.ctx, &sdk.GetExecutionHistoryInput{ExecutionArn: item.ExecutionArn})
		if child.InputDetails.Included != (err == nil) {
			t.Errorf("a child is %+v, its history %v", child, err)
		}
		if child.InputDetails.Included {
			included++
		}
	}
	if len(children) != many || included == 0 || included > 20 {
		t.Errorf("%d children, of 50 of them %d with data", len(children), included)
	}
}

func createIn(bucket, region string) *s3.CreateBucketInput {
	return &s3.CreateBucketInput{Bucket: &bucket,
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)}}
}
