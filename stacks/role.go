package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
	"github.com/gcs-to-s3/gcs-to-s3/internal/ownership"
)

// RoleStackProps are the properties of a RoleStack.
type RoleStackProps struct {
	awscdk.StackProps
	Environment environment.Environment
}

// NewRoleStack returns the stack of the function's role. It comes first: Google's
// side names the role, and the function is created with it.
func NewRoleStack(scope constructs.Construct, id string, props *RoleStackProps) awscdk.Stack {
	env := props.Environment
	stack := awscdk.NewStack(scope, jsii.String(id), &props.StackProps)
	policies := map[string]awsiam.PolicyDocument{}
	roleProps := &awsiam.RoleProps{
		RoleName:            jsii.String(env.Role),
		AssumedBy:           awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description:         jsii.String(ownership.RoleDescription),
		PermissionsBoundary: boundary(stack, env, "Role"),
	}
	if env.RolePolicies == environment.ArticlePolicies {
		roleProps.ManagedPolicies = &[]awsiam.IManagedPolicy{
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AmazonS3FullAccess")),
			awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("service-role/AWSLambdaBasicExecutionRole")),
		}
	} else {
		destination := func(objects *string) string {
			return *stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("s3"),
				Region:       jsii.String(""),
				Account:      jsii.String(""),
				Resource:     jsii.String(env.DestinationBucket),
				ResourceName: objects,
			})
		}
		groups := []string{}
		for _, name := range env.Functions() {
			groups = append(groups, *stack.FormatArn(&awscdk.ArnComponents{
				Service:      jsii.String("logs"),
				Resource:     jsii.String("log-group"),
				ResourceName: jsii.String(environment.LogGroupOf(name) + ":*"),
				ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
			}))
		}
		policies = map[string]awsiam.PolicyDocument{
			"write-destination": document("WriteDestination",
				// s3:PutObject covers all of an upload except aborting it.
				// Reading is for HeadObject: whether the same object is already
				// there, and whether a write whose answer was lost has succeeded.
				// Listing parts is for an upload that another invocation began.
				[]string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObject"},
				destination(jsii.String(env.DestinationPrefix+"*"))),
			// If the response with a new upload's id is lost, listing finds the
			// upload, so that it can be aborted.
			"find-uploads": document("FindUploads", []string{"s3:ListBucketMultipartUploads"}, destination(nil)),
			"write-logs":   document("WriteLogs", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, groups...),
		}
		if env.Bulk {
			policies["keep-jobs"] = keepJobs(env)
		}
		if env.EventDeletes {
			policies["delete-copies"] = awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
				awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
					Sid: jsii.String("DeleteCopies"), Actions: jsii.Strings("s3:DeleteObject"), Resources: jsii.Strings(destination(jsii.String(env.DestinationPrefix + "*"))),
				}),
				// S3 says that there is no copy only to who may list the bucket, and to others
				// the same as of one that is hidden from them (Amazon S3 API Reference, "HeadObject").
				awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
					Sid: jsii.String("TellAbsent"), Actions: jsii.Strings("s3:ListBucket"), Resources: jsii.Strings(destination(nil)),
				}),
			}})
		}
	}
	if env.KMSKey != "" {
		policies["use-key"] = awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid: jsii.String("UseKey"),
				// Writing generates a data key. Completing an upload in parts,
				// and checking an existing object, need it decrypted.
				Actions:    jsii.Strings("kms:GenerateDataKey", "kms:Decrypt"),
				Resources:  jsii.Strings(env.KMSKey),
				Conditions: &map[string]any{"StringEquals": map[string]string{"kms:ViaService": "s3." + env.AWSRegion + ".amazonaws.com"}},
			}),
		}})
	}
	if env.DeadLetterQueue {
		policies["send-dead-letters"] = document("SendDeadLetters", []string{"sqs:SendMessage"}, env.DeadLettersARN())
	}
	if len(policies) > 0 {
		roleProps.InlinePolicies = &policies
	}
	role := awsiam.NewRole(stack, jsii.String("Role"), roleProps)
	awscdk.NewCfnOutput(stack, jsii.String("RoleArn"), &awscdk.CfnOutputProps{
		Value:       role.RoleArn(),
		Description: jsii.String("The role's ARN"),
	})
	awscdk.NewCfnOutput(stack, jsii.String("AssumedRole"), &awscdk.CfnOutputProps{
		Value:       jsii.String(env.AssumedRole()),
		Description: jsii.String("What Google Cloud sees as attribute.aws_role"),
	})
	return stack
}

// boundary returns the environment's permissions boundary for the role of an id, or nil.
func boundary(scope constructs.Construct, env environment.Environment, role string) awsiam.IManagedPolicy {
	if env.PermissionsBoundary == "" {
		return nil
	}
	return awsiam.ManagedPolicy_FromManagedPolicyArn(scope, jsii.String(role+"Boundary"), jsii.String(env.PermissionsBoundary))
}

// document returns a policy with one statement.
func document(sid string, actions []string, resources ...string) awsiam.PolicyDocument {
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{
		Statements: &[]awsiam.PolicyStatement{
			awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
				Sid:       jsii.String(sid),
				Actions:   jsii.Strings(actions...),
				Resources: jsii.Strings(resources...),
			}),
		},
	})
}
