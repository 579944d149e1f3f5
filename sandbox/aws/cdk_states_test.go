package aws_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
	"github.com/gcs-to-s3/gcs-to-s3/sandbox/npm"
)

// TestCDKDeploysStateMachines deploys, changes and destroys a state machine by the
// CDK's command line, from an assembly that is synthesized already.
func TestCDKDeploysStateMachines(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := newTool(t, s, "node")
	cdk, err := filepath.Abs(filepath.Join(npm.Modules(t, "../.."), "aws-cdk", "bin", "cdk"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		out, problem, err := c.command("node", append([]string{cdk, "--app", "assembly", "--no-notices", "--ci"}, args...)...)
		if err != nil {
			t.Fatalf("cdk %s: %v\n%s%s", strings.Join(args, " "), err, out, problem)
		}
		return out + problem
	}
	c.write("assembly/manifest.json", []byte(`{"version":"36.0.0","artifacts":{"Bulk":{"type":"aws:cloudformation:stack",
		"environment":"aws://111122223333/us-east-1","properties":{"templateFile":"Bulk.template.json"}}}}`))
	template := func(result string) {
		c.write("assembly/Bulk.template.json", []byte(`{"Resources":{
			"Role":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[
				{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}]}}},
			"Machine":{"Type":"AWS::StepFunctions::StateMachine","Properties":{"StateMachineName":"bulk","RoleArn":{"Fn::GetAtt":["Role","Arn"]},
				"DefinitionString":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Result\":\"`+result+`\",\"End\":true}}}"}}},
			"Outputs":{"Machine":{"Value":{"Ref":"Machine"}}}}`))
	}
	template("one")
	const arn = "arn:aws:states:us-east-1:111122223333:stateMachine:bulk"
	if out := run("deploy", "Bulk", "--require-approval", "never"); !strings.Contains(out, "Bulk.Machine = "+arn) {
		t.Errorf("deploy said %s", out)
	}
	template("two")
	if out := run("diff", "Bulk"); !strings.Contains(out, "AWS::StepFunctions::StateMachine Machine") {
		t.Errorf("diff said %s", out)
	}
	run("deploy", "Bulk", "--require-approval", "never")
	aws := newTool(t, s, "aws")
	if got := aws.aws("stepfunctions", "describe-state-machine", "--state-machine-arn", arn, "--query", "definition"); !strings.Contains(got, "two") {
		t.Errorf("the definition is %s", got)
	}
	run("destroy", "Bulk", "--force")
	aws.prints("", "stepfunctions", "list-state-machines", "--query", "stateMachines[].name")
}
