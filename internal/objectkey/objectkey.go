// Package objectkey makes an S3 key from a Cloud Storage object's name, following
// a template. The environment checks a template before anything is deployed; the
// function checks it again and makes the keys. The package knows nothing about
// prefixes: its keys are appended to one.
package objectkey

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Default keeps the object's name.
const Default = "{object}"

// Placeholders returns all placeholders, in the order in which people read them:
//
//	{object}      reports/2026/a.csv
//	{directory}   reports/2026/       empty where the name has no slash
//	{name}        a.csv
//	{stem}        a
//	{extension}   .csv                with its dot; empty where there is none
//	{generation}  1795452408065449
//	{date}        2026-12-31          the day of the invocation, in UTC
func Placeholders() []string {
	return []string{"{object}", "{directory}", "{name}", "{stem}", "{extension}", "{generation}", "{date}"}
}

// distinguishing are the placeholders of which a template needs at least one:
// otherwise all objects of a directory or a type would get the same key.
var distinguishing = []string{"{object}", "{name}", "{stem}", "{generation}"}

// Template is a valid template. The zero value is Default.
type Template struct {
	parts []string // placeholders with their braces, and the text between them
}

// Object is the input for a key.
type Object struct {
	Name       string
	Generation int64 // 0 if not yet known
	Day        time.Time
}

// Parse parses a template. Its error is the broken rule, with a hint.
func Parse(text string) (Template, error) {
	if strings.HasPrefix(text, "/") {
		return Template{}, errors.New("must not start with a slash; hint: write archive/{object}")
	}
	if strings.ContainsAny(text, "\r\n") {
		return Template{}, errors.New("must be one line")
	}
	var t Template
	for rest := text; rest != ""; {
		brace := strings.IndexAny(rest, "{}")
		switch {
		case brace < 0:
			t.parts, rest = append(t.parts, rest), ""
		case brace > 0:
			t.parts, rest = append(t.parts, rest[:brace]), rest[brace:]
		default:
			end := strings.IndexByte(rest, '}')
			if rest[0] == '}' || end < 0 {
				return Template{}, fmt.Errorf("has an unmatched brace; hint: braces enclose placeholders: %s", strings.Join(Placeholders(), ", "))
			}
			placeholder := rest[:end+1]
			if !slices.Contains(Placeholders(), placeholder) {
				return Template{}, fmt.Errorf("has the unknown placeholder %s; hint: use one of %s", placeholder, strings.Join(Placeholders(), ", "))
			}
			t.parts, rest = append(t.parts, placeholder), rest[end+1:]
		}
	}
	if !slices.ContainsFunc(t.parts, func(p string) bool { return slices.Contains(distinguishing, p) }) {
		return Template{}, fmt.Errorf("must give different objects different keys; hint: use one of %s", strings.Join(distinguishing, ", "))
	}
	return t, nil
}

// Key returns the key of an object. An unknown generation leaves its
// placeholder unchanged.
func (t Template) Key(o Object) string {
	if t.parts == nil {
		return o.Name
	}
	slash := strings.LastIndexByte(o.Name, '/') + 1
	directory, name := o.Name[:slash], o.Name[slash:]
	stem, extension := name, ""
	if dot := strings.LastIndexByte(name, '.'); dot > 0 { // .profile has none
		stem, extension = name[:dot], name[dot:]
	}
	var key strings.Builder
	for _, part := range t.parts {
		switch part {
		case "{object}":
			part = o.Name
		case "{directory}":
			part = directory
		case "{name}":
			part = name
		case "{stem}":
			part = stem
		case "{extension}":
			part = extension
		case "{generation}":
			if o.Generation != 0 {
				part = strconv.FormatInt(o.Generation, 10)
			}
		case "{date}":
			part = o.Day.UTC().Format(time.DateOnly)
		}
		key.WriteString(part)
	}
	return key.String()
}

// NeedsGeneration reports whether keys depend on the generation.
func (t Template) NeedsGeneration() bool { return slices.Contains(t.parts, "{generation}") }

// Names reports whether an object has a name under the template: a folder's placeholder,
// whose name ends with a slash, has none if the template drops folders.
func (t Template) Names(object string) bool {
	return !strings.HasSuffix(object, "/") || t.parts == nil || slices.Contains(t.parts, "{object}") || slices.Contains(t.parts, "{directory}")
}

// Distinct reports whether different objects are sure to have different keys on the same
// day. A template for which it does not may still give them different ones.
func (t Template) Distinct() bool {
	if t.parts == nil {
		return true
	}
	parts := strings.ReplaceAll(strings.Join(t.parts, "\n")+"\n", "{stem}\n{extension}\n", "{name}\n")
	var given []string // what differs between objects
	for part := range strings.SplitSeq(parts, "\n") {
		switch {
		case part == "{date}" || part == "":
		case strings.HasPrefix(part, "{"):
			given = append(given, part)
		case strings.Contains(part, "/") && slices.Contains(given, "{directory}"):
			return false // which slash ended the directory is not sure
		}
	}
	return slices.Equal(given, []string{"{object}"}) || slices.Equal(given, []string{"{directory}", "{name}"})
}

// KeepsNames reports whether a key is the object's name and nothing else.
func (t Template) KeepsNames() bool {
	return t.parts == nil || slices.Equal(t.parts, []string{Default})
}

// String returns the template's text.
func (t Template) String() string {
	if t.parts == nil {
		return Default
	}
	return strings.Join(t.parts, "")
}
