package main

import (
	"testing"

	"github.com/gcs-to-s3/gcs-to-s3/internal/environment"
)

func TestLoggedFunction(t *testing.T) {
	t.Parallel()
	all := environment.Environment{Name: "prod", Function: "f", Bulk: true, Events: environment.PullEvents}
	for _, c := range []struct {
		name, function string
		env            environment.Environment
		want, problem  string
	}{
		{"the main one", "copy", all, "f", ""},
		{"of bulk jobs", "bulk", all, "f-bulk", ""},
		{"of events", "events", all, "f-events", ""},
		{"no bulk jobs", "bulk", environment.Environment{Name: "prod", Function: "f"}, "",
			`function: "bulk": the environment prod has no such function; hint: docs/bulk.md says how to turn it on`},
		{"no events", "events", environment.Environment{Name: "prod", Function: "f"}, "",
			`function: "events": the environment prod has no such function; hint: docs/events.md says how to turn it on`},
		{"another word", "f-bulk", all, "", `function: "f-bulk": must be copy, bulk or events`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := loggedFunction(c.env, c.function)
			problem := ""
			if err != nil {
				problem = err.Error()
			}
			if got != c.want || problem != c.problem {
				t.Errorf("got %q, %q, want %q, %q", got, problem, c.want, c.problem)
			}
		})
	}
}
