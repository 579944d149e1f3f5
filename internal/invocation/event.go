package invocation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Event says what to copy: one object, or many with Prefix or Objects. Every
// field is optional; an empty event copies the environment's object.
type Event struct {
	Object            string `json:"object,omitempty"`            // name in the source bucket
	Key               string `json:"key,omitempty"`               // S3 key; default: the prefix followed by the template applied to the object
	SourceBucket      string `json:"sourceBucket,omitempty"`      // on Cloud Storage
	DestinationBucket string `json:"destinationBucket,omitempty"` // on S3
	Generation        int64  `json:"generation,omitempty,string"` // copy this generation or fail; default: the live one
	Overwrite         string `json:"overwrite,omitempty"`         // one of Overwrites
	SourceChange      string `json:"sourceChange,omitempty"`      // one of SourceChanges

	Prefix  *string `json:"prefix,omitempty"`  // copy all objects with this prefix; "" is the whole bucket
	Objects []Item  `json:"objects,omitzero"`  // copy these
	Cursor  string  `json:"cursor,omitempty"`  // continue where the invocation of the same event that returned it ended
	Results string  `json:"results,omitempty"` // which of many objects the answer lists: one of ResultsChoices

	Trace bool `json:"trace,omitempty"` // copy with fresh credentials, and return a TraceResult
}

// Item is one of several objects: in JSON only a name, or an object with these fields.
type Item struct {
	Object     string `json:"object"`
	Key        string `json:"key,omitempty"`
	Generation int64  `json:"generation,omitempty,string"`
}

// Many reports whether the event names many objects.
func (e Event) Many() bool { return e.Prefix != nil || e.Objects != nil }

// ParseEvent parses an event that a person wrote. It is strict: unknown fields
// and fields that exclude each other are errors. Its error names all mistakes.
func ParseEvent(data []byte) (Event, error) {
	var e Event
	var d decoder
	e.decode(&d, data)
	if err := d.err(true); err != nil {
		return Event{}, err
	}
	errs := []error{e.Check()}
	for n, item := range e.Objects {
		if err := item.Check(); err != nil {
			errs = append(errs, fmt.Errorf("objects[%d]: %w", n, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Event{}, err
	}
	return e, nil
}

// UnmarshalJSON parses an event as the function does: it ignores unknown fields,
// so that any test event copies the environment's object. Names are matched
// exactly: the Key of an S3 notification is not the key of an event.
func (e *Event) UnmarshalJSON(data []byte) error {
	var d decoder
	e.decode(&d, data)
	return d.err(false)
}

// Check rejects fields that exclude each other and values that are never valid;
// the items of Objects have their own Check. Its error names every mistake.
func (e Event) Check() error {
	var errs []error
	refuse := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{field}, args...)...))
	}
	many := ""
	switch {
	case e.Prefix != nil && e.Objects != nil:
		refuse("prefix", "cannot be combined with objects; hint: give one of them")
	case e.Prefix != nil:
		many = "prefix"
	case e.Objects != nil:
		many = "objects"
	}
	if many != "" {
		for _, f := range []struct {
			name  string
			given bool
		}{{"object", e.Object != ""}, {"key", e.Key != ""}, {"generation", e.Generation != 0}} {
			if f.given {
				refuse(f.name, "cannot be combined with %s; hint: an item of objects can have an object, a key and a generation", many)
			}
		}
		if e.Trace {
			refuse("trace", "follows one object; hint: leave out %s", many)
		}
	} else {
		if e.Results != "" {
			refuse("results", "can only be combined with prefix or objects")
		}
		if e.Cursor != "" && e.Trace {
			refuse("cursor", "cannot be combined with trace")
		}
		if e.Generation != 0 && e.Object == "" {
			refuse("generation", "is a generation of an object; hint: name the object, too")
		}
	}
	if e.Generation < 0 {
		refuse("generation", "%d: must not be negative", e.Generation)
	}
	errs = append(
		errs,
		CheckChoice("overwrite", e.Overwrite, Overwrites()),
		CheckChoice("sourceChange", e.SourceChange, SourceChanges()),
		CheckChoice("results", e.Results, ResultsChoices()),
	)
	return errors.Join(errs...)
}

// Check rejects an item that names no object, or an impossible generation.
func (i Item) Check() error {
	switch {
	case i.Object == "":
		return errors.New(`names no object; hint: write a name, or {"object": NAME}`)
	case i.Generation < 0:
		return fmt.Errorf("generation: %d: must not be negative", i.Generation)
	}
	return nil
}

// CheckChoice rejects a value that is not one of the choices; an empty
// one means the default.
func CheckChoice(field, value string, choices []string) error {
	if value == "" || slices.Contains(choices, value) {
		return nil
	}
	return fmt.Errorf("%s: %q: must be one of %s", field, value, strings.Join(choices, ", "))
}
