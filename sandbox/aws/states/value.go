package states

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The data of executions are decoded JSON: nil, bool, json.Number, string, []any and
// map[string]any. They are shared, and never changed in place.

// parse reads one JSON value.
func parse(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// encode writes a value as its text.
func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("marshalling decoded JSON: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// syntax says what is wrong with a text that is no JSON, as Jackson does, which the
// real service reads it with; for what it does not tell apart, as Go does.
func syntax(text []byte, err error) string {
	trimmed := strings.TrimSpace(string(text))
	r, _ := utf8.DecodeRuneInString(trimmed)
	switch {
	case trimmed == "":
		return "Invalid execution input."
	case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		word := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"))]
		return fmt.Sprintf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
			word)
	case r == '{' && strings.HasPrefix(strings.TrimSpace(trimmed[1:]), "'"):
		return "Unexpected character (''' (code 39)): was expecting double-quote to start field name"
	}
	return err.Error()
}

// parseFloat reads a number.
func parseFloat(v any) (float64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, errors.New("not a number")
	}
	return n.Float64()
}
