package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxBody is the largest JSON request that is read, in bytes.
const maxBody = 1 << 20

// Buffer takes the request's body in, so that it can be read under a lock without
// waiting for a client.
func Buffer(r *Request) error { return BufferUpTo(r, maxBody) }

// BufferUpTo is Buffer of methods whose requests have another limit, in bytes.
func BufferUpTo(r *Request, most int64) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, most))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return InvalidArgument("Request payload size exceeds the limit: %d bytes.", most)
	}
	if err != nil {
		return InvalidArgument("The request's body ended early: %v", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

// ReadJSON decodes the request's body into v; an empty body leaves v as it is.
// A field that v does not have is refused by name, as Google's APIs do.
func ReadJSON(r *Request, v any) error {
	if err := Buffer(r); err != nil {
		return err
	}
	return Decode(r.Body, v)
}

// Decode is ReadJSON of any reader.
func Decode(body io.Reader, v any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	switch err := dec.Decode(v); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			return InvalidArgument("Invalid value at '%s': a JSON %s.", wrong.Field, wrong.Value)
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return InvalidArgument("Invalid JSON payload received. Unknown name %s: Cannot find field.", name)
		}
		return InvalidArgument("Invalid JSON payload received. %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return InvalidArgument("Invalid JSON payload received. Parsing terminated before end of input.")
	}
	return nil
}

// WriteJSON answers v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	data, err := Encode(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":{"code":500,"status":"INTERNAL"}}`)
	}
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that went away hears nothing
}

// ContentType is that of every JSON answer.
const ContentType = "application/json; charset=UTF-8"

// Encode writes v as Google's JSON, on a line of its own.
func Encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return out.Bytes(), err
}

// Vacant reports whether a JSON value requests nothing.
func Vacant(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, inner := range v {
			if !Vacant(inner) {
				return false
			}
		}
		return true
	}
	return false
}
