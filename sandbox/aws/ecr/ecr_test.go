package ecr_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws"
)

func newClient(t *testing.T) *sdk.Client {
	t.Helper()
	t.Parallel()
	core, err := aws.New(aws.Options{Account: "123456789012", Region: "eu-central-1", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	})
	web := httptest.NewServer(http.Handler(core))
	t.Cleanup(web.Close)
	admin := core.Admin()
	return sdk.NewFromConfig(awssdk.Config{Region: "eu-central-1", BaseEndpoint: &web.URL, Retryer: func() awssdk.Retryer { return awssdk.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(admin.AccessKeyID, admin.SecretAccessKey, admin.SessionToken)})
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return ""
}

func text(s string) *string { return &s }

func TestRepository(t *testing.T) {
	c, ctx := newClient(t), t.Context()
	name := text("assets")
	created, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityImmutable})
	if err != nil {
		t.Fatal(err)
	}
	want := &types.Repository{
		RepositoryArn: text("arn:aws:ecr:eu-central-1:123456789012:repository/assets"), RepositoryName: name, RegistryId: text("123456789012"),
		RepositoryUri: text("123456789012.dkr.ecr.eu-central-1.amazonaws.com/assets"), ImageTagMutability: types.ImageTagMutabilityImmutable,
		ImageScanningConfiguration: &types.ImageScanningConfiguration{}, EncryptionConfiguration: &types.EncryptionConfiguration{EncryptionType: types.EncryptionTypeAes256},
	}
	ignore := cmpopts.IgnoreFields(types.Repository{}, "CreatedAt")
	unexported := cmpopts.IgnoreUnexported(types.Repository{}, types.ImageScanningConfiguration{}, types.EncryptionConfiguration{})
	if diff := cmp.Diff(want, created.Repository, ignore, unexported); diff != "" {
		t.Errorf("CreateRepository (-want +got):\n%s", diff)
	}
	for _, err := range []error{
		ignoring(c.PutLifecyclePolicy(ctx, &sdk.PutLifecyclePolicyInput{RepositoryName: name, LifecyclePolicyText: text(`{"rules":[]}`)})),
		ignoring(c.SetRepositoryPolicy(ctx, &sdk.SetRepositoryPolicyInput{RepositoryName: name, PolicyText: text(`{"Statement":[]}`)})),
		ignoring(c.PutImageTagMutability(ctx, &sdk.PutImageTagMutabilityInput{RepositoryName: name, ImageTagMutability: types.ImageTagMutabilityMutable})),
		ignoring(c.PutImageScanningConfiguration(ctx, &sdk.PutImageScanningConfigurationInput{RepositoryName: name, ImageScanningConfiguration: &types.ImageScanningConfiguration{ScanOnPush: true}})),
		ignoring(c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: want.RepositoryArn, Tags: []types.Tag{{Key: text("a"), Value: text("b")}}})),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	described, err := c.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"assets"}})
	if err != nil {
		t.Fatal(err)
	}
	want.ImageTagMutability, want.ImageScanningConfiguration.ScanOnPush = types.ImageTagMutabilityMutable, true
	if diff := cmp.Diff(want, &described.Repositories[0], ignore, unexported); diff != "" {
		t.Errorf("DescribeRepositories (-want +got):\n%s", diff)
	}
	policy, err := c.GetRepositoryPolicy(ctx, &sdk.GetRepositoryPolicyInput{RepositoryName: name})
	if err != nil || *policy.PolicyText != `{"Statement":[]}` {
		t.Errorf("GetRepositoryPolicy: got %v, %v", policy, err)
	}
	if _, err := c.DeleteRepository(ctx, &sdk.DeleteRepositoryInput{RepositoryName: name}); err != nil {
		t.Fatal(err)
	}
	_, err = c.DescribeRepositories(ctx, &sdk.DescribeRepositoriesInput{RepositoryNames: []string{"assets"}})
	if diff := cmp.Diff("RepositoryNotFoundException: The repository with name 'assets' does not exist in the registry with id '123456789012'", code(err)); diff != "" {
		t.Errorf("after deletion (-want +got):\n%s", diff)
	}
}

func ignoring[T any](_ T, err error) error { return err }

func TestRefusals(t *testing.T) {
	c, ctx := newClient(t), t.Context()
	if _, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: text("twice")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.CreateRepository(ctx, &sdk.CreateRepositoryInput{RepositoryName: text("twice")})
	if diff := cmp.Diff("RepositoryAlreadyExistsException: The repository with name 'twice' already exists in the registry with id '123456789012'", code(err)); diff != "" {
		t.Errorf("the same name (-want +got):\n%s", diff)
	}
	_, err = c.GetLifecyclePolicy(ctx, &sdk.GetLifecyclePolicyInput{RepositoryName: text("twice")})
	if diff := cmp.Diff("LifecyclePolicyNotFoundException: Lifecycle policy does not exist for the repository with name 'twice' in the registry with id '123456789012'", code(err)); diff != "" {
		t.Errorf("no lifecycle policy (-want +got):\n%s", diff)
	}
}
