package stacks

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/internal/credential"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// choices are all settings on AWS's side that are off by default.
var choices = map[string]string{
	"kmsKey":              "arn:aws:kms:ap-northeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
	"keyTemplate":         "{date}/{object}",
	"permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
	"tags":                "team=data,cost-center=42",
	"schedule":            "cron(0 3 * * ? *)",
	"scheduleTimezone":    "Asia/Tokyo",
	"scheduleEvent":       `{"prefix":"reports/"}`,
	"asyncRetries":        "1",
	"deadLetterQueue":     "true",
	"alarms":              "true",
	"alarmTopic":          "arn:aws:sns:ap-northeast-1:123456789012:alerts",
}

func TestStacksWithEveryChoice(t *testing.T) {
	env := newEnvironment(t, choices)
	leaveCredentials(t, env, nil)
	s := synth(t, env)

	role := assertions.Template_FromStack(s.role, nil)
	golden(t, env, role, "role-choices.json")
	function := assertions.Template_FromStack(s.function, nil)
	golden(t, env, function, "function-choices.json")

	for _, template := range []assertions.Template{role, function} {
		template.AllResourcesProperties(jsii.String("AWS::IAM::Role"), map[string]any{
			"PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
		})
	}
	// CloudFormation puts a stack's tags on its resources.
	for _, stack := range []awscdk.Stack{s.role, s.function} {
		got := map[string]string{}
		for k, v := range *stack.Tags().TagValues() {
			got[k] = *v
		}
		if diff := cmp.Diff(map[string]string{"team": "data", "cost-center": "42", "gcs-to-s3:environment": env.Name, "gcs-to-s3:id": env.ID()}, got); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", *stack.StackName(), diff)
		}
	}
	function.ResourceCountIs(jsii.String("AWS::IAM::Role"), jsii.Number(1))
	function.HasResourceProperties(jsii.String("AWS::IAM::Role"), map[string]any{
		"AssumeRolePolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": "scheduler.amazonaws.com"},
			"Condition": map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": "123456789012"}},
		}}},
		"Policies": []any{map[string]any{"PolicyName": "invoke", "PolicyDocument": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Sid": "Invoke", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": map[string]any{"Fn::GetAtt": []any{"Function76856677", "Arn"}},
		}}}}},
	})
	function.ResourceCountIs(jsii.String("AWS::CloudWatch::Alarm"), jsii.Number(7))
	function.HasResourceProperties(jsii.String("AWS::CloudWatch::Alarm"), map[string]any{
		"AlarmName": "gcs-to-s3-duration", "Threshold": 240000, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
		"AlarmActions": []any{"arn:aws:sns:ap-northeast-1:123456789012:alerts"},
	})
	function.HasResourceProperties(jsii.String("AWS::Lambda::EventInvokeConfig"), map[string]any{"MaximumRetryAttempts": 1, "Qualifier": "$LATEST"})
	function.HasResourceProperties(jsii.String("AWS::SQS::Queue"), map[string]any{
		"QueueName": "gcs-to-s3-dead-letters", "SqsManagedSseEnabled": true, "MessageRetentionPeriod": 14 * 24 * 60 * 60,
	})
}

// TestChoicesOneByOne checks what each choice adds without the others.
func TestChoicesOneByOne(t *testing.T) {
	for _, tt := range []struct {
		settings string // KEY=VALUE, joined by |
		resource string // a type in the function's stack
		count    int
	}{
		{"schedule=rate(1 hour)", "AWS::Scheduler::Schedule", 1},
		{"schedule=rate(1 hour)", "AWS::IAM::Role", 1},
		{"schedule=rate(1 hour)", "AWS::SQS::Queue", 0},
		{"deadLetterQueue=true", "AWS::SQS::Queue", 1},
		{"deadLetterQueue=true", "AWS::SQS::QueuePolicy", 0},
		{"deadLetterQueue=true", "AWS::Lambda::EventInvokeConfig", 0},
		{"asyncRetries=0", "AWS::Lambda::EventInvokeConfig", 1},
		{"asyncRetries=2", "AWS::Lambda::EventInvokeConfig", 0},
		{"alarms=true", "AWS::CloudWatch::Alarm", 6},
		{"alarms=true|deadLetterQueue=true", "AWS::CloudWatch::Alarm", 7},
	} {
		t.Run(tt.settings+" "+tt.resource, func(t *testing.T) {
			values := map[string]string{}
			for setting := range strings.SplitSeq(tt.settings, "|") {
				k, v, _ := strings.Cut(setting, "=")
				values[k] = v
			}
			// Without credentials the stack has an error and no bundle;
			// that is enough here.
			s := synth(t, newEnvironment(t, values))
			assertions.Template_FromStack(s.function, nil).ResourceCountIs(jsii.String(tt.resource), jsii.Number(tt.count))
		})
	}
}

// TestArticlesRoleTakesTheChoices: the article's policies mention
// neither keys nor queues.
func TestArticlesRoleTakesTheChoices(t *testing.T) {
	values := map[string]string{"rolePolicies": "article"}
	for k, v := range choices {
		values[k] = v
	}
	s := synth(t, newEnvironment(t, values))
	role, err := json.Marshal(assertions.Template_FromStack(s.role, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"AmazonS3FullAccess",
		`"Action":["kms:GenerateDataKey","kms:Decrypt"],"Condition":{"StringEquals":{"kms:ViaService":"s3.ap-northeast-1.amazonaws.com"}},"Effect":"Allow","Resource":"arn:aws:kms:ap-northeast-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"`,
		`"Action":"sqs:SendMessage","Effect":"Allow","Resource":"arn:aws:sqs:ap-northeast-1:123456789012:gcs-to-s3-dead-letters"`,
	} {
		if !strings.Contains(string(role), want) {
			t.Errorf("the role lacks %s:\n%s", want, role)
		}
	}
	if strings.Contains(string(role), "write-destination") {
		t.Errorf("the role has the least privilege, too:\n%s", role)
	}
}

// TestRolePolicies: what adopting compares a role's policies with is what the role has.
func TestRolePolicies(t *testing.T) {
	for _, values := range []map[string]string{nil, choices, {"bulk": "true", "jobsBucket": "jobs"}, {"rolePolicies": "article", "bulk": "true", "jobsBucket": "jobs"}} {
		env := newEnvironment(t, values)
		content, err := json.Marshal(assertions.Template_FromStack(synth(t, env).role, nil).ToJSON())
		if err != nil {
			t.Fatal(err)
		}
		var template struct {
			Resources map[string]struct {
				Properties struct {
					Policies          []struct{ PolicyName string }
					ManagedPolicyArns []any
				}
			}
		}
		if err := json.Unmarshal(content, &template); err != nil {
			t.Fatal(err)
		}
		inline, managed := ownership.RolePolicies(env)
		for _, role := range template.Resources {
			var names []string
			for _, policy := range role.Properties.Policies {
				names = append(names, policy.PolicyName)
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(inline)), slices.Sorted(slices.Values(names))); diff != "" {
				t.Errorf("policies with %v (-want +got):\n%s", values, diff)
			}
			if len(role.Properties.ManagedPolicyArns) != len(managed) {
				t.Errorf("with %v the role has the policies %v, want %v", values, role.Properties.ManagedPolicyArns, managed)
			}
			for i, arn := range role.Properties.ManagedPolicyArns {
				text, err := json.Marshal(arn)
				if _, name, _ := strings.Cut(managed[i], "::aws:"); err != nil || !strings.Contains(string(text), "::aws:"+name+`"`) {
					t.Errorf("with %v the role has the policy %s, want %s", values, text, managed[i])
				}
			}
		}
	}
}

func TestDirectAccessTakesNoServiceAccount(t *testing.T) {
	env := newEnvironment(t, map[string]string{"directAccess": "true"})
	leaveCredentials(t, env, nil)
	s := synth(t, env)
	if errs := *assertions.Annotations_FromStack(s.function).FindError(jsii.String("*"), assertions.Match_AnyValue()); len(errs) > 0 {
		t.Errorf("the function's stack has %d errors, want none", len(errs))
	}
	leaveCredentials(t, env, func(n *credential.Names) {
		n.ServiceAccount = "gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com"
	})
	want := "and service account gcs-to-s3-service-account@demo-project.iam.gserviceaccount.com, the environment " + env.Name + " has aws-connect, aws-connect and no service account"
	if err := (bundle{env: env, root: root}).checkCredentials(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("checkCredentials() = %v, want %q", err, want)
	}
}
