package scheduler

import (
	"testing"
	"time"
)

// TestNext follows the examples of "Schedule types in EventBridge Scheduler".
func TestNext(t *testing.T) {
	t.Parallel()
	const layout = "2006-01-02T15:04:05"
	for _, tt := range []struct{ expression, zone, after, want string }{
		{"rate(5 minutes)", "UTC", "2026-01-01T00:07:00", "2026-01-01T00:10:00"},
		{"rate(1 hour)", "UTC", "2026-01-01T01:00:00", "2026-01-01T02:00:00"},
		{"rate(7 days)", "UTC", "2026-01-01T00:00:00", "2026-01-08T00:00:00"},
		{"at(2026-11-20T13:00:00)", "UTC", "2026-01-01T00:00:00", "2026-11-20T13:00:00"},
		{"at(2026-11-20T13:00:00)", "UTC", "2026-11-20T13:00:00", ""},
		{"at(2026-11-20T13:00:00)", "America/New_York", "2026-01-01T00:00:00", "2026-11-20T18:00:00"},
		{"cron(15 10 * * ? *)", "UTC", "2026-01-01T10:15:00", "2026-01-02T10:15:00"},
		{"cron(0 3 * * ? *)", "Asia/Tokyo", "2026-01-01T00:00:00", "2026-01-01T18:00:00"},
		{"cron(0/15 8-17 ? * MON-FRI *)", "UTC", "2026-01-02T17:45:00", "2026-01-05T08:00:00"},
		{"cron(0 18 ? * 2,6 *)", "UTC", "2026-01-02T00:00:00", "2026-01-02T18:00:00"},
		{"cron(0 8 1 JAN,jul ? 2026-2027)", "UTC", "2026-02-01T00:00:00", "2026-07-01T08:00:00"},
		{"cron(0 8 1 1 ? 2026)", "UTC", "2026-02-01T00:00:00", ""},
		{"cron(0 0 L * ? *)", "UTC", "2028-02-01T00:00:00", "2028-02-29T00:00:00"},
		{"cron(0 0 15W * ? *)", "UTC", "2026-02-01T00:00:00", "2026-02-16T00:00:00"}, // the 15th is a Sunday
		{"cron(0 0 1W * ? *)", "UTC", "2026-08-01T00:00:00", "2026-08-03T00:00:00"},  // the 1st is a Saturday
		{"cron(15 10 ? * 6L *)", "UTC", "2026-01-01T00:00:00", "2026-01-30T10:15:00"},
		{"cron(0 0 ? * FRI#2 *)", "UTC", "2026-01-01T00:00:00", "2026-01-09T00:00:00"},
		{"cron(0 0 ? * L *)", "UTC", "2026-01-01T00:00:00", "2026-01-03T00:00:00"},
		// Clocks are put forward over half past two on 8 March.
		{"cron(30 2 * * ? *)", "America/New_York", "2026-03-08T00:00:00", "2026-03-09T06:30:00"},
	} {
		zone, err := time.LoadLocation(tt.zone)
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseExpression(tt.expression, zone)
		if err != nil {
			t.Errorf("%s: %v", tt.expression, err)
			continue
		}
		after, err := time.Parse(layout, tt.after)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if next := e.next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), after); !next.IsZero() {
			got = next.UTC().Format(layout)
		}
		if got != tt.want {
			t.Errorf("%s in %s after %s: %s, want %s", tt.expression, tt.zone, tt.after, got, tt.want)
		}
	}
}

func TestExpressionsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "hourly", "rate(0 minutes)", "rate(1 week)", "rate(1.5 hours)", "at(2026-01-01)", "at(2026-13-01T00:00:00)", "cron(* * * * *)", "cron(0 3 * * * *)", "cron(0 3 ? * ? *)",
		"cron(60 3 * * ? *)", "cron(0 24 * * ? *)", "cron(0 3 32 * ? *)", "cron(0 3 * 13 ? *)", "cron(0 3 ? * 8 *)", "cron(0 3 ? * FRI#6 *)", "cron(0 3 * * ? 1969)", "cron(30-10 3 * * ? *)",
		"cron(0/0 3 * * ? *)", "cron(a 3 * * ? *)", "cron(0 3 32W * ? *)",
	} {
		if e, err := parseExpression(text, time.UTC); err == nil {
			t.Errorf("%q is %+v, want an error", text, e)
		}
	}
}
