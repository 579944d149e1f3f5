package expression

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzExtract holds extract to what it is said to be: the text between.
func FuzzExtract(f *testing.F) {
	for _, seed := range [][2]string{
		{"arn:aws:sts::123456789012:assumed-role/my-role/my-session", "assumed-role/{role_name}/"},
		{"arn:aws:sts::123456789012:assumed-role/my-role/my-session", "{account_arn}assumed-role/"},
		{"a/b", "{x}"}, {"a/b", "a{x}"}, {"", "{x}/"}, {"x", "{}"}, {"x", "}{"}, {"aaa", "a{x}a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, value, template string) {
		got, err := extract(value, template)
		if err != nil {
			return
		}
		before, rest, _ := strings.Cut(template, "{")
		_, after, _ := strings.Cut(rest, "}")
		i := strings.Index(value, before)
		switch {
		case got == "":
		case i < 0:
			t.Errorf("extract(%q, %q) = %q, and there is no %q", value, template, got, before)
		case !strings.HasPrefix(value[i+len(before):], got+after):
			t.Errorf("extract(%q, %q) = %q, which does not stand between %q and %q", value, template, got, before, after)
		case after != "" && strings.Contains(got, after):
			t.Errorf("extract(%q, %q) = %q, which goes beyond the first %q", value, template, got, after)
		case after == "" && value[i+len(before):] != got:
			t.Errorf("extract(%q, %q) = %q, which is not the rest", value, template, got)
		}
	})
}

// FuzzExpression compiles and evaluates whatever comes, which must end, in the
// same way each time, and not in a panic.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"attribute.aws_role == 'x'", "assertion.arn.extract('assumed-role/{role}/')", "assertion.arn.split('/')",
		"assertion.arn.contains('assumed-role') ? assertion.arn : 'x'", "'a' in assertion", "assertion.n + 1", "assertion['arn'].size() > 3",
		"[1, 2].all(x, x > 0)", "assertion.arn.matches('(a+)+$')", "'%s'.format(['x'])", "assertion.arn.replace('a', 'b').lowerAscii()",
		"has(assertion.arn) && !(assertion.account != '1' || true)", "timestamp('2026-01-01T00:00:00Z') < timestamp(assertion.arn)", "1/0 == 1", "{'a': 1}.a", "b'x'", "type(1)",
	} {
		f.Add(seed, "arn:aws:sts::123456789012:assumed-role/my-role/my-session")
	}
	f.Fuzz(func(t *testing.T, source, arn string) {
		e, err := Compile(source, "assertion", "attribute")
		if err != nil {
			return
		}
		variables := map[string]any{
			"assertion": map[string]any{"arn": arn, "account": "123456789012", "n": 1},
			"attribute": map[string]any{"aws_role": arn},
		}
		value, problem := e.Value(variables)
		again, problemAgain := e.Value(variables)
		if fmt.Sprint(value, problem) != fmt.Sprint(again, problemAgain) && !strings.Contains(source, "{") { // the order of maps is nobody's
			t.Errorf("%s is %v, %v, and then %v, %v", source, value, problem, again, problemAgain)
		}
		holds, problem := e.Bool(variables)
		if holds && problem != nil {
			t.Errorf("%s holds and fails: %v", source, problem)
		}
	})
}
