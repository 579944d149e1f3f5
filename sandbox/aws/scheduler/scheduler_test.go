package scheduler_test

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	sdk "github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

const function = "arn:aws:lambda:us-east-1:111122223333:function:f"

// role makes a role that a service may assume, with a policy if there is one.
func role(t *testing.T, s *awstest.Server, name, service, policy string) string {
	t.Helper()
	c := iam.NewFromConfig(s.Config(s.Admin()))
	out, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: ptr(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		if _, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: &name, PolicyName: ptr("rights"), PolicyDocument: &policy}); err != nil {
			t.Fatal(err)
		}
	}
	return *out.Role.Arn
}

func invoking(resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"` + resource + `"}]}`
}

// hourly is the input for a schedule, with changes.
func hourly(role string, change ...func(*sdk.CreateScheduleInput)) *sdk.CreateScheduleInput {
	in := &sdk.CreateScheduleInput{
		Name: ptr("hourly"), ScheduleExpression: ptr("rate(1 hour)"), FlexibleTimeWindow: &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		Target: &types.Target{Arn: ptr(function), RoleArn: &role, Input: ptr(`{"at":"<aws.scheduler.scheduled-time>"}`), RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: ptr(int32(2))}},
	}
	for _, f := range change {
		f(in)
	}
	return in
}

// makeFunction makes the function f, which need not do anything.
func makeFunction(t *testing.T, s *awstest.Server) {
	t.Helper()
	var bundle bytes.Buffer
	z := zip.NewWriter(&bundle)
	h := &zip.FileHeader{Name: "bootstrap"}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err == nil {
		_, err = w.Write([]byte("#!/bin/sh\nexit 0\n"))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = lambda.NewFromConfig(s.Config(s.Admin())).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: ptr("f"), Role: ptr(role(t, s, "function", "lambda.amazonaws.com", "")), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: ptr("bootstrap"), Code: &lambdatypes.FunctionCode{ZipFile: bundle.Bytes()},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// invocations are the statuses of the invocations that a role asked for.
func invocations(s *awstest.Server, role string) []int {
	var out []int
	for _, e := range s.Journal.Entries() {
		if e.Service == "lambda" && e.Operation == "Invoke" && strings.HasPrefix(e.Principal, "arn:aws:sts::111122223333:assumed-role/"+role+"/") {
			out = append(out, e.Status)
		}
	}
	return out
}

func TestSchedulesInvokeAsTheirRole(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	makeFunction(t, s)
	may, maynot := role(t, s, "may", "scheduler.amazonaws.com", invoking(function)), role(t, s, "maynot", "scheduler.amazonaws.com", invoking(function+"-other"))
	// Clients sign with the machine's clock, which may be a quarter of an hour behind.
	often := func(in *sdk.CreateScheduleInput) { in.ScheduleExpression = ptr("rate(10 minutes)") }
	created, err := c.CreateSchedule(ctx, hourly(may, often))
	if err != nil || *created.ScheduleArn != "arn:aws:scheduler:us-east-1:111122223333:schedule/default/hourly" {
		t.Fatalf("CreateSchedule() = %+v, %v", created, err)
	}
	for name, change := range map[string]func(*sdk.CreateScheduleInput){
		"denied":   func(in *sdk.CreateScheduleInput) { in.Target.RoleArn = &maynot },
		"disabled": func(in *sdk.CreateScheduleInput) { in.State = types.ScheduleStateDisabled },
	} {
		if _, err := c.CreateSchedule(ctx, hourly(may, often, change, func(in *sdk.CreateScheduleInput) { in.Name = &name })); err != nil {
			t.Fatal(err)
		}
	}
	s.Scheduler().Tick()
	if got := invocations(s, "may"); len(got) != 0 {
		t.Errorf("before the time: %v", got)
	}
	s.Advance(10 * time.Minute)
	s.Scheduler().Tick()
	s.Scheduler().Tick() // it was due once
	if diff := cmp.Diff([]int{202}, invocations(s, "may")); diff != "" {
		t.Errorf("invocations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{403}, invocations(s, "maynot")); diff != "" {
		t.Errorf("denied invocations, which are not tried again (-want +got):\n%s", diff)
	}
}

// TestSchedulesStartMachines: a state machine is started with the schedule's input, by a role
// that may start it.
func TestSchedulesStartMachines(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, machines, ctx := sdk.NewFromConfig(s.Config(s.Admin())), sfn.NewFromConfig(s.Config(s.Admin())), t.Context()
	made, err := machines.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: ptr("m"), RoleArn: ptr(role(t, s, "machine", "states.amazonaws.com", "")),
		Definition: ptr(`{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	starting := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"states:StartExecution","Resource":"` + *made.StateMachineArn + `"}]}`
	for name, policy := range map[string]string{"may": starting, "maynot": invoking(function)} {
		roleARN := role(t, s, name, "scheduler.amazonaws.com", policy)
		if _, err := c.CreateSchedule(ctx, hourly(roleARN, func(in *sdk.CreateScheduleInput) {
			in.Name, in.ScheduleExpression, in.Target.Arn = &name, ptr("rate(10 minutes)"), made.StateMachineArn
		})); err != nil {
			t.Fatal(err)
		}
	}
	s.Advance(10 * time.Minute)
	s.Scheduler().Tick()
	list, err := machines.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: made.StateMachineArn})
	if err != nil || len(list.Executions) != 1 {
		t.Fatalf("executions are %+v, %v, want one", list, err)
	}
	got, err := machines.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: list.Executions[0].ExecutionArn})
	if err != nil || !strings.HasPrefix(*got.Input, `{"at":"2`) {
		t.Errorf("the execution is %+v, %v", got, err)
	}
	var statuses []int
	for _, e := range s.Journal.Entries() {
		if e.Operation == "StartExecution" {
			statuses = append(statuses, e.Status)
		}
	}
	if slices.Sort(statuses); !slices.Equal(statuses, []int{200, 400}) {
		t.Errorf("the statuses of the starts are %v, want one refusal and one start", statuses)
	}
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	may := role(t, s, "may", "scheduler.amazonaws.com", "")
	if _, err := c.CreateSchedule(ctx, hourly(may, func(in *sdk.CreateScheduleInput) {
		in.Description = ptr("copies")
		in.ScheduleExpressionTimezone = ptr("Asia/Tokyo")
	})); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetSchedule(ctx, &sdk.GetScheduleInput{Name: ptr("hourly")})
	if err != nil || *got.ScheduleExpression != "rate(1 hour)" || *got.ScheduleExpressionTimezone != "Asia/Tokyo" || *got.Description != "copies" || got.State != types.ScheduleStateEnabled ||
		*got.Target.Arn != function || *got.Target.RetryPolicy.MaximumRetryAttempts != 2 || *got.GroupName != "default" || time.Since(*got.CreationDate).Abs() > time.Minute {
		t.Errorf("GetSchedule() = %+v, %v", got, err)
	}
	list, err := c.ListSchedules(ctx, &sdk.ListSchedulesInput{NamePrefix: ptr("h")})
	if err != nil || len(list.Schedules) != 1 || *list.Schedules[0].Target.Arn != function {
		t.Errorf("ListSchedules() = %+v, %v", list, err)
	}
	if _, err := c.DeleteSchedule(ctx, &sdk.DeleteScheduleInput{Name: ptr("hourly")}); err != nil {
		t.Fatal(err)
	}
	if list, err := c.ListSchedules(ctx, &sdk.ListSchedulesInput{}); err != nil || len(list.Schedules) != 0 {
		t.Errorf("after deletion: %+v, %v", list, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	may, lambdas := role(t, s, "may", "scheduler.amazonaws.com", ""), role(t, s, "lambdas", "lambda.amazonaws.com", "")
	as := func(name, actions string) *sdk.Client {
		return sdk.NewFromConfig(s.Config(awstest.Session(t, s, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+actions+`","Resource":"*"}]}`, time.Hour)))
	}
	worker, nobody := as("worker", "scheduler:*"), as("nobody", "sqs:*")
	if _, err := c.CreateSchedule(ctx, hourly(may)); err != nil {
		t.Fatal(err)
	}
	create := func(c *sdk.Client, role string, change ...func(*sdk.CreateScheduleInput)) error {
		_, err := c.CreateSchedule(ctx, hourly(role, append([]func(*sdk.CreateScheduleInput){func(in *sdk.CreateScheduleInput) { in.Name = ptr("new") }}, change...)...))
		return err
	}
	denied := func(name, action, on string) awstest.Refusal {
		return awstest.Refused(403, "AccessDeniedException", "User: arn:aws:sts::111122223333:assumed-role/"+name+"/session is not authorized to perform: "+action+" on resource: "+on+" because no identity-based policy allows the "+action+" action")
	}
	_, missing := c.GetSchedule(ctx, &sdk.GetScheduleInput{Name: ptr("none")})
	_, gone := c.DeleteSchedule(ctx, &sdk.DeleteScheduleInput{Name: ptr("none")})
	_, groups := c.ListScheduleGroups(ctx, &sdk.ListScheduleGroupsInput{})
	for name, tt := range map[string]struct {
		err  error
		want awstest.Refusal
	}{
		"twice":                  {create(c, may, func(in *sdk.CreateScheduleInput) { in.Name = ptr("hourly") }), awstest.Refused(409, "ConflictException", "Schedule hourly already exists.")},
		"none":                   {missing, awstest.Refused(404, "ResourceNotFoundException", "Schedule none does not exist.")},
		"gone":                   {gone, awstest.Refused(404, "ResourceNotFoundException", "Schedule none does not exist.")},
		"no expression":          {create(c, may, func(in *sdk.CreateScheduleInput) { in.ScheduleExpression = ptr("hourly") }), awstest.Refused(400, "ValidationException", "Invalid Schedule Expression hourly.")},
		"no zone":                {create(c, may, func(in *sdk.CreateScheduleInput) { in.ScheduleExpressionTimezone = ptr("Tokyo") }), awstest.Refused(400, "ValidationException", "Provided ScheduleExpressionTimezone is invalid.")},
		"no group":               {create(c, may, func(in *sdk.CreateScheduleInput) { in.GroupName = ptr("mine") }), awstest.Refused(404, "ResourceNotFoundException", "Schedule group mine does not exist.")},
		"too many retries":       {create(c, may, func(in *sdk.CreateScheduleInput) { in.Target.RetryPolicy.MaximumRetryAttempts = ptr(int32(186)) }), awstest.Refused(400, "ValidationException", "1 validation error detected: Value '186' at 'target.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value between 0 and 185")},
		"a role of Lambda's":     {create(c, lambdas), awstest.Refused(400, "ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")},
		"a window":               {create(c, may, func(in *sdk.CreateScheduleInput) { in.FlexibleTimeWindow.Mode = types.FlexibleTimeWindowModeFlexible }), awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter FlexibleTimeWindow.Mode FLEXIBLE.")},
		"another target":         {create(c, may, func(in *sdk.CreateScheduleInput) { in.Target.Arn = ptr("arn:aws:sqs:us-east-1:111122223333:q") }), awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter Target.Arn arn:aws:sqs:us-east-1:111122223333:q.")},
		"a start":                {create(c, may, func(in *sdk.CreateScheduleInput) { in.StartDate = ptr(time.Now()) }), awstest.Refused(501, "NotImplemented", "The local AWS does not model the parameter StartDate.")},
		"without the right":      {create(nobody, may), denied("nobody", "scheduler:CreateSchedule", "arn:aws:scheduler:us-east-1:111122223333:schedule/default/new")},
		"without passing a role": {create(worker, may), denied("worker", "iam:PassRole", may)},
		"groups":                 {groups, awstest.Refused(404, "UnknownOperationException", "The local AWS does not model the operation GET /schedule-groups.")},
	} {
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
