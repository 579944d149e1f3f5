package states

import (
	"encoding/json"
	"slices"
	"strings"
)

// deliveryActions are what a role needs so that logs are delivered; see "Using
// CloudWatch Logs to log execution history in Step Functions".
var deliveryActions = []string{
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
	"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
}

func (l logging) equal(other logging) bool {
	return l.Level == other.Level && l.IncludeExecutionData == other.IncludeExecutionData && l.group() == other.group()
}

// group is the name of the log group; empty is none.
func (l logging) group() string {
	if len(l.Destinations) == 0 || l.Destinations[0].CloudWatchLogsLogGroup == nil {
		return ""
	}
	_, name, _ := strings.Cut(l.Destinations[0].CloudWatchLogsLogGroup.LogGroupArn, ":log-group:")
	return strings.TrimSuffix(name, ":*")
}

// configure sets the logging and tracing of a revision, as far as they are given.
func (s *Server) configure(v *revision, l *logging, t *tracing) error {
	if t != nil {
		v.tracing = t.Enabled
	}
	if l == nil {
		return nil
	}
	v.logging = *l
	if v.logging.Level == "" {
		v.logging.Level = "OFF"
	}
	bad := func(text string) error {
		return refuse("InvalidLoggingConfiguration", "Invalid Logging Configuration: %s", text)
	}
	switch {
	case !slices.Contains([]string{"ALL", "ERROR", "FATAL", "OFF"}, v.logging.Level):
		return invalid(v.logging.Level, "loggingConfiguration.level", "Member must satisfy enum value set: [ALL, ERROR, FATAL, OFF]")
	case len(l.Destinations) > 1:
		return bad("Must specify exactly one Log Destination.")
	case v.logging.Level == "OFF":
		return nil
	case len(l.Destinations) == 0:
		return bad("Must specify exactly one Log Destination.")
	}
	arn := ""
	if g := l.Destinations[0].CloudWatchLogsLogGroup; g != nil {
		arn = g.LogGroupArn
	}
	if !strings.HasPrefix(arn, s.ARN("logs", "log-group:")) || !strings.HasSuffix(arn, ":*") {
		return bad("Log Destination is not valid.")
	}
	role := &session{server: s, machine: v.arn, role: v.role}
	for _, action := range deliveryActions {
		if role.ask(action, "*") != nil {
			return refuse("AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination")
		}
	}
	if !s.Log(v.logging.group(), "", nil) {
		return refuse("AccessDeniedException", "The state machine IAM Role is not authorized to access the Log Destination")
	}
	return nil
}

// levels are the events that are logged at a level beside ALL: how their names end.
var levels = map[string][]string{
	"ERROR": {"Failed", "TimedOut", "Aborted"},
	"FATAL": {"ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"},
}

// log delivers an event to the log group. The caller holds the execution's lock.
func (e *execution) log(one event) {
	l := e.revision.logging
	if l.Level == "OFF" {
		return
	}
	is := func(suffix string) bool { return strings.HasSuffix(one.kind, suffix) }
	if suffixes, ok := levels[l.Level]; ok && !slices.ContainsFunc(suffixes, is) {
		return
	}
	details := one.details
	if !l.IncludeExecutionData {
		details = withoutData(details)
	}
	message, err := json.Marshal(map[string]any{
		"id": one.id, "previous_event_id": one.previous, "type": one.kind, "event_timestamp": one.at.UnixMilli(), "execution_arn": e.arn,
		"details": details, "redrive_count": e.redrives,
	})
	if err == nil {
		stream := "states/" + e.revision.name + "/" + e.start.UTC().Format("2006-01-02-15-04") + "/" + e.id[:8]
		e.server.Log(l.group(), stream, []string{string(message)})
	}
}
