package states

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gcs-to-s3/gcs-to-s3/sandbox/aws/api"
)

// object is an object of a definition, at its place.
type object struct {
	*checker
	at     string
	fields map[string]any
}

// place is the object's own place.
func (o object) place() string {
	if o.at == "" {
		return "/"
	}
	return o.at
}

func (o object) has(name string) bool {
	_, ok := o.fields[name]
	return ok
}

// jsonataFields exist in JSONata alone.
var jsonataFields = []string{"Arguments", "Output", "Items", "Condition"}

// allow refuses fields that are not listed.
func (o object) allow(names ...string) {
	for _, name := range sorted(o.fields) {
		switch {
		case slices.Contains(names, name):
		case name == "Assign":
			o.lack(api.Unmodelled("field", "Assign"))
		case slices.Contains(jsonataFields, name):
			o.say(schemaFailed, o.place(),
				"The QueryLanguage is set to 'JSONPath', but field '%s' is only supported for the 'JSONata' QueryLanguage", name)
		default:
			o.say(schemaFailed, o.place(), "Field '%s' is not supported", name)
		}
	}
}

// require names the fields that are missing.
func (o object) require(names ...string) bool {
	var missing []string
	for _, name := range names {
		if !o.has(name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		o.say(schemaFailed, o.place(), "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	return len(missing) == 0
}

// lacks names fields that exist and are not modelled.
func (o object) lacks(names ...string) {
	for _, name := range names {
		if o.has(name) {
			o.lack(api.Unmodelled("field", name))
			delete(o.fields, name)
		}
	}
}

func (o object) language() {
	if v, ok := o.fields["QueryLanguage"]; ok && v != "JSONPath" {
		o.lack(api.Unmodelled("query language", fmt.Sprint(v)))
	}
}

func jsonKind(v any) string {
	switch v.(type) {
	case nil:
		return "NULL"
	case bool:
		return "BOOLEAN"
	case json.Number:
		return "NUMBER"
	case string:
		return "STRING"
	case []any:
		return "ARRAY"
	}
	return "OBJECT"
}

func (o object) mistyped(name, want string) {
	o.say(schemaFailed, o.at+"/"+name, "Expected value of type %s", want)
}

func (o object) text(name string) string {
	v, ok := o.fields[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		o.mistyped(name, "STRING")
	}
	return s
}

// maxSeconds is the longest time that a definition may name.
const maxSeconds = 99999999

func (o object) whole(name string, least, most int64) (int64, bool) {
	v, ok := o.fields[name]
	if !ok {
		return 0, false
	}
	n, ok := integer(v)
	switch {
	case !ok:
		o.mistyped(name, "INTEGER")
	case n < least:
		o.say(schemaFailed, o.at+"/"+name, "Value is less than the minimum of %d", least)
	case n > most:
		o.say(schemaFailed, o.at+"/"+name, "Value is greater than the maximum of %d", most)
	default:
		return n, true
	}
	return 0, false
}

func (o object) number(name string) (float64, bool) {
	v, ok := o.fields[name]
	if !ok {
		return 0, false
	}
	n, ok := v.(json.Number)
	if !ok {
		o.mistyped(name, "NUMBER")
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// path reads a path; nil is one that is absent.
func (o object) path(name string) *path {
	if !o.has(name) {
		return nil
	}
	p, err := parsePath(o.text(name))
	if err != nil {
		o.note(o.at+"/"+name, notModelledOr(err, "Value is not a valid JSONPath"))
		return nil
	}
	return &p
}

// pathOr reads a path that is the whole value when it is absent, and nil when it is
// null.
func (o object) pathOr(name string) *path {
	if v, ok := o.fields[name]; !ok {
		return &path{text: "$"}
	} else if v == nil {
		return nil
	}
	return o.path(name)
}

func (o object) template(name string) *template {
	v, ok := o.fields[name]
	if !ok {
		return nil
	}
	t, wrong := parseTemplate(v)
	if wrong != nil {
		o.note(o.at+"/"+name+wrong.at, wrong.err)
	}
	return t
}

func (o object) object(name string) (object, bool) {
	m, ok := o.fields[name].(map[string]any)
	if !ok {
		if o.has(name) {
			o.mistyped(name, "OBJECT")
		}
		return object{}, false
	}
	return object{o.checker, o.at + "/" + name, maps.Clone(m)}, true
}

func (o object) list(name string) (list []object) {
	items, ok := o.fields[name].([]any)
	if !ok {
		if o.has(name) {
			o.mistyped(name, "ARRAY")
		}
		return nil
	}
	for i, item := range items {
		at := fmt.Sprintf("%s/%s[%d]", o.at, name, i)
		m, ok := item.(map[string]any)
		if !ok {
			o.say(schemaFailed, at, "Expected value of type OBJECT")
			continue
		}
		list = append(list, object{o.checker, at, maps.Clone(m)})
	}
	return list
}

func (o object) texts(name string) (texts []string) {
	items, ok := o.fields[name].([]any)
	for _, item := range items {
		s, isText := item.(string)
		if ok = ok && isText; ok {
			texts = append(texts, s)
		}
	}
	if !ok && o.has(name) {
		o.mistyped(name, "ARRAY of STRING")
	}
	return texts
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// exclude refuses fields that exclude each other.
func (o object) exclude(names ...string) {
	var have []string
	for _, name := range names {
		if o.has(name) {
			have = append(have, name)
		}
	}
	if len(have) > 1 {
		o.say(schemaFailed, o.at, "Only one of these fields is allowed: [%s]", strings.Join(names, ", "))
	}
}
