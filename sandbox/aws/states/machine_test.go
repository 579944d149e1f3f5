package states_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

const simple = `{"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}`

func TestStateMachines(t *testing.T) {
	c := newCloud(t)
	role := c.role("states", "states.amazonaws.com", "")
	create := func(change ...func(*sdk.CreateStateMachineInput)) (*sdk.CreateStateMachineOutput, error) {
		in := &sdk.CreateStateMachineInput{Name: ptr("m"), Definition: ptr(simple), RoleArn: &role, Tags: []types.Tag{{Key: ptr("team"),
			Value: ptr("blue")}},
			TracingConfiguration: &types.TracingConfiguration{Enabled: true}}
		for _, f := range change {
			f(in)
		}
		return c.states.CreateStateMachine(c.ctx, in)
	}
	first, err := create()
	if err != nil || *first.StateMachineArn != machine {
		t.Fatalf("CreateStateMachine() = %+v, %v", first, err)
	}
	again, err := create(func(in *sdk.CreateStateMachineInput) { in.RoleArn = ptr(c.role("other", "states.amazonaws.com", "")) })
	if err != nil || !again.CreationDate.Equal(*first.CreationDate) {
		t.Errorf("creating the same again: %+v, %v", again, err)
	}
	got, err := c.states.DescribeStateMachine(c.ctx, &sdk.DescribeStateMachineInput{StateMachineArn: ptr(machine)})
	if err != nil || *got.Definition != simple || *got.RoleArn != role || got.Status != "ACTIVE" || got.Type != "STANDARD" || got.LoggingConfiguration.Level != "OFF" || !got.TracingConfiguration.Enabled || got.RevisionId != nil {
		t.Errorf("DescribeStateMachine() = %+v, %v", got, err)
	}
	updated, err := c.states.UpdateStateMachine(c.ctx, &sdk.UpdateStateMachineInput{StateMachineArn: ptr(machine),
		Definition: ptr(strings.Replace(simple, "Pass", "Wait\",\"Seconds\":60,\"Comment\":\"", 1))})
	if err != nil || updated.RevisionId == nil {
		t.Fatalf("UpdateStateMachine() = %+v, %v", updated, err)
	}
	arn := c.start(`{}`)
	if _, err := c.states.UpdateStateMachine(c.ctx, &sdk.UpdateStateMachineInput{StateMachineArn: ptr(machine),
		Definition: ptr(simple)}); err != nil {
		t.Fatal(err)
	}
	of, err := c.states.DescribeStateMachineForExecution(c.ctx, &sdk.DescribeStateMachineForExecutionInput{ExecutionArn: &arn})
	if err != nil || *of.RevisionId != *updated.RevisionId || !strings.Contains(*of.Definition, "Wait") {
		t.Errorf("an execution keeps its definition: %+v, %v", of, err)
	}
	if _, err := c.states.TagResource(c.ctx, &sdk.TagResourceInput{ResourceArn: ptr(machine), Tags: []types.Tag{{Key: ptr("stage"),
		Value: ptr("test")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.states.UntagResource(c.ctx, &sdk.UntagResourceInput{ResourceArn: ptr(machine), TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.states.ListTagsForResource(c.ctx, &sdk.ListTagsForResourceInput{ResourceArn: ptr(machine)})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "stage" || *tags.Tags[0].Value != "test" {
		t.Errorf("ListTagsForResource() = %+v, %v", tags, err)
	}
	if list, err := c.states.ListStateMachines(c.ctx,
		&sdk.ListStateMachinesInput{}); err != nil || len(list.StateMachines) != 1 || *list.StateMachines[0].Name != "m" {
		t.Errorf("ListStateMachines() = %+v, %v", list, err)
	}
	// It is there until its execution has ended, at its next transition.
	if _, err := c.states.DeleteStateMachine(c.ctx, &sdk.DeleteStateMachineInput{StateMachineArn: ptr(machine)}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.states.DescribeStateMachine(c.ctx,
		&sdk.DescribeStateMachineInput{StateMachineArn: ptr(machine)}); err != nil || got.Status != "DELETING" {
		t.Errorf("deleting: %+v, %v", got, err)
	}
	if _, err := create(); awstest.RefusalOf(t, err).Code != "StateMachineDeleting" {
		t.Errorf("creating what is being deleted: %v", err)
	}
	c.wait(arn, time.Minute)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		_, err := c.states.DescribeStateMachine(c.ctx, &sdk.DescribeStateMachineInput{StateMachineArn: ptr(machine)})
		if gone := new(types.StateMachineDoesNotExist); errors.As(err, &gone) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the state machine is still there: %v", err)
		}
	}
	if _, err := c.states.DeleteStateMachine(c.ctx, &sdk.DeleteStateMachineInput{StateMachineArn: ptr(machine)}); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

// TestConfusedDeputy: a role may trust Step Functions for some state machines alone; see
// "Prevent cross-service confused deputy issue" (AWS Step Functions Developer Guide).
func TestConfusedDeputy(t *testing.T) {
	c := newCloud(t)
	for name, tt := range map[string]struct{ source, code string }{
		"this":    {machine, ""},
		"any":     {"arn:aws:states" + place + "*", ""},
		"another": {machine + "x", "AccessDeniedException"},
	} {
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole",` +
			`"Condition":{"ArnLike":{"aws:SourceArn":"` + tt.source + `"},"StringEquals":{"aws:SourceAccount":"111122223333"}}}]}`
		role, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.states.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: ptr("m"), Definition: ptr(simple), RoleArn: role.Role.Arn})
		if got := awstest.RefusalOf(t, err); got.Code != tt.code {
			t.Errorf("%s: got %+v, want %s", name, got, tt.code)
		}
	}
}

func TestExecutions(t *testing.T) {
	c := newCloud(t)
	c.machine(one(`{"Type":"Wait","SecondsPath":"$.n","End":true}`), "")
	start := func(name, input string) (*sdk.StartExecutionOutput, error) {
		return c.states.StartExecution(c.ctx, &sdk.StartExecutionInput{StateMachineArn: ptr(machine), Name: &name, Input: &input})
	}
	first, err := start("a", `{"n":60}`)
	if err != nil || *first.ExecutionArn != "arn:aws:states"+place+"execution:m:a" {
		t.Fatalf("StartExecution() = %+v, %v", first, err)
	}
	if same, err := start("a", `{"n":60}`); err != nil || !same.StartDate.Equal(*first.StartDate) {
		t.Errorf("starting the same while it runs: %+v, %v", same, err)
	}
	taken := awstest.Refused(400, "ExecutionAlreadyExists", "Execution Already Exists: '"+*first.ExecutionArn+"'")
	refused := func(when, input string) {
		t.Helper()
		_, err := start("a", input)
		if diff := cmp.Diff(taken, awstest.RefusalOf(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	refused("another input", `{"n":61}`)
	stopped, err := c.states.StopExecution(c.ctx, &sdk.StopExecutionInput{ExecutionArn: first.ExecutionArn})
	if err != nil {
		t.Fatal(err)
	}
	if out := c.describe(*first.ExecutionArn); text(out) != "ABORTED" || !out.StopDate.Equal(*stopped.StopDate) {
		t.Errorf("stopped: %s, %+v", text(out), out)
	}
	if want := "1<0 ExecutionStarted\n2<0 WaitStateEntered\n3<0 ExecutionAborted"; c.kinds(*first.ExecutionArn) != want {
		t.Errorf("events are %s, want %s", c.kinds(*first.ExecutionArn), want)
	}
	refused("after its end", `{"n":60}`)
	c.Advance(89 * 24 * time.Hour)
	refused("after 89 days", `{"n":60}`)
	c.Advance(25 * time.Hour)
	if _, err := c.states.DescribeExecution(c.ctx, &sdk.DescribeExecutionInput{ExecutionArn: first.ExecutionArn}); awstest.RefusalOf(t,
		err).Code != "ExecutionDoesNotExist" {
		t.Errorf("after 90 days it is described: %v", err)
	}
	if _, err := start("a", `{"n":0}`); err != nil {
		t.Errorf("after 90 days: %v", err)
	}
	if _, err := start("b", `{"n":-1}`); err != nil {
		t.Fatal(err)
	}
	c.wait("arn:aws:states"+place+"execution:m:b", 0)
	c.wait("arn:aws:states"+place+"execution:m:a", 0)
	list, err := c.states.ListExecutions(c.ctx, &sdk.ListExecutionsInput{StateMachineArn: ptr(machine),
		StatusFilter: types.ExecutionStatusFailed})
	if err != nil || len(list.Executions) != 1 || *list.Executions[0].Name != "b" {
		t.Errorf("failed executions are %+v, %v", list, err)
	}
	page, err := c.states.ListExecutions(c.ctx, &sdk.ListExecutionsInput{StateMachineArn: ptr(machine), MaxResults: 1})
	if err != nil || len(page.Executions) != 1 || *page.Executions[0].Name != "b" || page.NextToken == nil {
		t.Errorf("the newest execution is %+v, %v", page, err)
	}
	bare, err := c.states.GetExecutionHistory(c.ctx,
		&sdk.GetExecutionHistoryInput{ExecutionArn: ptr("arn:aws:states" + place + "execution:m:b"), ReverseOrder: true,
			IncludeExecutionData: ptr(false)})
	if err != nil || len(bare.Events) != 3 || bare.Events[0].Type != "ExecutionFailed" || bare.Events[2].ExecutionStartedEventDetails.Input != nil {
		t.Errorf("a history backwards and without data: %+v, %v", bare, err)
	}
	// Fourteen days are for a redrive.
	failed := ptr("arn:aws:states" + place + "execution:m:b")
	redrive := &sdk.RedriveExecutionInput{ExecutionArn: failed, ClientToken: ptr("token")}
	for range 2 { // the same call again redrives it once
		if out, err := c.states.RedriveExecution(c.ctx, redrive); err != nil || out.RedriveDate == nil {
			t.Errorf("RedriveExecution() = %+v, %v", out, err)
		}
	}
	if want := "3<2 ExecutionFailed\n4<3 ExecutionRedriven\n5<4 WaitStateEntered\n6<5 ExecutionFailed"; !strings.HasSuffix(kindsAfter(c,
		*failed), want) {
		t.Errorf("events of a redrive: %s, want %s", c.kinds(*failed), want)
	}
	c.Advance(14 * 24 * time.Hour)
	_, err = c.states.RedriveExecution(c.ctx, &sdk.RedriveExecutionInput{ExecutionArn: failed})
	if diff := cmp.Diff(awstest.Refused(400, "ExecutionNotRedrivable", "Execution redrivable period exceeded"), awstest.RefusalOf(t,
		err)); diff != "" {
		t.Errorf("after fourteen days (-want +got):\n%s", diff)
	}
}

// kindsAfter are an execution's events at its end.
func kindsAfter(c *cloud, arn string) string {
	c.wait(arn, 0)
	return c.kinds(arn)
}

// TestLogging delivers histories to a log group, at their levels.
func TestLogging(t *testing.T) {
	c := newCloud(t)
	logs := cloudwatchlogs.NewFromConfig(c.Config(c.Admin()))
	if _, err := logs.CreateLogGroup(c.ctx,
		&cloudwatchlogs.CreateLogGroupInput{LogGroupName: ptr("/aws/vendedlogs/states/m")}); err != nil {
		t.Fatal(err)
	}
	role := c.role("states", "states.amazonaws.com", "")
	create := func(group string, level types.LogLevel) error {
		_, err := c.states.CreateStateMachine(c.ctx, &sdk.CreateStateMachineInput{Name: ptr("m"),
			Definition: ptr(one(`{"Type":"Wait","SecondsPath":"$.n","End":true}`)), RoleArn: &role,
			LoggingConfiguration: &types.LoggingConfiguration{Level: level, IncludeExecutionData: true,
				Destinations: []types.LogDestination{
					{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: ptr("arn:aws:logs" + place + "log-group:" + group + ":*")}}}}})
		return err
	}
	denied := awstest.Refused(400, "AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination")
	if diff := cmp.Diff(denied, awstest.RefusalOf(t, create("/aws/vendedlogs/states/m", types.LogLevelAll))); diff != "" {
		t.Errorf("without rights (-want +got):\n%s", diff)
	}
	c.grant("states",
		allow(`["logs:CreateLogDelivery","logs:GetLogDelivery","logs:UpdateLogDelivery","logs:DeleteLogDelivery","logs:ListLogDeliveries","logs:PutResourcePolicy","logs:DescribeResourcePolicies","logs:DescribeLogGroups"]`,
			"*"))
	if err := create("none", types.LogLevelAll); awstest.RefusalOf(t, err) != denied {
		t.Errorf("without a group: %v", err)
	}
	if err := create("/aws/vendedlogs/states/m", types.LogLevelAll); err != nil {
		t.Fatal(err)
	}
	c.end(`{"n":0}`)
	count := func() (n int) {
		out, err := logs.FilterLogEvents(c.ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: ptr("/aws/vendedlogs/states/m")})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			if line := object(t, aws.ToString(e.Message)); line["type"] == "" || line["execution_arn"] == "" {
				t.Errorf("a line is %v", line)
			}
		}
		return len(out.Events)
	}
	if n := count(); n != 4 {
		t.Errorf("%d lines of an execution of four events", n)
	}
	if _, err := c.states.UpdateStateMachine(c.ctx, &sdk.UpdateStateMachineInput{StateMachineArn: ptr(machine),
		LoggingConfiguration: &types.LoggingConfiguration{Level: types.LogLevelFatal, Destinations: []types.LogDestination{
			{CloudWatchLogsLogGroup: &types.CloudWatchLogsLogGroup{LogGroupArn: ptr("arn:aws:logs" + place + "log-group:/aws/vendedlogs/states/m:*")}}}}}); err != nil {
		t.Fatal(err)
	}
	c.end(`{"n":0}`)
	c.end(`{"n":-1}`)
	if n := count(); n != 5 {
		t.Errorf("%d lines, want one more of the execution that failed", n-4)
	}
}

// TestThrottles: token buckets on the cloud's clock; see "Step Functions service
// quotas".
func TestThrottles(t *testing.T) {
	c := newCloud(t)
	c.machine(simple, "")
	config := c.Config(c.Admin())
	states := sdk.NewFromConfig(config, func(o *sdk.Options) { o.HTTPSignerV4 = signer{c.Server} })
	list := func() error {
		_, err := states.ListStateMachines(c.ctx, &sdk.ListStateMachinesInput{})
		return err
	}
	var refused error
	n := 0
	for ; refused == nil && n < 500; n++ {
		refused = list()
	}
	if diff := cmp.Diff(awstest.Refused(400, "ThrottlingException", "Rate exceeded"), awstest.RefusalOf(t,
		refused)); diff != "" || n < 100 {
		t.Errorf("after %d calls (-want +got):\n%s", n, diff)
	}
	c.Advance(2 * time.Second)
	for range 10 {
		if err := list(); err != nil {
			t.Errorf("after two seconds, which refill ten: %v", err)
		}
	}
}
