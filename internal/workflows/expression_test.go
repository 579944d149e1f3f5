package workflows

import (
	"strings"
	"testing"
)

func TestExpressions(t *testing.T) {
	t.Parallel()
	c := Context{"github.event.number": 7, "vars.AWS_ACCOUNT": "123456789012", "github.event.action": "closed", "github.actor": "o'neil"}
	for _, tt := range []struct {
		text, want string
	}{
		{"pr-${{ github.event.number }}", "pr-7"},
		{"${{ vars.NONE }}", ""},
		{"${{ github.event.action == 'CLOSED' }}${{ vars.NONE == '' }}", "truetrue"},
		{"${{ github.actor == 'o''neil' }}", "true"},
		{"${{ vars.NONE || vars.AWS_ACCOUNT }}", "123456789012"},
		{"${{ !(vars.AWS_ACCOUNT != '' && github.event.number == '7') }}", "false"},
	} {
		got, err := c.Expand(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"secrets.TOKEN":      `"secrets.TOKEN" is not understood`,
		"contains(a, b)":     "the function contains with arguments is not understood",
		"github.actor == ":   "something is missing at its end",
		"(github.actor":      "a parenthesis is open",
		"github.actor > 'x'": `has "> 'x'", which is not understood`,
		"github.actor 'x'":   "is left over",
		"matrix.os == 'x'":   `"matrix.os" is not understood`,
		"hashFiles() == 'x'": "the function hashFiles is not understood",
	} {
		if _, err := c.Holds(text, succeeded); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		condition string
		want      [3]bool // succeeded, failed, cancelled
	}{
		{"", [3]bool{true, false, false}},
		{"true", [3]bool{true, false, false}},
		{"always()", [3]bool{true, true, true}},
		{"failure()", [3]bool{false, true, false}},
		{"cancelled()", [3]bool{false, false, true}},
		{"${{ !cancelled() }}", [3]bool{true, true, false}},
	} {
		for now, want := range tt.want {
			got, err := Context{}.Holds(tt.condition, status(now))
			if err != nil || got != want {
				t.Errorf("%q at status %d: %v, %v, want %v", tt.condition, now, got, err, want)
			}
		}
	}
}
