package api

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/google/go-cmp/cmp"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/journal"
)

type cborInput struct {
	Name    string
	Count   *int
	Limit   float64
	Names   []string
	Enabled bool
}

// echo answers what it was asked.
func echo(_ *Request, in *cborInput) (any, error) { return *in, nil }

// ask sends a body to an operation Echo, and returns the answer.
func ask(path string, body []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := &Request{Request: httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)), Entry: &journal.Entry{}}
	CBORProtocol{Service: "S", Operations: map[string]Operation{"Echo": CBOROperation(echo)}}.ServeAWS(w, r)
	return w
}

func TestCBOR(t *testing.T) {
	t.Parallel()
	in := cbor.Map{"Name": cbor.String("n"), "Count": cbor.NegInt(3), "Limit": cbor.Float64(0.5), "Names": cbor.List{cbor.String("a"), cbor.String("b")}, "Enabled": cbor.Bool(true)}
	w := ask("/service/S/operation/Echo", cbor.Encode(in))
	if w.Code != http.StatusOK || w.Header().Get("Smithy-Protocol") != "rpc-v2-cbor" || w.Header().Get("Content-Type") != "application/cbor" {
		t.Errorf("answered %d with %v", w.Code, w.Header())
	}
	out, err := cbor.Decode(w.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cbor.Value(in), out); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	at := Timestamp(time.Date(2026, 1, 1, 0, 0, 0, 5e8, time.UTC))
	for _, tt := range []struct {
		value any
		want  cbor.Value
	}{
		{struct{ At Timestamp }{at}, cbor.Map{"At": &cbor.Tag{ID: 1, Value: cbor.Float64(1767225600.5)}}},
		{struct {
			List Members[string]
			None *int
			Text string `json:",omitempty"`
		}{List: MembersOf("a")}, cbor.Map{"List": cbor.List{cbor.String("a")}}},
	} {
		got, err := encode(reflect.ValueOf(tt.value))
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%+v, %v (-want +got):\n%s", tt.value, err, diff)
		}
	}
}

func TestCBORRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path    string
		body    []byte
		status  int
		code    string
		message string
	}{
		"no CBOR":              {"/service/S/operation/Echo", []byte{0xff}, 400, "SerializationException", ""},
		"cut off":              {"/service/S/operation/Echo", []byte{0xbf, 0x61}, 400, "SerializationException", ""},
		"an unknown member":    {"/service/S/operation/Echo", cbor.Encode(cbor.Map{"Colour": cbor.String("blue")}), 501, "NotImplemented", "The parameter Colour is not modelled by this sandbox."},
		"a member of a kind":   {"/service/S/operation/Echo", cbor.Encode(cbor.Map{"Name": cbor.Uint(1)}), 400, "SerializationException", ""},
		"an unknown operation": {"/service/S/operation/Other", nil, 404, "UnknownOperationException", "There is no operation POST /service/S/operation/Other."},
		"another service":      {"/service/T/operation/Echo", nil, 404, "UnknownOperationException", "There is no operation POST /service/T/operation/Echo."},
		"lists in lists":       {"/service/S/operation/Echo", bytes.Repeat([]byte{0x81}, 100_000), 400, "SerializationException", ""},
	} {
		w := ask(tt.path, tt.body)
		out, err := cbor.Decode(w.Body.Bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		document, _ := out.(cbor.Map)
		code, _ := document["__type"].(cbor.String)
		message, _ := document["message"].(cbor.String)
		if w.Code != tt.status || string(code) != tt.code || !strings.Contains(string(message), tt.message) || w.Header().Get("X-Amzn-Query-Error") != tt.code+";"+map[bool]string{true: "Receiver", false: "Sender"}[tt.status >= 500] {
			t.Errorf("%s: answered %d %s: %s, %v", name, w.Code, code, message, w.Header())
		}
	}
}
