package states_test

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestDefinitions: what is wrong with a definition, and what is not modelled.
// "localstack" are its recordings, "floci" what its issues 2735 and 2968 measured; the
// words of the others are believed.
func TestDefinitions(t *testing.T) {
	c := newCloud(t)
	role := c.role("states", "states.amazonaws.com", "")
	create := func(definition string) awstest.Refusal {
		_, err := c.states.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: ptr("m"), Definition: &definition, RoleArn: &role})
		return awstest.RefusalOf(t, err)
	}
	const schema = "SCHEMA_VALIDATION_FAILED: "
	state := func(s string) string { return one(s) }
	for name, tt := range map[string]struct{ definition, want string }{
		"empty":                     {` `, schema + "Definition must be a valid JSON object at null"},                                                                                                                                                                           // localstack
		"no states":                 {`{"StartAt":"S"}`, schema + "These fields are required: [States] at /"},                                                                                                                                                                   // localstack
		"neither":                   {`{}`, schema + "These fields are required: [States, StartAt] at /"},                                                                                                                                                                       // localstack
		"no JSON":                   {`not`, "INVALID_JSON_DESCRIPTION: Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false') at null"},                                                                               // localstack
		"no target, unreachable":    {`{"StartAt":"a","States":{"a":{"Type":"Pass","Next":"c"},"b":{"Type":"Pass","End":true}}}`, `MISSING_TRANSITION_TARGET: Missing 'Next' target: c at /States/a/Next, MISSING_TRANSITION_TARGET: State "b" is not reachable. at /States/b`}, // localstack issue 11978
		"no end":                    {`{"StartAt":"a","States":{"a":{"Type":"Pass","Next":"b"},"b":{"Type":"Pass","Next":"a"}}}`, "MISSING_END_STATE: Workflow has no terminal state at null"},                                                                                  // floci
		"a field of another type":   {state(`{"Type":"Pass","TimeoutSeconds":5,"End":true}`), schema + "Field 'TimeoutSeconds' is not supported at /States/S"},                                                                                                                  // floci
		"a catch on a pass":         {state(`{"Type":"Pass","Catch":[],"End":true}`), schema + "Field 'Catch' is not supported at /States/S"},                                                                                                                                   // floci
		"a field of JSONata":        {state(`{"Type":"Pass","Output":1,"End":true}`), schema + "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S"},                                                     // floci
		"no start":                  {`{"StartAt":"X","States":{"S":{"Type":"Succeed"}}}`, "MISSING_TRANSITION_TARGET: Missing 'StartAt' target: X at /StartAt"},
		"next and end":              {state(`{"Type":"Pass","Next":"S","End":true}`), schema + "Exactly one of 'Next' and 'End' is required at /States/S"},
		"a path that is none":       {state(`{"Type":"Pass","InputPath":"a","End":true}`), schema + "Value is not a valid JSONPath at /States/S/InputPath"},
		"a template's path":         {state(`{"Type":"Pass","Parameters":{"a":{"b.$":"c"}},"End":true}`), schema + "The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters/a/b.$"},
		"a function of the name":    {state(`{"Type":"Task","Resource":"f","End":true}`), schema + "Value is not a valid resource ARN at /States/S/Resource"},
		"no function":               {state(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload":1},"End":true}`), schema + `The field "FunctionName" is required but was missing at /States/S/Parameters`},
		"a parameter that is none":  {state(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Foo":1},"End":true}`), schema + `The field "Foo" is not supported by Step Functions at /States/S/Parameters`},
		"all errors and others":     {state(task(`1`, `,"Retry":[{"ErrorEquals":["States.ALL","E"]}],"End":true`)), schema + "'States.ALL' must be the only value of ErrorEquals, in the last entry at /States/S/Retry[0]/ErrorEquals"},
		"all errors, then another":  {state(task(`1`, `,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["E"]}],"End":true`)), schema + "'States.ALL' must be the only value of ErrorEquals, in the last entry at /States/S/Retry[0]/ErrorEquals"},
		"a small backoff":           {state(task(`1`, `,"Retry":[{"ErrorEquals":["E"],"BackoffRate":0.5}],"End":true`)), schema + "Value is less than the minimum of 1.0 at /States/S/Retry[0]/BackoffRate"},
		"a short delay":             {state(task(`1`, `,"Retry":[{"ErrorEquals":["E"],"IntervalSeconds":5,"MaxDelaySeconds":5}],"End":true`)), schema + "MaxDelaySeconds must be greater than IntervalSeconds at /States/S/Retry[0]/MaxDelaySeconds"},
		"another jitter":            {state(task(`1`, `,"Retry":[{"ErrorEquals":["E"],"JitterStrategy":"HALF"}],"End":true`)), schema + "Value is not one of: [FULL, NONE] at /States/S/Retry[0]/JitterStrategy"},
		"a long label":              {state(strings.Replace(mapState(passing, `,"End":true`), `"items"`, `"`+strings.Repeat("x", 41)+`"`, 1)), schema + "Label cannot exceed 40 characters at /States/S/Label"},
		"a label with a blank":      {state(strings.Replace(mapState(passing, `,"End":true`), `"items"`, `"a b"`, 1)), schema + "Label contains invalid character: ' ' at /States/S/Label"},
		"a percentage":              {state(mapState(passing, `,"ToleratedFailurePercentage":101,"End":true`)), schema + "ToleratedFailurePercentage must be between 0 and 100. at /States/S/ToleratedFailurePercentage"},
		"a state twice":             {`{"StartAt":"S","States":{"S":` + mapState(passing, `,"Next":"C"`) + `,"C":{"Type":"Succeed"}}}`, "DUPLICATE_STATE_NAME: Duplicate State name: C at /States/S/ItemProcessor/States/C"},
		"an operator that is none":  {state(`{"Type":"Choice","Choices":[{"Variable":"$.a","Foo":1,"Next":"S"}]}`), schema + "Field 'Foo' is not supported at /States/S/Choices[0], MISSING_END_STATE: Workflow has no terminal state at null"},
		"a number that is a string": {`{"StartAt":"S","States":{"S":{"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":"1","Next":"E"}]},"E":{"Type":"Succeed"}}}`, schema + "Expected value of type NUMBER at /States/S/Choices[0]/NumericEquals"},
		"no wait":                   {state(`{"Type":"Wait","End":true}`), schema + "One of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/S"},
	} {
		want := awstest.Refused(400, "InvalidDefinition", "Invalid State Machine Definition: '"+tt.want+"'")
		if diff := cmp.Diff(want, create(tt.definition)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	inline := strings.Replace(mapState(passing, `,"End":true`), "DISTRIBUTED", "INLINE", 1)
	for definition, want := range map[string]string{
		state(`{"Type":"Parallel","Branches":[],"End":true}`): "state type Parallel",
		state(inline): "Map mode INLINE",
		state(strings.Replace(mapState(passing, `,"End":true`), `"STANDARD"`, `"EXPRESS"`, 1)):                                                 "ExecutionType EXPRESS",
		state(mapState(passing, `,"ItemBatcher":{"MaxItemsPerBatch":5},"End":true`)):                                                           "field ItemBatcher",
		state(mapState(passing, strings.Replace(fromS3, "JSONL", "CSV", 1)+`,"End":true`)):                                                     "InputType CSV",
		state(mapState(passing, strings.Replace(fromS3, "JSONL", "JSON", 1)+`,"End":true`)):                                                    "InputType JSON",
		state(mapState(passing, strings.Replace(fromS3, "getObject", "listObjectsV2", 1)+`,"End":true`)):                                       "resource arn:aws:states:::s3:listObjectsV2",
		state(mapState(passing, strings.Replace(toS3, `"Parameters"`, `"WriterConfig":{"OutputType":"JSONL"},"Parameters"`, 1)+`,"End":true`)): "OutputType JSONL",
		state(`{"Type":"Pass","Assign":{},"End":true}`):                                                                                        "field Assign",
		state(`{"Type":"Pass","QueryLanguage":"JSONata","End":true}`):                                                                          "query language JSONata",
		state(`{"Type":"Pass","InputPath":"$.a[*].b","End":true}`):                                                                             "JSONPath $.a[*].b",
		state(`{"Type":"Pass","Parameters":{"a.$":"States.Hash($.a, 'MD5')"},"End":true}`):                                                     "intrinsic function States.Hash",
		state(`{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}`):                                                      "resource arn:aws:states:::sqs:sendMessage",
		state(`{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:1:function:f","End":true}`):                                                 "resource arn:aws:lambda:us-east-1:1:function:f",
		state(task(`1`, `,"HeartbeatSeconds":5,"End":true`)):                                                                                   "field HeartbeatSeconds",
		state(`{"Type":"Choice","Choices":[{"Variable":"$.a","TimestampEquals":"x","Next":"S"}]}`):                                             "operator TimestampEquals",
	} {
		if diff := cmp.Diff(awstest.Refused(501, "NotImplemented", "The local AWS does not model the "+want+"."),
			create(definition)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want, diff)
		}
	}
	valid, err := c.states.ValidateStateMachineDefinition(c.ctx, &sdk.ValidateStateMachineDefinitionInput{Definition: ptr(simple)})
	if err != nil || valid.Result != "OK" || len(valid.Diagnostics) != 0 {
		t.Errorf("ValidateStateMachineDefinition() = %+v, %v", valid, err)
	}
	bad, err := c.states.ValidateStateMachineDefinition(c.ctx, &sdk.ValidateStateMachineDefinitionInput{Definition: ptr(`{"States":{}}`)})
	if err != nil || bad.Result != "FAIL" || *bad.Diagnostics[0].Message != "These fields are required: [StartAt]" || *bad.Diagnostics[0].Location != "/" {
		t.Errorf("ValidateStateMachineDefinition() = %+v, %v", bad, err)
	}
}

func TestRefusals(t *testing.T) {
	c := newCloud(t)
	c.machine(simple, "")
	const execution = "arn:aws:states" + place + "execution:m:none"
	role, lambdas := "arn:aws:iam::111122223333:role/states", c.role("lambdas", "lambda.amazonaws.com", "")
	as := func(name, actions string) *sdk.Client {
		return sdk.NewFromConfig(c.Config(awstest.Session(t, c.Server, name,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+actions+`","Resource":"*"}]}`, time.Hour)))
	}
	worker, nobody := as("worker", "states:*"), as("nobody", "sqs:*")
	create := func(client *sdk.Client, name, role string) error {
		_, err := client.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: &name, Definition: ptr(simple), RoleArn: &role})
		return err
	}
	start := func(client *sdk.Client, arn, name, input string) error {
		_, err := client.StartExecution(c.ctx, &sdk.StartExecutionInput{StateMachineArn: &arn, Name: &name, Input: &input})
		return err
	}
	_, missing := c.states.DescribeExecution(c.ctx, &sdk.DescribeExecutionInput{ExecutionArn: ptr(execution)})
	_, gone := c.states.DescribeStateMachine(c.ctx, &sdk.DescribeStateMachineInput{StateMachineArn: ptr(machine + "x")})
	_, nothing := c.states.UpdateStateMachine(c.ctx, &sdk.UpdateStateMachineInput{StateMachineArn: ptr(machine)})
	_, both := c.states.ListExecutions(c.ctx, &sdk.ListExecutionsInput{StateMachineArn: ptr(machine),
		MapRunArn: ptr("arn:aws:states" + place + "mapRun:m/l:x")})
	_, many := c.states.ListExecutions(c.ctx, &sdk.ListExecutionsInput{StateMachineArn: ptr(machine), MaxResults: 1001})
	_, filter := c.states.ListExecutions(c.ctx, &sdk.ListExecutionsInput{StateMachineArn: ptr(machine), StatusFilter: "succeeded"})
	_, run := c.states.DescribeMapRun(c.ctx, &sdk.DescribeMapRunInput{MapRunArn: ptr("arn:aws:states" + place + "mapRun:m/l:x")})
	_, denied := nobody.DescribeExecution(c.ctx, &sdk.DescribeExecutionInput{ExecutionArn: ptr(execution)})
	_, express := c.states.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: ptr("n"), Definition: ptr(simple), RoleArn: &role,
		Type: types.StateMachineTypeExpress})
	_, activities := c.states.ListActivities(c.ctx, &sdk.ListActivitiesInput{})
	_, changed := c.states.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: ptr("m"), Definition: ptr(simple + " "),
		RoleArn: &role})
	no := func(name, action, on string) awstest.Refusal {
		return awstest.Refused(400, "AccessDeniedException",
			"User: arn:aws:sts::111122223333:assumed-role/"+name+"/session is not authorized to perform: "+action+" on resource: "+on+" because no identity-based policy allows the "+action+" action")
	}
	for name, tt := range map[string]struct {
		err  error
		want awstest.Refusal
	}{
		"no execution":        {missing, awstest.Refused(400, "ExecutionDoesNotExist", "Execution Does Not Exist: '"+execution+"'")},
		"no machine":          {gone, awstest.Refused(400, "StateMachineDoesNotExist", "State Machine Does Not Exist: '"+machine+"x'")},
		"no update":           {nothing, awstest.Refused(400, "MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")},
		"two lists":           {both, awstest.Refused(400, "ValidationException", "Must specify only one of StateMachineArn or MapRunArn")},
		"a long page":         {many, awstest.Refused(400, "ValidationException", "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 1000")},
		"a small filter":      {filter, awstest.Refused(400, "ValidationException", "1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]")},
		"no map run":          {run, awstest.Refused(400, "ResourceNotFound", "Resource not found: 'arn:aws:states"+place+"mapRun:m/l:x'")},
		"a machine's name":    {create(c.states, "a b", role), awstest.Refused(400, "InvalidName", "Invalid Name: 'a b'")},
		"a long name":         {create(c.states, strings.Repeat("x", 81), role), awstest.Refused(400, "InvalidName", "Invalid Name: '"+strings.Repeat("x", 81)+"'")},
		"another definition":  {changed, awstest.Refused(400, "StateMachineAlreadyExists", "State Machine Already Exists: '"+machine+"'")},
		"a role of Lambda's":  {create(c.states, "n", lambdas), awstest.Refused(400, "AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.")},
		"no such role":        {create(c.states, "n", "arn:aws:iam::111122223333:role/none"), awstest.Refused(400, "AccessDeniedException", "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.")},
		"passing a role":      {create(worker, "n", role), no("worker", "iam:PassRole", role)},
		"no right to create":  {create(nobody, "n", role), no("nobody", "states:CreateStateMachine", "arn:aws:states"+place+"stateMachine:n")},
		"no right to start":   {start(nobody, machine, "a", `{}`), no("nobody", "states:StartExecution", machine)},
		"no right to look":    {denied, no("nobody", "states:DescribeExecution", execution)},
		"no input":            {start(c.states, machine, "a", ``), awstest.Refused(400, "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'")},
		"an input of words":   {start(c.states, machine, "a", `not some JSON`), awstest.Refused(400, "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')'")},
		"other quotes":        {start(c.states, machine, "a", `{'not': 'json'}`), awstest.Refused(400, "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Unexpected character (''' (code 39)): was expecting double-quote to start field name'")},
		"a large input":       {start(c.states, machine, "a", `"`+strings.Repeat("x", 256<<10)+`"`), awstest.Refused(400, "ValidationException", "1 validation error detected: Value '…' at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144")},
		"an execution's name": {start(c.states, machine, "a/b", `{}`), awstest.Refused(400, "InvalidName", "Invalid Name: 'a/b'")},
		"a bad ARN":           {start(c.states, "m", "a", `{}`), awstest.Refused(400, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: m'")},
		"another kind":        {start(c.states, execution, "a", `{}`), awstest.Refused(400, "InvalidArn", "Invalid Arn: 'Resource type not valid in this context: execution'")},
		"a child's machine":   {start(c.states, machine+"/items", "a", `{}`), awstest.Refused(400, "ValidationException", "StartExecution does not support state machine ARNs qualified with labels: '"+machine+"/items'")},
		"express":             {express, awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter type EXPRESS.")},
		"activities":          {activities, awstest.Refused(400, "UnknownOperationException", "The local AWS does not model the operation AWSStepFunctions.ListActivities.")},
	} {
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestClose: a cloud that ends stops what still runs.
func TestClose(t *testing.T) {
	c := newCloud(t)
	c.put("index.jsonl", strings.Repeat("1\n", 100))
	c.machine(one(mapState(waiting, fromS3+`,"End":true`)), mapping)
	c.start(jobs)
	c.define(one(`{"Type":"Wait","Seconds":1000,"End":true}`))
	c.start(`{}`)
	done := make(chan error, 1)
	go func() { done <- c.States().Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("executions still run")
	}
}
