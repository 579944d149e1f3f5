package invocation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// decoder reads JSON objects, matching names exactly, which encoding/json does
// not do. It collects errors; those about unknown names are kept separate,
// because the function ignores such names.
type decoder struct {
	wrong   []error
	unknown []error
}

// field parses the value of a field at a path.
type field func(d *decoder, path string, value json.RawMessage)

// object reads the fields of an object. Null means that a field is absent.
func (d *decoder) object(path string, data []byte, fields map[string]field) {
	what, inner := "the event must be", ""
	if path != "" {
		what, inner = path+": must be a string or", path+"."
	}
	var values map[string]json.RawMessage
	if json.Unmarshal(data, &values) != nil || values == nil {
		d.wrong = append(d.wrong, fmt.Errorf("%s a JSON object, and is %s", what, kind(data)))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if read, ok := fields[name]; !ok {
			d.unknown = append(d.unknown, unknown(inner+name, name, slices.Sorted(maps.Keys(fields))))
		} else if kind(values[name]) != "null" {
			read(d, inner+name, values[name])
		}
	}
}

// parse parses a value that must be what want describes.
func (d *decoder) parse(path string, value json.RawMessage, into any, want string) bool {
	if json.Unmarshal(value, into) == nil {
		return true
	}
	d.wrong = append(d.wrong, fmt.Errorf("%s: must be %s, and is %s", path, want, kind(value)))
	return false
}

func text(into *string) field {
	return func(d *decoder, path string, value json.RawMessage) { d.parse(path, value, into, "a string") }
}

// number parses a generation: Cloud Storage's JSON API writes such 64-bit numbers
// as strings. A bare number is accepted, too.
func number(into *int64) field {
	return func(d *decoder, path string, value json.RawMessage) {
		n, err := strconv.ParseInt(strings.Trim(string(value), `"`), 10, 64)
		if err != nil {
			d.wrong = append(d.wrong, fmt.Errorf(`%s: must be a whole number, such as "1587627537231057", and is %s`, path, abridged(value)))
		}
		*into = n
	}
}

func (e *Event) decode(d *decoder, data []byte) {
	*e = Event{}
	d.object("", data, map[string]field{
		"object":            text(&e.Object),
		"key":               text(&e.Key),
		"sourceBucket":      text(&e.SourceBucket),
		"destinationBucket": text(&e.DestinationBucket),
		"generation":        number(&e.Generation),
		"overwrite":         text(&e.Overwrite),
		"sourceChange":      text(&e.SourceChange),
		"prefix": func(d *decoder, path string, value json.RawMessage) {
			d.parse(path, value, &e.Prefix, "a string")
		},
		"objects": func(d *decoder, path string, value json.RawMessage) {
			var items []json.RawMessage
			if !d.parse(path, value, &items, `a list, such as ["a.txt", "b.txt"]`) {
				return
			}
			e.Objects = make([]Item, len(items))
			for n, item := range items {
				e.Objects[n].decode(d, fmt.Sprintf("%s[%d]", path, n), item)
			}
		},
		"cursor":  text(&e.Cursor),
		"results": text(&e.Results),
		"trace": func(d *decoder, path string, value json.RawMessage) {
			d.parse(path, value, &e.Trace, "true or false")
		},
	})
}

func (i *Item) decode(d *decoder, path string, data []byte) {
	*i = Item{}
	if json.Unmarshal(data, &i.Object) == nil && kind(data) != "null" {
		return
	}
	d.object(path, data, map[string]field{
		"object":     text(&i.Object),
		"key":        text(&i.Key),
		"generation": number(&i.Generation),
	})
}

// unknown returns the error about an unknown name.
func unknown(path, name string, fields []string) error {
	for _, f := range fields {
		if strings.EqualFold(f, name) {
			return fmt.Errorf("%s: is not a field of an event; hint: write %s, case matters", path, f)
		}
	}
	return fmt.Errorf("%s: is not a field of an event; hint: the fields here are %s", path, strings.Join(fields, ", "))
}

// kind describes a JSON value in words.
func kind(data []byte) string {
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return "empty"
	case !json.Valid(data):
		return "not JSON: " + abridged(data)
	}
	switch data[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	}
	return abridged(data) // null, true, false or a number
}

// abridged shortens a value for quoting in an error.
func abridged(data []byte) string {
	const most = 60
	if len(data) <= most {
		return string(data)
	}
	return strings.ToValidUTF8(string(data[:most]), "") + "…"
}

// err returns all errors, with or without those about unknown names.
func (d *decoder) err(exact bool) error {
	if exact {
		return errors.Join(append(d.wrong, d.unknown...)...)
	}
	return errors.Join(d.wrong...)
}
