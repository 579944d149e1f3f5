package denials

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfn "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox"
)

const (
	accessDenied    = "Troubleshoot access denied error messages (IAM User Guide)"
	policyARNs      = "Enhanced access denied error messages with policy ARNs (AWS Security Blog)"
	evaluationLogic = "Policy evaluation logic (IAM User Guide)"
	trustPolicies   = "versity/versitygw, package iamapi/policy"
	grantsS3        = "noobaa/noobaa-core, issue 10060"
	bucketPolicies  = "hashicorp/terraform, issue 28688, and noobaa/noobaa-core, issue 10058"
)

const (
	lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	arnPrefix   = "arn:aws:iam::" + sandbox.Account + ":"
)

// allowing and denying are statements of policies.
func allowing(action, resource string) string { return effect("Allow", action, resource, "") }
func denying(action, resource string) string  { return effect("Deny", action, resource, "") }

func effect(effect, action, resource, more string) string {
	return `{"Effect":"` + effect + `","Action":"` + action + `","Resource":"` + resource + `"` + more + `}`
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// as is a client's configuration in a session of a fresh role with a policy of
// these statements.
func as(t *testing.T, c *Clouds, statements ...string) aws.Config {
	t.Helper()
	policy := ""
	if len(statements) > 0 {
		policy = document(statements...)
	}
	c.MakeRole(t, c.named("worker"), policy)
	return c.Configure(c.Session(t, c.named("worker")))
}

// admin is the administrator's configuration.
func admin(c *Clouds) aws.Config { return c.Configure(c.Owner) }

// must ends the test if what the case needs cannot be had.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// notAllowed is AWS's message for a worker.
func notAllowed(action, resource, clause string) string {
	return "User: arn:aws:sts::" + sandbox.Account + ":assumed-role/worker/… is not authorized to perform: " + action + " on resource: " + resource + " " + clause
}

func noIdentity(action, resource string) string {
	return notAllowed(action, resource, "because no identity-based policy allows the "+action+" action")
}

func iamDenials() []denial {
	const section = "IAM and STS"
	row := func(name string, do func(t *testing.T, c *Clouds) error, status int, code, message, source string) denial {
		return denial{section, name, do, status, code, message, source}
	}
	malformed := func(name, kind, text, message, source string) denial {
		return row(name, func(t *testing.T, c *Clouds) error {
			text := c.here(text)
			client := iam.NewFromConfig(admin(c))
			if kind == "trust" {
				_, err := client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("worker"), AssumeRolePolicyDocument: &text})
				return err
			}
			as(t, c)
			_, err := client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: c.name("worker"), PolicyName: aws.String("p"), PolicyDocument: &text})
			return err
		}, 400, "MalformedPolicyDocument", message, source)
	}
	assume := func(t *testing.T, c *Clouds, cfg aws.Config, principal, condition string) error {
		t.Helper()
		role := must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: c.name("target"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"` + condition + `}]}`),
		})).Role
		_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: role.Arn, RoleSessionName: aws.String("other")})
		return err
	}
	untrusted := strings.TrimSuffix(notAllowed("sts:AssumeRole", arnPrefix+"role/target", ""), " ")
	account := func(c *Clouds) string { return `{"AWS":"` + c.Names.Account + `"}` }
	// Reports until 2023 have these words; the page "Troubleshoot access denied error messages" has others.
	const stsErrors = "contested: aws/karpenter-provider-aws, issue 4680, and aws-samples/amazon-chime-sdk, issue 311, against AWS's page, which ends it with \"because no role trust policy allows the sts:AssumeRole action\""
	return []denial{
		row("creating a role", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("new"), AssumeRolePolicyDocument: aws.String(lambdaTrust)})
			return err
		}, 403, "AccessDenied", noIdentity("iam:CreateRole", arnPrefix+"role/new"), accessDenied),
		row("reading a role", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c)).GetRole(t.Context(), &iam.GetRoleInput{RoleName: &c.Names.Role})
			return err
		}, 403, "AccessDenied", noIdentity("iam:GetRole", "role …"), "terraform-aws-modules/terraform-aws-eks, issue 2517"),
		row("reading a role, explicitly denied", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c, allowing("*", "*"), denying("iam:Get*", "*"))).GetRole(t.Context(), &iam.GetRoleInput{RoleName: &c.Names.Role})
			return err
		}, 403, "AccessDenied", notAllowed("iam:GetRole", "role …", "with an explicit deny in an identity-based policy"), "terraform-aws-modules/terraform-aws-eks, issue 2517"),
		row("listing roles", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c)).ListRoles(t.Context(), nil)
			return err
		}, 403, "AccessDenied", noIdentity("iam:ListRoles", arnPrefix+"role/"), reported),
		row("tagging a user that may be created", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c, allowing("iam:CreateUser", "*"))).CreateUser(t.Context(), &iam.CreateUserInput{UserName: c.name("new"), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}})
			return err
		}, 403, "AccessDenied", noIdentity("iam:TagUser", arnPrefix+"user/new"), "CreateUser (IAM API Reference), for the action"),
		row("giving itself a policy", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c)).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: c.name("worker"), PolicyName: aws.String("p"), PolicyDocument: aws.String(document(allowing("*", "*")))})
			return err
		}, 403, "AccessDenied", noIdentity("iam:PutRolePolicy", "role worker"), reported),
		row("creating a managed policy", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c)).CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: c.name("p"), PolicyDocument: aws.String(document(allowing("*", "*")))})
			return err
		}, 403, "AccessDenied", noIdentity("iam:CreatePolicy", "policy p"), reported),
		row("reading a managed policy", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c)).GetPolicy(t.Context(), &iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")})
			return err
		}, 403, "AccessDenied", noIdentity("iam:GetPolicy", "policy arn:aws:iam::aws:policy/AmazonS3FullAccess"), reported),
		row("another path's role", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(as(t, c, allowing("iam:*", c.iamARN("role/team/*")))).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: c.name("worker")})
			return err
		}, 403, "AccessDenied", noIdentity("iam:DeleteRole", "role worker"), accessDenied),
		row("deleting a role with an inline policy", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(admin(c)).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: &c.Names.Role})
			return err
		}, 409, "DeleteConflict", "Cannot delete entity, must delete policies first.", "awslabs/aws-orbit-workbench, issue 633"),
		row("deleting a role with an attached policy", func(t *testing.T, c *Clouds) error {
			as(t, c)
			must[*iam.AttachRolePolicyOutput](t)(iam.NewFromConfig(admin(c)).AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: c.name("worker"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")}))
			_, err := iam.NewFromConfig(admin(c)).DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: c.name("worker")})
			return err
		}, 409, "DeleteConflict", "Cannot delete entity, must detach all policies first.", "hashicorp/boundary, pull request 5646"),
		row("a role that is there already", func(t *testing.T, c *Clouds) error {
			as(t, c)
			_, err := iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("Worker"), AssumeRolePolicyDocument: aws.String(lambdaTrust)})
			return err
		}, 409, "EntityAlreadyExists", "Role with name Worker already exists.", reported),
		row("a role that is not there", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(admin(c)).GetRole(t.Context(), &iam.GetRoleInput{RoleName: c.name("none")})
			return err
		}, 404, "NoSuchEntity", "The role with name none cannot be found.", reported),
		row("a permissions boundary that is not there", func(t *testing.T, c *Clouds) error {
			_, err := iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("worker"), AssumeRolePolicyDocument: aws.String(lambdaTrust), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/None")})
			return err
		}, 404, "NoSuchEntity", "Scope ARN: arn:aws:iam::aws:policy/None does not exist or is not attachable.", reported),
		row("what a permissions boundary does not allow", func(t *testing.T, c *Clouds) error {
			cfg := as(t, c, allowing("*", "*"))
			must[*iam.PutRolePermissionsBoundaryOutput](t)(iam.NewFromConfig(admin(c)).PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: c.name("worker"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/AmazonS3FullAccess")}))
			_, err := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
			return err
		}, 403, "AccessDenied", notAllowed("iam:ListRoles", arnPrefix+"role/", "because no permissions boundary allows the iam:ListRoles action"), accessDenied),
		row("what a permissions boundary denies", func(t *testing.T, c *Clouds) error {
			cfg := as(t, c, allowing("*", "*"))
			boundary := must[*iam.CreatePolicyOutput](t)(iam.NewFromConfig(admin(c)).CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: c.name("boundary"), PolicyDocument: aws.String(document(allowing("*", "*"), denying("iam:ListRoles", "*")))})).Policy
			must[*iam.PutRolePermissionsBoundaryOutput](t)(iam.NewFromConfig(admin(c)).PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: c.name("worker"), PermissionsBoundary: boundary.Arn}))
			_, err := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
			return err
		}, 403, "AccessDenied", notAllowed("iam:ListRoles", arnPrefix+"role/", "with an explicit deny in a permissions boundary: "+arnPrefix+"policy/boundary"), policyARNs),
		row("a policy that is a permissions boundary", func(t *testing.T, c *Clouds) error {
			client := iam.NewFromConfig(admin(c))
			as(t, c)
			boundary := must[*iam.CreatePolicyOutput](t)(client.CreatePolicy(t.Context(), &iam.CreatePolicyInput{PolicyName: c.name("boundary"), PolicyDocument: aws.String(document(allowing("*", "*")))})).Policy
			must[*iam.PutRolePermissionsBoundaryOutput](t)(client.PutRolePermissionsBoundary(t.Context(), &iam.PutRolePermissionsBoundaryInput{RoleName: c.name("worker"), PermissionsBoundary: boundary.Arn}))
			_, err := client.DeletePolicy(t.Context(), &iam.DeletePolicyInput{PolicyArn: boundary.Arn})
			return err
		}, 409, "DeleteConflict", "Cannot delete a policy attached to entities.", "gruntwork-io/cloud-nuke, issue 972, of a policy that was attached as well"),
		malformed("a policy that is not JSON", "policy", "{", "The policy is not in the valid JSON format.", "Apache Hadoop, Working with IAM Assumed Roles"),
		malformed("a policy without a version", "policy", `{"Statement":[]}`, "Policy document must be version 2012-10-17 or greater.", "Meteor-Community-Packages/Meteor-CollectionFS, issue 630"),
		malformed("a policy with a principal", "policy", document(effect("Allow", "s3:*", "*", `,"Principal":"*"`)), "Policy document should not specify a principal.", "hashicorp/terraform-provider-aws, issue 10419"),
		malformed("a policy with a bucket's name for its ARN", "policy", document(allowing("s3:*", "bucket")), `Resource bucket must be in ARN format or "*".`, "ministryofjustice/modernisation-platform-environments, pull request 590"),
		malformed("a policy with an action of no service", "policy", document(allowing("PutObject", "*")), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", reported),
		malformed("a policy with a hyphen in a Sid", "policy", document(`{"Sid":"a-b","Effect":"Allow","Action":"*","Resource":"*"}`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*", reported),
		malformed("a policy with a member twice", "policy", document(`{"Effect":"Allow","Action":"*","Resource":"*","Effect":"Deny"}`), "Syntax errors in policy.", "Grammar of the IAM JSON policy language (IAM User Guide), for the rule"),
		malformed("a trust policy of another action", "trust", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"s3:*"}]}`, "AssumeRole policy may only specify STS AssumeRole actions.", trustPolicies),
		malformed("a trust policy with a resource", "trust", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole","Resource":"*"}]}`, "Has prohibited field Resource", trustPolicies),
		malformed("a trust policy for a role that does not exist", "trust", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+arnPrefix+`role/none"},"Action":"sts:AssumeRole"}]}`, `Invalid principal in policy: "AWS":"`+arnPrefix+`role/none"`, reported),
		malformed("a trust policy for a service that does not exist", "trust", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazon.com"},"Action":"sts:AssumeRole"}]}`, `Invalid principal in policy: "SERVICE":"lambda.amazon.com"`, "public reports of codepipeiine.amazonaws.com and eks.amazonaws.com.cn"),
		row("assuming a role of Lambda's", func(t *testing.T, c *Clouds) error {
			return assume(t, c, as(t, c, allowing("sts:*", "*")), `{"Service":"lambda.amazonaws.com"}`, "")
		}, 403, "AccessDenied", untrusted, stsErrors),
		row("assuming a role of another principal's", func(t *testing.T, c *Clouds) error {
			return assume(t, c, as(t, c, allowing("sts:*", "*")), `{"AWS":"`+c.owner()+`"}`, "")
		}, 403, "AccessDenied", untrusted, stsErrors),
		row("assuming a role of another account's", func(t *testing.T, c *Clouds) error {
			c.only("it needs a second AWS account")
			return assume(t, c, as(t, c, allowing("sts:*", "*")), `{"AWS":"444455556666"}`, "")
		}, 403, "AccessDenied", untrusted, stsErrors),
		row("assuming a role without the external id", func(t *testing.T, c *Clouds) error {
			return assume(t, c, as(t, c, allowing("sts:*", "*")), account(c), `,"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}`)
		}, 403, "AccessDenied", untrusted, stsErrors),
		row("assuming a role of the account's, without the right to", func(t *testing.T, c *Clouds) error {
			return assume(t, c, as(t, c), account(c), "")
		}, 403, "AccessDenied", noIdentity("sts:AssumeRole", arnPrefix+"role/target"), accessDenied),
		row("assuming a role, explicitly denied", func(t *testing.T, c *Clouds) error {
			return assume(t, c, as(t, c, allowing("sts:*", "*"), denying("sts:AssumeRole", "*")), account(c), "")
		}, 403, "AccessDenied", notAllowed("sts:AssumeRole", arnPrefix+"role/target", "with an explicit deny in an identity-based policy"), accessDenied),
		row("assuming a role that is not there", func(t *testing.T, c *Clouds) error {
			_, err := sts.NewFromConfig(as(t, c, allowing("sts:*", "*"))).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(c.iamARN("role/" + c.named("target"))), RoleSessionName: aws.String("other")})
			return err
		}, 403, "AccessDenied", untrusted, stsErrors),
		row("assuming a role from a role for more than an hour", func(t *testing.T, c *Clouds) error {
			cfg := as(t, c, allowing("sts:*", "*"))
			must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("target"), MaxSessionDuration: aws.Int32(7200),
				AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + account(c) + `,"Action":"sts:AssumeRole"}]}`)}))
			_, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(c.iamARN("role/" + c.named("target"))), RoleSessionName: aws.String("other"), DurationSeconds: aws.Int32(7200)})
			return err
		}, 400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", reported),
	}
}

// importLogs imports the log group l as L of a template.
func importLogs(t *testing.T, c *Clouds, template string) error {
	t.Helper()
	_, err := cloudformation.NewFromConfig(admin(c)).CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: c.name("s"), ChangeSetName: aws.String("c"), ChangeSetType: cfn.ChangeSetTypeImport, TemplateBody: &template,
		ResourcesToImport: []cfn.ResourceToImport{{ResourceType: aws.String("AWS::Logs::LogGroup"), LogicalResourceId: aws.String("L"), ResourceIdentifier: map[string]string{"LogGroupName": "l"}}},
	})
	return err
}

func lambdaDenials() []denial {
	const (
		section   = "Lambda, CloudFormation and other services"
		functions = "arn:aws:lambda:" + sandbox.Region + ":" + sandbox.Account + ":function:"
	)
	row := func(name string, do func(t *testing.T, c *Clouds) error, status int, code, message, source string) denial {
		return denial{section, name, do, status, code, message, source}
	}
	create := func(t *testing.T, c *Clouds, cfg aws.Config, role string) error {
		t.Helper()
		_, err := lambda.NewFromConfig(cfg).CreateFunction(t.Context(), &lambda.CreateFunctionInput{
			FunctionName: c.name("f"), Role: aws.String(c.iamARN("role/" + role)), Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Code: &types.FunctionCode{ZipFile: zipOf(t)},
		})
		return err
	}
	const unassumable = "The role defined for the function cannot be assumed by Lambda."
	return []denial{
		row("reserving what leaves less than 100 of the account's concurrency", func(t *testing.T, c *Clouds) error {
			if err := create(t, c, admin(c), c.Names.Role); err != nil {
				t.Fatal(err)
			}
			_, err := lambda.NewFromConfig(admin(c)).PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{
				FunctionName: c.name("f"), ReservedConcurrentExecutions: aws.Int32(901),
			})
			return err
		}, 400, "InvalidParameterValueException", "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
			"aws-samples/siem-on-amazon-opensearch-service, issue 175, with the minimum of its time"),
		row("a function whose role does not trust Lambda", func(t *testing.T, c *Clouds) error {
			must[*iam.CreateRoleOutput](t)(iam.NewFromConfig(admin(c)).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: c.name("ec2"), AssumeRolePolicyDocument: aws.String(strings.Replace(lambdaTrust, "lambda", "ec2", 1))}))
			return create(t, c, admin(c), c.named("ec2"))
		}, 400, "InvalidParameterValueException", unassumable, "boto/boto3, issue 2976"),
		row("a function whose role does not exist", func(t *testing.T, c *Clouds) error { return create(t, c, admin(c), c.named("none")) },
			400, "InvalidParameterValueException", unassumable, "boto/boto3, issue 2976"),
		row("a function without the right to pass its role", func(t *testing.T, c *Clouds) error {
			return create(t, c, as(t, c, allowing("lambda:*", "*")), c.Names.Role)
		}, 403, "AccessDeniedException", noIdentity("iam:PassRole", arnPrefix+"role/…"), "Grant a user permissions to pass a role to an AWS service (IAM User Guide), for the action"),
		row("a function with the right to pass its role to another service", func(t *testing.T, c *Clouds) error {
			return create(t, c, as(t, c, allowing("lambda:*", "*"), effect("Allow", "iam:PassRole", "*", `,"Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}`)), c.Names.Role)
		}, 403, "AccessDeniedException", noIdentity("iam:PassRole", arnPrefix+"role/…"), "Grant a user permissions to pass a role to an AWS service (IAM User Guide), for the action"),
		row("a function without the right to create it", func(t *testing.T, c *Clouds) error { return create(t, c, as(t, c), c.Names.Role) },
			403, "AccessDeniedException", noIdentity("lambda:CreateFunction", functions+"f"), accessDenied),
		row("invoking without the right to", func(t *testing.T, c *Clouds) error {
			if err := create(t, c, admin(c), c.Names.Role); err != nil {
				t.Fatal(err)
			}
			_, err := lambda.NewFromConfig(as(t, c, allowing("lambda:Get*", "*"))).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: c.name("f")})
			return err
		}, 403, "AccessDeniedException", noIdentity("lambda:InvokeFunction", functions+"f"), accessDenied),
		row("a function that is not there", func(t *testing.T, c *Clouds) error {
			_, err := lambda.NewFromConfig(admin(c)).GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: c.name("f")})
			return err
		}, 404, "ResourceNotFoundException", "Function not found: "+functions+"f", reported),
		row("a stack without the right to create it", func(t *testing.T, c *Clouds) error {
			_, err := cloudformation.NewFromConfig(as(t, c)).CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: c.name("s"), TemplateBody: aws.String(`{"Resources":{"L":{"Type":"AWS::Logs::LogGroup"}}}`)})
			return err
		}, 403, "AccessDenied", noIdentity("cloudformation:CreateStack", "arn:aws:cloudformation:"+sandbox.Region+":"+sandbox.Account+":stack/s/*"), accessDenied),
		row("a stack whose role the caller is not allowed to pass", func(t *testing.T, c *Clouds) error {
			_, err := cloudformation.NewFromConfig(as(t, c, allowing("cloudformation:*", "*"))).CreateStack(t.Context(), &cloudformation.CreateStackInput{
				StackName: c.name("s"), RoleARN: aws.String(c.iamARN("role/exec")), TemplateBody: aws.String(`{"Resources":{"L":{"Type":"AWS::Logs::LogGroup"}}}`)})
			return err
		}, 403, "AccessDenied", noIdentity("iam:PassRole", arnPrefix+"role/exec"), "AWS CloudFormation service role (AWS CloudFormation User Guide), for the action"),
		row("a stack with roles, without the capability", func(t *testing.T, c *Clouds) error {
			_, err := cloudformation.NewFromConfig(admin(c)).CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: c.name("s"),
				TemplateBody: aws.String(`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"r","AssumeRolePolicyDocument":` + lambdaTrust + `}}}}`), Capabilities: []cfn.Capability{cfn.CapabilityCapabilityIam}})
			return err
		}, 400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]", "envato/stack_master, issue 138"),
		row("a stack that is not there", func(t *testing.T, c *Clouds) error {
			_, err := cloudformation.NewFromConfig(admin(c)).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: c.name("none")})
			return err
		}, 400, "ValidationError", "Stack with id none does not exist", reported),
		row("importing a resource that has no deletion policy", func(t *testing.T, c *Clouds) error {
			return importLogs(t, c, `{"Resources":{"L":{"Type":"AWS::Logs::LogGroup","Properties":{"LogGroupName":"l"}}}}`)
		}, 400, "ValidationError", "The following resources to import [L] must have DeletionPolicy attribute specified in the template.", "awsdocs/elastic-beanstalk-samples, issue 168"),
		row("importing a resource and adding an output", func(t *testing.T, c *Clouds) error {
			return importLogs(t, c, `{"Resources":{"L":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Delete","Properties":{"LogGroupName":"l"}}},"Outputs":{"O":{"Value":"o"}}}`)
		}, 400, "ValidationError", "As part of the import operation, you cannot modify or add [Outputs]", "awslabs/aws-security-assessment-solution, issue 6"),
		row("importing a resource and creating another", func(t *testing.T, c *Clouds) error {
			return importLogs(t, c, `{"Resources":{"L":{"Type":"AWS::Logs::LogGroup","DeletionPolicy":"Delete","Properties":{"LogGroupName":"l"}},"N":{"Type":"AWS::Logs::LogGroup"}}}`)
		}, 400, "ValidationError", "You have modified resources [N] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations.", "aws/aws-cdk-cli, pull request 1602"),
		row("a parameter without the right to it", func(t *testing.T, c *Clouds) error {
			_, err := ssm.NewFromConfig(as(t, c)).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/cdk-bootstrap/version")})
			return err
		}, 400, "AccessDeniedException", noIdentity("ssm:GetParameter", "arn:aws:ssm:"+sandbox.Region+":"+sandbox.Account+":parameter/cdk-bootstrap/version"), accessDenied),
		row("logs without the right to them", func(t *testing.T, c *Clouds) error {
			_, err := cloudwatchlogs.NewFromConfig(as(t, c)).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/aws/lambda/f")})
			return err
		}, 400, "AccessDeniedException", noIdentity("logs:FilterLogEvents", "arn:aws:logs:"+sandbox.Region+":"+sandbox.Account+":log-group:/aws/lambda/f:log-stream:"), accessDenied),
	}
}

// zipOf is the smallest deployment package.
func zipOf(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.CreateHeader(&zip.FileHeader{Name: "bootstrap"})
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err != nil || w.Close() != nil {
		t.Fatal("writing a zip file:", err)
	}
	return out.Bytes()
}
