package cloudformation_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"
)

// watching is a template of an alarm with these properties instead of the usual ones.
func watching(change ...string) string {
	properties := map[string]string{
		"AlarmName": "errors", "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": "60", "EvaluationPeriods": "1", "Threshold": "0.5",
		"ComparisonOperator": "GreaterThanThreshold", "AlarmActions": `["arn:aws:sns:eu-central-1:123456789012:alerts"]`,
	}
	for i := 0; i < len(change); i += 2 {
		properties[change[i]] = change[i+1]
	}
	var lines strings.Builder
	for name, value := range properties {
		lines.WriteString("      " + name + ": " + value + "\n")
	}
	return "Resources:\n  R:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n" + lines.String()
}

// handler is a status reason as CloudFormation makes it of a service's refusal.
func handler(message, service, status, code string) string {
	return `Resource handler returned message: "` + message + " (Service: " + service + ", Status Code: " + status + `, Request ID: )" (HandlerErrorCode: ` + code + ")"
}

// TestInertResources: resources that no API call reaches are held to the rules and
// rights of the calls that the real CloudFormation makes for them.
func TestInertResources(t *testing.T) {
	c := newCloud(t)
	trustCFN := strings.ReplaceAll(trust, "lambda", "cloudformation")
	exec, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("exec"), AssumeRolePolicyDocument: &trustCFN})
	if err != nil {
		t.Fatal(err)
	}
	allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudwatch:PutMetricAlarm","cloudwatch:DeleteAlarms"],"Resource":"*"}]}`
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: exec.Role.RoleName, PolicyName: text("p"), PolicyDocument: &allow}); err != nil {
		t.Fatal(err)
	}
	asExec := func(in *sdk.CreateStackInput) { in.RoleARN = exec.Role.Arn }
	tagged := func(in *sdk.CreateStackInput) {
		asExec(in)
		in.Tags = []types.Tag{{Key: text("team"), Value: text("blue")}}
	}
	denied := func(action, arn string) string {
		return handler("User: arn:aws:sts::123456789012:assumed-role/exec/AWSCloudFormation is not authorized to perform: "+action+" on resource: "+arn+
			" because no identity-based policy allows the "+action+" action", map[bool]string{true: "Ecr", false: "CloudWatch"}[strings.HasPrefix(action, "ecr")], "403", "AccessDenied")
	}
	repository := func(name string) string {
		return "Resources:\n  R: {Type: AWS::ECR::Repository, Properties: {RepositoryName: " + name + "}}"
	}
	if st := c.create("first", repository("assets")); st.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("got status %s, want CREATE_COMPLETE", st.StackStatus)
	}
	for name, tt := range map[string]struct {
		body   string
		change func(*sdk.CreateStackInput)
		want   string // empty for one that is made
	}{
		"allowed":     {watching(), asExec, ""},
		"tags":        {watching("AlarmName", "tagged"), tagged, denied("cloudwatch:TagResource", "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:tagged")},
		"right":       {repository("other"), asExec, denied("ecr:CreateRepository", "arn:aws:ecr:eu-central-1:123456789012:repository/other")},
		"region":      {watching("AlarmActions", `["arn:aws:sns:eu-west-1:123456789012:alerts"]`), asExec, handler("Invalid region eu-west-1 specified. Only eu-central-1 is supported.", "CloudWatch", "400", "InvalidRequest")},
		"period":      {watching("Period", "61"), asExec, handler("Period must be 10, 20, 30 or a multiple of 60", "CloudWatch", "400", "InvalidRequest")},
		"missingdata": {watching("TreatMissingData", "fine"), asExec, handler("Option fine is not supported for treat-missing-data parameter. Supported options are [breaching, notBreaching, ignore, missing].", "CloudWatch", "400", "InvalidRequest")},
		"operator":    {watching("ComparisonOperator", "Above"), asExec, handler("1 validation error detected: Value 'Above' at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold]", "CloudWatch", "400", "InvalidRequest")},
		"taken":       {repository("assets"), func(*sdk.CreateStackInput) {}, handler("The repository with name 'assets' already exists in the registry with id '123456789012'", "Ecr", "400", "AlreadyExists")},
	} {
		st := c.create(name, tt.body, tt.change)
		if tt.want == "" {
			if st.StackStatus != types.StackStatusCreateComplete || c.server.Inert().All()["arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors"] == nil {
				t.Errorf("%s: got status %s, inert %v", name, st.StackStatus, c.server.Inert().All())
			}
			if st = c.delete(name); st.StackStatus != types.StackStatusDeleteComplete {
				t.Errorf("%s: got status %s, want DELETE_COMPLETE", name, st.StackStatus)
			}
			continue
		}
		if st.StackStatus != types.StackStatusRollbackComplete {
			t.Errorf("%s: got status %s, want ROLLBACK_COMPLETE", name, st.StackStatus)
			continue
		}
		if diff := cmp.Diff(tt.want, c.reason(name, "R", "CREATE_FAILED")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if left := c.server.Inert().All(); len(left) != 1 {
		t.Errorf("inert resources are %v, want the first repository alone", left)
	}
}
