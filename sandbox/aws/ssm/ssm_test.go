package ssm_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

func TestParameters(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := ssm.NewFromConfig(s.Config(s.Admin())), t.Context()
	const version = "/cdk-bootstrap/hnb659fds/version"
	put := func(name, value string, overwrite bool) awstest.Refusal {
		_, err := c.PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString, Overwrite: &overwrite})
		return awstest.RefusalOf(t, err)
	}
	for _, test := range []struct {
		name      string
		value     string
		overwrite bool
		want      awstest.Refusal
	}{
		{version, "29", false, awstest.Refusal{}},
		{version, "30", false, awstest.Refused(400, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")},
		{version, "30", true, awstest.Refusal{}},
		{"/cdk-bootstrap/other", "x", false, awstest.Refusal{}},
		{"/aws/x", "x", false, awstest.Refused(400, "AccessDeniedException", "No access to reserved parameter name: /aws/x.")},
		{"a/b", "x", false, awstest.Refused(400, "ValidationException", "Parameter name must be a fully qualified name.")},
	} {
		if diff := cmp.Diff(test.want, put(test.name, test.value, test.overwrite)); diff != "" {
			t.Errorf("%s=%s (-want +got):\n%s", test.name, test.value, diff)
		}
	}
	for _, name := range []string{version, version + ":2", "arn:aws:ssm:us-east-1:111122223333:parameter" + version} {
		got, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: &name})
		if err != nil || *got.Parameter.Value != "30" || got.Parameter.Version != 2 || time.Since(*got.Parameter.LastModifiedDate) > time.Minute {
			t.Errorf("%s: got %+v (%v)", name, got, err)
		}
	}
	_, err := c.GetParameter(ctx, &ssm.GetParameterInput{Name: ptr("none")})
	if diff := cmp.Diff(awstest.Refused(400, "ParameterNotFound", ""), awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	several, err := c.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{version, "none"}})
	if err != nil || len(several.Parameters) != 1 || len(several.InvalidParameters) != 1 {
		t.Errorf("got %+v (%v)", several, err)
	}
	if _, err := c.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: ptr(version), Tags: []types.Tag{{Key: ptr("a"), Value: ptr("b")}}}); err != nil {
		t.Error(err)
	}
	tags, err := c.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: ptr(version)})
	if err != nil || len(tags.TagList) != 1 {
		t.Errorf("got %+v (%v)", tags, err)
	}
	described, err := c.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: ptr("Name"), Option: ptr("BeginsWith"), Values: []string{"/cdk-bootstrap/h"}}}})
	if err != nil || len(described.Parameters) != 1 {
		t.Errorf("got %+v (%v)", described, err)
	}
	if _, err := c.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: ptr(version)}); err != nil {
		t.Error(err)
	}
}

func TestCallsAreAuthorized(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c := ssm.NewFromConfig(s.Config(awstest.Session(t, s, "cdk", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:GetParameter","Resource":"arn:aws:ssm:*:*:parameter/cdk-bootstrap/*"}]}`, time.Hour)))
	_, err := c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: ptr("/cdk-bootstrap/x")})
	if got := awstest.RefusalOf(t, err); got.Code != "ParameterNotFound" {
		t.Errorf("got %v, want ParameterNotFound", got)
	}
	_, err = c.GetParameter(t.Context(), &ssm.GetParameterInput{Name: ptr("/other")})
	want := awstest.Refused(400, "AccessDeniedException", "User: arn:aws:sts::111122223333:assumed-role/cdk/session is not authorized to perform: ssm:GetParameter on resource: arn:aws:ssm:us-east-1:111122223333:parameter/other because no identity-based policy allows the ssm:GetParameter action")
	if diff := cmp.Diff(want, awstest.RefusalOf(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
