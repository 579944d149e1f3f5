package cloudformation_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"
)

// all has one of each type but those of the other tests. VALUE and SIZE change.
const all = `
Parameters:
  Days: {Type: Number, Default: 7}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: TRUST
      Policies:
        - PolicyName: inline
          PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: !Sub "${Bucket.Arn}/*"}]}
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      Roles: [!Ref Role]
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: "ssm:GetParameter", Resource: "VALUE"}]}
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "app-${AWS::AccountId}"
      VersioningConfiguration: {Status: Enabled}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true}
      LifecycleConfiguration:
        Rules:
          - {Id: archive, Status: Enabled, Prefix: old/, Transitions: [{StorageClass: GLACIER, TransitionInDays: !Ref Days}]}
          - {Id: tidy, Status: Enabled, ExpiredObjectDeleteMarker: true, NoncurrentVersionExpiration: {NoncurrentDays: 1, NewerNoncurrentVersions: 2}, AbortIncompleteMultipartUpload: {DaysAfterInitiation: 1}}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument: {Version: 2012-10-17, Statement: [{Effect: Deny, Principal: "*", Action: "s3:*", Resource: !GetAtt Bucket.Arn, Condition: {Bool: {"aws:SecureTransport": "false"}}}]}
  Parameter:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Name: /app/value, Value: "VALUE"}
  Repository:
    Type: AWS::ECR::Repository
    Properties: {RepositoryName: app, ImageTagMutability: IMMUTABLE}
  Log:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /app, RetentionInDays: !Ref Days}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: app
      Role: !GetAtt Role.Arn
      Runtime: provided.al2023
      Handler: bootstrap
      MemorySize: SIZE
      Code: {S3Bucket: code-bucket, S3Key: f.zip}
      LoggingConfig: {LogGroup: !Ref Log}
      Environment: {Variables: {SETTING: "VALUE"}}
      ReservedConcurrentExecutions: 2
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {Action: "lambda:InvokeFunction", FunctionName: !GetAtt Function.Arn, Principal: events.amazonaws.com}
  Version:
    Type: AWS::Lambda::Version
    Properties: {FunctionName: !Ref Function, Description: first}
  Async:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {FunctionName: !Ref Function, Qualifier: $LATEST, MaximumRetryAttempts: 0}
Outputs:
  Function: {Value: !GetAtt Function.Arn}
  Version: {Value: !GetAtt Version.Version}
  Domain: {Value: !GetAtt Bucket.RegionalDomainName}
  Log: {Value: !GetAtt Log.Arn}
`

func TestEveryType(t *testing.T) {
	c := newCloud(t)
	objects := s3.NewFromConfig(c.config, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: text("code-bucket"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	z := zip.NewWriter(&bundle)
	if _, err := z.Create("bootstrap"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(c.ctx, &s3.PutObjectInput{Bucket: text("code-bucket"), Key: text("f.zip"), Body: bytes.NewReader(bundle.Bytes())}); err != nil {
		t.Fatal(err)
	}
	body := func(value, size string) string {
		return strings.NewReplacer("TRUST", trust, "VALUE", value, "SIZE", size).Replace(all)
	}
	tag := types.Tag{Key: text("team"), Value: text("blue")}

	st := c.create("app", body("*", "128"), func(in *sdk.CreateStackInput) { in.Tags = []types.Tag{tag} })
	if st.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("got status %s, want CREATE_COMPLETE: %s", st.StackStatus, *st.StackStatusReason)
	}
	outputs := map[string]string{}
	for _, o := range st.Outputs {
		outputs[*o.OutputKey] = *o.OutputValue
	}
	want := map[string]string{
		"Function": "arn:aws:lambda:eu-central-1:123456789012:function:app",
		"Version":  "1",
		"Domain":   "app-123456789012.s3.eu-central-1.amazonaws.com",
		"Log":      "arn:aws:logs:eu-central-1:123456789012:log-group:/app:*",
	}
	if diff := cmp.Diff(want, outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}

	tag.Value = text("red")
	st = c.update("app", body("arn:aws:ssm:*", "256"), func(in *sdk.UpdateStackInput) {
		in.Tags = []types.Tag{tag}
		in.Parameters = []types.Parameter{{ParameterKey: text("Days"), ParameterValue: text("14")}}
	})
	if st.StackStatus != types.StackStatusUpdateComplete {
		t.Fatalf("got status %s, want UPDATE_COMPLETE: %v", st.StackStatus, c.events(*st.StackId, "UPDATE_IN_PROGRESS"))
	}
	f, err := lambda.NewFromConfig(c.config).GetFunction(c.ctx, &lambda.GetFunctionInput{FunctionName: text("app")})
	if err != nil {
		t.Fatal(err)
	}
	if got := *f.Configuration.MemorySize; got != 256 || f.Configuration.Environment.Variables["SETTING"] != "arn:aws:ssm:*" || f.Tags["team"] != "red" {
		t.Errorf("got memory %d, variables %v, tags %v", got, f.Configuration.Environment.Variables, f.Tags)
	}
	lifecycle, err := objects.GetBucketLifecycleConfiguration(c.ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: text("app-123456789012")})
	if err != nil || len(lifecycle.Rules) != 2 || *lifecycle.Rules[0].Transitions[0].Days != 14 || *lifecycle.Rules[1].NoncurrentVersionExpiration.NewerNoncurrentVersions != 2 {
		t.Errorf("lifecycle: got %+v, %v", lifecycle, err)
	}
	p, err := ssm.NewFromConfig(c.config).GetParameter(c.ctx, &ssm.GetParameterInput{Name: text("/app/value")})
	if err != nil || *p.Parameter.Value != "arn:aws:ssm:*" {
		t.Errorf("parameter: got %v, %v", p, err)
	}
	groups, err := cloudwatchlogs.NewFromConfig(c.config).DescribeLogGroups(c.ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: text("/app")})
	if err != nil || len(groups.LogGroups) != 1 || *groups.LogGroups[0].RetentionInDays != 14 {
		t.Errorf("log group: got %v, %v", groups, err)
	}

	if st = c.delete("app"); st.StackStatus != types.StackStatusDeleteComplete {
		t.Errorf("got status %s, want DELETE_COMPLETE: %v", st.StackStatus, c.events(*st.StackId, "DELETE_IN_PROGRESS"))
	}
}
