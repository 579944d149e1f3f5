package resource

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"testing"
)

// database is what the CDK command line knows of CloudFormation's types, as far as
// it is compared here.
type database struct {
	Schema struct {
		Resource       struct{ Entities []entity }
		TypeDefinition struct{ Entities []entity }
	}
}

// entity is a resource type, or the type of a property.
type entity struct {
	ID                 string `json:"$id"`
	CloudFormationType string
	Properties         map[string]property
	Attributes         map[string]any
	PrimaryIdentifier  []string
}

type property struct {
	Type              propertyType
	Required          bool
	CausesReplacement string // yes, no, maybe
}

type propertyType struct {
	Element   *propertyType // of lists and maps
	Types     []propertyType
	Reference struct {
		ID string `json:"$ref"`
	}
}

// definition finds the type that a property's type refers to.
func (db *database) definition(t propertyType) (entity, bool) {
	for _, e := range db.Schema.TypeDefinition.Entities {
		if t.Reference.ID != "" && e.ID == t.Reference.ID {
			return e, true
		}
	}
	for _, inner := range append(t.Types, ptrSlice(t.Element)...) {
		if e, ok := db.definition(inner); ok {
			return e, true
		}
	}
	return entity{}, false
}

func ptrSlice[T any](p *T) []T {
	if p == nil {
		return nil
	}
	return []T{*p}
}

func readDatabase(t *testing.T) *database {
	t.Helper()
	file, err := os.Open(databasePath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var db database
	if err := json.NewDecoder(z).Decode(&db); err != nil {
		t.Fatal(err)
	}
	return &db
}

// known are the differences that have their reasons.
var known = map[string]string{
	"AWS::CDK::Metadata is not there": "the CDK adds it for its statistics, and CloudFormation accepts it",
}

// TestTypesAgainstTheDatabase holds every property that is modelled to the database
// of the CDK command line: that it exists, whether it is required, and whether a
// change of it replaces the resource.
func TestTypesAgainstTheDatabase(t *testing.T) {
	t.Parallel()
	db := readDatabase(t)
	types := map[string]entity{}
	for _, e := range db.Schema.Resource.Entities {
		types[e.CloudFormationType] = e
	}
	differences := map[string]bool{}
	for name, modelled := range Types() {
		real, ok := types[name]
		if !ok {
			differences[name+" is not there"] = true
			continue
		}
		for _, d := range db.compare(name, modelled.schema, real.Properties, nil) {
			differences[d] = true
		}
		for _, a := range modelled.Attributes {
			if real.Attributes[a] == nil && !slices.Contains(real.PrimaryIdentifier, a) {
				differences[name+"."+a+" is no attribute"] = true
			}
		}
	}
	for _, d := range slices.Sorted(maps.Keys(differences)) {
		if known[d] == "" {
			t.Error(d)
		}
	}
	for d := range known {
		if !differences[d] {
			t.Errorf("this difference is no longer there: %s", d)
		}
	}
}

// compare lists the differences of a schema struct. replaced reports whether a change
// replaces the resource; it is nil for the resource's own properties.
func (db *database) compare(path string, schema reflect.Type, real map[string]property, replaced *bool) (differences []string) {
	say := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	for f := range fields(schema) {
		at := path + "." + f.Name
		p, ok := real[f.Name]
		if !ok {
			say("%s is no property", at)
			continue
		}
		if has(f, "required") != p.Required {
			say("%s: required is %v, want %v", at, has(f, "required"), p.Required)
		}
		replaces := has(f, "replace") || has(f, "name")
		if replaced != nil {
			replaces = *replaced
		}
		want := cmp.Or(p.CausesReplacement, "no")
		if replaced == nil && replaces != (want == "yes") || replaced != nil && !replaces && want != "no" {
			say("%s: replaces is %v, want %s", at, replaces, want)
		}
		if inner := element(f.Type); inner.Kind() == reflect.Struct {
			e, ok := db.definition(p.Type)
			if !ok {
				if inner != reflect.TypeFor[tag]() {
					say("%s has no definition", at)
				}
				continue
			}
			differences = append(differences, db.compare(at, inner, e.Properties, &replaces)...)
		}
	}
	for name, p := range real {
		if _, modelled := schema.FieldByName(name); p.Required && !modelled {
			say("%s.%s is required and not modelled", path, name)
		}
	}
	return differences
}

// element is what pointers, lists and maps are of.
func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}
