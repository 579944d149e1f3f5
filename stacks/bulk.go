package stacks

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"github.com/gcs-to-s3/gcs-to-s3/internal/bulk"
	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

// bulkTimeout is the timeout of the function for bulk jobs, in seconds: Lambda's longest.
const bulkTimeout = 15 * 60

// jobs adds the state machine of bulk jobs and its role. The role may do what AWS Step
// Functions Developer Guide, "IAM policies for using Distributed Map states", lists, on the
// environment's own function, machine and folder alone.
func jobs(stack awscdk.Stack, env environment.Environment, function awslambda.Function) awsstepfunctions.CfnStateMachine {
	files := "arn:aws:s3:::" + env.JobsBucket + "/" + bulk.Folder
	execution := fmt.Sprintf("arn:aws:states:%s:%s:execution:%s", env.AWSRegion, env.AWSAccount, env.Jobs())
	statement := func(sid string, actions []string, resources ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Sid: jsii.String(sid), Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...)})
	}
	role := awsiam.NewRole(stack, jsii.String("JobsRole"), &awsiam.RoleProps{
		Description: jsii.Sprintf("Lets the state machine %s run bulk jobs", env.Jobs()),
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("states.amazonaws.com"), &awsiam.ServicePrincipalOpts{
			// AWS Step Functions Developer Guide, "Prevent cross-service confused deputy issue".
			Conditions: &map[string]any{"StringEquals": map[string]string{"aws:SourceAccount": env.AWSAccount}},
		}),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"run-jobs": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
				statement("Invoke", []string{"lambda:InvokeFunction"}, *function.FunctionArn()),
				statement("ReadIndex", []string{"s3:GetObject"}, files+"*/ranges/*", files+"*/index/*"),
				statement("WriteResults", []string{"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"}, files+"*/maps/*"),
				statement("StartChildren", []string{"states:StartExecution"}, env.JobsARN()),
				statement("WatchChildren", []string{"states:DescribeExecution", "states:StopExecution"}, execution+":*"),
				statement("RedriveChildren", []string{"states:RedriveExecution"}, execution+"/*"),
			}}),
		},
		PermissionsBoundary: boundary(stack, env, "JobsRole"),
	})
	return awsstepfunctions.NewCfnStateMachine(stack, jsii.String("Jobs"), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName: jsii.String(env.Jobs()),
		StateMachineType: jsii.String("STANDARD"),
		RoleArn:          role.RoleArn(),
		DefinitionString: jsii.String(bulk.Definition(bulk.Machine{Function: *function.FunctionArn(), Bucket: env.JobsBucket})),
	})
}

// keepJobs lets the function keep the files of jobs, and list what it may write, to compare
// it with the source.
func keepJobs(env environment.Environment) awsiam.PolicyDocument {
	bucket := "arn:aws:s3:::" + env.JobsBucket
	list := func(sid, bucket string, conditions *map[string]any) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: jsii.String(sid), Actions: jsii.Strings("s3:ListBucket"), Resources: jsii.Strings(bucket), Conditions: conditions,
		})
	}
	// A request for the whole bucket has no prefix, and a condition on what is absent does not hold.
	var below *map[string]any
	if env.DestinationPrefix != "" {
		below = &map[string]any{"StringLike": map[string]string{"s3:prefix": env.DestinationPrefix + "*"}}
	}
	return awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &[]awsiam.PolicyStatement{
		awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Sid: jsii.String("KeepFiles"), Actions: jsii.Strings("s3:GetObject", "s3:PutObject"), Resources: jsii.Strings(bucket + "/" + bulk.Folder + "*"),
		}),
		// Without a condition: S3 says of a file that it does not exist only to who may list
		// the bucket (Amazon S3 API Reference, "GetObject").
		list("ListFiles", bucket, nil),
		list("ListDestination", "arn:aws:s3:::"+env.DestinationBucket, below),
	}})
}

// reconcile adds the schedule of the bulk jobs that copy what events have missed.
func reconcile(stack awscdk.Stack, env environment.Environment, machine awsstepfunctions.CfnStateMachine) {
	schedule(stack, env, scheduled{
		id:          "Reconcile",
		name:        env.Reconciler(),
		description: fmt.Sprintf("Compares gs://%s with s3://%s, and copies what is missing or older", env.SourceBucket, env.DestinationBucket),
		expression:  env.Reconcile,
		timezone:    env.ScheduleTimezone,
		input:       bulk.ReconcileInput(bulk.Reconcile{Prefix: env.EventsPrefix}),
		maxAge:      scheduleMaxAge,
		arn:         *machine.AttrArn(),
		action:      "states:StartExecution",
	})
}
