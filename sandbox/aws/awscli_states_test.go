package aws_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

// TestCLIRunsWorkflows is the life of a state machine with a distributed Map, from the
// command line.
func TestCLIRunsWorkflows(t *testing.T) {
	t.Parallel()
	c := newTool(t, awstest.Start(t), "aws")
	sfn := func(args ...string) []string { return append([]string{"stepfunctions"}, args...) }
	const machine = "arn:aws:states:us-east-1:111122223333:stateMachine:bulk"
	c.aws("s3", "mb", "s3://jobs")
	c.write("index.jsonl", []byte("{\"shard\":1}\n{\"shard\":2}\n{\"shard\":3}\n"))
	c.aws("s3", "cp", "--only-show-errors", "index.jsonl", "s3://jobs/index.jsonl")
	c.write("trust.json", []byte(strings.ReplaceAll(lambdaTrust, "lambda.amazonaws.com", "states.amazonaws.com")))
	c.write("rights.json", []byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"states:StartExecution","Resource":"`+machine+`"},
		{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","s3:ListMultipartUploadParts","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::jobs/*"}]}`))
	role := c.aws("iam", "create-role", "--role-name", "bulk", "--assume-role-policy-document", "file://trust.json", "--query",
		"Role.Arn", "--output", "text")
	c.aws("iam", "put-role-policy", "--role-name", "bulk", "--policy-name", "rights", "--policy-document", "file://rights.json")
	c.write("definition.json", []byte(`{"StartAt":"Copy","States":{"Copy":{"Type":"Map","Label":"copy","MaxConcurrency":2,"End":true,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Shard","States":{"Shard":{"Type":"Pass","End":true}}},
		"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSONL"},"Parameters":{"Bucket.$":"$.bucket","Key.$":"$.key"}},
		"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket.$":"$.bucket","Prefix":"results"}}}}}`))
	c.prints("OK", sfn("validate-state-machine-definition", "--definition", "file://definition.json", "--query", "result")...)
	c.prints(machine, sfn("create-state-machine", "--name", "bulk", "--definition", "file://definition.json", "--role-arn", role,
		"--tags", "key=team,value=a", "--query", "stateMachineArn")...)
	c.prints("bulk\tACTIVE\tSTANDARD", sfn("describe-state-machine", "--state-machine-arn", machine, "--query", "[name,status,type]")...)
	c.prints("a", sfn("list-tags-for-resource", "--resource-arn", machine, "--query", "tags[].value")...)
	execution := strings.ReplaceAll(machine, "stateMachine", "execution") + ":first"
	c.prints(execution, sfn("start-execution", "--state-machine-arn", machine, "--name", "first", "--input",
		`{"bucket":"jobs","key":"index.jsonl"}`, "--query", "executionArn")...)
	for deadline := time.Now().Add(patience); c.aws(sfn("describe-execution", "--execution-arn", execution, "--query", "status",
		"--output", "text")...) == "RUNNING"; {
		if time.Now().After(deadline) {
			t.Fatal("the execution did not end")
		}
	}
	run := c.aws(sfn("list-map-runs", "--execution-arn", execution, "--query", "mapRuns[0].mapRunArn", "--output", "text")...)
	c.prints("SUCCEEDED\t3\t3\t2", sfn("describe-map-run", "--map-run-arn", run, "--query",
		"[status,itemCounts.total,itemCounts.succeeded,maxConcurrency]")...)
	c.prints("3", sfn("list-executions", "--map-run-arn", run, "--query", "length(executions[?status=='SUCCEEDED'])")...)
	c.prints("ExecutionSucceeded", sfn("get-execution-history", "--execution-arn", execution, "--reverse-order", "--query",
		"events[0].type")...)
	c.prints("2\n1", sfn("list-executions", "--map-run-arn", run, "--page-size", "2", "--query", "length(executions)")...)
	id := run[strings.LastIndex(run, ":")+1:]
	c.aws("s3", "cp", "--only-show-errors", "s3://jobs/results/"+id+"/SUCCEEDED_0.json", "results.json")
	if got := strings.Count(string(c.read("results.json")), `"Status":"SUCCEEDED"`); got != 3 {
		t.Errorf("%d results, want 3", got)
	}
	for want, args := range map[string][]string{
		"(ExecutionAlreadyExists) when calling the StartExecution operation: Execution Already Exists: '" + execution + "'": sfn("start-execution",
			"--state-machine-arn", machine, "--name", "first"),
		"(ExecutionNotRedrivable) when calling the RedriveExecution operation: Execution is SUCCEEDED and cannot be redriven": sfn("redrive-execution",
			"--execution-arn", execution),
		"(ValidationException) when calling the UpdateMapRun operation: Cannot update a Map Run that has completed": sfn("update-map-run",
			"--map-run-arn", run, "--max-concurrency", "1"),
		"(InvalidDefinition) when calling the UpdateStateMachine operation: Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION": sfn("update-state-machine",
			"--state-machine-arn", machine, "--definition", "not JSON"),
		"(StateMachineDoesNotExist) when calling the DescribeStateMachine operation: State Machine Does Not Exist: '" + machine + "x'": sfn("describe-state-machine",
			"--state-machine-arn", machine+"x"),
	} {
		if got := c.fails(args...); !strings.Contains(got, want) {
			t.Errorf("aws %s: got %q, want %q", strings.Join(args, " "), got, want)
		}
	}
	c.write("wait.json", []byte(`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}`))
	c.aws(sfn("update-state-machine", "--state-machine-arn", machine, "--definition", "file://wait.json")...)
	second := strings.ReplaceAll(machine, "stateMachine", "execution") + ":second"
	c.aws(sfn("start-execution", "--state-machine-arn", machine, "--name", "second")...)
	c.aws(sfn("stop-execution", "--execution-arn", second, "--error", "Enough", "--cause", "of it")...)
	c.prints("ABORTED\tEnough\tof it", sfn("describe-execution", "--execution-arn", second, "--query", "[status,error,cause]")...)
	c.prints("second\tfirst", sfn("list-executions", "--state-machine-arn", machine, "--query", "executions[].name")...)
	c.aws(sfn("delete-state-machine", "--state-machine-arn", machine)...)
	c.prints("", sfn("list-state-machines", "--query", "stateMachines[].name")...)
}
