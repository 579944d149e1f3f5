package cloudwatch_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/awstest"
)

func ptr[T any](v T) *T { return &v }

// errorsAlarm is the input for an alarm, with changes.
func errorsAlarm(change ...func(*sdk.PutMetricAlarmInput)) *sdk.PutMetricAlarmInput {
	in := &sdk.PutMetricAlarmInput{
		AlarmName: ptr("errors"), AlarmDescription: ptr("The function failed"), Namespace: ptr("AWS/Lambda"), MetricName: ptr("Errors"), Statistic: types.StatisticSum,
		Dimensions: []types.Dimension{{Name: ptr("FunctionName"), Value: ptr("f")}}, Period: ptr(int32(300)), EvaluationPeriods: ptr(int32(1)), Threshold: ptr(0.5),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, TreatMissingData: ptr("notBreaching"),
		AlarmActions: []string{"arn:aws:sns:us-east-1:111122223333:alerts"}, Tags: []types.Tag{{Key: ptr("team"), Value: ptr("data")}},
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func TestAlarms(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	if _, err := c.PutMetricAlarm(ctx, errorsAlarm()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutMetricAlarm(ctx, errorsAlarm(func(in *sdk.PutMetricAlarmInput) { in.AlarmName = ptr("other") })); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutMetricAlarm(ctx, errorsAlarm(func(in *sdk.PutMetricAlarmInput) { in.Threshold = ptr(3.0) })); err != nil {
		t.Fatal(err)
	}
	out, err := c.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{AlarmNames: []string{"errors"}})
	if err != nil || len(out.MetricAlarms) != 1 {
		t.Fatalf("DescribeAlarms() = %+v, %v", out, err)
	}
	a := out.MetricAlarms[0]
	if *a.AlarmArn != "arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors" || *a.Threshold != 3 || a.StateValue != types.StateValueInsufficientData || *a.Period != 300 ||
		*a.Dimensions[0].Value != "f" || a.AlarmActions[0] != "arn:aws:sns:us-east-1:111122223333:alerts" || !*a.ActionsEnabled || *a.TreatMissingData != "notBreaching" ||
		time.Since(*a.AlarmConfigurationUpdatedTimestamp).Abs() > time.Minute || a.DatapointsToAlarm != nil {
		t.Errorf("the alarm is %+v", a)
	}
	page, err := c.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{MaxRecords: ptr(int32(1))})
	if err != nil || len(page.MetricAlarms) != 1 || page.NextToken == nil {
		t.Fatalf("the first page is %+v, %v", page, err)
	}
	page, err = c.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{MaxRecords: ptr(int32(1)), NextToken: page.NextToken})
	if err != nil || len(page.MetricAlarms) != 1 || *page.MetricAlarms[0].AlarmName != "other" || page.NextToken != nil {
		t.Errorf("the last page is %+v, %v", page, err)
	}
	if _, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceARN: a.AlarmArn, Tags: []types.Tag{{Key: ptr("b"), Value: ptr("2")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceARN: a.AlarmArn, TagKeys: []string{"team"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: a.AlarmArn})
	if err != nil || len(tags.Tags) != 1 || *tags.Tags[0].Key != "b" {
		t.Errorf("tags are %+v, %v", tags, err)
	}
	if _, err := c.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"errors", "other"}}); err != nil {
		t.Fatal(err)
	}
	if out, err := c.DescribeAlarms(ctx, &sdk.DescribeAlarmsInput{}); err != nil || len(out.MetricAlarms) != 0 {
		t.Errorf("after deletion: %+v, %v", out, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	c, ctx := sdk.NewFromConfig(s.Config(s.Admin())), t.Context()
	worker := sdk.NewFromConfig(s.Config(awstest.Session(t, s, "worker", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudwatch:DescribeAlarms","Resource":"*"}]}`, time.Hour)))
	put := func(c *sdk.Client, change func(*sdk.PutMetricAlarmInput)) error {
		_, err := c.PutMetricAlarm(ctx, errorsAlarm(change))
		return err
	}
	_, missing := c.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"none"}})
	_, untagged := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceARN: ptr("arn:aws:cloudwatch:us-east-1:111122223333:alarm:none")})
	other := s.Admin()
	other.SecretAccessKey = "wrong"
	_, unsigned := sdk.NewFromConfig(s.Config(other)).DescribeAlarms(ctx, nil)
	_, metrics := c.ListMetrics(ctx, &sdk.ListMetricsInput{})
	for name, tt := range map[string]struct {
		err  error
		want awstest.Refusal
	}{
		"without the right": {put(worker, func(*sdk.PutMetricAlarmInput) {}), awstest.Refused(403, "AccessDenied", "User: arn:aws:sts::111122223333:assumed-role/worker/session is not authorized to perform: cloudwatch:PutMetricAlarm on resource: arn:aws:cloudwatch:us-east-1:111122223333:alarm:errors because no identity-based policy allows the cloudwatch:PutMetricAlarm action")},
		"a wrong secret":    {unsigned, awstest.Refused(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")},
		"a topic elsewhere": {put(c, func(in *sdk.PutMetricAlarmInput) {
			in.AlarmActions = []string{"arn:aws:sns:eu-west-1:111122223333:alerts"}
		}), awstest.Refused(400, "ValidationError", "Invalid region eu-west-1 specified. Only us-east-1 is supported.")},
		"no ARN":                 {put(c, func(in *sdk.PutMetricAlarmInput) { in.AlarmActions = []string{"alerts"} }), awstest.Refused(400, "ValidationError", "Invalid arn syntax: alerts")},
		"another kind of action": {put(c, func(in *sdk.PutMetricAlarmInput) { in.AlarmActions = []string{"arn:aws:swf:us-east-1:111122223333:x"} }), awstest.Refused(501, "NotImplemented", "The parameter AlarmActions arn:aws:swf:us-east-1:111122223333:x is not modelled by this sandbox.")},
		"a period between":       {put(c, func(in *sdk.PutMetricAlarmInput) { in.Period = ptr(int32(61)) }), awstest.Refused(400, "ValidationError", "Period must be 10, 20, 30 or a multiple of 60")},
		"another operator":       {put(c, func(in *sdk.PutMetricAlarmInput) { in.ComparisonOperator = "Above" }), awstest.Refused(400, "ValidationError", "1 validation error detected: Value 'Above' at 'comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold]")},
		"other missing data":     {put(c, func(in *sdk.PutMetricAlarmInput) { in.TreatMissingData = ptr("fine") }), awstest.Refused(400, "ValidationError", "Option fine is not supported for treat-missing-data parameter. Supported options are [breaching, notBreaching, ignore, missing].")},
		"an expression":          {put(c, func(in *sdk.PutMetricAlarmInput) { in.Metrics = []types.MetricDataQuery{{Id: ptr("m")}} }), awstest.Refused(501, "NotImplemented", "The parameter Metrics is not modelled by this sandbox.")},
		"an alarm that is none":  {missing, awstest.Refused(404, "ResourceNotFound", "The alarm none does not exist.")},
		"tags of none":           {untagged, awstest.Refused(404, "ResourceNotFoundException", "The resource arn:aws:cloudwatch:us-east-1:111122223333:alarm:none does not exist.")},
		"what it does not have":  {metrics, awstest.Refused(404, "UnknownOperationException", "There is no operation POST /service/GraniteServiceVersion20100801/operation/ListMetrics.")},
	} {
		if diff := cmp.Diff(tt.want, awstest.RefusalOf(t, tt.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestQueryProtocol is for older clients: the same alarm by form.
func TestQueryProtocol(t *testing.T) {
	t.Parallel()
	s := awstest.Start(t)
	do := func(form string) (int, string) {
		return s.Do(t, awstest.Call{Credentials: s.Admin(), Service: "monitoring", Method: "POST", Path: "/", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, Body: form + "&Version=2010-08-01"})
	}
	if status, body := do("Action=PutMetricAlarm&AlarmName=errors&Namespace=AWS%2FLambda&MetricName=Errors&Statistic=Sum&Period=60&EvaluationPeriods=1&Threshold=0.5&ComparisonOperator=GreaterThanThreshold&Dimensions.member.1.Name=FunctionName&Dimensions.member.1.Value=f"); status != 200 {
		t.Fatalf("PutMetricAlarm answered %d: %s", status, body)
	}
	status, body := do("Action=DescribeAlarms&AlarmNames.member.1=errors")
	if status != 200 || !strings.Contains(body, "<AlarmName>errors</AlarmName>") || !strings.Contains(body, "<Threshold>0.5</Threshold>") || !strings.Contains(body, "<Value>f</Value>") {
		t.Errorf("DescribeAlarms answered %d: %s", status, body)
	}
	if status, body := do("Action=DeleteAlarms&AlarmNames.member.1=none"); status != 404 || !strings.Contains(body, "<Code>ResourceNotFound</Code>") {
		t.Errorf("DeleteAlarms answered %d: %s", status, body)
	}
}
