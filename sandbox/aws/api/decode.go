package api

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// maxListMembers bounds a list in a form, so that a forged index cannot make
// the decoder allocate without end.
const maxListMembers = 10_000

// DecodeQuery fills the struct that v points to from form parameters. A field
// takes the parameter of its own name, or that of its param tag: strings, integers, booleans and pointers
// to them directly, a slice from Name.member.1, Name.member.2 …, a map from
// Name.entry.1.key and Name.entry.1.value …, a struct from Name.Field, and an embedded one
// from Field alone. A parameter without a field is refused by name, since ignoring
// it could change what the call means.
func DecodeQuery(form url.Values, v any) error {
	d := queryDecoder{form: form, used: map[string]bool{"Action": true, "Version": true}}
	if err := d.structure("", reflect.ValueOf(v).Elem()); err != nil {
		return err
	}
	var unknown []string
	for name := range form {
		if !d.used[name] && !strings.HasPrefix(name, "X-Amz-") {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		return NotModelled(unknown[0])
	}
	return nil
}

type queryDecoder struct {
	form url.Values
	used map[string]bool
}

func (d *queryDecoder) structure(prefix string, v reflect.Value) error {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous { // what several inputs share has no name of its own
			if err := d.structure(prefix, v.Field(i)); err != nil {
				return err
			}
			continue
		}
		name := field.Name
		if tag := field.Tag.Get("param"); tag != "" {
			name = tag
		}
		if err := d.value(prefix+name, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func (d *queryDecoder) value(name string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Slice:
		return d.list(name, v)
	case reflect.Map:
		return d.entries(name, v)
	case reflect.Struct:
		return d.structure(name+".", v)
	case reflect.Pointer:
		if !d.present(name) {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(name, v.Elem())
	}
	values, ok := d.form[name]
	if !ok {
		return nil
	}
	d.used[name] = true
	return scalar(name, values[0], v)
}

// entries reads a map of strings.
func (d *queryDecoder) entries(name string, v reflect.Value) error {
	for n := 1; n <= maxListMembers; n++ {
		key, value := fmt.Sprintf("%s.entry.%d.key", name, n), fmt.Sprintf("%s.entry.%d.value", name, n)
		if !d.present(key) {
			return nil
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		d.used[key], d.used[value] = true, true
		v.SetMapIndex(reflect.ValueOf(d.form.Get(key)), reflect.ValueOf(d.form.Get(value)))
	}
	return Errorf(http.StatusBadRequest, "MalformedInput", "%s has more than %d entries", name, maxListMembers)
}

func scalar(name, text string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return Errorf(http.StatusBadRequest, "MalformedInput", "%s: %q is not an integer", name, text)
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Errorf(http.StatusBadRequest, "MalformedInput", "%s: %q is not a number", name, text)
		}
		v.SetFloat(f)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return Errorf(http.StatusBadRequest, "MalformedInput", "%s: %q is not a boolean", name, text)
		}
		v.SetBool(b)
	default:
		return fmt.Errorf("decoding parameter %s: no rule for %s", name, v.Type())
	}
	return nil
}

func (d *queryDecoder) list(name string, v reflect.Value) error {
	if _, ok := d.form[name]; ok && d.form.Get(name) == "" {
		d.used[name] = true // how SDKs send an empty list
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	}
	for n := 1; n <= maxListMembers; n++ {
		member := name + ".member." + strconv.Itoa(n)
		if !d.present(member) {
			return nil
		}
		item := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(member, item); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
	}
	return NotModelled(name)
}

// present reports whether the form has name itself or anything below it.
func (d *queryDecoder) present(name string) bool {
	if _, ok := d.form[name]; ok {
		return true
	}
	for k := range d.form {
		if strings.HasPrefix(k, name+".") {
			return true
		}
	}
	return false
}
