package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/gcs-to-s3/gcs-to-s3/internal/clouds"
	"github.com/gcs-to-s3/gcs-to-s3/internal/engine"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/integration"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/faults"
)

// world is an environment that is deployed with every choice, and one of whose things
// has another owner.
type world struct {
	*integration.Clouds
	t    *testing.T
	both clouds.Pair
}

// The marks of others.
func (w world) another() environment.Mark {
	return environment.Mark{Environment: "other", ID: w.Env.ID(), Owner: "bob"}
}

func (w world) sameName() environment.Mark {
	return environment.Mark{Environment: w.Env.Name, ID: "0123456789ab"}
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w world) tagRole(name string, m environment.Mark) {
	w.t.Helper()
	client := iam.NewFromConfig(w.both.AWS)
	var tags []iamtypes.Tag
	for key, value := range m.Tags() {
		tags = append(tags, iamtypes.Tag{Key: &key, Value: &value})
	}
	_, err := client.TagRole(w.t.Context(), &iam.TagRoleInput{RoleName: &name, Tags: tags})
	w.must(err)
}

// remakeRole deletes a role and makes it again, without a mark.
func (w world) remakeRole(name string) {
	w.t.Helper()
	client := iam.NewFromConfig(w.both.AWS)
	policies, err := client.ListRolePolicies(w.t.Context(), &iam.ListRolePoliciesInput{RoleName: &name})
	w.must(err)
	for _, policy := range policies.PolicyNames {
		_, err := client.DeleteRolePolicy(w.t.Context(), &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy})
		w.must(err)
	}
	_, err = client.DeleteRole(w.t.Context(), &iam.DeleteRoleInput{RoleName: &name})
	w.must(err)
	w.MakeRole(w.t, name, "")
}

// physical is the id of a resource of the function's stack.
func (w world) physical(kind string) string {
	w.t.Helper()
	for _, r := range clouds.StackResources(w.t.Context(), w.both.AWS, w.Env.FunctionStack()).Thing {
		if aws.ToString(r.ResourceType) == kind {
			return aws.ToString(r.PhysicalResourceId)
		}
	}
	w.t.Fatalf("the function's stack has no %s", kind)
	return ""
}

// further is the function's stack with what it has with bulk jobs and a dashboard.
func (w world) further() string {
	w.t.Helper()
	var template map[string]any
	w.must(json.Unmarshal([]byte(w.Template(w.t, "function")), &template))
	resources := template["Resources"].(map[string]any)
	resources["Dashboard"] = map[string]any{"Type": "AWS::CloudWatch::Dashboard", "Properties": map[string]any{"DashboardName": w.Env.Function, "DashboardBody": `{"widgets":[]}`}}
	resources["JobsRole"] = map[string]any{"Type": ownership.TypeRole, "Properties": map[string]any{"AssumeRolePolicyDocument": map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Principal": map[string]any{"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}},
	}}}
	resources["Jobs"] = map[string]any{"Type": ownership.TypeMachine, "Properties": map[string]any{
		"StateMachineName": w.Env.Jobs(), "RoleArn": map[string]any{"Fn::GetAtt": []string{"JobsRole", "Arn"}}, "DefinitionString": machine,
	}}
	text, err := json.Marshal(template)
	w.must(err)
	return string(text)
}

const machine = `{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}`

// tagMachine gives the state machine the tags of a mark.
func (w world) tagMachine(m environment.Mark) {
	w.t.Helper()
	var tags []sfntypes.Tag
	for key, value := range m.Tags() {
		tags = append(tags, sfntypes.Tag{Key: &key, Value: &value})
	}
	_, err := sfn.NewFromConfig(w.both.AWS).TagResource(w.t.Context(), &sfn.TagResourceInput{ResourceArn: aws.String(w.physical(ownership.TypeMachine)), Tags: tags})
	w.must(err)
}

// remakeMachine deletes the state machine and makes it again, without a mark.
func (w world) remakeMachine() {
	w.t.Helper()
	client, arn := sfn.NewFromConfig(w.both.AWS), w.physical(ownership.TypeMachine)
	old, err := client.DescribeStateMachine(w.t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
	w.must(err)
	_, err = client.DeleteStateMachine(w.t.Context(), &sfn.DeleteStateMachineInput{StateMachineArn: &arn})
	w.must(err)
	for found := clouds.MachineTags(w.t.Context(), w.both.AWS, arn); !found.Absent(); found = clouds.MachineTags(w.t.Context(), w.both.AWS, arn) {
		w.must(found.Err()) // until its executions have ended
		runtime.Gosched()
	}
	_, err = client.CreateStateMachine(w.t.Context(), &sfn.CreateStateMachineInput{Name: aws.String(w.Env.Jobs()), RoleArn: old.RoleArn, Definition: old.Definition})
	w.must(err)
}

func (w world) describe(path, text string) {
	w.t.Helper()
	body, query := map[string]any{"description": text}, "?updateMask=description"
	if strings.Contains(path, "/serviceAccounts/") {
		body, query = map[string]any{"serviceAccount": body, "updateMask": "description"}, ""
	}
	w.Call(w.t, "PATCH", path+query, body, nil)
}

func (w world) accountPath() string {
	return "/v1/projects/" + w.Env.GoogleProject + "/serviceAccounts/" + w.Env.ServiceAccountEmail()
}

func (w world) providerPath(id string) string { return w.PoolPath() + "/providers/" + id }

// remakeAccount deletes the service account and makes it again, with its grants.
func (w world) remakeAccount() {
	w.t.Helper()
	w.Call(w.t, "DELETE", w.accountPath(), nil, nil)
	w.Call(w.t, "POST", "/v1/projects/"+w.Env.GoogleProject+"/serviceAccounts", map[string]any{"accountId": w.Env.ServiceAccount}, nil)
	w.BindBucket(w.t, w.Env.SourceBucket, "roles/storage.objectAdmin", "serviceAccount:"+w.Env.ServiceAccountEmail())
}

func (w world) deleteStack(name string) {
	w.t.Helper()
	w.must(Remove(w.t.Context(), w.both, Item{Kind: KindStack, Name: name}))
	w.Advance(2 * time.Minute) // until then SQS blocks the name of a deleted queue
}

// facts are what both clouds have, by names that only tests know: whatever of it does not
// belong to the environment must be the same after a tear-down.
func (w world) facts() map[string]string {
	w.t.Helper()
	ctx, out := context.Background(), map[string]string{}
	for _, name := range []string{w.Env.Role} {
		if role := clouds.Role(ctx, w.both.AWS, name); role.There() {
			out["role"] = aws.ToString(role.Thing.RoleId)
		}
	}
	if function := clouds.Function(ctx, w.both.AWS, w.Env.Function); function.There() {
		out["function"] = aws.ToString(function.Thing.Configuration.RevisionId)
	}
	if group := clouds.LogGroup(ctx, w.both.AWS, w.Env.LogGroup()); group.There() {
		out["log group"] = aws.ToString(group.Thing.Arn)
	}
	if url := clouds.QueueURL(ctx, w.both.AWS, w.Env.DeadLetters()); url.There() {
		out["queue"] = url.Thing
	}
	if target := clouds.Schedule(ctx, w.both.AWS, w.Env.Function); target.There() {
		out["schedule"] = target.Thing
	}
	for _, name := range []string{w.Env.RoleStack(), w.Env.FunctionStack()} {
		if stack := clouds.Stack(ctx, w.both.AWS, name); stack.There() {
			out["stack "+name] = aws.ToString(stack.Thing.StackId)
		}
	}
	machines, err := sfn.NewFromConfig(w.both.AWS).ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	w.must(err)
	for _, m := range machines.StateMachines {
		out["state machine"] = aws.ToString(m.StateMachineArn)
	}
	if account := w.both.Google.AccountByEmail(ctx, w.Env.ServiceAccountEmail()); account.There() {
		out["service account"] = account.Thing.UniqueId
	}
	if pool := w.both.Google.PoolByID(ctx, w.Env.Pool); pool.There() {
		out["pool"] = pool.Thing.State
	}
	for _, provider := range w.both.Google.ProvidersOf(ctx, w.Env.Pool).Thing {
		out["provider "+provider.Name[strings.LastIndex(provider.Name, "/")+1:]] = provider.State
	}
	for on, policy := range map[string]clouds.Answer[[]clouds.Binding]{
		"bucket": w.both.Google.BucketPolicy(ctx, w.Env.SourceBucket), "project": w.both.Google.ProjectPolicy(ctx), "account": w.both.Google.AccountPolicy(ctx, w.Env.ServiceAccountEmail()),
	} {
		for _, b := range policy.Thing {
			for _, member := range b.Members {
				if strings.Contains(member, w.Env.ServiceAccount) || strings.Contains(member, w.Env.Pool) {
					out["grant on "+on+" "+b.Role+" "+member] = "granted"
				}
			}
		}
	}
	return out
}

// TestNothingForeignIsTouched crosses the kinds of things with the kinds of owners. Each
// case gives one thing of a deployed environment another owner; then it is not listed as
// the environment's, with Pulumi's state and without, and a tear-down leaves it as it is.
func TestNothingForeignIsTouched(t *testing.T) {
	t.Parallel()
	const (
		unmarked = "carries no mark of an environment"
		others   = "belongs to the environment other, of bob"
		folders  = "belongs to another environment of the name test"
		forged   = "carries the environment's mark, but "
		remade   = "somebody made it again under its name"
		holds    = "holds what is not the environment's"
		gone     = "the service account that it was made to is gone"
	)
	role := func(w world) string { return w.Env.Role }
	scheduleRole := func(w world) string { return w.physical("AWS::IAM::Role") }
	own := func(w world) environment.Mark { return w.Env.Mark() }
	describe := func(path func(world) string, text string, mark func(world) environment.Mark) func(world) {
		return func(w world) { w.describe(path(w), strings.TrimSpace(text+" "+mark(w).String())) }
	}
	bare := func(path func(world) string) func(world) { return func(w world) { w.describe(path(w), "hand-made") } }
	account, pool := world.accountPath, func(w world) string { return w.PoolPath() }
	provider := func(w world) string { return w.providerPath(w.Env.Provider) }
	further := func(w world) string { return w.providerPath("further") }
	tagQueue := func(m func(world) environment.Mark) func(world) {
		return func(w world) {
			_, err := sqs.NewFromConfig(w.both.AWS).
				TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: aws.String(w.physical("AWS::SQS::Queue")), Tags: m(w).Tags()})
			w.must(err)
		}
	}
	tagFunction := func(m func(world) environment.Mark) func(world) {
		return func(w world) {
			out, err := lambda.NewFromConfig(w.both.AWS).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &w.Env.Function})
			w.must(err)
			_, err = lambda.NewFromConfig(w.both.AWS).
				TagResource(t.Context(), &lambda.TagResourceInput{Resource: out.Configuration.FunctionArn, Tags: m(w).Tags()})
			w.must(err)
		}
	}
	// group makes the log group without its function, with tags.
	group := func(m func(world) environment.Mark) func(world) {
		return func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(w.Env.LogGroup())}
			if m != nil {
				in.Tags = m(w).Tags()
			}
			_, err := cloudwatchlogs.NewFromConfig(w.both.AWS).CreateLogGroup(t.Context(), in)
			w.must(err)
		}
	}
	// stack makes a stack of the environment's name again, which somebody else tagged.
	stack := func(template string, m func(world) environment.Mark) func(world) {
		return func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			if template == "" {
				template = w.Template(w.t, "function")
			}
			mark := environment.Mark{}
			if m != nil {
				mark = m(w)
			}
			w.MakeStack(w.t, w.Env.FunctionStack(), template, mark)
		}
	}
	// bulk makes the function's stack again with bulk jobs and a dashboard, and changes that.
	bulk := func(m func(world) environment.Mark, change func(world)) func(world) {
		return func(w world) {
			stack(w.further(), m)(w)
			if change != nil {
				change(w)
			}
		}
	}
	// review leaves the function's stack with a change set that is never executed.
	review := func(m func(world) environment.Mark) func(world) {
		return func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			in := &cloudformation.CreateChangeSetInput{
				StackName:     aws.String(w.Env.FunctionStack()),
				ChangeSetName: aws.String("prepared"),
				ChangeSetType: "CREATE",
				TemplateBody:  aws.String(w.Template(t, "function")),
				Capabilities:  []cfntypes.Capability{cfntypes.CapabilityCapabilityIam},
			}
			if m != nil {
				for key, value := range m(w).Tags() {
					in.Tags = append(in.Tags, cfntypes.Tag{Key: &key, Value: &value})
				}
			}
			_, err := cloudformation.NewFromConfig(w.both.AWS).CreateChangeSet(t.Context(), in)
			w.must(err)
		}
	}
	// importing leaves the function's stack with a change set of an import, which has no tags.
	importing := func(m func(world) environment.Mark) func(world) {
		return func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			_, err := cloudformation.NewFromConfig(w.both.AWS).CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
				StackName: aws.String(w.Env.FunctionStack()), ChangeSetName: aws.String("prepared"), ChangeSetType: cfntypes.ChangeSetTypeImport,
				TemplateBody: aws.String("Resources:\n  Logs:\n    Type: AWS::Logs::LogGroup\n    DeletionPolicy: Retain\n    Metadata:\n      " + environment.MarkMetadata + ": '" + m(w).String() +
					"'\n    Properties:\n      LogGroupName: " + w.Env.LogGroup() + "\n"),
				ResourcesToImport: []cfntypes.ResourceToImport{{
					ResourceType: aws.String("AWS::Logs::LogGroup"), LogicalResourceId: aws.String("Logs"), ResourceIdentifier: map[string]string{"LogGroupName": w.Env.LogGroup()},
				}},
			})
			w.must(err)
		}
	}
	const queueOnly = `{"Resources":{"Invoices":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"gcs-to-s3-dead-letters"}}}}`

	for _, tt := range []struct {
		thing, owner string
		change       func(world)
		kind, name   string // of the item; name is a part of its name
		why          string // a part; empty: the environment's
		stays        string // the fact that must stay, or a prefix of several
		recorded     string // what is said of it with Pulumi's state, if that is something else
	}{
		{"role", "ours", func(world) {}, KindRole, "gcs-to-s3-role", "", "", ""},
		{"role", "another environment's", func(w world) { w.tagRole(role(w), w.another()) }, KindRole, "gcs-to-s3-role", others, "role", ""},
		{"role", "a same-named environment's", func(w world) { w.tagRole(role(w), w.sameName()) }, KindRole, "gcs-to-s3-role", folders, "role", ""},
		{"role", "remade", func(w world) { w.remakeRole(role(w)) }, KindRole, "gcs-to-s3-role", remade, "role", ""},
		{"role", "hand-made", func(w world) { w.deleteStack(w.Env.RoleStack()); w.MakeRole(t, role(w), "") }, KindRole, "gcs-to-s3-role", unmarked, "role", ""},
		{"stack of a remade role", "ours", func(w world) { w.remakeRole(role(w)) }, KindStack, "-role", holds, "stack gcs-to-s3-test-role", ""},
		{"function", "another environment's", tagFunction(world.another), KindFunction, "gcs-to-s3", others, "function", ""},
		{"function", "a same-named environment's", tagFunction(world.sameName), KindFunction, "gcs-to-s3", folders, "function", ""},
		{"function", "remade", func(w world) {
			client := lambda.NewFromConfig(w.both.AWS)
			_, err := client.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &w.Env.Function})
			w.must(err)
			w.DeployBundle(t, integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}), func(in *lambda.CreateFunctionInput) { in.Tags = nil })
		}, KindFunction, "gcs-to-s3", remade, "function", ""},
		{"function", "hand-made", func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			w.DeployBundle(t, integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}), func(in *lambda.CreateFunctionInput) { in.Tags = nil })
		}, KindFunction, "gcs-to-s3", unmarked, "function", ""},
		{"role", "ours, without its stack", func(w world) {
			w.deleteStack(w.Env.RoleStack())
			w.MakeRole(t, role(w), "")
			w.Mark(t, own(w))
		}, KindRole, "gcs-to-s3-role", "", "", ""},
		{"role", "a forged mark, without a stack", func(w world) {
			w.deleteStack(w.Env.RoleStack())
			w.MakeRole(t, role(w), "")
			w.tagRole(role(w), own(w))
		}, KindRole, "gcs-to-s3-role", forged, "role", ""},
		{"function", "ours, without its stack", func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			w.DeployBundle(t, integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}), func(in *lambda.CreateFunctionInput) {
				in.Description = aws.String("Copies from gs://a to s3://b")
			})
		}, KindFunction, "gcs-to-s3", "", "", ""},
		{"function", "a forged mark, without a stack", func(w world) {
			w.deleteStack(w.Env.FunctionStack())
			w.DeployBundle(t, integration.Bundle(t, map[string][]byte{"bootstrap": []byte("#!")}))
		}, KindFunction, "gcs-to-s3", forged, "function", ""},
		{"log group", "hand-made", group(nil), KindLogGroup, "/aws/lambda/gcs-to-s3", unmarked, "log group", ""},
		{"log group", "another environment's", group(world.another), KindLogGroup, "/aws/lambda/gcs-to-s3", others, "log group", ""},
		{"log group", "a same-named environment's", group(world.sameName), KindLogGroup, "/aws/lambda/gcs-to-s3", folders, "log group", ""},
		{"log group", "a forged mark, without its function", group(own), KindLogGroup, "/aws/lambda/gcs-to-s3", "", "log group", ""},
		{"log group", "remade by Lambda", func(w world) {
			client := cloudwatchlogs.NewFromConfig(w.both.AWS)
			_, err := client.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String(w.Env.LogGroup())})
			w.must(err)
			_, err = client.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(w.Env.LogGroup())})
			w.must(err)
		}, KindLogGroup, "/aws/lambda/gcs-to-s3", "", "", ""},
		{"queue", "another environment's", tagQueue(world.another), KindStack, "-function", holds, "queue", ""},
		{"queue", "a same-named environment's", tagQueue(world.sameName), KindStack, "-function", holds, "queue", ""},
		{"queue", "remade", func(w world) {
			client := sqs.NewFromConfig(w.both.AWS)
			_, err := client.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: aws.String(w.physical("AWS::SQS::Queue")), TagKeys: slices.Collect(maps.Keys(w.Env.Mark().Tags()))})
			w.must(err)
		}, KindStack, "-function", holds, "queue", ""},
		{"schedule", "remade", func(w world) {
			client := scheduler.NewFromConfig(w.both.AWS)
			old, err := client.GetSchedule(t.Context(), &scheduler.GetScheduleInput{Name: &w.Env.Function})
			w.must(err)
			old.Target.Arn = aws.String("arn:aws:lambda:ap-northeast-1:123456789012:function:theirs")
			_, err = client.UpdateSchedule(t.Context(), &scheduler.UpdateScheduleInput{Name: &w.Env.Function, ScheduleExpression: old.ScheduleExpression, Target: old.Target,
				FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff}})
			w.must(err)
		}, KindStack, "-function", holds, "schedule", ""},
		{"schedule's role", "another environment's", func(w world) { w.tagRole(scheduleRole(w), w.another()) }, KindStack, "-function", holds, "schedule", ""},
		{"schedule's role", "remade", func(w world) { w.remakeRole(scheduleRole(w)) }, KindStack, "-function", holds, "schedule", ""},
		{"alarms", "ours", func(world) {}, KindResource, "gcs-to-s3-errors", "", "", ""},
		{"alarms", "another environment's stack", stack("", world.another), KindResource, "gcs-to-s3-errors", others, "stack gcs-to-s3-test-function", ""},
		{"alarms", "a same-named environment's stack", stack("", world.sameName), KindResource, "gcs-to-s3-errors", folders, "stack gcs-to-s3-test-function", ""},
		{"alarms", "a stack without a mark", stack("", nil), KindResource, "gcs-to-s3-errors", unmarked, "stack gcs-to-s3-test-function", ""},
		{"dashboard", "ours", bulk(own, nil), KindResource, "gcs-to-s3", "", "", ""},
		{"dashboard", "another environment's stack", bulk(world.another, nil), KindResource, "gcs-to-s3", others, "stack gcs-to-s3-test-function", ""},
		{"dashboard", "a same-named environment's stack", bulk(world.sameName, nil), KindResource, "gcs-to-s3", folders, "stack gcs-to-s3-test-function", ""},
		{"dashboard", "a stack without a mark", bulk(nil, nil), KindResource, "gcs-to-s3", unmarked, "stack gcs-to-s3-test-function", ""},
		{"state machine", "ours", bulk(own, nil), KindResource, ":stateMachine:gcs-to-s3-bulk", "", "", ""},
		{"state machine", "another environment's stack", bulk(world.another, nil), KindResource, ":stateMachine:gcs-to-s3-bulk", others, "state machine", ""},
		{"state machine", "a stack without a mark", bulk(nil, nil), KindResource, ":stateMachine:gcs-to-s3-bulk", unmarked, "state machine", ""},
		{"state machine", "another environment's", bulk(own, func(w world) { w.tagMachine(w.another()) }), KindStack, "-function", holds, "state machine", ""},
		{"state machine", "a same-named environment's", bulk(own, func(w world) { w.tagMachine(w.sameName()) }), KindStack, "-function", holds, "state machine", ""},
		{"state machine", "remade", bulk(own, world.remakeMachine), KindStack, "-function", holds, "state machine", ""},
		{"stack", "hand-made", stack(queueOnly, nil), KindStack, "-function", "does not have the form of the environment's: its template has Invoices", "stack gcs-to-s3-test-function", ""},
		{"stack", "ours in form, without a mark", stack("", nil), KindStack, "-function", unmarked, "stack gcs-to-s3-test-function", ""},
		{"stack", "another environment's", stack("", world.another), KindStack, "-function", others, "stack gcs-to-s3-test-function", ""},
		{"stack", "a same-named environment's", stack("", world.sameName), KindStack, "-function", folders, "stack gcs-to-s3-test-function", ""},
		{"stack", "a forged mark", stack(queueOnly, own), KindStack, "-function", forged, "queue", ""},
		{"CDK assets", "of another environment's stack", stack("", world.another), KindStack, "-function", others, "stack gcs-to-s3-test-function", ""},
		{"stack in review", "somebody else's change set", review(nil), KindStack, "-function", unmarked, "stack gcs-to-s3-test-function", ""},
		{"stack in review", "a same-named environment's change set", review(world.sameName), KindStack, "-function", folders, "stack gcs-to-s3-test-function", ""},
		{"stack in review", "ours", review(own), KindStack, "-function", "", "", ""},
		{"stack in review", "ours, of an import", importing(own), KindStack, "-function", "", "", ""},
		{"stack in review", "a same-named environment's import", importing(world.sameName), KindStack, "-function", folders, "stack gcs-to-s3-test-function", ""},
		{"stack in review", "no change set", func(w world) {
			review(nil)(w)
			_, err := cloudformation.NewFromConfig(w.both.AWS).DeleteChangeSet(t.Context(), &cloudformation.DeleteChangeSetInput{StackName: aws.String(w.Env.FunctionStack()), ChangeSetName: aws.String("prepared")})
			w.must(err)
		}, KindStack, "-function", "", "", ""},
		{"role in the way of its stack", "hand-made", func(w world) {
			w.deleteStack(w.Env.RoleStack())
			w.MakeRole(t, w.Env.Role, "")
			var tags []cfntypes.Tag
			for key, value := range w.Env.Mark().Tags() {
				tags = append(tags, cfntypes.Tag{Key: &key, Value: &value})
			}
			_, err := cloudformation.NewFromConfig(w.both.AWS).CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: aws.String(w.Env.RoleStack()), TemplateBody: aws.String(w.Template(t, "role")),
				Tags: tags, OnFailure: cfntypes.OnFailureDoNothing, Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityNamedIam}})
			w.must(err)
		}, KindStack, "-role", "", "role", ""},

		{"service account", "another environment's", describe(account, "Read by the AWS role gcs-to-s3-role", world.another), KindServiceAccount, "gcs", others, "service account", ""},
		{"service account", "a same-named environment's", describe(account, "Read by the AWS role gcs-to-s3-role", world.sameName), KindServiceAccount, "gcs", folders, "service account", ""},
		{"service account", "a forged mark", describe(account, "Reader of production", own), KindServiceAccount, "gcs", forged, "service account", ""},
		{"service account", "a mark alone", describe(account, "", own), KindServiceAccount, "gcs", forged, "service account", ""},
		{"service account", "unmarked", bare(account), KindServiceAccount, "gcs", unmarked, "", "ours"},
		{"service account", "remade", world.remakeAccount, KindServiceAccount, "gcs", unmarked, "service account", ""},
		{"grant on the bucket", "to a remade account", world.remakeAccount, KindBinding, "serviceAccount:gcs", unmarked, "grant on bucket roles/storage.objectAdmin", ""},
		{"grant on the bucket", "to a deleted account", world.remakeAccount, KindBinding, "deleted:serviceAccount:gcs", gone, "service account", "ours"},
		{"grant on the bucket", "to another environment's account", describe(account, "Read by the AWS role gcs-to-s3-role", world.another), KindBinding, "serviceAccount:gcs", others, "grant on bucket", ""},
		{"grant on the project", "to another environment's account", func(w world) {
			w.Bind(t, "/v1/projects/"+w.Env.GoogleProject, "roles/storage.objectViewer", "serviceAccount:"+w.Env.ServiceAccountEmail())
			describe(account, "Read by the AWS role gcs-to-s3-role", world.another)(w)
		}, KindBinding, "serviceAccount:gcs", others, "grant on project roles/storage.objectViewer", ""},
		{"grant on the account", "to another environment's pool", func(w world) {
			describe(pool, "Admits AWS account 123456789012", world.another)(w)
			describe(account, "Read by the AWS role gcs-to-s3-role", world.another)(w)
		}, KindBinding, "principalSet:", others, "grant on account", ""},
		{"pool", "another environment's", describe(pool, "Admits AWS account 123456789012", world.another), KindPool, "aws-connect", others, "pool", ""},
		{"pool", "a same-named environment's", describe(pool, "Admits AWS account 123456789012", world.sameName), KindPool, "aws-connect", folders, "pool", ""},
		{"pool", "hand-made", bare(pool), KindPool, "aws-connect", unmarked, "pool", ""},
		{"pool", "a forged mark", describe(pool, "Company pool", own), KindPool, "aws-connect", forged, "pool", ""},
		{"provider", "in another environment's pool", describe(pool, "Admits AWS account 123456789012", world.another), KindProvider, "aws-connect/aws-connect", others, "provider aws-connect", ""},
		{"provider", "hand-made", bare(provider), KindProvider, "aws-connect/aws-connect", remade, "provider aws-connect", ""},
		{"provider", "another environment's", describe(provider, "Admits the role gcs-to-s3-role", world.another), KindProvider, "aws-connect/aws-connect", others, "provider aws-connect", ""},
		{"provider", "a forged mark", describe(provider, "Company provider", own), KindProvider, "aws-connect/aws-connect", forged, "provider aws-connect", ""},
		{"further provider", "ours", describe(further, "Admits the role theirs", own), KindProvider, "aws-connect/further", "", "", ""},
		{"further provider", "hand-made", bare(further), KindProvider, "aws-connect/further", remade, "provider further", ""},
		{"further provider", "a same-named environment's", describe(further, "Admits the role theirs", world.sameName), KindProvider, "aws-connect/further", folders, "provider further", ""},
		{"pool of a foreign provider", "ours", bare(further), KindPool, "aws-connect", holds, "pool", ""},
	} {
		t.Run(tt.thing+"/"+tt.owner, func(t *testing.T) {
			t.Parallel()
			c := integration.New(t, sandbox.Options{})
			c.DeployStacks(t, c.Env.Mark())
			w := world{c, t, c.Clients(t)}
			w.Call(
				t,
				"POST",
				w.PoolPath()+"/providers?workloadIdentityPoolProviderId=further",
				map[string]any{
					"description": "Admits the role theirs " + w.Env.Mark().String(),
					"aws":         map[string]any{"accountId": "210987654321"},
				},
				nil,
			)
			state := recorded(t, c)
			tt.change(w)
			before := w.facts()
			var all [2][]Item
			for n, state := range [][]engine.Resource{nil, state} {
				items, err := Of(t.Context(), w.both, w.Env, state...)
				if err != nil {
					t.Fatal(err)
				}
				all[n] = items
				i := slices.IndexFunc(items, func(i Item) bool {
					return i.Kind == tt.kind && (strings.HasPrefix(i.Name, tt.name) || strings.HasSuffix(i.Name, tt.name))
				})
				if i < 0 {
					t.Fatalf("it is not listed in %v", shown(items))
				}
				why := tt.why
				if n == 1 && tt.recorded == "ours" {
					why = ""
				}
				if got := items[i].Foreign; (why == "") != (got == "") || !strings.Contains(got, why) {
					t.Errorf(
						"with %d recorded resources: %s is not the environment's because it %q, want %q",
						len(state),
						items[i],
						got,
						why,
					)
				}
			}
			for _, items := range all {
				if err := RemoveLost(t.Context(), w.both, items, func(Item) {}); err != nil {
					t.Error(err)
				}
			}
			after := w.facts()
			kept := 0
			for key, value := range before {
				if tt.stays == "" || !strings.HasPrefix(key, tt.stays) {
					continue
				}
				kept++
				if after[key] != value {
					t.Errorf("%s was %s, and is %q after a tear-down", key, value, after[key])
				}
			}
			if tt.stays != "" && kept == 0 {
				t.Errorf("there was no %q in %v", tt.stays, before)
			}
			if tt.stays == "" && len(after) > 0 {
				for key, value := range after {
					if value != clouds.Deleted {
						t.Errorf("%s is left: %s", key, value)
					}
				}
			}
		})
	}
}

// TestCannotBeSeenIsNotForeign: what cannot be seen is unknown, with Pulumi's state and
// without: an error that names it, which ends every command that removes something. It is
// not somebody else's, and nothing says that it is absent.
func TestCannotBeSeenIsNotForeign(t *testing.T) {
	t.Parallel()
	c := integration.New(t, sandbox.Options{})
	c.DeployStacks(t, c.Env.Mark())
	w := world{c, t, c.Clients(t)}
	w.deleteStack(w.Env.FunctionStack())
	c.MakeStack(t, c.Env.FunctionStack(), w.further(), c.Env.Mark())
	state := recorded(t, c)
	const denied = "no permission to read it"
	account := w.accountPath()
	for n, tt := range []struct {
		thing  string
		aws    string      // the action that is denied, or
		google faults.Rule // the request that is refused
		says   string      // a part of the error
	}{
		{thing: "role", aws: "iam:GetRole", says: "the role gcs-to-s3-role"},
		{thing: "schedule's role", aws: "iam:GetRole", says: "the role gcs-to-s3-test-function-"},
		{thing: "function", aws: "lambda:GetFunction", says: "the function gcs-to-s3"},
		{thing: "log group", aws: "logs:DescribeLogGroups", says: "the log group /aws/lambda/gcs-to-s3"},
		{thing: "log group's tags", aws: "logs:ListTagsForResource", says: "the log group"},
		{thing: "queue", aws: "sqs:ListQueueTags", says: "the queue"},
		{thing: "schedule", aws: "scheduler:GetSchedule", says: "the schedule gcs-to-s3"},
		{thing: "state machine", aws: "states:ListTagsForResource", says: "the state machine"},
		{thing: "stacks", aws: "cloudformation:DescribeStacks", says: "the stack gcs-to-s3-test-"},
		{thing: "form of the stacks", aws: "cloudformation:GetTemplate", says: "the template of the stack"},
		{thing: "alarms, dashboard and all that stacks have", aws: "cloudformation:ListStackResources", says: "the resources of the stack"},
		{thing: "CDK assets", aws: "s3:ListBucket", says: "the objects of the bucket s3://cdk-"},

		{thing: "service account", google: faults.Rule{Method: "GET", Path: account}, says: "the service account"},
		{thing: "grant on the account", google: faults.Rule{Path: account + ":getIamPolicy"}, says: "the policy of the service account"},
		{thing: "grant on the project", google: faults.Rule{Path: "/v1/projects/" + w.Env.GoogleProject + ":getIamPolicy"}, says: "the policy of the project"},
		{thing: "grant on the bucket", google: faults.Rule{Method: "GET", Path: "/storage/v1/b/" + w.Env.SourceBucket + "/iam"}, says: "the policy of the bucket"},
		{thing: "pool", google: faults.Rule{Method: "GET", Path: w.PoolPath()}, says: "the workload identity pool"},
		{thing: "provider and further providers", google: faults.Rule{Method: "GET", Path: w.PoolPath() + "/providers*"}, says: "provider"},
	} {
		t.Run(tt.thing, func(t *testing.T) {
			both := c.Clients(t)
			switch {
			case tt.aws != "":
				name := fmt.Sprintf("blind-%d", n)
				c.MakeRole(t, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"`+tt.aws+`","Resource":"*"}]}`)
				both.AWS = c.AWSConfig(c.Session(t, name))
			default:
				tt.google.Fault = faults.Fault{Refuse: &faults.Refusal{Status: 403, Code: "PERMISSION_DENIED", Message: "The caller does not have permission"}}
				c.Fail(tt.google)
				defer c.Fail()
			}
			for _, held := range [][]engine.Resource{nil, state} {
				items, err := Of(t.Context(), both, c.Env, held...)
				if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), denied) {
					t.Errorf("with %d recorded resources: the error is %v, want %q and %q", len(held), err, tt.says, denied)
				}
				if !slices.ContainsFunc(items, func(i Item) bool { return i.State == Unknown && i.Foreign == "" }) {
					t.Errorf("with %d recorded resources: nothing is unknown in %v", len(held), shown(items))
				}
			}
		})
	}
}
