package scheduler

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// expression is when a schedule is due; see "Schedule types in EventBridge
// Scheduler".
type expression struct {
	every time.Duration // of a rate, or
	at    time.Time     // the one time, or
	cron  *cron
	zone  *time.Location
}

var (
	ratePattern = regexp.MustCompile(`^rate\(([1-9][0-9]*) (minute|hour|day)s?\)$`)
	atPattern   = regexp.MustCompile(`^at\(([^()]*)\)$`)
	cronPattern = regexp.MustCompile(`^cron\(([^()]*)\)$`)
)

var units = map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}

// parseExpression reads a schedule's expression for a time zone.
func parseExpression(text string, zone *time.Location) (expression, error) {
	e := expression{zone: zone}
	if m := ratePattern.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return e, fmt.Errorf("reading rate: %w", err)
		}
		e.every = time.Duration(n) * units[m[2]]
		return e, nil
	}
	if m := atPattern.FindStringSubmatch(text); m != nil {
		at, err := time.ParseInLocation("2006-01-02T15:04:05", m[1], zone)
		e.at = at
		return e, err
	}
	m := cronPattern.FindStringSubmatch(text)
	if m == nil {
		return e, fmt.Errorf("%q is neither a rate, a cron expression nor a point in time", text)
	}
	c, err := parseCron(m[1])
	e.cron = c
	return e, err
}

// next is the first time after t at which a schedule made at created is due, or
// the zero time when there is none.
func (e expression) next(created, t time.Time) time.Time {
	switch {
	case e.every > 0: // counted from the making of the schedule
		if t.Before(created) {
			t = created
		}
		return created.Add((t.Sub(created)/e.every + 1) * e.every)
	case e.cron != nil:
		return e.cron.next(t.In(e.zone))
	case e.at.After(t):
		return e.at
	}
	return time.Time{}
}
