package cloudwatch

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// Limits of "PutMetricAlarm".
const (
	maxAlarmName   = 255
	maxDescription = 1024
	maxActions     = 5
	maxDimensions  = 30
	maxPage        = 100
)

// alarm is one alarm. CloudWatch.mu guards it.
type alarm struct {
	shape shape
	tags  map[string]string
}

// Dimension is one of a metric's.
type Dimension struct{ Name, Value string }

// shape is an alarm as CloudWatch answers it.
type shape struct {
	AlarmName                          string
	AlarmArn                           string
	AlarmDescription                   string `json:",omitempty" xml:",omitempty"`
	AlarmConfigurationUpdatedTimestamp api.Timestamp
	ActionsEnabled                     bool
	OKActions                          api.Members[string]
	AlarmActions                       api.Members[string]
	InsufficientDataActions            api.Members[string]
	StateValue                         string
	StateReason                        string
	StateUpdatedTimestamp              api.Timestamp
	MetricName                         string
	Namespace                          string
	Statistic                          string `json:",omitempty" xml:",omitempty"`
	ExtendedStatistic                  string `json:",omitempty" xml:",omitempty"`
	Dimensions                         api.Members[Dimension]
	Period                             int
	Unit                               string `json:",omitempty" xml:",omitempty"`
	EvaluationPeriods                  int
	DatapointsToAlarm                  *int `json:",omitempty" xml:",omitempty"`
	Threshold                          float64
	ComparisonOperator                 string
	TreatMissingData                   string `json:",omitempty" xml:",omitempty"`
}

type putInput struct {
	AlarmName               string
	AlarmDescription        string
	ActionsEnabled          *bool
	OKActions               []string
	AlarmActions            []string
	InsufficientDataActions []string
	MetricName              string
	Namespace               string
	Statistic               string
	ExtendedStatistic       string
	Dimensions              []Dimension
	Period                  *int
	Unit                    string
	EvaluationPeriods       *int
	DatapointsToAlarm       *int
	Threshold               *float64
	ComparisonOperator      string
	TreatMissingData        string
	Tags                    []Tag
}

func wrong(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, "ValidationError", format, args...)
}

// check holds the input to the rules of "PutMetricAlarm".
func (in *putInput) check(region string) error {
	switch {
	case in.AlarmName == "":
		return api.Invalid("", "alarmName", "Member must have length greater than or equal to 1")
	case len(in.AlarmName) > maxAlarmName:
		return api.Invalid(in.AlarmName, "alarmName", "Member must have length less than or equal to "+strconv.Itoa(maxAlarmName))
	case len(in.AlarmDescription) > maxDescription:
		return api.Invalid(in.AlarmDescription, "alarmDescription", "Member must have length less than or equal to "+strconv.Itoa(maxDescription))
	case in.EvaluationPeriods == nil:
		return api.Invalid("null", "evaluationPeriods", "Member must not be null")
	case *in.EvaluationPeriods < 1:
		return api.Invalid(*in.EvaluationPeriods, "evaluationPeriods", "Member must have value greater than or equal to 1")
	case in.ComparisonOperator == "":
		return api.Invalid("null", "comparisonOperator", "Member must not be null")
	case !slices.Contains([]string{"GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"}, in.ComparisonOperator):
		return api.Invalid(in.ComparisonOperator, "comparisonOperator", "Member must satisfy enum value set: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold]")
	case in.MetricName == "" || in.Namespace == "" || in.Period == nil:
		return wrong("MetricName, Namespace and Period must be given.")
	case *in.Period != 10 && *in.Period != 20 && *in.Period != 30 && (*in.Period < 60 || *in.Period%60 != 0):
		return wrong("Period must be 10, 20, 30 or a multiple of 60")
	case (in.Statistic == "") == (in.ExtendedStatistic == ""):
		return wrong("Exactly one of Statistic and ExtendedStatistic must be given.")
	case in.Statistic != "" && !slices.Contains([]string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}, in.Statistic):
		return api.Invalid(in.Statistic, "statistic", "Member must satisfy enum value set: [SampleCount, Average, Sum, Minimum, Maximum]")
	case in.Threshold == nil:
		return wrong("Threshold must be given.")
	case !slices.Contains([]string{"", "missing", "ignore", "breaching", "notBreaching"}, in.TreatMissingData):
		return wrong("Option %s is not supported for treat-missing-data parameter. Supported options are [breaching, notBreaching, ignore, missing].", in.TreatMissingData)
	case len(in.Dimensions) > maxDimensions:
		return wrong("The collection Dimensions must not have a size greater than %d.", maxDimensions)
	case in.DatapointsToAlarm != nil && (*in.DatapointsToAlarm < 1 || *in.DatapointsToAlarm > *in.EvaluationPeriods):
		return wrong("DatapointsToAlarm must be from 1 to EvaluationPeriods.")
	}
	for _, actions := range [][]string{in.OKActions, in.AlarmActions, in.InsufficientDataActions} {
		if len(actions) > maxActions {
			return wrong("An alarm has at most %d actions of one kind.", maxActions)
		}
		for _, action := range actions {
			parts := strings.SplitN(action, ":", 6)
			if len(parts) != 6 || parts[0] != "arn" {
				return wrong("Invalid arn syntax: %s", action)
			}
			if parts[2] != "sns" {
				return api.NotModelled("AlarmActions " + action)
			}
			if parts[3] != region {
				return wrong("Invalid region %s specified. Only %s is supported.", parts[3], region)
			}
		}
	}
	return nil
}

func (s *CloudWatch) putMetricAlarm(r *api.Request, in *putInput) (any, error) {
	arn := s.arn(in.AlarmName)
	if err := r.Authorize("cloudwatch:PutMetricAlarm", arn, tagKeys(in.Tags)); err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		if err := r.Authorize("cloudwatch:TagResource", arn, tagKeys(in.Tags)); err != nil {
			return nil, err
		}
	}
	if err := in.check(s.options.Region); err != nil {
		return nil, err
	}
	now := api.Timestamp(s.options.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.alarms[in.AlarmName]
	if !ok { // an alarm that is there keeps its state and tags
		a = &alarm{tags: map[string]string{}, shape: shape{StateValue: "INSUFFICIENT_DATA", StateReason: "Unchecked: Initial alarm creation", StateUpdatedTimestamp: now}}
		for _, t := range in.Tags {
			a.tags[t.Key] = t.Value
		}
		s.alarms[in.AlarmName] = a
	}
	a.shape = shape{
		AlarmName: in.AlarmName, AlarmArn: arn, AlarmDescription: in.AlarmDescription, AlarmConfigurationUpdatedTimestamp: now,
		ActionsEnabled: in.ActionsEnabled == nil || *in.ActionsEnabled,
		OKActions:      api.MembersOf(in.OKActions...), AlarmActions: api.MembersOf(in.AlarmActions...), InsufficientDataActions: api.MembersOf(in.InsufficientDataActions...),
		StateValue: a.shape.StateValue, StateReason: a.shape.StateReason, StateUpdatedTimestamp: a.shape.StateUpdatedTimestamp,
		MetricName: in.MetricName, Namespace: in.Namespace, Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic,
		Dimensions: api.MembersOf(in.Dimensions...), Period: *in.Period, Unit: in.Unit, EvaluationPeriods: *in.EvaluationPeriods, DatapointsToAlarm: in.DatapointsToAlarm,
		Threshold: *in.Threshold, ComparisonOperator: in.ComparisonOperator, TreatMissingData: in.TreatMissingData,
	}
	return nil, nil
}

type describeInput struct {
	AlarmNames      []string
	AlarmNamePrefix string
	AlarmTypes      []string
	StateValue      string
	ActionPrefix    string
	MaxRecords      *int
	NextToken       string
}

type describeOutput struct {
	MetricAlarms    api.Members[shape]
	CompositeAlarms api.Members[struct{}]
	NextToken       string `json:",omitempty" xml:",omitempty"`
}

func (s *CloudWatch) describeAlarms(r *api.Request, in *describeInput) (any, error) {
	if err := r.Authorize("cloudwatch:DescribeAlarms", s.arn("*"), nil); err != nil {
		return nil, err
	}
	limit := maxPage
	if in.MaxRecords != nil {
		limit = *in.MaxRecords
	}
	if limit < 1 || limit > maxPage {
		return nil, api.Invalid(limit, "maxRecords", "Member must have value between 1 and 100")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out describeOutput
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name].shape
		acts := func(action string) bool { return strings.HasPrefix(action, in.ActionPrefix) }
		switch {
		case name <= in.NextToken && in.NextToken != "",
			len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, name),
			!strings.HasPrefix(name, in.AlarmNamePrefix),
			in.StateValue != "" && in.StateValue != a.StateValue,
			len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, "MetricAlarm"),
			in.ActionPrefix != "" && !slices.ContainsFunc(a.AlarmActions.Items, acts):
			continue
		}
		if len(out.MetricAlarms.Items) == limit {
			out.NextToken = out.MetricAlarms.Items[limit-1].AlarmName
			break
		}
		out.MetricAlarms.Items = append(out.MetricAlarms.Items, a)
	}
	return out, nil
}

type deleteInput struct{ AlarmNames []string }

func (s *CloudWatch) deleteAlarms(r *api.Request, in *deleteInput) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range in.AlarmNames {
		if err := r.Authorize("cloudwatch:DeleteAlarms", s.arn(name), nil); err != nil {
			return nil, err
		}
	}
	for _, name := range in.AlarmNames {
		if s.alarms[name] == nil {
			return nil, api.Errorf(http.StatusNotFound, "ResourceNotFound", "The alarm %s does not exist.", name)
		}
	}
	for _, name := range in.AlarmNames {
		delete(s.alarms, name)
	}
	return nil, nil
}
