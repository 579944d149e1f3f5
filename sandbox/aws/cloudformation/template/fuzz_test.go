package template

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// result is everything that a stack would take from a template.
type result struct {
	Problem    string
	Order      []string
	Properties map[string]map[string]any
	Outputs    map[string]string
}

// evaluated reads and evaluates a template; a problem must be the template's own.
func evaluated(t *testing.T, body string) result {
	t.Helper()
	out := result{Properties: map[string]map[string]any{}, Outputs: map[string]string{}}
	failed := func(err error) bool {
		var own *Error
		if err != nil && !errors.As(err, &own) {
			t.Fatalf("not the template's own error: %v (%T)", err, err)
		}
		if err != nil {
			out.Problem += err.Error() + "\n"
		}
		return err != nil
	}
	tm, err := Parse(body)
	if failed(err) {
		return out
	}
	inputs, err := tm.Inputs(nil)
	if failed(err) {
		return out
	}
	values := map[string]any{}
	for name, text := range inputs {
		values[name] = tm.Parameters[name].Value(text)
	}
	e, err := tm.Evaluate(Scope{
		AccountID: "123456789012", Region: "eu-central-1", StackID: "arn:stack", StackName: "st", Parameters: values,
		Ref:    func(id string) (string, error) { return "phys-" + id, nil },
		GetAtt: func(id, a string) (any, error) { return id + "/" + a, nil },
		Import: func(name string) (string, error) { return "imported-" + name, nil },
	})
	if failed(err) || failed(e.CheckRules()) {
		return out
	}
	if out.Order, err = e.Order(); failed(err) {
		return out
	}
	for _, id := range e.ActiveResources() {
		if out.Properties[id], err = e.Properties(id); failed(err) {
			return out
		}
	}
	for _, name := range e.ActiveOutputs() {
		if out.Outputs[name], err = e.Text(tm.Outputs[name].Value, "the output"); failed(err) {
			return out
		}
	}
	return out
}

// maxResult is far more than any template of the fuzzer's size may come to.
const maxResult = 64 << 20

// No template makes the evaluation panic, grow without bounds or come out
// differently the second time.
func FuzzTemplate(f *testing.F) {
	f.Add(base)
	for _, value := range []string{
		`!Sub ["${A}/${Name}-${AWS::Region}-${R.Arn}-${!x}", {A: !Join ["+", !Ref Subnets]}]`,
		`!Select [1, !Split [",", !Join [",", [a, !If [IsWeb, b, !Ref "AWS::NoValue"]]]]]`,
		`{a: !FindInMap [Regions, !Ref "AWS::Region", Zones], b: !GetAZs "", c: !Base64 x, d: !ImportValue y}`,
		`!Sub ["${A}${A}", {A: !Sub ["${A}${A}", {A: !Sub ["${A}${A}", {A: x}]}]}]`,
		`!Join [!Ref Name, !Split [a, aaaa]]`,
	} {
		f.Add(strings.Replace(base, "Properties: {}", "Properties: {V: "+value+"}", 1) + "Outputs:\n  O: {Value: " + value + "}\n")
	}
	f.Add(`{"Resources":{"A":{"Type":"T","DependsOn":["B"]},"B":{"Type":"T","Properties":{"X":{"Ref":"A"}}}}}`)
	f.Add(`{"Rules":{"R":{"Assertions":[{"Assert":{"Fn::EachMemberIn":[["a"],{"Ref":"AWS::NotificationARNs"}]}}]}},"Resources":{"A":{"Type":"T","Properties":{"D":"{{resolve:ssm:x}}"}}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		first := evaluated(t, body)
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxResult {
			t.Errorf("%d bytes of template come to %d", len(body), len(text))
		}
		if diff := cmp.Diff(first, evaluated(t, body)); diff != "" {
			t.Errorf("twice, and different:\n%s", diff)
		}
	})
}
