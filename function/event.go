package main

import (
	"bytes"
	"encoding/json"
)

// Event says what to copy: one object, or with prefix or objects many. Every
// field may be left out, and fields of other names are ignored, so any test event
// copies the environment's object.
type Event struct {
	Object            string `json:"object"`            // name in the source bucket
	Key               string `json:"key"`               // S3 key; default: the prefix and the object's name
	SourceBucket      string `json:"sourceBucket"`      // on Cloud Storage
	DestinationBucket string `json:"destinationBucket"` // on S3
	Generation        int64  `json:"generation,string"` // copy this generation or fail; default: the live one
	Overwrite         string `json:"overwrite"`         // always, if-absent or if-different
	SourceChange      string `json:"sourceChange"`      // fail or restart

	Prefix  *string `json:"prefix"`  // copy all objects whose names begin so; "" is all of the bucket
	Objects []Item  `json:"objects"` // copy these
	Cursor  string  `json:"cursor"`  // go on where the invocation ended that answered it

	Trace bool `json:"trace"` // copy with fresh credentials, and answer a TraceResult
}

// Item is one of several objects: a name alone, or an object with these fields.
type Item struct {
	Object     string `json:"object"`
	Key        string `json:"key"`
	Generation int64  `json:"generation,string"`
}

// UnmarshalJSON takes a name alone, too.
func (i *Item) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
		return json.Unmarshal(data, &i.Object)
	}
	type plain Item
	return json.Unmarshal(data, (*plain)(i))
}

// Result is the answer to a copy that succeeded. There is no other answer: a
// copy that failed is an error of the invocation.
type Result struct {
	StatusCode  int    `json:"statusCode"`
	Body        string `json:"body"`
	Source      string `json:"source"`      // gs://BUCKET/OBJECT
	Destination string `json:"destination"` // s3://BUCKET/KEY
	Outcome     string `json:"outcome"`     // copied or unchanged
	Bytes       int64  `json:"bytes"`       // the object's size
	Generation  int64  `json:"generation,string"`
	CRC32C      string `json:"crc32c"` // base64 of the big-endian sum, as both clouds write it
	DurationMS  int64  `json:"durationMs"`
}

// ManyResult is the answer to an event that names many objects. Objects that
// failed are no error of the invocation: they are in it.
type ManyResult struct {
	StatusCode  int            `json:"statusCode"` // 200; 207 when an object failed or the listing broke off
	Body        string         `json:"body"`
	Source      string         `json:"source"`      // gs://BUCKET/PREFIX
	Destination string         `json:"destination"` // s3://BUCKET/PREFIX
	Copied      int            `json:"copied"`
	Unchanged   int            `json:"unchanged"`
	Failed      int            `json:"failed"`
	Bytes       int64          `json:"bytes"` // of the objects copied
	DurationMS  int64          `json:"durationMs"`
	Cursor      string         `json:"cursor,omitempty"` // for the next event, when there is more to do
	Error       string         `json:"error,omitempty"`  // of the listing
	Objects     []ObjectResult `json:"objects"`
}

// ObjectResult is what became of one of many objects.
type ObjectResult struct {
	Object     string `json:"object"`
	Key        string `json:"key"`
	Outcome    string `json:"outcome"` // copied, unchanged, failed, or interrupted by the deadline
	Bytes      int64  `json:"bytes"`
	Generation int64  `json:"generation,string,omitempty"`
	CRC32C     string `json:"crc32c,omitempty"`
	Error      string `json:"error,omitempty"`
}
