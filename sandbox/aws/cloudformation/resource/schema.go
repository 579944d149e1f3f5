package resource

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/unmodelled"
)

// fields are the properties of a schema struct.
func fields(t reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

func has(f reflect.StructField, word string) bool {
	return slices.Contains(strings.Split(f.Tag.Get("cfn"), ","), word)
}

// decode reads properties into the type's struct and checks them against it, in
// CloudFormation's words.
func (t Type) decode(logicalID string, properties map[string]any) (any, error) {
	v := reflect.New(t.schema).Elem()
	d := decoder{typeName: t.Name}
	d.value("#", properties, v)
	if len(d.faults) == 0 {
		return v.Interface(), nil
	}
	return nil, fmt.Errorf("Properties validation failed for resource %s with message:\n[%s]", logicalID, strings.Join(d.faults, ", "))
}

type decoder struct {
	typeName string
	faults   []string
}

func (d *decoder) fault(path, format string, args ...any) {
	d.faults = append(d.faults, path+": "+fmt.Sprintf(format, args...))
}

func (d *decoder) value(path string, in any, out reflect.Value) {
	switch out.Kind() {
	case reflect.Interface:
		if in != nil {
			out.Set(reflect.ValueOf(in))
		}
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		d.value(path, in, out.Elem())
	case reflect.Struct:
		d.object(path, in, out)
	case reflect.Slice:
		d.array(path, in, out)
	case reflect.Map:
		m, ok := in.(map[string]any)
		if !ok {
			d.fault(path, "expected type: JSONObject, found: %s", kind(in))
			return
		}
		out.Set(reflect.MakeMap(out.Type()))
		for _, key := range slices.Sorted(maps.Keys(m)) {
			element := reflect.New(out.Type().Elem()).Elem()
			d.value(path+"/"+key, m[key], element)
			out.SetMapIndex(reflect.ValueOf(key), element)
		}
	default:
		d.scalar(path, in, out)
	}
}

func (d *decoder) object(path string, in any, out reflect.Value) {
	m, ok := in.(map[string]any)
	if !ok {
		d.fault(path, "expected type: JSONObject, found: %s", kind(in))
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if _, known := out.Type().FieldByName(key); !known {
			d.fault(path, "%s", unmodelled.AWS("property", key+" of "+d.typeName))
		}
	}
	for f := range fields(out.Type()) {
		v, present := m[f.Name]
		if !present {
			if has(f, "required") {
				d.fault(path, "required key [%s] not found", f.Name)
			}
			continue
		}
		d.value(path+"/"+f.Name, v, out.FieldByIndex(f.Index))
	}
}

func (d *decoder) array(path string, in any, out reflect.Value) {
	list, ok := in.([]any)
	if !ok {
		d.fault(path, "expected type: JSONArray, found: %s", kind(in))
		return
	}
	out.Set(reflect.MakeSlice(out.Type(), len(list), len(list)))
	for i, element := range list {
		d.value(path+"/"+strconv.Itoa(i), element, out.Index(i))
	}
}

// scalar coerces as CloudFormation does: "true" and true, "128" and 128 are the same.
func (d *decoder) scalar(path string, in any, out reflect.Value) {
	var text string
	switch in := in.(type) {
	case string:
		text = in
	case json.Number:
		text = in.String()
	case bool:
		text = strconv.FormatBool(in)
	default:
		d.fault(path, "expected type: %s, found: %s", name(out.Kind()), kind(in))
		return
	}
	switch out.Kind() {
	case reflect.String:
		out.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			d.fault(path, "expected type: Boolean, found: %s", kind(in))
		}
		out.SetBool(b)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			d.fault(path, "expected type: Number, found: %s", kind(in))
		}
		out.SetFloat(n)
	case reflect.Int32:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			d.fault(path, "expected type: Integer, found: %s", kind(in))
		}
		out.SetInt(n)
	}
}

func name(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "Boolean"
	case reflect.Int32:
		return "Integer"
	case reflect.Float64:
		return "Number"
	}
	return "String"
}

func kind(v any) string {
	switch v.(type) {
	case string:
		return "String"
	case bool:
		return "Boolean"
	case json.Number:
		return "Integer"
	case []any:
		return "JSONArray"
	case nil:
		return "Null"
	}
	return "JSONObject"
}

// document is the JSON text of a policy document or the like.
func document(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic("marshalling decoded JSON: " + err.Error())
	}
	s := string(text)
	return &s
}
