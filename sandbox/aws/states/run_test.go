package states_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/google/go-cmp/cmp"
)

// stateCases are definitions of states that wait for nothing.
func stateCases() map[string]struct{ definition, input, want string } {
	const pass = `{"Type":"Pass","End":true}`
	return map[string]struct{ definition, input, want string }{
		"result":          {one(`{"Type":"Pass","Result":{"a":1},"ResultPath":"$.r","End":true}`), `{"b":2}`, `{"b":2,"r":{"a":1}}`},
		"null result":     {one(`{"Type":"Pass","Result":1,"ResultPath":null,"End":true}`), `{"b":2}`, `{"b":2}`},
		"paths":           {one(`{"Type":"Pass","InputPath":"$.a[1]","OutputPath":"$.b","End":true}`), `{"a":[0,{"b":"x"}]}`, `"x"`},
		"null input path": {one(`{"Type":"Pass","InputPath":null,"End":true}`), `{"a":1}`, `{}`},
		"parameters":      {one(`{"Type":"Pass","Parameters":{"x.$":"$.a['b c']","y":[{"z.$":"$$.State.Name"}]},"End":true}`), `{"a":{"b c":[true]}}`, `{"x":[true],"y":[{"z":"S"}]}`},
		"numbers":         {one(pass), `{"big":12345678901234567890,"small":1.50}`, `{"big":12345678901234567890,"small":1.50}`},
		"context": {one(`{"Type":"Pass","Parameters":{"a.$":"$$.Execution.Input.a","m.$":"$$.StateMachine.Name","r.$":"$$.State.RetryCount","e.$":"$$.Execution.RedriveCount"},"End":true}`),
			`{"a":3}`, `{"a":3,"e":0,"m":"m","r":0}`},
		"format": {one(`{"Type":"Pass","Parameters":{"x.$":"States.Format('{}-{} \\{\\} it\\'s', $.a, States.MathAdd($.n, -2))"},"End":true}`), `{"a":"k","n":5}`, `{"x":"k-3 {} it's"}`},
		"format of values": {one(`{"Type":"Pass","Parameters":{"x.$":"States.Format('{} {} {}', $.a, $.b, $.c)"},"End":true}`),
			`{"a":null,"b":1.1,"c":{"Arg1":1,"Arg2":[]}}`, `{"x":"null 1.1 {Arg1=1, Arg2=[]}"}`}, // localstack
		"sums of fractions": {one(`{"Type":"Pass","Parameters":{"a.$":"States.MathAdd($[0], $[1])","b.$":"States.MathAdd($[2], $[3])","c.$":"States.MathAdd($[4], 0)"},"End":true}`),
			`[1.49,1.5,-1.5,-1.51,-0.5]`, `{"a":3,"b":-3,"c":0}`}, // localstack
		"JSON of nothing": {one(`{"Type":"Pass","Parameters":{"x.$":"States.StringToJson($)"},"End":true}`), `" "`, `{"x":null}`}, // localstack
		"merge":           {one(`{"Type":"Pass","Parameters":{"x.$":"States.JsonMerge($.a, $.b, false)"},"End":true}`), `{"a":{"p":1,"q":1},"b":{"q":2}}`, `{"x":{"p":1,"q":2}}`},
		"lists":           {one(`{"Type":"Pass","Parameters":{"a.$":"States.Array(1, $.s)","l.$":"States.ArrayLength($.l)","g.$":"States.ArrayGetItem($.l, 1)","c.$":"States.ArrayContains($.l, 8)"},"End":true}`), `{"s":"s","l":[7,8]}`, `{"a":[1,"s"],"c":true,"g":8,"l":2}`},
		"strings":         {one(`{"Type":"Pass","Parameters":{"a.$":"States.JsonToString($.o)","b.$":"States.StringToJson($.s)"},"End":true}`), `{"o":{"k":"<"},"s":"[1]"}`, `{"a":"{\"k\":\"<\"}","b":[1]}`},
		"succeed":         {one(`{"Type":"Succeed","InputPath":"$.a"}`), `{"a":1}`, `1`},
		"fail":            {one(`{"Type":"Fail","Error":"E","Cause":"C"}`), `{}`, "FAILED: E: C"},
		"fail by path": {one(`{"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('because {}', $.c)"}`),
			`{"e":"E","c":"x"}`, "FAILED: E: because x"},
		"no intrinsic argument": {one(`{"Type":"Pass","Parameters":{"x.$":"States.MathAdd($.a, 1)"},"End":true}`), `{"a":"b"}`, "FAILED: States.IntrinsicFailure: Invalid arguments in States.MathAdd($.a, 1)"},
		"no path": {one(`{"Type":"Pass","Parameters":{"x.$":"$.none"},"End":true}`), `{}`,
			"FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). The JSONPath '$.none' specified for the field 'x.$' could not be found in the input '{}'"},
		"no input path": {one(`{"Type":"Pass","InputPath":"$.a.b","End":true}`), `{}`,
			"FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.a.b' : No results for path: $['a']['b']"},
		"no place": {one(`{"Type":"Pass","Result":1,"ResultPath":"$.a.b","End":true}`), `{"a":"text"}`, `FAILED: States.ResultPathMatchFailure: Unable to apply step "$.a.b" to input {"a":"text"}`},
		"too large": {one(`{"Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}`), `"` + strings.Repeat("x", 200<<10) + `"`,
			"FAILED: States.DataLimitExceeded: The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."},
		"waits for nothing": {one(`{"Type":"Wait","SecondsPath":"$.n","End":true}`), `{"n":0}`, `{"n":0}`},
		"a negative wait": {one(`{"Type":"Wait","SecondsPath":"$.n","End":true}`), `{"n":-1}`,
			"FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). The SecondsPath parameter references a negative value: $.n == -1"},
		"a wait for a text": {one(`{"Type":"Wait","SecondsPath":"$.n","End":true}`), `{"n":1.5}`,
			"FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). The SecondsPath parameter cannot be parsed as a long value: $.n == 1.5"},
	}
}

func TestStates(t *testing.T) {
	c := newCloud(t)
	for name, tt := range stateCases() {
		got := text(c.run(name, tt.definition, tt.input))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestChoice(t *testing.T) {
	c := newCloud(t)
	for name, tt := range map[string]struct{ rule, input, want string }{
		"equal":         {`"Variable":"$.n","NumericEquals":1`, `{"n":1.0}`, `"yes"`},
		"greater":       {`"Variable":"$.n","NumericGreaterThan":1`, `{"n":1}`, `"no"`},
		"not less":      {`"Variable":"$.n","NumericGreaterThanEquals":1`, `{"n":1}`, `"yes"`},
		"less by path":  {`"Variable":"$.n","NumericLessThanPath":"$.m"`, `{"n":1,"m":2}`, `"yes"`},
		"another type":  {`"Variable":"$.n","NumericLessThan":5`, `{"n":"1"}`, `"no"`},
		"boolean":       {`"Variable":"$.n","BooleanEquals":true`, `{"n":true}`, `"yes"`},
		"text":          {`"Variable":"$.n","StringEquals":"a"`, `{"n":"a"}`, `"yes"`},
		"text before":   {`"Variable":"$.n","StringLessThan":"b"`, `{"n":"c"}`, `"no"`},
		"present":       {`"Variable":"$.n.m","IsPresent":true`, `{"n":{"m":null}}`, `"yes"`},
		"not present":   {`"Variable":"$.n.m","IsPresent":false`, `{"n":1}`, `"yes"`},
		"null":          {`"Variable":"$.n","IsNull":true`, `{"n":null}`, `"yes"`},
		"not a number":  {`"Variable":"$.n","IsNumeric":false`, `{"n":null}`, `"yes"`},
		"and":           {`"And":[{"Variable":"$.a","IsPresent":true},{"Variable":"$.a","NumericEquals":1}]`, `{"a":1}`, `"yes"`},
		"and, lazily":   {`"And":[{"Variable":"$.a","IsPresent":true},{"Variable":"$.a","NumericEquals":1}]`, `{}`, `"no"`},
		"or":            {`"Or":[{"Variable":"$.a","NumericEquals":2},{"Variable":"$.a","NumericEquals":1}]`, `{"a":1}`, `"yes"`},
		"not":           {`"Not":{"Variable":"$.a","StringEquals":"x"}`, `{"a":"y"}`, `"yes"`},
		"context":       {`"Variable":"$$.Execution.Input.a","NumericEquals":1`, `{"a":1}`, `"yes"`},
		"missing value": {`"Variable":"$.a","NumericEquals":1`, `{}`, "FAILED: States.Runtime: An error occurred while executing the state 'S' (entered at the event id #2). Invalid path '$.a': The choice state's condition path references an invalid value."},
	} {
		definition := `{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{` + tt.rule + `,"Next":"Y"}],"Default":"N"},"Y":{"Type":"Pass","Result":"yes","End":true},"N":{"Type":"Pass","Result":"no","End":true}}}`
		if diff := cmp.Diff(tt.want, text(c.run(name, definition, tt.input))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	none := `{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":1,"Next":"Y"}]},"Y":{"Type":"Succeed"}}}`
	if got := text(c.run("none", none, `{"a":2}`)); got != "FAILED: States.NoChoiceMatched" {
		t.Errorf("without a match: %s", got)
	}
}

// TestTask calls a real function; see LocalStack's recordings of the real service
// (localstack/localstack, tests/aws/services/stepfunctions) for events and errors.
func TestTask(t *testing.T) {
	c := newCloud(t)
	c.function()
	c.machine(one(task(`{"do":"echo","value.$":"$.v"}`, `,"ResultPath":"$.out","End":true`)), invoker)
	arn := c.start(`{"v":[1,"a"]}`)
	if got, want := text(c.wait(arn, 0)), `{"out":{"value":[1,"a"]},"v":[1,"a"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want := strings.Join([]string{"1<0 ExecutionStarted", "2<0 TaskStateEntered", "3<2 TaskScheduled", "4<3 TaskStarted",
		"5<4 TaskSucceeded", "6<5 TaskStateExited", "7<6 ExecutionSucceeded"}, "\n")
	if diff := cmp.Diff(want, c.kinds(arn)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	events := c.events(arn)
	if got, want := *events[2].TaskScheduledEventDetails.Parameters,
		`{"FunctionName":"f","Payload":{"do":"echo","value":[1,"a"]}}`; got != want {
		t.Errorf("scheduled with %s, want %s", got, want)
	}
	whole := object(t, *events[4].TaskSucceededEventDetails.Output)
	http, _ := whole["SdkHttpMetadata"].(map[string]any)
	if whole["StatusCode"] != 200.0 || whole["ExecutedVersion"] != "$LATEST" || http["HttpStatusCode"] != 200.0 || whole["SdkResponseMetadata"].(map[string]any)["RequestId"] == "" {
		t.Errorf("the task's result is %v", whole)
	}
}

func TestTaskErrors(t *testing.T) {
	c := newCloud(t)
	c.function()
	c.machine(one(`{"Type":"Pass","End":true}`), invoker)
	const all = `,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C","ResultPath":"$.caught"}],"End":true`
	caught := func(payload, more string) string {
		return `{"StartAt":"S","States":{"S":` + task(payload, more+all) + `,"C":{"Type":"Pass","OutputPath":"$.caught","End":true}}}`
	}
	denied := strings.Replace(caught(`{}`, ""), `"FunctionName":"f"`, `"FunctionName":"other"`, 1)
	for name, tt := range map[string]struct{ definition, name, cause string }{
		"its own": {caught(`{"do":"fail"}`, ""), "Broken", `{"errorMessage":"as asked","errorType":"Broken"}`},
		"untyped": {caught(`{"do":"untyped"}`, ""), "Lambda.Unknown", `The cause could not be determined because Lambda did not return an error type. Returned payload: {"message":"as asked"}`},
		"exit":    {caught(`{"do":"exit","bytes":3}`, ""), "Runtime.ExitError", "…"},
		"large":   {caught(`{"do":"big","bytes":300000}`, ""), "States.DataLimitExceeded", "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."},
		"slow":    {caught(`{"do":"sleep","millis":1500}`, `,"TimeoutSeconds":1`), "States.Timeout", ""},
		"denied": {denied, "Lambda.AWSLambdaException", "User: arn:aws:sts::111122223333:assumed-role/states/… is not authorized to perform: lambda:InvokeFunction on resource: " +
			"arn:aws:lambda" + place + "function:other because no identity-based policy allows the lambda:InvokeFunction action (Service: AWSLambda; Status Code: 403; Error Code: AccessDeniedException; Request ID: …; Proxy: null)"},
	} {
		got := object(t, text(c.run(name, tt.definition, `{}`)))
		if got["Error"] != tt.name || !shape(tt.cause, got["Cause"].(string)) {
			t.Errorf("%s: got %v, want %s: %s", name, got, tt.name, tt.cause)
		}
	}
	functions := lambda.NewFromConfig(c.Config(c.Admin()))
	if _, err := functions.PutFunctionConcurrency(c.ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: ptr("f"),
		ReservedConcurrentExecutions: ptr(int32(0))}); err != nil {
		t.Fatal(err)
	}
	got := object(t, text(c.run("concurrency", caught(`{"do":"echo"}`, ""), `{}`)))
	// HumanCellAtlas/data-store, issue 1118.
	const throttled = "Rate Exceeded. (Service: AWSLambda; Status Code: 429; Error Code: TooManyRequestsException; Request ID: …; Proxy: null)"
	if got["Error"] != "Lambda.TooManyRequestsException" || !shape(throttled, got["Cause"].(string)) {
		t.Errorf("without concurrency: %v", got)
	}
	if _, err := functions.DeleteFunctionConcurrency(c.ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: ptr("f")}); err != nil {
		t.Fatal(err)
	}
	uncaught := c.run("uncaught", one(task(`{"do":"fail"}`, `,"End":true`)), `{}`)
	if got := text(uncaught); got != `FAILED: Broken: {"errorMessage":"as asked","errorType":"Broken"}` {
		t.Errorf("uncaught: %s", got)
	}
	want := strings.Join([]string{"1<0 ExecutionStarted", "2<0 TaskStateEntered", "3<2 TaskScheduled", "4<3 TaskStarted",
		"5<4 TaskFailed", "6<5 ExecutionFailed"}, "\n")
	if diff := cmp.Diff(want, c.kinds(*uncaught.ExecutionArn)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestRetry: attempts, their delays by the cloud's clock, and the limits of both.
func TestRetry(t *testing.T) {
	c := newCloud(t)
	c.function()
	c.machine(one(`{"Type":"Pass","End":true}`), invoker)
	for name, tt := range map[string]struct {
		retry    string
		attempts int
		least    time.Duration // that pass between the first attempt and the last
		most     time.Duration
	}{
		"default":        {`{"ErrorEquals":["Broken"]}`, 4, 7 * time.Second, time.Minute},
		"limited":        {`{"ErrorEquals":["States.TaskFailed"],"MaxAttempts":3,"IntervalSeconds":2,"BackoffRate":10,"MaxDelaySeconds":5}`, 4, 12 * time.Second, time.Minute},
		"none":           {`{"ErrorEquals":["Broken"],"MaxAttempts":0}`, 1, 0, time.Second},
		"another error":  {`{"ErrorEquals":["Other"]}`, 1, 0, time.Second},
		"jitter":         {`{"ErrorEquals":["States.ALL"],"MaxAttempts":2,"IntervalSeconds":30,"BackoffRate":1,"JitterStrategy":"FULL"}`, 3, 0, 65 * time.Second},
		"no timeout":     {`{"ErrorEquals":["States.Timeout"]}`, 1, 0, time.Second},
		"only the first": {`{"ErrorEquals":["Broken"],"MaxAttempts":1},{"ErrorEquals":["States.ALL"],"MaxAttempts":5}`, 2, time.Second, 10 * time.Second},
	} {
		c.define(one(task(`{"do":"fail"}`, `,"Retry":[`+tt.retry+`],"End":true`)))
		out := c.wait(c.start(`{}`), 500*time.Millisecond)
		var times []time.Time
		for _, e := range c.events(*out.ExecutionArn) {
			if e.Type == "TaskScheduled" {
				times = append(times, *e.Timestamp)
			}
		}
		if len(times) != tt.attempts {
			t.Errorf("%s: %d attempts, want %d", name, len(times), tt.attempts)
			continue
		}
		if passed := times[len(times)-1].Sub(times[0]); passed < tt.least || passed > tt.most {
			t.Errorf("%s: %s between the attempts, want %s to %s", name, passed, tt.least, tt.most)
		}
	}
}

func TestWait(t *testing.T) {
	c := newCloud(t)
	c.machine(one(`{"Type":"Wait","Seconds":86400,"End":true}`), "")
	arn := c.start(`{}`)
	c.Advance(23 * time.Hour)
	c.States().Tick()
	if out := c.describe(arn); out.Status != "RUNNING" {
		t.Errorf("after 23 hours: %s", text(out))
	}
	c.Advance(time.Hour)
	c.States().Tick()
	if got := text(c.wait(arn, 0)); got != `{}` {
		t.Errorf("after a day: %s", got)
	}
	c.define(`{"TimeoutSeconds":60,"StartAt":"S","States":{"S":{"Type":"Wait","Seconds":3600,"End":true}}}`)
	out := c.wait(c.start(`{}`), 10*time.Second)
	if got := text(out); got != "TIMED_OUT: States.Timeout" {
		t.Errorf("an execution that takes too long: %s", got)
	}
}

// TestHistoryQuota: see "Avoid reaching the history quota", and "Step Functions
// pitfall: The execution reached the maximum number of history events" (cloudonaut).
func TestHistoryQuota(t *testing.T) {
	c := newCloud(t)
	c.machine(`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.stop","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}`,
		"")
	out := c.wait(c.start(`{}`), time.Second)
	if got, want := text(out), "FAILED: States.Runtime: The execution reached the maximum number of history events (25000)."; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	events := c.events(*out.ExecutionArn)
	if n := len(events); n != 25_000 || events[n-1].Type != "ExecutionFailed" {
		t.Errorf("%d events, the last of them %s", n, events[n-1].Type)
	}
}
