package invocation

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pointer(s string) *string { return &s }

func TestParseEvent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want Event
	}{
		{`{}`, Event{}},
		{` {"object" : "a.csv", "key":"b", "generation":"1587627537231057"} `, Event{Object: "a.csv", Key: "b", Generation: 1587627537231057}},
		{`{"object":"a", "generation":1587627537231057}`, Event{Object: "a", Generation: 1587627537231057}},
		{`{"object":null,"prefix":null,"objects":null}`, Event{}},
		{`{"prefix":""}`, Event{Prefix: pointer("")}},
		{`{"prefix":"a/","overwrite":"if-different","sourceChange":"restart","cursor":"x"}`, Event{Prefix: pointer("a/"), Overwrite: OverwriteDifferent, SourceChange: ChangeRestarts, Cursor: "x"}},
		{`{"objects":["a", {"object":"b","key":"c","generation":"5"}]}`, Event{Objects: []Item{{Object: "a"}, {Object: "b", Key: "c", Generation: 5}}}},
		{`{"objects":[]}`, Event{Objects: []Item{}}},
		{`{"trace":true,"sourceBucket":"one","destinationBucket":"two"}`, Event{Trace: true, SourceBucket: "one", DestinationBucket: "two"}},
	} {
		got, err := ParseEvent([]byte(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
		// Encoding and decoding round-trip.
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseEvent(data); err != nil || !cmp.Equal(again, got) {
			t.Errorf("%s, sent as %s: %+v, %v", tt.text, data, again, err)
		}
	}
}

// Case C23: a schedule with such an event would copy something else, or nothing,
// and report success.
func TestParseEventIsExact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want []string
	}{
		{`{"prefx":"reports/"}`, []string{"prefx: is not a field of an event; hint: the fields here are cursor, destinationBucket, "}},
		{`{"Prefix":"reports/"}`, []string{"Prefix: is not a field of an event; hint: write prefix, case matters"}},
		{`{"prefix":"a/","overwrite":"if-diferent"}`, []string{`overwrite: "if-diferent": must be one of always, if-absent, if-different`}},
		{`{"prefix":"a","objects":["b"]}`, []string{"prefix: cannot be combined with objects"}},
		{`{"generation":5}`, []string{"generation: is a generation of an object; hint: name the object, too"}},
		{`{"objects":["a"],"generation":"5","object":"b","key":"c"}`, []string{"object: cannot be combined with objects", "key: cannot be combined", "generation: cannot be combined"}},
		{`{"prefix":"a","trace":true}`, []string{"trace: follows one object; hint: leave out prefix"}},
		{`{"cursor":"a","trace":true}`, []string{"cursor: cannot be combined with trace"}},
		{`{"results":"failed"}`, []string{"results: can only be combined with prefix or objects"}},
		{`{"prefix":"","results":"few"}`, []string{`results: "few": must be one of all, failed`}},
		{`{"object":"a","generation":-5}`, []string{"generation: -5: must not be negative"}},
		{`{"object":"a","generation":1.5}`, []string{`generation: must be a whole number, such as "1587627537231057", and is 1.5`}},
		{`{"object":"a","generation":"soon"}`, []string{`generation: must be a whole number`}},
		{`{"object":5,"trace":"yes"}`, []string{"object: must be a string, and is 5", "trace: must be true or false, and is a string"}},
		{`{"objects":"a"}`, []string{`objects: must be a list, such as ["a.txt", "b.txt"], and is a string`}},
		{`{"objects":["a",{"name":"other"},{},"",7,null]}`, []string{
			"objects[1].name: is not a field of an event; hint: the fields here are generation, key, object",
			"objects[4]: must be a string or a JSON object, and is 7", "objects[5]: must be a string or a JSON object, and is null"}},
		{`{"objects":["a",{},"",{"object":"b","generation":-1}]}`, []string{"objects[1]: names no object", "objects[2]: names no object", "objects[3]: generation: -1: must not be negative"}},
		{`[]`, []string{"the event must be a JSON object, and is a list"}},
		{`"hello"`, []string{"the event must be a JSON object, and is a string"}},
		{`42`, []string{"the event must be a JSON object, and is 42"}},
		{`null`, []string{"the event must be a JSON object, and is null"}},
		{``, []string{"the event must be a JSON object, and is empty"}},
		{`{"object":`, []string{`the event must be a JSON object, and is not JSON: {"object":`}},
	} {
		got, err := ParseEvent([]byte(tt.text))
		if err == nil {
			t.Errorf("%s: read as %+v", tt.text, got)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s:\n%v\nwant\n%s", tt.text, err, want)
			}
		}
		for _, not := range []string{"json:", "unmarshal", "Go "} {
			if strings.Contains(err.Error(), not) {
				t.Errorf("%s: the error speaks of Go: %v", tt.text, err)
			}
		}
	}
}

// The function accepts any test event, and matches names exactly: in case C9, the
// Key of an S3 event became the key of the copy, which overwrote that object.
func TestTheFunctionIgnoresWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"key1":"value1","key2":"value2"}`, // the console's hello-world event
		`{"Key":"user/data.csv","Size":7,"Etag":"x","StorageClass":"STANDARD"}`,
		`{"OBJECT":"a","Objects":["b"],"PREFIX":"c","Cursor":5}`,
	} {
		var got Event
		if err := json.Unmarshal([]byte(text), &got); err != nil || !cmp.Equal(got, Event{}) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	var e Event
	if err := json.Unmarshal([]byte(`{"object":["a"]}`), &e); err == nil || err.Error() != "object: must be a string, and is a list" {
		t.Errorf("a field of the wrong kind: %v", err)
	}
}
