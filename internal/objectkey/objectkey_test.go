package objectkey

import (
	"strings"
	"testing"
	"time"
)

func TestKey(t *testing.T) {
	t.Parallel()
	// A day in UTC is the next one in Tokyo.
	day := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC).In(time.FixedZone("JST", 9*60*60))
	for _, tt := range []struct{ template, name, want string }{
		{"{object}", "reports/2026/a.csv", "reports/2026/a.csv"},
		{"{directory}{name}", "reports/2026/a.csv", "reports/2026/a.csv"},
		{"{directory}{name}", "a.csv", "a.csv"},
		{"{directory}{stem}{extension}", "reports/a.tar.gz", "reports/a.tar.gz"},
		{"{stem}-{generation}{extension}", "reports/a.tar.gz", "a.tar-7.gz"},
		{"{date}/{name}", "reports/a.csv", "2026-12-31/a.csv"},
		{"day={date}/{object}", "{date}", "day=2026-12-31/{date}"},
		{"{stem}{extension}|{extension}", "x/.profile", ".profile|"},
		{"{stem}{extension}|{extension}", "a.b/c", "c|"},
		{"{name}", "reports/", ""},
		{"{name}.", "a.", "a.."},
	} {
		template, err := Parse(tt.template)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.template, err)
			continue
		}
		if got := template.Key(Object{Name: tt.name, Generation: 7, Day: day}); got != tt.want {
			t.Errorf("%s of %s = %q, want %q", tt.template, tt.name, got, tt.want)
		}
		if template.String() != tt.template {
			t.Errorf("String() = %q, want %q", template.String(), tt.template)
		}
	}
	var zero Template
	if got := zero.Key(Object{Name: "a/b"}); got != "a/b" || !zero.KeepsNames() || zero.String() != Default {
		t.Errorf("the zero template makes %q, is %q", got, zero)
	}
	template, err := Parse("{generation}/{name}")
	if got := template.Key(Object{Name: "a/b"}); err != nil || got != "{generation}/b" || !template.NeedsGeneration() || template.KeepsNames() {
		t.Errorf("without a generation = %q, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{objekt}":           "has the unknown placeholder {objekt}; hint: use one of {object}, {directory}, {name}, {stem}, {extension}, {generation}, {date}",
		"{}{object}":         "has the unknown placeholder {}",
		"{object":            "has an unmatched brace",
		"object}":            "has an unmatched brace",
		"":                   "must give different objects different keys; hint: use one of {object}, {name}, {stem}, {generation}",
		"fixed.txt":          "must give different objects different keys",
		"{directory}{date}":  "must give different objects different keys",
		"all{extension}":     "must give different objects different keys",
		"/archive/{object}":  "must not start with a slash",
		"archive\n/{object}": "must be one line",
	} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, %v; want %q", text, got, err, want)
		}
	}
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"{object}":                          true,
		"copies/{date}/{object}.bak":        true,
		"{directory}{name}":                 true,
		"a/{directory}{date}-{name}.gz":     true,
		"{directory}{stem}{extension}":      true,
		"{name}":                            false, // a/x and b/x
		"{directory}{stem}":                 false, // x.a and x.b
		"{name}{directory}":                 false, // "/ab" and "a" in "b/": ab/
		"{directory}x/{name}":               false,
		"{generation}{object}":              false, // 1 and "2a", 12 and "a"
		"{directory}{generation}{name}":     false,
		"{directory}{extension}{stem}":      false,
		"{directory}{stem}-copy{extension}": false,
	} {
		template, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := template.Distinct(); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if !(Template{}).Distinct() {
		t.Error("the default gives objects keys of others")
	}
}
