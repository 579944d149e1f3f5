package environment

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // gives every machine the same time zones

	"github.com/gcs-to-s3/gcs-to-s3/internal/invocation"
)

// The defaults of a schedule; they have no effect without one.
const (
	defaultTimezone = "UTC"
	defaultEvent    = "{}"
)

// maxEvent is the longest event, in bytes: Lambda Developer Guide, "Lambda quotas",
// the payload of an asynchronous invocation. Schedules invoke asynchronously.
const maxEvent = 256 << 10

// EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler".
var (
	ratePattern = regexp.MustCompile(`^rate\([1-9][0-9]* (minutes?|hours?|days?)\)$`)
	cronPattern = regexp.MustCompile(`^cron\(([^()]*)\)$`)
	cronField   = regexp.MustCompile(`^[0-9A-Z,*/?L#W-]+$`)
	atPattern   = regexp.MustCompile(`^at\((.*)\)$`)
)

func checkSchedule(e *Environment) (string, string, bool) { return scheduleRule(e.Schedule) }

func checkReconcile(e *Environment) (string, string, bool) {
	if e.Reconcile != "" && !e.Bulk {
		return "must be empty if bulk is false", "set bulk to true and jobsBucket to a bucket, or leave it out", false
	}
	return scheduleRule(e.Reconcile)
}

// EveryMinute is Scheduler's shortest rate: how often events are worked off by default.
const EveryMinute = "rate(1 minute)"

var minutesPattern = regexp.MustCompile(`^rate\((1 minute|(?:[2-9]|[1-5][0-9]|60) minutes)\)$`)

func checkEventsEvery(e *Environment) (string, string, bool) {
	return "must be a rate of 1 to 60 minutes, or " + Continuous,
		"such as rate(5 minutes); for longer, let a schedule copy with the policy if-different", e.EventsEvery == Continuous || minutesPattern.MatchString(e.EventsEvery)
}

// EventsMinutes is how often the function for events is invoked, in minutes.
func (e Environment) EventsMinutes() int {
	minutes := 1
	if found := minutesPattern.FindStringSubmatch(e.EventsEvery); found != nil {
		_, _ = fmt.Sscan(found[1], &minutes) // it begins with a number
	}
	return minutes
}

// scheduleRule holds a text against the rules of schedules.
func scheduleRule(text string) (string, string, bool) {
	const rule = "must be empty, or a schedule of EventBridge Scheduler: rate(VALUE UNIT), cron(MINUTES HOURS DAY MONTH WEEKDAY YEAR) or at(yyyy-mm-ddThh:mm:ss)"
	const hint = "such as rate(1 hour), or cron(0 3 * * ? *) for 3 a.m. every day"
	switch s := text; {
	case s == "", ratePattern.MatchString(s):
		return "", "", true
	case cronPattern.MatchString(s):
		fields := strings.Fields(cronPattern.FindStringSubmatch(s)[1])
		if len(fields) != 6 {
			return rule, fmt.Sprintf("a cron expression has six fields, this one has %d; the sixth is the year", len(fields)), false
		}
		for _, f := range fields {
			if !cronField.MatchString(f) {
				return rule, fmt.Sprintf("the field %q contains an invalid character", f), false
			}
		}
		if (fields[2] == "?") == (fields[4] == "?") {
			return rule, "exactly one of day and weekday must be ?", false
		}
		return "", "", true
	case atPattern.MatchString(s):
		_, err := time.Parse("2006-01-02T15:04:05", atPattern.FindStringSubmatch(s)[1])
		return rule, "do not give a time zone here; use scheduleTimezone", err == nil
	}
	return rule, hint, false
}

func checkTimezone(e *Environment) (string, string, bool) {
	if e.Schedule == "" && e.Reconcile == "" && e.ScheduleTimezone != defaultTimezone {
		return "must be " + defaultTimezone + " without a schedule", "set schedule or reconcile, or leave the time zone out", false
	}
	_, err := time.LoadLocation(e.ScheduleTimezone)
	return "must be a time zone of the IANA database, such as Asia/Tokyo", "`timedatectl list-timezones` prints them", err == nil && e.ScheduleTimezone != "Local"
}

func checkEvent(e *Environment) (string, string, bool) {
	if e.Schedule == "" && e.ScheduleEvent != defaultEvent {
		return "must be " + defaultEvent + " without a schedule", "set schedule, or leave the event out", false
	}
	if len(e.ScheduleEvent) > maxEvent {
		return fmt.Sprintf("must have at most %d bytes", maxEvent), fmt.Sprintf("it has %d; that is the limit of an asynchronous invocation", len(e.ScheduleEvent)), false
	}
	if _, err := invocation.ParseEvent([]byte(e.ScheduleEvent)); err != nil {
		return "must be an event of the function: " + strings.ReplaceAll(err.Error(), "\n", "; "), `such as {"prefix":"reports/","overwrite":"if-different"}, in single quotes in the file`, false
	}
	return "", "", true
}
