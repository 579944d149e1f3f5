package cloudformation_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

type (
	capability = types.Capability
	onFailure  = types.OnFailure
)

func TestRefusedTemplates(t *testing.T) {
	c := newCloud(t)
	tests := []struct{ name, body, want string }{
		{"unknown type", `{"Resources":{"Q":{"Type":"AWS::SNS::Subscription"},"T":{"Type":"AWS::SNS::Topic"}}}`,
			"ValidationError: Template format error: the local AWS does not model the resource types [AWS::SNS::Subscription, AWS::SNS::Topic]"},
		{"unknown type under a true condition", `{"Conditions":{"C":{"Fn::Equals":["a","a"]}},"Resources":{"Q":{"Type":"AWS::SNS::Topic","Condition":"C"}}}`,
			"ValidationError: Template format error: the local AWS does not model the resource types [AWS::SNS::Topic]"},
		{"unresolved", `{"Resources":{"M":{"Type":"AWS::CDK::Metadata","Properties":{"Analytics":{"Ref":"X"}}}}}`,
			"ValidationError: Template format error: Unresolved resource dependencies [X] in the Resources block of the template"},
		{"cycle", `{"Resources":{"A":{"Type":"AWS::CDK::Metadata","DependsOn":"B"},"B":{"Type":"AWS::CDK::Metadata","DependsOn":"A"}}}`,
			"ValidationError: Circular dependency between resources: [A, B]"},
		{"attribute", `{"Resources":{"A":{"Type":"AWS::CDK::Metadata"}},"Outputs":{"O":{"Value":{"Fn::GetAtt":["A","Arn"]}}}}`,
			"ValidationError: Template error: resource A: the local AWS does not model the attribute Arn of AWS::CDK::Metadata"},
		{"capabilities", roleTemplate(role), "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]"},
		{"parameter", `{"Parameters":{"P":{"Type":"String"}},"Resources":{"A":{"Type":"AWS::CDK::Metadata"}}}`,
			"ValidationError: Parameters: [P] must have values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.cfn.CreateStack(c.ctx, &sdk.CreateStackInput{StackName: text("app"), TemplateBody: &tt.body})
			if diff := cmp.Diff(tt.want, code(err)); diff != "" {
				t.Errorf("CreateStack (-want +got):\n%s", diff)
			}
			_, err = c.cfn.CreateChangeSet(c.ctx, &sdk.CreateChangeSetInput{StackName: text("app"), ChangeSetName: text("cs"), ChangeSetType: "CREATE", TemplateBody: &tt.body})
			if diff := cmp.Diff(tt.want, code(err)); diff != "" {
				t.Errorf("CreateChangeSet (-want +got):\n%s", diff)
			}
		})
	}
	if out, err := c.cfn.ListStacks(c.ctx, &sdk.ListStacksInput{}); err != nil || len(out.StackSummaries) > 0 {
		t.Errorf("got %d stacks, %v; want none", len(out.StackSummaries), err)
	}
}

func TestRefusedProperties(t *testing.T) {
	tests := []struct{ name, properties, want string }{
		{"extraneous", `{"AssumeRolePolicyDocument": TRUST, "Colour": "red"}`, "#: the local AWS does not model the property Colour of AWS::IAM::Role"},
		{"nested", `{"AssumeRolePolicyDocument": TRUST, "Policies": [{"PolicyName": "p", "PolicyDocument": {}, "Foo": 1}]}`, "#/Policies/0: the local AWS does not model the property Foo of AWS::IAM::Role"},
		{"required", `{"RoleName": "x"}`, "#: required key [AssumeRolePolicyDocument] not found"},
		{"type", `{"AssumeRolePolicyDocument": TRUST, "MaxSessionDuration": "long"}`, "#/MaxSessionDuration: expected type: Integer, found: String"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCloud(t)
			st := c.create("app", roleTemplate(`"Role": {"Type": "AWS::IAM::Role", "Properties": `+tt.properties+`}`))
			if st.StackStatus != types.StackStatusRollbackComplete {
				t.Errorf("got status %s, want ROLLBACK_COMPLETE", st.StackStatus)
			}
			want := "Properties validation failed for resource Role with message:\n[" + tt.want + "]"
			if diff := cmp.Diff(want, c.reason(*st.StackId, "Role", "CREATE_FAILED")); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
		})
	}
}

// CloudFormation hands policies to IAM as they are, and IAM takes no characters beyond
// U+00FF: IAM API Reference, "PutRolePolicy". The words are believed.
func TestRefusedCharacters(t *testing.T) {
	c := newCloud(t)
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/\u53d7\u4fe1/*"}]}`
	st := c.create("app", roleTemplate(`"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST,
		"Policies": [{"PolicyName": "p", "PolicyDocument": `+policy+`}]}}`))
	const want = "The specified value for policyDocument is invalid. It must contain only printable ASCII characters."
	if got := c.reason(*st.StackId, "Role", "CREATE_FAILED"); !strings.Contains(got, want) || st.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("the stack is in %s, because of %q; want %q", st.StackStatus, got, want)
	}
}

// An update that fails by a property which is not modelled leaves the stack as it was.
func TestRefusedUpdate(t *testing.T) {
	c := newCloud(t)
	queue := func(properties string) string {
		return `{"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"q"` + properties + `}}}}`
	}
	c.create("app", queue(""))
	st := c.update("app", queue(`,"RedriveAllowPolicy":{}`))
	if st.StackStatus != types.StackStatusUpdateRollbackComplete {
		t.Errorf("got status %s, want UPDATE_ROLLBACK_COMPLETE: %v", st.StackStatus, c.events(*st.StackId, "UPDATE_IN_PROGRESS"))
	}
	want := "Properties validation failed for resource Q with message:\n[#: the local AWS does not model the property RedriveAllowPolicy of AWS::SQS::Queue]"
	if diff := cmp.Diff(want, c.reason("app", "Q", "UPDATE_FAILED")); diff != "" {
		t.Errorf("reason (-want +got):\n%s", diff)
	}
	if st = c.update("app", queue(`,"DelaySeconds":1`)); st.StackStatus != types.StackStatusUpdateComplete {
		t.Errorf("after it: got status %s, want UPDATE_COMPLETE", st.StackStatus)
	}
}

func TestExecutionRole(t *testing.T) {
	c := newCloud(t)
	trustCFN := strings.ReplaceAll(trust, "lambda", "cloudformation")
	out, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("exec"), AssumeRolePolicyDocument: &trustCFN})
	if err != nil {
		t.Fatal(err)
	}
	asExec := func(in *sdk.CreateStackInput) { in.RoleARN = out.Role.Arn }

	st := c.create("app", roleTemplate(role), asExec)
	if st.StackStatus != types.StackStatusRollbackComplete {
		t.Errorf("got status %s, want ROLLBACK_COMPLETE", st.StackStatus)
	}
	reason := c.reason(*st.StackId, "Role", "CREATE_FAILED")
	for _, want := range []string{
		`Resource handler returned message: "User: arn:aws:sts::123456789012:assumed-role/exec/AWSCloudFormation is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/app`,
		"Status Code: 403", "HandlerErrorCode: AccessDenied"} {
		if !strings.Contains(reason, want) {
			t.Errorf("got reason %q, want it to contain %q", reason, want)
		}
	}

	allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("exec"), PolicyName: text("p"), PolicyDocument: &allow}); err != nil {
		t.Fatal(err)
	}
	if st = c.create("app2", roleTemplate(role), asExec); st.StackStatus != types.StackStatusCreateComplete {
		t.Errorf("got status %s with the right, want CREATE_COMPLETE", st.StackStatus)
	}

	other, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("other"), AssumeRolePolicyDocument: text(trust)})
	if err != nil {
		t.Fatal(err)
	}
	body := roleTemplate(role)
	_, err = c.cfn.CreateStack(c.ctx, &sdk.CreateStackInput{StackName: text("app3"), TemplateBody: &body, RoleARN: other.Role.Arn, Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
	if want := "ValidationError: Role " + *other.Role.Arn + " is invalid or cannot be assumed"; code(err) != want {
		t.Errorf("a role of another service: got %q, want %q", code(err), want)
	}
}

func TestPassRole(t *testing.T) {
	c := newCloud(t)
	trustCFN := strings.ReplaceAll(trust, "lambda", "cloudformation")
	exec, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("exec"), AssumeRolePolicyDocument: &trustCFN})
	if err != nil {
		t.Fatal(err)
	}
	trustAccount := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`
	deployer, err := c.iam.CreateRole(c.ctx, &iam.CreateRoleInput{RoleName: text("deployer"), AssumeRolePolicyDocument: &trustAccount})
	if err != nil {
		t.Fatal(err)
	}
	allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudformation:*","Resource":"*"}]}`
	if _, err := c.iam.PutRolePolicy(c.ctx, &iam.PutRolePolicyInput{RoleName: text("deployer"), PolicyName: text("p"), PolicyDocument: &allow}); err != nil {
		t.Fatal(err)
	}
	session, err := sts.NewFromConfig(c.config).AssumeRole(c.ctx, &sts.AssumeRoleInput{RoleArn: deployer.Role.Arn, RoleSessionName: text("me")})
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.config
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*session.Credentials.AccessKeyId, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken)
	body := roleTemplate(role)
	_, err = sdk.NewFromConfig(cfg).CreateStack(c.ctx, &sdk.CreateStackInput{StackName: text("app"), TemplateBody: &body, RoleARN: exec.Role.Arn, Capabilities: []capability{"CAPABILITY_NAMED_IAM"}})
	want := "AccessDenied: User: arn:aws:sts::123456789012:assumed-role/deployer/me is not authorized to perform: iam:PassRole on resource: arn:aws:iam::123456789012:role/exec"
	if !strings.HasPrefix(code(err), want) {
		t.Errorf("got %q, want %q", code(err), want)
	}
}

func TestTerminationProtection(t *testing.T) {
	c := newCloud(t)
	c.create("app", `{"Resources":{"M":{"Type":"AWS::CDK::Metadata"}}}`, func(in *sdk.CreateStackInput) { in.EnableTerminationProtection = new(true) })
	_, err := c.cfn.DeleteStack(c.ctx, &sdk.DeleteStackInput{StackName: text("app")})
	if diff := cmp.Diff("ValidationError: Stack [app] cannot be deleted while TerminationProtection is enabled", code(err)); diff != "" {
		t.Errorf("DeleteStack (-want +got):\n%s", diff)
	}
	if _, err := c.cfn.UpdateTerminationProtection(c.ctx, &sdk.UpdateTerminationProtectionInput{StackName: text("app"), EnableTerminationProtection: new(false)}); err != nil {
		t.Fatal(err)
	}
	if got := c.delete("app").StackStatus; got != types.StackStatusDeleteComplete {
		t.Errorf("got status %s, want DELETE_COMPLETE", got)
	}
}
