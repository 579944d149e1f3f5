package template

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const base = `
Parameters:
  Name: {Type: String, Default: web}
  Subnets: {Type: CommaDelimitedList, Default: "a, b,c"}
  Count: {Type: Number, Default: 2}
Mappings:
  Regions:
    eu-central-1: {Image: ami-1, Zones: [x, y]}
Conditions:
  IsWeb: !Equals [!Ref Name, web]
  IsNotWeb: !Not [!Condition IsWeb]
  Both: !And [!Condition IsWeb, !Equals [1, "1"]]
  Either: !Or [!Condition IsNotWeb, !Equals [true, "true"]]
Resources:
  R: {Type: "T::T::T", Properties: {}}
  Off: {Type: "T::T::T", Condition: IsNotWeb, DependsOn: R}
`

func evaluation(t *testing.T, body string) *Evaluation {
	t.Helper()
	tm, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := tm.Inputs(nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for name, text := range inputs {
		values[name] = tm.Parameters[name].Value(text)
	}
	e, err := tm.Evaluate(Scope{
		AccountID: "123456789012", Region: "eu-central-1", StackID: "arn:stack", StackName: "st",
		Parameters: values,
		Ref:        func(id string) (string, error) { return "phys-" + id, nil },
		GetAtt:     func(id, a string) (any, error) { return id + "/" + a, nil },
		Import: func(name string) (string, error) {
			if name == "known" {
				return "imported", nil
			}
			return "", errorf("No export named %s found", name)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestIntrinsics(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string // a YAML value
		want        string // JSON, or the error
	}{
		{"ref parameter", `!Ref Name`, `"web"`},
		{"ref list", `!Ref Subnets`, `["a","b","c"]`},
		{"ref resource", `!Ref R`, `"phys-R"`},
		{"ref pseudo", `[!Ref "AWS::AccountId", !Ref "AWS::Region", !Ref "AWS::Partition", !Ref "AWS::URLSuffix", !Ref "AWS::StackName", !Ref "AWS::StackId"]`,
			`["123456789012","eu-central-1","aws","amazonaws.com","st","arn:stack"]`},
		{"no value in a map", `{a: !Ref "AWS::NoValue", b: 1}`, `{"b":1}`},
		{"no value in a list", `[!Ref "AWS::NoValue", x]`, `["x"]`},
		{"getatt short", `!GetAtt R.Arn`, `"R/Arn"`},
		{"getatt long", `{"Fn::GetAtt": [R, Outputs.X]}`, `"R/Outputs.X"`},
		{"getatt three", `{"Fn::GetAtt": [R, Outputs, X]}`, `"R/Outputs.X"`},
		{"sub", `!Sub "${Name}-${AWS::Region}-${R}-${R.Arn}-${!Literal}-$x"`, `"web-eu-central-1-phys-R-R/Arn-${Literal}-$x"`},
		{"sub with map", `!Sub ["${A}/${Name}", {A: !Join ["+", !Ref Subnets]}]`, `"a+b+c/web"`},
		{"join", `!Join ["", [a, 1, true]]`, `"a1true"`},
		{"select", `!Select [1, !Split [":", "a:b:c"]]`, `"b"`},
		{"select text index", `!Select ["0", [q]]`, `"q"`},
		{"split", `!Split [",", !Join [",", !Ref Subnets]]`, `["a","b","c"]`},
		{"find in map", `!FindInMap [Regions, !Ref "AWS::Region", Image]`, `"ami-1"`},
		{"find list in map", `!FindInMap [Regions, eu-central-1, Zones]`, `["x","y"]`},
		{"import", `!ImportValue known`, `"imported"`},
		{"base64", `!Base64 abc`, `"YWJj"`},
		{"if", `!If [IsWeb, yes-value, no-value]`, `"yes-value"`},
		{"if else", `!If [IsNotWeb, !Ref Off, other]`, `"other"`},
		{"and, or", `[!If [Both, 1, 2], !If [Either, 1, 2]]`, `[1,1]`},
		{"zones", `!GetAZs ""`, `["eu-central-1a","eu-central-1b","eu-central-1c"]`},
		{"a policy's Condition is not a function", `{Condition: {StringEquals: {a: b}}}`, `{"Condition":{"StringEquals":{"a":"b"}}}`},
		{"a date stays text", `{Version: 2012-10-17}`, `{"Version":"2012-10-17"}`},

		{"select out of range", `!Select [3, [a]]`, `Template error: Fn::Select cannot select nonexistent value at index 3`},
		{"unknown export", `!ImportValue nope`, `No export named nope found`},
		{"unknown map", `!FindInMap [Nope, a, b]`, `Template error: Mapping named 'Nope' is not present in the 'Mappings' section of template.`},
		{"unknown map key", `!FindInMap [Regions, nowhere, Image]`, `Template error: Unable to get mapping for Regions::nowhere::Image`},
		{"cidr", `!Cidr [a, 1, 2]`, unsupported("Fn::Cidr").Error()},
		{"dynamic reference", `"{{resolve:ssm:x}}"`, `Template error: the local AWS does not model the dynamic reference {{resolve:ssm:x}}`},
		{"bad sub variable", `!Sub "${a b}"`, `Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons`},
		{"inactive resource", `!Ref Off`, `Template format error: Unresolved resource dependencies [Off] in the Resources block of the template`},
		{"if without condition", `!If [Nope, 1, 2]`, `Template format error: Unresolved condition dependency Nope`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root, err := decode("Value: " + tt.value)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if v, err := evaluation(t, base).Value(root["Value"]); err != nil {
				got = err.Error()
			} else {
				text, _ := json.Marshal(v)
				got = string(text)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const r = `"Resources":{"R":{"Type":"T::T::T"}}`
	tests := []struct{ name, body, want string }{
		{"no resources", `{}`, "Template format error: At least one Resources member must be defined."},
		{"unknown section", `{"Foo":1,` + r + `}`, "Invalid template property or properties [Foo]"},
		{"unknown resource member", `{"Resources":{"R":{"Type":"T::T::T","Foo":1}}}`, "Invalid template resource property 'Foo'"},
		{"no type", `{"Resources":{"R":{}}}`, "Template format error: [/Resources/R] Every Resources object must contain a Type member."},
		{"unresolved ref", `{"Resources":{"R":{"Type":"T::T::T","Properties":{"A":{"Ref":"X"}}}}}`,
			"Template format error: Unresolved resource dependencies [X] in the Resources block of the template"},
		{"unresolved sub", `{"Resources":{"R":{"Type":"T::T::T","Properties":{"A":{"Fn::Sub":"${X}"}}}}}`,
			"Template format error: Unresolved resource dependencies [X] in the Resources block of the template"},
		{"unresolved getatt", `{"Resources":{"R":{"Type":"T::T::T","Properties":{"A":{"Fn::GetAtt":["X","Arn"]}}}}}`,
			"Template error: instance of Fn::GetAtt references undefined resource X"},
		{"unresolved DependsOn", `{"Resources":{"R":{"Type":"T::T::T","DependsOn":["X"]}}}`,
			"Template format error: Unresolved resource dependencies [X] in the Resources block of the template"},
		{"unresolved output", `{"Outputs":{"O":{"Value":{"Ref":"X"}}},` + r + `}`,
			"Template format error: Unresolved resource dependencies [X] in the Outputs block of the template"},
		{"resource in condition", `{"Conditions":{"C":{"Fn::Equals":[{"Ref":"R"},"1"]}},` + r + `}`,
			"Template format error: Unresolved dependencies [R]. Cannot reference resources in the Conditions block of the template"},
		{"parameter type", `{"Parameters":{"P":{"Type":"Text"}},` + r + `}`, "Template format error: Unrecognized parameter type: Text"},
		{"transform", `{"Transform":"AWS::Serverless-2016-10-31",` + r + `}`,
			"Template format error: the local AWS does not model the Transform AWS::Serverless-2016-10-31"},
		{"unknown function", `{"Resources":{"R":{"Type":"T::T::T","Properties":{"A":{"Fn::Nope":1}}}}}`, unsupported("Fn::Nope").Error()},
		{"condition of a resource", `{"Resources":{"R":{"Type":"T::T::T","Condition":"C"}}}`,
			"Template format error: Unresolved condition dependency C in the definition of R"},
		{"duplicate key", "Resources:\n  R: {Type: T}\n  R: {Type: T}\n", "Template format error: YAML not well-formed. (line 3, column 3): duplicate key R"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(tt.body)
			if te := (*Error)(nil); !errors.As(err, &te) {
				t.Fatalf("got %v, want a template error", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInputs(t *testing.T) {
	t.Parallel()
	body := `{"Parameters":{
		"Plain":{"Type":"String"},
		"Choice":{"Type":"String","Default":"a","AllowedValues":["a","b"]},
		"Pattern":{"Type":"String","Default":"abc","AllowedPattern":"[a-z]{1,3}"},
		"Described":{"Type":"String","Default":"x","AllowedPattern":"[a-z]","ConstraintDescription":"one letter"},
		"Size":{"Type":"Number","Default":"3","MinValue":1,"MaxValue":5},
		"Length":{"Type":"String","Default":"xy","MinLength":2,"MaxLength":"3"}},
		"Resources":{"R":{"Type":"T::T::T"}}}`
	tests := []struct {
		name   string
		passed map[string]string
		want   string
	}{
		{"defaults", map[string]string{"Plain": ""}, ""},
		{"missing", nil, "Parameters: [Plain] must have values"},
		{"unknown", map[string]string{"Plain": "", "Zed": "1"}, "Parameters: [Zed] do not exist in the template"},
		{"choice", map[string]string{"Plain": "", "Choice": "c"}, "Parameter 'Choice' must be one of AllowedValues"},
		{"pattern", map[string]string{"Plain": "", "Pattern": "abcd"}, "Parameter 'Pattern' must match pattern [a-z]{1,3}"},
		{"described", map[string]string{"Plain": "", "Described": "1"}, "Parameter Described failed to satisfy constraint: one letter"},
		{"not a number", map[string]string{"Plain": "", "Size": "x"}, "Parameter 'Size' must be a number."},
		{"too big", map[string]string{"Plain": "", "Size": "6"}, "Parameter 'Size' must be a number not greater than 5"},
		{"too short", map[string]string{"Plain": "", "Length": "x"}, "Parameter 'Length' must contain at least 2 characters"},
	}
	tm, err := Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if _, err := tm.Inputs(tt.passed); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, resources, want string }{
		{"references", `A: {Type: T, Properties: {X: !GetAtt B.Arn}}
  B: {Type: T, Properties: {X: !Sub "${C}"}}
  C: {Type: T}
  D: {Type: T, DependsOn: A}`, "C B A D"},
		{"a branch that is not taken", `A: {Type: T, Properties: {X: !If [No, !Ref B, 1]}}
  B: {Type: T, Properties: {X: !Ref A}}`, "A B"},
		{"an inactive dependency", `A: {Type: T, DependsOn: B}
  B: {Type: T, Condition: No}`, "A"},
		{"cycle", `A: {Type: T, Properties: {X: !Ref B}}
  B: {Type: T, Properties: {X: !Ref A}}
  C: {Type: T, Properties: {X: !Ref A}}`, "Circular dependency between resources: [A, B]"},
		{"itself", `A: {Type: T, Properties: {X: !Ref A}}`, "Circular dependency between resources: [A]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			order, err := evaluation(t, "Conditions:\n  No: !Equals [a, b]\nResources:\n  "+tt.resources).Order()
			if err != nil {
				got = err.Error()
			} else {
				got = strings.Join(order, " ")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	// As the CDK writes it into every template.
	rules := `Rules:
  CheckBootstrapVersion:
    Assertions:
      - Assert: {"Fn::Not": [{"Fn::Contains": [["1","2","3","4","5"], !Ref Version]}]}
        AssertDescription: CDK bootstrap stack version 6 required.
Resources:
  R: {Type: T}
Parameters:
  Version: {Type: String, Default: "`
	if err := evaluation(t, rules+`33"}`).CheckRules(); err != nil {
		t.Errorf("version 33: got %v, want no error", err)
	}
	const want = "Template validation error: rule CheckBootstrapVersion failed: CDK bootstrap stack version 6 required."
	if err := evaluation(t, rules+`5"}`).CheckRules(); err == nil || err.Error() != want {
		t.Errorf("version 5: got %v, want %s", err, want)
	}
}
