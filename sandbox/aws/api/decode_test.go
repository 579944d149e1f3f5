package api

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type shared struct{ Common string }

type decoded struct {
	shared
	Name   string
	Size   *int
	Force  bool
	Keys   []string
	Tags   []struct{ Key, Value string }
	Nested struct{ Inner string }
	ARN    string `param:"Arn"`
}

func TestDecodeQuery(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]decoded{
		"Action=A&Version=1&Name=n&Force=true": {Name: "n", Force: true},
		"Size=7&Arn=a&Nested.Inner=i":          {Size: ptr(7), ARN: "a", Nested: struct{ Inner string }{"i"}},
		"Keys.member.1=a&Keys.member.2=b":      {Keys: []string{"a", "b"}},
		"Common=c":                             {shared: shared{"c"}},
		"Keys=":                                {Keys: []string{}},
		"Tags.member.1.Key=k&Tags.member.1.Value=v&X-Amz-Date=x": {Tags: []struct{ Key, Value string }{{"k", "v"}}},
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		var got decoded
		if err := DecodeQuery(values, &got); err != nil {
			t.Errorf("%s: %v", form, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(decoded{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", form, diff)
		}
	}
}

func TestDecodeRefusesByName(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		"Name=n&Other=x":                 "NotImplemented: The local AWS does not model the parameter Other.",
		"Tags.member.1.Propagate=true":   "NotImplemented: The local AWS does not model the parameter Tags.member.1.Propagate.",
		"Keys.member.1=a&Keys.member.3=": "NotImplemented: The local AWS does not model the parameter Keys.member.3.",
		"Size=many":                      `MalformedInput: Size: "many" is not an integer`,
	} {
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		var got *Error
		if err := DecodeQuery(values, &decoded{}); !errors.As(err, &got) || got.Error() != want {
			t.Errorf("%s: got %v, want %s", form, err, want)
		}
	}
	var got *Error
	err := DecodeJSON(strings.NewReader(`{"Name":"n","Other":1}`), &struct{ Name string }{})
	if want := "NotImplemented: The local AWS does not model the parameter Other."; !errors.As(err, &got) || got.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func ptr[T any](v T) *T { return &v }
