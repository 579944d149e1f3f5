package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	const value = `{"kind":"list","items":[{"name":"a","size":"1","more":{"x":1,"y":2}},{"name":"b"}],"token":"t"}`
	for fields, want := range map[string]string{
		"":                          value,
		"*":                         value,
		"kind":                      `{"kind":"list"}`,
		"kind,token":                `{"kind":"list","token":"t"}`,
		"items/name":                `{"items":[{"name":"a"},{"name":"b"}]}`,
		"items(name,size),kind":     `{"items":[{"name":"a","size":"1"},{"name":"b"}],"kind":"list"}`,
		"items/name,items/size":     `{"items":[{"name":"a","size":"1"},{"name":"b"}]}`,
		"items/more/y":              `{"items":[{"more":{"y":2}},{}]}`,
		"items(more(x),name),token": `{"items":[{"more":{"x":1},"name":"a"},{"name":"b"}],"token":"t"}`,
		"missing":                   `{}`,
		"items(":                    "INVALID_ARGUMENT: Invalid field selection items(",
		"items)":                    "INVALID_ARGUMENT: Invalid field selection items)",
		"a,,b":                      "INVALID_ARGUMENT: Invalid field selection a,,b",
		"a/":                        "INVALID_ARGUMENT: Invalid field selection a/",
	} {
		r := &Request{Request: httptest.NewRequest("GET", "/x", nil)}
		r.URL.RawQuery = "fields=" + fields
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			t.Fatal(err)
		}
		out, err := Select(r, v)
		got := ""
		if err != nil {
			got = err.Error()
		} else if data, err := json.Marshal(out); err != nil {
			t.Fatal(err)
		} else {
			got = string(data)
			var sorted any
			if json.Unmarshal([]byte(want), &sorted) == nil {
				data, _ = json.Marshal(sorted)
				want = string(data)
			}
		}
		if got != want {
			t.Errorf("Select(%s) = %s, want %s", fields, got, want)
		}
	}
}

func TestCheckQuery(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"alt=json&prettyPrint=false&quotaUser=x&known=1": "",
		"unknown=":              "",
		"unknown=1":             `INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "unknown": Cannot bind query parameter. Field 'unknown' could not be found in request message.`,
		"access_token=secret":   `INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "access_token": Cannot bind query parameter. Field 'access_token' could not be found in request message.`,
		"known=1&known=2":       "INVALID_ARGUMENT: Invalid value: known is given more than once.",
		"names=1&names=2&alt=x": `INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "names": Cannot bind query parameter. Field 'names' could not be found in request message.`,
	} {
		got := ""
		if err := CheckQuery(&Request{Request: httptest.NewRequest("GET", "/x?"+query, nil)}, "known"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("CheckQuery(%s) = %s, want %s", query, got, want)
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":               "",
		`{"name":"x"}`:   "",
		`{"nome":"x"}`:   `INVALID_ARGUMENT: Invalid JSON payload received. Unknown name "nome": Cannot find field.`,
		`{"name":1}`:     "INVALID_ARGUMENT: Invalid value at 'name': a JSON number.",
		`{"name":"x"} x`: "INVALID_ARGUMENT: Invalid JSON payload received. Parsing terminated before end of input.",
		`{"name":"x`:     "INVALID_ARGUMENT: Invalid JSON payload received. unexpected EOF",
		`{"name":"` + strings.Repeat("x", 1<<20) + `"}`: "INVALID_ARGUMENT: Request payload size exceeds the limit: 1048576 bytes.",
	} {
		var in struct {
			Name string `json:"name"`
		}
		got := ""
		if err := ReadJSON(&Request{Request: httptest.NewRequest("POST", "/x", strings.NewReader(body))}, &in); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ReadJSON of %.30s (-want +got):\n%s", body, diff)
		}
	}
}
