package progress

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// masked masks the times in the output.
func masked(s string) string {
	return regexp.MustCompile(`\(\d+\.\ds\)`).ReplaceAllString(s, "(TIME)")
}

func TestPlainLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := Plain(&out)
	if _, err := r.Step("first", func() (string, error) { return "a detail", nil }); err != nil {
		t.Error(err)
	}
	want := errors.New("broken")
	if _, err := r.Step("second", func() (string, error) { return "not shown", want }); !errors.Is(err, want) {
		t.Errorf("Step() = %v, want the step's error", err)
	}
	r.Note("a %s", "note")
	if diff := cmp.Diff("… first\n✓ first: a detail (TIME)\n… second\n✗ second (TIME)\na note\n", masked(out.String())); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestLiveLineIsErased(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := &Reporter{out: &out, live: true, color: true}
	if _, err := r.Step("work", func() (string, error) { return "", nil }); err != nil {
		t.Error(err)
	}
	got := masked(out.String())
	if !strings.HasPrefix(got, erase+"… work "+dim+"(TIME)"+reset) || !strings.HasSuffix(got, erase+green+"✓"+reset+" work "+dim+"(TIME)"+reset+"\n") {
		t.Errorf("output = %q", got)
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	r := &Reporter{live: true, width: func() int { return 30 }}
	for said, want := range map[string]string{
		"":                            "… cdk deploy (2.0s)",
		"AWS::Role":                   "… cdk deploy (2.0s) AWS::Role",
		"  CREATE_IN_PROGRESS role  ": "… cdk deploy (2.0s) CREATE_I…",
	} {
		r.Say(said)
		if got := r.line("cdk deploy", 2*time.Second); got != want {
			t.Errorf("line after %q = %q, want %q", said, got, want)
		}
	}
	r.width = func() int { return 20 } // no room
	if got := r.line("cdk deploy", 2*time.Second); got != "… cdk deploy (2.0s)" {
		t.Errorf("a narrow line = %q", got)
	}
	var out strings.Builder
	if _, err := Plain(&out).Verbose().Step("work", func() (string, error) { return "", nil }); err != nil {
		t.Error(err)
	}
	v := Plain(&out).Verbose()
	v.Say("a line")
	if diff := cmp.Diff("… work\n✓ work (TIME)\n  a line\n", masked(out.String())); diff != "" {
		t.Errorf("verbose output (-want +got):\n%s", diff)
	}
}

// A pipe is not a terminal: no colours and no rewritten lines.
func TestPipeIsPlain(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if got := New(w, func(string) string { return "xterm" }); got.live || got.color {
		t.Errorf("New(pipe) = %+v, want plain", got)
	}
}
