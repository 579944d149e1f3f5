package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// maxCBOR bounds the body of a request of the CBOR protocol, in bytes.
const maxCBOR = 1 << 20

// CBOROperation adapts do to Smithy's RPC v2 CBOR protocol: the body is decoded
// into In as a JSON document of the same members would be.
func CBOROperation[In any](do func(*Request, *In) (any, error)) Operation {
	return func(r *Request) (any, error) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxCBOR))
		if err != nil {
			return nil, fmt.Errorf("reading the request: %w", err)
		}
		var in In
		if len(body) > 0 {
			value, err := cbor.Decode(body)
			if err != nil {
				return nil, Errorf(http.StatusBadRequest, "SerializationException", "%v", err)
			}
			document, err := json.Marshal(plain(value))
			if err != nil {
				return nil, Errorf(http.StatusBadRequest, "SerializationException", "%v", err)
			}
			if err := DecodeJSON(bytes.NewReader(document), &in); err != nil {
				return nil, err
			}
		}
		return do(r, &in)
	}
}

// plain is a CBOR value as encoding/json writes it.
func plain(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		m := map[string]any{}
		for k, e := range v {
			m[k] = plain(e)
		}
		return m
	case cbor.List:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = plain(e)
		}
		return l
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return uint64(v)
	case cbor.NegInt:
		return -int64(v)
	case cbor.Float32:
		return float64(v)
	case cbor.Float64:
		return float64(v)
	case cbor.Slice:
		return []byte(v)
	case *cbor.Tag:
		return plain(v.Value)
	}
	return nil
}

// CBORProtocol is a service that speaks Smithy's RPC v2 CBOR protocol
// (CloudWatch): service and operation stand in the path.
type CBORProtocol struct {
	Service    string // the service's name in the path
	Operations map[string]Operation
}

// SpeaksCBOR tells whether a request is of the protocol.
func SpeaksCBOR(r *Request) bool { return r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" }

// ServeAWS finds the operation that the path names, runs it and writes its answer.
func (p CBORProtocol) ServeAWS(w http.ResponseWriter, r *Request) {
	action, ok := strings.CutPrefix(r.URL.Path, "/service/"+p.Service+"/operation/")
	op, known := p.Operations[action]
	if !ok || !known || r.Method != http.MethodPost {
		WriteCBORError(w, r, unknownOperation(r))
		return
	}
	r.Entry.Operation = action
	result, err := op(r)
	if err != nil {
		WriteCBORError(w, r, err)
		return
	}
	body := cbor.Value(cbor.Map{})
	if result != nil {
		if body, err = encode(reflect.ValueOf(result)); err != nil {
			WriteCBORError(w, r, err)
			return
		}
	}
	writeCBOR(w, r, http.StatusOK, body)
}

// WriteCBORError writes {"__type","message"}, with the message in either case, as
// shapes differ in it, and the code for clients that know the service by the Query
// protocol.
func WriteCBORError(w http.ResponseWriter, r *Request, err error) {
	e := AsError(err)
	r.Entry.Code = e.Code
	fault := "Sender"
	if e.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	w.Header().Set("x-amzn-query-error", e.Code+";"+fault)
	writeCBOR(w, r, e.Status, cbor.Map{"__type": cbor.String(e.Code), "message": cbor.String(e.Message), "Message": cbor.String(e.Message)})
}

func writeCBOR(w http.ResponseWriter, r *Request, status int, body cbor.Value) {
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	write(w, r, status, "application/cbor", cbor.Encode(body))
}

var (
	timestamp = reflect.TypeFor[Timestamp]()
	epoch     = uint64(1) // the tag of a time: RFC 8949, section 3.4.2
)

// encode writes the structures that services answer with: structs by field name,
// lists, and what stands in them. Nil pointers and empty lists are left out, as are
// texts that the JSON form leaves out.
func encode(v reflect.Value) (cbor.Value, error) {
	if v.Type() == timestamp {
		t := time.Time(v.Interface().(Timestamp))
		return &cbor.Tag{ID: epoch, Value: cbor.Float64(float64(t.UnixMilli()) / 1e3)}, nil
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return encode(v.Elem())
	case reflect.Struct:
		if items := v.FieldByName("Items"); items.IsValid() && v.NumField() == 1 { // Members
			return encode(items)
		}
		return encodeStruct(v)
	case reflect.Slice:
		list := cbor.List{}
		for i := range v.Len() {
			e, err := encode(v.Index(i))
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	case reflect.String:
		return cbor.String(v.String()), nil
	case reflect.Bool:
		return cbor.Bool(v.Bool()), nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		if n := v.Int(); n < 0 {
			return cbor.NegInt(-n), nil
		}
		return cbor.Uint(v.Int()), nil
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("encoding %v: not a number", f)
		}
		return cbor.Float64(v.Float()), nil
	}
	return nil, fmt.Errorf("encoding an answer: no rule for %s", v.Type())
}

func encodeStruct(v reflect.Value) (cbor.Value, error) {
	m := cbor.Map{}
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		if strings.Contains(f.Tag.Get("json"), "omitempty") && value.IsZero() || value.Kind() == reflect.Pointer && value.IsNil() {
			continue
		}
		e, err := encode(value)
		if err != nil {
			return nil, err
		}
		m[f.Name] = e
	}
	return m, nil
}
