package resource

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Limits of "PutMetricAlarm".
const (
	maxAlarmName   = 255
	maxDescription = 1024
	maxDimensions  = 30
	maxActions     = 5
)

var comparisons = []string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}

// alarm is inert: metrics are not modelled, so nothing evaluates it.
type alarm struct {
	AlarmName               string `cfn:"name"`
	AlarmDescription        string
	ActionsEnabled          *bool
	AlarmActions            []string
	OKActions               []string
	InsufficientDataActions []string
	Namespace               string
	MetricName              string
	Dimensions              []struct {
		Name  string `cfn:"required"`
		Value string `cfn:"required"`
	}
	Statistic          string
	ExtendedStatistic  string
	Period             *int32
	Unit               string
	EvaluationPeriods  *int32
	DatapointsToAlarm  *int32
	Threshold          *float64
	ComparisonOperator string
	TreatMissingData   string
	Tags               tags
}

func cloudwatchTypes() []Type {
	return []Type{newInert("AWS::CloudWatch::Alarm", []string{"Arn"}, inertKind[alarm]{
		service: "CloudWatch",
		name:    func(c *Call, p alarm) string { return cmp.Or(p.AlarmName, c.Name(maxAlarmName)) },
		arn: func(c *Call, name string) string {
			return "arn:aws:cloudwatch:" + c.Region + ":" + c.Account + ":alarm:" + name
		},
		attributes: func(_ *Call, arn string) map[string]any { return map[string]any{"Arn": arn} },
		tags:       func(p alarm) tags { return p.Tags },
		tagging:    "cloudwatch:TagResource", untagging: "cloudwatch:UntagResource",
		actions: func(now, _ *alarm) []string {
			if now == nil {
				return []string{"cloudwatch:DeleteAlarms"}
			}
			return []string{"cloudwatch:PutMetricAlarm"}
		},
		check: func(c *Call, p alarm) error { return p.check(c.Region) },
		missing: func(_ *Call, name string) error {
			return api.Errorf(http.StatusNotFound, "ResourceNotFound", "The alarm %s does not exist.", name)
		},
	}), newInert("AWS::CloudWatch::Dashboard", nil, inertKind[dashboard]{
		service: "CloudWatch",
		name:    func(c *Call, p dashboard) string { return cmp.Or(p.DashboardName, c.Name(maxAlarmName)) },
		arn: func(c *Call, name string) string { // it has no region
			return "arn:aws:cloudwatch::" + c.Account + ":dashboard/" + name
		},
		attributes: func(*Call, string) map[string]any { return nil },
		tags:       func(dashboard) tags { return nil },
		actions: func(now, _ *dashboard) []string {
			if now == nil {
				return []string{"cloudwatch:DeleteDashboards"}
			}
			return []string{"cloudwatch:PutDashboard"}
		},
		check: func(_ *Call, p dashboard) error { return p.check() },
		missing: func(_ *Call, name string) error {
			return api.Errorf(http.StatusNotFound, "DashboardNotFoundError", "Dashboard %s does not exist", name)
		},
	})}
}

// dashboard is inert: it shows nothing here.
type dashboard struct {
	DashboardName string `cfn:"name"`
	DashboardBody string `cfn:"required"`
}

var dashboardName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`)

// check validates a dashboard by the rules of "PutDashboard"; the messages are believed.
func (p dashboard) check() error {
	switch {
	case p.DashboardName != "" && !dashboardName.MatchString(p.DashboardName):
		return api.Errorf(http.StatusBadRequest, "InvalidParameterInput", "The value %s for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).", p.DashboardName)
	case !json.Valid([]byte(p.DashboardBody)):
		return api.Errorf(http.StatusBadRequest, "InvalidParameterInput", "The field DashboardBody must be a valid JSON object")
	}
	return nil
}

func wrong(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}

// check validates an alarm by the rules of "PutMetricAlarm".
func (p alarm) check(region string) error {
	switch {
	case len(p.AlarmName) > maxAlarmName:
		return api.Invalid(p.AlarmName, "alarmName", "Member must have length less than or equal to "+strconv.Itoa(maxAlarmName))
	case len(p.AlarmDescription) > maxDescription:
		return api.Invalid(p.AlarmDescription, "alarmDescription", "Member must have length less than or equal to "+strconv.Itoa(maxDescription))
	case p.EvaluationPeriods == nil:
		return api.Invalid("null", "evaluationPeriods", "Member must not be null")
	case *p.EvaluationPeriods < 1:
		return api.Invalid(*p.EvaluationPeriods, "evaluationPeriods", "Member must have value greater than or equal to 1")
	case p.ComparisonOperator == "":
		return api.Invalid("null", "comparisonOperator", "Member must not be null")
	case !slices.Contains(comparisons, p.ComparisonOperator):
		return api.Invalid(p.ComparisonOperator, "comparisonOperator", "Member must satisfy enum value set: ["+strings.Join(comparisons, ", ")+"]")
	case p.MetricName == "" || p.Namespace == "" || p.Period == nil:
		return wrong("MetricName, Namespace and Period must be given.")
	case *p.Period != 10 && *p.Period != 20 && *p.Period != 30 && (*p.Period < 60 || *p.Period%60 != 0):
		return wrong("Period must be 10, 20, 30 or a multiple of 60")
	case (p.Statistic == "") == (p.ExtendedStatistic == ""):
		return wrong("Exactly one of Statistic and ExtendedStatistic must be given.")
	case p.Statistic != "" && !slices.Contains([]string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}, p.Statistic):
		return api.Invalid(p.Statistic, "statistic", "Member must satisfy enum value set: [SampleCount, Average, Sum, Minimum, Maximum]")
	case p.Threshold == nil:
		return wrong("Threshold must be given.")
	case !slices.Contains([]string{"", "missing", "ignore", "breaching", "notBreaching"}, p.TreatMissingData):
		return wrong("Option %s is not supported for treat-missing-data parameter. Supported options are [breaching, notBreaching, ignore, missing].", p.TreatMissingData)
	case len(p.Dimensions) > maxDimensions:
		return wrong("The collection Dimensions must not have a size greater than %d.", maxDimensions)
	case p.DatapointsToAlarm != nil && (*p.DatapointsToAlarm < 1 || *p.DatapointsToAlarm > *p.EvaluationPeriods):
		return wrong("DatapointsToAlarm must be from 1 to EvaluationPeriods.")
	}
	for _, actions := range [][]string{p.OKActions, p.AlarmActions, p.InsufficientDataActions} {
		if len(actions) > maxActions {
			return wrong("An alarm has at most %d actions of one kind.", maxActions)
		}
		for _, action := range actions {
			switch parts := strings.SplitN(action, ":", 6); {
			case len(parts) != 6 || parts[0] != "arn":
				return wrong("Invalid arn syntax: %s", action)
			case parts[2] != "sns":
				return api.NotModelled("AlarmActions " + action)
			case parts[3] != region:
				return wrong("Invalid region %s specified. Only %s is supported.", parts[3], region)
			}
		}
	}
	return nil
}
